package codegen

import (
	"x07/internal/ir"
	"x07/internal/wasm"
)

// map_value headers, 64 bytes, addressed through a table of 8-byte entries.
// Slots are probed linearly; ctrl has a byte per slot: 0 never used, 1 in use,
// 2 removed. A removed slot becomes unused again when no search has to pass
// over it, so that searches always meet an unused slot.
const (
	mvKeyType = 0
	mvValType = 4
	mvCap     = 8
	mvLen     = 12
	mvCtrl    = 16
	mvHashes  = 20
	mvKeys    = 24
	mvVals    = 28
)

const (
	slotFree    = 0
	slotUsed    = 1
	slotRemoved = 2
)

const msgMapValue = "map_value invalid handle"

func mapValueEmitters() map[string]emitter {
	t := map[string]emitter{
		"map_value.new_v1": func(c *fn, e *ir.Expr) {
			as := c.args(e)
			c.f.Push(wasm.Call(c.rtMVNew(), as[0].w[0], as[1].w[0], as[2].w[0],
				c.site(e, "map_value.new cap must be power of two", "value ty_id invalid", "map_value hashes overflow",
					"map_value keys overflow", "map_value vals overflow", msgOOM)))
		},
		"map_value.len": func(c *fn, e *ir.Expr) {
			c.f.Push(wasm.Ld(wasm.Call(c.rtMVAt(), c.args(e)[0].w[0], c.site(e, msgMapValue)), mvLen))
		},
		"map_value.clear": func(c *fn, e *ir.Expr) {
			c.f.Push(wasm.Call(c.rtMVClear(), c.args(e)[0].w[0], c.site(e, msgMapValue)))
		},
	}
	for _, k := range kinds {
		for _, op := range []string{"contains", "remove"} {
			head := "map_value." + op + "_" + k.name + "_v1"
			t[head] = func(c *fn, e *ir.Expr) {
				as := c.args(e)
				rt := c.rtMVHas(k)
				if op == "remove" {
					rt = c.rtMVRemove(k)
				}
				r := c.temp(wasm.I32)
				c.f.Let(wasm.Call(rt, append(append([]wasm.X{as[0].w[0]}, as[1].w...), c.site(e, msgMapValue, head+" key ty mismatch"))...), r)
				c.free(as[1])
				c.f.Push(r)
			}
		}
		for _, v := range kinds {
			pair := k.name + "_" + v.name + "_v1"
			t["map_value.get_"+pair] = func(c *fn, e *ir.Expr) {
				as := c.args(e)
				in := append([]wasm.X{as[0].w[0]}, as[1].w...)
				in = append(in, c.kept(e, as[2], v)...)
				c.f.Push(wasm.Call(c.rtMVGet(k, v), append(in, c.site(e, msgMapValue, "map_value.get key ty mismatch", "map_value.get val ty mismatch", msgOOM))...))
				if as[1].given {
					r := make([]wasm.Local, v.words)
					for i := range r {
						r[i] = c.temp(wasm.I32)
					}
					for i := len(r) - 1; i >= 0; i-- {
						c.f.Set(r[i])
					}
					c.free(as[1])
					for _, w := range r {
						c.f.Push(w)
					}
				}
			}
			t["map_value.set_"+pair] = func(c *fn, e *ir.Expr) {
				as := c.args(e)
				in := append([]wasm.X{as[0].w[0]}, c.kept(e, as[1], k)...)
				in = append(in, c.kept(e, as[2], v)...)
				c.f.Push(wasm.Call(c.rtMVSet(k, v), append(in, c.site(e, msgMapValue, "map_value.set key ty mismatch",
					"map_value.set val ty mismatch", "map_value cap overflow", msgOOM))...))
			}
		}
	}
	return t
}

