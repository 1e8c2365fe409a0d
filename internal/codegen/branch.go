package codegen

import (
	"x07/internal/ir"
	"x07/internal/types"
	"x07/internal/wasm"
)

// An if becomes one of three things. If all it does is choose numbers for a few
// locals, both are computed and selected, because a branch that the processor
// cannot foresee costs more than a handful of instructions. If its condition
// joins comparisons, each of them jumps by itself: wazero makes a number of a
// comparison that feeds anything but a jump. Otherwise it is an if.

func (c *fn) ifElse(e *ir.Expr) {
	if p, ok := c.choice(e); ok {
		c.choose(e, p)
		return
	}
	f := c.f
	branch := func(b *ir.Expr) {
		if e.Type == types.Invalid {
			c.stmt(b)
		} else {
			c.expr(b)
		}
	}
	results := i32s(e.Type.Words())
	switch cond := e.Args[0]; {
	case c.joined(cond) && cond.Bin == ir.Or:
		end := f.Block(results...)
		then := f.Block()
		c.charge(c.plan.before[cond])
		c.jumpIfAny(cond, then)
		branch(e.Args[2])
		f.Br(end)
		f.End()
		branch(e.Args[1])
		f.End()
	case c.joined(cond):
		end := f.Block(results...)
		c.charge(c.plan.before[cond])
		open := c.ifAll(cond)
		branch(e.Args[1])
		f.Br(end)
		for range open {
			f.End()
		}
		branch(e.Args[2])
		f.End()
	default:
		c.cond(cond)
		f.If(results...)
		branch(e.Args[1])
		if !c.empty(e.Args[2]) {
			f.Else()
			branch(e.Args[2])
		}
		f.End()
	}
	if e.Type == types.Never {
		f.Unreachable()
	}
}

// joined reports whether e joins comparisons that may be left out when the
// others decide: they have no effects and charge nothing by themselves.
func (c *fn) joined(e *ir.Expr) bool {
	if e.Op != ir.OpBin || e.Bin != ir.Or && e.Bin != ir.And {
		return false
	}
	for _, a := range e.Args {
		if a.Op != ir.OpBin || c.chargesIn(a) > 0 {
			return false
		}
		if a.Bin == e.Bin {
			if !c.joined(a) {
				return false
			}
		} else if a.Bin < ir.Eq || !c.cheap(a, new(int)) {
			return false
		}
	}
	return true
}

// jumpIfAny jumps to l when one of the comparisons joined by or holds.
func (c *fn) jumpIfAny(e *ir.Expr, l wasm.Label) {
	for _, a := range e.Args {
		if a.Bin == ir.Or {
			c.jumpIfAny(a, l)
			continue
		}
		c.f.Leave(l, wasm.Code(func(*wasm.Func) { c.cond(a) }))
	}
}

// ifAll opens an if for each of the comparisons joined by and, and returns how
// many.
func (c *fn) ifAll(e *ir.Expr) (open int) {
	for _, a := range e.Args {
		if a.Bin == ir.And {
			open += c.ifAll(a)
			continue
		}
		c.cond(a)
		c.f.If()
		open++
	}
	return open
}

// chargesIn is what evaluating e charges, if all of it is evaluated.
func (c *fn) chargesIn(e *ir.Expr) uint32 {
	n := c.plan.before[e]
	for _, a := range e.Args {
		n += c.chargesIn(a)
	}
	return n
}

// Limits of choices: operators in both branches, and locals that they set.
const (
	choiceOperators = 4
	choiceLocals    = 2
)

// choice is an if that only gives values to locals.
type choice struct {
	sets   [2][]*ir.Expr // in the order of the branches
	locals []ir.LocalID
	fuel   [2]uint32
}

