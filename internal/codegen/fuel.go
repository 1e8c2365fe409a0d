package codegen

import (
	"x07/internal/ir"
	"x07/internal/wasm"
)

// plan says where a function charges fuel.
//
// A region is a set of nodes of which all are evaluated whenever the first
// one is; its cost is charged once, before that first node. A conditional
// return or break ends a region, because what follows it is not certain any
// more. The two branches of an if share what both cost with the region around
// them, so equal branches charge nothing themselves.
type plan struct {
	// fixed: every call costs exactly cost and the caller charges it.
	fixed bool
	cost  uint32
	// before is what to charge before a node is evaluated, atCall what to
	// charge when a call has evaluated its arguments.
	before, atCall map[*ir.Expr]uint32

	state uint8 // 0 new, 1 in progress, 2 done
}

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
		for _, a := range r.accs {
			switch {
			case a.n == 0:
			case a.atCall:
				p.atCall[a.at] += a.n
			default:
				p.before[a.at] += a.n
			}
		}
		only := len(p.atCall) == 0 && (len(p.before) == 0 || len(p.before) == 1 && p.before[body] == entry.n)
		if r.fixed && only && entry.n < maxFixedCost {
			p.fixed, p.cost, p.before = true, entry.n, nil
		}
		p.state = 2
	case 1:
		return &plan{}
	}
	return p
}

// maxFixedCost bounds what a caller pays in advance, so that sums of costs
// stay far below the slice size.
const maxFixedCost = 1 << 20

type region struct {
	pl    *planner
	fixed bool
	accs  []*acc
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
// on after e: nil when e may leave, so that the next node starts a new one.
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
		if c == nil || ea == nil || eb == nil {
			if c != nil {
				share(c, a, b)
			}
			return nil
		}
		share(c, a, b)
		return c
	case ir.OpFor:
		c := r.seq(e.Args[:2], cur)
		r.fixed = false
		if r.walk(e.Args[2], r.start(e.Args[2], false)) == nil {
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
		if c == nil && len(kept) == before {
			return cur
		}
		return c
	case ir.OpBudget:
		if b, ok := e.Extra.(*ir.Budget); ok && scopeIsFree(r.pl, e.Args[0], b) {
			return r.walk(e.Args[0], cur)
		}
		r.fixed = false
		if r.walk(e.Args[0], r.start(e.Args[0], false)) == nil {
			return nil
		}
		return cur
	case ir.OpCall:
		c := r.seq(e.Args, cur)
		p := r.pl.of(e.Func)
		if !p.fixed {
			r.fixed = false
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

// charge subtracts n from the fuel local and runs refill when it gets negative.
func charge(f *wasm.Func, fuel wasm.Local, n uint32, refill func()) {
	if n == 0 {
		return
	}
	f.Push(wasm.Tee(fuel, wasm.Sub(fuel, wasm.K(int64(n)))), wasm.K(0))
	f.Op(wasm.I32LtS)
	f.If()
	refill()
	f.End()
}
