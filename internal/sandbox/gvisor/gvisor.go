// Package gvisor is the default backend on Linux: the guest runs on x07-sentry,
// gVisor's application kernel built as a companion of x07.
//
// What comes in: a sandbox.Spec. What goes out: a sandbox.Guest whose stream is a
// pair of pipes to the guest's standard input and output. The package contains no
// gVisor code and never touches the stream's bytes.
//
// The guest sees: an empty read-only root file system; the Spec's mounts; a
// private tmpfs at /tmp; proc, sys and dev as the guest kernel makes them up; one
// process, with no capability, no inherited descriptor besides the three standard
// ones, and only the environment of the Spec. It has no network device, not even
// loopback.
//
// Around the guest kernel stands a second boundary, for the day the first breaks:
// x07-sentry runs in user, mount, pid, network, ipc and uts namespaces of its own,
// with an empty root directory, without capabilities (when root runs x07, with
// those over files of this namespace only) and under gVisor's seccomp filters.
//
// Life: x07-sentry is process 1 of its pid namespace, so its end ends every
// process of the guest; without that namespace the guest's processes are tied to
// it by their own parent-death signals. It dies with x07 three times over: by the parent-death
// signal, by the life pipe, and by Guest.Kill. Nothing is ever mounted in the
// host's mount table, so nothing can stay mounted.
package gvisor

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"

	"x07/internal/sandbox"
	"x07/internal/sandbox/gvisor/wire"
)

// Name is the backend's name in X07_VM_BACKEND.
const Name = "gvisor"

// Binary is the file name of the guest kernel.
const Binary = "x07-sentry"

// BinaryEnv overrides where the guest kernel is found.
const BinaryEnv = "X07_VM_GVISOR_SENTRY_BIN"

// PlatformEnv selects the gVisor platform, "systrap" (default) or "kvm".
const PlatformEnv = "X07_VM_GVISOR_PLATFORM"

// Options configure a Backend. The zero value is what x07 uses.
type Options struct {
	// Sentry is the path of x07-sentry. Empty means: next to the running
	// executable, in the parent of a directory named deps, or on PATH.
	Sentry string
	// Platform is the gVisor platform: "systrap", or "kvm" when asked for. Empty
	// means systrap.
	Platform string
	// Boundary forces the second boundary. Empty means: namespaces where they are
	// permitted, else Landlock.
	Boundary wire.Boundary
	// Trace, when set, receives gVisor's own log.
	Trace *os.File
}

// Backend starts guests on x07-sentry.
type Backend struct{ opts Options }

var (
	_ sandbox.Backend = (*Backend)(nil)
	_ sandbox.Prober  = (*Backend)(nil)
)

// New returns a Backend. It looks at nothing yet; Preflight does.
func New(opts Options) *Backend {
	if opts.Platform == "" {
		opts.Platform = "systrap"
	}
	return &Backend{opts: opts}
}

// Name implements sandbox.Backend.
func (*Backend) Name() string { return Name }

// Preflight implements sandbox.Backend.
func (b *Backend) Preflight(context.Context) sandbox.Status {
	st := sandbox.Status{Backend: Name, Isolation: sandbox.IsolationKernel}
	reason, fix := b.obstacle()
	if reason != "" {
		st.Reason, st.Fix = reason, fix
		return st
	}
	st.Usable, st.Notes = true, b.notes()
	return st
}

// sentry returns the path of x07-sentry.
func (b *Backend) sentry() (string, error) {
	if b.opts.Sentry != "" {
		return exec.LookPath(b.opts.Sentry)
	}
	if self, err := os.Executable(); err == nil {
		dir := filepath.Dir(self)
		places := []string{dir}
		if filepath.Base(dir) == "deps" {
			places = append(places, filepath.Dir(dir))
		}
		for _, place := range places {
			if path, err := exec.LookPath(filepath.Join(place, Binary)); err == nil {
				return path, nil
			}
		}
	}
	path, err := exec.LookPath(Binary)
	if err != nil {
		return "", fmt.Errorf("missing guest kernel %q (expected next to x07 binaries or in PATH; set %s to override)", Binary, BinaryEnv)
	}
	return filepath.Abs(path)
}
