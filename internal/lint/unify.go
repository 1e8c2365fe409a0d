package lint

import "x07/internal/ast"

// A ty is a type during inference. Type tokens that have a structured form
// are kept as applications, so that ["option",["t","A"]] meets option_bytes.
type ty struct {
	kind tyKind
	name string // named, variable and application
	args []*ty  // application
	id   int    // unknown
	to   *ty    // unknown: what it turned out to be, nil until then
}

type tyKind uint8

const (
	named tyKind = iota
	variable
	application
	unknown
)

var (
	tyI32   = &ty{kind: named, name: "i32"}
	tyBytes = &ty{kind: named, name: "bytes"}
	tyView  = &ty{kind: named, name: "bytes_view"}
	tyVec   = &ty{kind: named, name: "vec_u8"}
)

// structured are the tokens that stand for applications.
var structured = map[string]struct{ head, arg string }{
	"option_i32":          {"option", "i32"},
	"option_bytes":        {"option", "bytes"},
	"option_bytes_view":   {"option", "bytes_view"},
	"result_i32":          {"result", "i32"},
	"result_bytes":        {"result", "bytes"},
	"result_bytes_view":   {"result", "bytes_view"},
	"result_result_bytes": {"result", "result_bytes"},
}

func tyNamed(token string) *ty {
	if s, ok := structured[token]; ok {
		return &ty{kind: application, name: s.head, args: []*ty{tyNamed(s.arg)}}
	}
	return &ty{kind: named, name: token}
}

// tyOf turns a written type into a ty. Type variables found in subst are
// replaced.
func tyOf(t *ast.TypeRef, subst map[string]*ty) *ty {
	switch {
	case t == nil: // an extern that returns void yields 0
		return tyI32
	case t.Var:
		if s := subst[t.Name]; s != nil {
			return s
		}
		return &ty{kind: variable, name: t.Name}
	case len(t.Args) == 0:
		return tyNamed(t.Name)
	}
	out := &ty{kind: application, name: t.Name}
	for _, arg := range t.Args {
		out.args = append(out.args, tyOf(arg, subst))
	}
	return out
}

// tyOfExpr reads a type argument; ok is false for what is no type.
func tyOfExpr(e *ast.Expr) (t *ty, ok bool) {
	switch e.Kind {
	case ast.Atom:
		return tyNamed(e.Text), e.Text != ""
	case ast.List:
		if name, ok := typeVarName(e); ok {
			return &ty{kind: variable, name: name}, true
		}
		t := &ty{kind: application, name: e.Head()}
		for _, item := range e.Args() {
			arg, ok := tyOfExpr(item)
			if !ok {
				return nil, false
			}
			t.args = append(t.args, arg)
		}
		return t, len(t.args) > 0
	}
	return nil, false
}

// resolve follows an unknown to what is known of it.
func (t *ty) resolve() *ty {
	for t.kind == unknown && t.to != nil {
		t = t.to
	}
	return t
}

// token is the concrete type that t denotes, "" if it has no token.
func (t *ty) token() string {
	t = t.resolve()
	switch t.kind {
	case named:
		return t.name
	case application:
		if len(t.args) == 1 {
			arg := t.args[0].resolve()
			if arg.kind == application && (arg.name != "result" || t.name != "result") {
				return ""
			}
			inner := arg.token()
			if inner == "u32" {
				inner = "i32"
			}
			if _, ok := structured[t.name+"_"+inner]; ok {
				return t.name + "_" + inner
			}
		}
	}
	return ""
}

// Types built out of types double with every call; what is shown of them, and
// what is written into a program, is bounded by a number of nodes.
const (
	maxShownNodes   = 64
	maxWrittenNodes = 4096
)

// generic is t as a JSON value, with unknowns as ["meta",n]. After the given
// number of nodes the rest is cut off as ["meta",-1].
func (t *ty) generic(nodes *int) any {
	t = t.resolve()
	if tok := t.token(); tok != "" {
		return tok
	}
	if *nodes--; *nodes < 0 {
		return []any{"meta", -1}
	}
	switch t.kind {
	case variable:
		return []any{"t", t.name}
	case unknown:
		return []any{"meta", t.id}
	}
	out := []any{t.name}
	for _, arg := range t.args {
		if *nodes < 0 {
			break
		}
		out = append(out, arg.generic(nodes))
	}
	return out
}

// show is t for the data of a diagnostic.
func (t *ty) show() any {
	nodes := maxShownNodes
	return t.generic(&nodes)
}

// text is t for a message.
func (t *ty) text() string {
	v := t.show()
	if s, ok := v.(string); ok {
		return s
	}
	return string(ast.AppendCanonicalJSON(nil, v))
}

// written turns t into a type argument; ok is false while t holds an unknown,
// and for a type that is too large.
func (t *ty) written(nodes *int) (v any, ok bool) {
	t = t.resolve()
	if tok := t.token(); tok != "" {
		return tok, true
	}
	if *nodes--; *nodes < 0 || t.kind == unknown {
		return nil, false
	}
	if t.kind == variable {
		return []any{"t", t.name}, true
	}
	out := []any{t.name}
	for _, arg := range t.args {
		a, ok := arg.written(nodes)
		if !ok {
			return nil, false
		}
		out = append(out, a)
	}
	return out, true
}

// unifier makes types equal. Steps bound the work that one function may
// cause: types built out of types double with every call.
type unifier struct {
	steps int
	bound []*ty // unknowns that were solved, to take back
}

const (
	maxUnifySteps = 1 << 20
	maxTypeDepth  = 64
)

// reset forgets every solution.
func (u *unifier) reset() {
	for _, t := range u.bound {
		t.to = nil
	}
	u.bound = u.bound[:0]
	u.steps = 0
}

// unify makes a and b equal and returns "", or says why they cannot be. A
// comparison that would take too long or go too deep counts as equal: only the
// compiler decides then.
func (u *unifier) unify(a, b *ty, depth int) string {
	a, b = a.resolve(), b.resolve()
	u.steps++
	if a == b || u.steps > maxUnifySteps || depth > maxTypeDepth {
		return ""
	}
	if a.kind != unknown && b.kind == unknown {
		a, b = b, a
	}
	if a.kind == unknown {
		switch inside := u.occurs(a, b, depth); {
		case u.steps > maxUnifySteps:
			return ""
		case inside:
			return "occurs_check"
		}
		a.to = b
		u.bound = append(u.bound, a)
		return ""
	}
	if a.kind != b.kind {
		return "mismatch"
	}
	switch a.kind {
	case named:
		if sameName(a.name, b.name) {
			return ""
		}
		return "named_mismatch"
	case variable:
		if a.name == b.name {
			return ""
		}
		return "tparam_mismatch"
	}
	if a.name != b.name || len(a.args) != len(b.args) {
		return "app_mismatch"
	}
	for i := range a.args {
		if reason := u.unify(a.args[i], b.args[i], depth+1); reason != "" {
			return "app_mismatch"
		}
	}
	return ""
}

func sameName(a, b string) bool {
	return a == b || (a == "i32" || a == "u32") && (b == "i32" || b == "u32")
}

// occurs reports whether the unknown x is part of t.
func (u *unifier) occurs(x, t *ty, depth int) bool {
	t = t.resolve()
	u.steps++
	if t == x {
		return true
	}
	if depth > maxTypeDepth {
		u.steps = maxUnifySteps + 1
	}
	if u.steps > maxUnifySteps {
		return false
	}
	for _, arg := range t.args {
		if u.occurs(x, arg, depth+1) {
			return true
		}
	}
	return false
}