func (g *gen) mvTable() *table {
	if g.hashes == nil {
		g.hashes = g.newTable(8)
		g.freeTable(g.hashes, func(f *wasm.Func, entry wasm.Local) {
			h := f.Var(wasm.I32, wasm.Ld(entry, 0))
			f.Push(wasm.Call(g.rtMVEmpty(), h))
			for _, off := range []uint32{mvCtrl, mvHashes, mvKeys, mvVals} {
				f.Push(wasm.Call(g.rtFree(), wasm.Ld(h, off)))
			}
			f.Push(wasm.Call(g.rtFree(), h))
			f.Release(h)
		})
	}
	return g.hashes
}

// rtMVAt: (handle, site) -> header.
func (g *gen) rtMVAt() *wasm.Func {
	return g.runtime("mapvalue.at", i32s(2), i32s(1), func(f *wasm.Func) {
		t := g.mvTable()
		g.failIf(f, t.bad(f.Param(0)), f.Param(1))
		f.Push(wasm.Ld(t.at(f.Param(0)), 0))
	})
}

// rtMVArrays: (header, cap, site: out of memory) gives a map new, empty arrays.
func (g *gen) rtMVArrays() *wasm.Func {
	return g.runtime("mapvalue.arrays", i32s(3), nil, func(f *wasm.Func) {
		h, n, site := f.Param(0), f.Param(1), f.Param(2)
		f.St(h, mvCap, n)
		f.St(h, mvCtrl, wasm.Call(g.rtAllocZero(), n, site))
		f.St(h, mvHashes, wasm.Call(g.rtAlloc(), wasm.Shl(n, wasm.K(2)), site))
		f.St(h, mvKeys, wasm.Call(g.rtAlloc(), wasm.Mul(n, sizeOf(wasm.Ld(h, mvKeyType))), site))
		f.St(h, mvVals, wasm.Call(g.rtAlloc(), wasm.Mul(n, sizeOf(wasm.Ld(h, mvValType))), site))
	})
}

// rtMVNew: (key id, value id, cap, site: cap, id, hashes, keys, vals, out of
// memory) -> handle.
func (g *gen) rtMVNew() *wasm.Func {
	return g.runtime("mapvalue.new", i32s(4), i32s(1), func(f *wasm.Func) {
		t := g.mvTable()
		k := wasm.K
		kid, vid, n, site := f.Param(0), f.Param(1), f.Param(2), f.Param(3)
		oom := siteOff(site, 5)
		p, h := f.NewLocal(wasm.I32), f.NewLocal(wasm.I32)
		g.failIf(f, wasm.Or(wasm.Eqz(n), wasm.Ne(wasm.And(n, wasm.Sub(n, k(1))), k(0))), site)
		bad := func(id wasm.X) wasm.X { return wasm.GeU(wasm.Sub(id, k(1)), k(4)) }
		g.failIf(f, wasm.Or(bad(kid), bad(vid)), siteOff(site, 1))
		over := func(size wasm.X) wasm.X { return wasm.GtU(n, wasm.Bi(wasm.I32DivU, k(-1), size)) }
		g.failIf(f, over(k(4)), siteOff(site, 2))
		g.failIf(f, over(sizeOf(kid)), siteOff(site, 3))
		g.failIf(f, over(sizeOf(vid)), siteOff(site, 4))
		f.Let(wasm.Call(g.rtAllocZero(), k(64), oom), p)
		f.St(p, mvKeyType, kid)
		f.St(p, mvValType, vid)
		f.Push(wasm.Call(g.rtMVArrays(), p, n, oom))
		f.Let(wasm.Call(g.rtTableAdd("mapvalue.add", t), oom), h)
		f.St(t.at(h), 0, p)
		f.Push(h)
	})
}

// rtMVEmpty: (header) frees all keys and values.
func (g *gen) rtMVEmpty() *wasm.Func {
	return g.runtime("mapvalue.empty", i32s(1), nil, func(f *wasm.Func) {
		h := f.Param(0)
		k := wasm.K
		i, n, ctrl := f.NewLocal(wasm.I32), f.NewLocal(wasm.I32), f.NewLocal(wasm.I32)
		f.Let(wasm.Ld(h, mvCap), n)
		f.Let(wasm.Ld(h, mvCtrl), ctrl)
		g.work(f, n)
		f.While(wasm.LtU(i, n), func() {
			f.When(wasm.Eq(wasm.Ld8(wasm.Add(ctrl, i), 0), k(slotUsed)), func() { g.freeSlot(f, h, i) })
			f.Bump(i, k(1))
		})
		f.Fill(ctrl, k(0), n)
		f.St(h, mvLen, k(0))
	})
}

