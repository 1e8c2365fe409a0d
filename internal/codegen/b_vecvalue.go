package codegen

import (
	"x07/internal/ir"
	"x07/internal/wasm"
)

// kind is a type that generic containers hold. Elements are stored in the
// size that is accounted for: 4 bytes for numbers, 16 for (ptr, len).
type kind struct {
	name  string
	words int
	size  int64
	owned bool
}

var kinds = [...]kind{{"i32", 1, 4, false}, {"bytes", 2, 16, true}, {"bytes_view", 2, 16, false}}

// mismatch is true when the type id x is not one of k.
func (k kind) mismatch(x wasm.X) wasm.X {
	switch k.name {
	case "i32": // ids 1 and 2
		return wasm.GtU(x, wasm.K(2))
	case "bytes":
		return wasm.Ne(x, wasm.K(3))
	}
	return wasm.Ne(x, wasm.K(4))
}

// sizeOf is the element size of a valid type id.
func sizeOf(id wasm.X) wasm.X { return wasm.Sel(wasm.GtU(id, wasm.K(2)), wasm.K(16), wasm.K(4)) }

// vec_value headers, 32 bytes, addressed through a table of 8-byte entries.
const (
	vvType = 0
	vvLen  = 4
	vvCap  = 8
	vvData = 12
	vvSize = 16 // bytes per element
)

const msgVecValue = "vec_value invalid handle"

func vecValueEmitters() map[string]emitter {
	t := map[string]emitter{
		"vec_value.with_capacity_v1": func(c *fn, e *ir.Expr) {
			as := c.args(e)
			c.f.Push(wasm.Call(c.rtVVNew(), as[0].w[0], as[1].w[0],
				c.site(e, "value ty_id invalid", "vec_value.with_capacity cap overflow", msgOOM)))
		},
		"vec_value.len": func(c *fn, e *ir.Expr) {
			c.f.Push(wasm.Ld(wasm.Call(c.rtVVAt(), c.args(e)[0].w[0], c.site(e, msgVecValue)), vvLen))
		},
		"vec_value.reserve_exact": func(c *fn, e *ir.Expr) {
			as := c.args(e)
			c.f.Push(wasm.Call(c.rtVVReserve(), as[0].w[0], as[1].w[0],
				c.site(e, msgVecValue, "vec_value.reserve_exact overflow", "vec_value cap overflow", msgOOM)))
		},
		"vec_value.pop": func(c *fn, e *ir.Expr) {
			c.f.Push(wasm.Call(c.rtVVShrink(), c.args(e)[0].w[0], wasm.K(1), c.site(e, msgVecValue)))
		},
		"vec_value.clear": func(c *fn, e *ir.Expr) {
			c.f.Push(wasm.Call(c.rtVVShrink(), c.args(e)[0].w[0], wasm.K(-1), c.site(e, msgVecValue)))
		},
	}
	for _, k := range kinds {
		head := func(op string) string { return "vec_value." + op + "_" + k.name + "_v1" }
		t[head("push")] = func(c *fn, e *ir.Expr) {
			as := c.args(e)
			x := c.kept(e, as[1], k)
			c.f.Push(wasm.Call(c.rtVVPush(k), append(append([]wasm.X{as[0].w[0]}, x...),
				c.site(e, msgVecValue, head("push")+" ty mismatch", "vec_value.push overflow", "vec_value cap overflow", msgOOM))...))
		}
		t[head("get")] = func(c *fn, e *ir.Expr) {
			as := c.args(e)
			def := c.kept(e, as[2], k)
			c.f.Push(wasm.Call(c.rtVVGet(k), append(append([]wasm.X{as[0].w[0], as[1].w[0]}, def...),
				c.site(e, msgVecValue, head("get")+" ty mismatch", msgOOM))...))
		}
		t[head("set")] = func(c *fn, e *ir.Expr) {
			as := c.args(e)
			x := c.kept(e, as[2], k)
			c.f.Push(wasm.Call(c.rtVVSet(k), append(append([]wasm.X{as[0].w[0], as[1].w[0]}, x...),
				c.site(e, msgVecValue, head("set")+" ty mismatch", "vec_value.set oob"))...))
		}
	}
	return t
}

// kept is an argument that the operation takes over: an owned one must have
// been given away by the program.
func (c *fn) kept(e *ir.Expr, a arg, k kind) []wasm.X {
	if k.owned && !a.given {
		c.bad("%s keeps an argument that its owner has not given away", e.Builtin.Name)
	}
	return a.w
}

func (g *gen) vvTable() *table {
	if g.vecs == nil {
		g.vecs = g.newTable(8)
		g.freeTable(g.vecs, func(f *wasm.Func, entry wasm.Local) {
			h := f.Var(wasm.I32, wasm.Ld(entry, 0))
			f.Push(wasm.Call(g.rtVVDrop(), h, wasm.K(-1)))
			g.freeIf(f, h, vvData, vvCap)
			f.Push(wasm.Call(g.rtFree(), h))
			f.Release(h)
		})
	}
	return g.vecs
}

