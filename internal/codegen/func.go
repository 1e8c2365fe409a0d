package codegen

import (
	"fmt"

	"x07/internal/ir"
	"x07/internal/types"
	"x07/internal/wasm"
)

// fn generates one function.
type fn struct {
	*gen
	f    *wasm.Func
	src  *ir.Func
	id   ir.FuncID
	plan *plan
	// locals are the words of each IR local; a local whose address is taken
	// lives in memory at frame+frameOff instead.
	locals   [][]wasm.Local
	frameOff map[ir.LocalID]uint32
	frame    wasm.Local
	frameLen uint32

	fuel    wasm.Local
	hasFuel bool
	labels  map[ir.LabelID]target
	// budgets are the scopes that are open at this point.
	scopes int
	ahead  []ahead
	temps  []wasm.Local
	// fuelSite is the trap site for fuel that ends in this function, or -1.
	fuelSite int32
}

type target struct {
	label         wasm.Label
	scopes, ahead int
}

func (g *gen) define(id ir.FuncID, src *ir.Func) {
	c := &fn{gen: g, f: g.funcs[id], src: src, id: id, plan: g.plans.of(id),
		labels: map[ir.LabelID]target{}, fuelSite: -1}
	p := 0
	for i, l := range src.Locals {
		ws := make([]wasm.Local, l.Type.Words())
		for j := range ws {
			if i < src.NumParams {
				ws[j] = c.f.Param(p)
				p++
			} else {
				ws[j] = c.f.NewLocal(wasm.I32)
			}
		}
		c.locals = append(c.locals, ws)
	}
	if c.hasFuel = !c.plan.fixed; c.hasFuel {
		c.fuel = c.f.Param(p)
	}
	c.openFrame()
	if c.hasFuel && c.plan.check {
		c.charge(c.plan.before[src.Body])
		delete(c.plan.before, src.Body)
		c.checkFuel()
	}
	c.expr(src.Body)
	if src.Body.Type == types.Never {
		c.f.Unreachable()
		return
	}
	c.leave()
}

// leave emits what a function does with its result on the stack before it
// returns: give back the frame and the fuel.
func (c *fn) leave() {
	c.closeFrame()
	if c.hasFuel {
		c.f.Get(c.fuel)
	}
}

func (c *fn) bad(format string, args ...any) {
	panic(&malformed{c.src.Name, fmt.Sprintf(format, args...)})
}

// site is the number of the trap site msg at e.
func (c *fn) site(e *ir.Expr, msgs ...string) wasm.X {
	at := c.pos(e.Pos)
	if at.Module == "" && at.Func == "" {
		at.Func = c.src.Name
	}
	return wasm.K(int64(c.sites.addAll(at, msgs...)))
}

// siteOff is the n-th of the consecutive sites that begin at s.
func siteOff(s wasm.X, n int64) wasm.X { return wasm.Add(s, wasm.K(n)) }

// trapIf traps with msg when cond is not zero.
func (c *fn) trapIf(cond wasm.X, e *ir.Expr, msg string) { c.failIf(c.f, cond, c.site(e, msg)) }

func (c *fn) charge(n uint32) {
	if c.hasFuel {
		subtract(c.f, c.fuel, n)
	}
}

// checkFuel asks for more when the slice is used up.
func (c *fn) checkFuel() {
	if !c.hasFuel {
		return
	}
	if c.fuelSite < 0 {
		at := c.pos(c.src.Body.Pos)
		at.Func = c.src.Name
		c.fuelSite = c.sites.add(msgFuel, at)
	}
	c.f.Rarely(wasm.GeS(c.fuel, wasm.K(0)), func() {
		c.f.Let(wasm.Call(c.refill, c.fuel, wasm.K(int64(c.fuelSite))), c.fuel)
	})
}

// temp is a local that is given back when the enclosing use ends.
func (c *fn) temp(t wasm.ValType) wasm.Local {
	l := c.f.NewLocal(t)
	c.temps = append(c.temps, l)
	return l
}

// scratch runs body and gives back the temporaries that it took.
func (c *fn) scratch(body func()) {
	mark := len(c.temps)
	body()
	c.f.Release(c.temps[mark:]...)
	c.temps = c.temps[:mark]
}

// exprs evaluates expressions in order, leaving all their words.
func (c *fn) exprs(es []*ir.Expr) {
	for _, e := range es {
		c.expr(e)
	}
}

// stmt evaluates e and discards its words.
func (c *fn) stmt(e *ir.Expr) {
	c.expr(e)
	for range e.Type.Words() {
		c.f.Drop()
	}
}

