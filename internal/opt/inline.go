package opt

import (
	"slices"

	"x07/internal/ir"
	"x07/internal/types"
)

// Limits of inlining, in nodes.
const (
	inlineSmall  = 40   // a function this small is inlined wherever it is called
	inlineOnce   = 400  // one that is called from a single place may be this large
	unrolledSize = 420  // a recursive function is unrolled into itself up to this size
	unrolledBody = 40   // and only if its body is this small
	growthFactor = 6    // no function grows more than this
	growthBase   = 3000 // beyond this
)

// inline replaces calls of small functions by their bodies. Callees are
// finished before their callers, so that chains of small functions vanish. A
// small function that calls itself gets a few levels of its own body: what is
// left of the recursion then pays for one call where it paid for many.
//
// A return in an inlined body becomes a break out of a labeled block. The
// callee's locals become locals of the caller; they are made zero at each
// entry, as a call would.
func inline(p *ir.Program) {
	in := &inliner{p: p, state: make([]inlineState, len(p.Funcs)), calls: make([]int, len(p.Funcs))}
	for _, f := range p.Funcs {
		eachExpr(f.Body, func(e *ir.Expr) {
			if e.Op == ir.OpCall {
				in.calls[e.Func]++
			}
		})
	}
	for id := range p.Funcs {
		in.finish(ir.FuncID(id))
	}
}

type inlineState struct {
	visit uint8 // 0 new, 1 in progress, 2 finished
	size  int
	fit   bool // may be inlined into others
	loops bool
}

type inliner struct {
	p     *ir.Program
	state []inlineState
	calls []int // places that call each function, before inlining
}

func eachExpr(e *ir.Expr, visit func(*ir.Expr)) {
	visit(e)
	for _, a := range e.Args {
		eachExpr(a, visit)
	}
}

func size(e *ir.Expr) int {
	n := 0
	eachExpr(e, func(*ir.Expr) { n++ })
	return n
}

// finish inlines into a function, its callees first.
func (in *inliner) finish(id ir.FuncID) {
	s := &in.state[id]
	if s.visit != 0 {
		return
	}
	s.visit = 1
	f := in.p.Funcs[id]
	selfCalls := 0
	var callees []ir.FuncID
	eachExpr(f.Body, func(e *ir.Expr) {
		if e.Op == ir.OpCall {
			if e.Func == id {
				selfCalls++
			} else {
				callees = append(callees, e.Func)
			}
		}
	})
	for _, c := range callees {
		in.finish(c)
	}
	before := size(f.Body)
	c := &caller{in: in, f: f, id: id, size: before, limit: before*growthFactor + growthBase, labels: maxLabel(f.Body)}
	f.Body = c.rewrite(f.Body)
	if selfCalls > 0 && before <= unrolledBody && !f.NoInline {
		c.unroll(selfCalls)
	}
	s.fit = !f.NoInline && selfCalls == 0
	eachExpr(f.Body, func(e *ir.Expr) {
		s.size++
		switch e.Op {
		case ir.OpAddrOf, ir.OpBudget, ir.OpContractFail:
			s.fit = false
		case ir.OpFor:
			s.loops = true
		case ir.OpCall:
			// Part of a cycle that is still being visited.
			if in.state[e.Func].visit == 1 {
				s.fit = false
			}
		}
	})
	s.visit = 2
}

// wanted reports whether calls of callee are worth replacing.
func (in *inliner) wanted(callee ir.FuncID) bool {
	s := &in.state[callee]
	if s.visit != 2 || !s.fit {
		return false
	}
	if s.loops {
		// Its call costs little beside its work, and its variables would
		// compete for registers with those of the loops around the call.
		return false
	}
	return s.size <= inlineSmall || in.calls[callee] == 1 && s.size <= inlineOnce
}

// caller is a function that is being inlined into.
type caller struct {
	in     *inliner
	f      *ir.Func
	id     ir.FuncID
	size   int
	limit  int
	labels ir.LabelID // the largest label in use
}

func maxLabel(e *ir.Expr) ir.LabelID {
	var m ir.LabelID
	eachExpr(e, func(e *ir.Expr) {
		if e.Op == ir.OpLabeled {
			m = max(m, e.Label)
		}
	})
	return m
}

