package codegen_test

import (
	"encoding/hex"
	"fmt"
	"strings"
	"testing"

	"x07/internal/engine"
)

// results runs statements that push numbers onto the vector o as text, each
// followed by a space, and compares the whole.
func TestContainers(t *testing.T) {
	num := `(fn out (v vec_u8 x i32) vec_u8 (seq (set s (fmt.s32_to_dec x)) (set v (vec_u8.extend_bytes ^v (view s))) (drop s) (vec_u8.push ^v 32)))`
	txt := `(fn txt (v vec_u8 s bytes) vec_u8 (seq (set v (vec_u8.extend_bytes ^v (view s))) (drop s) (vec_u8.push ^v 32)))`
	for _, c := range []struct{ steps, want string }{
		{`m=(map_u32.new 4) map_u32.set(m,5,50) map_u32.set(m,5,51) map_u32.get(m,5,0) map_u32.get(m,6,-7) map_u32.contains(m,5) map_u32.len(m) map_u32.remove(m,5) map_u32.remove(m,5) map_u32.len(m)`,
			"1 0 51 -7 1 1 1 0 0 "},
		{`m=(map_u32.new 2) map_u32.set(m,0,1) map_u32.set(m,2,1) map_u32.set(m,2,9) map_u32.get(m,4,3) map_u32.set(m,4,1)`, "trap: map_u32 full"},
		{`m=(map_u32.new 1) map_u32.set(m,7,1) map_u32.get(m,8,2) map_u32.remove(m,7) map_u32.set(m,8,3) map_u32.get(m,8,2)`, "1 2 1 1 3 "},
		{`m=(map_u32.new 0)`, "trap: map_u32.new cap must be power of two"},
		{`m=(map_u32.new 3)`, "trap: map_u32.new cap must be power of two"},
		{`m=(map_u32.new 0x40000000)`, "trap: out of memory"},
		{`m=(map_u32.new 2) map_u32.get(m,-1,0)`, "trap: map_u32.get key=-1 reserved"},
		{`m=(map_u32.new 2) map_u32.set(m,-1,0)`, "trap: map_u32.set key=-1 reserved"},
		{`m=(map_u32.new 2) map_u32.contains(m,-1)`, "trap: map_u32.contains key=-1 reserved"},
		{`m=(map_u32.new 2) set_u32.remove(m,-1)`, "trap: map_u32.remove key=-1 reserved"},
		{`map_u32.get(2,-1,0)`, "trap: map_u32 invalid handle"},
		{`map_u32.len(0)`, "trap: map_u32 invalid handle"},
		{`s=(set_u32.new 8) set_u32.add(s,3) set_u32.add(s,3) set_u32.contains(s,3) map_u32.get(s,3,0) set_u32.contains(s,4)`, "1 0 1 1 0 "},

		{`v=(vec_value.with_capacity_v1 1 0) vec_value.push_i32_v1(v,10) vec_value.push_i32_v1(v,20) vec_value.len(v) vec_value.get_i32_v1(v,1,0) vec_value.get_i32_v1(v,2,-5) vec_value.set_i32_v1(v,0,7) vec_value.get_i32_v1(v,0,0) vec_value.pop(v) vec_value.len(v) vec_value.clear(v) vec_value.pop(v) vec_value.len(v)`,
			"1 1 2 20 -5 1 7 1 1 1 1 0 "},
		{`v=(vec_value.with_capacity_v1 0 0)`, "trap: value ty_id invalid"},
		{`v=(vec_value.with_capacity_v1 5 0)`, "trap: value ty_id invalid"},
		{`v=(vec_value.with_capacity_v1 3 0x10000000)`, "trap: vec_value.with_capacity cap overflow"},
		{`v=(vec_value.with_capacity_v1 3 0) vec_value.push_i32_v1(v,1)`, "trap: vec_value.push_i32_v1 ty mismatch"},
		{`v=(vec_value.with_capacity_v1 1 0) vec_value.set_i32_v1(v,0,1)`, "trap: vec_value.set oob"},
		{`v=(vec_value.with_capacity_v1 3 0) vec_value.set_i32_v1(v,0,1)`, "trap: vec_value.set_i32_v1 ty mismatch"},
		{`vec_value.len(1)`, "trap: vec_value invalid handle"},
		{`v=(vec_value.with_capacity_v1 1 0) vec_value.reserve_exact(v,-1)`, "trap: vec_value cap overflow"},
		{`v=(vec_value.with_capacity_v1 1 0) vec_value.push_i32_v1(v,1) vec_value.reserve_exact(v,-1)`, "trap: vec_value.reserve_exact overflow"},
		{`v=(vec_value.with_capacity_v1 3 1) vec_value.push_bytes_v1(v,"aa") vec_value.push_bytes_v1(v,"bb") vec_value.get_bytes_v1(v,1,"d"): vec_value.get_bytes_v1(v,2,"d"): vec_value.set_bytes_v1(v,0,"zz") vec_value.get_bytes_v1(v,0,""): vec_value.pop(v) vec_value.push_bytes_v1(v,"")`,
			"1 1 bb d 1 zz 1 1 "},
		{`v=(vec_value.with_capacity_v1 4 1) vec_value.push_bytes_view_v1(v,input) vec_value.len(v)`, "1 1 "},

		{`m=(map_value.new_v1 1 1 1) map_value.set_i32_i32_v1(m,1,10) map_value.set_i32_i32_v1(m,2,20) map_value.set_i32_i32_v1(m,1,11) map_value.get_i32_i32_v1(m,1,0) map_value.get_i32_i32_v1(m,3,-1) map_value.len(m) map_value.remove_i32_v1(m,1) map_value.contains_i32_v1(m,1) map_value.len(m) map_value.clear(m) map_value.len(m)`,
			"1 1 1 11 -1 2 1 0 1 1 0 "},
		{`m=(map_value.new_v1 3 3 4) map_value.set_bytes_bytes_v1(m,"k","v") map_value.set_bytes_bytes_v1(m,"k","w") map_value.get_bytes_bytes_v1(m,"k","d"): map_value.get_bytes_bytes_v1(m,"x","d"): map_value.contains_bytes_v1(m,"k") map_value.remove_bytes_v1(m,"k") map_value.contains_bytes_v1(m,"k")`,
			"1 1 w d 1 1 0 "},
		{`m=(map_value.new_v1 4 3 4) map_value.set_bytes_view_bytes_v1(m,input,"v") map_value.get_bytes_view_bytes_v1(m,input,"d"):`, "1 v "},
		{`m=(map_value.new_v1 1 1 0)`, "trap: map_value.new cap must be power of two"},
		{`m=(map_value.new_v1 9 1 6)`, "trap: map_value.new cap must be power of two"},
		{`m=(map_value.new_v1 9 1 4)`, "trap: value ty_id invalid"},
		{`m=(map_value.new_v1 1 1 0x40000000)`, "trap: map_value hashes overflow"},
		{`m=(map_value.new_v1 3 1 0x10000000)`, "trap: map_value keys overflow"},
		{`m=(map_value.new_v1 1 3 0x10000000)`, "trap: map_value vals overflow"},
		{`m=(map_value.new_v1 3 3 4) map_value.set_i32_bytes_v1(m,1,"v")`, "trap: map_value.set key ty mismatch"},
		{`m=(map_value.new_v1 1 1 4) map_value.set_i32_bytes_v1(m,1,"v")`, "trap: map_value.set val ty mismatch"},
		{`m=(map_value.new_v1 1 1 4) map_value.get_i32_bytes_v1(m,1,"v"):`, "trap: map_value.get val ty mismatch"},
		{`m=(map_value.new_v1 3 1 4) map_value.contains_i32_v1(m,1)`, "trap: map_value.contains_i32_v1 key ty mismatch"},
		{`m=(map_value.new_v1 3 1 4) map_value.remove_bytes_view_v1(m,input)`, "trap: map_value.remove_bytes_view_v1 key ty mismatch"},
		{`map_value.len(1)`, "trap: map_value invalid handle"},

		{`r=(io.open_read_bytes "abcde") io.read(r,2): io.read(r,0): io.read(r,9): io.read(r,9):`, "ab  cde  "},
		{`r=(io.open_read_bytes input) io.read(r,2):`, "in "},
		{`r=(pack iface 1 1) io.read(r,2):`, "trap: io.reader invalid handle"},
		{`r=(pack iface 1 0) io.read(r,0): io.read(r,2):`, "trap: io.read bad iface vtable"},
		{`r=(pack iface 1 65) io.read(r,2):`, "trap: io.read bad iface vtable"},
		{`r=(pack iface 1 64) io.read(r,2):`, "trap: ext io reader unregistered vtable"},
		{`r=(io.open_read_bytes "abcde") b=(bufread.new r 2) w=(bufread.fill b) (field 1 w) bufread.consume(b,1) w=(bufread.fill b) bytes.get_u8(w,0) bufread.consume(b,1) w=(bufread.fill b) bytes.get_u8(w,0) bufread.consume(b,3)`, "trap: bufread.consume oob"},
		{`r=(io.open_read_bytes "abc") b=(bufread.new r 9) w=(bufread.fill b) view.to_bytes(w): bufread.consume(b,3) w=(bufread.fill b) (field 1 w)`, "abc 0 0 "},
		{`r=(io.open_read_bytes "abc") b=(bufread.new r 0)`, "trap: bufread cap=0"},
		{`r=(pack iface 5 1) b=(bufread.new r 4)`, "trap: io.reader invalid handle"},
		{`r=(pack iface 5 0) b=(bufread.new r 4)`, "trap: bufread.new bad iface vtable"},
		{`r=(pack iface 5 2) b=(bufread.new r 4) w=(bufread.fill b)`, "trap: ext io reader unregistered vtable"},
		{`w=(bufread.fill 1)`, "trap: bufread invalid handle"},

		{`s=(scratch_u8_fixed_v1.new 5) x=(scratch_u8_fixed_v1.try_write s input) (field 0 x) (field 1 x) x=(scratch_u8_fixed_v1.try_write s input) (field 0 x) (field 1 x) scratch_u8_fixed_v1.len(s) scratch_u8_fixed_v1.cap(s) w=(scratch_u8_fixed_v1.as_view s) view.to_bytes(w): scratch_u8_fixed_v1.clear(s) scratch_u8_fixed_v1.len(s) scratch_u8_fixed_v1.drop(s) scratch_u8_fixed_v1.drop(s) scratch_u8_fixed_v1.drop(9)`,
			"1 5 0 8 5 5 input 1 0 1 0 0 "},
		{`a=(scratch_u8_fixed_v1.new 1) b=(scratch_u8_fixed_v1.new 1) c=(scratch_u8_fixed_v1.new 1) scratch_u8_fixed_v1.drop(c) scratch_u8_fixed_v1.drop(b) scratch_u8_fixed_v1.new(1) scratch_u8_fixed_v1.new(1) scratch_u8_fixed_v1.new(0)`, "1 1 2 3 4 "},
		{`s=(scratch_u8_fixed_v1.new 1) scratch_u8_fixed_v1.drop(s) scratch_u8_fixed_v1.len(s)`, "trap: scratch_u8_fixed invalid handle"},
	} {
		r := run(t, engine.Config{Input: []byte("input")}, steps(c.steps), num, txt)
		if got := show(r); got != c.want {
			t.Errorf("%s:\n got %q\nwant %q", c.steps, got, c.want)
		} else if r.Stats != nil && (r.Stats.Mem.LiveBytes != 0 || r.Stats.Mem.LiveAllocs != 0) {
			t.Errorf("%s: %d bytes in %d blocks are left", c.steps, r.Stats.Mem.LiveBytes, r.Stats.Mem.LiveAllocs)
		}
	}
}

