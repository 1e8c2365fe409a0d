package stdlib_test

import (
	"bytes"
	"container/heap"
	"context"
	"encoding/binary"
	"math/rand/v2"
	"os"
	"regexp"
	"sort"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"x07/internal/artifact"
	"x07/internal/compile"
	"x07/internal/engine"
)

// differential is one function of testdata/differential.x07.json, a generator
// of inputs for it and the same function in Go.
type differential struct {
	name string
	gen  func(r *rand.Rand) []byte
	ref  func(x []byte) []byte
}

// The order is that of main.one in the program.
var differentials = []differential{
	{"std.json.canonicalize_small", genJSON, refCanon},
	{"std.json.extract_path_canon_or_err", genPath, refExtract},
	{"std.regex-lite.count_matches_u32le", genPattern, refCount},
	{"std.regex-lite.find_literal", func(r *rand.Rand) []byte {
		return []byte(pick(r, "ab", 6) + "\x00" + pick(r, "ab", 40))
	}, func(x []byte) []byte {
		needle, hay, _ := bytes.Cut(x, []byte{0})
		return word(bytes.Index(hay, needle))
	}},
	{"std.text.utf8.count_codepoints_or_neg1", genUTF8, func(x []byte) []byte {
		if !utf8.Valid(x) {
			return word(-1)
		}
		return word(utf8.RuneCount(x))
	}},
	{"std.set.unique_lines_sorted", genText, func(x []byte) []byte {
		seen := map[string]bool{}
		for _, l := range strings.Split(string(x), "\n") {
			seen[strings.Trim(strings.TrimSuffix(l, "\r"), " \t")] = true
		}
		delete(seen, "")
		return []byte(strings.Join(sortedKeys(seen), "\n"))
	}},
	{"std.map.word_freq_sorted_ascii", genText, func(x []byte) []byte {
		count := map[string]int{}
		for _, w := range letters.FindAllString(string(x), -1) {
			count[strings.ToLower(w)]++
		}
		var lines []string
		for _, w := range sortedKeys(count) {
			lines = append(lines, w+"="+strconv.Itoa(count[w]))
		}
		return []byte(strings.Join(lines, "\n"))
	}},
	{"std.text.ascii.normalize_lines", genText, func(x []byte) []byte {
		var lines []string
		for _, l := range strings.FieldsFunc(string(x), func(c rune) bool { return c == '\n' || c == '\r' }) {
			if l = strings.Trim(l, " \t"); l != "" {
				lines = append(lines, l)
			}
		}
		return []byte(strings.Join(lines, "\n"))
	}},
	{"std.text.ascii.tokenize_words_lower", genText, func(x []byte) []byte {
		return []byte(strings.ToLower(strings.Join(letters.FindAllString(string(x), -1), " ")))
	}},
	{"std.text.ascii.split_lines_view", genText, func(x []byte) []byte {
		lines := strings.Split(string(x), "\n")
		if len(x) > 0 && x[len(x)-1] == '\n' {
			lines = lines[:len(lines)-1]
		}
		out := append([]byte("X7SL\x01\x00\x00\x00"), word(len(lines))...)
		pos := 0
		for _, l := range lines {
			out = append(append(out, word(pos)...), word(len(strings.TrimSuffix(l, "\r")))...)
			pos += len(l) + 1
		}
		return out
	}},
	{"std.csv.sum_second_col_i32le_or_err", genCSV, func(x []byte) []byte {
		sum := int64(0)
		for _, l := range strings.Split(string(x), "\n") {
			if l = strings.TrimSuffix(l, "\r"); l == "" {
				continue
			}
			_, field, found := strings.Cut(l, ",")
			v, ok := refInt(field)
			if sum += v; !found || !ok || sum != int64(int32(sum)) {
				return []byte("ERR")
			}
		}
		return word(int(sum))
	}},
	{"std.result.chain_sum_csv_i32", genInts, func(x []byte) []byte {
		sum := int64(0)
		for _, item := range strings.Split(string(x), ",") {
			v, ok := refInt(item)
			if sum += v; !ok || sum != int64(int32(sum)) {
				return []byte{0}
			}
		}
		return append([]byte{1}, word(int(sum))...)
	}},
	{"std.parse.i32_status_le", genInts, func(x []byte) []byte {
		if v, ok := refInt(string(x)); ok {
			return append([]byte{1}, word(int(v))...)
		}
		return []byte{0}
	}},
	{"std.prng.x07rand32_v1_stream", func(r *rand.Rand) []byte {
		return append(binary.LittleEndian.AppendUint64(nil, r.Uint64()), word(r.IntN(20))...)
	}, func(x []byte) (out []byte) {
		if len(x) < 12 {
			return nil
		}
		s := binary.LittleEndian.Uint64(x)
		for range binary.LittleEndian.Uint32(x[8:]) {
			s += 0x9E3779B97F4A7C15
			z := s
			z = (z ^ z>>30) * 0xBF58476D1CE4E5B9
			z = (z ^ z>>27) * 0x94D049BB133111EB
			z ^= z >> 31
			out = append(out, word(int(z>>32))...)
		}
		return out
	}},
	{"std.btree_map at i32", genBytes, func(x []byte) (out []byte) {
		m := map[int]byte{}
		for i := 0; i+1 < len(x); i += 2 {
			m[int(x[i])-128] = x[i+1]
		}
		for _, k := range sortedKeys(m) {
			out = append(append(out, word(k)...), word(int(m[k]))...)
		}
		return out
	}},
	{"std.small_map", genBytes, func(x []byte) (out []byte) {
		m := map[string]int{}
		for i := 0; i+3 < len(x); i += 4 {
			key := string(x[i : i+int(x[i]&3)])
			switch x[i+3] & 3 {
			case 0:
				delete(m, key)
			case 1:
				m[key]++
			default:
				m[key] = i / 4
			}
		}
		for _, k := range sortedKeys(m) {
			out = append(append(append(out, word(len(k))...), k...), word(m[k])...)
		}
		return out
	}},
	{"std.small_set", genBytes, func(x []byte) (out []byte) {
		m := map[string]bool{}
		for i := 0; i+3 < len(x); i += 4 {
			m[string(x[i:i+int(x[i]&3)])] = true
		}
		for _, k := range sortedKeys(m) {
			out = append(append(out, word(len(k))...), k...)
		}
		return out
	}},
	{"std.heap_u32", genBytes, func(x []byte) (out []byte) {
		var h intHeap
		for _, c := range x {
			switch {
			case c&3 != 0:
				heap.Push(&h, int(c))
			case len(h) == 0:
				out = append(out, 255)
			default:
				out = append(out, byte(heap.Pop(&h).(int)))
			}
		}
		for len(h) > 0 {
			out = append(out, byte(heap.Pop(&h).(int)))
		}
		return out
	}},
	{"std.lru_cache", genBytes, func(x []byte) (out []byte) {
		var order []byte // least recent first
		val := map[byte]byte{}
		use := func(k byte) {
			order = append(bytes.ReplaceAll(order, []byte{k}, nil), k)
		}
		for i, b := range x {
			k := b & 15
			v, found := val[k]
			switch {
			case b < 64 && found:
				out = append(out, v)
			case b < 64:
				out = append(out, 255)
			case b < 96:
				if found {
					use(k)
				}
			default:
				if !found && len(val) == 5 {
					delete(val, order[0])
					order = order[1:]
				}
				use(k)
				val[k] = byte(i & 127)
			}
		}
		return out
	}},
	{"std.hash_map", genBytes, func(x []byte) (out []byte) {
		m := map[uint32]int{}
		for i, b := range x {
			m[uint32(b)*16777259] = i
		}
		for _, k := range sortedKeys(m) {
			out = append(append(out, word(int(k))...), word(m[k])...)
		}
		return out
	}},
	{"std.hash_set view keys", genBytes, func(x []byte) []byte {
		m := map[string]bool{}
		for i := range len(x) / 2 {
			m[string(x[i:i+int(x[i]&3)])] = true
		}
		return word(len(m))
	}},
	{"std.deque_u32", genBytes, func(x []byte) (out []byte) {
		var q []byte
		for _, c := range x {
			switch {
			case c&1 != 0:
				q = append(q, c)
			case len(q) == 0:
				out = append(out, 255)
			default:
				out, q = append(out, q[0]), q[1:]
			}
		}
		return append(out, q...)
	}},
}

