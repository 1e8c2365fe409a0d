// Package lint looks at one x07AST document: it finds what the compiler would
// refuse or a reader would regret, checks types without looking at any other
// module, and repairs what has one right repair. Trees come in, diagnostics
// with JSON Patches and repaired bytes go out. It loads no modules, decides
// nothing about whether a program compiles, and a repair never turns a
// program that compiles into one that does not.
package lint

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"x07/internal/ast"
	"x07/internal/diag"
)

// Source lints a document for a world. The pointers and quickfixes refer to
// the canonical form, which is returned with its tree. The error is a
// *ast.ParseError or says that the world is unknown.
func Source(src []byte, world string) (Result, error) {
	caps, err := Capabilities(world)
	if err != nil {
		return Result{}, err
	}
	f, err := ast.Parse(src)
	if err != nil {
		return Result{}, err
	}
	canon := ast.Format(f)
	if !bytes.Equal(canon, src) {
		if f, err = ast.Parse(canon); err != nil {
			return Result{}, fmt.Errorf("canonical form: %w", err)
		}
	}
	return Result{Canonical: canon, File: f, Diagnostics: check(f, caps)}, nil
}

// Result is what linting one document found. Diagnostics are sorted.
type Result struct {
	Canonical   []byte
	File        *ast.File // the tree of Canonical
	Diagnostics []diag.Diagnostic
}

// linter holds what the checks of one document share.
type linter struct {
	file  *ast.File
	caps  Caps
	out   []diag.Diagnostic
	index *index // made when first needed
	scope scope
	binds bindings
}

// scope is where in the document the walk is.
type scope struct {
	decl *ast.Decl // nil in solve
	// vars are the type variables without a declaration that have a quickfix.
	vars map[string]bool
}

func check(f *ast.File, caps Caps) []diag.Diagnostic {
	l := &linter{file: f, caps: caps}
	if f.Kind == "entry" && f.Solve == nil {
		l.add(diag.Diagnostic{Code: "X07-AST-0001",
			Message: "entry file must contain /solve", Loc: diag.At("/solve")})
	}
	l.imports()
	for _, d := range f.Decls {
		l.scope = scope{decl: d, vars: map[string]bool{}}
		l.signature(d)
		for e := range roots(d) {
			l.walk(e, place{})
		}
		l.unusedTypeParams(d)
	}
	if f.Solve != nil {
		l.scope = scope{}
		l.walk(f.Solve, place{})
	}
	if f.SchemaVersion != ast.Schema030 {
		l.out = append(l.out, typecheck(f)...)
	}
	diag.Sort(l.out)
	return l.out
}

func (l *linter) add(d diag.Diagnostic) { l.out = append(l.out, classify(d)) }

// roots yields every root expression of a declaration: the body, then the
// contract clauses with their witnesses.
func roots(d *ast.Decl) func(yield func(*ast.Expr) bool) {
	return func(yield func(*ast.Expr) bool) {
		if d.Body != nil && !yield(d.Body) {
			return
		}
		for _, clauses := range [][]ast.Clause{d.Requires, d.Ensures, d.Invariant} {
			for _, c := range clauses {
				if !yield(c.Expr) {
					return
				}
				for _, w := range c.Witness {
					if !yield(w) {
						return
					}
				}
			}
		}
	}
}

// visit calls f for e and everything inside, parents first.
func visit(e *ast.Expr, f func(*ast.Expr)) {
	f(e)
	for _, item := range e.Items {
		visit(item, f)
	}
}

// place says into which block a statement could be inserted that must run
// before an expression.
type place struct {
	block *ast.Expr // nil: none on the way down
	index int32     // the item of block that holds the expression
	// conditional: inside a branch or a loop body, where hoisting changes
	// how often the expression runs.
	conditional bool
}

// walk runs the checks of every list, parents before children.
func (l *linter) walk(e *ast.Expr, at place) {
	if e.Kind != ast.List {
		return
	}
	head := e.Head()
	l.arity(e, head)
	l.borrow(e, head, at)
	l.move(e, head)
	l.world(e, head)
	l.typeVar(e, head)
	block := head == "begin" || head == "unsafe"
	opens := block && (at.block == nil || e.Parent == at.block)
	for i, item := range e.Items[1:] {
		index := int32(i + 1)
		inner := at
		if opens {
			inner.block, inner.index = e, index
		}
		if head == "if" && index >= 2 || head == "for" && index >= 4 {
			inner.conditional = true
		}
		l.walk(item, inner)
	}
}

func replaceOp(path string, value any) ast.PatchOp {
	return ast.PatchOp{Op: "replace", Path: path, Value: value}
}

// list builds a generic list out of a head and parts, which may be
// expressions or generic values. Expressions are shared, not copied: fixes of
// nested nodes repeat each other's insides.
func list(parts ...any) []any {
	out := make([]any, 0, len(parts))
	for _, p := range parts {
		switch p := p.(type) {
		case []*ast.Expr:
			for _, e := range p {
				out = append(out, e)
			}
		default:
			out = append(out, p)
		}
	}
	return out
}

func stringsOf(set []string) []any {
	out := make([]any, len(set))
	for i, s := range set {
		out[i] = s
	}
	return out
}

// imports checks the imported modules against the world.
func (l *linter) imports() {
	if forbidden, rest := l.split(func(m string) bool {
		open, gated := l.caps.module(m)
		return gated && !open
	}); len(forbidden) > 0 {
		d := diag.Diagnostic{Code: "X07-WORLD-0001", Message: "program imports modules not allowed in this world",
			Loc:      diag.At("/imports"),
			Quickfix: &diag.Quickfix{Patch: []ast.PatchOp{replaceOp("/imports", stringsOf(rest))}, Note: "Remove forbidden imports"}}
		for _, m := range forbidden {
			d.Notes = append(d.Notes, "forbidden import in this world: "+m)
		}
		l.add(d)
	}
	if l.caps.OS {
		return
	}
	if forbidden, rest := l.split(func(m string) bool { return strings.HasPrefix(m, "std.os.") }); len(forbidden) > 0 {
		d := diag.Diagnostic{Code: "X07-WORLD-OS-0001", Message: "std.os.* modules are not allowed in solve-* worlds",
			Loc:   diag.At("/imports"),
			Notes: []string{"OS modules work in the worlds run-os and run-os-sandboxed only."}}
		// A module that is used may be used for its pure functions, which
		// compile here; then only a person can decide.
		if !slices.ContainsFunc(forbidden, func(m string) bool { return l.mentions().modules[m] }) {
			d.Quickfix = &diag.Quickfix{Patch: []ast.PatchOp{replaceOp("/imports", stringsOf(rest))}, Note: "Remove std.os.* imports"}
		}
		l.add(d)
	}
}

func (l *linter) split(forbid func(string) bool) (forbidden, rest []string) {
	rest = []string{}
	for _, m := range l.file.Imports {
		if forbid(m) {
			forbidden = append(forbidden, m)
		} else {
			rest = append(rest, m)
		}
	}
	return forbidden, rest
}