// rtVVAt: (handle, site) -> header.
func (g *gen) rtVVAt() *wasm.Func {
	return g.runtime("vecvalue.at", i32s(2), i32s(1), func(f *wasm.Func) {
		t := g.vvTable()
		g.failIf(f, t.bad(f.Param(0)), f.Param(1))
		f.Push(wasm.Ld(t.at(f.Param(0)), 0))
	})
}

// rtVVNew: (type id, cap, site: id, overflow, out of memory) -> handle.
func (g *gen) rtVVNew() *wasm.Func {
	return g.runtime("vecvalue.new", i32s(3), i32s(1), func(f *wasm.Func) {
		t := g.vvTable()
		k := wasm.K
		id, n, site := f.Param(0), f.Param(1), f.Param(2)
		oom := siteOff(site, 2)
		p, h, size := f.NewLocal(wasm.I32), f.NewLocal(wasm.I32), f.NewLocal(wasm.I32)
		g.failIf(f, wasm.GeU(wasm.Sub(id, k(1)), k(4)), site)
		f.Let(sizeOf(id), size)
		g.failIf(f, wasm.GtU(n, wasm.Bi(wasm.I32DivU, k(-1), size)), siteOff(site, 1))
		f.Let(wasm.Call(g.rtAlloc(), k(32), oom), p)
		f.St(p, vvType, id)
		f.St(p, vvLen, k(0))
		f.St(p, vvCap, n)
		f.St(p, vvSize, size)
		f.St(p, vvData, wasm.Call(g.rtAllocN(), wasm.Mul(n, size), oom))
		f.Let(wasm.Call(g.rtTableAdd("vecvalue.add", t), oom), h)
		f.St(t.at(h), 0, p)
		f.Push(h)
	})
}

// rtVVResize: (header, new cap, site: cap overflow, out of memory) moves the
// elements to a block of the new capacity.
func (g *gen) rtVVResize() *wasm.Func {
	return g.runtime("vecvalue.resize", i32s(3), nil, func(f *wasm.Func) {
		h, n, site := f.Param(0), f.Param(1), f.Param(2)
		size := f.Var(wasm.I32, wasm.Ld(h, vvSize))
		g.failIf(f, wasm.GtU(n, wasm.Bi(wasm.I32DivU, wasm.K(-1), size)), site)
		f.St(h, vvData, wasm.Call(g.rtVecMove(), wasm.Ld(h, vvData), wasm.Mul(wasm.Ld(h, vvLen), size),
			wasm.Mul(wasm.Ld(h, vvCap), size), wasm.Mul(n, size), siteOff(site, 1)))
		f.St(h, vvCap, n)
	})
}

// rtVVReserve: (handle, extra, site: handle, overflow, cap overflow, out of
// memory) -> handle.
func (g *gen) rtVVReserve() *wasm.Func {
	return g.runtime("vecvalue.reserve", i32s(3), i32s(1), func(f *wasm.Func) {
		h, extra, site := f.Param(0), f.Param(1), f.Param(2)
		hdr := f.Var(wasm.I32, wasm.Call(g.rtVVAt(), h, site))
		n := f.Var(wasm.I32, wasm.Add(wasm.Ld(hdr, vvLen), extra))
		g.failIf(f, wasm.LtU(n, extra), siteOff(site, 1))
		f.When(wasm.GtU(n, wasm.Ld(hdr, vvCap)), func() {
			f.Push(wasm.Call(g.rtVVResize(), hdr, n, siteOff(site, 2)))
		})
		f.Push(h)
	})
}

// rtVVDrop: (header, count) frees the last count elements, all when there are
// fewer.
func (g *gen) rtVVDrop() *wasm.Func {
	return g.runtime("vecvalue.drop", i32s(2), nil, func(f *wasm.Func) {
		h, n := f.Param(0), f.Param(1)
		k := wasm.K
		left, p := f.NewLocal(wasm.I32), f.NewLocal(wasm.I32)
		f.Let(wasm.Ld(h, vvLen), left)
		f.When(wasm.GtU(n, left), func() { f.Let(left, n) })
		f.St(h, vvLen, wasm.Sub(left, n))
		f.When(wasm.Ne(wasm.Ld(h, vvType), k(3)), func() { f.Return() })
		f.Let(wasm.Add(wasm.Ld(h, vvData), wasm.Shl(wasm.Sub(left, n), k(4))), p)
		g.work(f, n)
		f.While(n, func() {
			g.freeIf(f, p, 0, 4)
			f.Bump(p, k(16))
			f.Bump(n, k(-1))
		})
	})
}

// rtVVShrink: (handle, count, site) -> handle.
func (g *gen) rtVVShrink() *wasm.Func {
	return g.runtime("vecvalue.shrink", i32s(3), i32s(1), func(f *wasm.Func) {
		f.Push(wasm.Call(g.rtVVDrop(), wasm.Call(g.rtVVAt(), f.Param(0), f.Param(2)), f.Param(1)))
		f.Push(f.Param(0))
	})
}

