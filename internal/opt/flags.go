package opt

import (
	"x07/internal/ir"
	"x07/internal/types"
)

// flags removes tests of flags that only say how a block was left:
//
//	found = 0
//	labeled L { ... found = 1; break L ... }
//	if found A else B
//
// When every jump to L comes right after an assignment of a constant of one
// truth, nothing else inside assigns the flag, and the constant that it had
// before is of the other truth, then the place from which the test is reached
// decides it. If the branch for the end of the block leaves altogether, it
// moves to that end, and the other one follows the label. The flag is still
// set, for those who read it later. Both branches take over what the test
// charged.
func flags(f *ir.Func) {
	addr := make([]bool, len(f.Locals))
	labels := false
	eachExpr(f.Body, func(e *ir.Expr) {
		switch e.Op {
		case ir.OpAddrOf:
			addr[e.Local] = true
		case ir.OpLabeled:
			labels = true
		}
	})
	if !labels {
		return
	}
	eachExpr(f.Body, func(e *ir.Expr) {
		if e.Op != ir.OpSeq {
			return
		}
		for i := 1; i+1 < len(e.Args); i++ {
			if block, test := e.Args[i], e.Args[i+1]; block.Op == ir.OpLabeled && block.Type == types.Invalid &&
				test.Op == ir.OpIf && test.Args[0].Op == ir.OpGet && !addr[test.Args[0].Local] {
				e.Args[i+1] = thread(e.Args[:i], block, test)
			}
		}
	})
}

// thread moves a branch of test into block if that is possible. It returns
// what follows block then.
func thread(before []*ir.Expr, block, test *ir.Expr) *ir.Expr {
	flag := test.Args[0].Local
	atEnd, known := constantBefore(before, flag)
	if !known {
		return test
	}
	s := flagSetter{flag: flag, label: block.Label, ok: true}
	s.walk(block.Args[0])
	if !s.ok || !s.jumps || s.truth == atEnd {
		return test
	}
	end, jumped := test.Args[2], test.Args[1]
	if atEnd {
		end, jumped = jumped, end
	}
	if end.Type != types.Never {
		return test
	}
	charge := test.Fuel + test.Args[0].Fuel
	end.Fuel += charge
	jumped.Fuel += charge
	body := block.Args[0]
	block.Args[0] = &ir.Expr{Op: ir.OpSeq, Type: types.Never, Pos: body.Pos, Args: []*ir.Expr{body, end}}
	if jumped.Type != test.Type {
		jumped = &ir.Expr{Op: ir.OpSeq, Type: test.Type, Pos: test.Pos, Args: []*ir.Expr{jumped}}
	}
	return jumped
}

// constantBefore is the truth of the constant that the flag holds after seq.
func constantBefore(seq []*ir.Expr, flag ir.LocalID) (truth, known bool) {
	for i := len(seq) - 1; i >= 0; i-- {
		if e := seq[i]; e.Op == ir.OpSet && e.Local == flag {
			if v := e.Args[0]; v.Op == ir.OpConst {
				return int32(v.Imm) != 0, true
			}
			return e.Args[0].Op != ir.OpZero, e.Args[0].Op == ir.OpZero
		}
		if changes(seq[i], flag) {
			break
		}
	}
	return false, false
}

// flagSetter checks the jumps out of a block.
type flagSetter struct {
	flag  ir.LocalID
	label ir.LabelID
	ok    bool // nothing seen that forbids it
	jumps bool // a jump was seen; each comes after the flag became truth
	truth bool
}

func (s *flagSetter) walk(e *ir.Expr) {
	switch e.Op {
	case ir.OpSet, ir.OpTake, ir.OpDrop, ir.OpFor:
		s.ok = s.ok && e.Local != s.flag
	case ir.OpBreak:
		s.ok = s.ok && e.Label != s.label
	case ir.OpSeq:
		if i := s.jump(e.Args); i >= 0 {
			for j, a := range e.Args[:len(e.Args)-1] {
				if j != i {
					s.walk(a)
				}
			}
			return
		}
	}
	for _, a := range e.Args {
		s.walk(a)
	}
}

// jump recognises a sequence that ends with a jump to the label and sets the
// flag to a constant before; it returns where.
func (s *flagSetter) jump(seq []*ir.Expr) int {
	n := len(seq)
	if n < 2 || seq[n-1].Op != ir.OpBreak || seq[n-1].Label != s.label || len(seq[n-1].Args) > 0 {
		return -1
	}
	for i := n - 2; i >= 0; i-- {
		e := seq[i]
		if e.Op == ir.OpSet && e.Local == s.flag && e.Args[0].Op == ir.OpConst {
			truth := int32(e.Args[0].Imm) != 0
			s.ok = s.ok && (!s.jumps || truth == s.truth)
			s.jumps, s.truth = true, truth
			return i
		}
		if e.Op != ir.OpSet { // it may leave or jump
			return -1
		}
	}
	return -1
}
