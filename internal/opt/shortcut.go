package opt

import (
	"x07/internal/ir"
	"x07/internal/types"
)

// shortcuts turns flags that stand for "and then" and "or else" into jumps:
//
//	flag = 0
//	if a { if b { flag = c } else { flag = 1 } }
//	if flag X else Y
//
// When the flag is read by the test alone and is the last thing that each
// path through the if in front of it assigns, if anything, then each path knows
// or decides by itself which branch follows, and jumps there:
//
//	labeled E
//	  labeled Y
//	    labeled X
//	      if a { if b { if c { break X } else { break Y } } else { break X } } else { break Y }
//	    X; break E
//	  Y
//
// Paths that do not assign the flag go where the constant sends them that it
// held before; without one, nothing is changed. Neither is an if that only
// computes, since selecting a number is cheaper than jumping. Each branch takes
// over what the test charged, each jump what the assignment charged.
func shortcuts(f *ir.Func) {
	p := &shortcutPass{labels: maxLabel(f.Body), reads: make([]int32, len(f.Locals))}
	eachExpr(f.Body, func(e *ir.Expr) {
		switch e.Op {
		case ir.OpGet, ir.OpTake:
			p.reads[e.Local]++
		case ir.OpAddrOf:
			p.reads[e.Local] += 2 // read by whoever has the pointer
		}
	})
	eachExpr(f.Body, func(e *ir.Expr) {
		if e.Op != ir.OpSeq {
			return
		}
		for i := 0; i+1 < len(e.Args); i++ {
			decide, test := e.Args[i], e.Args[i+1]
			if decide.Op == ir.OpIf && decide.Type == types.Invalid &&
				test.Op == ir.OpIf && test.Type == types.Invalid && test.Args[0].Op == ir.OpGet &&
				p.reads[test.Args[0].Local] == 1 && looksUp(decide) {
				e.Args[i+1] = p.join(e.Args[:i], decide, test)
				if e.Args[i+1] != test {
					e.Args[i] = nothing(0)
				}
			}
		}
	})
}

type shortcutPass struct {
	labels ir.LabelID // the largest label in use
	reads  []int32    // places that read each local
}

// looksUp reports whether e does more than compute with numbers.
func looksUp(e *ir.Expr) bool {
	found := false
	eachExpr(e, func(e *ir.Expr) { found = found || e.Op == ir.OpBuiltin || e.Op == ir.OpCall })
	return found
}

// join returns what takes the place of decide and test: test itself when they
// have to stay.
func (p *shortcutPass) join(before []*ir.Expr, decide, test *ir.Expr) *ir.Expr {
	t := &flagTails{flag: test.Args[0].Local}
	t.truth, t.known = constantBefore(before, t.flag)
	if !t.check(decide) || !t.sets {
		return test
	}
	end, no, yes := p.labels+1, p.labels+2, p.labels+3
	p.labels += 3
	t.yes, t.no = yes, no
	x, y := test.Args[1], test.Args[2]
	charge := test.Fuel + test.Args[0].Fuel
	x.Fuel += charge
	y.Fuel += charge
	then := seqOf(types.Never, labeled(yes, t.rewrite(decide)), x, jumpTo(end))
	return labeled(end, seqOf(types.Invalid, labeled(no, then), y))
}

func labeled(l ir.LabelID, e *ir.Expr) *ir.Expr {
	return &ir.Expr{Op: ir.OpLabeled, Pos: e.Pos, Label: l, Args: []*ir.Expr{e}}
}

func jumpTo(l ir.LabelID) *ir.Expr { return &ir.Expr{Op: ir.OpBreak, Type: types.Never, Label: l} }

func seqOf(t types.Type, es ...*ir.Expr) *ir.Expr {
	return &ir.Expr{Op: ir.OpSeq, Type: t, Pos: es[0].Pos, Args: es}
}

// flagTails are the ends of the paths through an if.
type flagTails struct {
	flag         ir.LocalID
	known, truth bool // the constant that the flag holds before
	sets         bool // some path assigns it
	yes, no      ir.LabelID
}

// check reports whether each path through e assigns the flag last, or not at
// all while a constant is known.
func (t *flagTails) check(e *ir.Expr) bool {
	switch {
	case e.Type == types.Never:
		return !changes(e, t.flag)
	case e.Op == ir.OpSeq && len(e.Args) > 0:
		n := len(e.Args) - 1
		for _, a := range e.Args[:n] {
			if changes(a, t.flag) {
				return false
			}
		}
		return t.check(e.Args[n])
	case e.Op == ir.OpIf:
		return !changes(e.Args[0], t.flag) && t.check(e.Args[1]) && t.check(e.Args[2])
	case e.Op == ir.OpSet && e.Local == t.flag:
		t.sets = true
		return !changes(e.Args[0], t.flag)
	}
	return t.known && !changes(e, t.flag)
}

// rewrite returns e with jumps at the ends of its paths.
func (t *flagTails) rewrite(e *ir.Expr) *ir.Expr {
	switch {
	case e.Type == types.Never:
		return e
	case e.Op == ir.OpSeq && len(e.Args) > 0:
		n := len(e.Args) - 1
		e.Args[n] = t.rewrite(e.Args[n])
		e.Type = types.Never
		return e
	case e.Op == ir.OpIf:
		e.Args[1], e.Args[2] = t.rewrite(e.Args[1]), t.rewrite(e.Args[2])
		e.Type = types.Never
		return e
	case e.Op == ir.OpSet && e.Local == t.flag:
		v := e.Args[0]
		if v.Op == ir.OpConst {
			j := t.jump(int32(v.Imm) != 0)
			j.Fuel = e.Fuel + v.Fuel
			return j
		}
		return &ir.Expr{Op: ir.OpIf, Type: types.Never, Fuel: e.Fuel, Pos: e.Pos, Args: []*ir.Expr{v, t.jump(true), t.jump(false)}}
	}
	return seqOf(types.Never, e, t.jump(t.truth))
}

func (t *flagTails) jump(truth bool) *ir.Expr {
	if truth {
		return jumpTo(t.yes)
	}
	return jumpTo(t.no)
}
