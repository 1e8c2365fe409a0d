//go:build linux

package main

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"runtime/debug"
	"slices"
	"strconv"
	"time"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
	"gvisor.dev/gvisor/pkg/cpuid"
	"gvisor.dev/gvisor/pkg/log"
	"gvisor.dev/gvisor/pkg/metric"
	"gvisor.dev/gvisor/pkg/refs"
	"gvisor.dev/gvisor/pkg/ring0"
	"gvisor.dev/gvisor/pkg/unet"
	"gvisor.dev/gvisor/pkg/urpc"
	"gvisor.dev/gvisor/runsc/boot"
	"gvisor.dev/gvisor/runsc/config"
	"gvisor.dev/gvisor/runsc/flag"

	_ "gvisor.dev/gvisor/pkg/sentry/platform/platforms" // systrap and kvm register themselves

	"x07/internal/sandbox/gvisor/wire"
)

// settings are the gVisor flags that differ from runsc's defaults.
var settings = map[string]string{
	// No network device at all, not even loopback: x07 brokers connections.
	"network":               "none",
	"net-raw":               "false",
	"save-restore-netstack": "false",
	// Files: the guest kernel works beneath the mounts' descriptors; host sockets
	// and fifos stay closed; mounts are shared with the host and so uncached.
	"directfs":           "true",
	"host-uds":           "none",
	"host-fifo":          "none",
	"file-access":        "exclusive",
	"file-access-mounts": "shared",
	"overlay2":           "none",
	"rootless":           "true",
	"ignore-cgroups":     "true",
	"host-settings":      "ignore",
	"ref-leak-mode":      "disabled",
}

// run builds the kernel, runs the guest's first process and waits for its end. It
// returns that process's exit code, or 128 plus the signal.
//
// gVisor is told not to install a seccomp filter; it calls back at the point of its
// start where it would, and a filter that cannot be installed ends the process.
func (s *sentry) run() (int, error) {
	b, control, status := s.boot, s.control, s.status
	// Go reads the local time zone on first use, which the seccomp filters would
	// answer with a kill.
	_ = time.Local.String()
	var target io.Writer = io.Discard
	if b.Trace {
		target = os.Stderr
		log.SetLevel(log.Debug)
	} else {
		log.SetLevel(log.Warning)
	}
	log.SetTarget(log.GoogleEmitter{Writer: &log.Writer{Next: target}})
	refs.SetLeakMode(refs.NoLeakChecking)

	conf, err := kernelConfig(b)
	if err != nil {
		return 0, err
	}
	conf.DisableSeccomp = true // in favour of s.filter
	cpuid.Initialize()
	ring0.InitDefault()

	guestRoot, err := openGuestRoot()
	if err != nil {
		return 0, err
	}
	roots := append([]root{guestRoot}, s.roots...)
	goferFDs, err := newDonor(roots)
	if err != nil {
		return 0, err
	}
	mountConfs := make([]boot.GoferMountConf, len(roots))
	for i := range mountConfs {
		mountConfs[i] = boot.GoferMountConf{Lower: boot.Lisafs, Upper: boot.NoOverlay}
	}
	before := openMemoryFiles()
	l, err := build(boot.Args{
		ID:               b.ID,
		Spec:             guestSpec(b),
		Conf:             conf,
		ControllerFD:     control.fd,
		Device:           s.device,
		GoferFDs:         goferFDs,
		DevGoferFD:       -1,
		StdioFDs:         []int{wire.FDStdin, wire.FDStdout, wire.FDStderr},
		ExecFD:           wire.FDExec,
		GoferMountConfs:  mountConfs,
		NumCPU:           runtime.NumCPU(),
		TotalMem:         uint64(b.Limits.MemBytes),
		UserLogFD:        0,
		PodInitConfigFD:  -1,
		RootfsUpperTarFD: -1,
		HostTHP:          boot.HostTHP{},
	})
	if err != nil {
		return 0, fmt.Errorf("build guest kernel: %w", err)
	}
	metric.Initialize()
	l.PreSeccompCallback = func() {
		if err := s.filter.install(); err != nil {
			status.send(wire.Status{Event: wire.EventFailed, Error: err.Error()})
			os.Exit(125)
		}
	}

	// Garbage counts as the guest's memory, so from here on little is kept.
	debug.SetGCPercent(100)
	g := &guard{limits: b.Limits, status: status, memory: memoryFiles(before), control: control.client, id: b.ID}
	if len(g.memory) == 0 {
		return 0, errors.New("build guest kernel: its memory file was not found, so its memory cannot be limited")
	}
	if b.Limits.MemBytes > 0 {
		go g.watchMemory()
	}
	if b.Limits.WallMs > 0 {
		go g.watchWall()
	}
	if b.Limits.CPUms > 0 {
		go g.watchCPU()
	}
	// StartRoot is the request that releases WaitForStartSignal; its answer
	// arrives once the guest's first process exists.
	go func() {
		id := b.ID
		if err := control.client.Call(boot.ContMgrRootContainerStart, &id, nil); err == nil {
			status.send(wire.Status{Event: wire.EventStarted})
		}
		if err := control.retire(); err != nil {
			status.send(wire.Status{Event: wire.EventFailed, Error: err.Error()})
			os.Exit(125)
		}
	}()
	l.WaitForStartSignal()
	if err := l.Run(); err != nil {
		return 0, fmt.Errorf("start guest: %w", err)
	}
	ws := unix.WaitStatus(l.WaitExit())
	// Nothing is torn down: the guest kernel's state lives in this process, and
	// file data in the host's kernel. Exiting is the fastest correct cleanup.
	if ws.Signaled() {
		status.send(wire.Status{Event: wire.EventExited, Signal: int(ws.Signal())})
		return 128 + int(ws.Signal()), nil
	}
	status.send(wire.Status{Event: wire.EventExited, Code: ws.ExitStatus()})
	return ws.ExitStatus(), nil
}

