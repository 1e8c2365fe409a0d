// Package check decides whether a program is valid and says what every part
// of it means. A monomorphic program comes in; the functions reachable from
// its entry go out as typed trees in which every name is resolved to a
// variable, a builtin or a function, every use of an owned value is marked as
// a move or as a read in place, and every scope lists what it must free. It
// never changes a syntax tree, never looks at a machine, and reports the first
// error it meets.
//
// One forward pass over each function does types, moves and borrows together.
// Each expression yields a node and what ownership needs to know about its
// value: its brand, and for a view what it borrows from. A variable carries
// its present state: moved or not, how many live views borrow from it. The
// branches of an if start from the same state, and what they changed is
// merged, by way of a trail that can be rolled back; so the work is linear in
// the size of a function, whatever its shape.
//
// All rules are lexical: the body of a loop is checked once, and a variable
// that an earlier iteration moved holds the zero value, which owns nothing.
package check

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"x07/internal/ast"
	"x07/internal/mono"
	"x07/internal/types"
)

// Options says what a program is compiled for.
type Options struct {
	// World is the world id, such as run-os; "" is solve-pure.
	World string
	// AllowUnsafe and AllowFFI override what the world allows, when not nil.
	AllowUnsafe, AllowFFI *bool
	// MaxASTNodes and MaxLocals are limits; 0 means the default.
	MaxASTNodes, MaxLocals int
}

// The default limits of a compilation.
const (
	DefaultMaxASTNodes = 250000
	DefaultMaxLocals   = 20000
)

// Error is a defect of a program.
type Error struct {
	// Kind is Parse, Typing, Unsupported, Budget or Internal.
	Kind string
	// Message is the whole text, with its location suffix.
	Message string
	// Module is the id of the document, "main" for the entry.
	Module string
	// Fn is the function, "solve" for the entry expression; "" if none.
	Fn string
	// Ptr is the pointer of the offending node in the document, "" if unknown.
	Ptr string
}

// Error is "<Kind>: <message>".
func (e *Error) Error() string { return e.Kind + ": " + e.Message }

const (
	kindParse       = "Parse"
	kindTyping      = "Typing"
	kindUnsupported = "Unsupported"
	kindBudget      = "Budget"
	kindInternal    = "Internal"
)

// Check checks the part of p that is reachable from its entry. The error, if
// any, is an *Error.
func Check(p *mono.Program, o Options) (prog *Program, err error) {
	defer func() {
		// Errors are raised as panics of this one type, from depths that
		// would otherwise pass them up by hand; anything else goes on.
		if r := recover(); r != nil {
			e, ok := r.(*Error)
			if !ok {
				panic(r)
			}
			prog, err = nil, e
		}
	}()
	caps, err := capabilities(o)
	if err != nil {
		return nil, err
	}
	c := &checker{opts: o, caps: caps, mono: p, out: &Program{}}
	c.heads = buildHeads()
	c.reservedNames()
	c.reach()
	c.signatures()
	for _, f := range c.viewOrder() {
		c.function(f)
	}
	for _, f := range c.out.Funcs {
		if f != c.out.Solve {
			c.function(f)
		}
	}
	c.function(c.out.Solve)
	c.visibility()
	if limit := orDefault(o.MaxASTNodes, DefaultMaxASTNodes); c.total > limit {
		return nil, &Error{Kind: kindBudget, Message: fmt.Sprintf(
			"AST too large: max_ast_nodes=%d got %d (set X07_MAX_AST_NODES=%d)", limit, c.total, c.total)}
	}
	return c.out, nil
}

func orDefault(n, def int) int {
	if n <= 0 {
		return def
	}
	return n
}

// LimitsFromEnv reads the limits that the environment overrides. Values that
// are not positive integers are ignored.
func LimitsFromEnv(getenv func(string) string) (maxASTNodes, maxLocals int) {
	get := func(name string, def int) int {
		n, err := strconv.Atoi(getenv(name))
		if err != nil {
			return def
		}
		return orDefault(n, def)
	}
	return get("X07_MAX_AST_NODES", DefaultMaxASTNodes), get("X07_MAX_LOCALS", DefaultMaxLocals)
}

