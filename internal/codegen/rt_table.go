package codegen

import "x07/internal/wasm"

// table is a growing array of fixed-size entries addressed by handles 1, 2, 3,
// and so on. It starts with 8 entries at the first use and doubles.
type table struct {
	ptr, count, cap *wasm.Global
	entry           int64 // bytes per entry
}

func (g *gen) newTable(entry int64) *table {
	n := func() *wasm.Global { return g.m.NewGlobal(wasm.I32, 0) }
	return &table{ptr: n(), count: n(), cap: n(), entry: entry}
}

// at is the address of entry h-1.
func (t *table) at(h wasm.X) wasm.X {
	return wasm.Add(t.ptr, wasm.Mul(wasm.Sub(h, wasm.K(1)), wasm.K(t.entry)))
}

// bad is true when h is not a handle.
func (t *table) bad(h wasm.X) wasm.X { return wasm.GeU(wasm.Sub(h, wasm.K(1)), t.count) }

// rtTableAdd: (site) -> handle of a new entry, cleared.
func (g *gen) rtTableAdd(name string, t *table) *wasm.Func {
	return g.runtime(name, i32s(1), i32s(1), func(f *wasm.Func) {
		k := wasm.K
		site := f.Param(0)
		p, n := f.NewLocal(wasm.I32), f.NewLocal(wasm.I32)
		f.When(wasm.Eq(t.count, t.cap), func() {
			f.WhenElse(t.cap, func() {
				f.Let(wasm.Mul(t.count, k(t.entry)), n)
				f.Let(wasm.Call(g.rtAlloc(), wasm.Shl(n, k(1)), site), p)
				g.countRealloc(f)
				f.Copy(p, t.ptr, n)
				g.countCopy(f, n)
				f.Push(wasm.Call(g.rtFree(), t.ptr))
				f.SetG(t.cap, wasm.Shl(t.cap, k(1)))
			}, func() {
				f.Let(wasm.Call(g.rtAlloc(), k(8*t.entry), site), p)
				f.SetG(t.cap, k(8))
			})
			f.SetG(t.ptr, p)
		})
		f.Fill(wasm.Add(t.ptr, wasm.Mul(t.count, k(t.entry))), k(0), k(t.entry))
		f.SetG(t.count, wasm.Add(t.count, k(1)))
		f.Push(t.count)
	})
}

// freeTable emits the release of all entries at the program's end: each for
// every entry, whose address it is given, then the table itself.
func (g *gen) freeTable(t *table, each func(f *wasm.Func, entry wasm.Local)) {
	g.exits = append(g.exits, func(f *wasm.Func) {
		h, p := f.NewLocal(wasm.I32), f.NewLocal(wasm.I32)
		f.Let(wasm.K(1), h)
		f.While(wasm.LeU(h, t.count), func() {
			f.Let(t.at(h), p)
			each(f, p)
			f.Bump(h, wasm.K(1))
		})
		f.When(t.cap, func() { f.Push(wasm.Call(g.rtFree(), t.ptr)) })
		f.Release(h, p)
	})
}

// freeIf frees the block whose address is stored at p+off, when its size,
// stored at p+size, is not 0.
func (g *gen) freeIf(f *wasm.Func, p wasm.X, off, size uint32) {
	f.When(wasm.Ld(p, size), func() { f.Push(wasm.Call(g.rtFree(), wasm.Ld(p, off))) })
}
