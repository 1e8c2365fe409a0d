package wasm

// Func is one function: an import, or a definition whose body is appended
// instruction by instruction. The methods emit code in order; they do not
// check types.
type Func struct {
	Name string

	importModule    string
	imported        bool
	params, results []ValType
	locals          []ValType
	free            map[ValType][]Local
	code            []byte
	fixups          []fixup
	depth           int
	index           uint32
}

// fixup is a place in the code where a number that is only known when the
// module is encoded has to be inserted.
type fixup struct {
	at     int
	fn     *Func     // call target
	result []ValType // block type with these results
}

// Local is a parameter or local variable of the function it came from.
type Local struct {
	index uint32
	typ   ValType
}

// Type is the wasm type of the local.
func (l Local) Type() ValType { return l.typ }

// Label is an open block that Br can leave (or, for a loop, repeat).
type Label struct{ depth int }

// Imported reports whether f is an import.
func (f *Func) Imported() bool { return f.imported }

// Results are the result types of f.
func (f *Func) Results() []ValType { return f.results }

// Size is the number of code bytes emitted so far.
func (f *Func) Size() int { return len(f.code) }

// Param is the i-th parameter.
func (f *Func) Param(i int) Local { return Local{uint32(i), f.params[i]} }

// NewLocal adds a local variable. It starts as zero only when it was never
// released before; code that needs zero sets it.
func (f *Func) NewLocal(t ValType) Local {
	if l := f.free[t]; len(l) > 0 {
		f.free[t] = l[:len(l)-1]
		return l[len(l)-1]
	}
	f.locals = append(f.locals, t)
	return Local{uint32(len(f.params) + len(f.locals) - 1), t}
}

// Release gives locals back for reuse by NewLocal.
func (f *Func) Release(ls ...Local) {
	if f.free == nil {
		f.free = map[ValType][]Local{}
	}
	for _, l := range ls {
		f.free[l.typ] = append(f.free[l.typ], l)
	}
}

func (f *Func) appendBody(b []byte, e *encoder) []byte {
	// Runs of equal types are one entry.
	var runs []byte
	n := 0
	for i := 0; i < len(f.locals); {
		j := i
		for j < len(f.locals) && f.locals[j] == f.locals[i] {
			j++
		}
		runs = append(appendUint(runs, uint64(j-i)), byte(f.locals[i]))
		n++
		i = j
	}
	b = appendUint(b, uint64(n))
	b = append(b, runs...)
	last := 0
	for _, x := range f.fixups {
		b = append(b, f.code[last:x.at]...)
		last = x.at
		if x.fn != nil {
			b = appendUint(b, uint64(x.fn.index))
		} else {
			b = appendInt(b, int64(e.typeOf(nil, x.result)))
		}
	}
	b = append(b, f.code[last:]...)
	return append(b, opEnd)
}

const (
	opUnreachable = 0x00
	opBlock       = 0x02
	opLoop        = 0x03
	opIf          = 0x04
	opElse        = 0x05
	opEnd         = 0x0b
	opBr          = 0x0c
	opBrIf        = 0x0d
	opReturn      = 0x0f
	opCall        = 0x10
	opDrop        = 0x1a
	opSelect      = 0x1b
	opLocalGet    = 0x20
	opLocalSet    = 0x21
	opLocalTee    = 0x22
	opGlobalGet   = 0x23
	opGlobalSet   = 0x24
	opI32Const    = 0x41
	opI64Const    = 0x42
	opF64Const    = 0x44
)

// Unreachable emits unreachable.
func (f *Func) Unreachable() { f.code = append(f.code, opUnreachable) }

// Drop discards the top of the stack.
func (f *Func) Drop() { f.code = append(f.code, opDrop) }

// Select emits select.
func (f *Func) Select() { f.code = append(f.code, opSelect) }

// Ret emits return.
func (f *Func) Ret() { f.code = append(f.code, opReturn) }

// Op emits a plain numeric instruction.
func (f *Func) Op(op Opcode) { f.code = append(f.code, byte(op)) }

// Get pushes a local.
func (f *Func) Get(l Local) { f.code = appendUint(append(f.code, opLocalGet), uint64(l.index)) }

