package mono

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"

	"x07/internal/ast"
)

// containerRule says how the generic spelling of a container head is written
// out: %s are the type arguments' suffixes; values is the number of value
// arguments.
type containerRule struct {
	types  []string // names of the type parameters, for messages
	bounds []string
	values int
	head   string
	ids    bool // the type ids are passed before the values
}

var containers = map[string]containerRule{
	"vec_value.with_capacity": {[]string{"T"}, []string{"value"}, 1, "vec_value.with_capacity_v1", true},
	"vec_value.push":          {[]string{"T"}, []string{"value"}, 2, "vec_value.push_%s_v1", false},
	"vec_value.get":           {[]string{"T"}, []string{"value"}, 3, "vec_value.get_%s_v1", false},
	"vec_value.set":           {[]string{"T"}, []string{"value"}, 3, "vec_value.set_%s_v1", false},
	"map_value.new":           {[]string{"K", "V"}, []string{"hashable", "value"}, 1, "map_value.new_v1", true},
	"map_value.contains":      {[]string{"K"}, []string{"hashable"}, 2, "map_value.contains_%s_v1", false},
	"map_value.remove":        {[]string{"K"}, []string{"hashable"}, 2, "map_value.remove_%s_v1", false},
	"map_value.get":           {[]string{"K", "V"}, []string{"hashable", "value"}, 3, "map_value.get_%s_%s_v1", false},
	"map_value.set":           {[]string{"K", "V"}, []string{"hashable", "value"}, 3, "map_value.set_%s_%s_v1", false},
}

// valueType is what containers and intrinsics know of a type.
type valueType struct {
	id     int32
	suffix string
	bytes  bool
}

var values = map[string]valueType{
	"i32":        {1, "i32", false},
	"u32":        {2, "i32", false},
	"bytes":      {3, "bytes", true},
	"bytes_view": {4, "bytes_view", true},
}

// container rewrites a tapp of a container head.
func (x *expander) container(e *ast.Expr, s *scope, name string, c containerRule) *ast.Expr {
	types, args := x.typeArgs(e, s, name, len(c.types))
	if len(args) != c.values {
		if c.ids {
			x.fail(s, e, kindParse, "%s expects 1 argument", name)
		}
		x.fail(s, e, kindParse, "%q expects %d arguments", name, c.values)
	}
	var suffixes []any
	var ids []*ast.Expr
	for i, t := range types {
		x.bound(e, s, c.types[i], c.bounds[i], t)
		v := values[t.Name]
		suffixes = append(suffixes, v.suffix)
		ids = append(ids, number(e, v.id))
	}
	if c.ids {
		return x.apply(e, s, c.head, e.Items[1], append(ids, args...))
	}
	return x.apply(e, s, fmt.Sprintf(c.head, suffixes...), e.Items[1], args)
}

// intrinsicArgs is the number of arguments of each ty.* head, the type
// included.
var intrinsicArgs = map[string]int{
	"ty.size_bytes": 1, "ty.size": 1,
	"ty.read_le_at": 3, "ty.write_le_at": 4, "ty.push_le": 3,
	"ty.lt": 3, "ty.eq": 3, "ty.cmp": 3,
	"ty.hash32": 2, "ty.clone": 2, "ty.drop": 2,
}

