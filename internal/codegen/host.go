package codegen

import (
	"x07/internal/ir"
	"x07/internal/types"
	"x07/internal/wasm"
)

// hostCall calls an imported host function. Arguments are flat words. The
// results are words too; for types that carry bytes the engine keeps the bytes
// until the glue has allocated memory for them and calls x07.take, which
// copies them in.
func (c *fn) hostCall(e *ir.Expr) {
	f := c.f
	b := e.Builtin
	as := c.args(e)
	c.checkFuel()
	var params []wasm.ValType
	for _, a := range as {
		for _, w := range a.w {
			f.Push(w)
			params = append(params, wasm.I32)
		}
	}
	// Result words as the host returns them; a pointer is not among them.
	var results int
	switch e.Type {
	case types.Invalid, types.Never:
	case types.I32, types.Bytes:
		results = 1
	case types.ResultI32, types.OptionI32, types.ResultBytes, types.OptionBytes, types.Iface:
		results = 2
	default:
		c.bad("host function %q returns %v", b.Name, e.Type)
	}
	h := c.heads[b.Name]
	if h == nil {
		h = c.m.Import("host", b.Name, append(params, wasm.I32), i32s(results))
		c.heads[b.Name] = h
	}
	f.Push(c.site(e, "host function failed"))
	f.Call(h)
	r := make([]wasm.Local, results)
	for i := range r {
		r[i] = c.temp(wasm.I32)
	}
	for i := len(r) - 1; i >= 0; i-- {
		f.Set(r[i])
	}
	for _, a := range as {
		c.free(a)
	}
	take := func(n wasm.X) wasm.X {
		t := c.rtTake()
		return wasm.Call(t, n, c.site(e, msgOOM))
	}
	switch e.Type {
	case types.Never:
		f.Unreachable()
	case types.Bytes:
		f.Push(take(r[0]), r[0])
	case types.ResultBytes, types.OptionBytes:
		p, n := c.temp(wasm.I32), c.temp(wasm.I32)
		f.WhenElse(r[0], func() {
			f.Let(take(r[1]), p)
			f.Let(r[1], n)
		}, func() {
			f.Let(r[1], p)
			f.Let(wasm.K(0), n)
		})
		f.Push(r[0], p, n)
	case types.Iface:
		// The host hands over what is to be read; the reader is made here.
		p := c.temp(wasm.I32)
		f.Let(take(r[0]), p)
		c.newReader(p, r[0], r[0], c.site(e, msgOOM))
	default:
		for _, w := range r {
			f.Push(w)
		}
	}
}

// rtTake: (n, site) -> data: memory for n bytes holding what the host
// function returned.
func (g *gen) rtTake() *wasm.Func {
	return g.runtime("take", i32s(2), i32s(1), func(f *wasm.Func) {
		take := g.runtimeImport("take", i32s(1), nil)
		f.When(wasm.Eqz(f.Param(0)), func() { f.Return(wasm.K(0)) })
		p := f.Var(wasm.I32, wasm.Call(g.rtAlloc(), f.Param(0), f.Param(1)))
		f.Push(wasm.Call(take, p), p)
	})
}
