package conformance

import (
	"strings"
	"testing"

	"x07/internal/ast"
	"x07/internal/types"
	"x07/stdlib"
)

// notHere are modules whose functions need fixtures, files or other outside
// things; they are tested where those are.
var notHere = []string{"std.fs", "std.kv", "std.rr", "std.world.", "std.os.", "std.net.", "std.db.", "ext."}

func TestEveryLibraryFunctionIsCalledByACase(t *testing.T) {
	text := everything(t)
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

func TestEveryValueBuiltinIsUsedByACase(t *testing.T) {
	text := everything(t)
	for _, b := range types.Builtins() {
		switch {
		case b.Internal, b.Gate != types.GateNone && b.Gate != types.GateUnsafe:
		case strings.HasPrefix(b.Name, "os."), strings.HasPrefix(b.Name, "std.os."):
		case strings.HasPrefix(b.Name, "result_result_bytes."): // only tasks make these values
		case !strings.Contains(text, `"`+b.Name+`"`):
			t.Errorf("no case uses %s", b.Name)
		}
	}
}

// everything is the text of all cases.
func everything(t *testing.T) string {
	groups, err := Load()
	if err != nil {
		t.Fatal(err)
	}
	var all strings.Builder
	all.Write(helpers)
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
	return all.String()
}

func raw(c *Case) (out [][]byte) {
	for _, d := range c.Decls {
		out = append(out, d)
	}
	return out
}
