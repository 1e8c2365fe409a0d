//go:build unix

package sandbox

import (
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// lockDir creates the lock file of a new job directory and holds it. The kernel
// releases the lock when this process ends, however it ends.
func lockDir(dir string) (*os.File, error) {
	return flock(filepath.Join(dir, lockFile), os.O_CREATE|os.O_EXCL|os.O_RDWR)
}

// tryLockDir takes the lock of an existing job directory. It fails when the job's
// owner is alive.
func tryLockDir(dir string) (*os.File, error) {
	return flock(filepath.Join(dir, lockFile), os.O_RDWR|unix.O_NOFOLLOW)
}

func flock(path string, flag int) (*os.File, error) {
	f, err := os.OpenFile(path, flag, 0o600)
	if err != nil {
		return nil, err
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}
