package gvisor

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"x07/internal/sandbox"
	"x07/internal/sandbox/gvisor/wire"
	"x07/internal/sandbox/internal/pipes"
	"x07/internal/sandbox/internal/static"
	"x07/internal/sandbox/internal/userns"
)

const (
	// defaultStderr is how much of the guest's diagnostics is kept by default.
	defaultStderr = 64 << 10
	// logBytes is how much of x07-sentry's own diagnostics is kept.
	logBytes = 16 << 10
	// pipeBytes is the size asked for the stream's pipes; the kernel may give less.
	pipeBytes = 1 << 20
	// statusBytes caps one status line.
	statusBytes = 64 << 10
)

// namespaces are what x07-sentry gets of its own.
const namespaces = unix.CLONE_NEWUSER | unix.CLONE_NEWNS | unix.CLONE_NEWPID |
	unix.CLONE_NEWNET | unix.CLONE_NEWIPC | unix.CLONE_NEWUTS

// setupCapabilities are what x07-sentry needs until it has built its jail. A
// process that is not root in its namespace would lose them when it is executed.
var setupCapabilities = []uintptr{unix.CAP_SYS_ADMIN}

// Start implements sandbox.Backend.
func (b *Backend) Start(ctx context.Context, spec sandbox.Spec) (sandbox.Guest, error) {
	boundary, reason, _ := b.boundary()
	if reason != "" {
		return nil, fmt.Errorf("start guest kernel: %s", reason)
	}
	g, err := b.tryStart(ctx, spec, boundary)
	if errors.Is(err, errRefused) && b.opts.Boundary == "" && landlockObstacle() == "" {
		// The settings allowed namespaces and something else did not, such as a
		// container's seccomp profile.
		g, err = b.tryStart(ctx, spec, wire.BoundaryLandlock)
	}
	if err != nil {
		return nil, fmt.Errorf("start guest kernel: %w", err)
	}
	return g, nil
}

// errRefused says that namespaces were not permitted.
var errRefused = errors.New("namespaces are not permitted here (`x07 doctor` says more)")

// errAgain says that the start failed by chance.
var errAgain = errors.New("the guest kernel found no place in its address space")

// maxTries is how often a start that fails by chance is tried. Chance is against it
// about once in a hundred times, within Landlock only.
const maxTries = 5

// tryStart starts a guest kernel, again if need be.
func (b *Backend) tryStart(ctx context.Context, spec sandbox.Spec, boundary wire.Boundary) (g *guest, err error) {
	for range maxTries {
		if g, err = b.startWithin(ctx, spec, boundary); !errors.Is(err, errAgain) {
			break
		}
	}
	return g, err
}

// startWithin starts a guest kernel within the given second boundary and waits
// until its guest runs.
func (b *Backend) startWithin(ctx context.Context, spec sandbox.Spec, boundary wire.Boundary) (*guest, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	g, err := b.start(spec, boundary)
	if err != nil {
		return nil, err
	}
	select {
	case err = <-g.started:
	case <-ctx.Done():
		err = ctx.Err()
	}
	if err != nil {
		g.Kill()
		g.Wait()
		g.stream.Close()
		return nil, err
	}
	return g, nil
}

// start starts a guest kernel. An error means that nothing is left of it.
func (b *Backend) start(spec sandbox.Spec, boundary wire.Boundary) (_ *guest, err error) {
	sentry, err := b.sentry()
	if err != nil {
		return nil, err
	}
	if len(spec.Command) == 0 {
		return nil, errors.New("spec has no command")
	}
	var files pipes.Set
	defer files.Close()
	null := files.Open(os.DevNull, os.O_RDWR)
	program := files.Open(spec.Command[0], os.O_RDONLY)
	bootR, bootW := files.Pipe()
	statusR, statusW := files.Pipe()
	lifeR, lifeW := files.Pipe()
	stdinR, stdinW := files.Pipe()
	stdoutR, stdoutW := files.Pipe()
	stderrR, stderrW := files.Pipe()
	logR, logW := files.Pipe()
	if err := files.Err(); err != nil {
		return nil, fmt.Errorf("open what the guest kernel inherits: %w", err)
	}
	if err := static.Check(spec.Command[0], program); err != nil {
		return nil, err
	}
	widen(stdinW)
	widen(stdoutR)

	g := &guest{
		life:    lifeW,
		stream:  pipes.Stream{R: stdoutR, W: stdinW},
		started: make(chan error, 1),
		exited:  make(chan error, 1),
		done:    make(chan struct{}),
		stderr:  pipes.Capture{Cap: defaultStderr},
		log:     pipes.Capture{Cap: logBytes},
	}
	if spec.StderrBytes > 0 {
		g.stderr.Cap = spec.StderrBytes
	}
	if b.opts.Trace != nil {
		logW = b.opts.Trace
	}
	boot, err := bootDocument(spec, b.opts, boundary)
	if err != nil {
		return nil, err
	}
	var confine *domain
	if boundary == wire.BoundaryLandlock {
		g.notes = []string{landlockNote}
		if boot.StateDir == "" {
			if boot.StateDir, err = os.MkdirTemp("", "x07-guest-"); err != nil {
				return nil, fmt.Errorf("make state directory: %w", err)
			}
			g.stateDir = boot.StateDir
		}
		if confine, err = newDomain(sentry, boot); err != nil {
			g.removeState()
			return nil, err
		}
		defer confine.close()
	}
	document, err := json.Marshal(boot)
	if err != nil {
		g.removeState()
		return nil, err
	}
	attr, err := attributes(boundary)
	if err != nil {
		g.removeState()
		return nil, err
	}
	g.cmd = &exec.Cmd{
		Path:   sentry,
		Args:   []string{Binary, wire.Verb},
		Env:    []string{},
		Dir:    "/",
		Stdin:  null,
		Stdout: logW,
		Stderr: logW,
		// In the order of wire's FD constants, from FDBoot on.
		ExtraFiles:  padded([]*os.File{bootR, statusW, lifeR, stdinR, stdoutW, stderrW, program}),
		SysProcAttr: attr,
	}
	if err := g.spawn(confine); err != nil {
		g.removeState()
		return nil, err
	}
	// The guest owns the host's ends; x07-sentry's ends are closed before anything is
	// written, so that its death is seen on the pipes.
	files.Release(bootW, lifeW, stdinW, stdoutR, stderrR, statusR, logR)
	files.Close()
	go g.watch(statusR, stderrR, logR)
	// x07-sentry reads the document first thing. If it dies before that, watch
	// reports the death.
	_, _ = bootW.Write(document)
	bootW.Close()
	return g, nil
}