// Set pops into a local.
func (f *Func) Set(l Local) { f.code = appendUint(append(f.code, opLocalSet), uint64(l.index)) }

// Tee copies the top of the stack into a local.
func (f *Func) Tee(l Local) { f.code = appendUint(append(f.code, opLocalTee), uint64(l.index)) }

// GlobalGet pushes a global.
func (f *Func) GlobalGet(g *Global) {
	f.code = appendUint(append(f.code, opGlobalGet), uint64(g.index))
}

// GlobalSet pops into a global.
func (f *Func) GlobalSet(g *Global) {
	f.code = appendUint(append(f.code, opGlobalSet), uint64(g.index))
}

// I32Const pushes a constant.
func (f *Func) I32Const(v int32) { f.code = appendInt(append(f.code, opI32Const), int64(v)) }

// I64Const pushes a constant.
func (f *Func) I64Const(v int64) { f.code = appendInt(append(f.code, opI64Const), v) }

// Mem emits a load or store with a constant offset. align is the power of two
// that the address is known to be a multiple of.
func (f *Func) Mem(op Opcode, align, offset uint32) {
	f.code = append(f.code, byte(op))
	f.code = appendUint(f.code, uint64(align))
	f.code = appendUint(f.code, uint64(offset))
}

// MemoryCopy emits memory.copy (dst, src, n on the stack).
func (f *Func) MemoryCopy() { f.code = append(f.code, 0xfc, 10, 0, 0) }

// MemoryFill emits memory.fill (dst, byte, n on the stack).
func (f *Func) MemoryFill() { f.code = append(f.code, 0xfc, 11, 0) }

// MemoryGrow emits memory.grow.
func (f *Func) MemoryGrow() { f.code = append(f.code, 0x40, 0) }

// MemorySize emits memory.size.
func (f *Func) MemorySize() { f.code = append(f.code, 0x3f, 0) }

// TruncSat emits a saturating truncation (sub-opcode of the 0xfc prefix).
func (f *Func) TruncSat(sub byte) { f.code = append(f.code, 0xfc, sub) }

// Simd emits a vector instruction without immediates.
func (f *Func) Simd(op SimdOp) { f.code = appendUint(append(f.code, 0xfd), uint64(op)) }

// SimdMem emits a vector load or store.
func (f *Func) SimdMem(op SimdOp, align, offset uint32) {
	f.Simd(op)
	f.code = appendUint(f.code, uint64(align))
	f.code = appendUint(f.code, uint64(offset))
}

// Call emits a call.
func (f *Func) Call(fn *Func) {
	f.code = append(f.code, opCall)
	f.fixups = append(f.fixups, fixup{at: len(f.code), fn: fn})
}

func (f *Func) open(op byte, results []ValType) Label {
	f.code = append(f.code, op)
	switch len(results) {
	case 0:
		f.code = append(f.code, 0x40)
	case 1:
		f.code = append(f.code, byte(results[0]))
	default:
		f.fixups = append(f.fixups, fixup{at: len(f.code), result: results})
	}
	f.depth++
	return Label{f.depth}
}

// Block opens a block; Br to its label jumps behind its End.
func (f *Func) Block(results ...ValType) Label { return f.open(opBlock, results) }

// Loop opens a loop; Br to its label jumps to its start.
func (f *Func) Loop() Label { return f.open(opLoop, nil) }

// If pops a condition and opens a conditional block.
func (f *Func) If(results ...ValType) Label { return f.open(opIf, results) }

// Else starts the other branch of the innermost If.
func (f *Func) Else() { f.code = append(f.code, opElse) }

// End closes the innermost block.
func (f *Func) End() {
	f.code = append(f.code, opEnd)
	f.depth--
}

// Br jumps to a label.
func (f *Func) Br(l Label) { f.code = appendUint(append(f.code, opBr), uint64(f.depth-l.depth)) }

// BrIf pops a condition and jumps to a label when it is not zero.
func (f *Func) BrIf(l Label) { f.code = appendUint(append(f.code, opBrIf), uint64(f.depth-l.depth)) }
