package compile_test

import (
	"bytes"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"x07/internal/artifact"
	"x07/internal/compile"
)

// project is an entry that returns what module a of two roots returns.
type project struct{ dir string }

func newProject(t *testing.T) project {
	p := project{t.TempDir()}
	p.write(t, "main.x07.json", `{"schema_version":"x07.x07ast@0.5.0","kind":"entry","module_id":"main","imports":["a"],"decls":[],"solve":["a.f"]}`)
	p.module(t, "second", "one")
	return p
}

func (p project) write(t *testing.T, name, text string) {
	t.Helper()
	path := filepath.Join(p.dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func (p project) module(t *testing.T, root, text string) {
	t.Helper()
	p.write(t, root+"/a.x07.json", `{"schema_version":"x07.x07ast@0.5.0","kind":"module","module_id":"a","imports":[],"decls":[{"kind":"export","names":["a.f"]},{"kind":"defn","name":"a.f","params":[],"result":"bytes","body":["bytes.lit","`+text+`"]}]}`)
}

func (p project) options() compile.Options {
	return compile.Options{
		EntryPath: filepath.Join(p.dir, "main.x07.json"), World: "run-os", CacheDir: filepath.Join(p.dir, "cache"),
		ModuleRoots: []string{filepath.Join(p.dir, "first"), filepath.Join(p.dir, "second")},
	}
}

// build compiles the project, says whether the cache had it, and compares it
// with what a build without a cache gives.
func (p project) build(t *testing.T) (cached bool) {
	t.Helper()
	a, info, err := compile.Build(p.options())
	if err != nil {
		t.Fatal(err)
	}
	fresh := p.options()
	fresh.CacheDir = ""
	b, _, err := compile.Build(fresh)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(encoded(t, a), encoded(t, b)) {
		t.Fatal("the cache gave another program than the sources")
	}
	return info.Cached
}

func encoded(t *testing.T, a *artifact.Artifact) []byte {
	t.Helper()
	b, err := a.Encode()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// entries are the files of the cache below sub.
func (p project) entries(t *testing.T, sub string) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(p.dir, "cache", sub, "*"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no entries in %s: %v", sub, err)
	}
	return files
}

func TestWhatWasCompiledIsReadAgainUntilASourceChanges(t *testing.T) {
	p := newProject(t)
	for _, step := range []struct {
		name   string
		change func()
		cached bool
	}{
		{"first", func() {}, false},
		{"again", func() {}, true},
		{"a module changes", func() { p.module(t, "second", "two") }, false},
		{"again", func() {}, true},
	} {
		step.change()
		if got := p.build(t); got != step.cached {
			t.Errorf("%s: cached %v, want %v", step.name, got, step.cached)
		}
	}
	// A file that was not there is part of what a build depends on.
	p.module(t, "first", "three")
	if _, _, err := compile.Build(p.options()); err == nil {
		t.Error("the cache hides that a module has become ambiguous")
	}
}

func TestADamagedEntryIsCompiledAgain(t *testing.T) {
	p := newProject(t)
	p.build(t)
	for _, sub := range []string{"plan", "art"} {
		for name, damage := range map[string]func([]byte) []byte{
			"truncated": func(b []byte) []byte { return b[:len(b)/2] },
			"empty":     func(b []byte) []byte { return nil },
			"flipped":   func(b []byte) []byte { b[len(b)/2] ^= 1; return b },
		} {
			path := p.entries(t, sub)[0]
			b, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, damage(b), 0o644); err != nil {
				t.Fatal(err)
			}
			if p.build(t) {
				t.Errorf("%s: a %s entry was believed", sub, name)
			}
			if !p.build(t) {
				t.Errorf("%s: a %s entry was not replaced", sub, name)
			}
		}
	}
}

func TestBuildsAtTheSameTimeShareACache(t *testing.T) {
	p := newProject(t)
	want, _, err := compile.Build(func() compile.Options { o := p.options(); o.CacheDir = ""; return o }())
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for range 16 {
		wg.Go(func() {
			a, _, err := compile.Build(p.options())
			if err != nil {
				t.Error(err)
				return
			}
			if b, err := a.Encode(); err != nil || !bytes.Equal(b, encoded(t, want)) {
				t.Errorf("another program: %v", err)
			}
		})
	}
	wg.Wait()
	if left, _ := filepath.Glob(filepath.Join(p.dir, "cache", "*", ".tmp-*")); left != nil {
		t.Errorf("left behind: %v", left)
	}
}

func TestACacheThatCannotBeWrittenIsNoError(t *testing.T) {
	p := newProject(t)
	p.write(t, "cache", "a file")
	if p.build(t) {
		t.Error("cached in a file")
	}
}