// widen asks for a larger pipe: fewer switches between its ends. A refusal costs
// speed only.
func widen(f *os.File) {
	// Not through Fd, which would make the file blocking, and Close unable to
	// interrupt a Read.
	if conn, err := f.SyscallConn(); err == nil {
		_ = conn.Control(func(fd uintptr) { _, _ = unix.FcntlInt(fd, unix.F_SETPIPE_SZ, pipeBytes) })
	}
}

// attributes are how x07-sentry is started.
func attributes(boundary wire.Boundary) (*syscall.SysProcAttr, error) {
	attr := &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setsid: true}
	if boundary == wire.BoundaryLandlock {
		return attr, nil
	}
	maps, err := userns.Identity()
	if err != nil {
		return nil, err
	}
	attr.Cloneflags = namespaces
	attr.UidMappings, attr.GidMappings = maps.UIDs, maps.GIDs
	attr.AmbientCaps = setupCapabilities
	return attr, nil
}

// bootDocument translates a Spec.
func bootDocument(spec sandbox.Spec, opts Options, boundary wire.Boundary) (*wire.Boot, error) {
	dir := spec.Dir
	if dir == "" {
		dir = "/x07/work"
	}
	boot := &wire.Boot{
		ID:       spec.ID,
		Platform: opts.Platform,
		Args:     append([]string{"/x07/bin/" + filepath.Base(spec.Command[0])}, spec.Command[1:]...),
		Env:      append([]string{}, spec.Env...),
		Dir:      dir,
		Limits: wire.Limits{
			WallMs:    spec.Limits.Wall.Milliseconds(),
			CPUms:     spec.Limits.CPU.Milliseconds(),
			MemBytes:  spec.Limits.MemBytes,
			FDs:       spec.Limits.FDs,
			Procs:     spec.Limits.Procs,
			CoreBytes: spec.Limits.CoreBytes,
		},
		Boundary: boundary,
		StateDir: spec.JobDir,
		Trace:    opts.Trace != nil,
	}
	for _, m := range spec.Mounts {
		if !filepath.IsAbs(m.Host) {
			return nil, fmt.Errorf("mount host path %q is not absolute", m.Host)
		}
		if !filepath.IsAbs(m.Guest) || filepath.Clean(m.Guest) != m.Guest || m.Guest == "/" {
			return nil, fmt.Errorf("mount guest path %q is not an absolute, clean path below /", m.Guest)
		}
		boot.Mounts = append(boot.Mounts, wire.Mount{Source: m.Host, Target: m.Guest, Writable: m.Writable})
	}
	return boot, nil
}

// guest is a running x07-sentry.
type guest struct {
	cmd     *exec.Cmd
	life    *os.File
	stream  pipes.Stream
	started chan error // one value: nil once the guest's first process exists
	done    chan struct{}
	exited  chan error // cmd.Wait's result
	stderr  pipes.Capture
	log     pipes.Capture
	notes   []string
	// stateDir is removed when the guest has ended; empty when the job's directory
	// is used, which the job removes.
	stateDir string

	mu     sync.Mutex
	dead   bool // the process has been waited for; its pid is not ours any more
	status sandbox.ExitStatus
}