// storeWords stores value words at p.
func storeWords(f *wasm.Func, p wasm.X, ws []wasm.Local) {
	for i, w := range ws {
		f.St(p, uint32(4*i), w)
	}
}

// loadWords is the value words at p.
func loadWords(p wasm.X, k kind) []wasm.X {
	ws := make([]wasm.X, k.words)
	for i := range ws {
		ws[i] = wasm.Ld(p, uint32(4*i))
	}
	return ws
}

// valueParams are parameters from..from+k.words of f.
func valueParams(f *wasm.Func, from int, k kind) []wasm.Local {
	ws := make([]wasm.Local, k.words)
	for i := range ws {
		ws[i] = f.Param(from + i)
	}
	return ws
}

// element is the address of element i of the vector hdr.
func element(hdr, i wasm.X, k kind) wasm.X {
	shift := int64(2)
	if k.size == 16 {
		shift = 4
	}
	return wasm.Add(wasm.Ld(hdr, vvData), wasm.Shl(i, wasm.K(shift)))
}

// rtVVPush: (handle, value, site) -> handle.
func (g *gen) rtVVPush(k kind) *wasm.Func {
	return g.runtime("vecvalue.push."+k.name, i32s(2+k.words), i32s(1), func(f *wasm.Func) {
		h, x, site := f.Param(0), valueParams(f, 1, k), f.Param(1+k.words)
		hdr := f.Var(wasm.I32, wasm.Call(g.rtVVAt(), h, site))
		n, to := f.NewLocal(wasm.I32), f.NewLocal(wasm.I32)
		g.failIf(f, k.mismatch(wasm.Ld(hdr, vvType)), siteOff(site, 1))
		f.Let(wasm.Ld(hdr, vvLen), n)
		f.When(wasm.Eq(n, wasm.Ld(hdr, vvCap)), func() {
			g.failIf(f, wasm.LtS(n, wasm.K(0)), siteOff(site, 2))
			f.Let(wasm.Shl(n, wasm.K(1)), to)
			f.When(wasm.Eqz(to), func() { f.Let(wasm.K(1), to) })
			f.Push(wasm.Call(g.rtVVResize(), hdr, to, siteOff(site, 3)))
		})
		storeWords(f, element(hdr, n, k), x)
		f.St(hdr, vvLen, wasm.Add(n, wasm.K(1)))
		g.countCopy(f, wasm.K(k.size))
		f.Push(h)
	})
}

// rtVVGet: (handle, index, default, site) -> value.
func (g *gen) rtVVGet(k kind) *wasm.Func {
	return g.runtime("vecvalue.get."+k.name, i32s(3+k.words), i32s(k.words), func(f *wasm.Func) {
		h, i, def, site := f.Param(0), f.Param(1), valueParams(f, 2, k), f.Param(2+k.words)
		hdr, p := f.Var(wasm.I32, wasm.Call(g.rtVVAt(), h, site)), f.NewLocal(wasm.I32)
		g.failIf(f, k.mismatch(wasm.Ld(hdr, vvType)), siteOff(site, 1))
		f.When(wasm.LtU(i, wasm.Ld(hdr, vvLen)), func() {
			f.Let(element(hdr, i, k), p)
			g.returnStored(f, k, p, def, siteOff(site, 2))
		})
		for _, w := range def {
			f.Push(w)
		}
	})
}

// returnStored returns the value stored at p: a copy if it is owned, for which
// the default is freed.
func (g *gen) returnStored(f *wasm.Func, k kind, p wasm.X, def []wasm.Local, oom wasm.X) {
	if !k.owned {
		f.Return(loadWords(p, k)...)
		return
	}
	n := f.NewLocal(wasm.I32)
	f.When(def[1], func() { f.Push(wasm.Call(g.rtFree(), def[0])) })
	f.Let(wasm.Ld(p, 4), n)
	f.Return(wasm.Call(g.rtCopy(), wasm.Ld(p, 0), n, oom), n)
}

// rtVVSet: (handle, index, value, site) -> handle.
func (g *gen) rtVVSet(k kind) *wasm.Func {
	return g.runtime("vecvalue.set."+k.name, i32s(3+k.words), i32s(1), func(f *wasm.Func) {
		h, i, x, site := f.Param(0), f.Param(1), valueParams(f, 2, k), f.Param(2+k.words)
		hdr, p := f.Var(wasm.I32, wasm.Call(g.rtVVAt(), h, site)), f.NewLocal(wasm.I32)
		g.failIf(f, k.mismatch(wasm.Ld(hdr, vvType)), siteOff(site, 1))
		g.failIf(f, wasm.GeU(i, wasm.Ld(hdr, vvLen)), siteOff(site, 2))
		f.Let(element(hdr, i, k), p)
		if k.owned {
			g.freeIf(f, p, 0, 4)
			g.countCopy(f, wasm.K(16))
		}
		storeWords(f, p, x)
		f.Push(h)
	})
}