// freeSlot frees the owned key and value of a slot.
func (g *gen) freeSlot(f *wasm.Func, h, i wasm.X) {
	for _, x := range []struct{ ty, data uint32 }{{mvKeyType, mvKeys}, {mvValType, mvVals}} {
		f.When(wasm.Eq(wasm.Ld(h, x.ty), wasm.K(3)), func() {
			at := f.Var(wasm.I32, wasm.Add(wasm.Ld(h, x.data), wasm.Shl(i, wasm.K(4))))
			g.freeIf(f, at, 0, 4)
			f.Release(at)
		})
	}
}

// rtMVClear: (handle, site) -> handle.
func (g *gen) rtMVClear() *wasm.Func {
	return g.runtime("mapvalue.clear", i32s(2), i32s(1), func(f *wasm.Func) {
		f.Push(wasm.Call(g.rtMVEmpty(), wasm.Call(g.rtMVAt(), f.Param(0), f.Param(1))))
		f.Push(f.Param(0))
	})
}

// rtHash: (ptr, len) -> hash of bytes. Only its spread matters; nothing shows
// it to a program.
func (g *gen) rtHash() *wasm.Func {
	return g.runtime("hash", i32s(2), i32s(1), func(f *wasm.Func) {
		p, n := f.Param(0), f.Param(1)
		k := wasm.K
		h := f.NewLocal(wasm.I64)
		step := func(word wasm.X) {
			f.Let(wasm.Bi(wasm.I64Mul, wasm.Bi(wasm.I64Xor, h, word), wasm.K64(-7046029254386353131)), h)
			f.Let(wasm.Bi(wasm.I64Xor, h, wasm.Bi(wasm.I64ShrU, h, wasm.K64(29))), h)
		}
		f.Let(wasm.U64(n), h)
		g.work(f, n)
		f.While(wasm.GeU(n, k(8)), func() {
			step(wasm.LdOp(wasm.I64Load, p, 0))
			f.Bump(p, k(8))
			f.Bump(n, k(-8))
		})
		f.When(wasm.GeU(n, k(4)), func() {
			step(wasm.U64(wasm.Ld(p, 0)))
			f.Bump(p, k(4))
			f.Bump(n, k(-4))
		})
		f.While(n, func() {
			step(wasm.U64(wasm.Ld8(p, 0)))
			f.Bump(p, k(1))
			f.Bump(n, k(-1))
		})
		f.Push(wasm.Low32(wasm.Bi(wasm.I64Xor, h, wasm.Bi(wasm.I64ShrU, h, wasm.K64(32)))))
	})
}

// hashOf is the hash of a key.
func (g *gen) hashOf(k kind, key []wasm.Local) wasm.X {
	if k.words == 1 {
		h := wasm.Mul(key[0], wasm.K(2654435769))
		return wasm.Xor(h, wasm.ShrU(h, wasm.K(15)))
	}
	return wasm.Call(g.rtHash(), key[0], key[1])
}

// stride is log2 of the size of k.
func stride(k kind) wasm.X {
	if k.words == 1 {
		return wasm.K(2)
	}
	return wasm.K(4)
}