func TestTheLibraryAgreesWithGoOnRandomInputs(t *testing.T) {
	entry, err := os.ReadFile("testdata/differential.x07.json")
	if err != nil {
		t.Fatal(err)
	}
	art, _, err := compile.Build(compile.Options{Entry: entry, World: "run-os"})
	if err != nil {
		t.Fatal(err)
	}
	cache := t.TempDir()
	for which, d := range differentials {
		t.Run(d.name, func(t *testing.T) {
			const rounds = 400
			r := rand.New(rand.NewPCG(7, uint64(which)))
			inputs := [][]byte{{}}
			if d.name == "std.regex-lite.find_literal" {
				inputs = [][]byte{{0}}
			}
			for range rounds {
				inputs = append(inputs, d.gen(r))
			}
			outputs := run(t, art, cache, which, inputs)
			for i, x := range inputs {
				if want := d.ref(x); !bytes.Equal(outputs[i], want) {
					t.Fatalf("input %q\nlibrary %q\nGo      %q", x, outputs[i], want)
				}
			}
		})
	}
}

func run(t *testing.T, art *artifact.Artifact, cache string, which int, inputs [][]byte) (outputs [][]byte) {
	t.Helper()
	in := word(which)
	for _, x := range inputs {
		in = append(append(in, word(len(x))...), x...)
	}
	res := engine.Run(context.Background(), art, engine.Config{Input: in, CacheDir: cache, Deadline: time.Now().Add(20 * time.Second)})
	if res.Err != nil || res.Trap != nil {
		t.Fatalf("run: %v, trap %+v", res.Err, res.Trap)
	}
	out := res.Output
	for range inputs {
		n := 4 + binary.LittleEndian.Uint32(out)
		outputs, out = append(outputs, out[4:n]), out[n:]
	}
	return outputs
}

