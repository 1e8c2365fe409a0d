package atomicfile

import (
	"os"
	"path/filepath"
	"testing"
)

func TestAtomicWritesReplaceFilesAndLeaveNothingElse(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "a", "b.json")
	for _, text := range []string{"one", "two"} {
		if err := Write(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if got, _ := os.ReadFile(path); string(got) != text {
			t.Errorf("got %q", got)
		}
	}
	if entries, _ := os.ReadDir(filepath.Join(dir, "a")); len(entries) != 1 {
		t.Errorf("left behind: %v", entries)
	}
	if err := Write(filepath.Join(dir, "a"), nil, 0o600); err == nil {
		t.Error("a directory was overwritten")
	}
	if err := Write(filepath.Join(path, "x"), nil, 0o600); err == nil {
		t.Error("a file was used as a directory")
	}
}
