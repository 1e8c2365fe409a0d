package regex

import (
	"fmt"
	"math/rand"
	"regexp"
	"strings"
	"testing"
)

func mustCompile(t testing.TB, pattern string, opts uint32) *Regexp {
	t.Helper()
	r, err := Compile([]byte(pattern), opts)
	if err != nil {
		t.Fatalf("%q: %v", pattern, err)
	}
	return r
}

func TestPatternErrorsCarryCodeAndPosition(t *testing.T) {
	for _, c := range []struct {
		pattern   string
		code, pos uint32
	}{
		{"a(b", CodeUnclosedGroup, 3}, {"(?:", CodeUnclosedGroup, 3}, {"[ab", CodeUnclosedClass, 3}, {"[]", CodeUnclosedClass, 2},
		{"x[b-a]", CodeBadClass, 2}, {`[\q]`, CodeBadClass, 1}, {"[é]", CodeBadClass, 1},
		{"a)", CodeSyntax, 1}, {`\q`, CodeSyntax, 0}, {`(?=a)`, CodeSyntax, 2}, {`(?<!a)`, CodeSyntax, 2}, {`(a)\1`, CodeSyntax, 3},
		{`\pL`, CodeSyntax, 0}, {`(?P<n>a)(?P<n>b)`, CodeSyntax, 12}, {`(?q)a`, CodeSyntax, 2}, {"\xff", CodeSyntax, 0}, {`a\`, CodeSyntax, 1},
		{"*a", CodeNothing, 0}, {"a|*", CodeNothing, 2}, {"(?i)+", CodeNothing, 4}, {"{2}", CodeNothing, 0},
		{"a{,3}", CodeBadRepeat, 1}, {"a{x}", CodeBadRepeat, 1}, {"a{2", CodeBadRepeat, 1}, {"a{3,2}", CodeRepeatOrder, 1},
		{strings.Repeat("(?:", 300), CodeNesting, 750}, {"(a{1000}){1000}", CodeTooBig, 0}, {strings.Repeat("()", 33), CodeGroups, 0},
	} {
		_, err := Compile([]byte(c.pattern), 0)
		e, ok := err.(*Error)
		if !ok || e.Code != c.code || e.Pos != c.pos {
			t.Errorf("%.20q: got %v, want code %d at %d", c.pattern, err, c.code, c.pos)
		}
	}
	mustCompile(t, strings.Repeat("()", 32), 0)
}

func TestMatches(t *testing.T) {
	for _, c := range []struct {
		pattern string
		opts    uint32
		text    string
		from    int
		want    string // "start,end" or "-"
	}{
		{"a|ab", 0, "xabc", 0, "1,3"}, {"abcd|c", 0, "abcd", 0, "0,4"}, {"a*?", 0, "aaa", 0, "0,3"},
		{"^b", 0, "a\nb", 0, "-"}, {"^b", MultiLine, "a\nb", 0, "2,3"}, {"a$", 0, "a\n", 0, "-"}, {"a$", MultiLine, "a\n", 0, "0,1"},
		{".", 0, "\n", 0, "-"}, {".", DotAll, "\n", 0, "0,1"}, {"AbC", FoldCase, "xaBc", 0, "1,4"}, {`[^a]`, FoldCase, "A", 0, "-"},
		{`\bfoo\b`, 0, "afoo foo", 0, "5,8"}, {`\Bo`, 0, "o xo", 0, "3,4"}, {"^a", 0, "aa", 1, "-"}, {`\ba`, 0, "xa", 1, "-"},
		{"é+", 0, "xéé", 0, "1,5"}, {`\xFF`, 0, "a\xff", 0, "1,2"}, {`\x{e9}`, 0, "é", 0, "0,2"}, {`\u{e9}|\u00ea`, 0, "ê", 0, "0,2"},
		{"[a-z&&[^aeiou]]+", 0, "aeixyz", 0, "3,6"}, {"[a-f--c]+", 0, "abcdef", 0, "0,2"}, {"[a-c~~b-d]", 0, "bcd", 0, "2,3"},
		{"[[:alpha:][:digit:]]+", 0, "--a1-", 0, "2,4"}, {"[^[:space:]]+", 0, " a b", 0, "1,2"}, {"[]a]+", 0, "]a]", 0, "0,3"}, {"[a-]+", 0, "-a", 0, "0,2"},
		{"a{2,3}", 0, "aaaa", 0, "0,3"}, {"a{2}", 0, "a", 0, "-"}, {"(?i:a)b", 0, "Ab", 0, "0,2"}, {"(?i:a)b", 0, "AB", 0, "-"}, {"a(?i)b|c", 0, "C", 0, "0,1"},
		{"(?x) a b # c\n c", 0, "abc", 0, "0,3"}, {"", 0, "abc", 3, "3,3"}, {`\z`, 0, "ab", 0, "2,2"}, {`a\z`, 0, "aa", 0, "1,2"},
		{"(a|b)*c|d", 0, "ababd", 0, "4,5"}, {"(|a)+", 0, "aaa", 0, "0,3"}, {"(a*)*", 0, "b", 0, "0,0"}, {"x*$", 0, "axx", 0, "1,3"},
	} {
		r := mustCompile(t, c.pattern, c.opts)
		got := "-"
		if s, e, ok := r.Find([]byte(c.text), c.from); ok {
			got = fmt.Sprintf("%d,%d", s, e)
		}
		if got != c.want {
			t.Errorf("%q in %q from %d: got %s, want %s", c.pattern, c.text, c.from, got, c.want)
		}
	}
}

func TestCapturesTakeTheFirstWayToTheLongestMatch(t *testing.T) {
	for _, c := range []struct {
		pattern, text string
		want          []int
	}{
		{"(a)|(b)", "b", []int{0, 1, -1, -1, 0, 1}},
		{"(a|ab)(c|bcd)(d*)", "abcd", []int{0, 4, 0, 1, 1, 4, 4, 4}},
		{"(a+)(a*)", "aaa", []int{0, 3, 0, 3, 3, 3}},
		{"(a+?)(a*)", "aaa", []int{0, 3, 0, 1, 1, 3}},
		{"((a)|(b))*", "ab", []int{0, 2, 1, 2, 0, 1, 1, 2}},
		{`(?P<y>\d{4})-(?<m>\d\d)`, "2024-05", []int{0, 7, 0, 4, 5, 7}},
	} {
		r := mustCompile(t, c.pattern, 0)
		s, e, ok := r.Find([]byte(c.text), 0)
		if got := r.Captures([]byte(c.text), s, e); !ok || fmt.Sprint(got) != fmt.Sprint(c.want) {
			t.Errorf("%q in %q: got %v, want %v", c.pattern, c.text, got, c.want)
		}
	}
}

// randomPattern makes patterns whose meaning the standard library shares.
func randomPattern(r *rand.Rand, depth int) string {
	if depth == 0 {
		return []string{"a", "b", "c", ".", "[ab]", "[^a]", `\b`, "^", "$", `\w`, `\d`}[r.Intn(11)]
	}
	sub := func() string { return randomPattern(r, depth-1) }
	switch r.Intn(7) {
	case 0:
		return "(?:" + sub() + ")*"
	case 1:
		return "(?:" + sub() + "|" + sub() + ")"
	case 2:
		return "(" + sub() + ")?"
	case 3:
		return "(?:" + sub() + "){1,3}"
	default:
		return sub() + sub()
	}
}

func TestAgreesWithTheStandardLibraryOnLeftmostLongest(t *testing.T) {
	rnd := rand.New(rand.NewSource(7))
	for i := 0; i < 4000; i++ {
		pattern := randomPattern(rnd, 3)
		std, err := regexp.Compile(pattern)
		if err != nil {
			continue
		}
		std.Longest()
		r := mustCompile(t, pattern, 0)
		text := make([]byte, rnd.Intn(12))
		for j := range text {
			text[j] = "abc 1\n"[rnd.Intn(6)]
		}
		want := std.FindIndex(text)
		s, e, ok := r.Find(text, 0)
		if ok != (want != nil) || ok && (s != want[0] || e != want[1]) {
			t.Fatalf("%q in %q: got %d,%d,%v, want %v", pattern, text, s, e, ok, want)
		}
		if ok {
			r.Captures(text, s, e)
		}
	}
}

func TestAHostilePatternStaysLinear(t *testing.T) {
	text := []byte(strings.Repeat("a", 100_000))
	for _, p := range []string{"(a*)*b", "(a|aa)+$b", "(x+x+)+y", "(.*)(.*)(.*)(.*)(.*)[^a]"} {
		if _, _, ok := mustCompile(t, p, 0).Find(text, 0); ok {
			t.Errorf("%q matched", p)
		}
	}
	// A pattern with exponentially many states only empties the cache.
	r := mustCompile(t, "(?:a|b)*a(?:a|b){20}c", 0)
	rnd := rand.New(rand.NewSource(1))
	mixed := make([]byte, 20_000)
	for i := range mixed {
		mixed[i] = "ab"[rnd.Intn(2)]
	}
	if _, _, ok := r.Find(mixed, 0); ok {
		t.Error("matched without a c")
	}
}

func FuzzAnyPatternOnAnyTextEnds(f *testing.F) {
	f.Add([]byte(`(a|b)*?c{2,3}[^x-z&&y]\b`), []byte("abccab"), uint32(3))
	f.Add([]byte(`(?i:[[:word:]--a])$`), []byte("\xffA"), uint32(7))
	f.Fuzz(func(t *testing.T, pattern, text []byte, opts uint32) {
		if len(pattern) > 200 || len(text) > 500 {
			return
		}
		r, err := Compile(pattern, opts)
		if err != nil {
			return
		}
		s, e, ok := r.Find(text, 0)
		if !ok {
			return
		}
		if s < 0 || s > e || e > len(text) {
			t.Fatalf("%q in %q: %d,%d", pattern, text, s, e)
		}
		for _, c := range r.Captures(text, s, e) {
			if c > len(text) {
				t.Fatalf("capture %d", c)
			}
		}
	})
}

func BenchmarkScan(b *testing.B) {
	text := []byte(strings.Repeat("the quick brown fox jumps over 12 lazy dogs\n", 20_000))
	r := mustCompile(b, `[a-z]+ [0-9]+ zebra`, 0)
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		r.Find(text, 0)
	}
}
