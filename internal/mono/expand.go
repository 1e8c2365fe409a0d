package mono

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"

	"x07/internal/ast"
)

// The limits of specialisation.
const (
	MaxSpecializations = 4096
	MaxTypeDepth       = 64
)

const (
	kindParse  = "Parse"
	kindTyping = "Typing"
	kindBudget = "Budget"
)

// expander is the state of one Specialise.
type expander struct {
	out      *Program
	generics map[string]*Func // every declared function by name
	specs    map[string]*spec // by specialised name
	order    []*spec
	sites    int
}

// spec is one specialisation.
type spec struct {
	generic *Func
	args    []*ast.TypeRef
	json    string // of args
	fn      *Func
	sites   []Site
}

// scope is where a tree is rewritten: what its type variables are, and who
// calls from it.
type scope struct {
	vars map[string]*ast.TypeRef
	fn   *Func
}

func (x *expander) fail(s *scope, at *ast.Expr, kind, format string, args ...any) {
	e := &Error{Kind: kind, Message: fmt.Sprintf(format, args...), Module: s.fn.Module.ID}
	if at != nil {
		e.Ptr = at.Ptr()
		e.Message += fmt.Sprintf(" (fn=%s ptr=%s)", s.fn.Name, e.Ptr)
	}
	panic(e)
}

// plain rewrites every function that is not generic, then, as they are asked
// for, the specialisations.
func (x *expander) plain() {
	kept := x.out.Funcs[:0:0]
	declared := x.out.Funcs
	byName := make(map[string]*Func, len(declared))
	for _, f := range declared {
		if len(f.Decl.TypeParams) > 0 {
			continue
		}
		f.Decl = x.decl(f.Decl, &scope{fn: f})
		kept = append(kept, f)
		byName[f.Name] = f
	}
	x.out.Solve.Decl = x.decl(x.out.Solve.Decl, &scope{fn: x.out.Solve})
	for i := 0; i < len(x.order); i++ {
		sp := x.order[i]
		vars := make(map[string]*ast.TypeRef, len(sp.args))
		for j, tp := range sp.generic.Decl.TypeParams {
			vars[tp.Name] = sp.args[j]
		}
		d := x.decl(sp.generic.Decl, &scope{vars: vars, fn: sp.fn})
		own := *d
		own.Name, own.TypeParams = sp.fn.Name, nil
		sp.fn.Decl = &own
		kept = append(kept, sp.fn)
		byName[sp.fn.Name] = sp.fn
	}
	x.out.Funcs, x.out.ByName = kept, byName
}

// decl rewrites a declaration; it is d itself when nothing in it is generic.
func (x *expander) decl(d *ast.Decl, s *scope) *ast.Decl {
	out := *d
	changed := false
	if s.vars != nil {
		changed = true
		out.Params = append([]ast.Param(nil), d.Params...)
		for i := range out.Params {
			out.Params[i].Type = x.substitute(out.Params[i].Type, s)
		}
		out.Result = x.substitute(d.Result, s)
	}
	if d.Body != nil {
		out.Body = x.expr(d.Body, s)
		changed = changed || out.Body != d.Body
	}
	for _, l := range []*[]ast.Clause{&out.Requires, &out.Ensures, &out.Invariant} {
		clauses := x.clauses(*l, s)
		if len(clauses) > 0 && &clauses[0] != &(*l)[0] {
			*l, changed = clauses, true
		}
	}
	if !changed {
		return d
	}
	return &out
}

func (x *expander) clauses(list []ast.Clause, s *scope) []ast.Clause {
	var out []ast.Clause
	for i, c := range list {
		e := x.expr(c.Expr, s)
		w := x.exprs(c.Witness, s)
		if out == nil && (e != c.Expr || len(w) > 0 && &w[0] != &c.Witness[0]) {
			out = append([]ast.Clause(nil), list...)
		}
		if out != nil {
			out[i].Expr, out[i].Witness = e, w
		}
	}
	if out == nil {
		return list
	}
	return out
}

// exprs rewrites a list of expressions; it is es itself when nothing changes.
func (x *expander) exprs(es []*ast.Expr, s *scope) []*ast.Expr {
	var out []*ast.Expr
	for i, e := range es {
		n := x.expr(e, s)
		if n != e && out == nil {
			out = append([]*ast.Expr(nil), es...)
		}
		if out != nil {
			out[i] = n
		}
	}
	if out == nil {
		return es
	}
	return out
}

