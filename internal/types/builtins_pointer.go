package types

// Raw memory inside the program's own linear memory. A stray access traps or
// reads the program's own bytes; it never reaches the host.
var builtinsPointer = []Builtin{
	{Name: "ptr.null", Result: PtrMutVoid, Gate: GateUnsafe, Impl: Lowered, Doc: "the null pointer"},
	{Name: "ptr.as_const", Params: []Param{{"p", Invalid, AnyPtr}}, Result: Invalid, Gate: GateUnsafe, Impl: Lowered, Doc: "p as a pointer that is only read through"},
	{Name: "ptr.cast", Params: []Param{{"type", Invalid, Atom}, {"p", Invalid, AnyPtr}}, Result: Invalid, Gate: GateUnsafe, NeedsBlock: true, Impl: Lowered, Doc: "p as a pointer of the named type"},
	{Name: "addr_of", Params: []Param{{"name", Invalid, Atom}}, Result: PtrConstVoid, Gate: GateUnsafe, Impl: Lowered, Doc: "the address of a local variable"},
	{Name: "addr_of_mut", Params: []Param{{"name", Invalid, Atom}}, Result: PtrMutVoid, Gate: GateUnsafe, Impl: Lowered, Doc: "the address of a local variable, for writing"},
	{Name: "ptr.add", Params: []Param{{"p", Invalid, AnyPtr}, {"n", I32, ByValue}}, Result: Invalid, Gate: GateUnsafe, NeedsBlock: true, Impl: Lowered, Doc: "p moved up by n elements, n unsigned"},
	{Name: "ptr.sub", Params: []Param{{"p", Invalid, AnyPtr}, {"n", I32, ByValue}}, Result: Invalid, Gate: GateUnsafe, NeedsBlock: true, Impl: Lowered, Doc: "p moved down by n elements, n unsigned"},
	{Name: "ptr.offset", Params: []Param{{"p", Invalid, AnyPtr}, {"n", I32, ByValue}}, Result: Invalid, Gate: GateUnsafe, NeedsBlock: true, Impl: Lowered, Doc: "p moved by n elements, n signed"},
	{Name: "ptr.read_u8", Params: []Param{{"p", Invalid, AnyPtr}}, Result: I32, Gate: GateUnsafe, NeedsBlock: true, Doc: "the byte at p"},
	{Name: "ptr.write_u8", Params: []Param{{"p", Invalid, AnyPtr}, {"x", I32, ByValue}}, Result: I32, Gate: GateUnsafe, NeedsBlock: true, Doc: "stores the low eight bits of x; 0"},
	{Name: "ptr.read_i32", Params: []Param{{"p", Invalid, AnyPtr}}, Result: I32, Gate: GateUnsafe, NeedsBlock: true, Doc: "the four bytes at p, little-endian"},
	{Name: "ptr.write_i32", Params: []Param{{"p", Invalid, AnyPtr}, {"x", I32, ByValue}}, Result: I32, Gate: GateUnsafe, NeedsBlock: true, Doc: "stores the four bytes of x, little-endian; 0"},
	{Name: "memcpy", Params: []Param{{"dst", Invalid, AnyPtr}, {"src", Invalid, AnyPtr}, {"n", I32, ByValue}}, Result: I32, Gate: GateUnsafe, NeedsBlock: true, Doc: "copies n bytes between ranges that do not overlap; 0"},
	{Name: "memmove", Params: []Param{{"dst", Invalid, AnyPtr}, {"src", Invalid, AnyPtr}, {"n", I32, ByValue}}, Result: I32, Gate: GateUnsafe, NeedsBlock: true, Doc: "copies n bytes; 0"},
	{Name: "memset", Params: []Param{{"dst", Invalid, AnyPtr}, {"v", I32, ByValue}, {"n", I32, ByValue}}, Result: I32, Gate: GateUnsafe, NeedsBlock: true, Doc: "stores the low eight bits of v n times; 0"},
}

// Heads for the library and for code that the compiler makes.
var builtinsInternal = []Builtin{
	{Name: "__internal.bytes.clone_v1", Params: []Param{{"b", Bytes, Borrow}}, Result: Bytes, Allocates: true, Doc: "a copy of b, which stays usable"},
	{Name: "__internal.bytes.drop_v1", Params: []Param{{"b", Bytes, InPlace}}, Result: I32, Impl: Lowered, Doc: "frees b at once; 0"},
	{Name: "__internal.bytes.alloc_aligned_v1", Params: []Param{{"len", I32, ByValue}, {"align", I32, ByValue}}, Result: Bytes, Internal: true,
		Traps: []string{"bytes.alloc_aligned align must be power of two", "alloc align too large"}, Allocates: true, Doc: "len zero bytes at an aligned address"},
	{Name: "__internal.bytes.set_u32_le_v1", Params: []Param{{"b", Bytes, InPlace}, {"off", I32, ByValue}, {"x", I32, ByValue}}, Result: Bytes, Internal: true,
		Traps: []string{"bytes.set_u8 oob"}, Doc: "b with the four bytes of x stored at off, little-endian"},
	{Name: "__internal.vec_u8.push_u32_le_v1", Params: []Param{{"v", VecU8, InPlace}, {"x", I32, ByValue}}, Result: VecU8, Internal: true,
		Traps: []string{"vec_u8.extend_bytes overflow"}, Allocates: true, Doc: "v with the four bytes of x appended, little-endian"},
	{Name: "__internal.result_bytes.unwrap_ok_v1", Params: []Param{{"r", ResultBytes, ByValue}}, Result: Bytes, Internal: true, Impl: Lowered, Doc: "the value of r, empty for err"},
	{Name: "__internal.brand.assume_view_v1", Params: []Param{{"brand_id", Invalid, Atom}, {"v", BytesView, ByValue}}, Result: BytesView, Internal: true, Impl: Lowered, Doc: "v with the brand, unchecked"},
	{Name: "__internal.brand.view_to_bytes_preserve_brand_v1", Params: []Param{{"v", BytesView, ByValue}}, Result: Bytes, Internal: true, Impl: Lowered, Allocates: true, Doc: "a copy of v with its brand"},
}