// rtMVFind: (header, key, hash) -> slot of the key or -1.
func (g *gen) rtMVFind(k kind) *wasm.Func {
	name := "mapvalue.find.bytes"
	if k.words == 1 {
		name = "mapvalue.find.i32"
	}
	return g.runtime(name, i32s(2+k.words), i32s(1), func(f *wasm.Func) {
		h, key, hash := f.Param(0), valueParams(f, 1, k), f.Param(1+k.words)
		kk := wasm.K
		mask, i, state, at, left := f.NewLocal(wasm.I32), f.NewLocal(wasm.I32), f.NewLocal(wasm.I32), f.NewLocal(wasm.I32), f.NewLocal(wasm.I32)
		f.Let(wasm.Ld(h, mvCap), left)
		f.Let(wasm.Sub(left, kk(1)), mask)
		f.Let(wasm.And(hash, mask), i)
		f.Forever(func(done wasm.Label) {
			f.Let(wasm.Ld8(wasm.Add(wasm.Ld(h, mvCtrl), i), 0), state)
			f.Leave(done, wasm.Eqz(state))
			f.When(wasm.Eq(state, kk(slotUsed)), func() {
				f.When(wasm.Eq(wasm.Ld(wasm.Add(wasm.Ld(h, mvHashes), wasm.Shl(i, kk(2))), 0), hash), func() {
					f.Let(wasm.Add(wasm.Ld(h, mvKeys), wasm.Shl(i, stride(k))), at)
					if k.words == 1 {
						f.When(wasm.Eq(wasm.Ld(at, 0), key[0]), func() { f.Return(i) })
						return
					}
					f.When(wasm.Eq(wasm.Ld(at, 4), key[1]), func() {
						f.When(wasm.Call(g.rtEqual(), wasm.Ld(at, 0), key[0], key[1]), func() { f.Return(i) })
					})
				})
			})
			f.Let(wasm.And(wasm.Add(i, kk(1)), mask), i)
			f.Bump(left, kk(-1))
			f.Leave(done, wasm.Eqz(left))
		})
		g.work(f, wasm.Sub(wasm.Ld(h, mvCap), left))
		f.Push(kk(-1))
	})
}

// rtMVSlot: (header, hash) -> a slot for a key that is not in the map, which
// has one.
func (g *gen) rtMVSlot() *wasm.Func {
	return g.runtime("mapvalue.slot", i32s(2), i32s(1), func(f *wasm.Func) {
		h, i := f.Param(0), f.Param(1)
		mask := f.Var(wasm.I32, wasm.Sub(wasm.Ld(h, mvCap), wasm.K(1)))
		f.Let(wasm.And(i, mask), i)
		f.While(wasm.Eq(wasm.Ld8(wasm.Add(wasm.Ld(h, mvCtrl), i), 0), wasm.K(slotUsed)), func() {
			f.Let(wasm.And(wasm.Add(i, wasm.K(1)), mask), i)
		})
		f.Push(i)
	})
}

// open emits the start of every operation with a key: the header, checked.
func (g *gen) open(f *wasm.Func, handle, site wasm.X, k kind) wasm.Local {
	h := f.Var(wasm.I32, wasm.Call(g.rtMVAt(), handle, site))
	g.failIf(f, k.mismatch(wasm.Ld(h, mvKeyType)), siteOff(site, 1))
	return h
}

// rtMVHas: (handle, key, site) -> 1 or 0.
func (g *gen) rtMVHas(k kind) *wasm.Func {
	return g.runtime("mapvalue.has."+k.name, i32s(2+k.words), i32s(1), func(f *wasm.Func) {
		key := valueParams(f, 1, k)
		h := g.open(f, f.Param(0), f.Param(1+k.words), k)
		f.Push(wasm.Ne(g.find(h, k, key, g.hashOf(k, key)), wasm.K(-1)))
	})
}

func (g *gen) find(h wasm.X, k kind, key []wasm.Local, hash wasm.X) wasm.X {
	in := []wasm.X{h}
	for _, w := range key {
		in = append(in, w)
	}
	return wasm.Call(g.rtMVFind(k), append(in, hash)...)
}