// steps translates "x=(expr)" into an assignment, "head(a,b)" into printing a
// number and "head(a,b):" into printing bytes.
func steps(s string) string {
	var b strings.Builder
	b.WriteString("(seq (set o (vec_u8.with_capacity 0))")
	for s != "" {
		depth, end := 0, len(s)
		for i, c := range s {
			if c == '(' {
				depth++
			} else if c == ')' {
				depth--
			} else if c == ' ' && depth == 0 {
				end = i
				break
			}
		}
		step := s[:end]
		s = strings.TrimPrefix(s[end:], " ")
		if name, expr, ok := strings.Cut(step, "=("); ok {
			fmt.Fprintf(&b, "(set %s (%s)", name, expr)
			continue
		}
		print := "out"
		if strings.HasSuffix(step, ":") {
			print, step = "txt", strings.TrimSuffix(step, ":")
		}
		if head, args, ok := strings.Cut(step, "("); ok && head != "" {
			step = "(" + head + " " + strings.ReplaceAll(args, ",", " ")
		}
		fmt.Fprintf(&b, "(set o (call %s ^o %s))", print, step)
	}
	b.WriteString("(vec_u8.into_bytes ^o))")
	return b.String()
}

func TestMapsBehaveAsAModelUnderManyOperations(t *testing.T) {
	// The same random operations on map_u32 and map_value must agree, through
	// growth, removal and full clusters.
	body := `(seq (set a (map_u32.new 256)) (set b (map_value.new_v1 1 1 2)) (set c (map_value.new_v1 3 3 2)) (set r 12345) (set bad 0)
	  (for i 0 20000 (seq
	    (set r (+ (* r 1103515245) 12345))
	    (set k (& (>>u r 16) 127))
	    (set op (& (>>u r 24) 3))
	    (if (= op 0) (seq
	        (do (map_u32.remove a k)) (do (map_value.remove_i32_v1 b k)) (do (map_value.remove_bytes_v1 c (codec.write_u32_le k))))
	      (if (<u op 3) (seq
	        (do (map_u32.set a k r)) (do (map_value.set_i32_i32_v1 b k r)) (do (map_value.set_bytes_bytes_v1 c (codec.write_u32_le k) (codec.write_u32_le r))))
	       (seq)))
	    (set want (map_u32.get a k -1))
	    (if (!= want (map_value.get_i32_i32_v1 b k -1)) (set bad (+ bad 1)) (seq))
	    (set s (map_value.get_bytes_bytes_v1 c (codec.write_u32_le k) (codec.write_u32_le -1)))
	    (if (!= want (codec.read_u32_le (view s) 0)) (set bad (+ bad 1)) (seq))
	    (drop s)
	    (if (!= (map_u32.len a) (map_value.len b)) (set bad (+ bad 1)) (seq))
	  ))
	  (fmt.u32_to_dec bad))`
	r := run(t, engine.Config{}, body)
	if got := show(r); got != "0" {
		t.Fatalf("%s disagreements", got)
	}
	if r.Stats.Mem.LiveBytes != 0 || r.Stats.Mem.LiveAllocs != 0 {
		t.Errorf("memory left: %+v", r.Stats.Mem)
	}
}