// expr emits e, leaving its words on the stack.
func (c *fn) expr(e *ir.Expr) {
	f := c.f
	if n := c.plan.before[e]; n > 0 {
		c.charge(n)
	}
	switch e.Op {
	case ir.OpConst:
		f.I32Const(int32(e.Imm))
	case ir.OpZero:
		for range e.Type.Words() {
			f.I32Const(0)
		}
	case ir.OpLit:
		c.literalBytes(e)
	case ir.OpInput:
		p, n := c.input()
		f.Push(p, n)
	case ir.OpGet:
		c.load(e.Local)
	case ir.OpTake:
		c.load(e.Local)
		c.clear(e.Local)
	case ir.OpSet:
		c.expr(e.Args[0])
		c.store(e.Local)
	case ir.OpDrop:
		c.drop(e.Local)
	case ir.OpSeq:
		for i, a := range e.Args {
			if i == len(e.Args)-1 && e.Type != types.Invalid {
				c.expr(a)
			} else {
				c.stmt(a)
			}
		}
	case ir.OpDo:
		c.stmt(e.Args[0])
	case ir.OpIf:
		c.ifElse(e)
	case ir.OpFor:
		c.forLoop(e)
	case ir.OpReturn:
		c.exprs(e.Args)
		for range c.scopes {
			c.exitScope()
		}
		c.refund(0)
		c.leave()
		f.Ret()
	case ir.OpLabeled:
		l := f.Block(i32s(e.Type.Words())...)
		c.labels[e.Label] = target{l, c.scopes, len(c.ahead)}
		c.expr(e.Args[0])
		f.End()
		if e.Type == types.Never {
			f.Unreachable()
		}
	case ir.OpBreak:
		t, ok := c.labels[e.Label]
		if !ok {
			c.bad("break to unknown label %d", e.Label)
		}
		c.exprs(e.Args)
		for range c.scopes - t.scopes {
			c.exitScope()
		}
		c.refund(t.ahead)
		f.Br(t.label)
	case ir.OpBin:
		c.bin(e)
	case ir.OpCall:
		c.call(e)
	case ir.OpBuiltin:
		c.builtin(e)
	case ir.OpAsView:
		c.asView(e.Args[0])
	case ir.OpField:
		c.field(e)
	case ir.OpPack:
		c.exprs(e.Args)
	case ir.OpBudget:
		c.budget(e)
	case ir.OpContractFail:
		c.contractFail(e)
	case ir.OpAddrOf:
		off, ok := c.frameOff[e.Local]
		if !ok {
			c.bad("address of a local without storage")
		}
		f.Push(wasm.Add(c.frame, wasm.K(int64(off))))
	default:
		c.bad("unknown op %d", e.Op)
	}
}

// load pushes the words of a local.
func (c *fn) load(l ir.LocalID) {
	for i := range c.locals[l] {
		c.f.Push(c.word(l, i))
	}
}

// word is word i of a local.
func (c *fn) word(l ir.LocalID, i int) wasm.X {
	if off, ok := c.frameOff[l]; ok {
		return wasm.Ld(c.frame, off+uint32(4*i))
	}
	return c.locals[l][i]
}

// store pops the words of a local.
func (c *fn) store(l ir.LocalID) {
	ws := c.locals[l]
	off, inMemory := c.frameOff[l]
	for i := len(ws) - 1; i >= 0; i-- {
		c.f.Set(ws[i])
		if inMemory {
			c.f.St(c.frame, off+uint32(4*i), ws[i])
		}
	}
}

// clear makes a local the zero value.
func (c *fn) clear(l ir.LocalID) {
	for range c.locals[l] {
		c.f.I32Const(0)
	}
	c.store(l)
}

// drop frees what a local owns and clears it. The word that says whether
// there is something to free is the last one: the length, or the capacity.
func (c *fn) drop(l ir.LocalID) {
	t := c.src.Locals[l].Type
	n := t.Words()
	ptr := map[types.Type]int{types.Bytes: 0, types.VecU8: 0, types.OptionBytes: 1,
		types.ResultBytes: 1, types.ResultResultBytes: 2}
	p, ok := ptr[t]
	if !ok {
		c.bad("drop of a local of type %v", t)
	}
	c.f.When(c.word(l, n-1), func() {
		c.f.Push(wasm.Call(c.rtFree(), c.word(l, p)))
	})
	c.clear(l)
}

// literalBytes pushes a fresh copy of e.Data.
func (c *fn) literalBytes(e *ir.Expr) {
	f := c.f
	n := int64(len(e.Data))
	if n == 0 {
		f.Push(wasm.K(0), wasm.K(0))
		return
	}
	f.Push(wasm.Call(c.rtCopy(), wasm.K(int64(c.literal(e.Data))), wasm.K(n), c.site(e, msgOOM)), wasm.K(n))
}

