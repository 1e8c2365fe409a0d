package check

import (
	"strings"

	"x07/internal/ast"
	"x07/internal/types"
)

// builtin checks a builtin head.
func (f *fn) builtin(e *ast.Expr, b *types.Builtin, args []*ast.Expr) val {
	f.gate(b)
	if len(args) != len(b.Params) {
		s := "s"
		if len(b.Params) == 1 {
			s = ""
		}
		f.fail(kindParse, "%s expects %d arg%s", b.Name, len(b.Params), s)
	}
	if s := specialOf(b.Name); s != nil {
		return s(f, e, b, args)
	}
	n := f.node(Builtin, b.Result, e, 1)
	n.Head = b
	n.Args = f.slots(len(args))
	var hs holds
	vals := make([]val, len(args))
	deferred, waiting := -1, false
	late := lateFree[b.Name]
	for i, a := range args {
		p := b.Params[i]
		if isNamed(p.Mode) {
			if w := f.named(a, p); w != nil {
				// Read after the other arguments, which may use it too.
				deferred = i
				vals[i] = val{n: f.node(Place, w.Type, a, 0)}
				vals[i].n.Var = w
				continue
			}
		}
		leaves := f.leaves
		vals[i] = f.arg(b, i, a, &hs)
		n.Staged = n.Staged || waiting && f.leaves > leaves
		if i < late {
			vals[i] = f.temp(vals[i])
		}
		waiting = waiting || waits(vals[i].n)
		n.Args[i] = vals[i].n
	}
	if deferred >= 0 {
		vals[deferred] = f.owner(b, b.Params[deferred], args[deferred], vals[deferred].n)
		n.Args[deferred] = vals[deferred].n
	}
	f.releaseAll(&hs)
	return f.resultOf(b, n, vals)
}

// lateFree are the builtins whose first arguments are consumed but live to the
// end of the scope, and how many of them.
var lateFree = map[string]int{
	"bytes.concat": 2, "bytes.copy": 1,
	"bytes.as_ptr": 1, "bytes.as_mut_ptr": 1, "vec_u8.as_ptr": 1, "vec_u8.as_mut_ptr": 1,
}

// isNamed reports whether a mode treats a named local specially.
func isNamed(m types.Mode) bool {
	return m == types.Borrow || m == types.NamedOwner || m == types.InPlace
}

// named finds the local that an argument of such a mode names, nil when the
// argument is a value.
func (f *fn) named(a *ast.Expr, p types.Param) *Var {
	if a.Kind == ast.Atom && a.Text != inputName {
		return f.lookup(a)
	}
	return nil
}

// owner finishes an argument that names a local.
func (f *fn) owner(b *types.Builtin, p types.Param, a *ast.Expr, n *Node) val {
	w := n.Var
	if w.Type != p.Type {
		f.badOwner(b, p, a)
	}
	switch p.Mode {
	case types.InPlace:
		f.live(w, a)
		if w.status.borrows > 0 {
			f.failAt(kindTyping, a, "%s while borrowed: %q", b.Name, w.Name)
		}
		f.save(w)
		w.status.moved, w.status.movedAt = true, a
		n.Kind = Use
	case types.NamedOwner:
		f.live(w, a)
		return val{n: n, brand: w.brand, from: borrow{owner: w}, full: true}
	default:
		f.live(w, a)
	}
	return val{n: n, brand: w.brand, from: w.status.from}
}

func (f *fn) badOwner(b *types.Builtin, p types.Param, a *ast.Expr) {
	if p.Mode == types.NamedOwner {
		switch b.Name {
		case "bytes.view", "std.brand.view_v1":
			f.failAt(kindTyping, a, "%s expects %s", b.Name, p.Type.Token())
		default:
			f.failAt(kindTyping, a, "%s expects %s owner", b.Name, p.Type.Token())
		}
	}
	f.badArgs(b)
}

// arg checks one argument that is not a named owner.
func (f *fn) arg(b *types.Builtin, i int, a *ast.Expr, hs *holds) val {
	p := b.Params[i]
	var v val
	switch p.Mode {
	case types.AnyView, types.AnyViewOrVec:
		v, _ = f.viewArg(a, hs, p.Mode == types.AnyViewOrVec)
		if t := v.n.Type; t != types.BytesView && t != types.Bytes && !(t == types.VecU8 && p.Mode == types.AnyViewOrVec) {
			f.badArgs(b)
		}
		if v.n.Type == types.BytesView {
			f.keep(hs, v.from.owner)
		}
		return v
	case types.NamedOwner:
		if a.Kind == ast.Atom {
			// input is a view, and no owner.
			f.badOwner(b, p, a)
		}
		f.failAt(kindTyping, a, "%s requires an identifier owner (bind the value to a local with let first)", b.Name)
	case types.Borrow:
		v = f.value(a)
		if v.n.Type != p.Type {
			f.badArgs(b)
		}
		if v.n.Type.IsOwned() {
			return f.temp(v)
		}
		return v
	case types.ReaderSource:
		v = f.value(a)
		if t := v.n.Type; t != types.BytesView && !isBuffer(t) {
			f.fail(kindTyping, "%s expects bytes, bytes_view or vec_u8", b.Name)
		}
	default:
		v = f.value(a)
		if v.n.Type != p.Type && !(v.n.Type.IsHandle() && p.Type == types.I32) {
			f.badArgs(b)
		}
	}
	if v.n.Type.IsView() {
		f.keep(hs, v.from.owner)
	}
	return v
}

