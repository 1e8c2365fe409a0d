package codegen

import (
	"x07/internal/ir"
	"x07/internal/types"
	"x07/internal/wasm"
)

// Readers and buffered readers. An iface is (data, vtable); vtable 1 is an
// in-memory reader, whose data is a handle; the engine reads from others. Table
// entries are 48 bytes:
//
//	reader    0 ptr  4 len  8 pos  12 capacity of the block, 0 when it has none
//	bufread   0 data  4 vtable  8 buffer  12 cap  16 window ptr  20 window len
//	          24 set once a reader outside has ended
const (
	rdPtr = 0
	rdLen = 4
	rdPos = 8
	rdCap = 12

	brData   = 0
	brVtable = 4
	brBuf    = 8
	brCap    = 12
	brPtr    = 16
	brLen    = 20
	brEnd    = 24
)

const (
	msgReader  = "io.reader invalid handle"
	msgVtable  = "ext io reader unregistered vtable"
	msgBufread = "bufread invalid handle"
)

func readerEmitters() map[string]emitter {
	return map[string]emitter{
		"io.open_read_bytes": openReadBytes,
		"io.read": func(c *fn, e *ir.Expr) {
			as := c.args(e)
			c.f.Push(wasm.Call(c.rtRead(), as[0].w[0], as[0].w[1], as[1].w[0],
				c.site(e, "io.read bad iface vtable", msgVtable, msgReader, msgOOM)))
		},
		"bufread.new": func(c *fn, e *ir.Expr) {
			as := c.args(e)
			c.f.Push(wasm.Call(c.rtBufNew(), as[0].w[0], as[0].w[1], as[1].w[0],
				c.site(e, "bufread cap=0", "bufread.new bad iface vtable", msgReader, msgOOM)))
		},
		"bufread.fill": func(c *fn, e *ir.Expr) {
			c.f.Push(wasm.Call(c.rtBufFill(), c.args(e)[0].w[0], c.site(e, msgBufread, msgVtable)))
		},
		"bufread.consume": func(c *fn, e *ir.Expr) {
			as := c.args(e)
			c.f.Push(wasm.Call(c.rtBufConsume(), as[0].w[0], as[1].w[0], c.site(e, msgBufread, "bufread.consume oob")))
		},
	}
}

func (g *gen) readerTable() *table {
	if g.readers == nil {
		g.readers = g.newTable(48)
		g.freeTable(g.readers, func(f *wasm.Func, entry wasm.Local) { g.freeIf(f, entry, rdPtr, rdCap) })
	}
	return g.readers
}

func (g *gen) bufreadTable() *table {
	if g.bufreads == nil {
		g.bufreads = g.newTable(48)
		g.freeTable(g.bufreads, func(f *wasm.Func, entry wasm.Local) { g.freeIf(f, entry, brBuf, brCap) })
	}
	return g.bufreads
}

// openReadBytes takes over bytes or a vec_u8, or copies a view.
func openReadBytes(c *fn, e *ir.Expr) {
	f := c.f
	a := c.args(e)[0]
	site := c.site(e, msgOOM)
	p, n := c.temp(wasm.I32), a.w[1]
	owned := n
	switch {
	case a.typ == types.VecU8:
		owned = a.w[2]
		f.Let(a.w[0], p)
		// As vec_u8.into_bytes: an empty vector gives its block back.
		f.When(wasm.Eqz(n), func() {
			f.When(owned, func() { f.Push(wasm.Call(c.rtFree(), p)) })
		})
		owned = wasm.Sel(n, owned, wasm.K(0))
	case a.given:
		f.Let(a.w[0], p)
	default:
		f.Let(wasm.Call(c.rtCopy(), a.w[0], n, site), p)
	}
	c.newReader(p, n, owned, site)
}

// newReader pushes the iface of a new reader of n bytes at p. The reader owns
// them unless owned is zero.
func (c *fn) newReader(p, n, owned, site wasm.X) {
	f := c.f
	t := c.readerTable()
	h, entry := c.temp(wasm.I32), c.temp(wasm.I32)
	f.Let(wasm.Call(c.rtTableAdd("reader.add", t), site), h)
	f.Let(t.at(h), entry)
	f.St(entry, rdPtr, p)
	f.St(entry, rdLen, n)
	f.St(entry, rdCap, owned)
	f.Push(h, wasm.K(1))
}

// closeAtEnd frees the data of a reader that has nothing left.
func (g *gen) closeAtEnd(f *wasm.Func, entry wasm.X) {
	g.freeIf(f, entry, rdPtr, rdCap)
	f.St(entry, rdCap, wasm.K(0))
}

// rtRead: (data, vtable, max, site: bad vtable, unregistered, handle, out of
// memory) -> (ptr, len).
func (g *gen) rtRead() *wasm.Func {
	return g.runtime("read", i32s(4), i32s(2), func(f *wasm.Func) {
		t := g.readerTable()
		k := wasm.K
		h, vt, most, site := f.Param(0), f.Param(1), f.Param(2), f.Param(3)
		entry, n, p := f.NewLocal(wasm.I32), f.NewLocal(wasm.I32), f.NewLocal(wasm.I32)
		f.When(wasm.Eqz(most), func() { f.Return(k(0), k(0)) })
		g.failIf(f, wasm.GeU(wasm.Sub(vt, k(1)), k(64)), site)
		f.When(wasm.Ne(vt, k(1)), func() {
			f.Let(wasm.Call(g.rtOutside(), h, vt, most, siteOff(site, 1)), n)
			f.Return(wasm.Call(g.rtTake(), n, siteOff(site, 3)), n)
		})
		g.failIf(f, t.bad(h), siteOff(site, 2))
		f.Let(t.at(h), entry)
		f.Let(wasm.Sub(wasm.Ld(entry, rdLen), wasm.Ld(entry, rdPos)), n)
		f.When(wasm.Eqz(n), func() {
			g.closeAtEnd(f, entry)
			f.Return(k(0), k(0))
		})
		f.When(wasm.GtU(n, most), func() { f.Let(most, n) })
		f.Let(wasm.Call(g.rtCopy(), wasm.Add(wasm.Ld(entry, rdPtr), wasm.Ld(entry, rdPos)), n, siteOff(site, 3)), p)
		f.St(entry, rdPos, wasm.Add(wasm.Ld(entry, rdPos), n))
		f.Push(p, n)
	})
}

