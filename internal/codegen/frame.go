package codegen

import (
	"x07/internal/ir"
	"x07/internal/wasm"
)

// Locals whose address is taken live in a frame on a stack in linear memory,
// 16 bytes each, so that raw pointers can reach them. Only functions with an
// OpAddrOf have a frame.

const stackSize = 1 << 20

func (c *fn) openFrame() {
	var visit func(e *ir.Expr)
	visit = func(e *ir.Expr) {
		if e.Op == ir.OpAddrOf {
			if c.frameOff == nil {
				c.frameOff = map[ir.LocalID]uint32{}
			}
			if _, ok := c.frameOff[e.Local]; !ok {
				c.frameOff[e.Local] = c.frameLen
				c.frameLen += 16
			}
		}
		for _, a := range e.Args {
			visit(a)
		}
	}
	visit(c.src.Body)
	if c.frameLen == 0 {
		return
	}
	sp := c.global(&c.vars.stack, wasm.I32, 0)
	end := c.global(&c.vars.stackEnd, wasm.I32, 0)
	f := c.f
	c.frame = f.NewLocal(wasm.I32)
	f.Let(wasm.Sub(sp, wasm.K(int64(c.frameLen))), c.frame)
	c.trapIf(wasm.LtU(c.frame, end), c.src.Body, msgStack)
	f.SetG(sp, c.frame)
	for l, off := range c.frameOff {
		for i, w := range c.locals[l] {
			// Parameters arrive in wasm locals; the others hold zero.
			f.St(c.frame, off+uint32(4*i), w)
		}
	}
}

// msgStack is what 0.1.17 reports for a stack overflow.
const msgStack = "terminated by signal 11"

func (c *fn) closeFrame() {
	if c.frameLen > 0 {
		c.f.SetG(c.vars.stack, wasm.Add(c.frame, wasm.K(int64(c.frameLen))))
	}
}

// placeStack puts the stack at base and returns the address behind it.
func (g *gen) placeStack(base uint32) uint32 {
	g.vars.stackEnd.Init = int64(base)
	g.vars.stack.Init = int64(base + stackSize)
	return base + stackSize
}
