package codegen

import (
	"x07/internal/ir"
	"x07/internal/wasm"
)

// plan says where a function charges fuel.
//
// A region is a set of nodes of which all are evaluated whenever the first
// one is; its cost is subtracted once, before that first node. A conditional
// return or break ends a region, because what follows it is not certain any
// more. The two branches of an if share what both cost with the region around
// them, so equal branches charge nothing themselves.
//
// Subtracting may leave less than nothing. That is looked at only where a
// program can come by again: once in an iteration of a loop, at the entry of
// functions that call others, before a host function and at the end. A loop
// that calls nothing which charges fuel even pays in advance for as many
// iterations as the slice allows, gives back on leaving early what it did not
// use, and so has no accounting inside at all when its branches cost the same
// (see forLoop).
type plan struct {
	// fixed: every call costs exactly cost and the caller charges it.
	fixed bool
	cost  uint32
	// check: look at the fuel on entry.
	check bool
	// before is what to charge before a node is evaluated, atCall what to
	// charge when a call has evaluated its arguments.
	before, atCall map[*ir.Expr]uint32
	// loops are the loops that pay in advance, by their OpFor.
	loops map[*ir.Expr]loopPlan

	state uint8 // 0 new, 1 in progress, 2 done
}

// loopPlan is the cost of one iteration: base is charged for each, most
// bounds what any can cost. Both are 0 for a loop that has been paid for
// altogether.
type loopPlan struct{ base, most uint32 }

type planner struct {
	prog  *ir.Program
	plans []plan
}

func newPlanner(p *ir.Program) *planner {
	return &planner{prog: p, plans: make([]plan, len(p.Funcs))}
}

// of returns the plan of a function, making it on first use. A function that
// is part of a cycle of calls is never fixed.
func (pl *planner) of(id ir.FuncID) *plan {
	p := &pl.plans[id]
	switch p.state {
	case 0:
		p.state = 1
		r := region{pl: pl, fixed: true}
		body := pl.prog.Funcs[id].Body
		entry := r.start(body, false)
		r.walk(body, entry)
		p.before, p.atCall = map[*ir.Expr]uint32{}, map[*ir.Expr]uint32{}
		p.loops = r.loops
		p.check = r.calls
		for _, a := range r.accs {
			switch {
			case a.n == 0:
			case a.atCall:
				p.atCall[a.at] += a.n
			default:
				p.before[a.at] += a.n
			}
		}
		only := len(p.atCall) == 0 && (len(p.before) == 0 || len(p.before) == 1 && entry.n > 0 && p.before[body] == entry.n)
		if r.fixed && only && entry.n < maxFixedCost {
			p.fixed, p.cost, p.before = true, entry.n, nil
		} else {
			var most uint64
			for _, a := range r.accs {
				most += uint64(a.n)
			}
			p.check = p.check || most > maxUnchecked
		}
		p.state = 2
	case 1:
		return &plan{}
	}
	return p
}

const (
	// maxFixedCost bounds what a caller pays for a call in advance, and
	// maxUnchecked what a function that calls nothing may use without a look
	// at the fuel, so that sums of costs stay far from wrapping.
	maxFixedCost = 1 << 12
	maxUnchecked = 1 << 8
)

type region struct {
	pl    *planner
	fixed bool
	calls bool // calls something that charges fuel itself
	accs  []*acc
	loops map[*ir.Expr]loopPlan
	// targets are where the evaluation seen so far may jump to: labels, or
	// returns for leaving the function.
	targets []ir.LabelID
}

const returns ir.LabelID = -1

// acc collects the cost of one region.
type acc struct {
	at     *ir.Expr
	atCall bool // charged when at, a call, has evaluated its arguments
	n      uint32
}

func (r *region) start(at *ir.Expr, atCall bool) *acc {
	a := &acc{at: at, atCall: atCall}
	r.accs = append(r.accs, a)
	return a
}

