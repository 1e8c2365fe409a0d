package codegen

import (
	"x07/internal/ir"
	"x07/internal/wasm"
)

// vec_u8: (ptr, len, cap) in locals. Reading, writing and pushing without
// growth are emitted in place.
func vecEmitters() map[string]emitter {
	return map[string]emitter{
		"vec_u8.with_capacity": func(c *fn, e *ir.Expr) {
			n := c.args(e)[0].w[0]
			c.f.Push(wasm.Call(c.rtAllocN(), n, c.site(e, msgOOM)), wasm.K(0), n)
		},
		"vec_u8.get": getU8("vec_u8.get oob"),
		"vec_u8.set": func(c *fn, e *ir.Expr) {
			as := c.args(e)
			v, i, x := as[0].w, as[1].w[0], as[2].w[0]
			if e.Imm != 1 {
				c.trapIf(wasm.GeU(i, v[1]), e, "vec_u8.set oob")
			}
			c.f.St8(wasm.Add(v[0], i), 0, x)
			c.f.Push(v...)
		},
		"vec_u8.push":               vecPush,
		"vec_u8.reserve_exact":      vecReserve,
		"vec_u8.extend_zeroes":      vecExtendZeroes,
		"vec_u8.extend_bytes":       vecExtend,
		"vec_u8.extend_bytes_range": vecExtendRange,
		"vec_u8.into_bytes":         vecIntoBytes,

		"__internal.vec_u8.push_u32_le_v1": vecPushU32,
	}
}

// owner copies the words of a vector into temporaries that can be changed.
func (c *fn) owner(a arg) (p, n, capacity wasm.Local) {
	p, n, capacity = c.temp(wasm.I32), c.temp(wasm.I32), c.temp(wasm.I32)
	for i, l := range []wasm.Local{p, n, capacity} {
		c.f.Let(a.w[i], l)
	}
	return p, n, capacity
}

func vecPush(c *fn, e *ir.Expr) {
	f := c.f
	as := c.args(e)
	x := as[1].w[0]
	p, n, capacity := c.owner(as[0])
	f.Rarely(wasm.Ne(n, capacity), func() {
		f.Let(wasm.Call(c.rtVecGrow(), p, n, capacity, wasm.Add(n, wasm.K(1)), c.site(e, msgOOM)), p, capacity)
	})
	f.St8(wasm.Add(p, n), 0, x)
	f.Push(p, wasm.Add(n, wasm.K(1)), capacity)
}

// vecPushU32 grows as extending by four bytes does.
func vecPushU32(c *fn, e *ir.Expr) {
	f := c.f
	as := c.args(e)
	x := as[1].w[0]
	p, n, capacity := c.owner(as[0])
	need := c.temp(wasm.I32)
	f.Let(wasm.Add(n, wasm.K(4)), need)
	c.trapIf(wasm.LtU(need, n), e, "vec_u8.extend_bytes overflow")
	f.Rarely(wasm.LeU(need, capacity), func() {
		f.Let(wasm.Call(c.rtVecGrow(), p, n, capacity, need, c.site(e, msgOOM)), p, capacity)
	})
	f.St(wasm.Add(p, n), 0, x)
	f.Push(p, need, capacity)
}

func vecReserve(c *fn, e *ir.Expr) {
	f := c.f
	as := c.args(e)
	p, n, capacity := c.owner(as[0])
	need := c.temp(wasm.I32)
	f.Let(wasm.Add(n, as[1].w[0]), need)
	c.trapIf(wasm.LtU(need, n), e, "vec_u8.reserve_exact overflow")
	f.Rarely(wasm.LeU(need, capacity), func() {
		f.Let(wasm.Call(c.rtVecMove(), p, n, capacity, need, c.site(e, msgOOM)), p)
		f.Let(need, capacity)
	})
	f.Push(p, n, capacity)
}

func vecExtendZeroes(c *fn, e *ir.Expr) {
	f := c.f
	as := c.args(e)
	m := as[1].w[0]
	p, n, capacity := c.owner(as[0])
	need := c.temp(wasm.I32)
	f.Let(wasm.Add(n, m), need)
	c.trapIf(wasm.LtU(need, n), e, "vec_u8.extend_zeroes overflow")
	f.Rarely(wasm.LeU(need, capacity), func() {
		f.Let(wasm.Call(c.rtVecGrow(), p, n, capacity, need, c.site(e, msgOOM)), p, capacity)
	})
	f.Fill(wasm.Add(p, n), wasm.K(0), m)
	c.work(f, m)
	f.Push(p, need, capacity)
}

var extendTraps = []string{"vec_u8.extend_bytes overflow", msgOOM}

func vecExtend(c *fn, e *ir.Expr) {
	as := c.args(e)
	c.f.Push(wasm.Call(c.rtVecExtend(), append(append([]wasm.X{}, as[0].w...), as[1].w[0], as[1].w[1], c.site(e, extendTraps...))...))
}

