package codegen

import (
	"x07/internal/ir"
	"x07/internal/wasm"
)

// map_u32 and set_u32: open addressing with linear probing, in two arrays.
// The table's entries are addresses of headers (8 bytes each, as accounted):
//
//	0 vals  4 len  8 keys  12 cap     of 24 bytes
//
// An empty slot has key -1. The capacity, which each search reads first, is the
// last field: that its address is in memory shows wazero that those of the
// others are.
const (
	mapVals = 0
	mapLen  = 4
	mapKeys = 8
	mapCap  = 12
)

func mapEmitters() map[string]emitter {
	return map[string]emitter{
		"map_u32.new": mapNew,
		"set_u32.new": mapNew,
		"map_u32.len": func(c *fn, e *ir.Expr) {
			h := c.args(e)[0].w[0]
			c.f.Push(wasm.Ld(wasm.Call(c.rtMapAt(), h, c.site(e, msgMap)), mapLen))
		},
		"map_u32.get": func(c *fn, e *ir.Expr) {
			as := c.args(e)
			c.f.Push(wasm.Call(c.rtMapGet(), as[0].w[0], as[1].w[0], as[2].w[0], c.site(e, msgMap, "map_u32.get key=-1 reserved")))
		},
		"map_u32.set": func(c *fn, e *ir.Expr) {
			as := c.args(e)
			c.f.Push(wasm.Call(c.rtMapSet(), as[0].w[0], as[1].w[0], as[2].w[0], c.site(e, mapSetTraps...)))
		},
		"set_u32.add": func(c *fn, e *ir.Expr) {
			as := c.args(e)
			c.f.Push(wasm.Call(c.rtMapSet(), as[0].w[0], as[1].w[0], wasm.K(1), c.site(e, mapSetTraps...)))
		},
		"map_u32.contains": mapContains,
		"set_u32.contains": mapContains,
		"map_u32.remove":   mapRemove,
		"set_u32.remove":   mapRemove,
		"set_u32.dump_u32le": func(c *fn, e *ir.Expr) {
			c.f.Push(wasm.Call(c.rtMapDump(), c.args(e)[0].w[0], wasm.K(2), c.site(e, msgMap, "set_u32.dump_u32le overflow", msgOOM)))
		},
		"map_u32.dump_kv_u32le_u32le": func(c *fn, e *ir.Expr) {
			c.f.Push(wasm.Call(c.rtMapDump(), c.args(e)[0].w[0], wasm.K(3), c.site(e, msgMap, "map_u32.dump_kv_u32le_u32le overflow", msgOOM)))
		},
	}
}

const msgMap = "map_u32 invalid handle"

var mapSetTraps = []string{msgMap, "map_u32.set key=-1 reserved", "map_u32 full"}

func mapNew(c *fn, e *ir.Expr) {
	c.f.Push(wasm.Call(c.rtMapNew(), c.args(e)[0].w[0], c.site(e, "map_u32.new cap must be power of two", msgOOM)))
}

func mapContains(c *fn, e *ir.Expr) {
	as := c.args(e)
	c.f.Push(wasm.Call(c.rtMapHas(), as[0].w[0], as[1].w[0], c.site(e, msgMap, "map_u32.contains key=-1 reserved")))
}

func mapRemove(c *fn, e *ir.Expr) {
	as := c.args(e)
	c.f.Push(wasm.Call(c.rtMapRemove(), as[0].w[0], as[1].w[0], c.site(e, msgMap, "map_u32.remove key=-1 reserved")))
}

func (g *gen) mapTable() *table {
	if g.maps == nil {
		g.maps = g.newTable(8)
		g.freeTable(g.maps, func(f *wasm.Func, entry wasm.Local) {
			h := f.Var(wasm.I32, wasm.Ld(entry, 0))
			for _, off := range []uint32{mapKeys, mapVals} {
				f.Push(wasm.Call(g.rtFree(), wasm.Ld(h, off)))
			}
			f.Push(wasm.Call(g.rtFree(), h))
			f.Release(h)
		})
	}
	return g.maps
}

// rtMapNew: (cap, site: not a power of two, out of memory) -> handle.
func (g *gen) rtMapNew() *wasm.Func {
	return g.runtime("map.new", i32s(2), i32s(1), func(f *wasm.Func) {
		t := g.mapTable()
		k := wasm.K
		n, site := f.Param(0), f.Param(1)
		oom := siteOff(site, 1)
		p, a, h := f.NewLocal(wasm.I32), f.NewLocal(wasm.I32), f.NewLocal(wasm.I32)
		g.failIf(f, wasm.Or(wasm.Eqz(n), wasm.Ne(wasm.And(n, wasm.Sub(n, k(1))), k(0))), site)
		g.failIf(f, wasm.GeU(n, k(1<<30)), oom)
		f.Let(wasm.Call(g.rtAlloc(), k(24), oom), p)
		f.St(p, mapCap, n)
		f.St(p, mapLen, k(0))
		f.Let(wasm.Shl(n, k(2)), n)
		f.Let(wasm.Call(g.rtAlloc(), n, oom), a)
		f.Fill(a, k(255), n)
		f.St(p, mapKeys, a)
		f.St(p, mapVals, wasm.Call(g.rtAllocZero(), n, oom))
		g.work(f, n)
		f.Let(wasm.Call(g.rtTableAdd("map.add", t), oom), h)
		f.St(t.at(h), 0, p)
		f.Push(h)
	})
}

