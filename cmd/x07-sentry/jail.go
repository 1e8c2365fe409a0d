//go:build linux

package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"

	"x07/internal/sandbox/gvisor/skeleton"
	"x07/internal/sandbox/gvisor/wire"
)

// kernelFacts are the host files that gVisor reads while it starts. Copies are
// put into the jail, so that the jail needs no procfs or sysfs, and so no
// privilege to take them away again later. A missing file is left out: gVisor
// has a default for each.
// What the memory map says is a little old when it is read, which costs gVisor
// another try at worst.
var kernelFacts = append([]string{"/proc/self/auxv", "/proc/self/maps"}, wire.KernelFacts...)

// jailPoints are directories that exist on every Linux machine. The first that
// can be covered becomes the jail; only this process's mount table is affected.
var jailPoints = []string{"/tmp", "/proc", "/dev", "/sys"}

// enterJail makes a read-only tmpfs, empty but for mount points and kernel facts,
// the root file system of this process.
func enterJail(roots []root) error {
	facts := make(map[string][]byte, len(kernelFacts))
	for _, path := range kernelFacts {
		if data, err := os.ReadFile(path); err == nil {
			facts[path] = data
		}
	}
	// Nothing done below may propagate to the host.
	if err := unix.Mount("", "/", "", unix.MS_PRIVATE|unix.MS_REC, ""); err != nil {
		return fmt.Errorf("make mounts private: %w", err)
	}
	jail, err := mountJail()
	if err != nil {
		return err
	}
	if err := os.Chdir(jail); err != nil {
		return fmt.Errorf("enter jail: %w", err)
	}
	points := make([]skeleton.Point, 0, len(roots))
	for _, r := range roots {
		points = append(points, skeleton.Point{Path: r.Target, Dir: r.dir})
	}
	if err := skeleton.Make(".", points); err != nil {
		return fmt.Errorf("build jail: %w", err)
	}
	for path, data := range facts {
		path = path[1:]
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return fmt.Errorf("build jail: %w", err)
		}
		if err := os.WriteFile(path, data, 0o444); err != nil {
			return fmt.Errorf("build jail: %w", err)
		}
	}
	// pivot_root(".", ".") puts the old root on top of the new one; detaching "."
	// then removes the host's file system from this process for good.
	if err := unix.PivotRoot(".", "."); err != nil {
		return fmt.Errorf("pivot_root: %w", err)
	}
	if err := unix.Unmount(".", unix.MNT_DETACH); err != nil {
		return fmt.Errorf("detach host file system: %w", err)
	}
	if err := unix.Mount("", "/", "", unix.MS_REMOUNT|unix.MS_BIND|unix.MS_RDONLY|unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC, ""); err != nil {
		return fmt.Errorf("make jail read-only: %w", err)
	}
	return os.Chdir("/")
}

func mountJail() (string, error) {
	var errs []error
	for _, dir := range jailPoints {
		err := unix.Mount("x07", dir, "tmpfs", unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC, "mode=0755,size=1m")
		if err == nil {
			return dir, nil
		}
		errs = append(errs, fmt.Errorf("%s: %w", dir, err))
	}
	return "", fmt.Errorf("mount an empty file system: %w", errors.Join(errs...))
}

// rootCapabilities are what the guest kernel keeps when x07 is run by root, so
// that root's programs can use files of other users as they could outside. They
// count only for the mounts of this sandbox's own user namespace; an ordinary
// user's guest kernel keeps none.
const rootCapabilities = 1<<unix.CAP_CHOWN | 1<<unix.CAP_DAC_OVERRIDE |
	1<<unix.CAP_DAC_READ_SEARCH | 1<<unix.CAP_FOWNER | 1<<unix.CAP_FSETID

// confinable returns an error when the Go runtime cannot make a system call on all
// threads. With cgo it cannot: it does not know all of them.
func confinable() error {
	if _, _, errno := syscall.AllThreadsSyscall(unix.SYS_GETPID, 0, 0, 0); errno != 0 {
		return fmt.Errorf("this x07-sentry was built with cgo and cannot confine all its threads: build it with CGO_ENABLED=0 (%w)", errno)
	}
	return nil
}

// dropPrivileges gives up capabilities and the way to regain them, on every
// thread of this process. runsc executes itself again for that; here the Go
// runtime applies the system call to all threads.
//
// no_new_privs needs no call of its own: x07 sets it before it executes this
// program where it can, and the seccomp filter's installation sets it on every
// thread in any case. Ambient capabilities go with the permitted ones.
func dropPrivileges() error {
	var keep uint64
	if os.Geteuid() == 0 {
		keep = rootCapabilities
	}
	header := &unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	data := &[2]unix.CapUserData{
		{Effective: uint32(keep), Permitted: uint32(keep)},
		{Effective: uint32(keep >> 32), Permitted: uint32(keep >> 32)},
	}
	// The addresses travel as integers; pinning keeps them true.
	var pin runtime.Pinner
	defer pin.Unpin()
	pin.Pin(header)
	pin.Pin(data)
	if _, _, errno := syscall.AllThreadsSyscall(unix.SYS_CAPSET,
		uintptr(unsafe.Pointer(header)), uintptr(unsafe.Pointer(data)), 0); errno != 0 {
		return fmt.Errorf("drop capabilities: %w", errno)
	}
	// No core file of the guest kernel: it would hold the guest's memory.
	none := unix.Rlimit{}
	if err := unix.Setrlimit(unix.RLIMIT_CORE, &none); err != nil {
		return fmt.Errorf("disable core dumps: %w", err)
	}
	// directfs holds a host descriptor per file the guest has open or cached.
	var files unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &files); err != nil {
		return fmt.Errorf("read descriptor limit: %w", err)
	}
	files.Cur = files.Max
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &files); err != nil {
		return fmt.Errorf("raise descriptor limit: %w", err)
	}
	// The guest kernel has applied the guest's umask already.
	unix.Umask(0)
	return nil
}
