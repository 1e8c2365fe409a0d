// Package mono turns a loaded program into one flat list of monomorphic
// functions. Generic functions, tapp calls and ty.* intrinsics come in; copies
// of the generics for exactly the type arguments that are used, and plain calls
// and builtin heads, go out, together with the map of what was specialised.
// Trees that contain nothing generic are shared, not copied, and every node it
// makes keeps the pointer of the node it replaces. It checks type arguments and
// bounds, and nothing else about types.
package mono

import (
	"fmt"

	"x07/internal/ast"
	"x07/internal/program"
)

// Program is a program without generics.
type Program struct {
	// Solve is the entry expression as a function: no parameters, result bytes.
	Solve *Func
	// Funcs are all other functions, in the order of modules, declarations
	// and, after them, specialisations as they were found.
	Funcs []*Func
	// ByName finds a function by its full name.
	ByName map[string]*Func
	// Modules finds a module by its id; "main" is the entry.
	Modules map[string]*Module
	// Map says which specialisations were made.
	Map Map
}

// Module is what name resolution needs to know of a document.
type Module struct {
	ID      string
	Builtin bool // of the built-in library: may use internal heads
	Imports map[string]bool
	Exports map[string]bool
}

// Func is one function. Types may still be written in structured form, but
// have no variables.
type Func struct {
	Name   string
	Module *Module
	Decl   *ast.Decl
	// Exported reports that other modules may call it.
	Exported bool
	// Generic is the name of the function it specialises, "" if none.
	Generic string
}

// Error is a defect found while specialising.
type Error struct {
	Kind    string // Parse, Typing or Budget
	Message string
	Module  string // module id of the document
	Ptr     string // pointer of the call into that document, "" if unknown
}

// Error is "<Kind>: <message>".
func (e *Error) Error() string { return e.Kind + ": " + e.Message }

// SolveName is the name of the entry expression in messages.
const SolveName = "solve"

// entry is the declaration that stands for the entry expression.
func entryDecl(solve *ast.Expr) *ast.Decl {
	return &ast.Decl{
		Name:   SolveName,
		Result: &ast.TypeRef{Name: "bytes", Ptr: "/solve"},
		Body:   solve,
		Ptr:    "/solve",
	}
}

// Specialise makes p monomorphic. The error, if any, is an *Error.
func Specialise(p *program.Program) (out *Program, err error) {
	defer func() {
		// As in package check, errors are panics of this one type.
		if r := recover(); r != nil {
			e, ok := r.(*Error)
			if !ok {
				panic(r)
			}
			out, err = nil, e
		}
	}()
	if p.Entry.Solve == nil {
		return nil, &Error{Kind: kindParse, Message: "main: missing solve expression", Module: program.EntryID}
	}
	x := &expander{out: flatten(p), specs: make(map[string]*spec)}
	x.generics = x.out.ByName
	x.plain()
	x.out.Map = x.makeMap(p.Entry.SchemaVersion)
	return x.out, nil
}

// flatten collects the modules and declarations of a program.
func flatten(p *program.Program) *Program {
	n := len(p.Entry.Decls)
	for _, m := range p.Modules {
		n += len(m.File.Decls)
	}
	out := &Program{
		Funcs:   make([]*Func, 0, n),
		ByName:  make(map[string]*Func, n),
		Modules: make(map[string]*Module, len(p.Modules)+1),
	}
	for _, m := range p.Modules {
		out.add(m.ID, m.File, m.Builtin)
	}
	entry := out.add(program.EntryID, p.Entry, false)
	out.Solve = &Func{Name: SolveName, Module: entry, Decl: entryDecl(p.Entry.Solve)}
	return out
}

// duplicates are the texts for a name that two documents define.
var duplicates = [...]string{
	ast.Defn:     "duplicate function name: %q",
	ast.Defasync: "duplicate async function name: %q",
	ast.Extern:   "duplicate extern function name: %q",
}

// add enters one document.
func (p *Program) add(id string, f *ast.File, builtin bool) *Module {
	m := &Module{ID: id, Builtin: builtin, Imports: set(f.Imports), Exports: set(f.Exports)}
	p.Modules[id] = m
	for _, d := range f.Decls {
		if p.ByName[d.Name] != nil {
			panic(&Error{Kind: kindParse, Message: fmt.Sprintf(duplicates[d.Kind], d.Name), Module: id, Ptr: d.Ptr})
		}
		fn := &Func{Name: d.Name, Module: m, Decl: d, Exported: m.Exports[d.Name]}
		p.Funcs = append(p.Funcs, fn)
		p.ByName[d.Name] = fn
	}
	return m
}

func set(names []string) map[string]bool {
	s := make(map[string]bool, len(names))
	for _, n := range names {
		s[n] = true
	}
	return s
}
