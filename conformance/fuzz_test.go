package conformance

import (
	"bytes"
	"context"
	"encoding/json"
	"io/fs"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"x07/internal/ast"
	"x07/internal/compile"
	"x07/internal/engine"
	"x07/internal/hostlib"
	"x07/internal/osworld"
	"x07/internal/policy"
	"x07/stdlib"
)

// goesThrough takes a document all the way: parse, check, lower, optimise,
// generate, compile to machine code and run, within limits and behind a gate
// that allows nothing. A document that is refused is fine, and so is a
// program that traps. A module that is not valid, a fault of the engine and
// memory that is not freed are not.
func goesThrough(t testing.TB, doc, input []byte) (accepted bool) {
	t.Helper()
	art, _, err := compile.Build(compile.Options{Entry: doc, World: "run-os"})
	if err != nil {
		if _, ok := compile.IsDefect(err); !ok {
			t.Fatalf("%v\n%s", err, doc)
		}
		return false
	}
	p, err := policy.FromTemplate("worker", "")
	if err != nil {
		t.Fatal(err)
	}
	p.Time.AllowSleep = false
	dir := t.TempDir()
	w, err := osworld.New(osworld.Config{
		Gate: policy.FromPolicy(p, policy.Options{WorkDir: dir}), WorkDir: dir,
		Stdin: strings.NewReader(""), Stdout: new(bytes.Buffer), Stderr: new(bytes.Buffer),
	})
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	host := w.HostTable()
	maps.Copy(host, hostlib.Table())
	res := engine.Run(context.Background(), art, engine.Config{
		Input: input, Host: host, Workers: 1, Fuel: 200_000, MaxMemoryBytes: 32 << 20, MaxOutputBytes: 1 << 20,
		Deadline: time.Now().Add(20 * time.Second),
	})
	// Raw pointers may go anywhere, and what they overwrite is theirs.
	raw := bytes.Contains(doc, []byte(`"unsafe"`))
	switch {
	case res.Err != nil:
		t.Fatalf("%v\n%s", res.Err, doc)
	case res.Trap != nil && res.Trap.Message == "timed out":
		t.Fatalf("fuel did not end it\n%s", doc)
	case res.Trap != nil && strings.HasPrefix(res.Trap.Message, "terminated by signal") && res.Trap.Func == "" && !raw:
		t.Fatalf("%s without a place\n%s", res.Trap.Message, doc)
	case res.Stats != nil && res.Stats.Mem.LiveBytes != 0 && !raw:
		t.Fatalf("%d bytes are live at the end\n%s", res.Stats.Mem.LiveBytes, doc)
	}
	return true
}

// programs are the documents of all cases and of the examples, and one for
// each module of the library, with its declarations as its own.
var programs = sync.OnceValues(func() (docs [][]byte, err error) {
	groups, err := Load()
	if err != nil {
		return nil, err
	}
	for _, g := range groups {
		for _, c := range g.Cases {
			src, err := g.alone(c)
			if err != nil {
				return nil, err
			}
			docs = append(docs, src)
		}
	}
	add := func(read func(string) ([]byte, error)) fs.WalkDirFunc {
		return func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() || !strings.HasSuffix(path, ".x07.json") {
				return err
			}
			src, err := read(path)
			if err != nil {
				return err
			}
			var m map[string]any
			if err := json.Unmarshal(src, &m); err != nil {
				return err
			}
			if m["kind"] == "module" {
				m["kind"], m["solve"] = "entry", []any{"bytes.empty"}
				if src, err = json.Marshal(m); err != nil {
					return err
				}
			}
			docs = append(docs, src)
			return nil
		}
	}
	if err := fs.WalkDir(stdlib.FS, ".", add(func(p string) ([]byte, error) { return fs.ReadFile(stdlib.FS, p) })); err != nil {
		return nil, err
	}
	return docs, filepath.WalkDir("../examples", add(os.ReadFile))
})

// changed is one of the programs with a few of its expressions replaced by
// others of the same program, or of another.
func changed(t testing.TB, seed uint64) []byte {
	t.Helper()
	docs, err := programs()
	if err != nil {
		t.Fatal(err)
	}
	r := rand.New(rand.NewPCG(seed, 7))
	base := decoded(docs[r.IntN(len(docs))])
	places, parts := expressions(base), expressions(base)
	if r.IntN(3) == 0 {
		parts = expressions(decoded(docs[r.IntN(len(docs))]))
	}
	for range 1 + r.IntN(4) {
		if len(places) == 0 || len(parts) == 0 {
			break
		}
		at, from := places[r.IntN(len(places))], parts[r.IntN(len(parts))]
		at.list[at.i] = deepCopy(from.list[from.i])
	}
	src, err := json.Marshal(base)
	if err != nil {
		t.Fatal(err)
	}
	return src
}

func decoded(doc []byte) any {
	v, err := ast.DecodeJSON(doc)
	if err != nil {
		return nil
	}
	return v
}

// place is an operand of an expression.
type place struct {
	list []any
	i    int
}

// expressions are all operands in the bodies of a document.
func expressions(doc any) (out []place) {
	var walk func(e any)
	walk = func(e any) {
		list, ok := e.([]any)
		if !ok {
			return
		}
		for i := 1; i < len(list); i++ {
			out = append(out, place{list, i})
			walk(list[i])
		}
	}
	m, _ := doc.(map[string]any)
	walk(m["solve"])
	decls, _ := m["decls"].([]any)
	for _, d := range decls {
		if d, ok := d.(map[string]any); ok {
			walk(d["body"])
		}
	}
	return out
}

// deepCopy keeps a replaced expression from containing itself.
func deepCopy(v any) any {
	list, ok := v.([]any)
	if !ok {
		return v
	}
	out := make([]any, len(list))
	for i, item := range list {
		out[i] = deepCopy(item)
	}
	return out
}

func TestChangedProgramsThatCompileRun(t *testing.T) {
	accepted := 0
	for seed := range uint64(400) {
		if goesThrough(t, changed(t, seed), []byte("input\nof a few lines\n")) {
			accepted++
		}
	}
	if accepted < 40 {
		t.Errorf("only %d of 400 changed programs compile", accepted)
	}
}

func FuzzChangedProgramsThatCompileRun(f *testing.F) {
	for seed := range uint64(5) {
		f.Add(seed, []byte("input"))
	}
	f.Fuzz(func(t *testing.T, seed uint64, input []byte) {
		goesThrough(t, changed(t, seed), input)
	})
}

func FuzzDocumentsThatCompileRun(f *testing.F) {
	docs, err := programs()
	if err != nil {
		f.Fatal(err)
	}
	for i := 0; i < len(docs); i += len(docs) / 12 {
		f.Add(docs[i], []byte("input"))
	}
	f.Fuzz(func(t *testing.T, doc, input []byte) {
		goesThrough(t, doc, input)
	})
}
