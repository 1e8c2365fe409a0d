package codegen

import (
	"x07/internal/ir"
	"x07/internal/wasm"
)

// Numbers as bytes and as text, and the exit code.
func scalarEmitters() map[string]emitter {
	return map[string]emitter{
		"codec.read_u32_le": func(c *fn, e *ir.Expr) {
			as := c.args(e)
			b, off := as[0].w, as[1].w[0]
			if e.Imm != 1 {
				c.trapIf(wordOutside(off, b[1]), e, "codec.read_u32_le oob")
			}
			c.f.Push(wasm.Ld(wasm.Add(b[0], off), 0))
		},
		"codec.write_u32_le": func(c *fn, e *ir.Expr) {
			x := c.args(e)[0].w[0]
			p := c.temp(wasm.I32)
			c.f.Let(wasm.Call(c.rtAlloc(), wasm.K(4), c.site(e, msgOOM)), p)
			c.f.St(p, 0, x)
			c.f.Push(p, wasm.K(4))
		},
		"fmt.u32_to_dec": func(c *fn, e *ir.Expr) {
			c.f.Push(wasm.Call(c.rtDec(), c.args(e)[0].w[0], wasm.K(0), c.site(e, msgOOM)))
		},
		"fmt.s32_to_dec": func(c *fn, e *ir.Expr) {
			x := c.args(e)[0].w[0]
			neg := wasm.LtS(x, wasm.K(0))
			c.f.Push(wasm.Call(c.rtDec(), wasm.Sel(neg, wasm.Sub(wasm.K(0), x), x), neg, c.site(e, msgOOM)))
		},
		"parse.u32_dec": func(c *fn, e *ir.Expr) {
			s := c.args(e)[0].w
			c.f.Push(wasm.Call(c.rtParse(), s[0], s[1], c.site(e, parseTraps...)))
		},
		"parse.u32_dec_at": func(c *fn, e *ir.Expr) {
			as := c.args(e)
			s, off := as[0].w, as[1].w[0]
			c.trapIf(wasm.GtU(off, s[1]), e, "parse.u32_dec_at oob")
			c.f.Push(wasm.Call(c.rtParse(), wasm.Add(s[0], off), wasm.Sub(s[1], off), c.site(e, parseTraps...)))
		},
		"process.set_exit_code_v1": func(c *fn, e *ir.Expr) {
			x := c.args(e)[0].w[0]
			c.f.SetG(c.global(&c.vars.exitCode, wasm.I32, 0), x)
			c.f.Push(x)
		},
	}
}

var parseTraps = []string{"parse.u32_dec empty", "parse.u32_dec non-digit", "parse.u32_dec overflow"}

// tenth is x/10 for an unsigned 32-bit x, without a division.
func tenth(x wasm.X) wasm.X {
	return wasm.Low32(wasm.Bi(wasm.I64ShrU, wasm.Bi(wasm.I64Mul, wasm.U64(x), wasm.K64(0xcccccccd)), wasm.K64(35)))
}

// rtDec: (magnitude, 1 if negative, site) -> (ptr, len) of its decimal text.
func (g *gen) rtDec() *wasm.Func {
	return g.runtime("dec", i32s(3), i32s(2), func(f *wasm.Func) {
		x, neg, site := f.Param(0), f.Param(1), f.Param(2)
		k := wasm.K
		n, p, at, q := f.NewLocal(wasm.I32), f.NewLocal(wasm.I32), f.NewLocal(wasm.I32), f.NewLocal(wasm.I32)
		f.Let(wasm.Add(neg, k(1)), n)
		f.Let(x, q)
		f.While(wasm.GeU(q, k(10)), func() {
			f.Let(tenth(q), q)
			f.Bump(n, k(1))
		})
		f.Let(wasm.Call(g.rtAlloc(), n, site), p)
		f.Let(wasm.Add(p, n), at)
		f.Forever(func(done wasm.Label) {
			f.Let(tenth(x), q)
			f.Bump(at, k(-1))
			f.St8(at, 0, wasm.Add(wasm.Sub(x, wasm.Mul(q, k(10))), k('0')))
			f.Let(q, x)
			f.Leave(done, wasm.Eqz(x))
		})
		f.When(neg, func() { f.St8(p, 0, k('-')) })
		f.Push(p, n)
	})
}

// rtParse: (ptr, len, site of parseTraps) -> number.
func (g *gen) rtParse() *wasm.Func {
	return g.runtime("parse", i32s(3), i32s(1), func(f *wasm.Func) {
		p, n, site := f.Param(0), f.Param(1), f.Param(2)
		k := wasm.K
		end, d := f.NewLocal(wasm.I32), f.NewLocal(wasm.I32)
		v := f.NewLocal(wasm.I64)
		g.failIf(f, wasm.Eqz(n), site)
		g.work(f, n)
		f.Let(wasm.Add(p, n), end)
		f.Forever(func(done wasm.Label) {
			f.Let(wasm.Sub(wasm.Ld8(p, 0), k('0')), d)
			g.failIf(f, wasm.GtU(d, k(9)), siteOff(site, 1))
			f.Let(wasm.Bi(wasm.I64Add, wasm.Bi(wasm.I64Mul, v, wasm.K64(10)), wasm.U64(d)), v)
			g.failIf(f, wasm.Bi(wasm.I64GtU, v, wasm.K64(0xffffffff)), siteOff(site, 2))
			f.Bump(p, k(1))
			f.Leave(done, wasm.Eq(p, end))
		})
		f.Push(wasm.Low32(v))
	})
}
