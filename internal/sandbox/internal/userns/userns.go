//go:build linux

// Package userns computes the id mappings of the user namespaces that backends
// put their processes into.
package userns

import (
	"fmt"
	"os"
	"strings"
	"syscall"
)

// Maps are the mappings of one user namespace.
type Maps struct{ UIDs, GIDs []syscall.SysProcIDMap }

// Identity maps ids to themselves, so that file ownership means the same on both
// sides. An ordinary user may map only himself; root maps every id there is in
// the namespace it is in.
func Identity() (Maps, error) {
	if os.Geteuid() != 0 {
		return Maps{
			UIDs: []syscall.SysProcIDMap{{ContainerID: os.Geteuid(), HostID: os.Geteuid(), Size: 1}},
			GIDs: []syscall.SysProcIDMap{{ContainerID: os.Getegid(), HostID: os.Getegid(), Size: 1}},
		}, nil
	}
	uids, err := identity("/proc/self/uid_map")
	if err != nil {
		return Maps{}, err
	}
	gids, err := identity("/proc/self/gid_map")
	if err != nil {
		return Maps{}, err
	}
	return Maps{UIDs: uids, GIDs: gids}, nil
}

func identity(path string) ([]syscall.SysProcIDMap, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read id map: %w", err)
	}
	var out []syscall.SysProcIDMap
	for line := range strings.Lines(string(data)) {
		var inside, outside, size int
		if _, err := fmt.Sscan(line, &inside, &outside, &size); err != nil {
			return nil, fmt.Errorf("parse id map %s: %q: %w", path, line, err)
		}
		out = append(out, syscall.SysProcIDMap{ContainerID: inside, HostID: inside, Size: size})
	}
	return out, nil
}
