// Package skeleton makes the directory that is a guest's root file system: empty
// but for the points that mounts cover.
package skeleton

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
)

// Dir is the name of the directory.
const Dir = "guest"

// builtin are the mount points of the file systems that the guest kernel makes up
// itself, and of what every guest has.
var builtin = []string{"proc", "sys", "dev", "tmp", "x07/work", "x07/bin"}

// Point is a mount point.
type Point struct {
	// Path is absolute in the guest.
	Path string
	// Dir says whether a directory is mounted there, or a file.
	Dir bool
}

// Make makes Dir below base, with all points in it. A point below another one is
// made too; the guest uses the one that the outer mount brings along. What exists
// already is left alone.
func Make(base string, points []Point) error {
	root := filepath.Join(base, Dir)
	for _, dir := range builtin {
		if err := os.MkdirAll(filepath.Join(root, dir), 0o755); err != nil {
			return err
		}
	}
	for _, p := range points {
		path := filepath.Join(root, p.Path)
		if p.Dir {
			if err := os.MkdirAll(path, 0o755); err != nil {
				return err
			}
			continue
		}
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o444)
		if err != nil && !errors.Is(err, fs.ErrExist) {
			return err
		}
		f.Close()
	}
	return nil
}
