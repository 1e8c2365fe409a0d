package sandbox

import (
	"fmt"
	"os"
	"path/filepath"
)

// EnvStateDir overrides where job directories live.
const EnvStateDir = "X07_VM_STATE_DIR"

// StateRoot returns the directory of all job directories: X07_VM_STATE_DIR, else
// .x07/vm/jobs below the home directory. A user without a home that can be written
// gets x07-<uid>/jobs below the directory for temporary files, where others write
// too: x07-<uid> must be a directory of this user that nobody else can enter, and
// is made so; one that is not is an error.
func StateRoot(lookup func(string) (string, bool)) (string, error) {
	if dir, ok := lookup(EnvStateDir); ok && dir != "" {
		return dir, nil
	}
	if home, _ := lookup("HOME"); filepath.IsAbs(home) {
		// A home that does not exist is not made, not even by root.
		if info, err := os.Stat(home); err == nil && info.IsDir() {
			dir := filepath.Join(home, ".x07", "vm", "jobs")
			if os.MkdirAll(dir, 0o700) == nil && writable(dir) {
				return dir, nil
			}
		}
	}
	dir := filepath.Join(os.TempDir(), fmt.Sprintf("x07-%d", os.Getuid()))
	if err := os.Mkdir(dir, 0o700); err != nil && !os.IsExist(err) {
		return "", fmt.Errorf("create job state directory: %w (set %s to a directory that can be written)", err, EnvStateDir)
	}
	info, err := os.Lstat(dir)
	if err != nil {
		return "", fmt.Errorf("create job state directory: %w", err)
	}
	if !info.IsDir() || info.Mode().Perm()&0o077 != 0 || !ownedByUs(info) {
		return "", fmt.Errorf("job state directory %s is not this user's alone: remove it, or set %s to another one", dir, EnvStateDir)
	}
	return filepath.Join(dir, "jobs"), nil
}
