// Package wasm builds WebAssembly modules: the part of the format that the
// code generator emits, a builder for function bodies, and the binary encoder.
// Functions and imports come in as symbols in any order and get their index
// only when the module is encoded, so that whatever nobody referred to is
// never part of the output. The package knows nothing of X07 and validates
// nothing; a wrong body is found by the engine that loads the module.
package wasm

import "encoding/binary"

// ValType is the type of one wasm value.
type ValType byte

// The value types that are emitted.
const (
	I32  ValType = 0x7f
	I64  ValType = 0x7e
	F64  ValType = 0x7c
	V128 ValType = 0x7b
)

// PageSize is the size of one page of linear memory in bytes.
const PageSize = 65536

// Module is a module under construction. The zero value is empty and ready.
type Module struct {
	// MemoryMin is the initial size of the exported memory "memory", in pages.
	MemoryMin uint32

	funcs   []*Func // imports and definitions, in order of creation
	globals []*Global
	data    []segment
	exports []export
}

type segment struct {
	addr uint32
	data []byte
}

type export struct {
	name string
	fn   *Func
}

// Global is one mutable module variable.
type Global struct {
	Type ValType
	Init int64
	// Export is the name under which the engine can read it, or "".
	Export string

	index uint32
}

// NewGlobal adds a mutable global.
func (m *Module) NewGlobal(t ValType, init int64) *Global {
	g := &Global{Type: t, Init: init, index: uint32(len(m.globals))}
	m.globals = append(m.globals, g)
	return g
}

// Import declares an imported function.
func (m *Module) Import(module, name string, params, results []ValType) *Func {
	f := &Func{Name: name, importModule: module, params: params, results: results, imported: true}
	m.funcs = append(m.funcs, f)
	return f
}

// NewFunc adds a function; its body is built with the methods of Func.
func (m *Module) NewFunc(name string, params, results []ValType) *Func {
	f := &Func{Name: name, params: params, results: results}
	m.funcs = append(m.funcs, f)
	return f
}

// Export makes a function callable from outside under name.
func (m *Module) Export(name string, f *Func) {
	m.exports = append(m.exports, export{name, f})
}

// AddData places data at a fixed address when the module is instantiated.
func (m *Module) AddData(addr uint32, data []byte) {
	if len(data) > 0 {
		m.data = append(m.data, segment{addr, data})
	}
}

// Encode writes the module in the binary format.
func (m *Module) Encode() []byte {
	e := encoder{typeIndex: map[string]uint32{}}
	var imports, defined []*Func
	for _, f := range m.funcs {
		if f.imported {
			imports = append(imports, f)
		} else {
			defined = append(defined, f)
		}
	}
	for i, f := range imports {
		f.index = uint32(i)
	}
	for i, f := range defined {
		f.index = uint32(len(imports) + i)
	}

	// Bodies first: their block types add to the type section.
	var code []byte
	code = appendUint(code, uint64(len(defined)))
	var body []byte
	for _, f := range defined {
		body = f.appendBody(body[:0], &e)
		code = appendUint(code, uint64(len(body)))
		code = append(code, body...)
	}
	var importSec, funcSec []byte
	importSec = appendUint(importSec, uint64(len(imports)))
	for _, f := range imports {
		importSec = appendName(importSec, f.importModule)
		importSec = appendName(importSec, f.Name)
		importSec = append(importSec, 0x00)
		importSec = appendUint(importSec, uint64(e.typeOf(f.params, f.results)))
	}
	funcSec = appendUint(funcSec, uint64(len(defined)))
	for _, f := range defined {
		funcSec = appendUint(funcSec, uint64(e.typeOf(f.params, f.results)))
	}
	typeSec := appendUint(nil, uint64(len(e.types)))
	for _, t := range e.types {
		typeSec = append(typeSec, t...)
	}

	out := binary.LittleEndian.AppendUint32([]byte("\x00asm"), 1)
	out = appendSection(out, 1, typeSec)
	if len(imports) > 0 {
		out = appendSection(out, 2, importSec)
	}
	out = appendSection(out, 3, funcSec)
	out = appendSection(out, 5, appendUint([]byte{1, 0}, uint64(m.MemoryMin)))
	if len(m.globals) > 0 {
		sec := appendUint(nil, uint64(len(m.globals)))
		for _, g := range m.globals {
			sec = append(sec, byte(g.Type), 1)
			if g.Type == I64 {
				sec = append(sec, 0x42)
			} else {
				sec = append(sec, 0x41)
			}
			sec = append(appendInt(sec, g.Init), opEnd)
		}
		out = appendSection(out, 6, sec)
	}
	out = appendSection(out, 7, m.exportSection())
	out = appendSection(out, 10, code)
	if len(m.data) > 0 {
		sec := appendUint(nil, uint64(len(m.data)))
		for _, s := range m.data {
			sec = append(sec, 0x00, 0x41)
			sec = appendInt(sec, int64(int32(s.addr)))
			sec = append(sec, opEnd)
			sec = appendUint(sec, uint64(len(s.data)))
			sec = append(sec, s.data...)
		}
		out = appendSection(out, 11, sec)
	}
	return out
}

func (m *Module) exportSection() []byte {
	n := 1 + len(m.exports)
	for _, g := range m.globals {
		if g.Export != "" {
			n++
		}
	}
	sec := appendUint(nil, uint64(n))
	sec = append(appendName(sec, "memory"), 0x02, 0)
	for _, x := range m.exports {
		sec = append(appendName(sec, x.name), 0x00)
		sec = appendUint(sec, uint64(x.fn.index))
	}
	for _, g := range m.globals {
		if g.Export != "" {
			sec = append(appendName(sec, g.Export), 0x03)
			sec = appendUint(sec, uint64(g.index))
		}
	}
	return sec
}

// encoder holds the type section while bodies are written.
type encoder struct {
	types     []string
	typeIndex map[string]uint32
}

func (e *encoder) typeOf(params, results []ValType) uint32 {
	b := make([]byte, 0, 3+len(params)+len(results))
	b = append(b, 0x60)
	b = appendUint(b, uint64(len(params)))
	for _, p := range params {
		b = append(b, byte(p))
	}
	b = appendUint(b, uint64(len(results)))
	for _, r := range results {
		b = append(b, byte(r))
	}
	if i, ok := e.typeIndex[string(b)]; ok {
		return i
	}
	i := uint32(len(e.types))
	e.types = append(e.types, string(b))
	e.typeIndex[string(b)] = i
	return i
}

func appendSection(out []byte, id byte, body []byte) []byte {
	out = append(out, id)
	out = appendUint(out, uint64(len(body)))
	return append(out, body...)
}

func appendName(b []byte, s string) []byte {
	b = appendUint(b, uint64(len(s)))
	return append(b, s...)
}

func appendUint(b []byte, v uint64) []byte {
	return binary.AppendUvarint(b, v)
}

// appendInt appends v as signed LEB128.
func appendInt(b []byte, v int64) []byte {
	for {
		c := byte(v & 0x7f)
		v >>= 7
		if (v == 0 && c&0x40 == 0) || (v == -1 && c&0x40 != 0) {
			return append(b, c)
		}
		b = append(b, c|0x80)
	}
}
