package check

import (
	"x07/internal/ast"
	"x07/internal/types"
)

// specialOf finds the rule of a builtin whose typing its row cannot say.
func specialOf(name string) func(*fn, *ast.Expr, *types.Builtin, []*ast.Expr) val {
	switch name {
	case "option_bytes.unwrap_or", "option_bytes_view.unwrap_or", "result_bytes.unwrap_or",
		"result_bytes_view.unwrap_or", "result_result_bytes.unwrap_or":
		return (*fn).unwrapOr
	case "std.brand.cast_bytes_v1", "std.brand.cast_view_v1", "std.brand.cast_view_copy_v1":
		return (*fn).cast
	case "std.brand.assume_bytes_v1", "__internal.brand.assume_view_v1":
		return (*fn).assume
	case "std.brand.to_bytes_preserve_if_full_v1":
		return (*fn).preserveIfFull
	case "addr_of", "addr_of_mut":
		return (*fn).addrOf
	case "ptr.as_const", "ptr.cast", "ptr.add", "ptr.sub", "ptr.offset", "ptr.read_u8", "ptr.write_u8",
		"ptr.read_i32", "ptr.write_i32", "memcpy", "memmove", "memset":
		return (*fn).pointer
	}
	return nil
}

// unwrapOr checks the heads with a default that may have a brand or a source.
func (f *fn) unwrapOr(e *ast.Expr, b *types.Builtin, args []*ast.Expr) val {
	n := f.node(Builtin, b.Result, e, 1)
	n.Head = b
	var hs holds
	c := f.arg(b, 0, args[0], &hs)
	leaves := f.leaves
	var d val
	switch b.Params[1].Mode {
	case types.Lazy:
		mark := f.openBranch()
		d = f.scoped(args[1], false)
		changes := f.closeBranch(mark)
		if d.n.Type == types.Never {
			f.badArgs(b)
		}
		f.merge(changes, nil)
	case types.OwnedKept:
		if w := f.keptDefault(args[1]); w != nil {
			f.live(w, args[1])
			if w.status.borrows > 0 {
				f.failAt(kindTyping, args[1], "move while borrowed: %q", w.Name)
			}
			u := f.node(Use, w.Type, args[1], 1)
			u.Var = w
			d = val{n: u, brand: w.brand}
		} else {
			d = f.value(args[1])
			if d.n.Type.IsOwned() {
				d = f.temp(d)
			}
		}
	default:
		d = f.value(args[1])
		if d.n.Type.IsOwned() {
			d = f.temp(d)
		}
	}
	if d.n.Type != b.Params[1].Type {
		f.badArgs(b)
	}
	f.releaseAll(&hs)
	n.Args = f.list(c.n, d.n)
	n.Staged = waits(c.n) && f.leaves > leaves && b.Params[1].Mode != types.Lazy
	out := val{n: n, brand: joinBrands(c.brand, d.brand)}
	if b.Result.IsView() {
		out.from = f.join(c.from, d.from, b.Result)
	}
	return out
}

// keptDefault is the local that a default names.
func (f *fn) keptDefault(a *ast.Expr) *Var {
	if a.Kind != ast.Atom || a.Text == inputName {
		return nil
	}
	if w := f.lookup(a); w.Type == types.Bytes {
		return w
	}
	return nil
}

// cast checks the brand casts that run a validator.
func (f *fn) cast(e *ast.Expr, b *types.Builtin, args []*ast.Expr) val {
	brand := f.symbol(b, args[0], "brand_id string")
	name := f.symbol(b, args[1], "validator symbol")
	h := f.c.heads[name]
	if h == nil || h.form != formFunc {
		f.failAt(kindTyping, args[1], "unknown identifier: %q", name)
	}
	v := h.fn
	ps := v.decl.params
	if len(ps) != 1 || ps[0].typ != types.BytesView || ps[0].brand != "" || v.Result != types.ResultI32 {
		f.fail(kindTyping, "validator must have signature (bytes_view)->result_i32: %q", name)
	}
	var hs holds
	a := f.arg(b, 2, args[2], &hs)
	f.releaseAll(&hs)
	n := f.node(Cast, b.Result, e, 1)
	n.Head, n.Fn, n.Args = b, v, f.list(a.n)
	return val{n: n, brand: brand, from: a.from}
}

