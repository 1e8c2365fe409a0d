package stdlib_test

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"testing"
	"time"

	"x07/internal/compile"
	"x07/internal/engine"
)

// BenchmarkLibrary runs functions of the library over a megabyte. The metric
// is that of the program alone; Go-MB/s is the reference of the differential
// test, which is written to be clear and not to be fast.
func BenchmarkLibrary(b *testing.B) {
	entry, err := os.ReadFile("testdata/differential.x07.json")
	if err != nil {
		b.Fatal(err)
	}
	art, _, err := compile.Build(compile.Options{Entry: entry, World: "run-os"})
	if err != nil {
		b.Fatal(err)
	}
	cache := b.TempDir()
	inputs := map[string]func(r *rand.Rand) []byte{
		"std.json.canonicalize_small": func(r *rand.Rand) []byte {
			var buf bytes.Buffer
			buf.WriteString("[")
			for buf.Len() < 1<<20 {
				fmt.Fprintf(&buf, `{"name": "user%d", "id": %d, "tags": ["a", "b"], "ok": true, "at": {"y": %d, "x": %d}}, `, r.IntN(1000), r.IntN(1e6), r.IntN(100), r.IntN(100))
			}
			buf.WriteString("null]")
			return buf.Bytes()
		},
		"std.regex-lite.count_matches_u32le": func(r *rand.Rand) []byte {
			return append([]byte("ab*c.\x00"), longText(r, "abcd")...)
		},
		"std.regex-lite.find_literal": func(r *rand.Rand) []byte {
			return append([]byte("abcabcabcabcabx\x00"), longText(r, "abc")...)
		},
		"std.text.utf8.count_codepoints_or_neg1": func(r *rand.Rand) []byte { return []byte(longText(r, "abcdefgh ")) },
		"std.set.unique_lines_sorted":            func(r *rand.Rand) []byte { return []byte(longText(r, "abcdefgh \n")) },
		"std.map.word_freq_sorted_ascii":         func(r *rand.Rand) []byte { return []byte(longText(r, "abcdefgh  ")) },
		"std.text.ascii.tokenize_words_lower":    func(r *rand.Rand) []byte { return []byte(longText(r, "abCDefgh  ")) },
		"std.heap_u32":                           func(r *rand.Rand) []byte { return []byte(longText(r, "abcdefgh"))[:1<<16] },
		"std.lru_cache":                          func(r *rand.Rand) []byte { return []byte(longText(r, "0123456789abcdefghijklmnop")) },
		"std.deque_u32":                          func(r *rand.Rand) []byte { return []byte(longText(r, "abcdefgh")) },
	}
	for which, d := range differentials {
		gen := inputs[d.name]
		if gen == nil {
			continue
		}
		b.Run(d.name, func(b *testing.B) {
			x := gen(rand.New(rand.NewPCG(1, 2)))
			in := append(append(word(which), word(len(x))...), x...)
			var inside time.Duration
			for b.Loop() {
				res := engine.Run(context.Background(), art, engine.Config{Input: in, CacheDir: cache, MaxOutputBytes: 8 << 20})
				if res.Err != nil || res.Trap != nil {
					b.Fatalf("run: %v, trap %+v", res.Err, res.Trap)
				}
				inside += res.Wall
			}
			megabytes := float64(len(x)) / 1e6
			b.ReportMetric(megabytes*float64(b.N)/inside.Seconds(), "MB/s")
			b.ReportMetric(inside.Seconds()*1e3/float64(b.N), "ms/run")
			start := time.Now()
			d.ref(x)
			b.ReportMetric(megabytes/time.Since(start).Seconds(), "Go-MB/s")
		})
	}
}

func longText(r *rand.Rand, alphabet string) string {
	b := make([]byte, 1<<20)
	for i := range b {
		b[i] = alphabet[r.IntN(len(alphabet))]
	}
	return string(b)
}
