package codegen

import (
	"x07/internal/ir"
	"x07/internal/wasm"
)

// Raw memory. An address outside of the module's memory faults, and the
// engine reports that as a segmentation fault; nothing else is reachable.
func pointerEmitters() map[string]emitter {
	load := func(op wasm.Opcode) emitter {
		return func(c *fn, e *ir.Expr) { c.f.Push(wasm.LdOp(op, c.args(e)[0].w[0], 0)) }
	}
	store := func(op wasm.Opcode) emitter {
		return func(c *fn, e *ir.Expr) {
			as := c.args(e)
			c.f.StOp(op, as[0].w[0], 0, as[1].w[0])
			c.f.Push(wasm.K(0))
		}
	}
	move := func(c *fn, e *ir.Expr) {
		as := c.args(e)
		n := as[2].w[0]
		c.f.Copy(as[0].w[0], as[1].w[0], n)
		c.countCopy(c.f, n)
		c.work(c.f, n)
		c.f.Push(wasm.K(0))
	}
	return map[string]emitter{
		"ptr.read_u8":   load(wasm.I32Load8U),
		"ptr.read_i32":  load(wasm.I32Load),
		"ptr.write_u8":  store(wasm.I32Store8),
		"ptr.write_i32": store(wasm.I32Store),
		"memcpy":        move,
		"memmove":       move,
		"memset": func(c *fn, e *ir.Expr) {
			as := c.args(e)
			c.f.Fill(as[0].w[0], as[1].w[0], as[2].w[0])
			c.work(c.f, as[2].w[0])
			c.f.Push(wasm.K(0))
		},
	}
}