// badArgs refuses the types of the arguments of b.
func (f *fn) badArgs(b *types.Builtin) {
	shape := b.Shape
	if shape == "" {
		shape = ArgTypes(b)
	}
	f.fail(kindTyping, "%s expects %s", b.Name, shape)
}

// ArgTypes renders the types of the arguments of b for messages and docs.
func ArgTypes(b *types.Builtin) string {
	names := make([]string, len(b.Params))
	for i, p := range b.Params {
		switch p.Mode {
		case types.AnyView:
			names[i] = "bytes or bytes_view"
		case types.AnyViewOrVec:
			names[i] = "bytes, bytes_view or vec_u8"
		case types.ReaderSource:
			names[i] = "bytes, bytes_view or vec_u8"
		case types.AnyPtr:
			names[i] = "raw pointer"
		case types.Atom:
			names[i] = p.Name
		default:
			names[i] = p.Type.Token()
		}
	}
	if len(names) == 1 {
		return names[0]
	}
	return "(" + strings.Join(names, ", ") + ")"
}

// brandRule says where the brand of a builtin's result comes from: the number
// of an argument, or one of the following.
const (
	brandAny  = -1
	brandNone = -2
)

// fromNone stands for a buffer of the runtime where a rule says the number of
// the argument that a view borrows from.
const fromNone = -1

// rules are the builtins whose result has a brand or is a view. A view that
// was stored in a container is as long-lived as the default that is given
// with the look-up: the container does not know its owner.
var rules = map[string]struct{ brand, from int }{
	"bytes.view":        {0, 0},
	"bytes.subview":     {brandNone, 0},
	"vec_u8.as_view":    {brandNone, 0},
	"std.brand.view_v1": {0, 0},
	"view.slice":        {brandNone, 0},

	"option_bytes.none":      {brandAny, fromNone},
	"option_bytes.some":      {0, fromNone},
	"option_bytes_view.none": {brandAny, fromNone},
	"option_bytes_view.some": {0, 0},
	"result_bytes.err":       {brandAny, fromNone},
	"result_bytes.ok":        {0, fromNone},
	"result_bytes_view.err":  {brandAny, fromNone},
	"result_bytes_view.ok":   {0, 0},

	"bufread.fill":                {brandNone, fromNone},
	"scratch_u8_fixed_v1.as_view": {brandNone, fromNone},

	"vec_value.get_bytes_v1":      {2, fromNone},
	"vec_value.get_bytes_view_v1": {2, 2},

	"map_value.get_i32_bytes_v1":             {2, fromNone},
	"map_value.get_bytes_bytes_v1":           {2, fromNone},
	"map_value.get_bytes_view_bytes_v1":      {2, fromNone},
	"map_value.get_i32_bytes_view_v1":        {2, 2},
	"map_value.get_bytes_bytes_view_v1":      {2, 2},
	"map_value.get_bytes_view_bytes_view_v1": {2, 2},

	"std.brand.erase_view_v1":                          {brandNone, 0},
	"__internal.bytes.clone_v1":                        {0, fromNone},
	"__internal.result_bytes.unwrap_ok_v1":             {0, fromNone},
	"__internal.brand.view_to_bytes_preserve_brand_v1": {0, fromNone},
}

// resultOf is the value of a builtin whose row says its type.
func (f *fn) resultOf(b *types.Builtin, n *Node, args []val) val {
	v := val{n: n, brand: b.Brand}
	r, ok := rules[b.Name]
	if !ok {
		return v
	}
	switch {
	case r.brand == brandAny:
		v.brand = anyBrand
	case r.brand >= 0:
		v.brand = args[r.brand].brand
		if v.brand == anyBrand && !wraps(n.Type) {
			v.brand = ""
		}
	}
	if n.Type.IsView() && r.from >= 0 {
		v.from = args[r.from].from
		v.full = args[r.from].full && b.Params[0].Mode == types.NamedOwner && b.Name != "bytes.subview" ||
			b.Name == "std.brand.erase_view_v1" && args[0].full
	}
	return v
}

// symbol checks an argument that is a bare name.
func (f *fn) symbol(b *types.Builtin, a *ast.Expr, what string) string {
	if a.Kind != ast.Atom || ast.CheckSymbol(a.Text) != nil {
		f.fail(kindParse, "%s expects a %s", b.Name, what)
	}
	return a.Text
}
