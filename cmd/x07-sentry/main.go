//go:build linux

// The Go runtime must not keep descriptors of the host's cgroup files open.
//go:debug containermaxprocs=0
//go:debug updatemaxprocs=0

// Command x07-sentry is the guest kernel that run-os-sandboxed programs run on:
// gVisor's application kernel, driven directly by x07.
//
// What comes in: descriptors and one Boot document, as package wire lays down.
// What goes out: the guest's standard streams on inherited pipes, and Status
// lines on FDStatus. What it never does: take options, read the host's environment,
// open a network socket, or keep a privilege that the guest kernel
// does not need.
//
// x07 starts it inside new user, mount, pid, network, ipc and uts namespaces, so
// it is process 1 there and everything it starts dies with it. (Where an ordinary
// user may not have these, Landlock takes the place of steps 1 and 2; see
// landlock.go.) It then, in this order, each step taking away what the next one no
// longer needs:
//
//  1. clones the policy's roots into detached mounts, read-only unless writable,
//     so that no path leads from a root to anything else (roots.go);
//  2. makes an empty, read-only tmpfs its root file system, holding nothing but
//     the few kernel parameters gVisor reads at start (jail.go);
//  3. gives up every capability on every thread (jail.go);
//  4. builds the gVisor kernel (boot.go) and puts gVisor's seccomp filter, which it
//     compiled meanwhile, on every thread (filter.go);
//  5. runs the guest, watched for memory and processor use (guard.go), until it
//     ends or x07 does.
//
// Unlike runsc there is no gofer process and no re-execution: gVisor's directfs
// mode only needs somebody to hand over one descriptor per mount point, and that
// somebody is a goroutine here (donor.go).
package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime/debug"

	"golang.org/x/sys/unix"
	"gvisor.dev/gvisor/pkg/fd"
	"gvisor.dev/gvisor/pkg/sentry/platform"

	"x07/internal/sandbox/gvisor/wire"
)

func main() {
	if len(os.Args) != 2 || os.Args[1] != wire.Verb {
		fmt.Fprintln(os.Stderr, "x07-sentry: this program is started by x07; it has no use of its own")
		os.Exit(wire.ExitForeign)
	}
	status := reporter{w: os.NewFile(wire.FDStatus, "status")}
	code, err := run(&status)
	if err != nil {
		var refused *refusedError
		var unlucky *unluckyError
		status.send(wire.Status{Event: wire.EventFailed, Error: err.Error(),
			Refused: errors.As(err, &refused), Again: errors.As(err, &unlucky)})
		os.Exit(125)
	}
	os.Exit(code)
}

// run takes the process through the steps in the package comment. It returns
// when the guest has ended; the code is for diagnostics only, x07 reads the
// outcome from the status lines.
func run(status *reporter) (int, error) {
	// The death of x07 must be the death of the guest. The kernel's parent-death
	// signal covers a crash of x07; the life pipe covers the moment between fork
	// and this call, and the loss of the thread that forked.
	if err := unix.Prctl(unix.PR_SET_PDEATHSIG, uintptr(unix.SIGKILL), 0, 0, 0); err != nil {
		return 0, fmt.Errorf("tie life to the parent: %w", err)
	}
	go dieWithParent()
	if err := confinable(); err != nil {
		return 0, err
	}
	// Building the kernel allocates in one burst, which a collection in between
	// would only slow down. It is switched on again before the guest runs.
	debug.SetGCPercent(-1)

	// Inherited only to make the descriptor table large; see wire.FDHigh.
	_ = unix.Close(wire.FDHigh)

	boot, err := readBoot()
	if err != nil {
		return 0, err
	}
	s := &sentry{boot: boot, status: status}
	if s.platform, err = platform.Lookup(boot.Platform); err != nil {
		return 0, fmt.Errorf("look up platform %q: %w", boot.Platform, err)
	}
	if s.device, err = s.platform.OpenDevice(""); err != nil {
		return 0, fmt.Errorf("open device of platform %s: %w", boot.Platform, err)
	}
	if s.control, err = controlSocket(); err != nil {
		return 0, err
	}
	if s.filter, err = compileFilter(s.platform, s.control.fd); err != nil {
		return 0, err
	}
	if s.roots, err = confine(boot); err != nil {
		return 0, err
	}
	if err := dropPrivileges(); err != nil {
		return 0, err
	}
	return s.run()
}

// sentry is what the steps hand on to each other.
type sentry struct {
	boot     *wire.Boot
	status   *reporter
	platform platform.Constructor
	device   *fd.FD // of the platform; may be nil
	control  *ctlSocket
	filter   *filter
	roots    []root
}

// confine opens the roots and gives up the rest of the host's file system.
func confine(boot *wire.Boot) ([]root, error) {
	if boot.Boundary == wire.BoundaryLandlock {
		return enterConfined(boot.Mounts, boot.StateDir)
	}
	roots, err := openRoots(boot.Mounts)
	if err == nil {
		err = enterJail(roots)
	}
	if errors.Is(err, unix.EPERM) || errors.Is(err, unix.EACCES) {
		err = &refusedError{err}
	}
	return roots, err
}

// refusedError is a failure to use namespaces for want of permission.
type refusedError struct{ error }

// readBoot reads the Boot document.
func readBoot() (*wire.Boot, error) {
	f := os.NewFile(wire.FDBoot, "boot")
	defer f.Close()
	data, err := io.ReadAll(f)
	if err != nil {
		return nil, fmt.Errorf("read boot document: %w", err)
	}
	boot := new(wire.Boot)
	if err := json.Unmarshal(data, boot); err != nil {
		return nil, fmt.Errorf("parse boot document of %d bytes: %w", len(data), err)
	}
	if len(boot.Args) == 0 {
		return nil, fmt.Errorf("boot document has no args")
	}
	return boot, nil
}

// dieWithParent ends the sandbox when x07 closes its end of the life pipe, which
// the kernel does for it however x07 ends.
func dieWithParent() {
	var b [1]byte
	for {
		n, err := unix.Read(wire.FDLife, b[:])
		if err == unix.EINTR || n > 0 {
			continue
		}
		unix.Exit(126)
	}
}

// reporter writes Status lines. A line is one write, so lines never mix.
type reporter struct{ w *os.File }

func (r *reporter) send(s wire.Status) {
	line, err := json.Marshal(s)
	if err != nil {
		return
	}
	// x07 may be gone already; then nobody is left to tell.
	_, _ = r.w.Write(append(line, '\n'))
}