// build is boot.New, with a panic turned into an error. gVisor maps a page at a
// random address; where that is taken, about once in a hundred times, it looks for
// a free one in /proc/self/maps, and panics if it cannot read that. Within Landlock
// it cannot: rules name files, and a process has no file there before it exists.
func build(args boot.Args) (l *boot.Loader, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = &unluckyError{fmt.Errorf("%v", p)}
		}
	}()
	return boot.New(args)
}

// unluckyError is a failure that another start may not meet.
type unluckyError struct{ error }

// kernelConfig is gVisor's configuration.
func kernelConfig(b *wire.Boot) (*config.Config, error) {
	flags := flag.NewFlagSet("x07-sentry", flag.ContinueOnError)
	config.RegisterFlags(flags)
	for name, value := range settings {
		if err := flags.Set(name, value); err != nil {
			return nil, fmt.Errorf("configure guest kernel: %s=%s: %w", name, value, err)
		}
	}
	if err := flags.Set("platform", b.Platform); err != nil {
		return nil, fmt.Errorf("configure guest kernel: platform %q: %w", b.Platform, err)
	}
	conf, err := config.NewFromFlags(flags)
	if err != nil {
		return nil, fmt.Errorf("configure guest kernel: %w", err)
	}
	return conf, nil
}

// guestSpec describes the guest's first process and its file system tree.
func guestSpec(b *wire.Boot) *specs.Spec {
	spec := &specs.Spec{
		Version:  specs.Version,
		Hostname: "x07",
		Root:     &specs.Root{Path: "/", Readonly: true},
		Process: &specs.Process{
			User:            guestUser(),
			Args:            b.Args,
			Env:             b.Env,
			Cwd:             b.Dir,
			Capabilities:    guestCapabilities(),
			NoNewPrivileges: true,
			Rlimits:         rlimits(b.Limits),
		},
		Linux: &specs.Linux{},
	}
	if !slices.ContainsFunc(b.Mounts, func(m wire.Mount) bool { return m.Target == "/tmp" }) {
		options := []string{"mode=1777", "nosuid"}
		if b.Limits.MemBytes > 0 {
			options = append(options, "size="+strconv.FormatInt(b.Limits.MemBytes, 10))
		}
		spec.Mounts = append(spec.Mounts, specs.Mount{Type: "tmpfs", Destination: "/tmp", Options: options})
	}
	for _, m := range b.Mounts {
		access := "ro"
		if m.Writable {
			access = "rw"
		}
		spec.Mounts = append(spec.Mounts, specs.Mount{
			Type: "bind", Source: m.Source, Destination: m.Target, Options: []string{"rbind", access, "nosuid"},
		})
	}
	return spec
}