type checkState uint8

const (
	unchecked checkState = iota
	checking
	checked
)

// checker is the state of one Check.
type checker struct {
	opts  Options
	caps  caps
	mono  *mono.Program
	out   *Program
	heads map[string]*head
	total int             // syntax nodes that are reachable
	names map[string]*Var // of the function being checked; empty between functions
	// nodes and ptrs are what is left of the pieces that nodes and their
	// lists are taken from.
	nodes []Node
	ptrs  []*Node
}

// declInfo is what a function's declaration says, and what it calls.
type declInfo struct {
	fn     *mono.Func
	calls  []*mono.Func // every function it names as a head or validator
	params []paramInfo
}

type paramInfo struct {
	typ   types.Type
	brand string
}

// head is what the first element of a list means.
type head struct {
	form form
	op   uint8
	b    *types.Builtin
	fn   *Func
	mono *mono.Func
}

// form tells the kinds of heads apart.
type form uint8

const (
	formBuiltin form = iota
	formFunc
	formBegin
	formUnsafe
	formLet
	formSet
	formIf
	formFor
	formReturn
	formTry
	formLit
	formBin
	formLater // known, but not in this release
)

var coreForms = [...]struct {
	name string
	form form
}{
	{"begin", formBegin}, {"unsafe", formUnsafe}, {"let", formLet}, {"set", formSet},
	{"if", formIf}, {"for", formFor}, {"return", formReturn}, {"try", formTry},
	{"bytes.lit", formLit},
}

// Operators are the spellings of the integer operators; Node.Op indexes them.
// Their order is that of ir.Bin.
var Operators = [...]string{
	"+", "-", "*", "/", "%", "&", "|", "^", "<<u", ">>u",
	"=", "!=", "<", "<=", ">", ">=", "<u", "<=u", ">u", ">=u",
}

// laterHeads begin the names of heads that belong to the language but not to
// this release.
var laterHeads = [...]string{"task.", "chan.", "budget.", "std.stream.", "std.rr.with_"}

func isLater(name string) bool {
	if name == "await" {
		return true
	}
	for _, p := range laterHeads {
		if strings.HasPrefix(name, p) {
			return true
		}
	}
	return false
}

// buildHeads enters everything that resolves before functions do.
func buildHeads() map[string]*head {
	all := types.Builtins()
	m := make(map[string]*head, len(all)+len(coreForms)+len(Operators))
	slab := make([]head, len(all)+len(coreForms)+len(Operators))
	next := 0
	put := func(name string, h head) {
		slab[next] = h
		m[name] = &slab[next]
		next++
	}
	for _, b := range all {
		put(b.Name, head{form: formBuiltin, b: b})
	}
	for _, f := range coreForms {
		put(f.name, head{form: f.form})
	}
	for i, op := range Operators {
		put(op, head{form: formBin, op: uint8(i)})
	}
	return m
}

// reservedNames refuses function names that only the compiler may make.
func (c *checker) reservedNames() {
	for _, f := range c.mono.Funcs {
		if f.Generic == "" && strings.Contains(f.Name, mono.NameMark) ||
			strings.Contains(f.Name, ".__std_stream_pipe_v1_") {
			panic(&Error{Kind: kindParse, Message: fmt.Sprintf("reserved function name: %q", f.Name), Module: f.Module.ID})
		}
	}
}

// signatures resolves the types of every reachable function.
func (c *checker) signatures() {
	for _, f := range c.out.Funcs {
		d := f.decl.fn.Decl
		for i := range d.Params {
			p := &d.Params[i]
			t := c.resolveType(f, p.Type)
			f.decl.params = append(f.decl.params, paramInfo{t, p.Brand})
			c.gateSignature(f, t, p.Type)
		}
		f.Result = c.resolveType(f, d.Result)
		f.ResultBrand = d.ResultBrand
		c.gateSignature(f, f.Result, d.Result)
		switch f.Result {
		case types.ResultResultBytes, types.PtrConstU8, types.PtrMutU8, types.PtrConstVoid,
			types.PtrMutVoid, types.PtrConstI32, types.PtrMutI32:
			c.failFn(f, kindInternal, d.Result.Ptr, "invalid function return type: %s", f.Result)
		}
	}
}