// assume checks the brand changes that check nothing.
func (f *fn) assume(e *ast.Expr, b *types.Builtin, args []*ast.Expr) val {
	brand := f.symbol(b, args[0], "brand_id string")
	var hs holds
	a := f.arg(b, 1, args[1], &hs)
	f.releaseAll(&hs)
	n := f.node(Builtin, b.Result, e, 1)
	n.Head, n.Args = b, f.list(a.n)
	return val{n: n, brand: brand, from: a.from}
}

func (f *fn) preserveIfFull(e *ast.Expr, b *types.Builtin, args []*ast.Expr) val {
	var hs holds
	a := f.arg(b, 0, args[0], &hs)
	f.releaseAll(&hs)
	n := f.node(Builtin, b.Result, e, 1)
	n.Head, n.Args = b, f.list(a.n)
	v := val{n: n}
	if a.full {
		v.brand = a.brand
	}
	return v
}

// addrOf checks the address of a variable.
func (f *fn) addrOf(e *ast.Expr, b *types.Builtin, args []*ast.Expr) val {
	if args[0].Kind != ast.Atom {
		f.fail(kindTyping, "%s expects an identifier", b.Name)
	}
	n := f.node(AddrOf, b.Result, e, 1)
	if v := f.lookup(args[0]); v != nil {
		f.live(v, args[0])
		v.Addressed = true
		n.Var = v
	}
	return val{n: n}
}

// pointerRule says which pointers a head takes first and, for copies, second.
type pointerRule struct {
	first, second []types.Type
}

var (
	anyPointer = []types.Type{types.PtrConstU8, types.PtrMutU8, types.PtrConstVoid, types.PtrMutVoid, types.PtrConstI32, types.PtrMutI32}
	sized      = []types.Type{types.PtrConstU8, types.PtrMutU8, types.PtrConstI32, types.PtrMutI32}
	mutVoid    = []types.Type{types.PtrMutVoid}
	readable   = []types.Type{types.PtrConstVoid, types.PtrMutVoid}
)

var pointerRules = map[string]pointerRule{
	"ptr.as_const":  {first: anyPointer},
	"ptr.cast":      {second: anyPointer},
	"ptr.add":       {first: sized},
	"ptr.sub":       {first: sized},
	"ptr.offset":    {first: sized},
	"ptr.read_u8":   {first: []types.Type{types.PtrConstU8, types.PtrMutU8}},
	"ptr.write_u8":  {first: []types.Type{types.PtrMutU8}},
	"ptr.read_i32":  {first: []types.Type{types.PtrConstI32, types.PtrMutI32}},
	"ptr.write_i32": {first: []types.Type{types.PtrMutI32}},
	"memcpy":        {first: mutVoid, second: readable},
	"memmove":       {first: mutVoid, second: readable},
	"memset":        {first: mutVoid},
}

var constOf = map[types.Type]types.Type{
	types.PtrMutU8:   types.PtrConstU8,
	types.PtrMutVoid: types.PtrConstVoid,
	types.PtrMutI32:  types.PtrConstI32,
}

// pointer checks the heads on raw pointers.
func (f *fn) pointer(e *ast.Expr, b *types.Builtin, args []*ast.Expr) val {
	r := pointerRules[b.Name]
	n := f.node(Builtin, b.Result, e, 1)
	n.Head = b
	for i, a := range args {
		p := b.Params[i]
		if p.Mode == types.Atom {
			t, ok := types.ByToken(a.Text)
			if a.Kind != ast.Atom || !ok || !t.IsPtr() {
				f.fail(kindTyping, "%s expects a raw pointer type", b.Name)
			}
			n.Type = t
			continue
		}
		v := f.value(a)
		want := []types.Type{p.Type}
		if p.Mode == types.AnyPtr {
			want = r.first
			if i > 0 {
				want = r.second
			}
		}
		if !oneOf(v.n.Type, want) {
			f.fail(kindTyping, "%s expects %s, got %s for arg %d", b.Name, tokens(want), v.n.Type, i)
		}
		n.Args = append(n.Args, v.n)
	}
	switch b.Name {
	case "ptr.as_const":
		n.Type = n.Args[0].Type
		if t, ok := constOf[n.Type]; ok {
			n.Type = t
		}
	case "ptr.add", "ptr.sub", "ptr.offset":
		n.Type = n.Args[0].Type
	}
	return val{n: n}
}

func oneOf(t types.Type, set []types.Type) bool {
	for _, s := range set {
		if s == t {
			return true
		}
	}
	return false
}

func tokens(set []types.Type) string {
	s := ""
	for i, t := range set {
		if i > 0 {
			s += " or "
		}
		s += t.Token()
	}
	return s
}
