//go:build darwin || freebsd

package process

import (
	"syscall"

	"golang.org/x/sys/unix"
)

// pipe returns the read and the write end of a pipe that children do not inherit.
func pipe() (r, w int, err error) {
	var p [2]int
	// The lock keeps another goroutine from starting a child in between.
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	if err := unix.Pipe(p[:]); err != nil {
		return 0, 0, err
	}
	unix.CloseOnExec(p[0])
	unix.CloseOnExec(p[1])
	return p[0], p[1], nil
}

// adoptDescendants does nothing: these systems give orphans to init.
func adoptDescendants(bool) {}

// endDescendants finds nothing, since orphans are not adopted. The process
// groups of the children have been ended already.
func endDescendants() int { return 0 }
