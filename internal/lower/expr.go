package lower

import (
	"x07/internal/check"
	"x07/internal/ir"
	"x07/internal/types"
)

// expr lowers a node whose value is used.
func (l *fn) expr(n *check.Node) *ir.Expr {
	e := l.expr1(n)
	if n.Kind != check.Block || len(n.Args) > 1 {
		// A block of one is its element and costs nothing itself.
		e.Fuel += uint32(n.Fuel)
	}
	return e
}

func (l *fn) expr1(n *check.Node) *ir.Expr {
	switch n.Kind {
	case check.Int:
		return l.int(n.Imm)
	case check.Lit:
		e := l.new(ir.OpLit, types.Bytes)
		e.Data = n.Text
		if n.Text != "" {
			e.Pos = l.pos(n)
		}
		return e
	case check.Input:
		return l.new(ir.OpInput, types.BytesView)
	case check.Use:
		return l.take(l.local(n.Var))
	case check.Place:
		return l.get(l.local(n.Var))
	case check.Temp:
		s := l.stmt(n)
		return l.seq(n.Type, l.args(s, l.get(l.local(n.Var))))
	case check.Let, check.Set:
		s := l.stmt(n)
		return l.seq(n.Type, l.args(s, l.get(l.local(n.Var))))
	case check.Block:
		return l.block(n)
	case check.If:
		c := l.expr(n.Args[0])
		a, b := l.expr(n.Args[1]), l.expr(n.Args[2])
		return l.cond(c, a, b, n.Type)
	case check.For:
		return l.seq(types.I32, l.args(l.forLoop(n), l.int(0)))
	case check.Return:
		return l.leave(l.expr(n.Args[0]))
	case check.Try:
		return l.try(n)
	case check.Bin:
		a := l.expr(n.Args[0])
		return l.bin(ir.Bin(n.Op), a, l.expr(n.Args[1]))
	case check.Call:
		return l.call(n)
	case check.Builtin:
		return l.builtin(n)
	case check.Cast:
		return l.cast(n)
	case check.AddrOf:
		return l.addrOf(n)
	}
	panic("lower: no such kind of node")
}

// stmt lowers a node whose value is ignored. A value of an owned type never
// gets here but in a Temp, which keeps it.
func (l *fn) stmt(n *check.Node) *ir.Expr {
	switch n.Kind {
	case check.Temp, check.Let:
		v := l.expr(n.Args[0])
		s := l.setTo(l.local(n.Var), v)
		l.declare(l.local(n.Var))
		if n.Stmt {
			s.Fuel += uint32(n.Fuel)
		}
		return s
	case check.Set:
		return l.set(n)
	case check.For:
		e := l.forLoop(n)
		e.Fuel += uint32(n.Fuel)
		return e
	case check.Block, check.If, check.Return:
		e := l.expr(n)
		if e.Type == types.Invalid || e.Type == types.Never {
			return e
		}
		return l.do(e)
	}
	return l.do(l.expr(n))
}

func (l *fn) do(v *ir.Expr) *ir.Expr {
	if v.Type == types.Never || v.Type == types.Invalid {
		return v
	}
	e := l.new(ir.OpDo, types.Invalid)
	e.Args = l.args(v)
	return e
}

// set lowers an assignment: the right side is evaluated first, then the old
// value is dropped.
func (l *fn) set(n *check.Node) *ir.Expr {
	v := l.expr(n.Args[0])
	id := l.local(n.Var)
	if !n.Type.IsOwned() && !n.Var.Type.IsOwned() || takes(v, id) {
		return l.setTo(id, v)
	}
	r := l.temp(v.Type)
	return l.seq(types.Invalid, l.args(l.setTo(r, v), l.drop(id), l.setTo(id, l.take(r))))
}

// takes reports whether evaluating v certainly leaves local id zero: its value
// is moved into v, as in the idiom v = push(v, x).
func takes(v *ir.Expr, id ir.LocalID) bool {
	switch v.Op {
	case ir.OpTake:
		return v.Local == id
	case ir.OpCall, ir.OpBuiltin:
		for i, a := range v.Args {
			if takes(a, id) {
				for j, b := range v.Args {
					if j != i && assigns(b, id, 8) {
						return false
					}
				}
				return true
			}
		}
	}
	return false
}