func (c *checker) gateSignature(f *Func, t types.Type, ref *ast.TypeRef) {
	if t.IsPtr() && !c.caps.unsafe {
		c.failFn(f, kindUnsupported, ref.Ptr, "raw pointer type %s in signature of %q requires unsafe capability; %s",
			t, f.Name, c.caps.unsafeHint)
	}
}

// resolveType finds the type that ref denotes.
func (c *checker) resolveType(f *Func, ref *ast.TypeRef) types.Type {
	t, ok := TypeOf(ref)
	if !ok {
		c.failFn(f, kindParse, ref.Ptr, "unsupported non-monomorphic type expression: %s", ast.AppendCanonicalType(nil, ref))
	}
	return t
}

// TypeOf is the type that a reference without variables denotes: a token, or
// one of the structured forms of options and results.
func TypeOf(ref *ast.TypeRef) (types.Type, bool) {
	if ref == nil || ref.Var {
		return types.Invalid, false
	}
	if len(ref.Args) == 0 {
		return types.ByToken(ref.Name)
	}
	if len(ref.Args) != 1 {
		return types.Invalid, false
	}
	arg, ok := TypeOf(ref.Args[0])
	if !ok {
		return types.Invalid, false
	}
	for _, s := range structured {
		if s.head == ref.Name && s.arg == arg {
			return s.typ, true
		}
	}
	return types.Invalid, false
}

var structured = [...]struct {
	head     string
	arg, typ types.Type
}{
	{"option", types.I32, types.OptionI32},
	{"option", types.Bytes, types.OptionBytes},
	{"option", types.BytesView, types.OptionBytesView},
	{"result", types.I32, types.ResultI32},
	{"result", types.Bytes, types.ResultBytes},
	{"result", types.BytesView, types.ResultBytesView},
	{"result", types.ResultBytes, types.ResultResultBytes},
}

// failFn raises an error about f as a whole.
func (c *checker) failFn(f *Func, kind, ptr, format string, args ...any) {
	msg := fmt.Sprintf(format, args...)
	if !strings.Contains(msg, "(fn=") {
		msg += " (fn=" + f.Name + ")"
	}
	panic(&Error{Kind: kind, Message: msg, Module: f.Module, Fn: f.Name, Ptr: ptr})
}

// viewOrder lists the functions that return views so that each follows those
// it calls, except where they call each other in a circle. Their callers must
// know what the results borrow from.
func (c *checker) viewOrder() []*Func {
	byMono := func(m *mono.Func) *Func {
		f := c.heads[m.Name].fn
		if f == nil || !f.Result.IsView() {
			return nil
		}
		return f
	}
	type frame struct {
		f    *Func
		next int
	}
	var order []*Func
	var stack []frame
	seen := make([]bool, len(c.out.Funcs))
	for _, root := range c.out.Funcs {
		if !root.Result.IsView() || seen[root.ID] {
			continue
		}
		seen[root.ID] = true
		stack = append(stack[:0], frame{f: root})
		for len(stack) > 0 {
			top := &stack[len(stack)-1]
			if top.next == len(top.f.decl.calls) {
				order = append(order, top.f)
				stack = stack[:len(stack)-1]
				continue
			}
			callee := byMono(top.f.decl.calls[top.next])
			top.next++
			if callee != nil && !seen[callee.ID] {
				seen[callee.ID] = true
				stack = append(stack, frame{f: callee})
			}
		}
	}
	return order
}

// sortFuncs orders functions by name and numbers them.
func sortFuncs(fs []*Func) {
	slices.SortFunc(fs, func(a, b *Func) int { return strings.Compare(a.Name, b.Name) })
	for i, f := range fs {
		f.ID = i
	}
}