// spawn starts x07-sentry on an operating system thread that lives until the
// process has ended: the parent-death signal is tied to the thread that forked,
// not to the process. With a domain to start in, that thread enters it first.
func (g *guest) spawn(confine *domain) error {
	started := make(chan error, 1)
	go func() {
		// Never unlocked: the thread ends with this function, and its restrictions
		// with it.
		runtime.LockOSThread()
		if confine != nil {
			if err := confine.enter(); err != nil {
				started <- err
				return
			}
		}
		refuseMembarrier()
		if err := g.cmd.Start(); err != nil {
			started <- explainSpawn(err)
			return
		}
		started <- nil
		state, err := g.cmd.Process.Wait()
		g.mu.Lock()
		g.dead = true
		g.cmd.ProcessState = state
		g.mu.Unlock()
		g.exited <- err
	}()
	return <-started
}

// watch collects everything x07-sentry says until it has ended, then composes the
// exit status.
func (g *guest) watch(status, stderr, log *os.File) {
	var readers sync.WaitGroup
	readers.Add(2)
	go func() { defer readers.Done(); g.stderr.Drain(stderr) }()
	go func() { defer readers.Done(); g.log.Drain(log) }()

	var st sandbox.ExitStatus
	ended := false
	var failed error
	lines := bufio.NewScanner(status)
	lines.Buffer(nil, statusBytes)
	for lines.Scan() {
		var s wire.Status
		if err := json.Unmarshal(lines.Bytes(), &s); err != nil {
			continue
		}
		switch s.Event {
		case wire.EventStarted:
			g.reportStart(nil)
		case wire.EventLimit:
			st.Limit = "limits." + s.Limit
		case wire.EventExited:
			ended = true
			st.Code, st.Signal = s.Code, s.Signal
			if s.Signal != 0 {
				st.Code = 128 + s.Signal
			}
			// The guest may have ended before its start was reported.
			g.reportStart(nil)
		case wire.EventFailed:
			failed = errors.New(s.Error)
			switch {
			case s.Refused:
				failed = fmt.Errorf("%w: %s", errRefused, s.Error)
			case s.Again:
				failed = fmt.Errorf("%w: %s", errAgain, s.Error)
			}
		}
	}
	status.Close()
	waitErr := <-g.exited
	readers.Wait()
	g.life.Close()
	g.removeState()

	if ps := g.cmd.ProcessState; ps != nil {
		st.CPU = ps.UserTime() + ps.SystemTime()
		if ru, ok := ps.SysUsage().(*syscall.Rusage); ok {
			st.MaxRSSBytes = ru.Maxrss << 10
		}
	}
	switch {
	case ended:
	case failed != nil:
		st.Err = failed
	case st.Limit != "":
		st.Signal, st.Code = int(unix.SIGKILL), 128+int(unix.SIGKILL)
	default:
		st.Signal, st.Code, st.Err = g.deathOfSentry(waitErr)
	}
	st.Stderr, st.Notes = g.stderr.Bytes(), g.notes
	g.mu.Lock()
	g.status = st
	g.mu.Unlock()
	// Without effect when the start was reported.
	if st.Err == nil {
		g.reportStart(errors.New("guest kernel ended before the guest had started"))
	} else {
		g.reportStart(st.Err)
	}
	close(g.done)
}

// deathOfSentry explains an x07-sentry that ended without a word. A kill is what
// Kill does and no failure of the boundary.
func (g *guest) deathOfSentry(waitErr error) (signal, code int, err error) {
	if waitErr != nil {
		return 0, 125, fmt.Errorf("wait for guest kernel: %w", waitErr)
	}
	ws, _ := g.cmd.ProcessState.Sys().(syscall.WaitStatus)
	if ws.Signaled() && ws.Signal() == syscall.SIGKILL {
		return int(syscall.SIGKILL), 128 + int(syscall.SIGKILL), nil
	}
	if ws.Exited() && ws.ExitStatus() == wire.ExitForeign {
		return 0, 125, errors.New("x07-sentry comes from another version of x07: install both from the same build")
	}
	said := strings.TrimSpace(string(bytes.ToValidUTF8(g.log.Bytes(), nil)))
	if said == "" {
		said = "it said nothing"
	}
	return 0, 125, fmt.Errorf("guest kernel ended unexpectedly (%s): %s", g.cmd.ProcessState, said)
}

func (g *guest) removeState() {
	if g.stateDir != "" {
		os.RemoveAll(g.stateDir)
	}
}

func (g *guest) reportStart(err error) {
	select {
	case g.started <- err:
	default:
	}
}

// Stream implements sandbox.Guest.
func (g *guest) Stream() io.ReadWriteCloser { return g.stream }

// Wait implements sandbox.Guest.
func (g *guest) Wait() sandbox.ExitStatus {
	<-g.done
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.status
}

// Stop implements sandbox.Guest. The guest kernel forwards the signal to the
// guest's first process.
func (g *guest) Stop(grace time.Duration) {
	g.signal(syscall.SIGTERM)
	go func() {
		timer := time.NewTimer(grace)
		defer timer.Stop()
		select {
		case <-timer.C:
			g.Kill()
		case <-g.done:
		}
	}()
}

// Kill implements sandbox.Guest.
func (g *guest) Kill() { g.signal(syscall.SIGKILL) }

func (g *guest) signal(sig syscall.Signal) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if !g.dead {
		_ = g.cmd.Process.Signal(sig)
	}
}
