// Package types says what a value of X07 is: the closed set of type tokens,
// how each behaves when it is used (copied, moved, borrowed), how many 32-bit
// words it occupies when it is flattened into wasm locals, and the declared
// table of builtin heads from which the checker, the code generator, the
// guide and the docs are derived. It knows no syntax tree and no machine.
package types

// Type is one X07 type. The set is closed: X07 has no user-defined types.
// The zero Type is invalid.
type Type uint8

// The types. Those from TaskHandleBytes on have no spelling in a program.
const (
	Invalid Type = iota
	I32          // i32 and u32: one 32-bit word
	Bytes
	BytesView
	VecU8
	OptionI32
	OptionBytes
	OptionBytesView
	ResultI32
	ResultBytes
	ResultBytesView
	ResultResultBytes
	Iface
	PtrConstU8
	PtrMutU8
	PtrConstVoid
	PtrMutVoid
	PtrConstI32
	PtrMutI32
	TaskHandleBytes
	TaskHandleResultBytes
	TaskSlot
	TaskSelectEvt
	OptionTaskSelectEvt
	Never
	numTypes
)

// Class says what using a variable of a type by name does.
type Class uint8

const (
	Copy  Class = iota // the value is copied
	Owned              // the value is moved; its memory is freed by exactly one owner
	View               // the window is copied; it may borrow from an owner
)

type typeInfo struct {
	token string // spelling in a program, "" when it has none
	name  string // spelling in error messages
	class Class
	words int // 32-bit words of the flat representation
}

// The flat representation, in word order:
//
//	i32, pointers, handles   (value)
//	bytes, bytes_view        (ptr, len)
//	vec_u8                   (ptr, len, cap)
//	option_i32               (tag, value)
//	option_bytes[_view]      (tag, ptr, len)
//	result_i32               (tag, value or error code)
//	result_bytes[_view]      (tag, ptr or error code, len)
//	result_result_bytes      (tag, inner tag or error code, ptr or inner code, len)
//	iface                    (data, vtable)
//
// Tags are 1 for some/ok and 0 for none/err. All-zero words are the zero
// value that a moved-from variable holds, and own nothing.
var infos = [numTypes]typeInfo{
	Invalid:               {"", "Invalid", Copy, 0},
	I32:                   {"i32", "I32", Copy, 1},
	Bytes:                 {"bytes", "Bytes", Owned, 2},
	BytesView:             {"bytes_view", "BytesView", View, 2},
	VecU8:                 {"vec_u8", "VecU8", Owned, 3},
	OptionI32:             {"option_i32", "OptionI32", Copy, 2},
	OptionBytes:           {"option_bytes", "OptionBytes", Owned, 3},
	OptionBytesView:       {"option_bytes_view", "OptionBytesView", View, 3},
	ResultI32:             {"result_i32", "ResultI32", Copy, 2},
	ResultBytes:           {"result_bytes", "ResultBytes", Owned, 3},
	ResultBytesView:       {"result_bytes_view", "ResultBytesView", View, 3},
	ResultResultBytes:     {"result_result_bytes", "ResultResultBytes", Owned, 4},
	Iface:                 {"iface", "Iface", Copy, 2},
	PtrConstU8:            {"ptr_const_u8", "PtrConstU8", Copy, 1},
	PtrMutU8:              {"ptr_mut_u8", "PtrMutU8", Copy, 1},
	PtrConstVoid:          {"ptr_const_void", "PtrConstVoid", Copy, 1},
	PtrMutVoid:            {"ptr_mut_void", "PtrMutVoid", Copy, 1},
	PtrConstI32:           {"ptr_const_i32", "PtrConstI32", Copy, 1},
	PtrMutI32:             {"ptr_mut_i32", "PtrMutI32", Copy, 1},
	TaskHandleBytes:       {"", "TaskHandleBytesV1", Copy, 1},
	TaskHandleResultBytes: {"", "TaskHandleResultBytesV1", Copy, 1},
	TaskSlot:              {"", "TaskSlotV1", Copy, 1},
	TaskSelectEvt:         {"", "TaskSelectEvtV1", Owned, 1},
	OptionTaskSelectEvt:   {"", "OptionTaskSelectEvtV1", Owned, 2},
	Never:                 {"", "Never", Copy, 0},
}

// Token is the spelling of t in a program ("" for internal types).
func (t Type) Token() string { return infos[t].token }

// String is the spelling of t in error messages, such as BytesView.
func (t Type) String() string { return infos[t].name }

// Class says whether t is copied, owned or a view.
func (t Type) Class() Class { return infos[t].class }

// IsOwned reports whether a value of t has exactly one owner, which frees it.
func (t Type) IsOwned() bool { return infos[t].class == Owned }

// IsView reports whether a value of t may borrow from an owner.
func (t Type) IsView() bool { return infos[t].class == View }

// Words is the number of 32-bit words (wasm i32 locals) of a value of t.
func (t Type) Words() int { return infos[t].words }

// IsPtr reports whether t is a raw pointer.
func (t Type) IsPtr() bool { return t >= PtrConstU8 && t <= PtrMutI32 }

// IsHandle reports whether t is a task handle, which converts to i32.
func (t Type) IsHandle() bool { return t == TaskHandleBytes || t == TaskHandleResultBytes }

// ByToken finds the type that a program spells as token; u32 is i32.
// ok is false for anything that is not one of the 19 tokens.
func ByToken(token string) (t Type, ok bool) {
	if token == "u32" {
		return I32, true
	}
	if token == "" {
		return Invalid, false
	}
	for i := range infos {
		if infos[i].token == token {
			return Type(i), true
		}
	}
	return Invalid, false
}