// empty reports whether e emits nothing at all.
func (c *fn) empty(e *ir.Expr) bool {
	return e.Op == ir.OpSeq && len(e.Args) == 0 && c.plan.before[e] == 0
}

// cond pushes a truth value: as expr, but a comparison with zero is not
// spelled out.
func (c *fn) cond(e *ir.Expr) {
	if e.Op == ir.OpBin && e.Bin == ir.Ne && c.plan.before[e] == 0 && isConst(e.Args[1], 0) && c.plan.before[e.Args[1]] == 0 {
		c.expr(e.Args[0])
		return
	}
	c.expr(e)
}

func isConst(e *ir.Expr, v int32) bool { return e.Op == ir.OpConst && int32(e.Imm) == v }

func (c *fn) forLoop(e *ir.Expr) {
	f := c.f
	c.expr(e.Args[0])
	c.store(e.Local)
	c.scratch(func() {
		var end wasm.X
		if b := e.Args[1]; b.Op == ir.OpConst && c.plan.before[b] == 0 {
			end = wasm.K(b.Imm)
		} else {
			c.expr(b)
			t := c.temp(wasm.I32)
			f.Set(t)
			end = t
		}
		each := func() {}
		p, paid := c.plan.loops[e]
		if paid {
			if p.most > 0 && c.hasFuel {
				c.loopAhead(e, end, p)
				return
			}
		} else if c.plan.before[e.Args[2]] == 0 {
			// Iterations that cost nothing must still let the engine look at
			// the clock now and then.
			each = func() { f.Push(wasm.Call(c.rtWork(), wasm.K(16))) }
		}
		more := func() { f.Push(wasm.LtU(c.word(e.Local, 0), end)) }
		more()
		f.If()
		if !paid {
			c.iterateChecked(e, more, each)
		} else {
			c.iterate(e, more)
		}
		f.End()
	})
}

// iterate emits the body of a loop and the step, repeated while more pushes a
// value that is not zero. The test stands at the bottom: one jump per
// iteration.
func (c *fn) iterate(e *ir.Expr, more func()) {
	f := c.f
	loop := f.Loop()
	c.stmt(e.Args[2])
	f.Push(wasm.Add(c.word(e.Local, 0), wasm.K(1)))
	c.store(e.Local)
	more()
	f.If()
	f.Br(loop)
	f.End()
	f.End()
}

// iterateChecked is iterate with a look at the fuel in each iteration. The
// refill goes on at an outer loop, so that the jump back of the inner one joins
// no path with a call, behind which registers would have to be loaded again.
func (c *fn) iterateChecked(e *ir.Expr, more, each func()) {
	f := c.f
	again := f.Loop()
	loop := f.Loop()
	c.stmt(e.Args[2])
	each()
	f.Push(wasm.Add(c.word(e.Local, 0), wasm.K(1)))
	c.store(e.Local)
	more()
	f.If()
	f.Push(wasm.GeS(c.fuel, wasm.K(0)))
	f.If()
	f.Br(loop)
	f.End()
	c.checkFuel()
	f.Br(again)
	f.End()
	f.End()
	f.End()
}

// loopAhead emits a loop that pays for a run of iterations in advance: all
// that are left if the slice certainly has enough for them, else as many as it
// certainly has enough for, else one.
func (c *fn) loopAhead(e *ir.Expr, end wasm.X, p loopPlan) {
	f := c.f
	i := c.word(e.Local, 0)
	n, to := c.temp(wasm.I32), c.temp(wasm.I32)
	done := f.Block()
	again := f.Loop()
	f.Leave(done, wasm.GeU(i, end))
	f.Let(wasm.Sub(end, i), n)
	f.Rarely(wasm.Bi(wasm.I64LeS, wasm.Bi(wasm.I64Mul, wasm.U64(n), wasm.K64(int64(p.most))), wasm.Un(wasm.I64ExtendI32S, c.fuel)), func() {
		f.Let(wasm.Call(c.rtAhead(), c.fuel, wasm.K(int64(p.most))), n)
	})
	f.Let(wasm.Add(i, n), to)
	f.Let(wasm.Sub(c.fuel, wasm.Mul(n, wasm.K(int64(p.base)))), c.fuel)
	c.ahead = append(c.ahead, ahead{i: i, to: to, base: p.base})
	c.iterate(e, func() { f.Push(wasm.LtU(c.word(e.Local, 0), to)) })
	c.ahead = c.ahead[:len(c.ahead)-1]
	c.checkFuel()
	f.Br(again)
	f.End()
	f.End()
}

