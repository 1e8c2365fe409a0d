package codegen

import (
	"x07/internal/ir"
	"x07/internal/wasm"
)

// Bytes and views: heads whose fast path is a few instructions are emitted in
// place, the others call the runtime (rt_bytes.go).
func bytesEmitters() map[string]emitter {
	return map[string]emitter{
		"bytes.alloc": func(c *fn, e *ir.Expr) {
			n := c.args(e)[0].w[0]
			c.f.Push(wasm.Call(c.rtAllocZero(), n, c.site(e, msgOOM)), n)
		},
		"__internal.bytes.alloc_aligned_v1": allocAligned,
		"__internal.bytes.set_u32_le_v1":    setU32,
		"bytes1": func(c *fn, e *ir.Expr) {
			x := c.args(e)[0].w[0]
			p := c.temp(wasm.I32)
			c.f.Let(wasm.Call(c.rtAlloc(), wasm.K(1), c.site(e, msgOOM)), p)
			c.f.St8(p, 0, x)
			c.f.Push(p, wasm.K(1))
		},
		"bytes.get_u8":              getU8("view.get_u8 oob"),
		"view.get_u8":               getU8("view.get_u8 oob"),
		"bytes.set_u8":              setU8,
		"bytes.eq":                  viewEq,
		"view.eq":                   viewEq,
		"bytes.cmp_range":           cmpRange,
		"view.cmp_range":            cmpRange,
		"bytes.copy":                bytesCopy,
		"bytes.slice":               bytesSlice,
		"bytes.concat":              bytesConcat,
		"bytes.subview":             subView("bytes.subview oob"),
		"view.slice":                subView("view.slice oob"),
		"view.to_bytes":             copyOf,
		"__internal.bytes.clone_v1": copyOf,
	}
}

// copyOf pushes a fresh copy of a view.
func copyOf(c *fn, e *ir.Expr) {
	a := c.args(e)[0]
	p, n := c.temp(wasm.I32), a.w[1]
	c.f.Let(wasm.Call(c.rtCopy(), a.w[0], n, c.site(e, msgOOM)), p)
	c.free(a)
	c.f.Push(p, n)
}

func allocAligned(c *fn, e *ir.Expr) {
	as := c.args(e)
	n, align := as[0].w[0], as[1].w[0]
	c.trapIf(wasm.And(align, wasm.Sub(align, wasm.K(1))), e, "bytes.alloc_aligned align must be power of two")
	c.trapIf(wasm.GtU(align, wasm.K(16)), e, "alloc align too large")
	c.f.Push(wasm.Call(c.rtAllocZero(), n, c.site(e, msgOOM)), n)
}

// getU8 loads one byte; Imm 1 says that the index is known to be in bounds.
func getU8(msg string) emitter {
	return func(c *fn, e *ir.Expr) {
		as := c.args(e)
		p, n, i := as[0].w[0], as[0].w[1], as[1].w[0]
		if e.Imm != 1 {
			c.trapIf(wasm.GeU(i, n), e, msg)
		}
		c.f.Push(wasm.Ld8(wasm.Add(p, i), 0))
	}
}

func setU8(c *fn, e *ir.Expr) {
	as := c.args(e)
	b, i, v := as[0], as[1].w[0], as[2].w[0]
	if e.Imm != 1 {
		c.trapIf(wasm.GeU(i, b.w[1]), e, "bytes.set_u8 oob")
	}
	c.f.St8(wasm.Add(b.w[0], i), 0, v)
	c.f.Push(b.w...)
}

// setU32 stores a word; its four bytes must lie within the buffer.
func setU32(c *fn, e *ir.Expr) {
	as := c.args(e)
	b, off, x := as[0], as[1].w[0], as[2].w[0]
	c.trapIf(wordOutside(off, b.w[1]), e, "bytes.set_u8 oob")
	c.f.St(wasm.Add(b.w[0], off), 0, x)
	c.f.Push(b.w...)
}

// wordOutside is true when [off, off+4) does not lie within size: one
// comparison of 64-bit numbers, which cannot wrap.
func wordOutside(off, size wasm.X) wasm.X {
	end := wasm.Bi(wasm.I64Add, wasm.U64(off), wasm.K64(4))
	return wasm.Bi(wasm.I64GtU, end, wasm.U64(size))
}

func viewEq(c *fn, e *ir.Expr) {
	as := c.args(e)
	a, b := as[0].w, as[1].w
	c.f.Push(wasm.Eq(a[1], b[1]))
	c.f.If(wasm.I32)
	c.f.Push(wasm.Call(c.rtEqual(), a[0], b[0], a[1]))
	c.f.Else()
	c.f.Push(wasm.K(0))
	c.f.End()
}

// outside is true when [start, start+n) does not lie within size.
func outside(start, n, size wasm.X) wasm.X {
	return wasm.Or(wasm.GtU(start, size), wasm.GtU(n, wasm.Sub(size, start)))
}

func cmpRange(c *fn, e *ir.Expr) {
	as := c.args(e)
	a, ao, an := as[0].w, as[1].w[0], as[2].w[0]
	b, bo, bn := as[3].w, as[4].w[0], as[5].w[0]
	const msg = "view.cmp_range oob"
	c.trapIf(outside(ao, an, a[1]), e, msg)
	c.trapIf(outside(bo, bn, b[1]), e, msg)
	c.f.Push(wasm.Call(c.rtCompare(), wasm.Add(a[0], ao), an, wasm.Add(b[0], bo), bn))
}

func bytesCopy(c *fn, e *ir.Expr) {
	as := c.args(e)
	src, dst := as[0], as[1]
	c.trapIf(wasm.GtU(src.w[1], dst.w[1]), e, "bytes.copy dst too small")
	c.f.Copy(dst.w[0], src.w[0], src.w[1])
	c.countCopy(c.f, src.w[1])
	c.work(c.f, src.w[1])
	c.free(src)
	c.f.Push(dst.w...)
}

func bytesSlice(c *fn, e *ir.Expr) {
	as := c.args(e)
	b, start, n := as[0].w, as[1].w[0], as[2].w[0]
	c.trapIf(outside(start, n, b[1]), e, "view.slice oob")
	c.f.Push(wasm.Call(c.rtCopy(), wasm.Add(b[0], start), n, c.site(e, msgOOM)), n)
}

func subView(msg string) emitter {
	return func(c *fn, e *ir.Expr) {
		as := c.args(e)
		b, start, n := as[0].w, as[1].w[0], as[2].w[0]
		if e.Imm != 1 {
			c.trapIf(outside(start, n, b[1]), e, msg)
		}
		c.f.Push(wasm.Add(b[0], start), n)
	}
}

func bytesConcat(c *fn, e *ir.Expr) {
	f := c.f
	as := c.args(e)
	a, b := as[0], as[1]
	p, n := c.temp(wasm.I32), c.temp(wasm.I32)
	f.Let(wasm.Add(a.w[1], b.w[1]), n)
	c.trapIf(wasm.LtU(n, a.w[1]), e, "bytes.concat overflow")
	f.Let(wasm.Call(c.rtAllocN(), n, c.site(e, msgOOM)), p)
	f.Copy(p, a.w[0], a.w[1])
	f.Copy(wasm.Add(p, a.w[1]), b.w[0], b.w[1])
	c.countCopy(f, n)
	c.work(f, n)
	c.free(a)
	c.free(b)
	f.Push(p, n)
}