// guestUser is the user of the guest's processes: the one who runs x07, under the
// same numbers. Groups that this namespace does not know all read as one number,
// and so do files that belong to them; the guest kernel then lets pass what the
// host's kernel decides.
func guestUser() specs.User {
	user := specs.User{UID: uint32(os.Getuid()), GID: uint32(os.Getgid())}
	groups, err := os.Getgroups()
	if err != nil {
		return user
	}
	for _, g := range groups {
		if !slices.Contains(user.AdditionalGids, uint32(g)) {
			user.AdditionalGids = append(user.AdditionalGids, uint32(g))
		}
	}
	return user
}

// rootGuestCapabilities let the programs of root use files of other users below
// the mounts, as they could without a sandbox. They mean nothing outside the
// guest, and in it nothing beyond what the mounts allow.
var rootGuestCapabilities = []string{"CAP_DAC_OVERRIDE", "CAP_DAC_READ_SEARCH", "CAP_FOWNER"}

func guestCapabilities() *specs.LinuxCapabilities {
	if os.Getuid() != 0 {
		return &specs.LinuxCapabilities{}
	}
	return &specs.LinuxCapabilities{
		Bounding:  rootGuestCapabilities,
		Effective: rootGuestCapabilities,
		Permitted: rootGuestCapabilities,
	}
}

// rlimits are the limits that the guest kernel applies per guest process.
func rlimits(l wire.Limits) []specs.POSIXRlimit {
	same := func(kind string, n int64) specs.POSIXRlimit {
		return specs.POSIXRlimit{Type: kind, Soft: uint64(n), Hard: uint64(n)}
	}
	out := []specs.POSIXRlimit{same("RLIMIT_CORE", l.CoreBytes)}
	if l.FDs > 0 {
		out = append(out, same("RLIMIT_NOFILE", l.FDs))
	}
	if l.Procs > 0 {
		out = append(out, same("RLIMIT_NPROC", l.Procs))
	}
	if l.CPUms > 0 {
		out = append(out, same("RLIMIT_CPU", (l.CPUms+999)/1000))
	}
	return out
}

// ctlSocket is gVisor's control server socket, used by this process only.
type ctlSocket struct {
	fd     int // listening
	client *urpc.Client
}

// controlSocket binds the control socket and makes the only connection to it,
// which gVisor accepts when it starts serving. The address is in the abstract name
// space of this sandbox's own network namespace, where nobody else is. Without
// such a namespace a random name has to do until the socket is shut; gVisor
// demands a peer of this user besides.
func controlSocket() (*ctlSocket, error) {
	addr := "\x00x07-sentry-" + rand.Text()
	listener, err := unet.Bind(addr, false)
	if err != nil {
		return nil, fmt.Errorf("bind control socket: %w", err)
	}
	if err := listener.Listen(); err != nil {
		return nil, fmt.Errorf("listen on control socket: %w", err)
	}
	peer, err := unet.Connect(addr, false)
	if err != nil {
		return nil, fmt.Errorf("connect to control socket: %w", err)
	}
	fd, err := listener.Release()
	if err != nil {
		return nil, fmt.Errorf("release control socket: %w", err)
	}
	return &ctlSocket{fd: fd, client: urpc.NewClient(peer)}, nil
}

// retire sees to it that nobody else ever connects; the connection there is stays.
//
// A listening socket that is only shut down would keep gVisor's server busy for as
// long as the guest lives: poll says that there is something to accept, and accept
// that there is not. So something that accept refuses for good takes its place.
// Shutting down wakes the server, which then finds that and ends.
func (c *ctlSocket) retire() error {
	other, err := unix.Eventfd(0, 0)
	if err != nil {
		return fmt.Errorf("close control socket: %w", err)
	}
	defer unix.Close(other)
	if err := unix.Shutdown(c.fd, unix.SHUT_RDWR); err != nil {
		return fmt.Errorf("shut down control socket: %w", err)
	}
	if err := unix.Dup3(other, c.fd, unix.O_CLOEXEC); err != nil {
		return fmt.Errorf("close control socket: %w", err)
	}
	return nil
}
