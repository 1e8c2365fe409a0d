package check_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"x07/internal/ast"
	"x07/internal/check"
	"x07/internal/mono"
	"x07/internal/program"
	"x07/internal/types"
)

// corpus is every program of testdata.
func corpus(t testing.TB) [][]byte {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil {
		t.Fatal(err)
	}
	var docs [][]byte
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, chunk := range strings.Split(string(text), "\n---\n") {
			var b strings.Builder
			for _, l := range strings.Split(chunk, "\n") {
				if !strings.HasPrefix(l, "#") {
					l, _, _ = strings.Cut(l, "###")
					b.WriteString(l + "\n")
				}
			}
			src, err := complete([]byte(b.String()))
			if err != nil {
				t.Fatal(err)
			}
			docs = append(docs, src)
		}
	}
	return docs
}

func FuzzCheckingNeverPanics(f *testing.F) {
	for _, doc := range corpus(f)[:20] {
		f.Add(doc)
	}
	f.Fuzz(func(t *testing.T, doc []byte) {
		// An error is fine; a panic is not.
		_ = compile(doc, check.Options{World: "run-os"})
	})
}

// TestShuffledProgramsNeverPanic swaps and replaces parts of valid and invalid
// programs at random, which bytes from a fuzzer rarely do.
func TestShuffledProgramsNeverPanic(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	docs := corpus(t)
	var parts []*ast.Expr
	var files []*ast.File
	for _, doc := range docs {
		f, err := ast.Parse(doc)
		if err != nil {
			continue
		}
		files = append(files, f)
		collect(f.Solve, &parts)
		for _, d := range f.Decls {
			collect(d.Body, &parts)
		}
	}
	for _, b := range types.Builtins() {
		items := []*ast.Expr{{Kind: ast.Atom, Text: b.Name}}
		for range b.Params {
			items = append(items, parts[r.IntN(len(parts))])
		}
		parts = append(parts, &ast.Expr{Kind: ast.List, Items: items})
	}
	for range 4000 {
		f := *files[r.IntN(len(files))]
		f.Solve = mutate(r, f.Solve, parts, 0)
		f.Decls = append([]*ast.Decl(nil), f.Decls...)
		for i, d := range f.Decls {
			own := *d
			if d.Body != nil {
				own.Body = mutate(r, d.Body, parts, 0)
			}
			f.Decls[i] = &own
		}
		m, err := mono.Specialise(&program.Program{Entry: &f})
		if err == nil {
			_, err = check.Check(m, check.Options{World: "run-os"})
		}
		if err != nil && strings.TrimSpace(err.Error()) == "" {
			t.Fatal("an error without text")
		}
	}
}

func collect(e *ast.Expr, parts *[]*ast.Expr) {
	if e == nil {
		return
	}
	*parts = append(*parts, e)
	for _, item := range e.Items {
		collect(item, parts)
	}
}

func mutate(r *rand.Rand, e *ast.Expr, parts []*ast.Expr, depth int) *ast.Expr {
	if e == nil {
		return nil
	}
	if r.IntN(12) == 0 {
		return parts[r.IntN(len(parts))]
	}
	if e.Kind != ast.List || depth > 20 {
		return e
	}
	n := *e
	n.Items = append([]*ast.Expr(nil), e.Items...)
	for i := range n.Items {
		n.Items[i] = mutate(r, n.Items[i], parts, depth+1)
	}
	switch r.IntN(20) {
	case 0:
		n.Items = n.Items[:r.IntN(len(n.Items)+1)]
	case 1:
		n.Items = append(n.Items, parts[r.IntN(len(parts))])
	}
	return &n
}

func TestTheDeepestNestingIsFine(t *testing.T) {
	for _, tc := range []struct{ name, open, close, leaf string }{
		{"begin", `["begin",0,`, `]`, `["bytes.empty"]`},
		{"if", `["if",1,`, `,["bytes.empty"]]`, `["bytes.empty"]`},
		{"condition", `["if",`, `,1,2]`, `1`},
		{"call", `["bytes.concat",["bytes.empty"],`, `]`, `["bytes.empty"]`},
		{"add", `["+",1,`, `]`, `1`},
		{"for", `["for","i",0,1,`, `]`, `0`},
		{"let", `["let","x",`, `]`, `0`},
		{"return", `["return",`, `]`, `["bytes.empty"]`},
		{"ty.cmp", `["ty.cmp","i32",1,`, `]`, `2`},
		{"unwrap_or", `["option_bytes_view.unwrap_or",["option_bytes_view.none"],`, `]`, `"input"`},
	} {
		// The solve value of a document may nest 126 levels.
		depth := 120 / (strings.Count(tc.open, "[") - strings.Count(tc.open, "]"))
		e := strings.Repeat(tc.open, depth) + tc.leaf + strings.Repeat(tc.close, depth)
		src, err := complete([]byte(fmt.Sprintf(`{"solve":["begin",%s,["bytes.empty"]]}`, e)))
		if err != nil {
			t.Fatal(err)
		}
		if err := compile(src, check.Options{World: "run-os"}); err != nil && tc.name != "let" && tc.name != "return" {
			t.Errorf("%s: %v", tc.name, err)
		}
	}
}
