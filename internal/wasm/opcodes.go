package wasm

// Opcode is a one-byte instruction; its names are those of the specification.
type Opcode byte

// Loads and stores.
const (
	I32Load    Opcode = 0x28
	I64Load    Opcode = 0x29
	F64Load    Opcode = 0x2b
	I32Load8U  Opcode = 0x2d
	I32Load16U Opcode = 0x2f
	I32Store   Opcode = 0x36
	I64Store   Opcode = 0x37
	F64Store   Opcode = 0x39
	I32Store8  Opcode = 0x3a
	I32Store16 Opcode = 0x3b
)

// Integer comparisons.
const (
	I32Eqz Opcode = 0x45
	I32Eq  Opcode = 0x46
	I32Ne  Opcode = 0x47
	I32LtS Opcode = 0x48
	I32LtU Opcode = 0x49
	I32GtS Opcode = 0x4a
	I32GtU Opcode = 0x4b
	I32LeS Opcode = 0x4c
	I32LeU Opcode = 0x4d
	I32GeS Opcode = 0x4e
	I32GeU Opcode = 0x4f
	I64Eqz Opcode = 0x50
	I64Eq  Opcode = 0x51
	I64Ne  Opcode = 0x52
	I64LtS Opcode = 0x53
	I64LtU Opcode = 0x54
	I64GtS Opcode = 0x55
	I64GtU Opcode = 0x56
	I64LeS Opcode = 0x57
	I64LeU Opcode = 0x58
	I64GeU Opcode = 0x5a
)

// Float comparisons.
const (
	F64Eq Opcode = 0x61
	F64Ne Opcode = 0x62
	F64Lt Opcode = 0x63
	F64Gt Opcode = 0x64
	F64Le Opcode = 0x65
	F64Ge Opcode = 0x66
)

// Arithmetic.
const (
	I32Clz    Opcode = 0x67
	I32Ctz    Opcode = 0x68
	I32Popcnt Opcode = 0x69
	I32Add    Opcode = 0x6a
	I32Sub    Opcode = 0x6b
	I32Mul    Opcode = 0x6c
	I32DivU   Opcode = 0x6e
	I32RemU   Opcode = 0x70
	I32And    Opcode = 0x71
	I32Or     Opcode = 0x72
	I32Xor    Opcode = 0x73
	I32Shl    Opcode = 0x74
	I32ShrS   Opcode = 0x75
	I32ShrU   Opcode = 0x76
	I32Rotl   Opcode = 0x77
	I64Clz    Opcode = 0x79
	I64Ctz    Opcode = 0x7a
	I64Add    Opcode = 0x7c
	I64Sub    Opcode = 0x7d
	I64Mul    Opcode = 0x7e
	I64DivU   Opcode = 0x80
	I64RemU   Opcode = 0x82
	I64And    Opcode = 0x83
	I64Or     Opcode = 0x84
	I64Xor    Opcode = 0x85
	I64Shl    Opcode = 0x86
	I64ShrU   Opcode = 0x88
	F64Abs    Opcode = 0x99
	F64Neg    Opcode = 0x9a
	F64Ceil   Opcode = 0x9b
	F64Floor  Opcode = 0x9c
	F64Trunc  Opcode = 0x9d
	F64Sqrt   Opcode = 0x9f
	F64Add    Opcode = 0xa0
	F64Sub    Opcode = 0xa1
	F64Mul    Opcode = 0xa2
	F64Div    Opcode = 0xa3
	F64Min    Opcode = 0xa4
	F64Max    Opcode = 0xa5
)

// Conversions.
const (
	I32WrapI64        Opcode = 0xa7
	I32TruncF64S      Opcode = 0xaa
	I64ExtendI32S     Opcode = 0xac
	I64ExtendI32U     Opcode = 0xad
	F64ConvertI32S    Opcode = 0xb7
	I64ReinterpretF64 Opcode = 0xbd
	F64ReinterpretI64 Opcode = 0xbf
)

// SimdOp is an instruction behind the 0xfd prefix.
type SimdOp uint32

// The vector instructions that byte scanning needs.
const (
	V128Load     SimdOp = 0x00
	V128Store    SimdOp = 0x0b
	I8x16Splat   SimdOp = 0x0f
	I8x16Eq      SimdOp = 0x23
	I8x16Ne      SimdOp = 0x24
	V128AnyTrue  SimdOp = 0x53
	I8x16Bitmask SimdOp = 0x64
)
