package wasm

// This file is the notation in which runtime functions are written: values
// are expressions (X) that can be nested, statements are methods of Body.

// X is something that pushes values when it is emitted: a Local, or the
// result of one of the constructors below.
type X interface{ emit(f *Func) }

type code func(f *Func)

func (c code) emit(f *Func)  { c(f) }
func (l Local) emit(f *Func) { f.Get(l) }
func (g *Global) emit(f *Func) {
	f.GlobalGet(g)
}

// Push emits expressions in order.
func (f *Func) Push(xs ...X) {
	for _, x := range xs {
		x.emit(f)
	}
}

// K is an i32 constant.
func K(v int64) X { return code(func(f *Func) { f.I32Const(int32(v)) }) }

// K64 is an i64 constant.
func K64(v int64) X { return code(func(f *Func) { f.I64Const(v) }) }

// Un applies a one-operand instruction.
func Un(op Opcode, a X) X { return code(func(f *Func) { f.Push(a); f.Op(op) }) }

// Bi applies a two-operand instruction.
func Bi(op Opcode, a, b X) X { return code(func(f *Func) { f.Push(a, b); f.Op(op) }) }

// The i32 instructions that are written most, by their usual names.
func Add(a, b X) X  { return Bi(I32Add, a, b) }
func Sub(a, b X) X  { return Bi(I32Sub, a, b) }
func Mul(a, b X) X  { return Bi(I32Mul, a, b) }
func And(a, b X) X  { return Bi(I32And, a, b) }
func Or(a, b X) X   { return Bi(I32Or, a, b) }
func Xor(a, b X) X  { return Bi(I32Xor, a, b) }
func Shl(a, b X) X  { return Bi(I32Shl, a, b) }
func ShrU(a, b X) X { return Bi(I32ShrU, a, b) }
func Eq(a, b X) X   { return Bi(I32Eq, a, b) }
func Ne(a, b X) X   { return Bi(I32Ne, a, b) }
func LtU(a, b X) X  { return Bi(I32LtU, a, b) }
func LeU(a, b X) X  { return Bi(I32LeU, a, b) }
func GtU(a, b X) X  { return Bi(I32GtU, a, b) }
func GeU(a, b X) X  { return Bi(I32GeU, a, b) }
func LtS(a, b X) X  { return Bi(I32LtS, a, b) }
func GeS(a, b X) X  { return Bi(I32GeS, a, b) }
func Eqz(a X) X     { return Un(I32Eqz, a) }

// U64 extends an i32 to i64 without sign.
func U64(a X) X { return Un(I64ExtendI32U, a) }

// Low32 is the low half of an i64.
func Low32(a X) X { return Un(I32WrapI64, a) }

// Ld loads an i32 from addr+off.
func Ld(addr X, off uint32) X { return LdOp(I32Load, addr, off) }

// Ld8 loads a byte from addr+off.
func Ld8(addr X, off uint32) X { return LdOp(I32Load8U, addr, off) }

// LdOp loads with a chosen instruction; the access need not be aligned.
func LdOp(op Opcode, addr X, off uint32) X {
	return code(func(f *Func) { f.Push(addr); f.Mem(op, 0, off) })
}

// LdV loads 16 bytes from addr+off.
func LdV(addr X, off uint32) X {
	return code(func(f *Func) { f.Push(addr); f.SimdMem(V128Load, 0, off) })
}

// SimdUn applies a one-operand vector instruction.
func SimdUn(op SimdOp, a X) X { return code(func(f *Func) { f.Push(a); f.Simd(op) }) }

// SimdBi applies a two-operand vector instruction.
func SimdBi(op SimdOp, a, b X) X { return code(func(f *Func) { f.Push(a, b); f.Simd(op) }) }

// Tee sets l and is its value.
func Tee(l Local, a X) X { return code(func(f *Func) { f.Push(a); f.Tee(l) }) }

// Sel is a when c is not zero, else b; both are evaluated.
func Sel(c, a, b X) X { return code(func(f *Func) { f.Push(a, b, c); f.Select() }) }

// Call is the results of a call.
func Call(fn *Func, args ...X) X { return code(func(f *Func) { f.Push(args...); f.Call(fn) }) }

// Code is whatever emit pushes.
func Code(emit func(f *Func)) X { return code(emit) }

// Let sets locals to the values of x, the last value into the last local.
func (f *Func) Let(x X, ls ...Local) {
	f.Push(x)
	for i := len(ls) - 1; i >= 0; i-- {
		f.Set(ls[i])
	}
}

// Var is a new local holding x.
func (f *Func) Var(t ValType, x X) Local {
	l := f.NewLocal(t)
	f.Let(x, l)
	return l
}

// SetG sets a global.
func (f *Func) SetG(g *Global, x X) { f.Push(x); f.GlobalSet(g) }

// When runs then if c is not zero.
func (f *Func) When(c X, then func()) {
	f.Push(c)
	f.If()
	then()
	f.End()
}

// Rarely runs then if c is zero: c is what holds nearly always. It is an empty
// branch with then as its else because wazero lets the code behind it go on
// with the registers of the branch that it met first; after a then that calls
// something they would all have to be loaded again.
func (f *Func) Rarely(c X, then func()) {
	f.Push(c)
	f.If()
	f.Else()
	then()
	f.End()
}

// WhenElse runs one of two statements.
func (f *Func) WhenElse(c X, then, otherwise func()) {
	f.Push(c)
	f.If()
	then()
	f.Else()
	otherwise()
	f.End()
}

// While repeats body as long as c is not zero.
func (f *Func) While(c X, body func()) {
	again := f.Loop()
	f.Push(c)
	f.If()
	body()
	f.Br(again)
	f.End()
	f.End()
}

// Forever repeats body until it leaves through the label it is given.
func (f *Func) Forever(body func(done Label)) {
	done := f.Block()
	again := f.Loop()
	body(done)
	f.Br(again)
	f.End()
	f.End()
}

// Leave jumps to l if c is not zero.
// It is written as a conditional block: wazero fuses a comparison with the
// jump of an if, but not with that of a br_if whose target has several
// predecessors, such as a loop's start.
func (f *Func) Leave(l Label, c X) {
	f.Push(c)
	f.If()
	f.Br(l)
	f.End()
}

// Return returns the values.
func (f *Func) Return(xs ...X) { f.Push(xs...); f.Ret() }

// St stores an i32 at addr+off.
func (f *Func) St(addr X, off uint32, v X) { f.StOp(I32Store, addr, off, v) }

// St8 stores the low byte at addr+off.
func (f *Func) St8(addr X, off uint32, v X) { f.StOp(I32Store8, addr, off, v) }

// StOp stores with a chosen instruction.
func (f *Func) StOp(op Opcode, addr X, off uint32, v X) { f.Push(addr, v); f.Mem(op, 0, off) }

// Copy copies n bytes; the ranges may overlap.
func (f *Func) Copy(dst, src, n X) { f.Push(dst, src, n); f.MemoryCopy() }

// Fill sets n bytes.
func (f *Func) Fill(dst, v, n X) { f.Push(dst, v, n); f.MemoryFill() }

// Bump adds d to l.
func (f *Func) Bump(l Local, d X) { f.Let(Add(l, d), l) }
