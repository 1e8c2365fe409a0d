package fs

import (
	"strings"
	"testing"
)

func TestGlobDialect(t *testing.T) {
	for _, row := range []struct{ pattern, matches, not string }{
		{"?", "a /", "ab"},
		{"*.txt", "a.txt sub/c.txt .txt", "a.txtx"},
		{"**/x", "x /x a/x a/b/x", "ax a/xx"},
		{"a/**/b", "a/b a/x/b a/x/y/b", "ab a/xb axb"},
		{"a/**", "a/x a/x/y a/", "a b/x"},
		{"**", "a a/b", ""},
		{"a**b", "ab a/b axxb", "a"},
		{"{a,b}c", "ac bc", "c abc"},
		{"{a,{b,c}d}", "a bd cd", "b abd"},
		{"x{a,}y", "xay", "xy"},
		{"x{}y", "xy", "x"},
		{"{a,b", "", "!"},
		{"a}", "", "!"},
		{"[abc]", "a b c", "d"},
		{"[a-c]x", "ax cx", "dx a"},
		{"[!a]", "b /", "a"},
		{"[^a]", "b", "a"},
		{"[]a]", "] a", "b"},
		{"[-a]", "- a", "b"},
		{"[a-]", "- a", "b"},
		{"[a", "", "!"},
		{"[]", "", "!"},
		{"[c-a]", "", "!"},
		{`\*`, "*", "a"},
		{`a\`, "", "!"},
		{"a,b", "a,b", "a b"},
		{"**/**/x", "x a/x", "ax"},
		{"a/**/**/b", "a/b a/c/d/b", "ab"},
		{"{**/a,b/**}", "a x/a b/c", "b"},
		{"é", "é", "e"},
	} {
		g, err := compileGlob([]byte(row.pattern))
		if row.not == "!" {
			if err == nil {
				t.Errorf("%s compiles", row.pattern)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", row.pattern, err)
			continue
		}
		for _, path := range strings.Fields(row.matches) {
			if !g.match(path) {
				t.Errorf("%s does not match %s", row.pattern, path)
			}
		}
		for _, path := range strings.Fields(row.not) {
			if g.match(path) {
				t.Errorf("%s matches %s", row.pattern, path)
			}
		}
	}
	if g, err := compileGlob(nil); err != nil || g.match("a") {
		t.Error("the empty glob")
	}
}

func TestAHostileGlobTakesLinearTime(t *testing.T) {
	g, err := compileGlob([]byte(strings.Repeat("*a", 500) + "b"))
	if err != nil {
		t.Fatal(err)
	}
	if g.match(strings.Repeat("a", 2000)) {
		t.Error("it matches")
	}
	if _, err := compileGlob([]byte(strings.Repeat("{", 100000))); err == nil {
		t.Error("endless nesting compiles")
	}
}
