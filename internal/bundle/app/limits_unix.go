//go:build unix

package app

import (
	"golang.org/x/sys/unix"

	"x07/internal/sandbox"
)

// limitProcess applies what the system can hold a process to without a
// boundary: open files and core dumps, also of the children. Memory and time
// are the engine's business; the number of processes is not limited here,
// because the system counts all processes of the user.
func limitProcess(l sandbox.Limits) error {
	for _, r := range []struct {
		resource int
		most     int64
	}{{unix.RLIMIT_NOFILE, l.FDs}, {unix.RLIMIT_CORE, l.CoreBytes}} {
		var have unix.Rlimit
		if err := unix.Getrlimit(r.resource, &have); err != nil {
			return err
		}
		// The types of the fields differ between systems.
		most := have
		setLimit(&most, r.most)
		if most.Max > have.Max {
			most = have
		}
		if err := unix.Setrlimit(r.resource, &most); err != nil {
			return err
		}
	}
	return nil
}
