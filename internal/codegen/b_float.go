package codegen

import (
	"math"

	"x07/internal/ir"
	"x07/internal/wasm"
)

// Floats are 8 bytes in memory; the operations that wasm has are emitted. An
// operand of another length traps without a message, and a NaN that comes out
// is always the canonical one.
func floatEmitters() map[string]emitter {
	unary := func(op wasm.Opcode) emitter {
		return func(c *fn, e *ir.Expr) {
			x := c.operands(e)
			c.float(e, wasm.Un(op, x[0]))
		}
	}
	binary := func(op wasm.Opcode) emitter {
		return func(c *fn, e *ir.Expr) {
			x := c.operands(e)
			c.float(e, wasm.Bi(op, x[0], x[1]))
		}
	}
	return map[string]emitter{
		"math.f64.add_v1":   binary(wasm.F64Add),
		"math.f64.sub_v1":   binary(wasm.F64Sub),
		"math.f64.mul_v1":   binary(wasm.F64Mul),
		"math.f64.div_v1":   binary(wasm.F64Div),
		"math.f64.min_v1":   binary(wasm.F64Min),
		"math.f64.max_v1":   binary(wasm.F64Max),
		"math.f64.neg_v1":   unary(wasm.F64Neg),
		"math.f64.abs_v1":   unary(wasm.F64Abs),
		"math.f64.sqrt_v1":  unary(wasm.F64Sqrt),
		"math.f64.floor_v1": unary(wasm.F64Floor),
		"math.f64.ceil_v1":  unary(wasm.F64Ceil),
		"math.f64.from_i32_v1": func(c *fn, e *ir.Expr) {
			c.float(e, wasm.Un(wasm.F64ConvertI32S, c.args(e)[0].w[0]))
		},
		"math.f64.to_i32_trunc_v1": floatToInt,
		"math.f64.to_bits_u64le_v1": func(c *fn, e *ir.Expr) {
			x := c.operands(e)[0]
			p := c.temp(wasm.I32)
			c.f.Let(wasm.Call(c.rtAlloc(), wasm.K(8), c.site(e, msgOOM)), p)
			c.f.StOp(wasm.I64Store, p, 0, wasm.Un(wasm.I64ReinterpretF64, x))
			c.f.Push(p, wasm.K(8))
		},
	}
}

// operands loads the float arguments.
func (c *fn) operands(e *ir.Expr) []wasm.Local {
	as := c.args(e)
	xs := make([]wasm.Local, len(as))
	for _, a := range as {
		c.trapIf(wasm.Ne(a.w[1], wasm.K(8)), e, "")
	}
	for i, a := range as {
		xs[i] = c.temp(wasm.F64)
		c.f.Let(wasm.LdOp(wasm.F64Load, a.w[0], 0), xs[i])
	}
	return xs
}

// float pushes fresh bytes that hold x.
func (c *fn) float(e *ir.Expr, x wasm.X) {
	f := c.f
	p, r := c.temp(wasm.I32), c.temp(wasm.F64)
	f.Let(x, r)
	f.Let(wasm.Call(c.rtAlloc(), wasm.K(8), c.site(e, msgOOM)), p)
	f.StOp(wasm.I64Store, p, 0, wasm.Sel(wasm.Bi(wasm.F64Eq, r, r),
		wasm.Un(wasm.I64ReinterpretF64, r), wasm.K64(0x7ff8000000000000)))
	f.Push(p, wasm.K(8))
}

func floatToInt(c *fn, e *ir.Expr) {
	f := c.f
	x := c.operands(e)[0]
	tag, v := c.temp(wasm.I32), c.temp(wasm.I32)
	t := c.temp(wasm.F64)
	bits := func(x float64) wasm.X {
		return wasm.Un(wasm.F64ReinterpretI64, wasm.K64(int64(math.Float64bits(x))))
	}
	f.Let(wasm.Un(wasm.F64Trunc, x), t)
	f.Let(wasm.K(0), tag)
	// x - x is 0 for finite numbers and NaN for the others.
	f.WhenElse(wasm.Bi(wasm.F64Ne, wasm.Bi(wasm.F64Sub, x, x), bits(0)), func() {
		f.Let(wasm.K(40020), v)
	}, func() {
		f.WhenElse(wasm.Or(wasm.Bi(wasm.F64Lt, t, bits(math.MinInt32)), wasm.Bi(wasm.F64Gt, t, bits(math.MaxInt32))), func() {
			f.Let(wasm.K(40021), v)
		}, func() {
			f.Let(wasm.Un(wasm.I32TruncF64S, t), v)
			f.Let(wasm.K(1), tag)
		})
	})
	f.Push(tag, v)
}
