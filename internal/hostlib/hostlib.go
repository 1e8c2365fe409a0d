// Package hostlib binds the pure heads that run outside the module to their
// implementations: math.f64.* functions that wasm has no instruction for,
// json.jcs.*, regex.* and the command lines of ext.cli. They compute and nothing else: no gate, no clock, no
// file. The packages below know no engine; this one only moves bytes.
package hostlib

import (
	"encoding/binary"
	"math"

	"x07/internal/engine"
	"x07/internal/hostlib/cliargs"
	"x07/internal/hostlib/f64"
	"x07/internal/hostlib/jcs"
)

// Table makes the host functions of one run. The functions keep the run's
// compiled patterns, so a table must not be shared between runs.
func Table() engine.HostTable {
	t := engine.HostTable{
		"math.f64.sin_v1":   unary(f64.Sin),
		"math.f64.cos_v1":   unary(f64.Cos),
		"math.f64.tan_v1":   unary(f64.Tan),
		"math.f64.exp_v1":   unary(f64.Exp),
		"math.f64.log_v1":   unary(f64.Log),
		"math.f64.pow_v1":   binary64(f64.Pow),
		"math.f64.atan2_v1": binary64(f64.Atan2),
		"math.f64.parse_v1": func(c *engine.Call) {
			x, code := f64.Parse(c.Bytes())
			if code != 0 {
				c.RetErr(code)
				return
			}
			c.RetOKBytes(encode(x))
		},
		"math.f64.fmt_shortest_v1": func(c *engine.Call) {
			c.RetBytes(f64.AppendShortest(nil, operand(c)))
		},
		"json.jcs.canon_doc_v1": func(c *engine.Call) {
			text := c.Bytes()
			c.RetBytes(jcs.Canon(text, c.I32(), c.I32(), c.I32()))
		},
		"__internal.cli.parse_v1":          func(c *engine.Call) { c.RetBytes(cliargs.Parse(c.Bytes(), c.Bytes())) },
		"__internal.cli.parse_compiled_v1": func(c *engine.Call) { c.RetBytes(cliargs.ParseCompiled(c.Bytes(), c.Bytes())) },
		"__internal.cli.help_v1":           func(c *engine.Call) { c.RetBytes(cliargs.Help(c.Bytes())) },
		"__internal.cli.compile_v1": func(c *engine.Call) {
			doc, code := cliargs.Compile(c.Bytes())
			if code != 0 {
				c.RetErr(code)
				return
			}
			c.RetOKBytes(doc)
		},
	}
	new(patterns).bind(t)
	return t
}

// operand reads a float: 8 bytes, little-endian. Any other length traps
// without a message, as the reference does.
func operand(c *engine.Call) float64 {
	b := c.Bytes()
	if len(b) != 8 {
		c.Trap("")
	}
	return math.Float64frombits(binary.LittleEndian.Uint64(b))
}

// encode is the inverse of operand; every NaN becomes the canonical quiet one.
func encode(x float64) []byte {
	bits := math.Float64bits(x)
	if x != x {
		bits = 0x7ff8000000000000
	}
	return binary.LittleEndian.AppendUint64(nil, bits)
}

func unary(f func(float64) float64) engine.HostFunc {
	return func(c *engine.Call) { c.RetBytes(encode(f(operand(c)))) }
}

func binary64(f func(a, b float64) float64) engine.HostFunc {
	return func(c *engine.Call) {
		a := operand(c)
		c.RetBytes(encode(f(a, operand(c))))
	}
}
