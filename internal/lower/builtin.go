package lower

import (
	"x07/internal/check"
	"x07/internal/ir"
	"x07/internal/types"
)

// lowering spells out a builtin that the code generator never sees.
type lowering func(l *fn, n *check.Node) *ir.Expr

// builtin lowers a builtin head.
func (l *fn) builtin(n *check.Node) *ir.Expr {
	if n.Head.Impl == types.Lowered {
		f := lowered(n.Head.Name)
		if f == nil {
			panic("lower: no lowering of " + n.Head.Name)
		}
		return f(l, n)
	}
	e := l.new(ir.OpBuiltin, n.Type)
	e.Builtin = n.Head
	if n.Head.Allocates || len(n.Head.Traps) > 0 || n.Head.Impl == types.Host {
		e.Pos = l.pos(n)
	}
	e.Args = make([]*ir.Expr, len(n.Args))
	var pre []*ir.Expr
	for i, a := range n.Args {
		p := n.Head.Params[i]
		owned := a.Type.IsOwned()
		switch {
		case p.Mode == types.AnyView || p.Mode == types.AnyViewOrVec:
			e.Args[i] = l.stage(n, a, l.asView(l.expr(a)), &pre)
		case owned && a.Kind == check.Temp:
			// It is read in place: the code generator must see the local.
			// Such arguments come first, so nothing is reordered.
			pre = append(pre, l.stmt(a))
			e.Args[i] = l.get(l.local(a.Var))
		case a.Kind == check.Use && owned && (p.Mode == types.InPlace):
			// Read last, so it does not wait.
			e.Args[i] = l.expr(a)
		default:
			e.Args[i] = l.stage(n, a, l.expr(a), &pre)
		}
	}
	if len(pre) == 0 {
		return e
	}
	return l.seq(n.Type, append(pre, e))
}

// operand is a lowered value whose words can be read any number of times: id,
// after pre has been evaluated. fuel is what the value costs.
type operand struct {
	pre  []*ir.Expr
	id   ir.LocalID
	fuel uint32
}

// operand lowers n and keeps its words in a local, which is the variable
// itself when n only reads one.
func (l *fn) operand(n *check.Node) operand {
	return l.words(l.expr(n))
}

func (l *fn) words(e *ir.Expr) operand {
	switch {
	case e.Op == ir.OpGet:
		return operand{id: e.Local, fuel: e.Fuel}
	case e.Op == ir.OpAsView && e.Args[0].Op == ir.OpGet:
		return operand{id: e.Args[0].Local, fuel: e.Fuel + e.Args[0].Fuel}
	case e.Op == ir.OpSeq && len(e.Args) > 0:
		last := len(e.Args) - 1
		in := l.words(e.Args[last])
		in.pre = append(e.Args[:last:last], in.pre...)
		in.fuel += e.Fuel
		return in
	}
	t := l.temp(e.Type)
	return operand{pre: []*ir.Expr{l.setTo(t, e)}, id: t}
}

// copied is as operand, but no later argument can change the words.
func (l *fn) copied(n *check.Node) operand {
	e := l.expr(n)
	t := l.temp(e.Type)
	return operand{pre: []*ir.Expr{l.setTo(t, e)}, id: t}
}

// with is e after what o needs.
func (l *fn) with(o operand, e *ir.Expr) *ir.Expr {
	if len(o.pre) > 0 {
		e = l.seq(e.Type, append(o.pre, e))
	}
	e.Fuel += o.fuel
	return e
}

// word is a head that reads one word of its argument.
func word(i int) lowering {
	return func(l *fn, n *check.Node) *ir.Expr {
		o := l.operand(n.Args[0])
		return l.with(o, l.field(o.id, i))
	}
}

// same is a head that changes nothing at run time.
func same(l *fn, n *check.Node) *ir.Expr { return l.expr(n.Args[0]) }

func zero(l *fn, n *check.Node) *ir.Expr { return l.zero(n.Type) }

// viewOf is a head that sees its owner as a view.
func viewOf(l *fn, n *check.Node) *ir.Expr { return l.asView(l.expr(n.Args[0])) }

// wrap is a head that puts a tag before the words of its argument.
func wrap(tag int32) lowering {
	return func(l *fn, n *check.Node) *ir.Expr {
		return l.tagged(n.Type, tag, l.expr(n.Args[0]))
	}
}

