package conformance

import (
	"strings"
	"testing"

	"x07/internal/ast"
	"x07/stdlib"
)

// notHere are modules whose functions need fixtures, files or other outside
// things; they are tested where those are.
var notHere = []string{"std.fs", "std.kv", "std.rr", "std.world.", "std.os.", "ext."}

func TestEveryLibraryFunctionIsCalledByACase(t *testing.T) {
	groups, err := Load()
	if err != nil {
		t.Fatal(err)
	}
	var all strings.Builder
	for _, g := range groups {
		for _, d := range g.Decls {
			all.Write(d)
		}
		for _, c := range g.Cases {
			for _, text := range append([][]byte{c.Solve, c.I32, c.Program}, raw(c)...) {
				all.Write(text)
			}
		}
	}
	text := all.String()
	for _, id := range stdlib.Modules() {
		outside := false
		for _, p := range notHere {
			outside = outside || id == strings.TrimSuffix(p, ".") || strings.HasSuffix(p, ".") && strings.HasPrefix(id, p)
		}
		if outside {
			continue
		}
		src, err := stdlib.FS.ReadFile(strings.ReplaceAll(id, ".", "/") + ".x07.json")
		if err != nil {
			t.Fatal(err)
		}
		f, err := ast.Parse(src)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range f.Exports {
			if !strings.Contains(text, `"`+name+`"`) {
				t.Errorf("no case calls %s", name)
			}
		}
	}
}

func raw(c *Case) (out [][]byte) {
	for _, d := range c.Decls {
		out = append(out, d)
	}
	return out
}
