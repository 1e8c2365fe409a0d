package types

const (
	trapReader  = "io.reader invalid handle"
	trapVtable  = "ext io reader unregistered vtable"
	trapBufread = "bufread invalid handle"
	trapScratch = "scratch_u8_fixed invalid handle"
)

// Readers, buffered readers and scratch buffers.
var builtinsReader = []Builtin{
	{Name: "iface.make_v1", Params: []Param{{"data", I32, ByValue}, {"vtable", I32, ByValue}}, Result: Iface, Impl: Lowered,
		Doc: "an interface record, unchecked"},
	{Name: "io.open_read_bytes", Params: []Param{{"b", Invalid, ReaderSource}}, Result: Iface, Allocates: true,
		Doc: "an in-memory reader over bytes or vec_u8, which are moved, or over a copy of a view"},
	{Name: "io.read", Params: []Param{{"r", Iface, ByValue}, {"max", I32, ByValue}}, Result: Bytes,
		Traps: []string{"io.read bad iface vtable", trapReader, trapVtable}, Allocates: true,
		Doc: "the next chunk of at most max bytes; empty at the end"},
	{Name: "bufread.new", Params: []Param{{"r", Iface, ByValue}, {"cap", I32, ByValue}}, Result: I32,
		Traps: []string{"bufread cap=0", "bufread.new bad iface vtable", trapReader}, Allocates: true,
		Doc: "a buffered reader; a handle"},
	{Name: "bufread.fill", Params: []Param{{"br", I32, ByValue}}, Result: BytesView,
		Traps: []string{trapBufread, trapReader, trapVtable}, Allocates: true,
		Doc: "the window that is not consumed yet, refilled when empty; empty at the end"},
	{Name: "bufread.consume", Params: []Param{{"br", I32, ByValue}, {"n", I32, ByValue}}, Result: I32,
		Traps: []string{trapBufread, "bufread.consume oob"}, Doc: "drops n bytes from the window; 0"},
	{Name: "scratch_u8_fixed_v1.new", Params: []Param{{"cap", I32, ByValue}}, Result: I32,
		Traps: []string{"scratch_u8_fixed.new overflow"}, Allocates: true, Doc: "a buffer of fixed capacity; a handle"},
	{Name: "scratch_u8_fixed_v1.clear", Params: []Param{{"s", I32, ByValue}}, Result: I32, Traps: []string{trapScratch}, Doc: "empties the buffer"},
	{Name: "scratch_u8_fixed_v1.len", Params: []Param{{"s", I32, ByValue}}, Result: I32, Traps: []string{trapScratch}, Doc: "the number of bytes in it"},
	{Name: "scratch_u8_fixed_v1.cap", Params: []Param{{"s", I32, ByValue}}, Result: I32, Traps: []string{trapScratch}, Doc: "its capacity in bytes"},
	{Name: "scratch_u8_fixed_v1.as_view", Params: []Param{{"s", I32, ByValue}}, Result: BytesView, Traps: []string{trapScratch}, Doc: "its contents, untracked"},
	{Name: "scratch_u8_fixed_v1.try_write", Params: []Param{{"s", I32, ByValue}, {"b", BytesView, AnyView}}, Result: ResultI32,
		Traps: []string{trapScratch}, Doc: "appends all of b; err 8 when it does not fit"},
	{Name: "scratch_u8_fixed_v1.drop", Params: []Param{{"s", I32, ByValue}}, Result: I32, Doc: "frees the buffer; 1 when it was live"},
}

