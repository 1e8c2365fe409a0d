package stdlib

import (
	"bytes"
	"io/fs"
	"path"
	"strings"
	"testing"

	"x07/internal/ast"
)

func TestAnOSWorldHasItsOwnAdapters(t *testing.T) {
	const name = "std/world/fs.x07.json"
	for world, want := range map[bool]string{false: `"fs.read"`, true: `"os.fs.read_file"`} {
		src, err := fs.ReadFile(For(world), name)
		if err != nil || !bytes.Contains(src, []byte(want)) {
			t.Errorf("OS world %v: %v, no %s in %s", world, err, want, src)
		}
	}
	if _, err := fs.ReadFile(For(true), "std/bytes.x07.json"); err != nil {
		t.Error(err)
	}
	if _, err := fs.ReadFile(For(false), "std/world/env.x07.json"); err == nil {
		t.Error("std.world.env exists outside of the OS worlds")
	}
}

func TestEveryAdapterIsCanonicalAndDocumented(t *testing.T) {
	err := fs.WalkDir(osTree, "os", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		src, err := osTree.ReadFile(name)
		if err != nil {
			return err
		}
		f, err := ast.Parse(src)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			return nil
		}
		if !bytes.Equal(src, ast.Format(f)) {
			t.Errorf("%s: run x07 fmt", name)
		}
		if want := "std.world." + strings.TrimSuffix(path.Base(name), suffix); f.ModuleID != want {
			t.Errorf("%s: module_id is %s", name, f.ModuleID)
		}
		docs, _ := f.Meta["docs"].(map[string]any)
		for _, export := range f.Exports {
			if docs[export] == nil {
				t.Errorf("%s: no text in meta.docs", export)
			}
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}
