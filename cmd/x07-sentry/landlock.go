//go:build linux

package main

import (
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"x07/internal/sandbox/gvisor/wire"
)

// enterConfined is confine for machines where an ordinary user may not have
// namespaces of his own. x07 has put this process into a Landlock domain before
// executing it: the roots, the guest's root directory in the state directory and
// the kernel facts are all that it can open. The domain cannot be entered here,
// because the Go runtime has several threads by now, each of which would enter one
// of its own and then be a stranger to the others' children.
func enterConfined(mounts []wire.Mount, stateDir string) ([]root, error) {
	if !filepath.IsAbs(stateDir) {
		return nil, fmt.Errorf("state directory %q is not absolute", stateDir)
	}
	roots := make([]root, 0, len(mounts))
	for _, m := range mounts {
		tree, err := unix.Open(m.Source, unix.O_PATH|unix.O_CLOEXEC, 0)
		if err == nil {
			var r root
			if r, err = newRoot(m, tree); err == nil {
				roots = append(roots, r)
				continue
			}
		}
		return nil, fmt.Errorf("mount %s at %s: %w", m.Source, m.Target, err)
	}
	if err := os.Chdir(stateDir); err != nil {
		return nil, fmt.Errorf("enter state directory: %w", err)
	}
	// The domain is what this process relies on; without it there is no start.
	if f, err := os.Open("/"); err == nil {
		f.Close()
		return nil, fmt.Errorf("this process is not confined: it can list the host's root directory")
	}
	return roots, nil
}
