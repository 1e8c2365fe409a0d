package opt

import (
	"x07/internal/ir"
	"x07/internal/types"
)

// exits turns the way in which programs leave a loop into a jump. The language
// has no break: a body that wants no further iteration sets the loop variable
// to the end less one, and the step and the test do the rest.
//
// Where such an assignment is the last thing that an iteration does, and the
// end still has the value with which the loop began, the step makes the
// variable equal to the end and the test fails. So the assignment becomes
// "variable = end; leave the loop". The variable is not even set when nothing
// outside of the body reads it. An end is followed when it is a constant, a
// number in a local that the body leaves alone, or the length of something
// whose length the body leaves alone; pointers to any of them rule it out.
// What the removed nodes charged is charged by the jump.
func exits(f *ir.Func) {
	x := &exitPass{labels: maxLabel(f.Body), reads: make([]int32, len(f.Locals)), addr: make([]bool, len(f.Locals))}
	loops := false
	eachExpr(f.Body, func(e *ir.Expr) {
		switch e.Op {
		case ir.OpFor:
			loops = true
		case ir.OpGet, ir.OpTake:
			x.reads[e.Local]++
		case ir.OpAddrOf:
			x.addr[e.Local] = true
		}
	})
	if loops {
		f.Body = x.rewrite(f.Body)
	}
}

type exitPass struct {
	labels ir.LabelID // the largest label in use
	reads  []int32    // places that read each local
	addr   []bool     // its address is taken
}

// rewrite returns what takes the place of e.
func (x *exitPass) rewrite(e *ir.Expr) *ir.Expr {
	for i, a := range e.Args {
		e.Args[i] = x.rewrite(a)
	}
	if e.Op != ir.OpFor || x.addr[e.Local] {
		return e
	}
	end := last(e.Args[1])
	if !x.lasting(end, e) {
		return e
	}
	inside := int32(0)
	eachExpr(e.Args[2], func(b *ir.Expr) {
		if (b.Op == ir.OpGet || b.Op == ir.OpTake) && b.Local == e.Local {
			inside++
		}
	})
	t := &tail{loop: e, end: end, label: x.labels + 1, keep: x.reads[e.Local] != inside}
	e.Args[2] = t.rewrite(e.Args[2])
	if !t.left {
		return e
	}
	x.labels++
	return &ir.Expr{Op: ir.OpLabeled, Pos: e.Pos, Label: t.label, Args: []*ir.Expr{e}}
}

// lasting reports whether end, the end of a loop, keeps its value while the
// body runs.
func (x *exitPass) lasting(end, loop *ir.Expr) bool {
	if end.Op == ir.OpConst {
		return true
	}
	l := lengthIn(end)
	if end.Op == ir.OpGet {
		l = end.Local
	}
	return l >= 0 && l != loop.Local && !x.addr[l] && !changes(loop.Args[2], l)
}

// lengthIn is the local whose length e is; -1 for anything else.
func lengthIn(e *ir.Expr) ir.LocalID {
	if e.Op == ir.OpField && e.Imm == 1 {
		if a := e.Args[0]; a.Op == ir.OpGet || a.Op == ir.OpAsView {
			return sized(a)
		}
	}
	return -1
}

// tail looks for assignments that end a loop at the end of its body.
type tail struct {
	loop, end *ir.Expr
	label     ir.LabelID
	keep      bool // something behind the loop reads its variable
	left      bool // the loop is left somewhere
}

// rewrite returns what takes the place of e, after which an iteration ends.
func (t *tail) rewrite(e *ir.Expr) *ir.Expr {
	switch e.Op {
	case ir.OpSeq:
		if n := len(e.Args); n > 0 {
			e.Args[n-1] = t.rewrite(e.Args[n-1])
			e.Type = e.Args[n-1].Type
		}
	case ir.OpLabeled:
		e.Args[0] = t.rewrite(e.Args[0])
	case ir.OpIf:
		e.Args[1], e.Args[2] = t.rewrite(e.Args[1]), t.rewrite(e.Args[2])
	case ir.OpSet:
		if e.Local == t.loop.Local && t.endLessOne(e.Args[0]) {
			t.left = true
			return t.leave(e)
		}
	}
	return e
}

// leave is what set becomes.
func (t *tail) leave(set *ir.Expr) *ir.Expr {
	jump := &ir.Expr{Op: ir.OpBreak, Type: types.Never, Label: t.label, Pos: set.Pos}
	eachExpr(set, func(e *ir.Expr) { jump.Fuel += e.Fuel })
	if !t.keep {
		return jump
	}
	end := cloneExpr(t.end)
	eachExpr(end, func(e *ir.Expr) { e.Fuel = 0 })
	set.Args[0], set.Fuel = end, 0
	return &ir.Expr{Op: ir.OpSeq, Type: types.Never, Pos: set.Pos, Args: []*ir.Expr{set, jump}}
}

// endLessOne reports whether v is one less than the end of the loop.
func (t *tail) endLessOne(v *ir.Expr) bool {
	if t.end.Op == ir.OpConst {
		return v.Op == ir.OpConst && int32(v.Imm) == int32(t.end.Imm)-1
	}
	if v.Op != ir.OpBin || v.Bin != ir.Sub || v.Args[1].Op != ir.OpConst || int32(v.Args[1].Imm) != 1 {
		return false
	}
	n := v.Args[0]
	if t.end.Op == ir.OpGet {
		return n.Op == ir.OpGet && n.Local == t.end.Local
	}
	l := lengthIn(n)
	return l >= 0 && l == lengthIn(t.end)
}
