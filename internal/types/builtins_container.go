package types

const (
	trapMap       = "map_u32 invalid handle"
	trapVecValue  = "vec_value invalid handle"
	trapMapValue  = "map_value invalid handle"
	trapMapGetKey = "map_u32.get key=-1 reserved"
	trapMapSetKey = "map_u32.set key=-1 reserved"
	trapMapHasKey = "map_u32.contains key=-1 reserved"
	trapMapRemKey = "map_u32.remove key=-1 reserved"
)

// Hash maps and sets of 32-bit numbers, of fixed capacity. Sets share the
// handles of maps.
var builtinsMap = []Builtin{
	{Name: "map_u32.new", Params: []Param{{"cap", I32, ByValue}}, Result: I32,
		Traps: []string{"map_u32.new cap must be power of two"}, Allocates: true, Doc: "a map for at most cap keys; a handle"},
	{Name: "set_u32.new", Params: []Param{{"cap", I32, ByValue}}, Result: I32,
		Traps: []string{"map_u32.new cap must be power of two"}, Allocates: true, Doc: "a set for at most cap keys; a handle"},
	{Name: "map_u32.len", Params: []Param{{"m", I32, ByValue}}, Result: I32, Traps: []string{trapMap}, Doc: "the number of keys"},
	{Name: "map_u32.get", Params: []Param{{"m", I32, ByValue}, {"key", I32, ByValue}, {"default", I32, ByValue}}, Result: I32,
		Traps: []string{trapMap, trapMapGetKey}, Doc: "the value of key, or default"},
	{Name: "map_u32.set", Params: []Param{{"m", I32, ByValue}, {"key", I32, ByValue}, {"value", I32, ByValue}}, Result: I32,
		Traps: []string{trapMap, trapMapSetKey, "map_u32 full"}, Doc: "stores value; 1 when key is new, 0 when replaced"},
	{Name: "map_u32.contains", Params: []Param{{"m", I32, ByValue}, {"key", I32, ByValue}}, Result: I32,
		Traps: []string{trapMap, trapMapHasKey}, Doc: "1 when key is present"},
	{Name: "set_u32.contains", Params: []Param{{"s", I32, ByValue}, {"key", I32, ByValue}}, Result: I32,
		Traps: []string{trapMap, trapMapHasKey}, Doc: "1 when key is present"},
	{Name: "map_u32.remove", Params: []Param{{"m", I32, ByValue}, {"key", I32, ByValue}}, Result: I32,
		Traps: []string{trapMap, trapMapRemKey}, Doc: "1 when key was present"},
	{Name: "set_u32.remove", Params: []Param{{"s", I32, ByValue}, {"key", I32, ByValue}}, Result: I32,
		Traps: []string{trapMap, trapMapRemKey}, Doc: "1 when key was present"},
	{Name: "set_u32.add", Params: []Param{{"s", I32, ByValue}, {"key", I32, ByValue}}, Result: I32,
		Traps: []string{trapMap, trapMapSetKey, "map_u32 full"}, Doc: "1 when key is new"},
	{Name: "set_u32.dump_u32le", Params: []Param{{"s", I32, ByValue}}, Result: Bytes, Internal: true,
		Traps: []string{trapMap, "set_u32.dump_u32le overflow"}, Allocates: true, Doc: "the keys in slot order, four bytes each"},
	{Name: "map_u32.dump_kv_u32le_u32le", Params: []Param{{"m", I32, ByValue}}, Result: Bytes, Internal: true,
		Traps: []string{trapMap, "map_u32.dump_kv_u32le_u32le overflow"}, Allocates: true, Doc: "the pairs in slot order, eight bytes each"},
}

