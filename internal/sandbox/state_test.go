package sandbox

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestJobDirectoriesAreOnesOwn(t *testing.T) {
	home, tmp := t.TempDir(), t.TempDir()
	t.Setenv("X07_VM_STATE_DIR", "")
	t.Setenv("TMPDIR", tmp)
	t.Setenv("HOME", home)
	if dir, err := StateRoot(os.LookupEnv); err != nil || !strings.HasPrefix(dir, home) {
		t.Errorf("with a home: %q, %v", dir, err)
	}
	t.Setenv("X07_VM_STATE_DIR", "/somewhere")
	if dir, err := StateRoot(os.LookupEnv); err != nil || dir != "/somewhere" {
		t.Errorf("with a directory of one's choice: %q, %v", dir, err)
	}
	t.Setenv("X07_VM_STATE_DIR", "")
	// A home that is a file cannot hold anything, not even for root.
	file := filepath.Join(tmp, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, home := range []string{"", "relative", file, filepath.Join(tmp, "missing")} {
		t.Setenv("HOME", home)
		dir, err := StateRoot(os.LookupEnv)
		if err != nil || !strings.HasPrefix(dir, tmp) {
			t.Errorf("with the home %q: %q, %v", home, dir, err)
		}
		info, err := os.Stat(filepath.Dir(dir))
		if err != nil || info.Mode().Perm() != 0o700 {
			t.Errorf("with the home %q: mode %v, %v", home, info.Mode(), err)
		}
		// Somebody may have made it first, to look on.
		if err := os.Chmod(filepath.Dir(dir), 0o777); err != nil {
			t.Fatal(err)
		}
		if dir, err := StateRoot(os.LookupEnv); err == nil {
			t.Errorf("a directory open to all was taken: %s", dir)
		}
		if err := os.Remove(filepath.Dir(dir)); err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(t.TempDir(), filepath.Dir(dir)); err != nil {
			t.Fatal(err)
		}
		if dir, err := StateRoot(os.LookupEnv); err == nil {
			t.Errorf("a link was followed: %s", dir)
		}
		if err := os.Remove(filepath.Dir(dir)); err != nil {
			t.Fatal(err)
		}
	}
}
