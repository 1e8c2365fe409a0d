package types

// Options and results. They are words in locals, so none of these heads
// allocates, traps or calls anything.
var builtinsOption = []Builtin{
	{Name: "option_i32.none", Result: OptionI32, Impl: Lowered, Doc: "no value"},
	{Name: "option_i32.some", Params: []Param{{"x", I32, ByValue}}, Result: OptionI32, Impl: Lowered, Doc: "the value x"},
	{Name: "option_i32.is_some", Params: []Param{{"o", OptionI32, Borrow}}, Result: I32, Impl: Lowered, Doc: "1 when o holds a value"},
	{Name: "option_i32.unwrap_or", Params: []Param{{"o", OptionI32, ByValue}, {"d", I32, ByValue}}, Result: I32, Impl: Lowered, Doc: "the value of o, or d"},

	{Name: "option_bytes.none", Result: OptionBytes, Impl: Lowered, Doc: "no value, of any brand"},
	{Name: "option_bytes.some", Params: []Param{{"b", Bytes, ByValue}}, Result: OptionBytes, Impl: Lowered, Doc: "the value b; keeps its brand"},
	{Name: "option_bytes.is_some", Params: []Param{{"o", OptionBytes, Borrow}}, Result: I32, Impl: Lowered, Doc: "1 when o holds a value; o stays usable"},
	{Name: "option_bytes.unwrap_or", Params: []Param{{"o", OptionBytes, ByValue}, {"d", Bytes, OwnedKept}}, Result: Bytes, Impl: Lowered,
		Doc: "the value of o, or d; a named d that is not needed keeps its value"},

	{Name: "option_bytes_view.none", Result: OptionBytesView, Impl: Lowered, Doc: "no value, of any brand"},
	{Name: "option_bytes_view.some", Params: []Param{{"v", BytesView, ByValue}}, Result: OptionBytesView, Impl: Lowered, Doc: "the value v; borrows what v borrows"},
	{Name: "option_bytes_view.is_some", Params: []Param{{"o", OptionBytesView, ByValue}}, Result: I32, Impl: Lowered, Doc: "1 when o holds a value"},
	{Name: "option_bytes_view.unwrap_or", Params: []Param{{"o", OptionBytesView, ByValue}, {"d", BytesView, Lazy}}, Result: BytesView, Impl: Lowered,
		Doc: "the value of o, or d, which is evaluated only then"},

	{Name: "result_i32.ok", Params: []Param{{"x", I32, ByValue}}, Result: ResultI32, Impl: Lowered, Doc: "success with x"},
	{Name: "result_i32.err", Params: []Param{{"code", I32, ByValue}}, Result: ResultI32, Impl: Lowered, Doc: "failure with code"},
	{Name: "result_i32.is_ok", Params: []Param{{"r", ResultI32, ByValue}}, Result: I32, Impl: Lowered, Doc: "1 for success"},
	{Name: "result_i32.err_code", Params: []Param{{"r", ResultI32, ByValue}}, Result: I32, Impl: Lowered, Doc: "the code, 0 for success"},
	{Name: "result_i32.unwrap_or", Params: []Param{{"r", ResultI32, ByValue}, {"d", I32, ByValue}}, Result: I32, Impl: Lowered, Doc: "the value of r, or d"},

	{Name: "result_bytes.ok", Params: []Param{{"b", Bytes, ByValue}}, Result: ResultBytes, Impl: Lowered, Doc: "success with b; keeps its brand"},
	{Name: "result_bytes.err", Params: []Param{{"code", I32, ByValue}}, Result: ResultBytes, Impl: Lowered, Doc: "failure with code, of any brand"},
	{Name: "result_bytes.is_ok", Params: []Param{{"r", ResultBytes, Borrow}}, Result: I32, Impl: Lowered, Doc: "1 for success; r stays usable"},
	{Name: "result_bytes.err_code", Params: []Param{{"r", ResultBytes, Borrow}}, Result: I32, Impl: Lowered, Doc: "the code, 0 for success; r stays usable"},
	{Name: "result_bytes.unwrap_or", Params: []Param{{"r", ResultBytes, ByValue}, {"d", Bytes, ByValue}}, Result: Bytes, Impl: Lowered,
		Doc: "the value of r, or d; both are consumed"},

	{Name: "result_bytes_view.ok", Params: []Param{{"v", BytesView, ByValue}}, Result: ResultBytesView, Impl: Lowered, Doc: "success with v; borrows what v borrows"},
	{Name: "result_bytes_view.err", Params: []Param{{"code", I32, ByValue}}, Result: ResultBytesView, Impl: Lowered, Doc: "failure with code, of any brand"},
	{Name: "result_bytes_view.is_ok", Params: []Param{{"r", ResultBytesView, ByValue}}, Result: I32, Impl: Lowered, Doc: "1 for success"},
	{Name: "result_bytes_view.err_code", Params: []Param{{"r", ResultBytesView, ByValue}}, Result: I32, Impl: Lowered, Doc: "the code, 0 for success"},
	{Name: "result_bytes_view.unwrap_or", Params: []Param{{"r", ResultBytesView, ByValue}, {"d", BytesView, Lazy}}, Result: BytesView, Impl: Lowered,
		Doc: "the value of r, or d, which is evaluated only then"},

	{Name: "result_result_bytes.is_ok", Params: []Param{{"r", ResultResultBytes, Borrow}}, Result: I32, Impl: Lowered, Doc: "1 when the outer result is a success; r stays usable"},
	{Name: "result_result_bytes.err_code", Params: []Param{{"r", ResultResultBytes, Borrow}}, Result: I32, Impl: Lowered, Doc: "the outer code, 0 for success; r stays usable"},
	{Name: "result_result_bytes.unwrap_or", Params: []Param{{"r", ResultResultBytes, ByValue}, {"d", ResultBytes, ByValue}}, Result: ResultBytes, Impl: Lowered,
		Doc: "the inner result of r, or d; both are consumed"},
}