// expr rewrites a tree; it is e itself when nothing in it is generic.
func (x *expander) expr(e *ast.Expr, s *scope) *ast.Expr {
	if e.Kind != ast.List {
		return e
	}
	h := e.Head()
	switch {
	case h == "tapp":
		return x.tapp(e, s)
	case strings.HasPrefix(h, "ty."):
		return x.intrinsic(e, s)
	}
	if f := x.generics[h]; f != nil && len(f.Decl.TypeParams) > 0 {
		x.fail(s, e, kindTyping, "X07-TY-0108: generic function must be called via tapp: %q", h)
	}
	items := x.exprs(e.Items, s)
	if len(items) == 0 || &items[0] == &e.Items[0] {
		return e
	}
	n := *e
	n.Items = items
	return &n
}

// tapp rewrites a call with type arguments.
func (x *expander) tapp(e *ast.Expr, s *scope) *ast.Expr {
	args := e.Args()
	if len(args) < 2 {
		x.fail(s, e, kindParse, "X07-TY-0105: tapp requires at least 2 args (got %d)", len(args))
	}
	if args[0].Kind != ast.Atom {
		x.fail(s, e, kindParse, "X07-TY-0105: tapp callee must be an identifier")
	}
	name := args[0].Text
	x.sites++
	if c, ok := containers[name]; ok {
		return x.container(e, s, name, c)
	}
	g := x.generics[name]
	switch {
	case g == nil:
		x.fail(s, e, kindTyping, "X07-TY-0100: unknown function: %q", name)
	case g.Decl.Kind == ast.Extern:
		x.fail(s, e, kindTyping, "X07-TY-0105: tapp is not allowed on extern symbol: %q", name)
	case len(g.Decl.TypeParams) == 0:
		x.fail(s, e, kindTyping, "X07-TY-0105: tapp used on non-generic function: %q", name)
	case g.Module != s.fn.Module && !g.Exported:
		x.fail(s, e, kindParse, "function %q is not exported by module %q (required by tapp)", name, g.Module.ID)
	}
	params := g.Decl.TypeParams
	types, values := x.typeArgs(e, s, name, len(params))
	for i, p := range params {
		x.bound(e, s, p.Name, p.Bound, types[i])
	}
	sp := x.specialisation(e, s, g, types)
	if len(sp.sites) < maxSites {
		sp.sites = append(sp.sites, Site{Caller: s.fn.Name, CallerModule: s.fn.Module.ID, Ptr: e.Ptr()})
	}
	return x.apply(e, s, sp.fn.Name, args[0], values)
}

// apply is the call that replaces a tapp; the values keep their pointers.
func (x *expander) apply(e *ast.Expr, s *scope, name string, callee *ast.Expr, values []*ast.Expr) *ast.Expr {
	items := make([]*ast.Expr, 1, 1+len(values))
	head := *callee
	head.Text = name
	items[0] = &head
	for _, v := range values {
		items = append(items, x.expr(v, s))
	}
	n := *e
	n.Items = items
	return &n
}

// typeArgs splits the arguments of a tapp into n types and the values.
func (x *expander) typeArgs(e *ast.Expr, s *scope, name string, n int) ([]*ast.TypeRef, []*ast.Expr) {
	args := e.Args()
	given, values := args[1:], []*ast.Expr(nil)
	if args[1].Head() == "tys" {
		given, values = args[1].Args(), args[2:]
		if len(given) != n {
			x.fail(s, e, kindTyping, "X07-TY-0105: tapp arity mismatch for %q: expected %d type args got %d", name, n, len(given))
		}
	} else {
		if len(given) < n {
			x.fail(s, e, kindTyping, "X07-TY-0105: tapp arity mismatch for %q: expected %d type args", name, n)
		}
		given, values = given[:n], given[n:]
	}
	types := make([]*ast.TypeRef, n)
	for i, g := range given {
		types[i] = x.typeArg(g, s, fmt.Sprintf("tapp to %q", name), 1)
	}
	return types, values
}

// typeArg reads an expression as a type and puts in what its variables are.
func (x *expander) typeArg(e *ast.Expr, s *scope, where string, depth int) *ast.TypeRef {
	if depth > MaxTypeDepth {
		x.fail(s, e, kindBudget, "X07-TY-0109: type expression too deep in %s: max_depth=%d", where, MaxTypeDepth)
	}
	switch {
	case e.Kind == ast.Atom:
		return &ast.TypeRef{Name: e.Text, Ptr: e.Ptr()}
	case e.Kind == ast.List && e.Head() == "t":
		if len(e.Items) != 2 || e.Items[1].Kind != ast.Atom {
			break
		}
		v := s.vars[e.Items[1].Text]
		if v == nil {
			x.fail(s, e, kindTyping, "X07-TY-0107: unknown type var: %q", e.Items[1].Text)
		}
		if depth+depthOf(v)-1 > MaxTypeDepth {
			x.fail(s, e, kindBudget, "X07-TY-0109: type expression too deep in %s: max_depth=%d", where, MaxTypeDepth)
		}
		return v
	case e.Kind == ast.List && len(e.Items) > 1 && e.Head() != "":
		t := &ast.TypeRef{Name: e.Head(), Ptr: e.Ptr()}
		for _, a := range e.Args() {
			t.Args = append(t.Args, x.typeArg(a, s, where, depth+1))
		}
		return t
	}
	x.fail(s, e, kindTyping, "X07-TY-0101: unsupported type expression in %s: %s", where, ast.AppendCanonicalExpr(nil, e))
	return nil
}