// rtMapAt: (handle, site) -> header.
func (g *gen) rtMapAt() *wasm.Func {
	return g.runtime("map.at", i32s(2), i32s(1), func(f *wasm.Func) {
		g.mapHeader(f, f.Param(0), f.Param(1))
	})
}

// mapHeader pushes the header of a handle or traps.
func (g *gen) mapHeader(f *wasm.Func, h, site wasm.X) {
	t := g.mapTable()
	g.failIf(f, t.bad(h), site)
	f.Push(wasm.Ld(t.at(h), 0))
}

// probe looks key up: found runs with slot at the byte offset of the key's
// slot; when the key is absent the loop ends with slot at the empty slot where
// it belongs, or anywhere if the map is full.
func (g *gen) probe(f *wasm.Func, hdr, key, slot wasm.Local, found func()) {
	k := wasm.K
	mask, keys, at, home := f.NewLocal(wasm.I32), f.NewLocal(wasm.I32), f.NewLocal(wasm.I32), f.NewLocal(wasm.I32)
	f.Let(wasm.Sub(wasm.Shl(wasm.Ld(hdr, mapCap), k(2)), k(4)), mask)
	f.Let(wasm.Ld(hdr, mapKeys), keys)
	f.Let(wasm.And(wasm.Shl(wasm.Mul(key, k(2654435769)), k(2)), mask), home)
	f.Let(home, slot)
	f.Forever(func(done wasm.Label) {
		f.Let(wasm.Ld(wasm.Add(keys, slot), 0), at)
		f.When(wasm.Eq(at, key), found)
		f.Leave(done, wasm.Eq(at, k(-1)))
		f.Let(wasm.And(wasm.Add(slot, k(4)), mask), slot)
		f.Leave(done, wasm.Eq(slot, home))
	})
	// A long search is work that fuel does not see.
	g.work(f, wasm.And(wasm.Sub(slot, home), mask))
	f.Release(mask, keys, at, home)
}

// rtMapGet: (handle, key, default, site) -> value.
func (g *gen) rtMapGet() *wasm.Func {
	return g.runtime("map.get", i32s(4), i32s(1), func(f *wasm.Func) {
		h, key, def, site := f.Param(0), f.Param(1), f.Param(2), f.Param(3)
		hdr, slot := f.NewLocal(wasm.I32), f.NewLocal(wasm.I32)
		g.mapHeader(f, h, site)
		f.Set(hdr)
		g.failIf(f, wasm.Eq(key, wasm.K(-1)), siteOff(site, 1))
		g.probe(f, hdr, key, slot, func() {
			f.Return(wasm.Ld(wasm.Add(wasm.Ld(hdr, mapVals), slot), 0))
		})
		f.Push(def)
	})
}

// rtMapHas: (handle, key, site) -> 1 or 0.
func (g *gen) rtMapHas() *wasm.Func {
	return g.runtime("map.has", i32s(3), i32s(1), func(f *wasm.Func) {
		h, key, site := f.Param(0), f.Param(1), f.Param(2)
		hdr, slot := f.NewLocal(wasm.I32), f.NewLocal(wasm.I32)
		g.mapHeader(f, h, site)
		f.Set(hdr)
		g.failIf(f, wasm.Eq(key, wasm.K(-1)), siteOff(site, 1))
		g.probe(f, hdr, key, slot, func() { f.Return(wasm.K(1)) })
		f.Push(wasm.K(0))
	})
}

// rtMapSet: (handle, key, value, site of mapSetTraps) -> 1 when new.
func (g *gen) rtMapSet() *wasm.Func {
	return g.runtime("map.set", i32s(4), i32s(1), func(f *wasm.Func) {
		h, key, value, site := f.Param(0), f.Param(1), f.Param(2), f.Param(3)
		k := wasm.K
		hdr, slot := f.NewLocal(wasm.I32), f.NewLocal(wasm.I32)
		g.mapHeader(f, h, site)
		f.Set(hdr)
		g.failIf(f, wasm.Eq(key, k(-1)), siteOff(site, 1))
		store := func() { f.St(wasm.Add(wasm.Ld(hdr, mapVals), slot), 0, value) }
		g.probe(f, hdr, key, slot, func() {
			store()
			f.Return(k(0))
		})
		g.failIf(f, wasm.Eq(wasm.Ld(hdr, mapLen), wasm.Ld(hdr, mapCap)), siteOff(site, 2))
		f.St(wasm.Add(wasm.Ld(hdr, mapKeys), slot), 0, key)
		store()
		f.St(hdr, mapLen, wasm.Add(wasm.Ld(hdr, mapLen), k(1)))
		f.Push(k(1))
	})
}