// walk adds the cost of e to the region cur and returns the region that goes
// on after e: cur itself when e certainly ends where it began, nil when the
// next node has to start a new one.
func (r *region) walk(e *ir.Expr, cur *acc) *acc {
	if cur == nil {
		cur = r.start(e, false)
	}
	cur.n += e.Fuel
	switch e.Op {
	case ir.OpIf:
		c := r.walk(e.Args[0], cur)
		a, b := r.start(e.Args[1], false), r.start(e.Args[2], false)
		ea, eb := r.walk(e.Args[1], a), r.walk(e.Args[2], b)
		if c != nil {
			share(c, a, b)
		}
		if ea != a || eb != b {
			return nil // one of them may leave in the middle
		}
		return c
	case ir.OpFor:
		c := r.seq(e.Args[:2], cur)
		before, calls, fixed := len(r.accs), r.calls, r.fixed
		r.fixed, r.calls = true, false
		body := r.start(e.Args[2], false)
		end := r.walk(e.Args[2], body)
		if r.fixed && !assigns(e.Args[2], e.Local) {
			if c != nil && end == body && r.payOnce(e, c, body, r.accs[before:]) {
				r.fixed, r.calls = fixed, calls
				return c
			}
			r.payAhead(e, body, r.accs[before:])
		}
		r.fixed, r.calls = false, r.calls || calls
		if end != body {
			return nil
		}
		return c
	case ir.OpReturn, ir.OpBreak:
		r.seq(e.Args, cur)
		t := returns
		if e.Op == ir.OpBreak {
			t = e.Label
		}
		r.targets = append(r.targets, t)
		return nil
	case ir.OpLabeled:
		before := len(r.targets)
		c := r.walk(e.Args[0], cur)
		kept := r.targets[:before]
		for _, t := range r.targets[before:] {
			if t != e.Label {
				kept = append(kept, t)
			}
		}
		r.targets = kept
		if c == cur || len(kept) == before {
			return cur
		}
		// A region that began inside is passed over by a break to here.
		return nil
	case ir.OpBudget:
		if b, ok := e.Extra.(*ir.Budget); ok && scopeIsFree(r.pl, e.Args[0], b) {
			return r.walk(e.Args[0], cur)
		}
		r.fixed, r.calls = false, true
		if in := r.start(e.Args[0], false); r.walk(e.Args[0], in) != in {
			return nil
		}
		return cur
	case ir.OpCall:
		c := r.seq(e.Args, cur)
		p := r.pl.of(e.Func)
		if !p.fixed {
			r.fixed, r.calls = false, true
			return c
		}
		if c == nil {
			c = r.start(e, true)
		}
		c.n += p.cost
		return c
	}
	return r.seq(e.Args, cur)
}

// payOnce charges all iterations of a loop whose number is a small constant to
// the region cur around it.
func (r *region) payOnce(e *ir.Expr, cur, body *acc, accs []*acc) bool {
	if e.Args[0].Op != ir.OpConst || e.Args[1].Op != ir.OpConst {
		return false
	}
	from, to := uint32(e.Args[0].Imm), uint32(e.Args[1].Imm)
	if from >= to {
		from = to
	}
	var most uint64
	for _, a := range accs {
		most += uint64(a.n)
	}
	n := uint64(to - from)
	if n > maxFixedCost || n*most > maxFixedCost {
		return false
	}
	cur.n += uint32(n) * body.n
	body.n = 0
	if r.loops == nil {
		r.loops = map[*ir.Expr]loopPlan{}
	}
	r.loops[e] = loopPlan{}
	return true
}

// payAhead makes the loop e pay for its iterations in advance. accs are the
// regions of its body, of which body is the first.
func (r *region) payAhead(e *ir.Expr, body *acc, accs []*acc) {
	var most uint64
	for _, a := range accs {
		most += uint64(a.n)
	}
	if most == 0 || most > maxFixedCost {
		return
	}
	if r.loops == nil {
		r.loops = map[*ir.Expr]loopPlan{}
	}
	r.loops[e] = loopPlan{base: body.n, most: uint32(most)}
	body.n = 0
}

// assigns reports whether evaluating e may change the local.
func assigns(e *ir.Expr, l ir.LocalID) bool {
	switch e.Op {
	case ir.OpSet, ir.OpTake, ir.OpDrop, ir.OpFor, ir.OpAddrOf:
		if e.Local == l {
			return true
		}
	}
	for _, a := range e.Args {
		if assigns(a, l) {
			return true
		}
	}
	return false
}

// share moves what both branches cost into the region around them.
func share(around, a, b *acc) {
	m := min(a.n, b.n)
	around.n += m
	a.n -= m
	b.n -= m
}

// seq walks nodes that are evaluated one after the other.
func (r *region) seq(es []*ir.Expr, cur *acc) *acc {
	for _, e := range es {
		cur = r.walk(e, cur)
	}
	return cur
}

// scopeIsFree reports whether a budget scope cannot be exceeded, so that
// nothing has to be done for it: its cost is fixed, within the limit, and it
// allocates nothing.
func scopeIsFree(pl *planner, body *ir.Expr, b *ir.Budget) bool {
	r := region{pl: pl, fixed: true}
	r.walk(body, nil)
	if !r.fixed || len(r.targets) > 0 || allocates(body) {
		return false
	}
	var most uint64
	for _, a := range r.accs {
		most += uint64(a.n)
	}
	return b.Fuel == 0 || most <= b.Fuel
}

func allocates(e *ir.Expr) bool {
	switch e.Op {
	case ir.OpLit, ir.OpCall, ir.OpReturn, ir.OpBreak:
		return true
	case ir.OpContractFail:
		return false
	case ir.OpBuiltin:
		if e.Builtin.Allocates {
			return true
		}
	}
	for _, a := range e.Args {
		if allocates(a) {
			return true
		}
	}
	return false
}

// subtract takes n from the fuel local.
func subtract(f *wasm.Func, fuel wasm.Local, n uint32) {
	if n > 0 {
		f.Let(wasm.Sub(fuel, wasm.K(int64(n))), fuel)
	}
}