func depthOf(t *ast.TypeRef) int {
	d := 0
	for _, a := range t.Args {
		d = max(d, depthOf(a))
	}
	return d + 1
}

// substitute puts what the type variables are into a type of a signature.
func (x *expander) substitute(t *ast.TypeRef, s *scope) *ast.TypeRef {
	switch {
	case t == nil:
		return nil
	case t.Var:
		v := s.vars[t.Name]
		if v == nil {
			panic(&Error{Kind: kindTyping, Module: s.fn.Module.ID, Ptr: t.Ptr,
				Message: fmt.Sprintf("X07-TY-0107: unknown type var: %q (fn=%s ptr=%s)", t.Name, s.fn.Name, t.Ptr)})
		}
		own := *v
		own.Ptr = t.Ptr
		return &own
	case len(t.Args) == 0:
		return t
	}
	own := *t
	own.Args = make([]*ast.TypeRef, len(t.Args))
	for i, a := range t.Args {
		own.Args[i] = x.substitute(a, s)
	}
	return &own
}

// specialisation finds or makes the copy of g for args.
func (x *expander) specialisation(e *ast.Expr, s *scope, g *Func, args []*ast.TypeRef) *spec {
	json := typesJSON(args)
	name := specName(g.Name, args, json)
	if sp := x.specs[name]; sp != nil {
		return sp
	}
	if x.generics[name] != nil {
		x.fail(s, e, kindParse, "generated specialization collides with existing symbol: %q", name)
	}
	if len(x.order) >= MaxSpecializations {
		x.fail(s, e, kindBudget, "X07-TY-0106: monomorphization explosion: max_specializations=%d", MaxSpecializations)
	}
	sp := &spec{generic: g, args: args, json: json,
		fn: &Func{Name: name, Module: g.Module, Exported: g.Exported, Generic: g.Name}}
	x.specs[name] = sp
	x.order = append(x.order, sp)
	return sp
}

// typesJSON is the minified JSON array of type arguments.
func typesJSON(args []*ast.TypeRef) string {
	b := []byte{'['}
	for i, a := range args {
		if i > 0 {
			b = append(b, ',')
		}
		b = ast.AppendCanonicalType(b, a)
	}
	return string(append(b, ']'))
}

// specName is the name of a specialisation.
func specName(generic string, args []*ast.TypeRef, json string) string {
	parts := make([]string, len(args))
	for i, a := range args {
		parts[i] = joined(a)
	}
	sum := sha256.Sum256([]byte(json))
	return generic + NameMark + strings.Join(parts, "__") + "__h" + hex.EncodeToString(sum[:4])
}

func joined(t *ast.TypeRef) string {
	s := t.Name
	if t.Var {
		s = "t_" + s
	}
	for _, a := range t.Args {
		s += "_" + joined(a)
	}
	return s
}

// bounds says what each bound is called in messages and what it accepts; nil
// accepts everything.
var bounds = map[string]struct {
	name    string
	accepts []string
}{
	"any":        {"Any", nil},
	"bytes_like": {"BytesLike", []string{"bytes", "bytes_view"}},
	"num_like":   {"NumLike", []string{"i32", "u32"}},
	"value":      {"Value", valueTypes},
	"hashable":   {"Hashable", valueTypes},
	"orderable":  {"Orderable", valueTypes},
}

var valueTypes = []string{"i32", "u32", "bytes", "bytes_view"}

// bound refuses a type argument that does not meet its bound.
func (x *expander) bound(e *ast.Expr, s *scope, param, bound string, t *ast.TypeRef) {
	if bound == "" {
		return
	}
	b, ok := bounds[bound]
	if !ok {
		x.fail(s, e, kindTyping, "X07-TY-0103: unknown bound name: %q", bound)
	}
	if b.accepts == nil {
		return
	}
	if len(t.Args) == 0 {
		for _, a := range b.accepts {
			if a == t.Name {
				return
			}
		}
	}
	x.fail(s, e, kindTyping, "X07-TY-0104: bound unsatisfied for %q: expected %s got %s", param, b.name, ast.AppendCanonicalType(nil, t))
}