// choice recognises an if that is worth selecting for.
func (c *fn) choice(e *ir.Expr) (p choice, ok bool) {
	if e.Type != types.Invalid {
		return p, false
	}
	operators := 0
	for i := range p.sets {
		b := e.Args[1+i]
		if !c.assignments(b, &p.sets[i], &operators) {
			return p, false
		}
		p.fuel[i] = c.chargesIn(b)
		for _, s := range p.sets[i] {
			if !containsLocal(p.locals, s.Local) {
				p.locals = append(p.locals, s.Local)
			}
		}
	}
	if len(p.locals) == 0 || len(p.locals) > choiceLocals {
		return p, false
	}
	// Equal to a constant is the exception, seldom and foreseen.
	cond := e.Args[0]
	if cond.Op == ir.OpBin && cond.Bin == ir.Eq && len(p.sets[1]) == 0 && !isConst(cond.Args[1], 0) {
		return p, false
	}
	return p, true
}

func containsLocal(ls []ir.LocalID, l ir.LocalID) bool {
	for _, x := range ls {
		if x == l {
			return true
		}
	}
	return false
}

// assignments collects the assignments that e consists of.
func (c *fn) assignments(e *ir.Expr, sets *[]*ir.Expr, operators *int) bool {
	switch e.Op {
	case ir.OpSeq:
		for _, a := range e.Args {
			if !c.assignments(a, sets, operators) {
				return false
			}
		}
		return e.Type == types.Invalid
	case ir.OpSet:
		if _, inMemory := c.frameOff[e.Local]; inMemory || c.src.Locals[e.Local].Type != types.I32 || !c.cheap(e.Args[0], operators) {
			return false
		}
		*sets = append(*sets, e)
		return true
	}
	return false
}

// cheap reports whether e is a number that a few instructions compute without
// effects, and counts them.
func (c *fn) cheap(e *ir.Expr, operators *int) bool {
	switch e.Op {
	case ir.OpConst:
		return true
	case ir.OpGet:
		_, inMemory := c.frameOff[e.Local]
		return !inMemory && e.Type == types.I32
	case ir.OpField:
		_, inMemory := c.frameOff[e.Args[0].Local]
		return e.Args[0].Op == ir.OpGet && !inMemory
	case ir.OpBin:
		if e.Bin == ir.DivU || e.Bin == ir.RemU || e.Bin == ir.Mul {
			return false
		}
		*operators++
		return *operators <= choiceOperators && c.cheap(e.Args[0], operators) && c.cheap(e.Args[1], operators)
	}
	return false
}

// choose emits both branches of a choice, each into locals of its own, and
// selects among them.
func (c *fn) choose(e *ir.Expr, p choice) {
	f := c.f
	c.scratch(func() {
		cond := c.temp(wasm.I32)
		c.cond(e.Args[0])
		f.Set(cond)
		var ends [2]map[ir.LocalID]wasm.Local
		for i, sets := range p.sets {
			c.takeCharges(e.Args[1+i])
			ends[i] = c.assignAside(sets)
		}
		for _, l := range p.locals {
			for _, end := range ends {
				if v, ok := end[l]; ok {
					f.Push(v)
				} else {
					c.load(l)
				}
			}
			f.Push(cond)
			f.Select()
			c.store(l)
		}
		if !c.hasFuel {
			return
		}
		least := min(p.fuel[0], p.fuel[1])
		c.charge(least)
		if a, b := p.fuel[0]-least, p.fuel[1]-least; a != b {
			f.Let(wasm.Sub(c.fuel, wasm.Sel(cond, wasm.K(int64(a)), wasm.K(int64(b)))), c.fuel)
		}
	})
}

// takeCharges removes the charges in e, which the caller makes instead.
func (c *fn) takeCharges(e *ir.Expr) {
	delete(c.plan.before, e)
	for _, a := range e.Args {
		c.takeCharges(a)
	}
}

// assignAside computes assignments into temporaries, which later ones see, and
// returns what the locals would hold.
func (c *fn) assignAside(sets []*ir.Expr) map[ir.LocalID]wasm.Local {
	now, was := map[ir.LocalID]wasm.Local{}, map[ir.LocalID][]wasm.Local{}
	for _, s := range sets {
		t := c.temp(wasm.I32)
		c.expr(s.Args[0])
		c.f.Set(t)
		now[s.Local] = t
		if _, ok := was[s.Local]; !ok {
			was[s.Local] = c.locals[s.Local]
		}
		c.locals[s.Local] = []wasm.Local{t}
	}
	for l, ws := range was {
		c.locals[l] = ws
	}
	return now
}