// rtMapRemove: (handle, key, site) -> 1 when it was there. The keys of the
// cluster behind it are taken out and put in again, one by one.
func (g *gen) rtMapRemove() *wasm.Func {
	return g.runtime("map.remove", i32s(3), i32s(1), func(f *wasm.Func) {
		h, key, site := f.Param(0), f.Param(1), f.Param(2)
		k := wasm.K
		hdr, slot := f.NewLocal(wasm.I32), f.NewLocal(wasm.I32)
		g.mapHeader(f, h, site)
		f.Set(hdr)
		g.failIf(f, wasm.Eq(key, k(-1)), siteOff(site, 1))
		keys, vals, mask := f.NewLocal(wasm.I32), f.NewLocal(wasm.I32), f.NewLocal(wasm.I32)
		at, value, to, steps := f.NewLocal(wasm.I32), f.NewLocal(wasm.I32), f.NewLocal(wasm.I32), f.NewLocal(wasm.I32)
		g.probe(f, hdr, key, slot, func() {
			f.Let(wasm.Ld(hdr, mapKeys), keys)
			f.Let(wasm.Ld(hdr, mapVals), vals)
			f.Let(wasm.Sub(wasm.Shl(wasm.Ld(hdr, mapCap), k(2)), k(4)), mask)
			f.St(wasm.Add(keys, slot), 0, k(-1))
			f.St(hdr, mapLen, wasm.Sub(wasm.Ld(hdr, mapLen), k(1)))
			f.Forever(func(done wasm.Label) {
				f.Let(wasm.And(wasm.Add(slot, k(4)), mask), slot)
				f.Let(wasm.Ld(wasm.Add(keys, slot), 0), at)
				f.Leave(done, wasm.Eq(at, k(-1)))
				f.Let(wasm.Ld(wasm.Add(vals, slot), 0), value)
				f.St(wasm.Add(keys, slot), 0, k(-1))
				f.Let(wasm.And(wasm.Shl(wasm.Mul(at, k(2654435769)), k(2)), mask), to)
				f.While(wasm.Ne(wasm.Ld(wasm.Add(keys, to), 0), k(-1)), func() {
					f.Let(wasm.And(wasm.Add(to, k(4)), mask), to)
					f.Bump(steps, k(1))
				})
				f.St(wasm.Add(keys, to), 0, at)
				f.St(wasm.Add(vals, to), 0, value)
				f.Bump(steps, k(1))
				f.When(wasm.GeU(steps, k(bulk)), func() {
					f.Push(wasm.Call(g.rtWork(), steps))
					f.Let(k(0), steps)
				})
			})
			f.Return(k(1))
		})
		f.Push(k(0))
	})
}

// rtMapDump: (handle, log2 of the bytes per entry: 2 keys, 3 pairs; site: bad
// handle, overflow, out of memory) -> (ptr, len).
func (g *gen) rtMapDump() *wasm.Func {
	return g.runtime("map.dump", i32s(3), i32s(2), func(f *wasm.Func) {
		h, shift, site := f.Param(0), f.Param(1), f.Param(2)
		k := wasm.K
		hdr, n, out, p, slot, end, key := f.NewLocal(wasm.I32), f.NewLocal(wasm.I32), f.NewLocal(wasm.I32),
			f.NewLocal(wasm.I32), f.NewLocal(wasm.I32), f.NewLocal(wasm.I32), f.NewLocal(wasm.I32)
		g.mapHeader(f, h, site)
		f.Set(hdr)
		g.failIf(f, wasm.GtU(wasm.Ld(hdr, mapLen), wasm.ShrU(k(-1), shift)), siteOff(site, 1))
		f.Let(wasm.Shl(wasm.Ld(hdr, mapLen), shift), n)
		f.Let(wasm.Call(g.rtAllocN(), n, siteOff(site, 2)), out)
		f.Let(out, p)
		f.Let(wasm.Shl(wasm.Ld(hdr, mapCap), k(2)), end)
		g.work(f, end)
		f.While(wasm.LtU(slot, end), func() {
			f.Let(wasm.Ld(wasm.Add(wasm.Ld(hdr, mapKeys), slot), 0), key)
			f.When(wasm.Ne(key, k(-1)), func() {
				f.St(p, 0, key)
				f.When(wasm.Eq(shift, k(3)), func() {
					f.St(p, 4, wasm.Ld(wasm.Add(wasm.Ld(hdr, mapVals), slot), 0))
				})
				f.Bump(p, wasm.Shl(k(1), shift))
			})
			f.Bump(slot, k(4))
		})
		f.Push(out, n)
	})
}
