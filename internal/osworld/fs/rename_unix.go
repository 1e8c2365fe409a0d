//go:build unix

package fs

import (
	"errors"
	"os"
	"path"

	"golang.org/x/sys/unix"
)

// rename is one rename of the system, without the checks that os.Rename puts
// before it. Beneath roots, both parent directories are opened in their trees,
// and the names are moved between these.
func rename(from tree, fromName string, to tree, toName string) error {
	if host, ok := from.(hostTree); ok {
		err := unix.Rename(host.abs(fromName), host.abs(toName))
		if err != nil {
			err = &os.LinkError{Op: "rename", Old: fromName, New: toName, Err: err}
		}
		return err
	}
	fromDir, fromBase, err := openParent(from, fromName)
	if err != nil {
		return err
	}
	defer fromDir.Close()
	toDir, toBase, err := openParent(to, toName)
	if err != nil {
		return err
	}
	defer toDir.Close()
	if err := unix.Renameat(int(fromDir.Fd()), fromBase, int(toDir.Fd()), toBase); err != nil {
		return &os.LinkError{Op: "rename", Old: fromName, New: toName, Err: err}
	}
	return nil
}

// openParent opens the directory that holds name. The root of a tree has none.
func openParent(t tree, name string) (*os.File, string, error) {
	if l, ok := t.(lone); ok {
		if err := l.check(name); err != nil {
			return nil, "", err
		}
		dir, err := l.dir.OpenFile(".", os.O_RDONLY, 0)
		return dir, l.file, err
	}
	if name == "." {
		return nil, "", &os.PathError{Op: "rename", Path: name, Err: errRenameRoot}
	}
	dir, err := t.OpenFile(path.Dir(name), os.O_RDONLY, 0)
	return dir, path.Base(name), err
}

var errRenameRoot = errors.New("a root cannot be renamed")
