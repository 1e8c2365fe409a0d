package skeleton

import (
	"os"
	"path/filepath"
	"testing"
)

func TestMakeMakesEveryPointAndCanBeRepeated(t *testing.T) {
	base := t.TempDir()
	points := []Point{{Path: "/x07/work/a", Dir: true}, {Path: "/etc/file"}, {Path: "/x07/work/a/b", Dir: true}}
	for range 2 {
		if err := Make(base, points); err != nil {
			t.Fatal(err)
		}
	}
	for path, dir := range map[string]bool{"proc": true, "tmp": true, "x07/work/a/b": true, "etc/file": false} {
		info, err := os.Stat(filepath.Join(base, Dir, path))
		if err != nil || info.IsDir() != dir {
			t.Errorf("%s: %v, %v", path, info, err)
		}
	}
}