// intrinsic rewrites a ty.* head.
func (x *expander) intrinsic(e *ast.Expr, s *scope) *ast.Expr {
	h := e.Head()
	n, ok := intrinsicArgs[h]
	if !ok {
		x.fail(s, e, kindTyping, "X07-TY-0102: unknown ty intrinsic: %q", h)
	}
	args := e.Args()
	if len(args) == 0 {
		x.fail(s, e, kindParse, "%q requires a type argument", h)
	}
	if len(args) != n {
		plural := "s"
		if n == 1 {
			plural = ""
		}
		x.fail(s, e, kindParse, "%q expects %d argument%s", h, n, plural)
	}
	t := x.typeArg(args[0], s, fmt.Sprintf("intrinsic %q", h), 1)
	if len(t.Args) > 0 {
		x.fail(s, e, kindTyping, "X07-TY-0101: intrinsic %q supports only named primitive types (got %s)", h, ast.AppendCanonicalType(nil, t))
	}
	v, ok := values[t.Name]
	if !ok {
		x.fail(s, e, kindTyping, "X07-TY-0101: unsupported type for %q: %q", h, t.Name)
	}
	ops := make([]*ast.Expr, n-1)
	for i, a := range args[1:] {
		ops[i] = x.expr(a, s)
	}
	m := maker{e}
	switch h {
	case "ty.size_bytes", "ty.size":
		if v.bytes {
			return m.int(16)
		}
		return m.int(4)
	case "ty.read_le_at", "ty.write_le_at", "ty.push_le":
		if v.bytes {
			x.fail(s, e, kindTyping, "X07-TY-0101: unsupported type for %q: %q", h, t.Name)
		}
		return m.list("std.u32."+h[len("ty."):], ops...)
	case "ty.lt":
		switch {
		case v.bytes:
			return m.compare("lt", ops, func(c *ast.Expr) *ast.Expr { return m.list("<", c, m.int(0)) })
		case t.Name == "u32":
			return m.list("<u", ops...)
		}
		return m.list("<", ops...)
	case "ty.eq":
		if v.bytes {
			return m.list("bytes.eq", ops...)
		}
		return m.list("=", ops...)
	case "ty.cmp":
		if v.bytes {
			return m.compare("cmp", ops, func(c *ast.Expr) *ast.Expr { return c })
		}
		less := "<"
		if t.Name == "u32" {
			less = "<u"
		}
		// Bound first, so that nested comparisons do not multiply.
		a, b := m.fresh("cmp_a"), m.fresh("cmp_b")
		return m.list("begin", m.let(a, ops[0]), m.let(b, ops[1]),
			m.list("if", m.list(less, m.atom(a), m.atom(b)), m.int(-1),
				m.list("if", m.list("=", m.atom(a), m.atom(b)), m.int(0), m.int(1))))
	case "ty.hash32":
		if v.bytes {
			return m.list("std.hash.mix32", m.list("std.hash.fnv1a32_view", ops[0]))
		}
		return m.list("std.hash.mix32", ops[0])
	case "ty.clone":
		if t.Name == "bytes" {
			return m.list("__internal.bytes.clone_v1", ops[0])
		}
		return ops[0]
	}
	// ty.drop
	if t.Name == "bytes" {
		return m.list("__internal.bytes.drop_v1", ops[0])
	}
	return m.list("begin", ops[0], m.int(0))
}

// maker makes nodes that stand where e stands.
type maker struct{ e *ast.Expr }

func (m maker) node(k ast.ExprKind) *ast.Expr {
	return &ast.Expr{Kind: k, Root: m.e.Root, Parent: m.e.Parent, Index: m.e.Index}
}

func number(e *ast.Expr, v int32) *ast.Expr { return maker{e}.int(v) }

func (m maker) int(v int32) *ast.Expr {
	n := m.node(ast.Int)
	n.Int = v
	return n
}

func (m maker) atom(s string) *ast.Expr {
	n := m.node(ast.Atom)
	n.Text = s
	return n
}

func (m maker) list(head string, args ...*ast.Expr) *ast.Expr {
	n := m.node(ast.List)
	n.Items = append([]*ast.Expr{m.atom(head)}, args...)
	return n
}

func (m maker) let(name string, v *ast.Expr) *ast.Expr {
	return m.list("let", m.atom(name), v)
}

// fresh is the name of a temporary, made from the place it is needed at.
func (m maker) fresh(what string) string {
	sum := sha256.Sum256([]byte(m.e.Ptr()))
	return "_x07_" + what + "_" + hex.EncodeToString(sum[:4])
}

// compare orders two buffers or views; use makes the result of the order.
func (m maker) compare(what string, ops []*ast.Expr, use func(*ast.Expr) *ast.Expr) *ast.Expr {
	a, b := m.fresh(what+"_a"), m.fresh(what+"_b")
	an, bn := m.fresh(what+"_an"), m.fresh(what+"_bn")
	return m.list("begin",
		m.let(a, ops[0]), m.let(b, ops[1]),
		m.let(an, m.list("bytes.len", m.atom(a))), m.let(bn, m.list("bytes.len", m.atom(b))),
		use(m.list("bytes.cmp_range", m.atom(a), m.int(0), m.atom(an), m.atom(b), m.int(0), m.atom(bn))))
}
