//go:build linux

package main

import (
	"fmt"
	"os"
	"strconv"

	"golang.org/x/sys/unix"

	"x07/internal/sandbox/gvisor/skeleton"
	"x07/internal/sandbox/gvisor/wire"
)

// root is one host file or directory that the guest sees.
type root struct {
	wire.Mount
	// tree is a path descriptor of the source: the detached mount, if there is one.
	// Closing it would dissolve the mount, so it stays open as long as the sandbox.
	tree int
	// read is the mount's root opened for reading.
	read int
	// write is the mount's root opened for reading and writing, or -1. Only a
	// writable mount of a single file has one.
	write int
	dir   bool
}

// openRoots clones each mount's source into a detached mount of its own. A
// detached mount has no parent: ".." at its root stays at its root, and nothing
// that happens to the host's mount table later shows up in it.
func openRoots(mounts []wire.Mount) ([]root, error) {
	roots := make([]root, 0, len(mounts))
	for _, m := range mounts {
		r, err := openRoot(m)
		if err != nil {
			return nil, fmt.Errorf("mount %s at %s: %w", m.Source, m.Target, err)
		}
		roots = append(roots, r)
	}
	return roots, nil
}

func openRoot(m wire.Mount) (root, error) {
	tree, err := unix.OpenTree(unix.AT_FDCWD, m.Source,
		unix.OPEN_TREE_CLONE|unix.OPEN_TREE_CLOEXEC|unix.AT_RECURSIVE)
	if err != nil {
		return root{}, fmt.Errorf("clone mount: %w", err)
	}
	// Host devices are out of reach and set-user-ID bits mean nothing, whatever
	// lies in the root.
	attr := unix.MountAttr{Attr_set: unix.MOUNT_ATTR_NODEV | unix.MOUNT_ATTR_NOSUID}
	if !m.Writable {
		attr.Attr_set |= unix.MOUNT_ATTR_RDONLY
	}
	// A clone made by an unprivileged user also has to keep what the host's mount
	// table locked; setting more attributes is always allowed.
	if err := unix.MountSetattr(tree, "", unix.AT_EMPTY_PATH|unix.AT_RECURSIVE, &attr); err != nil {
		return root{}, fmt.Errorf("set mount attributes: %w", err)
	}
	return newRoot(m, tree)
}

// newRoot completes a root from a path descriptor of its source.
func newRoot(m wire.Mount, tree int) (root, error) {
	r := root{Mount: m, tree: tree, write: -1}
	var st unix.Stat_t
	err := unix.Fstat(r.tree, &st)
	if err != nil {
		return r, err
	}
	switch st.Mode & unix.S_IFMT {
	case unix.S_IFDIR:
		r.dir = true
	case unix.S_IFREG:
	default:
		return r, fmt.Errorf("only directories and regular files can be mounted, this has mode %#o", st.Mode)
	}
	self := "/proc/self/fd/" + strconv.Itoa(r.tree)
	if r.read, err = unix.Open(self, unix.O_RDONLY|unix.O_CLOEXEC, 0); err != nil {
		return r, fmt.Errorf("open for reading: %w", err)
	}
	if m.Writable && !r.dir {
		if r.write, err = unix.Open(self, unix.O_RDWR|unix.O_CLOEXEC, 0); err != nil {
			return r, fmt.Errorf("open for writing: %w", err)
		}
	}
	return r, nil
}

// openGuestRoot opens the directory below the working directory that is the
// guest's root.
func openGuestRoot() (root, error) {
	fd, err := unix.Open(skeleton.Dir, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return root{}, os.NewSyscallError("open guest root", err)
	}
	return root{Mount: wire.Mount{Target: "/"}, tree: -1, read: fd, write: -1, dir: true}, nil
}
