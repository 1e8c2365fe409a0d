package codegen

import (
	"x07/internal/ir"
	"x07/internal/wasm"
)

// copyOf pushes a fresh copy of a view.
func copyOf(c *fn, e *ir.Expr) {
	a := c.args(e)[0]
	c.f.Push(wasm.Call(c.rtCopy(), a.w[0], a.w[1], c.site(e, msgOOM)), a.w[1])
}