var letters = regexp.MustCompile(`[A-Za-z]+`)

type intHeap []int

func (h intHeap) Len() int           { return len(h) }
func (h intHeap) Less(i, j int) bool { return h[i] < h[j] }
func (h intHeap) Swap(i, j int)      { h[i], h[j] = h[j], h[i] }
func (h *intHeap) Push(x any)        { *h = append(*h, x.(int)) }
func (h *intHeap) Pop() any {
	x := (*h)[len(*h)-1]
	*h = (*h)[:len(*h)-1]
	return x
}

func word(x int) []byte { return binary.LittleEndian.AppendUint32(nil, uint32(x)) }

func sortedKeys[K int | uint32 | string, V any](m map[K]V) []K {
	keys := make([]K, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	sort.Slice(keys, func(i, j int) bool { return keys[i] < keys[j] })
	return keys
}

// pick is up to n random bytes of alphabet.
func pick(r *rand.Rand, alphabet string, n int) string {
	b := make([]byte, r.IntN(n+1))
	for i := range b {
		b[i] = alphabet[r.IntN(len(alphabet))]
	}
	return string(b)
}

func genBytes(r *rand.Rand) []byte {
	b := make([]byte, r.IntN(300))
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	return b
}

func genText(r *rand.Rand) []byte { return []byte(pick(r, "abAB \t\r\n.", 60)) }
func genUTF8(r *rand.Rand) []byte {
	return []byte(pick(r, "aaaaaaaa\xc2\xa9\xe2\x82\xac\xf0\x9f\x98\x80\xed\xf4\xe0\x90", 12))
}
func genInts(r *rand.Rand) []byte { return []byte(pick(r, "0123456789+- ,", 13)) }
func genPath(r *rand.Rand) []byte {
	return append(append(genJSON(r), 0), pick(r, "ab.", 4)...)
}

func genCSV(r *rand.Rand) []byte {
	var b []byte
	for range r.IntN(5) {
		b = append(b, "k,"+strconv.Itoa(int(int32(r.Uint32()))>>r.IntN(31))+pick(r, " \r", 1)+"\n"...)
	}
	if r.IntN(3) == 0 {
		b = append(b, pick(r, "k,1\n -", 5)...)
	}
	return b
}

func genPattern(r *rand.Rand) []byte {
	return []byte(pick(r, "ab.**ab", 6) + "\x00" + pick(r, "abc", 20))
}

// genJSON is mostly well formed, and now and then damaged in one place.
func genJSON(r *rand.Rand) []byte {
	var b []byte
	var value func(depth int)
	space := func() { b = append(b, pick(r, " \n\t\r", 1)...) }
	value = func(depth int) {
		space()
		switch k := r.IntN(7); {
		case k < 2 && depth < 5:
			b = append(b, '{')
			for i := range r.IntN(6) {
				if i > 0 {
					b = append(b, ',')
				}
				space()
				b = append(b, '"')
				b = append(b, pick(r, "ab", 3)...)
				b = append(b, '"')
				space()
				b = append(b, ':')
				value(depth + 1)
			}
			space()
			b = append(b, '}')
		case k == 2 && depth < 5:
			b = append(b, '[')
			for i := range r.IntN(4) {
				if i > 0 {
					b = append(b, ',')
				}
				value(depth + 1)
			}
			space()
			b = append(b, ']')
		case k == 3:
			b = append(b, []string{"true", "false", "null"}[r.IntN(3)]...)
		case k == 4:
			b = append(b, '"')
			b = append(b, pick(r, "{}[],:x é", 5)...)
			b = append(b, '"')
		default:
			b = strconv.AppendInt(b, int64(r.IntN(2000)-1000), 10)
		}
		space()
	}
	value(0)
	if len(b) > 0 && r.IntN(4) == 0 {
		b[r.IntN(len(b))] = "{}[],:\"0-1.e\\ tn\x01"[r.IntN(17)]
	}
	return b
}

// refInt is ws* sign? digit+ ws* with a value in the range of i32.
func refInt(s string) (int64, bool) {
	s = strings.Trim(s, " \t")
	if s == "" || strings.Trim(s[1:], "0123456789") != "" {
		return 0, false
	}
	v, err := strconv.ParseInt(s, 10, 32)
	return v, err == nil
}

// refCount is the matching rule of the pattern language, by trying everything.
func refCount(x []byte) []byte {
	pattern, text, _ := bytes.Cut(x, []byte{0})
	if !regexp.MustCompile(`^([A-Za-z.]\*?)+$`).Match(pattern) {
		return word(0)
	}
	var longest func(p, t []byte) int // length of the longest match, -1 for none
	longest = func(p, t []byte) int {
		if len(p) == 0 {
			return 0
		}
		hit := len(t) > 0 && (p[0] == '.' || p[0] == t[0])
		best := -1
		if len(p) > 1 && p[1] == '*' {
			best = longest(p[2:], t)
			if hit {
				if n := longest(p, t[1:]); n >= 0 {
					best = max(best, n+1)
				}
			}
		} else if hit {
			if n := longest(p[1:], t[1:]); n >= 0 {
				best = n + 1
			}
		}
		return best
	}
	count := 0
	for i := 0; i < len(text); {
		n := longest(pattern, text[i:])
		if n >= 0 {
			count++
		}
		i += max(n, 1)
	}
	return word(count)
}