// assigns reports whether e may give local id a value; beyond depth it says
// that it may.
func assigns(e *ir.Expr, id ir.LocalID, depth int) bool {
	if e.Op == ir.OpSet && e.Local == id || depth == 0 {
		return true
	}
	for _, a := range e.Args {
		if assigns(a, id, depth-1) {
			return true
		}
	}
	return false
}

// block lowers a scope.
func (l *fn) block(n *check.Node) *ir.Expr {
	l.open()
	items := make([]*ir.Expr, 0, len(n.Args)+len(n.Vars))
	last := len(n.Args) - 1
	for _, a := range n.Args[:last] {
		items = append(items, l.stmt(a))
	}
	var v *ir.Expr
	if n.Stmt {
		v = l.stmt(n.Args[last])
	} else {
		v = l.expr(n.Args[last])
	}
	items = l.finish(items, v, n.Vars)
	l.close()
	t := n.Type
	if v.Type == types.Never {
		t = types.Never
	}
	return l.seq(t, items)
}

func (l *fn) forLoop(n *check.Node) *ir.Expr {
	e := l.new(ir.OpFor, types.Invalid)
	e.Local = l.local(n.Var)
	start, end := l.expr(n.Args[0]), l.expr(n.Args[1])
	e.Args = l.args(start, end, l.stmt(n.Args[2]))
	return e
}

// try lowers the payload of a result, or the early return of its error.
func (l *fn) try(n *check.Node) *ir.Expr {
	v := l.expr(n.Args[0])
	r := l.temp(v.Type)
	var payload *ir.Expr
	if v.Type == types.ResultI32 {
		payload = l.field(r, 1)
	} else {
		payload = l.pack(n.Type, l.field(r, 1), l.field(r, 2))
	}
	var err *ir.Expr
	if l.src.Result == types.ResultI32 {
		err = l.pack(types.ResultI32, l.int(0), l.field(r, 1))
	} else {
		err = l.pack(l.src.Result, l.int(0), l.field(r, 1), l.int(0))
	}
	return l.seq(n.Type, l.args(l.setTo(r, v),
		l.cond(l.field(r, 0), payload, l.leave(err), n.Type)))
}

// call lowers a call of a user function.
func (l *fn) call(n *check.Node) *ir.Expr {
	e := l.new(ir.OpCall, n.Type)
	e.Func = ir.FuncID(n.Fn.ID)
	e.Args = make([]*ir.Expr, len(n.Args))
	var pre []*ir.Expr
	for i, a := range n.Args {
		v := l.expr(a)
		if n.Fn.Params[i].Type == types.BytesView {
			v = l.asView(v)
		}
		e.Args[i] = l.stage(n, a, v, &pre)
	}
	if pre == nil {
		return e
	}
	return l.seq(n.Type, append(pre, e))
}

// stage is the argument v, evaluated before the call that needs it when a
// later argument may leave the function: then it waits in a local of the
// scope, which is dropped on the way out.
func (l *fn) stage(call, a *check.Node, v *ir.Expr, pre *[]*ir.Expr) *ir.Expr {
	if !call.Staged || a.Kind == check.Place {
		return v
	}
	t := l.temp(v.Type)
	*pre = append(*pre, l.setTo(t, v))
	l.declare(t)
	return l.take(t)
}

// addrOf lowers the address of a variable.
func (l *fn) addrOf(n *check.Node) *ir.Expr {
	l.out.NoInline = true
	e := l.new(ir.OpAddrOf, n.Type)
	if n.Var != nil {
		e.Local = l.local(n.Var)
		return e
	}
	// The input has no storage of its own: give it a copy of its words.
	id := l.temp(types.BytesView)
	e.Local = id
	return l.seq(n.Type, l.args(l.setTo(id, l.new(ir.OpInput, types.BytesView)), e))
}