// rtOutside: (data, vtable, max, site) -> length of what the engine has read,
// which its take copies.
func (g *gen) rtOutside() *wasm.Func { return g.runtimeImport("read", i32s(4), i32s(1)) }

// rtBufNew: (data, vtable, cap, site: cap, vtable, handle, out of memory) ->
// handle.
func (g *gen) rtBufNew() *wasm.Func {
	return g.runtime("bufread.new", i32s(4), i32s(1), func(f *wasm.Func) {
		readers, t := g.readerTable(), g.bufreadTable()
		k := wasm.K
		data, vt, n, site := f.Param(0), f.Param(1), f.Param(2), f.Param(3)
		oom := siteOff(site, 3)
		p, h, entry := f.NewLocal(wasm.I32), f.NewLocal(wasm.I32), f.NewLocal(wasm.I32)
		g.failIf(f, wasm.Eqz(n), site)
		g.failIf(f, wasm.GeU(wasm.Sub(vt, k(1)), k(64)), siteOff(site, 1))
		f.When(wasm.Eq(vt, k(1)), func() { g.failIf(f, readers.bad(data), siteOff(site, 2)) })
		f.Let(wasm.Call(g.rtAllocZero(), n, oom), p)
		f.Let(wasm.Call(g.rtTableAdd("bufread.add", t), oom), h)
		f.Let(t.at(h), entry)
		f.St(entry, brData, data)
		f.St(entry, brVtable, vt)
		f.St(entry, brBuf, p)
		f.St(entry, brCap, n)
		f.Push(h)
	})
}

// rtBufFill: (handle, site: handle, unregistered) -> (ptr, len). In-memory
// readers show their own data, without a copy; others fill the buffer.
func (g *gen) rtBufFill() *wasm.Func {
	return g.runtime("bufread.fill", i32s(2), i32s(2), func(f *wasm.Func) {
		readers, t := g.readerTable(), g.bufreadTable()
		k := wasm.K
		h, site := f.Param(0), f.Param(1)
		entry, rd, n := f.NewLocal(wasm.I32), f.NewLocal(wasm.I32), f.NewLocal(wasm.I32)
		g.failIf(f, t.bad(h), site)
		f.Let(t.at(h), entry)
		f.When(wasm.Eqz(wasm.Ld(entry, brLen)), func() {
			f.When(wasm.Ne(wasm.Ld(entry, brVtable), k(1)), func() {
				f.When(wasm.Ld(entry, brEnd), func() { f.Return(k(0), k(0)) })
				f.Let(wasm.Call(g.rtOutside(), wasm.Ld(entry, brData), wasm.Ld(entry, brVtable), wasm.Ld(entry, brCap), siteOff(site, 1)), n)
				f.When(wasm.Eqz(n), func() {
					f.St(entry, brEnd, k(1))
					f.Return(k(0), k(0))
				})
				f.Push(wasm.Call(g.runtimeImport("take", i32s(1), nil), wasm.Ld(entry, brBuf)))
				f.St(entry, brPtr, wasm.Ld(entry, brBuf))
				f.St(entry, brLen, n)
				f.Return(wasm.Ld(entry, brBuf), n)
			})
			f.Let(readers.at(wasm.Ld(entry, brData)), rd)
			f.Let(wasm.Sub(wasm.Ld(rd, rdLen), wasm.Ld(rd, rdPos)), n)
			f.When(wasm.Eqz(n), func() {
				g.closeAtEnd(f, rd)
				f.Return(k(0), k(0))
			})
			f.When(wasm.GtU(n, wasm.Ld(entry, brCap)), func() { f.Let(wasm.Ld(entry, brCap), n) })
			f.St(entry, brPtr, wasm.Add(wasm.Ld(rd, rdPtr), wasm.Ld(rd, rdPos)))
			f.St(entry, brLen, n)
			f.St(rd, rdPos, wasm.Add(wasm.Ld(rd, rdPos), n))
		})
		f.Push(wasm.Ld(entry, brPtr), wasm.Ld(entry, brLen))
	})
}

// rtBufConsume: (handle, n, site: handle, oob) -> 0.
func (g *gen) rtBufConsume() *wasm.Func {
	return g.runtime("bufread.consume", i32s(3), i32s(1), func(f *wasm.Func) {
		t := g.bufreadTable()
		h, n, site := f.Param(0), f.Param(1), f.Param(2)
		entry := f.NewLocal(wasm.I32)
		g.failIf(f, t.bad(h), site)
		f.Let(t.at(h), entry)
		g.failIf(f, wasm.GtU(n, wasm.Ld(entry, brLen)), siteOff(site, 1))
		f.St(entry, brPtr, wasm.Add(wasm.Ld(entry, brPtr), n))
		f.St(entry, brLen, wasm.Sub(wasm.Ld(entry, brLen), n))
		f.Push(wasm.K(0))
	})
}
