package codegen

import "x07/internal/wasm"

// The allocator. A block is a header of 16 bytes and the data, which is
// aligned to 16:
//
//	data-16  size of the block before this one, 0 if none   (large blocks)
//	data-12  size of this block, bit 0 set when it is free   (large blocks)
//	data-4   requested size in bytes
//
// Requests up to smallMax bytes come from free lists, one per multiple of 16,
// cut from pieces that are large blocks themselves and are never given back.
// Larger requests use two-level segregated fit: lists by the size's power of
// two and 16 steps between, found through bitmaps, neighbours merged when
// freed. Both are O(1). A free block links its list at data (next) and, when
// large, data+4 (previous).
//
// Independently of placement, every block is charged 16 + roundup16(n)
// against the heap's capacity, which makes "out of memory" a property of the
// program and not of this allocator's luck.
const (
	smallMax   = 1024
	smallPiece = 16384
	largeShift = 10   // first-level class 0 holds sizes from 1<<10
	minLarge   = 1040 // smallest block that is split off
)

func (g *gen) useAlloc() {
	v := &g.vars
	for _, p := range []**wasm.Global{&v.brk, &v.high, &v.lastSize, &v.smallPtr, &v.smallEnd,
		&v.largeMap, &v.heapFree, &v.live, &v.peakLive, &v.liveAllocs, &v.peakAllocs} {
		g.global(p, wasm.I32, 0)
	}
	for _, p := range []**wasm.Global{&v.allocTotal, &v.allocCalls, &v.reallocCalls, &v.memcpyBytes} {
		g.global(p, wasm.I64, 0)
	}
}

// runtime returns the runtime function name, building it on first use. The
// function is registered before its body is built, so that it may call itself.
func (g *gen) runtime(name string, params, results []wasm.ValType, build func(f *wasm.Func)) *wasm.Func {
	if f := g.rt[name]; f != nil {
		return f
	}
	f := g.m.NewFunc(name, params, results)
	g.rt[name] = f
	build(f)
	return f
}

// rtAlloc: (n > 0, site of "out of memory") -> data. The memory is not cleared.
func (g *gen) rtAlloc() *wasm.Func {
	return g.runtime("alloc", i32s(2), i32s(1), func(f *wasm.Func) {
		g.useAlloc()
		v := &g.vars
		n, site := f.Param(0), f.Param(1)
		block, p, list := f.NewLocal(wasm.I32), f.NewLocal(wasm.I32), f.NewLocal(wasm.I32)
		// The size is the block's without its header; a request near 2^32 wraps
		// to something smaller than itself.
		f.Let(wasm.And(wasm.Add(n, wasm.K(31)), wasm.K(-16)), block)
		f.When(wasm.Or(wasm.LtU(block, n), wasm.GtU(block, v.heapFree)), func() { g.fail(f, site) })
		f.SetG(v.heapFree, wasm.Sub(v.heapFree, block))
		f.SetG(v.allocTotal, wasm.Bi(wasm.I64Add, v.allocTotal, wasm.U64(n)))
		f.SetG(v.allocCalls, wasm.Bi(wasm.I64Add, v.allocCalls, wasm.K64(1)))
		t := f.NewLocal(wasm.I32)
		f.SetG(v.live, wasm.Tee(t, wasm.Add(v.live, n)))
		f.When(wasm.GtU(t, v.peakLive), func() { f.SetG(v.peakLive, t) })
		f.SetG(v.liveAllocs, wasm.Tee(t, wasm.Add(v.liveAllocs, wasm.K(1))))
		f.When(wasm.GtU(t, v.peakAllocs), func() { f.SetG(v.peakAllocs, t) })
		f.When(wasm.LeU(n, wasm.K(smallMax)), func() {
			f.Let(wasm.Ld(wasm.Tee(list, wasm.Add(wasm.K(smallAddr), wasm.ShrU(block, wasm.K(2)))), 0), p)
			f.WhenElse(p, func() {
				f.St(list, 0, wasm.Ld(p, 0))
			}, func() {
				f.Let(wasm.Add(v.smallPtr, wasm.K(16)), p)
				f.WhenElse(wasm.LeU(wasm.Add(v.smallPtr, block), v.smallEnd), func() {
					f.SetG(v.smallPtr, wasm.Add(v.smallPtr, block))
				}, func() {
					f.Let(wasm.Call(g.rtPiece(), block, site), p)
				})
			})
			f.St(wasm.Sub(p, wasm.K(4)), 0, n)
			f.Return(p)
		})
		f.Let(wasm.Call(g.rtLarge(), block, site), p)
		f.St(wasm.Sub(p, wasm.K(4)), 0, n)
		f.Push(p)
	})
}

