package oslevel

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"syscall"
	"unsafe"

	"github.com/landlock-lsm/go-landlock/landlock"
	ll "github.com/landlock-lsm/go-landlock/landlock/syscall"
	"golang.org/x/sys/unix"
)

// Apply confines this process, all its threads and all its future children, for
// good. Call it once. An error means that a protection this kernel has could not
// be put in place; what the kernel does not have is in the Report.
func Apply(r Rules) (*Report, error) {
	report := new(Report)
	if err := confinable(); err != nil {
		return nil, err
	}
	if err := applyLimits(r); err != nil {
		return nil, err
	}
	// A process that cannot be dumped cannot be looked into by others either; one
	// that may be dumped has to be.
	if r.CoreBytes == 0 {
		if err := unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0); err != nil {
			return nil, fmt.Errorf("forbid other processes to look into this one: %w", err)
		}
	}
	if err := applyLandlock(r, report); err != nil {
		return nil, err
	}
	if err := applySeccomp(r, report); err != nil {
		return nil, err
	}
	return report, nil
}

// confinable returns an error when the Go runtime cannot make a system call on all
// threads, as Landlock needs. With cgo the Landlock library would look for threads
// in /proc instead, which does not show this process where it has a pid namespace
// of its own, and not end.
func confinable() error {
	if _, _, errno := syscall.AllThreadsSyscall(unix.SYS_GETPID, 0, 0, 0); errno != 0 {
		return fmt.Errorf("this runner was built with cgo and cannot confine all its threads: build it with CGO_ENABLED=0 (%w)", errno)
	}
	return nil
}

// applyLimits lowers resource limits. Asking for more than an existing hard limit
// keeps the existing one.
func applyLimits(r Rules) error {
	limits := []struct {
		name     string
		resource int
		value    uint64
		set      bool
	}{
		{"cpu", unix.RLIMIT_CPU, r.CPUSeconds, r.CPUSeconds > 0},
		{"fds", unix.RLIMIT_NOFILE, r.FDs, r.FDs > 0},
		{"procs", unix.RLIMIT_NPROC, r.Procs, r.Procs > 0},
		{"core", unix.RLIMIT_CORE, r.CoreBytes, true},
	}
	for _, l := range limits {
		if !l.set {
			continue
		}
		var now unix.Rlimit
		if err := unix.Getrlimit(l.resource, &now); err != nil {
			return fmt.Errorf("read limit %s: %w", l.name, err)
		}
		value := min(l.value, now.Max)
		if err := unix.Setrlimit(l.resource, &unix.Rlimit{Cur: value, Max: value}); err != nil {
			return fmt.Errorf("set limit %s to %d: %w", l.name, value, err)
		}
	}
	return nil
}

// landlockConfigs are the strictest configurations per Landlock version. Later
// versions add nothing that the seccomp filter does not forbid already.
var landlockConfigs = []landlock.Config{{}, landlock.V1, landlock.V2, landlock.V3, landlock.V4, landlock.V5, landlock.V6}

// landlockGains are what each version protects that the one before did not.
var landlockGains = []string{
	1: "file roots are not enforced by the kernel (no Landlock)",
	2: "",
	3: "files outside write roots could be truncated by a process that can open them (Landlock before version 3)",
	4: "TCP ports are not enforced by the kernel (Landlock before version 4)",
	5: "",
	6: "signals to other processes are not refused by the kernel (Landlock before version 6)",
}

const (
	readRights  = landlock.AccessFSSet(ll.AccessFSReadFile | ll.AccessFSReadDir)
	fileRights  = landlock.AccessFSSet(ll.AccessFSReadFile)
	writeRights = readRights | landlock.AccessFSSet(ll.AccessFSWriteFile|ll.AccessFSRemoveDir|ll.AccessFSRemoveFile|
		ll.AccessFSMakeDir|ll.AccessFSMakeReg|ll.AccessFSMakeSym)
	execRights = landlock.AccessFSSet(ll.AccessFSReadFile | ll.AccessFSExecute)
)

// alwaysReadable is what the Go runtime and the standard library read.
var alwaysReadable = []string{"/dev/null", "/dev/zero", "/dev/urandom", "/dev/random", "/etc/localtime", "/usr/share/zoneinfo"}

// libraries is what a dynamically linked program loads besides itself.
var libraries = []string{"/lib", "/lib64", "/usr/lib", "/usr/lib64", "/usr/local/lib", "/etc/ld.so.cache"}

func applyLandlock(r Rules, report *Report) error {
	version, err := ll.LandlockGetABIVersion()
	if err != nil {
		version = 0
	}
	report.Landlock = version
	for v, gain := range landlockGains {
		if v > version && gain != "" {
			report.Missing = append(report.Missing, gain)
		}
	}
	if version == 0 {
		return nil
	}
	config := landlockConfigs[min(version, len(landlockConfigs)-1)]
	handled := config.HandledAccessFS
	var rules []landlock.Rule
	add := func(rights landlock.AccessFSSet, optional bool, paths ...string) error {
		for _, path := range paths {
			info, err := os.Stat(path)
			if err != nil {
				if optional {
					continue
				}
				return fmt.Errorf("root %s: %w", path, err)
			}
			granted := rights & handled
			if !info.IsDir() {
				granted &= landlock.AccessFSSet(ll.AccessFSExecute | ll.AccessFSReadFile | ll.AccessFSWriteFile | ll.AccessFSTruncate)
			}
			rules = append(rules, landlock.PathAccess(granted, path))
		}
		return nil
	}
	write := writeRights
	if version >= 2 {
		write |= landlock.AccessFSSet(ll.AccessFSRefer)
	}
	if version >= 3 {
		write |= landlock.AccessFSSet(ll.AccessFSTruncate)
	}
	err = errors.Join(
		add(readRights, true, alwaysReadable...),
		add(fileRights|landlock.AccessFSSet(ll.AccessFSWriteFile), true, "/dev/null"),
		add(readRights, false, r.Read...),
		add(write, false, r.Write...),
		// An executable that is not there now stays out of reach.
		add(execRights, true, r.Exec...),
	)
	if len(r.Exec) > 0 {
		err = errors.Join(err, add(readRights|execRights, true, libraries...))
	}
	if err != nil {
		return err
	}
	if version >= 4 {
		for _, port := range r.Connect {
			rules = append(rules, landlock.ConnectTCP(port))
		}
		for _, port := range r.Bind {
			rules = append(rules, landlock.BindTCP(port))
		}
	}
	if err := config.Restrict(rules...); err != nil {
		return fmt.Errorf("restrict files and ports: %w", err)
	}
	return nil
}

// applySeccomp installs the filter on all threads.
func applySeccomp(r Rules, report *Report) error {
	program, err := filterFor(r)
	if err != nil {
		return fmt.Errorf("build system call filter: %w", err)
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return fmt.Errorf("set no_new_privs: %w", err)
	}
	const setModeFilter, tsync = 1, 1
	fprog := unix.SockFprog{Len: uint16(len(program)), Filter: &program[0]}
	thread, _, errno := unix.Syscall(unix.SYS_SECCOMP, setModeFilter, tsync, uintptr(unsafe.Pointer(&fprog)))
	switch {
	case errno == unix.ENOSYS:
		report.Missing = append(report.Missing, "system calls are not filtered (no seccomp)")
		return nil
	case errno != 0:
		return fmt.Errorf("install system call filter: %w", errno)
	case thread != 0:
		return fmt.Errorf("install system call filter: thread %d did not take it", thread)
	}
	report.Seccomp = true
	return nil
}