// rtMVGet: (handle, key, default, site) -> value.
func (g *gen) rtMVGet(k, v kind) *wasm.Func {
	return g.runtime("mapvalue.get."+k.name+"."+v.name, i32s(2+k.words+v.words), i32s(v.words), func(f *wasm.Func) {
		key, def, site := valueParams(f, 1, k), valueParams(f, 1+k.words, v), f.Param(1+k.words+v.words)
		h := g.open(f, f.Param(0), site, k)
		g.failIf(f, v.mismatch(wasm.Ld(h, mvValType)), siteOff(site, 2))
		i, p := f.NewLocal(wasm.I32), f.NewLocal(wasm.I32)
		f.Let(g.find(h, k, key, g.hashOf(k, key)), i)
		f.When(wasm.Ne(i, wasm.K(-1)), func() {
			f.Let(wasm.Add(wasm.Ld(h, mvVals), wasm.Shl(i, stride(v))), p)
			g.returnStored(f, v, p, def, siteOff(site, 3))
		})
		for _, w := range def {
			f.Push(w)
		}
	})
}

// rtMVSet: (handle, key, value, site) -> handle.
func (g *gen) rtMVSet(k, v kind) *wasm.Func {
	return g.runtime("mapvalue.set."+k.name+"."+v.name, i32s(2+k.words+v.words), i32s(1), func(f *wasm.Func) {
		key, val, site := valueParams(f, 1, k), valueParams(f, 1+k.words, v), f.Param(1+k.words+v.words)
		kk := wasm.K
		h := g.open(f, f.Param(0), site, k)
		g.failIf(f, v.mismatch(wasm.Ld(h, mvValType)), siteOff(site, 2))
		f.When(wasm.Bi(wasm.I64GtU,
			wasm.Bi(wasm.I64Mul, wasm.U64(wasm.Add(wasm.Ld(h, mvLen), kk(1))), wasm.K64(10)),
			wasm.Bi(wasm.I64Mul, wasm.U64(wasm.Ld(h, mvCap)), wasm.K64(7))), func() {
			f.Push(wasm.Call(g.rtMVGrow(), h, siteOff(site, 3)))
		})
		hash, i, p := f.Var(wasm.I32, g.hashOf(k, key)), f.NewLocal(wasm.I32), f.NewLocal(wasm.I32)
		f.Let(g.find(h, k, key, hash), i)
		f.When(wasm.Ne(i, kk(-1)), func() {
			if k.owned {
				f.When(key[1], func() { f.Push(wasm.Call(g.rtFree(), key[0])) })
			}
			f.Let(wasm.Add(wasm.Ld(h, mvVals), wasm.Shl(i, stride(v))), p)
			if v.owned {
				g.freeIf(f, p, 0, 4)
			}
			storeWords(f, p, val)
			g.countCopy(f, kk(v.size))
			f.Return(f.Param(0))
		})
		f.Let(wasm.Call(g.rtMVSlot(), h, hash), i)
		f.St8(wasm.Add(wasm.Ld(h, mvCtrl), i), 0, kk(slotUsed))
		f.St(wasm.Add(wasm.Ld(h, mvHashes), wasm.Shl(i, kk(2))), 0, hash)
		f.Let(wasm.Add(wasm.Ld(h, mvKeys), wasm.Shl(i, stride(k))), p)
		storeWords(f, p, key)
		f.Let(wasm.Add(wasm.Ld(h, mvVals), wasm.Shl(i, stride(v))), p)
		storeWords(f, p, val)
		g.countCopy(f, kk(k.size+v.size))
		f.St(h, mvLen, wasm.Add(wasm.Ld(h, mvLen), kk(1)))
		f.Push(f.Param(0))
	})
}

