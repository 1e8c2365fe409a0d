package codegen_test

import (
	"context"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"strings"
	"testing"

	"x07/internal/codegen"
	"x07/internal/codegen/irtext"
	"x07/internal/engine"
)

func run(t testing.TB, cfg engine.Config, body string, defs ...string) engine.Result {
	t.Helper()
	a, err := codegen.Generate(irtext.Program(body, defs...), codegen.Options{World: "run-os"})
	if err != nil {
		t.Fatalf("%s\n%v", body, err)
	}
	r := engine.Run(context.Background(), a, cfg)
	if r.Err != nil {
		t.Fatalf("%s\n%v", body, r.Err)
	}
	return r
}

// show is the outcome of a run as one word: the output, or the trap.
func show(r engine.Result) string {
	if r.Trap != nil {
		return "trap: " + r.Trap.Message
	}
	return string(r.Output)
}

// Numbers: an expression and its value.
func TestNumberHeads(t *testing.T) {
	pre := `(set a "hello world, this is a long text") (set b "hello world, this is a long texT") (set e (lit ""))`
	for expr, want := range map[string]string{
		`(+ 4294967295 2)`: "1", `(- 0 1)`: "-1", `(* 65536 65537)`: "65536",
		`(/ 7 0)`: "0", `(% 7 0)`: "7", `(/ -1 2)`: "2147483647", `(% -1 10)`: "5", `(/ 7 2)`: "3",
		`(<<u 1 33)`: "2", `(>>u -1 31)`: "1", `(< -1 0)`: "1", `(<u -1 0)`: "0", `(>= -1 0)`: "0", `(>=u -1 0)`: "1",
		`(= 5 5)`: "1", `(!= 5 5)`: "0", `(^ 5 1)`: "4", `(& 6 3)`: "2", `(| 6 3)`: "7", `(= 0 0)`: "1",
		`(bytes.get_u8 (view a) 4)`: "111", `(bytes.get_u8 (view a) 32)`: "trap: view.get_u8 oob",
		`(bytes.get_u8 (view a) -1)`: "trap: view.get_u8 oob", `(bytes.get_u8! (view a) 0)`: "104",
		`(bytes.eq (view a) (view a))`: "1", `(bytes.eq (view a) (view b))`: "0", `(bytes.eq (view e) (view e))`: "1",
		`(bytes.eq (view a) (view e))`:                            "0",
		`(bytes.cmp_range (view a) 0 32 (view b) 0 32)`:           "1",
		`(bytes.cmp_range (view b) 0 32 (view a) 0 32)`:           "-1",
		`(bytes.cmp_range (view a) 0 5 (view b) 0 5)`:             "0",
		`(bytes.cmp_range (view a) 0 5 (view b) 0 6)`:             "-1",
		`(bytes.cmp_range (view a) 32 0 (view e) 0 0)`:            "0",
		`(bytes.cmp_range (view a) 33 0 (view e) 0 0)`:            "trap: view.cmp_range oob",
		`(bytes.cmp_range (view a) 0 1 (view e) 0 1)`:             "trap: view.cmp_range oob",
		`(bytes.cmp_range (view a) 1 -1 (view e) 0 0)`:            "trap: view.cmp_range oob",
		`(codec.read_u32_le (view a) 0)`:                          "1819043176",
		`(codec.read_u32_le (view a) 28)`:                         "1954047348",
		`(codec.read_u32_le (view a) 29)`:                         "trap: codec.read_u32_le oob",
		`(codec.read_u32_le (view a) -1)`:                         "trap: codec.read_u32_le oob",
		`(codec.read_u32_le (view e) 0)`:                          "trap: codec.read_u32_le oob",
		`(process.set_exit_code_v1 7)`:                            "7",
		`(seq (set p "4294967295") (parse.u32_dec (view p)))`:     "-1",
		`(seq (set p "0000000000042") (parse.u32_dec (view p)))`:  "42",
		`(seq (set p "4294967296") (parse.u32_dec (view p)))`:     "trap: parse.u32_dec overflow",
		`(seq (set p "12a99999999999") (parse.u32_dec (view p)))`: "trap: parse.u32_dec non-digit",
		`(parse.u32_dec (view e))`:                                "trap: parse.u32_dec empty",
		`(seq (set p "ab12") (parse.u32_dec_at (view p) 2))`:      "12",
		`(seq (set p "ab12") (parse.u32_dec_at (view p) 4))`:      "trap: parse.u32_dec empty",
		`(seq (set p "ab12") (parse.u32_dec_at (view p) 5))`:      "trap: parse.u32_dec_at oob",
	} {
		body := fmt.Sprintf(`(seq %s (set r %s) (drop a) (drop b) (drop e) (fmt.s32_to_dec r))`, pre, expr)
		if got := show(run(t, engine.Config{}, body)); got != want {
			t.Errorf("%s: got %s, want %s", expr, got, want)
		}
	}
}