// rtPiece: (block size, site) -> data. Starts a new piece for small blocks
// and takes the first one; the rest of the old piece is put on its list.
func (g *gen) rtPiece() *wasm.Func {
	return g.runtime("alloc.piece", i32s(2), i32s(1), func(f *wasm.Func) {
		v := &g.vars
		block, site := f.Param(0), f.Param(1)
		rest, p, list := f.NewLocal(wasm.I32), f.NewLocal(wasm.I32), f.NewLocal(wasm.I32)
		f.Let(wasm.Sub(v.smallEnd, v.smallPtr), rest)
		f.When(wasm.GeU(rest, wasm.K(32)), func() {
			f.Let(wasm.Add(wasm.K(smallAddr), wasm.ShrU(rest, wasm.K(2))), list)
			f.Let(wasm.Add(v.smallPtr, wasm.K(16)), p)
			f.St(p, 0, wasm.Ld(list, 0))
			f.St(list, 0, p)
		})
		f.Let(wasm.Call(g.rtLarge(), wasm.K(smallPiece), site), p)
		f.SetG(v.smallPtr, wasm.Add(p, block))
		f.SetG(v.smallEnd, wasm.Add(p, wasm.K(smallPiece-16)))
		f.Push(wasm.Add(p, wasm.K(16)))
	})
}

// largeClass sets list to the address of the list head of size, and fl, sl to
// its classes.
func largeClass(f *wasm.Func, size wasm.X, fl, sl, list wasm.Local) {
	s := f.NewLocal(wasm.I32)
	f.Let(size, s)
	f.Let(wasm.Sub(wasm.K(31), wasm.Un(wasm.I32Clz, s)), fl)
	f.Let(wasm.And(wasm.ShrU(s, wasm.Sub(fl, wasm.K(4))), wasm.K(15)), sl)
	f.Let(wasm.Sub(fl, wasm.K(largeShift)), fl)
	f.Let(wasm.Add(wasm.K(largeAddr), wasm.Shl(wasm.Add(wasm.Shl(fl, wasm.K(4)), sl), wasm.K(2))), list)
	f.Release(s)
}

// rtLarge: (block size, multiple of 16, at least minLarge; site) -> data.
func (g *gen) rtLarge() *wasm.Func {
	return g.runtime("alloc.large", i32s(2), i32s(1), func(f *wasm.Func) {
		v := &g.vars
		size, site := f.Param(0), f.Param(1)
		fl, sl, list := f.NewLocal(wasm.I32), f.NewLocal(wasm.I32), f.NewLocal(wasm.I32)
		bits, p, have, rest := f.NewLocal(wasm.I32), f.NewLocal(wasm.I32), f.NewLocal(wasm.I32), f.NewLocal(wasm.I32)
		k := wasm.K
		// Round up to a list all of whose blocks are large enough.
		f.Let(wasm.Add(size, wasm.Sub(wasm.Shl(k(1), wasm.Sub(k(27), wasm.Un(wasm.I32Clz, size))), k(1))), p)
		found := f.Block()
		none := f.Block()
		f.Leave(none, wasm.LtU(p, size))
		largeClass(f, p, fl, sl, list)
		f.Let(wasm.And(wasm.Ld(wasm.Add(k(largeBits), wasm.Shl(fl, k(2))), 0), wasm.Shl(k(-1), sl)), bits)
		f.When(wasm.Eqz(bits), func() {
			f.Let(wasm.And(v.largeMap, wasm.Shl(k(-2), fl)), bits)
			f.Leave(none, wasm.Eqz(bits))
			f.Let(wasm.Un(wasm.I32Ctz, bits), fl)
			f.Let(wasm.Ld(wasm.Add(k(largeBits), wasm.Shl(fl, k(2))), 0), bits)
		})
		f.Let(wasm.Un(wasm.I32Ctz, bits), sl)
		f.Let(wasm.Ld(wasm.Add(k(largeAddr), wasm.Shl(wasm.Add(wasm.Shl(fl, k(4)), sl), k(2))), 0), p)
		f.Push(wasm.Call(g.rtUnlink(), p))
		f.Let(wasm.And(wasm.Ld(wasm.Sub(p, k(12)), 0), k(-2)), have)
		f.Let(wasm.Sub(have, size), rest)
		f.When(wasm.GeU(rest, k(minLarge)), func() {
			f.St(wasm.Sub(wasm.Add(p, size), k(16)), 0, size)
			f.Let(size, have)
			f.Push(wasm.Call(g.rtLink(), wasm.Add(p, size), rest))
		})
		f.St(wasm.Sub(p, k(12)), 0, have)
		f.Br(found)
		f.End()
		// Nothing free: extend the heap.
		f.Let(v.brk, p)
		f.Let(wasm.Add(p, size), rest)
		f.When(wasm.LtU(rest, p), func() { g.fail(f, site) })
		f.When(wasm.GtU(rest, v.high), func() {
			need := f.NewLocal(wasm.I32)
			pages := wasm.Code(func(f *wasm.Func) { f.MemorySize() })
			// Pages to have; compared in pages, which cannot wrap.
			f.Let(wasm.Add(wasm.ShrU(wasm.Sub(rest, k(1)), k(16)), k(1)), need)
			f.When(wasm.GtU(need, pages), func() {
				f.Let(wasm.Sub(need, pages), need)
				// Ask for a quarter more of what there is, then for what is needed.
				f.Push(wasm.Add(need, wasm.Add(wasm.ShrU(pages, k(2)), k(8))))
				f.MemoryGrow()
				f.Push(k(-1))
				f.Op(wasm.I32Eq)
				f.If()
				f.Push(need)
				f.MemoryGrow()
				f.Push(k(-1))
				f.Op(wasm.I32Eq)
				f.If()
				g.fail(f, site)
				f.End()
				f.End()
			})
			f.SetG(v.high, rest)
		})
		f.St(p, 0, v.lastSize)
		f.St(p, 4, size)
		f.SetG(v.lastSize, size)
		f.SetG(v.brk, rest)
		f.Let(wasm.Add(p, k(16)), p)
		f.End()
		f.Push(p)
	})
}