// Files, key-value stores and cassettes that a world provides to the program.
// Those of solve worlds are declared, so that a closed gate is reported as
// such and not as an unknown head.
var builtinsWorld = []Builtin{
	{Name: "fs.read", Params: []Param{{"path", BytesView, AnyViewOrVec}}, Result: Bytes, Gate: GateFS, Impl: Host,
		Traps: []string{"fs.read unsafe path", "fs.read open failed", "fs.read file too large", "fs.read seek failed", "fs.read tell failed", "fs.read short read"}, Allocates: true,
		Doc: "the whole contents of a file below the working directory"},
	{Name: "fs.read_async", Params: []Param{{"path", BytesView, AnyViewOrVec}}, Result: Bytes, Gate: GateFS, Impl: Host,
		Traps: []string{"fs.read unsafe path", "fs.read open failed", "fs.read file too large", "fs.read seek failed", "fs.read tell failed", "fs.read short read"}, Allocates: true,
		Doc: "as fs.read"},
	{Name: "fs.open_read", Params: []Param{{"path", BytesView, AnyViewOrVec}}, Result: Iface, Gate: GateFS, Impl: Host,
		Traps: []string{"fs.open_read unsafe path", "fs.open_read open failed"}, Allocates: true,
		Doc: "a streaming reader of a file below the working directory"},
	{Name: "fs.list_dir", Params: []Param{{"path", BytesView, AnyViewOrVec}}, Result: Bytes, Gate: GateFS, Impl: Host,
		Traps: []string{"fs.list_dir unsafe path", "fs.list_dir open failed", "fs.list_dir output too large"}, Allocates: true,
		Doc: "the sorted names in a directory, one a line"},

	{Name: "kv.get", Params: []Param{{"key", BytesView, AnyViewOrVec}}, Result: Bytes, Gate: GateKV, Impl: Host, Allocates: true, Doc: "the value of key, empty when absent"},
	{Name: "kv.get_async", Params: []Param{{"key", BytesView, AnyViewOrVec}}, Result: Bytes, Gate: GateKV, Impl: Host, Allocates: true, Doc: "as kv.get"},
	{Name: "kv.get_stream", Params: []Param{{"key", BytesView, AnyViewOrVec}}, Result: Iface, Gate: GateKV, Impl: Host, Allocates: true, Doc: "a reader over the value of key"},
	{Name: "kv.set", Params: []Param{{"key", Bytes, ByValue}, {"val", Bytes, ByValue}}, Result: I32, Gate: GateKV, Impl: Host, Doc: "stores val; 1 when key is new"},

	{Name: "rr.open_v1", Params: []Param{{"cfg", BytesView, AnyViewOrVec}}, Result: ResultI32, Gate: GateRR, Impl: Host, Doc: "opens a cassette; a handle"},
	{Name: "rr.close_v1", Params: []Param{{"h", I32, ByValue}}, Result: I32, Gate: GateRR, Impl: Host, Doc: "closes a cassette; 1 when it was open"},
	{Name: "rr.stats_v1", Params: []Param{{"h", I32, ByValue}}, Result: Bytes, Gate: GateRR, Impl: Host, Traps: []string{"rr invalid handle"}, Allocates: true, Doc: "counters as JSON text"},
	{Name: "rr.next_v1", Params: []Param{{"h", I32, ByValue}, {"kind", BytesView, AnyViewOrVec}, {"op", BytesView, AnyViewOrVec}, {"key", BytesView, AnyViewOrVec}}, Result: ResultBytes, Gate: GateRR, Impl: Host,
		Traps: []string{"rr invalid handle"}, Allocates: true, Doc: "the next matching entry"},
	{Name: "rr.append_v1", Params: []Param{{"h", I32, ByValue}, {"entry", BytesView, AnyViewOrVec}}, Result: ResultI32, Gate: GateRR, Impl: Host, Traps: []string{"rr invalid handle"}, Doc: "appends an entry"},
	{Name: "rr.current_v1", Result: I32, Gate: GateRR, Impl: Host, Doc: "the handle of the innermost scope, 0 if none"},
	{Name: "rr.entry_resp_v1", Params: []Param{{"entry", BytesView, AnyViewOrVec}}, Result: Bytes, Gate: GateRR, Impl: Host,
		Traps: []string{"rr.entry_resp_v1 invalid entry", "rr.entry_resp_v1 missing resp"}, Allocates: true, Doc: "the response in an entry"},
	{Name: "rr.entry_err_v1", Params: []Param{{"entry", BytesView, AnyViewOrVec}}, Result: I32, Gate: GateRR, Impl: Host,
		Traps: []string{"rr.entry_err_v1 invalid entry", "rr.entry_err_v1 missing err", "rr.entry_err_v1 invalid err"}, Doc: "the error number in an entry"},
}