// Generic vectors.
var builtinsVecValue = []Builtin{
	{Name: "vec_value.with_capacity_v1", Params: []Param{{"ty_id", I32, ByValue}, {"cap", I32, ByValue}}, Result: I32,
		Traps: []string{"value ty_id invalid", "vec_value.with_capacity cap overflow"}, Allocates: true, Doc: "an empty vector with room for cap elements; a handle"},
	{Name: "vec_value.len", Params: []Param{{"v", I32, ByValue}}, Result: I32, Traps: []string{trapVecValue}, Doc: "the number of elements"},
	{Name: "vec_value.reserve_exact", Params: []Param{{"v", I32, ByValue}, {"extra", I32, ByValue}}, Result: I32,
		Traps: []string{trapVecValue, "vec_value.reserve_exact overflow", "vec_value cap overflow"}, Allocates: true, Doc: "room for exactly extra more elements"},
	{Name: "vec_value.pop", Params: []Param{{"v", I32, ByValue}}, Result: I32, Traps: []string{trapVecValue}, Doc: "drops the last element, if any"},
	{Name: "vec_value.clear", Params: []Param{{"v", I32, ByValue}}, Result: I32, Traps: []string{trapVecValue}, Doc: "drops all elements, keeps the capacity"},

	{Name: "vec_value.push_i32_v1", Params: []Param{{"v", I32, ByValue}, {"x", I32, ByValue}}, Result: I32,
		Traps: []string{trapVecValue, "vec_value.push_i32_v1 ty mismatch", "vec_value.push overflow", "vec_value cap overflow"}, Allocates: true, Doc: "appends x"},
	{Name: "vec_value.push_bytes_v1", Params: []Param{{"v", I32, ByValue}, {"x", Bytes, ByValue}}, Result: I32,
		Traps: []string{trapVecValue, "vec_value.push_bytes_v1 ty mismatch", "vec_value.push overflow", "vec_value cap overflow"}, Allocates: true, Doc: "appends x, which is moved in"},
	{Name: "vec_value.push_bytes_view_v1", Params: []Param{{"v", I32, ByValue}, {"x", BytesView, ByValue}}, Result: I32,
		Traps: []string{trapVecValue, "vec_value.push_bytes_view_v1 ty mismatch", "vec_value.push overflow", "vec_value cap overflow"}, Allocates: true, Doc: "appends x, untracked"},
	{Name: "vec_value.get_i32_v1", Params: []Param{{"v", I32, ByValue}, {"idx", I32, ByValue}, {"default", I32, ByValue}}, Result: I32,
		Traps: []string{trapVecValue, "vec_value.get_i32_v1 ty mismatch"}, Doc: "element idx, or default"},
	{Name: "vec_value.get_bytes_v1", Params: []Param{{"v", I32, ByValue}, {"idx", I32, ByValue}, {"default", Bytes, ByValue}}, Result: Bytes,
		Traps: []string{trapVecValue, "vec_value.get_bytes_v1 ty mismatch"}, Allocates: true, Doc: "a copy of element idx, or default"},
	{Name: "vec_value.get_bytes_view_v1", Params: []Param{{"v", I32, ByValue}, {"idx", I32, ByValue}, {"default", BytesView, ByValue}}, Result: BytesView,
		Traps: []string{trapVecValue, "vec_value.get_bytes_view_v1 ty mismatch"}, Doc: "element idx, or default"},
	{Name: "vec_value.set_i32_v1", Params: []Param{{"v", I32, ByValue}, {"idx", I32, ByValue}, {"x", I32, ByValue}}, Result: I32,
		Traps: []string{trapVecValue, "vec_value.set_i32_v1 ty mismatch", "vec_value.set oob"}, Doc: "replaces element idx"},
	{Name: "vec_value.set_bytes_v1", Params: []Param{{"v", I32, ByValue}, {"idx", I32, ByValue}, {"x", Bytes, ByValue}}, Result: I32,
		Traps: []string{trapVecValue, "vec_value.set_bytes_v1 ty mismatch", "vec_value.set oob"}, Doc: "replaces element idx; x is moved in"},
	{Name: "vec_value.set_bytes_view_v1", Params: []Param{{"v", I32, ByValue}, {"idx", I32, ByValue}, {"x", BytesView, ByValue}}, Result: I32,
		Traps: []string{trapVecValue, "vec_value.set_bytes_view_v1 ty mismatch", "vec_value.set oob"}, Doc: "replaces element idx, untracked"},
}

