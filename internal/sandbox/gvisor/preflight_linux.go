package gvisor

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"

	ll "github.com/landlock-lsm/go-landlock/landlock/syscall"
	"golang.org/x/sys/unix"

	"x07/internal/sandbox"
	"x07/internal/sandbox/gvisor/wire"
	"x07/internal/sandbox/internal/static"
)

// obstacle returns why a guest cannot start here, and what would help.
func (b *Backend) obstacle() (reason, fix string) {
	path, err := b.sentry()
	if err != nil {
		return err.Error(), "install x07-sentry next to x07 (both come from the same build), or set " + BinaryEnv
	}
	if err := checkSentry(path); err != nil {
		return err.Error(), "build x07 and its companions with CGO_ENABLED=0, as make does"
	}
	if b.opts.Platform == "kvm" {
		f, err := os.OpenFile("/dev/kvm", os.O_RDWR, 0)
		if err != nil {
			return fmt.Sprintf("gVisor platform kvm was asked for, but /dev/kvm cannot be opened: %v", err), "unset " + PlatformEnv + ", or give this user access to /dev/kvm"
		}
		f.Close()
	} else if b.opts.Platform != "systrap" {
		return fmt.Sprintf("unknown gVisor platform %q", b.opts.Platform), "set " + PlatformEnv + " to systrap or kvm"
	}
	_, reason, fix = b.boundary()
	return reason, fix
}

// checkSentry returns an error for a guest kernel that was built with cgo.
func checkSentry(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	return static.Check(path, f)
}

// landlockNote is how a guest, and x07 doctor, tell which second boundary it is.
const landlockNote = "the guest kernel is confined by Landlock and seccomp instead of namespaces of its own"

// boundary chooses the second boundary for this machine: namespaces where they
// are permitted, else Landlock. With neither it says why, and what would help.
func (b *Backend) boundary() (boundary wire.Boundary, reason, fix string) {
	if b.opts.Boundary != "" {
		return b.opts.Boundary, "", ""
	}
	reason, fix = namespacesObstacle()
	if reason == "" {
		return wire.BoundaryNamespaces, "", ""
	}
	if without := landlockObstacle(); without != "" {
		return "", reason + "; " + without, fix
	}
	return wire.BoundaryLandlock, "", ""
}

// notes are the restrictions of a usable backend.
func (b *Backend) notes() []string {
	if boundary, _, _ := b.boundary(); boundary == wire.BoundaryLandlock {
		return []string{landlockNote}
	}
	return nil
}

// namespacesObstacle returns why the guest kernel cannot have its own namespaces.
func namespacesObstacle() (reason, fix string) {
	if err := haveMountAPI(); err != nil {
		return err.Error(), "use Linux 5.12 or newer"
	}
	for _, knob := range userNamespaceKnobs {
		if reason := knob.blocked(); reason != "" {
			return reason, knob.fix
		}
	}
	return "", ""
}

// landlockObstacle returns why Landlock cannot confine the guest kernel.
func landlockObstacle() string {
	version, err := ll.LandlockGetABIVersion()
	if err != nil || version < wire.LandlockVersion {
		return fmt.Sprintf("and Landlock, which could take their place, has version %d of the %d it needs (Linux 6.2)", max(version, 0), wire.LandlockVersion)
	}
	return ""
}

// haveMountAPI asks for mount_setattr (Linux 5.12), the newest system call that
// x07-sentry needs; an invalid call tells whether it exists.
func haveMountAPI() error {
	err := unix.MountSetattr(-1, "", unix.AT_EMPTY_PATH, &unix.MountAttr{})
	if errors.Is(err, unix.ENOSYS) {
		return errors.New("this kernel has no mount_setattr system call")
	}
	return nil
}

// knob is a kernel setting that can forbid user namespaces.
type knob struct {
	path    string
	blocks  func(n int) bool
	forRoot bool
	why     string
	fix     string
}

// userNamespaceKnobs are the settings in use by kernels and distributions. A file
// that does not exist blocks nothing.
var userNamespaceKnobs = []knob{
	{
		path: "/proc/sys/user/max_user_namespaces", forRoot: true,
		blocks: func(n int) bool { return n == 0 },
		why:    "user namespaces are switched off (user.max_user_namespaces is 0)",
		fix:    "sudo sysctl -w user.max_user_namespaces=15000",
	},
	{
		path:   "/proc/sys/kernel/unprivileged_userns_clone",
		blocks: func(n int) bool { return n == 0 },
		why:    "user namespaces are reserved to root (kernel.unprivileged_userns_clone is 0)",
		fix:    "sudo sysctl -w kernel.unprivileged_userns_clone=1",
	},
	{
		path:   "/proc/sys/kernel/apparmor_restrict_unprivileged_userns",
		blocks: func(n int) bool { return n != 0 },
		why:    "AppArmor takes the capabilities of unprivileged user namespaces away (kernel.apparmor_restrict_unprivileged_userns is 1)",
		fix:    "install an AppArmor profile that grants userns to x07-sentry, or sudo sysctl -w kernel.apparmor_restrict_unprivileged_userns=0",
	},
}

func (k knob) blocked() string {
	if os.Geteuid() == 0 && !k.forRoot {
		return ""
	}
	data, err := os.ReadFile(k.path)
	if err != nil {
		return ""
	}
	n, err := strconv.Atoi(strings.TrimSpace(string(data)))
	if err != nil || !k.blocks(n) {
		return ""
	}
	return k.why
}

// explainSpawn recognizes a clone that failed because of its namespaces.
func explainSpawn(err error) error {
	for _, refusal := range []error{unix.EPERM, unix.EACCES, unix.ENOSPC, unix.EINVAL, unix.ENOSYS} {
		if errors.Is(err, refusal) {
			return fmt.Errorf("%w: %w", errRefused, err)
		}
	}
	return err
}

// Probe implements sandbox.Prober: it starts a guest whose program is x07-sentry
// itself, which has nothing to do there and says so with its exit code.
func (b *Backend) Probe(ctx context.Context) sandbox.Status {
	st := b.Preflight(ctx)
	if !st.Usable {
		return st
	}
	fail := func(reason string) sandbox.Status {
		st.Usable, st.Reason = false, reason
		return st
	}
	sentry, err := b.sentry()
	if err != nil {
		return fail(err.Error())
	}
	g, err := b.Start(ctx, sandbox.Spec{ID: "probe", Command: []string{sentry}, Dir: "/"})
	if err != nil {
		return fail(err.Error())
	}
	stop := context.AfterFunc(ctx, g.Kill)
	defer stop()
	g.Stream().Close()
	exit := g.Wait()
	switch {
	case exit.Err != nil:
		return fail(exit.Err.Error())
	case exit.Code != wire.ExitForeign:
		return fail(fmt.Sprintf("a test guest ended with code %d instead of %d", exit.Code, wire.ExitForeign))
	}
	return st
}