// rewrite inlines in e, operands first. Callees are finished, so what was
// inlined is not looked at again.
func (c *caller) rewrite(e *ir.Expr) *ir.Expr {
	for i, a := range e.Args {
		e.Args[i] = c.rewrite(a)
	}
	if e.Op != ir.OpCall || e.Func == c.id || !c.in.wanted(e.Func) {
		return e
	}
	if n := c.in.state[e.Func].size; c.size+n <= c.limit {
		c.size += n
		return c.expand(e, c.in.p.Funcs[e.Func])
	}
	return e
}

// unroll inlines the function into itself while the result stays small.
func (c *caller) unroll(selfCalls int) {
	original := &ir.Func{
		Name: c.f.Name, Locals: slices.Clone(c.f.Locals), NumParams: c.f.NumParams,
		Result: c.f.Result, Body: cloneExpr(c.f.Body),
	}
	n := size(original.Body)
	for total := n; total+selfCalls*n <= unrolledSize; {
		calls := 0
		var level func(e *ir.Expr) *ir.Expr
		level = func(e *ir.Expr) *ir.Expr {
			for i, a := range e.Args {
				e.Args[i] = level(a)
			}
			if e.Op == ir.OpCall && e.Func == c.id {
				calls++
				return c.expand(e, original)
			}
			return e
		}
		c.f.Body = level(c.f.Body)
		if calls == 0 {
			return
		}
		total += calls * n
		selfCalls = 0
		eachExpr(c.f.Body, func(e *ir.Expr) {
			if e.Op == ir.OpCall && e.Func == c.id {
				selfCalls++
			}
		})
	}
}

// expand is the body of callee in place of call.
func (c *caller) expand(call *ir.Expr, callee *ir.Func) *ir.Expr {
	base := ir.LocalID(len(c.f.Locals))
	c.f.Locals = append(c.f.Locals, callee.Locals...)
	seq := &ir.Expr{Op: ir.OpSeq, Type: call.Type, Fuel: call.Fuel, Pos: call.Pos}
	for i, l := range callee.Locals {
		value := &ir.Expr{Op: ir.OpZero, Type: l.Type}
		if i < callee.NumParams {
			value = call.Args[i]
		}
		seq.Args = append(seq.Args, &ir.Expr{Op: ir.OpSet, Local: base + ir.LocalID(i), Args: []*ir.Expr{value}})
	}
	r := &renamer{base: base, labels: c.labels + 1}
	leave := c.labels + 1
	r.leave = leave
	body := r.copy(callee.Body)
	c.labels = r.top()
	if r.left {
		body = &ir.Expr{Op: ir.OpLabeled, Type: call.Type, Label: leave, Args: []*ir.Expr{body}}
	} else if body.Type == types.Never {
		seq.Type = types.Never
	}
	seq.Args = append(seq.Args, body)
	return seq
}

// renamer copies a callee's body into a caller: locals and labels get numbers
// of their own, returns become breaks.
type renamer struct {
	base   ir.LocalID
	labels ir.LabelID // added to the callee's labels
	seen   ir.LabelID // the largest label of the callee
	leave  ir.LabelID
	left   bool
}

// top is the largest label in use after the copy.
func (r *renamer) top() ir.LabelID { return r.labels + r.seen }

func (r *renamer) copy(e *ir.Expr) *ir.Expr {
	n := *e
	n.Args = make([]*ir.Expr, len(e.Args))
	for i, a := range e.Args {
		n.Args[i] = r.copy(a)
	}
	switch e.Op {
	case ir.OpGet, ir.OpTake, ir.OpSet, ir.OpDrop, ir.OpFor, ir.OpAddrOf:
		n.Local += r.base
	case ir.OpLabeled, ir.OpBreak:
		r.seen = max(r.seen, e.Label)
		n.Label += r.labels
	case ir.OpReturn:
		n.Op, n.Label = ir.OpBreak, r.leave
		r.left = true
	}
	return &n
}

func cloneExpr(e *ir.Expr) *ir.Expr {
	n := *e
	n.Args = make([]*ir.Expr, len(e.Args))
	for i, a := range e.Args {
		n.Args[i] = cloneExpr(a)
	}
	return &n
}