func vecExtendRange(c *fn, e *ir.Expr) {
	as := c.args(e)
	b, start, n := as[1].w, as[2].w[0], as[3].w[0]
	c.trapIf(outside(start, n, b[1]), e, "vec_u8.extend_bytes_range oob")
	c.f.Push(wasm.Call(c.rtVecExtend(), append(append([]wasm.X{}, as[0].w...), wasm.Add(b[0], start), n, c.site(e, extendTraps...))...))
}

func vecIntoBytes(c *fn, e *ir.Expr) {
	v := c.args(e)[0].w
	// An empty vector must not leave a block behind that nothing owns.
	c.f.When(wasm.Eqz(v[1]), func() {
		c.f.When(v[2], func() { c.f.Push(wasm.Call(c.rtFree(), v[0])) })
	})
	c.f.Push(v[0], v[1])
}

// rtVecMove: (ptr, len, cap, new cap, site) -> ptr: moves a vector's contents
// to a block of the new capacity and frees the old one.
func (g *gen) rtVecMove() *wasm.Func {
	return g.runtime("vec.move", i32s(5), i32s(1), func(f *wasm.Func) {
		p, n, capacity := f.Param(0), f.Param(1), f.Param(2)
		q := f.Var(wasm.I32, wasm.Call(g.rtVecCopy(), p, n, capacity, f.Param(3), f.Param(4)))
		f.When(capacity, func() { f.Push(wasm.Call(g.rtFree(), p)) })
		f.Push(q)
	})
}

// rtVecCopy: as rtVecMove, but the old block stays. The allocation counts as
// one that replaces a block when there was one.
func (g *gen) rtVecCopy() *wasm.Func {
	return g.runtime("vec.copy", i32s(5), i32s(1), func(f *wasm.Func) {
		p, n, capacity := f.Param(0), f.Param(1), f.Param(2)
		q := f.Var(wasm.I32, wasm.Call(g.rtAlloc(), f.Param(3), f.Param(4)))
		f.When(capacity, func() { g.countRealloc(f) })
		f.Copy(q, p, n)
		g.countCopy(f, n)
		g.work(f, n)
		f.Push(q)
	})
}

// countRealloc turns the allocation just counted into a reallocation.
func (g *gen) countRealloc(f *wasm.Func) {
	v := &g.vars
	f.SetG(v.allocCalls, wasm.Bi(wasm.I64Sub, v.allocCalls, wasm.K64(1)))
	f.SetG(v.reallocCalls, wasm.Bi(wasm.I64Add, v.reallocCalls, wasm.K64(1)))
}

// grown sets c to the capacity that doubling reaches for need: from 1 if it
// was 0, exactly need beyond 2^31.
func grown(f *wasm.Func, c wasm.Local, need wasm.X) {
	f.When(wasm.Eqz(c), func() { f.Let(wasm.K(1), c) })
	f.Forever(func(done wasm.Label) {
		f.Leave(done, wasm.GeU(c, need))
		f.When(wasm.LtS(c, wasm.K(0)), func() {
			f.Let(need, c)
			f.Br(done)
		})
		f.Let(wasm.Shl(c, wasm.K(1)), c)
		f.When(wasm.Eqz(c), func() {
			f.Let(need, c)
			f.Br(done)
		})
	})
}

// rtVecGrow: (ptr, len, cap, need, site) -> (ptr, cap).
func (g *gen) rtVecGrow() *wasm.Func {
	return g.runtime("vec.grow", i32s(5), i32s(2), func(f *wasm.Func) {
		p, n, capacity, need, site := f.Param(0), f.Param(1), f.Param(2), f.Param(3), f.Param(4)
		c := f.Var(wasm.I32, capacity)
		grown(f, c, need)
		f.Push(wasm.Call(g.rtVecMove(), p, n, capacity, c, site), c)
	})
}

// rtVecExtend: (ptr, len, cap, src, n, site of extendTraps) -> (ptr, len,
// cap). src may lie in the vector itself.
func (g *gen) rtVecExtend() *wasm.Func {
	return g.runtime("vec.extend", i32s(6), i32s(3), func(f *wasm.Func) {
		p, n, capacity, src, m, site := f.Param(0), f.Param(1), f.Param(2), f.Param(3), f.Param(4), f.Param(5)
		need := f.Var(wasm.I32, wasm.Add(n, m))
		q, c := f.NewLocal(wasm.I32), f.NewLocal(wasm.I32)
		g.failIf(f, wasm.LtU(need, n), site)
		g.countCopy(f, m)
		g.work(f, m)
		f.When(wasm.GtU(need, capacity), func() {
			f.Let(capacity, c)
			grown(f, c, need)
			f.Let(wasm.Call(g.rtVecCopy(), p, n, capacity, c, siteOff(site, 1)), q)
			f.Copy(wasm.Add(q, n), src, m)
			f.When(capacity, func() { f.Push(wasm.Call(g.rtFree(), p)) })
			f.Return(q, need, c)
		})
		f.Copy(wasm.Add(p, n), src, m)
		f.Push(p, need, capacity)
	})
}