// Texts: an expression of type bytes and what it must be.
func TestBytesHeads(t *testing.T) {
	for expr, want := range map[string]string{
		`(lit "")`: "", `"abc"`: "abc", `(bytes1 353)`: "a",
		`(fmt.u32_to_dec 0)`: "0", `(fmt.u32_to_dec -1)`: "4294967295", `(fmt.u32_to_dec 1000000000)`: "1000000000",
		`(fmt.s32_to_dec -2147483648)`: "-2147483648", `(fmt.s32_to_dec -1)`: "-1", `(fmt.s32_to_dec 10)`: "10",
		`(bytes.alloc 3)`: "\x00\x00\x00", `(bytes.alloc 0)`: "", `(codec.write_u32_le 16909060)`: "\x04\x03\x02\x01",
		`(seq (set b "abc") (set b (bytes.set_u8 ^b 1 (+ 88 256))) ^b)`:                       "aXc",
		`(seq (set b "abc") (set b (bytes.set_u8 ^b 3 0)) ^b)`:                                "trap: bytes.set_u8 oob",
		`(seq (set b "abc") (set b (bytes.set_u8 ^b 0 (bytes.get_u8 (view b) 2))) ^b)`:        "cbc",
		`(bytes.concat "ab" "cd")`:                                                            "abcd",
		`(bytes.concat "" "")`:                                                                "",
		`(seq (set a "ab") (set r (bytes.concat a a)) (drop a) ^r)`:                           "abab",
		`(bytes.copy "XY" "abc")`:                                                             "XYc",
		`(bytes.copy "abcd" "abc")`:                                                           "trap: bytes.copy dst too small",
		`(seq (set a "abcd") (set r (bytes.slice (view a) 1 2)) (drop a) ^r)`:                 "bc",
		`(seq (set a "abcd") (set r (bytes.slice (view a) 4 0)) (drop a) ^r)`:                 "",
		`(seq (set a "abcd") (set r (bytes.slice (view a) 3 2)) (drop a) ^r)`:                 "trap: view.slice oob",
		`(seq (set a "abcd") (set r (bytes.slice (view a) 5 0)) (drop a) ^r)`:                 "trap: view.slice oob",
		`(seq (set a "abcd") (set r (view.to_bytes (bytes.subview a 1 3))) (drop a) ^r)`:      "bcd",
		`(seq (set a "abcd") (set r (view.to_bytes (bytes.subview a 2 3))) (drop a) ^r)`:      "trap: bytes.subview oob",
		`(seq (set a "abcd") (set r (view.to_bytes (view.slice (view a) 2 2))) (drop a) ^r)`:  "cd",
		`(seq (set a "abcd") (set r (view.to_bytes (view.slice (view a) -1 2))) (drop a) ^r)`: "trap: view.slice oob",
		`(seq (set a "abcd") (set r (__internal.bytes.clone_v1 a)) (drop a) ^r)`:              "abcd",
		`(__internal.bytes.alloc_aligned_v1 2 0)`:                                             "\x00\x00",
		`(__internal.bytes.alloc_aligned_v1 2 3)`:                                             "trap: bytes.alloc_aligned align must be power of two",
		`(__internal.bytes.alloc_aligned_v1 2 32)`:                                            "trap: alloc align too large",
		`(bytes.alloc -1)`:       "trap: out of memory",
		`(bytes.alloc 67108848)`: strings.Repeat("\x00", 67108848),
		`(bytes.alloc 67108849)`: "trap: out of memory",
	} {
		if got := show(run(t, engine.Config{MaxOutputBytes: 1 << 30}, expr)); got != want {
			t.Errorf("%s: got %.80q, want %.80q", expr, got, want)
		}
	}
}

func TestVecHeads(t *testing.T) {
	for expr, want := range map[string]string{
		`(seq (set v (vec_u8.with_capacity 0)) (for i 0 5 (set v (vec_u8.push ^v (+ i 97)))) (vec_u8.into_bytes ^v))`:                                            "abcde",
		`(seq (set v (vec_u8.with_capacity 4)) (set v (vec_u8.push ^v 1)) (set v (vec_u8.set ^v 0 65)) (vec_u8.into_bytes ^v))`:                                  "A",
		`(seq (set v (vec_u8.with_capacity 4)) (set v (vec_u8.set ^v 0 65)) (vec_u8.into_bytes ^v))`:                                                             "trap: vec_u8.set oob",
		`(seq (set v (vec_u8.with_capacity 4)) (set x (vec_u8.get v 0)) (vec_u8.into_bytes ^v))`:                                                                 "trap: vec_u8.get oob",
		`(seq (set v (vec_u8.with_capacity 9)) (vec_u8.into_bytes ^v))`:                                                                                          "",
		`(seq (set v (vec_u8.with_capacity 0)) (set v (vec_u8.extend_bytes ^v input)) (set v (vec_u8.extend_bytes ^v (view v))) (vec_u8.into_bytes ^v))`:         "inputinput",
		`(seq (set v (vec_u8.with_capacity 0)) (set v (vec_u8.extend_bytes_range ^v input 1 3)) (vec_u8.into_bytes ^v))`:                                         "npu",
		`(seq (set v (vec_u8.with_capacity 0)) (set v (vec_u8.extend_bytes_range ^v input 3 3)) (vec_u8.into_bytes ^v))`:                                         "trap: vec_u8.extend_bytes_range oob",
		`(seq (set v (vec_u8.with_capacity 0)) (set v (vec_u8.extend_zeroes ^v 2)) (set v (vec_u8.push ^v 65)) (vec_u8.into_bytes ^v))`:                          "\x00\x00A",
		`(seq (set v (vec_u8.with_capacity 0)) (set v (vec_u8.push ^v 65)) (set v (vec_u8.extend_zeroes ^v -1)) (vec_u8.into_bytes ^v))`:                         "trap: vec_u8.extend_zeroes overflow",
		`(seq (set v (vec_u8.with_capacity 0)) (set v (vec_u8.push ^v 65)) (set v (vec_u8.reserve_exact ^v -1)) (vec_u8.into_bytes ^v))`:                         "trap: vec_u8.reserve_exact overflow",
		`(seq (set v (vec_u8.with_capacity 2)) (set v (vec_u8.push ^v 65)) (set v (vec_u8.reserve_exact ^v 7)) (set n (field 2 v)) (drop v) (fmt.u32_to_dec n))`: "8",
	} {
		if got := show(run(t, engine.Config{Input: []byte("input")}, expr)); got != want {
			t.Errorf("%s: got %.80q, want %.80q", expr, got, want)
		}
	}
}

