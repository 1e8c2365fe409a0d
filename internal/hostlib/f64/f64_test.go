package f64

import (
	"bufio"
	"math"
	"os"
	"strconv"
	"strings"
	"testing"
)

// testdata/vectors.txt holds "function a b result" in hexadecimal bits, made
// by an independent port of the same algorithms.
func TestElementaryFunctionsAgreeBitForBitWithTheVectors(t *testing.T) {
	f, err := os.Open("testdata/vectors.txt")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	funcs := map[string]func(a, b float64) float64{
		"sin":   func(a, _ float64) float64 { return Sin(a) },
		"cos":   func(a, _ float64) float64 { return Cos(a) },
		"tan":   func(a, _ float64) float64 { return Tan(a) },
		"exp":   func(a, _ float64) float64 { return Exp(a) },
		"log":   func(a, _ float64) float64 { return Log(a) },
		"pow":   Pow,
		"atan2": Atan2,
	}
	n, bad := 0, 0
	for sc := bufio.NewScanner(f); sc.Scan(); n++ {
		w := strings.Fields(sc.Text())
		a, b, want := bits(t, w[1]), bits(t, w[2]), bits(t, w[3])
		got := funcs[w[0]](a, b)
		if math.IsNaN(want) != math.IsNaN(got) || !math.IsNaN(want) && math.Float64bits(got) != math.Float64bits(want) {
			if bad++; bad < 20 {
				t.Errorf("%s(%v, %v) = %v (%x), want %v (%x)", w[0], a, b, got, math.Float64bits(got), want, math.Float64bits(want))
			}
		}
	}
	if n < 1000 {
		t.Fatalf("only %d vectors", n)
	}
	if bad > 0 {
		t.Errorf("%d of %d differ", bad, n)
	}
}

func bits(t *testing.T, s string) float64 {
	u, err := strconv.ParseUint(s, 16, 64)
	if err != nil {
		t.Fatal(err)
	}
	return math.Float64frombits(u)
}

func TestParseFollowsTheGrammar(t *testing.T) {
	for _, c := range []struct {
		in   string
		want float64
		code uint32
	}{
		{"1", 1, 0}, {" \t\n\r1.5 ", 1.5, 0}, {"5.", 5, 0}, {".5", .5, 0}, {"007", 7, 0},
		{"-2.5e-3", -0.0025, 0}, {"+1E2", 100, 0}, {"inf", math.Inf(1), 0}, {"-INF", math.Inf(-1), 0},
		{"1e-400", 0, 0}, {"4.9e-324", 5e-324, 0},
		{"", 0, CodeSyntax}, {".", 0, CodeSyntax}, {"1e", 0, CodeSyntax}, {"1e+", 0, CodeSyntax},
		{"0x10", 0, CodeSyntax}, {"1_0", 0, CodeSyntax}, {"1 2", 0, CodeSyntax}, {"++1", 0, CodeSyntax},
		{"1e400", 0, CodeOverflow}, {"infinity", 0, CodeOverflow}, {"\v1", 0, CodeSyntax},
	} {
		got, code := Parse([]byte(c.in))
		if got != c.want || code != c.code {
			t.Errorf("Parse(%q) = %v, %d; want %v, %d", c.in, got, code, c.want, c.code)
		}
	}
	if x, code := Parse([]byte("NaN")); !math.IsNaN(x) || code != 0 {
		t.Errorf("Parse(NaN) = %v, %d", x, code)
	}
}

func TestShortestFormatting(t *testing.T) {
	for _, c := range []struct {
		x    float64
		want string
	}{
		{42, "42"}, {1e15, "1000000000000000"}, {3.25, "3.25"}, {0.00001, "0.00001"}, {1e16, "1e16"},
		{1.5e-7, "1.5e-7"}, {0, "0"}, {math.Copysign(0, -1), "-0"}, {-1.25, "-1.25"}, {123456789012345680, "1.2345678901234568e17"},
		{math.Inf(-1), "-inf"}, {math.NaN(), "nan"}, {5e-324, "5e-324"}, {0.1, "0.1"}, {1234567890123456, "1234567890123456"},
	} {
		if got := string(AppendShortest(nil, c.x)); got != c.want {
			t.Errorf("AppendShortest(%v) = %s, want %s", c.x, got, c.want)
		}
	}
}

func FuzzShortestReadsBackAsTheSameNumber(f *testing.F) {
	f.Add(uint64(0x3ff8000000000000))
	f.Fuzz(func(t *testing.T, u uint64) {
		x := math.Float64frombits(u)
		got, code := Parse(AppendShortest(nil, x))
		if code != 0 || math.Float64bits(got) != u && !math.IsNaN(x) {
			t.Fatalf("%x: read back %x, code %d", u, math.Float64bits(got), code)
		}
	})
}