// tagged packs a tag and a payload. An error has one word; the words after it
// are zero, so that the last word says that nothing is owned.
func (l *fn) tagged(t types.Type, tag int32, v *ir.Expr) *ir.Expr {
	if v.Type == types.I32 {
		ws := l.args(l.int(tag), v)
		for len(ws) < t.Words() {
			ws = append(ws, l.int(0))
		}
		e := l.new(ir.OpPack, t)
		e.Args = ws
		return e
	}
	o := l.words(v)
	return l.with(o, l.pack(t, l.int(tag), l.field(o.id, 0), l.field(o.id, 1)))
}

// errCode is the code of a result, 0 for ok.
func errCode(l *fn, n *check.Node) *ir.Expr {
	o := l.operand(n.Args[0])
	return l.with(o, l.cond(l.field(o.id, 0), l.int(0), l.field(o.id, 1), types.I32))
}

// payload packs the words of a wrapped value after its tag.
func (l *fn) payload(t types.Type, id ir.LocalID) *ir.Expr {
	if t == types.I32 {
		return l.field(id, 1)
	}
	ws := make([]*ir.Expr, t.Words())
	for i := range ws {
		ws[i] = l.field(id, i+1)
	}
	return l.pack(t, ws...)
}

// unwrapOr is the value of a container or its default.
func unwrapOr(l *fn, n *check.Node) *ir.Expr {
	c := l.copied(n.Args[0])
	d := n.Args[1]
	items := c.pre
	if n.Staged {
		l.declare(c.id)
	}
	var other *ir.Expr
	switch {
	case n.Head.Params[1].Mode == types.Lazy, d.Kind == check.Use && d.Type.IsOwned():
		other = l.expr(d)
	case d.Kind == check.Temp:
		items = append(items, l.stmt(d))
		other = l.take(l.local(d.Var))
	default:
		o := l.copied(d)
		items = append(items, o.pre...)
		other = l.get(o.id)
	}
	id := c.id
	if n.Staged {
		// It was dropped by whatever left; now it is taken for good.
		id = l.temp(l.out.Locals[c.id].Type)
		items = append(items, l.setTo(id, l.take(c.id)))
	}
	return l.seq(n.Type, append(items, l.cond(l.field(id, 0), l.payload(n.Type, id), other, n.Type)))
}

// address is the address that is the first word of an owner or view.
func address(l *fn, n *check.Node) *ir.Expr {
	o := l.operand(n.Args[0])
	return l.with(o, l.pack(n.Type, l.field(o.id, 0)))
}

// repoint sees the one word of a pointer as another pointer.
func repoint(l *fn, n *check.Node) *ir.Expr {
	return l.pack(n.Type, l.pointerWord(n.Args[0]))
}

func (l *fn) pointerWord(n *check.Node) *ir.Expr {
	e := l.new(ir.OpField, types.I32)
	e.Args = l.args(l.expr(n))
	return e
}

// step moves a pointer by a number of elements.
func step(op ir.Bin) lowering {
	return func(l *fn, n *check.Node) *ir.Expr {
		p := l.pointerWord(n.Args[0])
		by := l.expr(n.Args[1])
		if n.Type == types.PtrConstI32 || n.Type == types.PtrMutI32 {
			by = l.bin(ir.Mul, by, l.int(4))
		}
		return l.pack(n.Type, l.bin(op, p, by))
	}
}

