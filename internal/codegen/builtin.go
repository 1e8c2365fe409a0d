package codegen

import (
	"x07/internal/ir"
	"x07/internal/types"
	"x07/internal/wasm"
)

// emitter emits one builtin: arguments in, result words on the stack.
type emitter func(c *fn, e *ir.Expr)

// emitters has a row for every builtin that is emitted as wasm.
func emitters() map[string]emitter {
	t := map[string]emitter{}
	for _, rows := range []map[string]emitter{
		scalarEmitters(), bytesEmitters(), vecEmitters(), mapEmitters(),
		vecValueEmitters(), mapValueEmitters(), readerEmitters(), scratchEmitters(),
		floatEmitters(), pointerEmitters(),
	} {
		for head, e := range rows {
			t[head] = e
		}
	}
	return t
}

// builtin emits a builtin through its row in emitters, or as a call of a host
// function.
func (c *fn) builtin(e *ir.Expr) {
	if e.Builtin == nil {
		c.bad("builtin without a head")
	}
	if emit, ok := c.emitters[e.Builtin.Name]; ok {
		c.scratch(func() { emit(c, e) })
		return
	}
	if e.Builtin.Impl != types.Host {
		c.bad("builtin %q has no implementation", e.Builtin.Name)
	}
	c.scratch(func() { c.hostCall(e) })
}

// arg is an evaluated argument: words that can be pushed any number of times.
type arg struct {
	w []wasm.X
	// given says that the builtin owns the argument and has to keep or free it.
	given bool
	// local is where an argument that is read in place lives, or -1.
	local ir.LocalID
	typ   types.Type
}

// args evaluates the arguments of a builtin from left to right.
func (c *fn) args(e *ir.Expr) []arg {
	out := make([]arg, len(e.Args))
	order := make([]int, 0, len(e.Args))
	for i := range e.Args {
		if !c.late(e, i) {
			order = append(order, i)
		}
	}
	for i := range e.Args {
		if c.late(e, i) {
			order = append(order, i)
		}
	}
	for at, i := range order {
		a := e.Args[i]
		out[i].local, out[i].typ = -1, a.Type
		c.evalArg(e, order[at+1:], a, &out[i])
	}
	return out
}

// late reports whether argument i is a named owner, which is read after the
// other arguments.
func (c *fn) late(e *ir.Expr, i int) bool {
	if i >= len(e.Builtin.Params) || i == len(e.Args)-1 {
		return false
	}
	switch e.Builtin.Params[i].Mode {
	case types.Borrow, types.NamedOwner, types.InPlace:
		op := e.Args[i].Op
		return op == ir.OpGet || op == ir.OpTake
	}
	return false
}

// evalArg evaluates argument a of e; later are the indexes of those that are
// evaluated after it.
func (c *fn) evalArg(e *ir.Expr, later []int, a *ir.Expr, out *arg) {
	f := c.f
	place := a
	if a.Op == ir.OpAsView {
		place = a.Args[0]
	}
	switch {
	case a.Op == ir.OpConst:
		c.charge(c.plan.before[a])
		out.w = []wasm.X{wasm.K(a.Imm)}
		return
	case place.Op == ir.OpGet && c.stable(place.Local, e.Args, later):
		c.charge(c.plan.before[a])
		if place != a {
			c.charge(c.plan.before[place])
		}
		for j := range a.Type.Words() {
			out.w = append(out.w, c.word(place.Local, j))
		}
		out.local = place.Local
		return
	}
	c.expr(a)
	ws := make([]wasm.Local, a.Type.Words())
	for j := range ws {
		ws[j] = c.temp(wasm.I32)
		out.w = append(out.w, ws[j])
	}
	for j := len(ws) - 1; j >= 0; j-- {
		f.Set(ws[j])
	}
	if place.Op == ir.OpGet {
		out.local = place.Local
	} else {
		out.given = a.Type.IsOwned()
	}
}

// stable reports whether evaluating later arguments certainly leaves the
// local alone. It looks at simple expressions only.
func (c *fn) stable(l ir.LocalID, args []*ir.Expr, later []int) bool {
	if _, ok := c.frameOff[l]; ok {
		return len(later) == 0
	}
	for _, i := range later {
		if !simple(args[i], l, 4) {
			return false
		}
	}
	return true
}

func simple(e *ir.Expr, l ir.LocalID, depth int) bool {
	switch e.Op {
	case ir.OpConst, ir.OpZero, ir.OpLit, ir.OpInput, ir.OpGet:
		return true
	case ir.OpTake:
		return e.Local != l
	case ir.OpBin, ir.OpCall, ir.OpBuiltin, ir.OpAsView, ir.OpField, ir.OpPack:
		if depth == 0 {
			return false
		}
		for _, a := range e.Args {
			if !simple(a, l, depth-1) {
				return false
			}
		}
		return true
	}
	return false
}

// free emits the release of a given argument of type bytes.
func (c *fn) free(a arg) {
	if !a.given {
		return
	}
	n := len(a.w)
	p := n - 2
	if a.typ == types.VecU8 {
		p = 0
	}
	c.f.When(a.w[n-1], func() { c.f.Push(wasm.Call(c.rtFree(), a.w[p])) })
}
