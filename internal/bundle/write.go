package bundle

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"x07/internal/bundle/sidecar"
	"x07/internal/oserr"
)

// OutputPath is the executable's path for --out: out itself or, when out is or
// is meant to be a directory, the file name in it. It returns also the bundle's
// name: the file name without its last extension.
func OutputPath(out, name string) (path, bundle string) {
	if info, err := os.Stat(out); err == nil && info.IsDir() || strings.HasSuffix(out, "/") || strings.HasSuffix(out, `\`) {
		out = filepath.Join(strings.TrimRight(out, `/\`)+string(filepath.Separator), name)
	}
	base := filepath.Base(out)
	if ext := filepath.Ext(base); ext != base {
		base = strings.TrimSuffix(base, ext)
	}
	return out, base
}

// Write writes the bundle to out. Each file is written under another name and
// renamed, and the executable comes last, so that no half-written executable is
// ever there; what was there before is replaced. On failure what is left is the
// bundle of before, or none.
func (b *Bundle) Write(out string) (err error) {
	out, err = filepath.Abs(out)
	if err != nil {
		return err
	}
	// A symbolic link keeps pointing where it did: the file behind it is replaced.
	if real, err := filepath.EvalSymlinks(out); err == nil {
		out = real
	}
	if info, err := os.Stat(out); err == nil && !info.Mode().IsRegular() {
		return fmt.Errorf("write %s: expected a regular file or nothing there", out)
	}
	side := out + sidecar.Suffix
	if b.Manifest != nil {
		if info, err := os.Lstat(side); err == nil && !info.IsDir() {
			return fmt.Errorf("vm sidecar exists but is not a directory: %s", side)
		}
	}
	if err := os.MkdirAll(filepath.Dir(out), 0o755); err != nil {
		return fmt.Errorf("create directory for %s: %w", out, oserr.Cause(err))
	}
	var undo []func()
	defer func() {
		if err != nil {
			for i := len(undo) - 1; i >= 0; i-- {
				undo[i]()
			}
		}
	}()
	exe, err := stage(out, b.Files[0])
	if err != nil {
		return err
	}
	undo = append(undo, func() { os.Remove(exe) })
	if b.Manifest != nil {
		fresh := side + temporary()
		undo = append(undo, func() { os.RemoveAll(fresh) })
		if err := writeTree(fresh, b.Files[1:]); err != nil {
			return err
		}
		old := side + temporary() + ".old"
		switch err := os.Rename(side, old); {
		case err == nil:
			undo = append(undo, func() { os.Rename(old, side) })
			defer os.RemoveAll(old)
		case !errors.Is(err, os.ErrNotExist):
			return fmt.Errorf("replace %s: %w", side, oserr.Cause(err))
		}
		if err := os.Rename(fresh, side); err != nil {
			return fmt.Errorf("write %s: %w", side, oserr.Cause(err))
		}
		undo = append(undo, func() { os.RemoveAll(side) })
	}
	if err := os.Rename(exe, out); err != nil {
		return fmt.Errorf("write %s: %w", out, oserr.Cause(err))
	}
	return nil
}

// stage writes a file next to where it will be and returns its name.
func stage(path string, f File) (string, error) {
	tmp := filepath.Join(filepath.Dir(path), "."+filepath.Base(path)+temporary())
	if err := writeNew(tmp, f); err != nil {
		return "", fmt.Errorf("write %s: %w", path, oserr.Cause(err))
	}
	return tmp, nil
}

// temporary is the end of a name that no other process uses.
func temporary() string { return fmt.Sprintf(".%d.tmp", os.Getpid()) }

func writeNew(path string, f File) error {
	perm := os.FileMode(0o644)
	if f.Executable {
		perm = 0o755
	}
	// What a killed process with our number left is replaced.
	os.Remove(path)
	w, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, perm)
	if err != nil {
		return err
	}
	// It is executable when it is empty, which shows the user's umask, and when it
	// is whole: if this process is killed in between, what is left cannot start.
	info, err := w.Stat()
	if err == nil {
		err = w.Chmod(0o600)
	}
	if err == nil {
		_, err = w.Write(f.Data)
	}
	if err == nil {
		err = w.Chmod(info.Mode().Perm())
	}
	if cerr := w.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		os.Remove(path)
	}
	return err
}

// writeTree writes files below a new directory.
func writeTree(dir string, files []File) error {
	for _, f := range files {
		path := filepath.Join(dir, filepath.FromSlash(f.Path))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return fmt.Errorf("create directory for %s: %w", path, oserr.Cause(err))
		}
		if err := writeNew(path, f); err != nil {
			return fmt.Errorf("write %s: %w", path, oserr.Cause(err))
		}
	}
	return nil
}
