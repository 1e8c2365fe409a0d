package lower_test

import (
	"flag"
	"os"
	"strings"
	"testing"

	"x07/internal/ir"
)

var update = flag.Bool("update", false, "rewrite testdata/drops.txt")

// testdata/drops.txt holds programs and the IR they become, parted by lines of
// === and, between the two, ---. A program is a JSON object with decls and
// solve; only functions with a name starting with main are shown when there
// are any, else solve.
func TestDropsAndMovesAreExplicit(t *testing.T) {
	const file = "testdata/drops.txt"
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	cases := strings.Split(strings.TrimSuffix(string(text), "\n"), "\n===\n")
	for i, c := range cases {
		doc, want, _ := strings.Cut(c, "\n---\n")
		title, src, _ := strings.Cut(doc, "\n")
		p := lowered(t, []byte(`{"schema_version":"x07.x07ast@0.5.0","kind":"entry","module_id":"main","imports":[],`+src[1:]))
		var got string
		for _, f := range p.Funcs {
			if strings.HasPrefix(f.Name, "main.") || len(p.Funcs) == 1 {
				got += ir.Print(p, f, false)
			}
		}
		got = strings.TrimSuffix(got, "\n")
		if *update {
			cases[i] = doc + "\n---\n" + got
			continue
		}
		if got != want {
			t.Errorf("%s:\n got:\n%s\nwant:\n%s", title, got, want)
		}
	}
	if *update {
		if err := os.WriteFile(file, []byte(strings.Join(cases, "\n===\n")+"\n"), 0o666); err != nil {
			t.Fatal(err)
		}
	}
}