// rtUnlink: (data of a free large block) takes it off its list.
func (g *gen) rtUnlink() *wasm.Func {
	return g.runtime("alloc.unlink", i32s(1), nil, func(f *wasm.Func) {
		v := &g.vars
		p := f.Param(0)
		k := wasm.K
		next, prev := f.Var(wasm.I32, wasm.Ld(p, 0)), f.Var(wasm.I32, wasm.Ld(p, 4))
		fl, sl, list := f.NewLocal(wasm.I32), f.NewLocal(wasm.I32), f.NewLocal(wasm.I32)
		f.When(next, func() { f.St(next, 4, prev) })
		f.When(prev, func() { f.St(prev, 0, next); f.Return() })
		largeClass(f, wasm.And(wasm.Ld(wasm.Sub(p, k(12)), 0), k(-2)), fl, sl, list)
		f.St(list, 0, next)
		f.When(wasm.Eqz(next), func() {
			at := wasm.Add(k(largeBits), wasm.Shl(fl, k(2)))
			f.St(at, 0, wasm.And(wasm.Ld(at, 0), wasm.Xor(wasm.Shl(k(1), sl), k(-1))))
			f.When(wasm.Eqz(wasm.Ld(at, 0)), func() {
				f.SetG(v.largeMap, wasm.And(v.largeMap, wasm.Xor(wasm.Shl(k(1), fl), k(-1))))
			})
		})
	})
}

// rtLink: (data, size) writes the header of a free large block that does not
// end at brk, tells the block behind it, and puts it on its list.
func (g *gen) rtLink() *wasm.Func {
	return g.runtime("alloc.link", i32s(2), nil, func(f *wasm.Func) {
		v := &g.vars
		p, size := f.Param(0), f.Param(1)
		k := wasm.K
		fl, sl, list, next := f.NewLocal(wasm.I32), f.NewLocal(wasm.I32), f.NewLocal(wasm.I32), f.NewLocal(wasm.I32)
		f.St(wasm.Sub(p, k(12)), 0, wasm.Or(size, k(1)))
		f.St(wasm.Sub(wasm.Add(p, size), k(16)), 0, size)
		largeClass(f, size, fl, sl, list)
		f.St(p, 0, wasm.Tee(next, wasm.Ld(list, 0)))
		f.St(p, 4, k(0))
		f.When(next, func() { f.St(next, 4, p) })
		f.St(list, 0, p)
		at := wasm.Add(k(largeBits), wasm.Shl(fl, k(2)))
		f.St(at, 0, wasm.Or(wasm.Ld(at, 0), wasm.Shl(k(1), sl)))
		f.SetG(v.largeMap, wasm.Or(v.largeMap, wasm.Shl(k(1), fl)))
	})
}