// lowered finds the lowering of a builtin whose Impl is Lowered; brand casts
// are nodes of their own.
func lowered(name string) lowering {
	switch name {
	case "bytes.len", "view.len", "vec_u8.len":
		return word(1)
	case "vec_u8.cap":
		return word(2)
	case "option_i32.is_some", "option_bytes.is_some", "option_bytes_view.is_some", "result_i32.is_ok",
		"result_bytes.is_ok", "result_bytes_view.is_ok", "result_result_bytes.is_ok":
		return word(0)
	case "result_i32.err_code", "result_bytes.err_code", "result_bytes_view.err_code", "result_result_bytes.err_code":
		return errCode
	case "option_i32.some", "option_bytes.some", "option_bytes_view.some",
		"result_i32.ok", "result_bytes.ok", "result_bytes_view.ok":
		return wrap(1)
	case "result_i32.err", "result_bytes.err", "result_bytes_view.err":
		return wrap(0)
	case "option_i32.unwrap_or", "option_bytes.unwrap_or", "option_bytes_view.unwrap_or", "result_i32.unwrap_or",
		"result_bytes.unwrap_or", "result_bytes_view.unwrap_or", "result_result_bytes.unwrap_or":
		return unwrapOr
	case "bytes.empty", "option_i32.none", "option_bytes.none", "option_bytes_view.none":
		return zero
	case "bytes.view", "vec_u8.as_view", "std.brand.view_v1":
		return viewOf
	case "std.brand.assume_bytes_v1", "std.brand.erase_bytes_v1", "std.brand.erase_view_v1", "__internal.brand.assume_view_v1":
		return same
	case "std.brand.to_bytes_preserve_if_full_v1", "__internal.brand.view_to_bytes_preserve_brand_v1":
		return func(l *fn, n *check.Node) *ir.Expr { return l.toBytes(n, l.expr(n.Args[0])) }
	case "bytes.as_ptr", "bytes.as_mut_ptr", "vec_u8.as_ptr", "vec_u8.as_mut_ptr", "view.as_ptr":
		return address
	case "ptr.null":
		return func(l *fn, n *check.Node) *ir.Expr { return l.pack(n.Type, l.int(0)) }
	case "ptr.as_const", "ptr.cast":
		return repoint
	case "ptr.add", "ptr.offset":
		return step(ir.Add)
	case "ptr.sub":
		return step(ir.Sub)
	case "prng.lcg_next_u32":
		return func(l *fn, n *check.Node) *ir.Expr {
			return l.bin(ir.Add, l.bin(ir.Mul, l.expr(n.Args[0]), l.int(1103515245)), l.int(12345))
		}
	case "iface.make_v1":
		return func(l *fn, n *check.Node) *ir.Expr {
			data := l.expr(n.Args[0])
			return l.pack(types.Iface, data, l.expr(n.Args[1]))
		}
	case "vec_u8.clear":
		return func(l *fn, n *check.Node) *ir.Expr {
			o := l.operand(n.Args[0])
			return l.with(o, l.pack(types.VecU8, l.field(o.id, 0), l.int(0), l.field(o.id, 2)))
		}
	case "__internal.bytes.drop_v1":
		return func(l *fn, n *check.Node) *ir.Expr {
			o := l.operand(n.Args[0])
			o.pre = append(o.pre, l.drop(o.id))
			return l.with(o, l.int(0))
		}
	case "__internal.result_bytes.unwrap_ok_v1":
		return func(l *fn, n *check.Node) *ir.Expr {
			o := l.operand(n.Args[0])
			return l.with(o, l.cond(l.field(o.id, 0), l.payload(types.Bytes, o.id), l.zero(types.Bytes), types.Bytes))
		}
	}
	return nil
}

// toBytes copies a view.
func (l *fn) toBytes(n *check.Node, v *ir.Expr) *ir.Expr {
	e := l.new(ir.OpBuiltin, types.Bytes)
	e.Builtin = types.Lookup("view.to_bytes")
	e.Pos = l.pos(n)
	e.Args = l.args(v)
	return e
}

// cast lowers the brand casts: the validator sees a view of the value.
func (l *fn) cast(n *check.Node) *ir.Expr {
	v := l.copied(n.Args[0])
	call := l.new(ir.OpCall, types.ResultI32)
	call.Func = ir.FuncID(n.Fn.ID)
	call.Args = l.args(l.asView(l.get(v.id)))
	rt := l.temp(types.ResultI32)
	items := append(v.pre, l.setTo(rt, call))
	fail := l.pack(n.Type, l.int(0), l.field(rt, 1), l.int(0))
	var ok *ir.Expr
	switch n.Head.Name {
	case "std.brand.cast_bytes_v1":
		ok = l.pack(n.Type, l.int(1), l.field(v.id, 0), l.field(v.id, 1))
		fail = l.seq(n.Type, l.args(l.drop(v.id), fail))
	case "std.brand.cast_view_copy_v1":
		ok = l.tagged(n.Type, 1, l.toBytes(n, l.get(v.id)))
	default:
		ok = l.pack(n.Type, l.int(1), l.field(v.id, 0), l.field(v.id, 1))
	}
	return l.seq(n.Type, append(items, l.cond(l.field(rt, 0), ok, fail, n.Type)))
}
