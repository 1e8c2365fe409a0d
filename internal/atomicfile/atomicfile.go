// Package atomicfile writes files so that a reader sees the old bytes or the
// new ones, never a part, whatever happens in between. It is the one way in
// which X07 writes files that somebody else may read.
package atomicfile

import (
	"fmt"
	"os"
	"path/filepath"
	"sync/atomic"

	"x07/internal/oserr"
)

// tempCount makes the names of temporary files unique within the process.
var tempCount atomic.Uint64

// Write writes data to path: parents are created, the bytes go to a
// temporary file of the same directory, and one rename puts them in place. A
// reader sees the old file or the new one, never a part, and a failure leaves
// nothing behind. A file that exists keeps its permissions.
func Write(path string, data []byte, perm os.FileMode) error {
	info, err := os.Stat(path)
	if err == nil && info.IsDir() {
		return fmt.Errorf("write %s: expected a file or nothing there, found a directory", path)
	}
	if err == nil && !info.Mode().IsRegular() {
		return writeThrough(path, data)
	}
	dir, name := filepath.Split(path)
	if dir != "" {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return fmt.Errorf("create directory for %s: %w", path, oserr.Cause(err))
		}
	}
	if err == nil {
		perm = info.Mode().Perm()
		// A symbolic link keeps pointing where it did: the file behind it is replaced.
		if real, err := filepath.EvalSymlinks(path); err == nil {
			path = real
			dir, name = filepath.Split(real)
		}
	}
	tmp := filepath.Join(dir, fmt.Sprintf(".%s.%d.%d.tmp", name, os.Getpid(), tempCount.Add(1)))
	f, err := os.OpenFile(tmp, os.O_WRONLY|os.O_CREATE|os.O_EXCL, perm)
	if err != nil {
		return fmt.Errorf("write %s: %w", path, oserr.Cause(err))
	}
	_, err = f.Write(data)
	if err == nil && info != nil {
		err = f.Chmod(perm) // whatever the umask says
	}
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err == nil {
		err = os.Rename(tmp, path)
	}
	if err != nil {
		os.Remove(tmp)
		return fmt.Errorf("write %s: %w", path, err)
	}
	return nil
}

// writeThrough writes to something that cannot be replaced.
func writeThrough(path string, data []byte) error {
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return fmt.Errorf("write %s: %w", path, oserr.Cause(err))
	}
	_, err = f.Write(data)
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		return fmt.Errorf("write %s: %w", path, oserr.Cause(err))
	}
	return nil
}