func TestDumpsShowTheSlotOrderOfTheReference(t *testing.T) {
	// A model of section 8.1 in Go.
	type slot struct{ k, v uint32 }
	const capacity = 16
	var slots [capacity]slot
	for i := range slots {
		slots[i].k = ^uint32(0)
	}
	home := func(k uint32) int { return int(k * 2654435769 & (capacity - 1)) }
	put := func(k, v uint32) {
		i := home(k)
		for slots[i].k != ^uint32(0) && slots[i].k != k {
			i = (i + 1) % capacity
		}
		slots[i] = slot{k, v}
	}
	remove := func(k uint32) {
		i := home(k)
		for slots[i].k != k {
			i = (i + 1) % capacity
		}
		slots[i].k = ^uint32(0)
		for i = (i + 1) % capacity; slots[i].k != ^uint32(0); i = (i + 1) % capacity {
			s := slots[i]
			slots[i].k = ^uint32(0)
			put(s.k, s.v)
		}
	}
	body := "(seq (set m (map_u32.new 16))"
	for _, k := range []uint32{16, 32, 48, 1, 2, 7, 23, 39, 15, 31} {
		put(k, k+100)
		body += fmt.Sprintf("(do (map_u32.set m %d %d))", k, k+100)
	}
	for _, k := range []uint32{16, 7} {
		remove(k)
		body += fmt.Sprintf("(do (map_u32.remove m %d))", k)
	}
	var keys, pairs []byte
	for _, s := range slots {
		if s.k != ^uint32(0) {
			keys = append(keys, le(uint64(s.k))[:4]...)
			pairs = append(append(pairs, le(uint64(s.k))[:4]...), le(uint64(s.v))[:4]...)
		}
	}
	for head, want := range map[string][]byte{"set_u32.dump_u32le": keys, "map_u32.dump_kv_u32le_u32le": pairs} {
		r := run(t, engine.Config{}, body+"("+head+" m))")
		if string(r.Output) != string(want) {
			t.Errorf("%s: got %s, want %s", head, hex.EncodeToString(r.Output), hex.EncodeToString(want))
		}
	}
	if r := run(t, engine.Config{}, `(set_u32.dump_u32le (set_u32.new 4))`); len(r.Output) != 0 {
		t.Errorf("an empty set dumps %x", r.Output)
	}
}