// rtFree: (data) frees a block.
func (g *gen) rtFree() *wasm.Func {
	return g.runtime("free", i32s(1), nil, func(f *wasm.Func) {
		g.useAlloc()
		v := &g.vars
		p := f.Param(0)
		k := wasm.K
		n := f.Var(wasm.I32, wasm.Ld(wasm.Sub(p, k(4)), 0))
		block, list := f.NewLocal(wasm.I32), f.NewLocal(wasm.I32)
		f.Let(wasm.And(wasm.Add(n, k(31)), k(-16)), block)
		f.SetG(v.heapFree, wasm.Add(v.heapFree, block))
		f.SetG(v.live, wasm.Sub(v.live, n))
		f.SetG(v.liveAllocs, wasm.Sub(v.liveAllocs, k(1)))
		f.When(wasm.LeU(n, k(smallMax)), func() {
			f.Let(wasm.Add(k(smallAddr), wasm.ShrU(block, k(2))), list)
			f.St(p, 0, wasm.Ld(list, 0))
			f.St(list, 0, p)
			f.Return()
		})
		f.Push(wasm.Call(g.rtFreeLarge(), p))
	})
}

// rtFreeLarge: (data) merges a large block with free neighbours and puts it
// on its list, or lowers brk when it is the last.
func (g *gen) rtFreeLarge() *wasm.Func {
	return g.runtime("free.large", i32s(1), nil, func(f *wasm.Func) {
		v := &g.vars
		p := f.Param(0)
		k := wasm.K
		size := f.Var(wasm.I32, wasm.Ld(wasm.Sub(p, k(12)), 0))
		next, prev, t := f.NewLocal(wasm.I32), f.NewLocal(wasm.I32), f.NewLocal(wasm.I32)
		f.Let(wasm.Ld(wasm.Sub(p, k(16)), 0), prev)
		f.When(prev, func() {
			f.Let(wasm.Sub(p, prev), t)
			f.When(wasm.And(wasm.Ld(wasm.Sub(t, k(12)), 0), k(1)), func() {
				f.Push(wasm.Call(g.rtUnlink(), t))
				f.Let(t, p)
				f.Let(wasm.Add(size, prev), size)
			})
		})
		f.Let(wasm.Add(p, size), next)
		f.When(wasm.Eq(wasm.Sub(next, k(16)), v.brk), func() {
			f.SetG(v.brk, wasm.Sub(p, k(16)))
			f.SetG(v.lastSize, wasm.Ld(wasm.Sub(p, k(16)), 0))
			f.Return()
		})
		f.Let(wasm.Ld(wasm.Sub(next, k(12)), 0), t)
		f.When(wasm.And(t, k(1)), func() {
			f.Push(wasm.Call(g.rtUnlink(), next))
			f.Let(wasm.Add(size, wasm.And(t, k(-2))), size)
		})
		f.Push(wasm.Call(g.rtLink(), p, size))
	})
}

// rtAllocZero: (n, site) -> data, cleared; 0 for n = 0.
func (g *gen) rtAllocZero() *wasm.Func {
	return g.runtime("alloc.zero", i32s(2), i32s(1), func(f *wasm.Func) {
		g.useAlloc()
		n, site := f.Param(0), f.Param(1)
		p, high := f.NewLocal(wasm.I32), f.NewLocal(wasm.I32)
		f.When(wasm.Eqz(n), func() { f.Return(wasm.K(0)) })
		f.Let(g.vars.high, high)
		f.Let(wasm.Call(g.rtAlloc(), n, site), p)
		// A large block above the old high-water mark was never used.
		f.When(wasm.Or(wasm.LeU(n, wasm.K(smallMax)), wasm.LtU(p, high)), func() {
			f.Fill(p, wasm.K(0), n)
			g.work(f, n)
		})
		f.Push(p)
	})
}

// rtAllocN: (n, site) -> data, or 0 for n = 0. Not cleared.
func (g *gen) rtAllocN() *wasm.Func {
	return g.runtime("alloc.n", i32s(2), i32s(1), func(f *wasm.Func) {
		f.When(wasm.Eqz(f.Param(0)), func() { f.Return(wasm.K(0)) })
		f.Push(wasm.Call(g.rtAlloc(), f.Param(0), f.Param(1)))
	})
}

// rtCopy: (ptr, n, site) -> data: a fresh copy, counted in memcpy_bytes.
func (g *gen) rtCopy() *wasm.Func {
	return g.runtime("copy", i32s(3), i32s(1), func(f *wasm.Func) {
		src, n, site := f.Param(0), f.Param(1), f.Param(2)
		f.When(wasm.Eqz(n), func() { f.Return(wasm.K(0)) })
		p := f.Var(wasm.I32, wasm.Call(g.rtAlloc(), n, site))
		f.Copy(p, src, n)
		g.countCopy(f, n)
		g.work(f, n)
		f.Push(p)
	})
}

// fail traps with the site that x pushes.
func (g *gen) fail(f *wasm.Func, x wasm.X) {
	f.Push(wasm.Call(g.trap, x))
	f.Unreachable()
}

// failIf traps when c is not zero.
func (g *gen) failIf(f *wasm.Func, c, site wasm.X) {
	f.When(c, func() { g.fail(f, site) })
}