// rtMVGrow: (header, site: cap overflow, out of memory) doubles the capacity.
func (g *gen) rtMVGrow() *wasm.Func {
	return g.runtime("mapvalue.grow", i32s(2), nil, func(f *wasm.Func) {
		h, site := f.Param(0), f.Param(1)
		k := wasm.K
		v := func() wasm.Local { return f.NewLocal(wasm.I32) }
		n, ctrl, hashes, keys, vals, ks, vs, i, j := v(), v(), v(), v(), v(), v(), v(), v(), v()
		f.Let(wasm.Ld(h, mvCap), n)
		f.Let(wasm.Ld(h, mvCtrl), ctrl)
		f.Let(wasm.Ld(h, mvHashes), hashes)
		f.Let(wasm.Ld(h, mvKeys), keys)
		f.Let(wasm.Ld(h, mvVals), vals)
		f.Let(sizeOf(wasm.Ld(h, mvKeyType)), ks)
		f.Let(sizeOf(wasm.Ld(h, mvValType)), vs)
		// The largest array of the doubled map must have a size.
		f.When(wasm.GtU(n, wasm.ShrU(wasm.Bi(wasm.I32DivU, k(-1), k(16)), k(1))), func() {
			g.failIf(f, wasm.Or(wasm.LtS(n, k(0)), wasm.GtU(wasm.Shl(n, k(1)),
				wasm.Bi(wasm.I32DivU, k(-1), wasm.Sel(wasm.GtU(ks, vs), ks, vs)))), site)
		})
		f.Push(wasm.Call(g.rtMVArrays(), h, wasm.Shl(n, k(1)), siteOff(site, 1)))
		f.While(wasm.LtU(i, n), func() {
			f.When(wasm.Eq(wasm.Ld8(wasm.Add(ctrl, i), 0), k(slotUsed)), func() {
				hash := f.Var(wasm.I32, wasm.Ld(wasm.Add(hashes, wasm.Shl(i, k(2))), 0))
				f.Let(wasm.Call(g.rtMVSlot(), h, hash), j)
				f.St8(wasm.Add(wasm.Ld(h, mvCtrl), j), 0, k(slotUsed))
				f.St(wasm.Add(wasm.Ld(h, mvHashes), wasm.Shl(j, k(2))), 0, hash)
				f.Copy(wasm.Add(wasm.Ld(h, mvKeys), wasm.Mul(j, ks)), wasm.Add(keys, wasm.Mul(i, ks)), ks)
				f.Copy(wasm.Add(wasm.Ld(h, mvVals), wasm.Mul(j, vs)), wasm.Add(vals, wasm.Mul(i, vs)), vs)
				g.countCopy(f, wasm.Add(ks, vs))
				f.Release(hash)
			})
			f.Bump(i, k(1))
		})
		g.work(f, n)
		for _, old := range []wasm.Local{ctrl, hashes, keys, vals} {
			f.Push(wasm.Call(g.rtFree(), old))
		}
	})
}

// rtMVRemove: (handle, key, site) -> handle.
func (g *gen) rtMVRemove(k kind) *wasm.Func {
	return g.runtime("mapvalue.remove."+k.name, i32s(2+k.words), i32s(1), func(f *wasm.Func) {
		key := valueParams(f, 1, k)
		kk := wasm.K
		h := g.open(f, f.Param(0), f.Param(1+k.words), k)
		i, mask, ctrl := f.NewLocal(wasm.I32), f.NewLocal(wasm.I32), f.NewLocal(wasm.I32)
		f.Let(g.find(h, k, key, g.hashOf(k, key)), i)
		f.When(wasm.Eq(i, kk(-1)), func() { f.Return(f.Param(0)) })
		g.freeSlot(f, h, i)
		f.St(h, mvLen, wasm.Sub(wasm.Ld(h, mvLen), kk(1)))
		f.Let(wasm.Ld(h, mvCtrl), ctrl)
		f.Let(wasm.Sub(wasm.Ld(h, mvCap), kk(1)), mask)
		f.St8(wasm.Add(ctrl, i), 0, kk(slotRemoved))
		f.When(wasm.Eqz(wasm.Ld8(wasm.Add(ctrl, wasm.And(wasm.Add(i, kk(1)), mask)), 0)), func() {
			f.While(wasm.Eq(wasm.Ld8(wasm.Add(ctrl, i), 0), kk(slotRemoved)), func() {
				f.St8(wasm.Add(ctrl, i), 0, kk(slotFree))
				f.Let(wasm.And(wasm.Sub(i, kk(1)), mask), i)
			})
		})
		f.Push(f.Param(0))
	})
}