// rtAhead: (fuel, cost) -> how many iterations of at most that cost the slice
// pays for; at least one, so that the loop goes on.
func (g *gen) rtAhead() *wasm.Func {
	return g.runtime("ahead", i32s(2), i32s(1), func(f *wasm.Func) {
		fuel, cost := f.Param(0), f.Param(1)
		f.When(wasm.LtS(fuel, cost), func() { f.Return(wasm.K(1)) })
		f.Push(wasm.Bi(wasm.I32DivU, fuel, cost))
	})
}

// ahead is a loop around the current point that has paid in advance for its
// iterations up to to.
type ahead struct {
	i    wasm.X
	to   wasm.Local
	base uint32
}

// refund gives back what the loops that are being left, those from depth on,
// have paid for iterations that do not take place.
func (c *fn) refund(depth int) {
	for _, l := range c.ahead[depth:] {
		left := wasm.Sub(wasm.Sub(l.to, l.i), wasm.K(1))
		c.f.Let(wasm.Add(c.fuel, wasm.Mul(left, wasm.K(int64(l.base)))), c.fuel)
	}
}

var binOps = [...]wasm.Opcode{
	ir.Add: wasm.I32Add, ir.Sub: wasm.I32Sub, ir.Mul: wasm.I32Mul,
	ir.DivU: wasm.I32DivU, ir.RemU: wasm.I32RemU,
	ir.And: wasm.I32And, ir.Or: wasm.I32Or, ir.Xor: wasm.I32Xor,
	ir.Shl: wasm.I32Shl, ir.ShrU: wasm.I32ShrU,
	ir.Eq: wasm.I32Eq, ir.Ne: wasm.I32Ne,
	ir.LtS: wasm.I32LtS, ir.LeS: wasm.I32LeS, ir.GtS: wasm.I32GtS, ir.GeS: wasm.I32GeS,
	ir.LtU: wasm.I32LtU, ir.LeU: wasm.I32LeU, ir.GtU: wasm.I32GtU, ir.GeU: wasm.I32GeU,
}

func (c *fn) bin(e *ir.Expr) {
	f := c.f
	a, b := e.Args[0], e.Args[1]
	if e.Bin == ir.DivU || e.Bin == ir.RemU {
		if b.Op != ir.OpConst || int32(b.Imm) == 0 {
			c.division(e)
			return
		}
	}
	c.expr(a)
	c.expr(b)
	if e.Bin == ir.Eq && isConst(b, 0) {
		// The constant is already there only to keep its charge in place.
		f.Op(wasm.I32Eq)
		return
	}
	f.Op(binOps[e.Bin])
}

// division gives 0 for a quotient by zero and the dividend for a remainder.
func (c *fn) division(e *ir.Expr) {
	f := c.f
	c.scratch(func() {
		c.exprs(e.Args)
		a, b := c.temp(wasm.I32), c.temp(wasm.I32)
		f.Set(b)
		f.Set(a)
		f.Push(b)
		f.If(wasm.I32)
		f.Push(wasm.Bi(binOps[e.Bin], a, b))
		f.Else()
		if e.Bin == ir.DivU {
			f.Push(wasm.K(0))
		} else {
			f.Push(a)
		}
		f.End()
	})
}

func (c *fn) call(e *ir.Expr) {
	c.exprs(e.Args)
	c.charge(c.plan.atCall[e])
	if c.plans.of(e.Func).fixed {
		c.f.Call(c.funcs[e.Func])
		return
	}
	if !c.hasFuel {
		c.bad("call of %s from a function without fuel", c.prog.Funcs[e.Func].Name)
	}
	c.f.Get(c.fuel)
	c.f.Call(c.funcs[e.Func])
	c.f.Set(c.fuel)
}

func (c *fn) asView(a *ir.Expr) {
	if a.Op == ir.OpGet && c.plan.before[a] == 0 {
		c.f.Push(c.word(a.Local, 0), c.word(a.Local, 1))
		return
	}
	c.expr(a)
	if a.Type == types.VecU8 {
		c.f.Drop()
	}
}

func (c *fn) field(e *ir.Expr) {
	a := e.Args[0]
	if a.Op == ir.OpGet {
		c.charge(c.plan.before[a])
		c.f.Push(c.word(a.Local, int(e.Imm)))
		return
	}
	c.expr(a)
	c.scratch(func() {
		t := c.temp(wasm.I32)
		for i := a.Type.Words() - 1; i >= 0; i-- {
			if i == int(e.Imm) {
				c.f.Set(t)
			} else {
				c.f.Drop()
			}
		}
		c.f.Push(t)
	})
}
