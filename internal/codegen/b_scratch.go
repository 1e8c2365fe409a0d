package codegen

import (
	"x07/internal/ir"
	"x07/internal/wasm"
)

// Scratch buffers of fixed capacity. Table entries are 24 bytes:
//
//	0 ptr  4 cap  8 len  12 1 while the buffer is live
const (
	scPtr  = 0
	scCap  = 4
	scLen  = 8
	scLive = 12
)

const msgScratch = "scratch_u8_fixed invalid handle"

func scratchEmitters() map[string]emitter {
	// word is a head that reads one word of the entry.
	word := func(off uint32) emitter {
		return func(c *fn, e *ir.Expr) {
			c.f.Push(wasm.Ld(wasm.Call(c.rtScratchAt(), c.args(e)[0].w[0], c.site(e, msgScratch)), off))
		}
	}
	return map[string]emitter{
		"scratch_u8_fixed_v1.new": func(c *fn, e *ir.Expr) {
			c.f.Push(wasm.Call(c.rtScratchNew(), c.args(e)[0].w[0], c.site(e, msgOOM)))
		},
		"scratch_u8_fixed_v1.clear": func(c *fn, e *ir.Expr) {
			h := c.args(e)[0].w[0]
			c.f.St(wasm.Call(c.rtScratchAt(), h, c.site(e, msgScratch)), scLen, wasm.K(0))
			c.f.Push(h)
		},
		"scratch_u8_fixed_v1.len": word(scLen),
		"scratch_u8_fixed_v1.cap": word(scCap),
		"scratch_u8_fixed_v1.as_view": func(c *fn, e *ir.Expr) {
			p := c.temp(wasm.I32)
			c.f.Let(wasm.Call(c.rtScratchAt(), c.args(e)[0].w[0], c.site(e, msgScratch)), p)
			c.f.Push(wasm.Ld(p, scPtr), wasm.Ld(p, scLen))
		},
		"scratch_u8_fixed_v1.try_write": func(c *fn, e *ir.Expr) {
			as := c.args(e)
			c.f.Push(wasm.Call(c.rtScratchWrite(), as[0].w[0], as[1].w[0], as[1].w[1], c.site(e, msgScratch)))
		},
		"scratch_u8_fixed_v1.drop": func(c *fn, e *ir.Expr) {
			c.f.Push(wasm.Call(c.rtScratchDrop(), c.args(e)[0].w[0]))
		},
	}
}

func (g *gen) scratchTable() *table {
	if g.scratches == nil {
		g.scratches = g.newTable(24)
		g.freeTable(g.scratches, func(f *wasm.Func, entry wasm.Local) {
			f.When(wasm.Ld(entry, scLive), func() { g.freeIf(f, entry, scPtr, scCap) })
		})
	}
	return g.scratches
}

// rtScratchAt: (handle, site) -> entry of a live buffer.
func (g *gen) rtScratchAt() *wasm.Func {
	return g.runtime("scratch.at", i32s(2), i32s(1), func(f *wasm.Func) {
		t := g.scratchTable()
		p := f.NewLocal(wasm.I32)
		g.failIf(f, t.bad(f.Param(0)), f.Param(1))
		f.Let(t.at(f.Param(0)), p)
		g.failIf(f, wasm.Eqz(wasm.Ld(p, scLive)), f.Param(1))
		f.Push(p)
	})
}

// rtScratchNew: (cap, site) -> handle: the lowest dropped one, or the next.
func (g *gen) rtScratchNew() *wasm.Func {
	return g.runtime("scratch.new", i32s(2), i32s(1), func(f *wasm.Func) {
		t := g.scratchTable()
		dropped := g.scratchDropped()
		k := wasm.K
		n, site := f.Param(0), f.Param(1)
		h, p, entry := f.NewLocal(wasm.I32), f.NewLocal(wasm.I32), f.NewLocal(wasm.I32)
		f.Let(wasm.Call(g.rtAllocZero(), n, site), p)
		f.WhenElse(dropped, func() {
			f.SetG(dropped, wasm.Sub(dropped, k(1)))
			f.Let(k(1), h)
			f.While(wasm.Ld(t.at(h), scLive), func() { f.Bump(h, k(1)) })
		}, func() {
			f.Let(wasm.Call(g.rtTableAdd("scratch.add", t), site), h)
		})
		f.Let(t.at(h), entry)
		f.St(entry, scPtr, p)
		f.St(entry, scCap, n)
		f.St(entry, scLen, k(0))
		f.St(entry, scLive, k(1))
		f.Push(h)
	})
}

// scratchDropped counts the handles that can be used again.
func (g *gen) scratchDropped() *wasm.Global { return g.global(&g.vars.scratchDropped, wasm.I32, 0) }

// rtScratchWrite: (handle, ptr, len, site) -> result_i32.
func (g *gen) rtScratchWrite() *wasm.Func {
	return g.runtime("scratch.write", i32s(4), i32s(2), func(f *wasm.Func) {
		k := wasm.K
		src, n := f.Param(1), f.Param(2)
		entry := f.Var(wasm.I32, wasm.Call(g.rtScratchAt(), f.Param(0), f.Param(3)))
		f.When(wasm.GtU(n, wasm.Sub(wasm.Ld(entry, scCap), wasm.Ld(entry, scLen))), func() { f.Return(k(0), k(8)) })
		f.Copy(wasm.Add(wasm.Ld(entry, scPtr), wasm.Ld(entry, scLen)), src, n)
		g.countCopy(f, n)
		g.work(f, n)
		f.St(entry, scLen, wasm.Add(wasm.Ld(entry, scLen), n))
		f.Push(k(1), n)
	})
}

// rtScratchDrop: (handle) -> 1 if it was live.
func (g *gen) rtScratchDrop() *wasm.Func {
	return g.runtime("scratch.drop", i32s(1), i32s(1), func(f *wasm.Func) {
		t := g.scratchTable()
		dropped := g.scratchDropped()
		k := wasm.K
		h, entry := f.Param(0), f.NewLocal(wasm.I32)
		f.When(t.bad(h), func() { f.Return(k(0)) })
		f.Let(t.at(h), entry)
		f.When(wasm.Eqz(wasm.Ld(entry, scLive)), func() { f.Return(k(0)) })
		g.freeIf(f, entry, scPtr, scCap)
		f.St(entry, scLive, k(0))
		f.SetG(dropped, wasm.Add(dropped, k(1)))
		f.Push(k(1))
	})
}