// Brands exist only while compiling; casts call their validator.
var builtinsBrand = []Builtin{
	{Name: "std.brand.cast_bytes_v1", Params: []Param{{"brand_id", Invalid, Atom}, {"validator", Invalid, Atom}, {"b", Bytes, ByValue}}, Result: ResultBytes, Impl: Lowered,
		Doc: "b with the brand if the validator accepts a view of it, else the validator's code"},
	{Name: "std.brand.cast_view_v1", Params: []Param{{"brand_id", Invalid, Atom}, {"validator", Invalid, Atom}, {"v", BytesView, ByValue}}, Result: ResultBytesView, Impl: Lowered,
		Doc: "v with the brand if the validator accepts it, else the validator's code"},
	{Name: "std.brand.cast_view_copy_v1", Params: []Param{{"brand_id", Invalid, Atom}, {"validator", Invalid, Atom}, {"v", BytesView, ByValue}}, Result: ResultBytes, Impl: Lowered, Allocates: true,
		Doc: "a copy of v with the brand if the validator accepts it, else the validator's code"},
	{Name: "std.brand.assume_bytes_v1", Params: []Param{{"brand_id", Invalid, Atom}, {"b", Bytes, ByValue}}, Result: Bytes, Gate: GateUnsafe, NeedsBlock: true, Impl: Lowered,
		Doc: "b with the brand, unchecked"},
	{Name: "std.brand.erase_bytes_v1", Params: []Param{{"b", Bytes, ByValue}}, Result: Bytes, Impl: Lowered, Doc: "b without its brand"},
	{Name: "std.brand.erase_view_v1", Params: []Param{{"v", BytesView, ByValue}}, Result: BytesView, Impl: Lowered, Doc: "v without its brand"},
	{Name: "std.brand.view_v1", Params: []Param{{"b", Bytes, NamedOwner}}, Result: BytesView, Impl: Lowered, Doc: "a view of the whole buffer with its brand, borrowing b"},
	{Name: "std.brand.to_bytes_preserve_if_full_v1", Params: []Param{{"v", BytesView, ByValue}}, Result: Bytes, Impl: Lowered, Allocates: true,
		Doc: "a copy of v, which keeps the brand when v is the whole of a branded buffer"},
}
