package lower

import (
	"x07/internal/check"
	"x07/internal/ir"
	"x07/internal/types"
)

// arena hands out nodes and argument lists from larger pieces, because a
// program has hundreds of thousands of them.
type arena struct {
	nodes []ir.Expr
	ptrs  []*ir.Expr
}

func (a *arena) new(op ir.Op, t types.Type) *ir.Expr {
	if len(a.nodes) == 0 {
		a.nodes = make([]ir.Expr, 256)
	}
	e := &a.nodes[0]
	a.nodes = a.nodes[1:]
	e.Op, e.Type = op, t
	return e
}

func (a *arena) args(es ...*ir.Expr) []*ir.Expr {
	if len(a.ptrs) < len(es) {
		a.ptrs = make([]*ir.Expr, max(512, len(es)))
	}
	out := a.ptrs[:len(es):len(es)]
	a.ptrs = a.ptrs[len(es):]
	copy(out, es)
	return out
}

// local is the IR local of a variable.
func (l *fn) local(v *check.Var) ir.LocalID {
	if l.locals[v.ID] < 0 {
		l.locals[v.ID] = l.newLocal(v.Name, v.Type)
	}
	return l.locals[v.ID]
}

func (l *fn) newLocal(name string, t types.Type) ir.LocalID {
	l.out.Locals = append(l.out.Locals, ir.Local{Name: name, Type: t})
	return ir.LocalID(len(l.out.Locals) - 1)
}

// temp is a local that owns what it holds only until it is taken.
func (l *fn) temp(t types.Type) ir.LocalID { return l.newLocal("", t) }

func (l *fn) label() ir.LabelID {
	l.labels++
	return l.labels
}

func (l *fn) get(id ir.LocalID) *ir.Expr {
	e := l.new(ir.OpGet, l.out.Locals[id].Type)
	e.Local = id
	return e
}

// take moves the value of a local out; a copy is as good when it owns nothing.
func (l *fn) take(id ir.LocalID) *ir.Expr {
	e := l.get(id)
	if e.Type.IsOwned() {
		e.Op = ir.OpTake
	}
	return e
}

func (l *fn) drop(id ir.LocalID) *ir.Expr {
	e := l.new(ir.OpDrop, types.Invalid)
	e.Local = id
	return e
}

func (l *fn) setTo(id ir.LocalID, value *ir.Expr) *ir.Expr {
	e := l.new(ir.OpSet, types.Invalid)
	e.Local = id
	e.Args = l.args(value)
	return e
}

// seq evaluates items in order; a sequence of one that gives t is that one.
func (l *fn) seq(t types.Type, items []*ir.Expr) *ir.Expr {
	if len(items) == 1 && items[0].Type == t {
		return items[0]
	}
	e := l.new(ir.OpSeq, t)
	e.Args = items
	return e
}

func (l *fn) int(v int32) *ir.Expr {
	e := l.new(ir.OpConst, types.I32)
	e.Imm = int64(v)
	return e
}

func (l *fn) zero(t types.Type) *ir.Expr { return l.new(ir.OpZero, t) }

// field is word i of a local, which keeps its value.
func (l *fn) field(id ir.LocalID, i int) *ir.Expr {
	e := l.new(ir.OpField, types.I32)
	e.Imm = int64(i)
	e.Args = l.args(l.get(id))
	return e
}

func (l *fn) pack(t types.Type, words ...*ir.Expr) *ir.Expr {
	e := l.new(ir.OpPack, t)
	e.Args = l.args(words...)
	return e
}

func (l *fn) cond(c, a, b *ir.Expr, t types.Type) *ir.Expr {
	e := l.new(ir.OpIf, t)
	e.Args = l.args(c, a, b)
	return e
}

func (l *fn) bin(op ir.Bin, a, b *ir.Expr) *ir.Expr {
	e := l.new(ir.OpBin, types.I32)
	e.Bin = op
	e.Args = l.args(a, b)
	return e
}

// asView sees an owner or a view as a view.
func (l *fn) asView(v *ir.Expr) *ir.Expr {
	if v.Type == types.BytesView {
		return v
	}
	if v.Op == ir.OpSeq {
		// Look through what fills a temporary first.
		last := len(v.Args) - 1
		v.Args[last] = l.asView(v.Args[last])
		v.Type = types.BytesView
		return v
	}
	e := l.new(ir.OpAsView, types.BytesView)
	e.Args = l.args(v)
	return e
}

// pos is the position of a node that can trap.
func (l *fn) pos(n *check.Node) ir.Pos {
	if n.Src == nil {
		return 0
	}
	return l.position(n.Src.Ptr())
}

func (l *fn) position(ptr string) ir.Pos {
	l.prog.Positions = append(l.prog.Positions, ir.Position{Module: l.src.Module, Func: l.src.Name, Ptr: ptr})
	return ir.Pos(len(l.prog.Positions) - 1)
}