func TestFloatHeads(t *testing.T) {
	f := func(bits string) string { // a literal from big-endian hex
		b, _ := hex.DecodeString(bits)
		return fmt.Sprintf("%q", string(le(binary.BigEndian.Uint64(b))))
	}
	one, two, nan, inf := f("3ff0000000000000"), f("4000000000000000"), f("fff8000000000001"), f("7ff0000000000000")
	neg0 := f("8000000000000000")
	for expr, want := range map[string]uint64{
		"add_v1 " + one + two:     0x4008000000000000,
		"sub_v1 " + one + two:     0xbff0000000000000,
		"mul_v1 " + two + two:     0x4010000000000000,
		"div_v1 " + one + two:     0x3fe0000000000000,
		"add_v1 " + nan + two:     0x7ff8000000000000,
		"sub_v1 " + inf + inf:     0x7ff8000000000000,
		"min_v1 " + one + two:     0x3ff0000000000000,
		"max_v1 " + one + two:     0x4000000000000000,
		"max_v1 " + nan + two:     0x7ff8000000000000,
		"neg_v1 " + one:           0xbff0000000000000,
		"neg_v1 " + nan:           0x7ff8000000000000,
		"abs_v1 " + neg0:          0,
		"sqrt_v1 " + two:          0x3ff6a09e667f3bcd,
		"floor_v1 " + neg0:        0x8000000000000000,
		"to_bits_u64le_v1 " + nan: 0xfff8000000000001,
	} {
		head, rest, _ := strings.Cut(expr, " ")
		var names []string
		body := "(seq "
		for i := 0; rest != ""; i++ {
			q, err := quotedPrefix(rest)
			if err != nil {
				t.Fatal(err)
			}
			rest = rest[len(q):]
			name := fmt.Sprintf("x%d", i)
			names = append(names, "(view "+name+")")
			body += fmt.Sprintf("(set %s %s)", name, q)
		}
		body += fmt.Sprintf("(set r (math.f64.%s %s))", head, strings.Join(names, " "))
		for i := range names {
			body += fmt.Sprintf("(drop x%d)", i)
		}
		r := run(t, engine.Config{}, body+" ^r)")
		if r.Trap != nil || string(r.Output) != string(le(want)) {
			t.Errorf("%s: got %x %v, want %016x", expr, r.Output, r.Trap, want)
		}
	}
	for expr, want := range map[string]string{
		`(math.f64.to_i32_trunc_v1 (view x))`: "1 -2147483648",
		`(math.f64.to_i32_trunc_v1 (view y))`: "0 40021",
		`(math.f64.to_i32_trunc_v1 (view z))`: "0 40020",
	} {
		body := fmt.Sprintf(`(seq (set x (math.f64.from_i32_v1 -2147483648)) (set y (math.f64.mul_v1 (view x) (view x)))
			(set z %s) (set r %s) (drop x) (drop y) (drop z)
			(set a (fmt.s32_to_dec (field 0 r))) (set a (bytes.concat ^a " ")) (bytes.concat ^a (fmt.s32_to_dec (field 1 r))))`, nan, expr)
		if got := show(run(t, engine.Config{}, body)); got != want {
			t.Errorf("%s: got %s, want %s", expr, got, want)
		}
	}
	if got := show(run(t, engine.Config{}, `(seq (set x "1234567") (math.f64.neg_v1 (view x)))`)); !strings.HasPrefix(got, "trap: terminated by signal ") {
		t.Errorf("an operand of 7 bytes: got %s", got)
	}
}

func quotedPrefix(s string) (string, error) {
	for i := 1; i < len(s); i++ {
		if s[i] == '\\' {
			i++
		} else if s[i] == '"' {
			return s[:i+1], nil
		}
	}
	return "", fmt.Errorf("no literal in %s", s)
}

func le(v uint64) []byte { return binary.LittleEndian.AppendUint64(nil, v) }
