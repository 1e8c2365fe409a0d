package codegen

import "x07/internal/wasm"

// bulk is the number of bytes from which an operation counts as work that the
// engine's deadlines have to know of, and workSlice how much of it may be done
// between two looks at the clock.
const (
	bulk      = 1 << 14
	workSlice = 1 << 26
)

// work accounts for an operation on n bytes (or slots): fuel does not, and a
// loop of few units could otherwise copy for hours between two refills.
func (g *gen) work(f *wasm.Func, n wasm.X) {
	f.Rarely(wasm.LtU(n, wasm.K(bulk)), func() { f.Push(wasm.Call(g.rtWork(), n)) })
}

func (g *gen) rtWork() *wasm.Func {
	return g.runtime("work", i32s(1), nil, func(f *wasm.Func) {
		done := g.m.NewGlobal(wasm.I32, 0)
		tick := g.runtimeImport("tick", i32s(1), nil)
		n := f.Param(0)
		// Both stay below the slice, so the sum does not wrap.
		f.When(wasm.GtU(n, wasm.K(workSlice)), func() { f.Let(wasm.K(workSlice), n) })
		f.SetG(done, wasm.Add(done, n))
		f.When(wasm.GeU(done, wasm.K(workSlice)), func() {
			f.SetG(done, wasm.K(0))
			f.Push(wasm.Call(tick, wasm.K(-1)))
		})
	})
}

// rtEqual: (p, q, n) -> 1 if the n bytes are the same. Ends are compared with
// loads that overlap, so there is no loop over single bytes.
func (g *gen) rtEqual() *wasm.Func {
	return g.runtime("equal", i32s(3), i32s(1), func(f *wasm.Func) {
		p, q, n := f.Param(0), f.Param(1), f.Param(2)
		k := wasm.K
		pair := func(op wasm.Opcode, width int64, differ wasm.Opcode) {
			at := wasm.Sub(n, k(width))
			f.When(wasm.Bi(differ, wasm.LdOp(op, p, 0), wasm.LdOp(op, q, 0)), func() { f.Return(k(0)) })
			f.Return(wasm.Eqz(wasm.Bi(differ, wasm.LdOp(op, wasm.Add(p, at), 0), wasm.LdOp(op, wasm.Add(q, at), 0))))
		}
		f.When(wasm.LtU(n, k(16)), func() {
			f.When(wasm.GeU(n, k(8)), func() { pair(wasm.I64Load, 8, wasm.I64Ne) })
			f.When(wasm.GeU(n, k(4)), func() { pair(wasm.I32Load, 4, wasm.I32Ne) })
			f.When(wasm.GeU(n, k(2)), func() { pair(wasm.I32Load16U, 2, wasm.I32Ne) })
			f.When(wasm.Eqz(n), func() { f.Return(k(1)) })
			f.Return(wasm.Eq(wasm.Ld8(p, 0), wasm.Ld8(q, 0)))
		})
		g.work(f, n)
		end := f.Var(wasm.I32, wasm.Sub(wasm.Add(p, n), k(16)))
		last := f.Var(wasm.I32, wasm.Sub(wasm.Add(q, n), k(16)))
		differ := func(a, b wasm.X) wasm.X {
			return wasm.SimdUn(wasm.V128AnyTrue, wasm.SimdBi(wasm.I8x16Ne, wasm.LdV(a, 0), wasm.LdV(b, 0)))
		}
		f.While(wasm.LtU(p, end), func() {
			f.When(differ(p, q), func() { f.Return(k(0)) })
			f.Bump(p, k(16))
			f.Bump(q, k(16))
		})
		f.Push(wasm.Eqz(differ(end, last)))
	})
}

// rtCompare: (p, n, q, m) -> -1, 0 or 1, unsigned bytewise order.
func (g *gen) rtCompare() *wasm.Func {
	return g.runtime("compare", i32s(4), i32s(1), func(f *wasm.Func) {
		p, n, q, m := f.Param(0), f.Param(1), f.Param(2), f.Param(3)
		k := wasm.K
		common, i, mask := f.NewLocal(wasm.I32), f.NewLocal(wasm.I32), f.NewLocal(wasm.I32)
		f.Let(wasm.Sel(wasm.LtU(n, m), n, m), common)
		g.work(f, common)
		order := func() {
			f.Return(wasm.Sel(wasm.LtU(wasm.Ld8(wasm.Add(p, i), 0), wasm.Ld8(wasm.Add(q, i), 0)), k(-1), k(1)))
		}
		f.While(wasm.LeU(wasm.Add(i, k(16)), common), func() {
			f.Let(wasm.Xor(wasm.SimdUn(wasm.I8x16Bitmask,
				wasm.SimdBi(wasm.I8x16Eq, wasm.LdV(wasm.Add(p, i), 0), wasm.LdV(wasm.Add(q, i), 0))), k(0xffff)), mask)
			f.When(mask, func() {
				f.Bump(i, wasm.Un(wasm.I32Ctz, mask))
				order()
			})
			f.Bump(i, k(16))
		})
		f.While(wasm.LtU(i, common), func() {
			f.When(wasm.Ne(wasm.Ld8(wasm.Add(p, i), 0), wasm.Ld8(wasm.Add(q, i), 0)), order)
			f.Bump(i, k(1))
		})
		f.Push(wasm.Sub(wasm.GtU(n, m), wasm.LtU(n, m)))
	})
}