// Generic hash maps, which grow.
var builtinsMapValue = []Builtin{
	{Name: "map_value.new_v1", Params: []Param{{"k_id", I32, ByValue}, {"v_id", I32, ByValue}, {"cap", I32, ByValue}}, Result: I32,
		Traps: []string{"map_value.new cap must be power of two", "value ty_id invalid", "map_value hashes overflow", "map_value keys overflow", "map_value vals overflow"}, Allocates: true,
		Doc: "a map with cap slots; a handle"},
	{Name: "map_value.len", Params: []Param{{"m", I32, ByValue}}, Result: I32, Traps: []string{trapMapValue}, Doc: "the number of keys"},
	{Name: "map_value.clear", Params: []Param{{"m", I32, ByValue}}, Result: I32, Traps: []string{trapMapValue}, Doc: "drops all keys and values, keeps the capacity"},

	{Name: "map_value.contains_i32_v1", Params: []Param{{"m", I32, ByValue}, {"key", I32, ByValue}}, Result: I32,
		Traps: []string{trapMapValue, "map_value.contains_i32_v1 key ty mismatch"}, Doc: "1 when key is present"},
	{Name: "map_value.contains_bytes_v1", Params: []Param{{"m", I32, ByValue}, {"key", Bytes, ByValue}}, Result: I32,
		Traps: []string{trapMapValue, "map_value.contains_bytes_v1 key ty mismatch"}, Doc: "1 when key is present"},
	{Name: "map_value.contains_bytes_view_v1", Params: []Param{{"m", I32, ByValue}, {"key", BytesView, ByValue}}, Result: I32,
		Traps: []string{trapMapValue, "map_value.contains_bytes_view_v1 key ty mismatch"}, Doc: "1 when key is present"},
	{Name: "map_value.remove_i32_v1", Params: []Param{{"m", I32, ByValue}, {"key", I32, ByValue}}, Result: I32,
		Traps: []string{trapMapValue, "map_value.remove_i32_v1 key ty mismatch"}, Doc: "removes key if it is present"},
	{Name: "map_value.remove_bytes_v1", Params: []Param{{"m", I32, ByValue}, {"key", Bytes, ByValue}}, Result: I32,
		Traps: []string{trapMapValue, "map_value.remove_bytes_v1 key ty mismatch"}, Doc: "removes key if it is present"},
	{Name: "map_value.remove_bytes_view_v1", Params: []Param{{"m", I32, ByValue}, {"key", BytesView, ByValue}}, Result: I32,
		Traps: []string{trapMapValue, "map_value.remove_bytes_view_v1 key ty mismatch"}, Doc: "removes key if it is present"},

	{Name: "map_value.get_i32_i32_v1", Params: []Param{{"m", I32, ByValue}, {"key", I32, ByValue}, {"default", I32, ByValue}}, Result: I32,
		Traps: []string{trapMapValue, "map_value.get key ty mismatch", "map_value.get val ty mismatch"}, Doc: "the value of key, or default"},
	{Name: "map_value.get_i32_bytes_v1", Params: []Param{{"m", I32, ByValue}, {"key", I32, ByValue}, {"default", Bytes, ByValue}}, Result: Bytes,
		Traps: []string{trapMapValue, "map_value.get key ty mismatch", "map_value.get val ty mismatch"}, Allocates: true, Doc: "a copy of the value of key, or default"},
	{Name: "map_value.get_i32_bytes_view_v1", Params: []Param{{"m", I32, ByValue}, {"key", I32, ByValue}, {"default", BytesView, ByValue}}, Result: BytesView,
		Traps: []string{trapMapValue, "map_value.get key ty mismatch", "map_value.get val ty mismatch"}, Doc: "the value of key, or default"},
	{Name: "map_value.get_bytes_i32_v1", Params: []Param{{"m", I32, ByValue}, {"key", Bytes, ByValue}, {"default", I32, ByValue}}, Result: I32,
		Traps: []string{trapMapValue, "map_value.get key ty mismatch", "map_value.get val ty mismatch"}, Doc: "the value of key, or default"},
	{Name: "map_value.get_bytes_bytes_v1", Params: []Param{{"m", I32, ByValue}, {"key", Bytes, ByValue}, {"default", Bytes, ByValue}}, Result: Bytes,
		Traps: []string{trapMapValue, "map_value.get key ty mismatch", "map_value.get val ty mismatch"}, Allocates: true, Doc: "a copy of the value of key, or default"},
	{Name: "map_value.get_bytes_bytes_view_v1", Params: []Param{{"m", I32, ByValue}, {"key", Bytes, ByValue}, {"default", BytesView, ByValue}}, Result: BytesView,
		Traps: []string{trapMapValue, "map_value.get key ty mismatch", "map_value.get val ty mismatch"}, Doc: "the value of key, or default"},
	{Name: "map_value.get_bytes_view_i32_v1", Params: []Param{{"m", I32, ByValue}, {"key", BytesView, ByValue}, {"default", I32, ByValue}}, Result: I32,
		Traps: []string{trapMapValue, "map_value.get key ty mismatch", "map_value.get val ty mismatch"}, Doc: "the value of key, or default"},
	{Name: "map_value.get_bytes_view_bytes_v1", Params: []Param{{"m", I32, ByValue}, {"key", BytesView, ByValue}, {"default", Bytes, ByValue}}, Result: Bytes,
		Traps: []string{trapMapValue, "map_value.get key ty mismatch", "map_value.get val ty mismatch"}, Allocates: true, Doc: "a copy of the value of key, or default"},
	{Name: "map_value.get_bytes_view_bytes_view_v1", Params: []Param{{"m", I32, ByValue}, {"key", BytesView, ByValue}, {"default", BytesView, ByValue}}, Result: BytesView,
		Traps: []string{trapMapValue, "map_value.get key ty mismatch", "map_value.get val ty mismatch"}, Doc: "the value of key, or default"},

	{Name: "map_value.set_i32_i32_v1", Params: []Param{{"m", I32, ByValue}, {"key", I32, ByValue}, {"val", I32, ByValue}}, Result: I32,
		Traps: []string{trapMapValue, "map_value.set key ty mismatch", "map_value.set val ty mismatch", "map_value cap overflow"}, Allocates: true, Doc: "stores val under key; both are moved in"},
	{Name: "map_value.set_i32_bytes_v1", Params: []Param{{"m", I32, ByValue}, {"key", I32, ByValue}, {"val", Bytes, ByValue}}, Result: I32,
		Traps: []string{trapMapValue, "map_value.set key ty mismatch", "map_value.set val ty mismatch", "map_value cap overflow"}, Allocates: true, Doc: "stores val under key; both are moved in"},
	{Name: "map_value.set_i32_bytes_view_v1", Params: []Param{{"m", I32, ByValue}, {"key", I32, ByValue}, {"val", BytesView, ByValue}}, Result: I32,
		Traps: []string{trapMapValue, "map_value.set key ty mismatch", "map_value.set val ty mismatch", "map_value cap overflow"}, Allocates: true, Doc: "stores val under key; both are moved in"},
	{Name: "map_value.set_bytes_i32_v1", Params: []Param{{"m", I32, ByValue}, {"key", Bytes, ByValue}, {"val", I32, ByValue}}, Result: I32,
		Traps: []string{trapMapValue, "map_value.set key ty mismatch", "map_value.set val ty mismatch", "map_value cap overflow"}, Allocates: true, Doc: "stores val under key; both are moved in"},
	{Name: "map_value.set_bytes_bytes_v1", Params: []Param{{"m", I32, ByValue}, {"key", Bytes, ByValue}, {"val", Bytes, ByValue}}, Result: I32,
		Traps: []string{trapMapValue, "map_value.set key ty mismatch", "map_value.set val ty mismatch", "map_value cap overflow"}, Allocates: true, Doc: "stores val under key; both are moved in"},
	{Name: "map_value.set_bytes_bytes_view_v1", Params: []Param{{"m", I32, ByValue}, {"key", Bytes, ByValue}, {"val", BytesView, ByValue}}, Result: I32,
		Traps: []string{trapMapValue, "map_value.set key ty mismatch", "map_value.set val ty mismatch", "map_value cap overflow"}, Allocates: true, Doc: "stores val under key; both are moved in"},
	{Name: "map_value.set_bytes_view_i32_v1", Params: []Param{{"m", I32, ByValue}, {"key", BytesView, ByValue}, {"val", I32, ByValue}}, Result: I32,
		Traps: []string{trapMapValue, "map_value.set key ty mismatch", "map_value.set val ty mismatch", "map_value cap overflow"}, Allocates: true, Doc: "stores val under key; both are moved in"},
	{Name: "map_value.set_bytes_view_bytes_v1", Params: []Param{{"m", I32, ByValue}, {"key", BytesView, ByValue}, {"val", Bytes, ByValue}}, Result: I32,
		Traps: []string{trapMapValue, "map_value.set key ty mismatch", "map_value.set val ty mismatch", "map_value cap overflow"}, Allocates: true, Doc: "stores val under key; both are moved in"},
	{Name: "map_value.set_bytes_view_bytes_view_v1", Params: []Param{{"m", I32, ByValue}, {"key", BytesView, ByValue}, {"val", BytesView, ByValue}}, Result: I32,
		Traps: []string{trapMapValue, "map_value.set key ty mismatch", "map_value.set val ty mismatch", "map_value cap overflow"}, Allocates: true, Doc: "stores val under key; both are moved in"},
}
