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
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	g, err := b.start(spec)
	if err != nil {
		return nil, fmt.Errorf("start guest kernel: %w", err)
	}
	select {
	case err := <-g.started:
		if err != nil {
			g.Kill()
			g.Wait()
			return nil, fmt.Errorf("start guest kernel: %w", err)
		}
		return g, nil
	case <-ctx.Done():
		g.Kill()
		g.Wait()
		return nil, fmt.Errorf("start guest kernel: %w", ctx.Err())
	}
}

func (b *Backend) start(spec sandbox.Spec) (_ *guest, err error) {
	sentry, err := b.sentry()
	if err != nil {
		return nil, err
	}
	doc, err := bootDocument(spec, b.opts)
	if err != nil {
		return nil, err
	}
	var files pipes.Set
	defer files.Close()

	null, err := files.Open(os.DevNull, os.O_RDWR)
	if err != nil {
		return nil, err
	}
	program, err := files.Open(spec.Command[0], os.O_RDONLY)
	if err != nil {
		return nil, fmt.Errorf("open runner: %w", err)
	}
	bootR, bootW, err := files.Pipe()
	if err != nil {
		return nil, err
	}
	statusR, statusW, err := files.Pipe()
	if err != nil {
		return nil, err
	}
	lifeR, lifeW, err := files.Pipe()
	if err != nil {
		return nil, err
	}
	stdinR, stdinW, err := files.Pipe()
	if err != nil {
		return nil, err
	}
	stdoutR, stdoutW, err := files.Pipe()
	if err != nil {
		return nil, err
	}
	stderrR, stderrW, err := files.Pipe()
	if err != nil {
		return nil, err
	}
	logR, logW, err := files.Pipe()
	if err != nil {
		return nil, err
	}
	for _, f := range []*os.File{stdinW, stdoutR} {
		// Larger pipes mean fewer switches; a refusal costs speed only.
		_, _ = unix.FcntlInt(f.Fd(), unix.F_SETPIPE_SZ, pipeBytes)
	}
	stderrCap := spec.StderrBytes
	if stderrCap <= 0 {
		stderrCap = defaultStderr
	}
	maps, err := userns.Identity()
	if err != nil {
		return nil, err
	}
	diag := logW
	if b.opts.Trace != nil {
		diag = b.opts.Trace
	}
	cmd := &exec.Cmd{
		Path:   sentry,
		Args:   []string{Binary, wire.Verb},
		Env:    []string{},
		Dir:    "/",
		Stdin:  null,
		Stdout: diag,
		Stderr: diag,
		// In the order of wire's FD constants, from FDBoot on.
		ExtraFiles: padded([]*os.File{bootR, statusW, lifeR, stdinR, stdoutW, stderrW, program}),
		SysProcAttr: &syscall.SysProcAttr{
			Cloneflags:                 namespaces,
			UidMappings:                maps.UIDs,
			GidMappings:                maps.GIDs,
			GidMappingsEnableSetgroups: os.Geteuid() == 0,
			AmbientCaps:                setupCapabilities,
			Pdeathsig:                  syscall.SIGKILL,
			Setsid:                     true,
		},
	}
	g := &guest{
		cmd:     cmd,
		life:    lifeW,
		started: make(chan error, 1),
		done:    make(chan struct{}),
		stderr:  pipes.Capture{Cap: stderrCap},
		log:     pipes.Capture{Cap: logBytes},
	}
	g.stream = pipes.Stream{R: stdoutR, W: stdinW}
	if err := g.spawn(); err != nil {
		return nil, err
	}
	// From here on the guest owns the host's ends.
	files.Release(lifeW, stdinW, stdoutR, stderrR, statusR, logR)
	go g.watch(statusR, stderrR, logR)
	// The document can be larger than a pipe; x07-sentry reads it first thing. If
	// it dies before that, watch reports the death.
	_, _ = bootW.Write(doc)
	return g, nil
}

// bootDocument translates a Spec.
func bootDocument(spec sandbox.Spec, opts Options) ([]byte, error) {
	if len(spec.Command) == 0 {
		return nil, errors.New("spec has no command")
	}
	dir := spec.Dir
	if dir == "" {
		dir = "/x07/work"
	}
	boot := wire.Boot{
		ID:       spec.ID,
		Platform: opts.Platform,
		Args:     append([]string{"/x07/bin/" + filepath.Base(spec.Command[0])}, spec.Command[1:]...),
		Env:      append([]string{}, spec.Env...),
		Dir:      dir,
		Limits: wire.Limits{
			CPUms:     spec.Limits.CPU.Milliseconds(),
			MemBytes:  spec.Limits.MemBytes,
			FDs:       spec.Limits.FDs,
			Procs:     spec.Limits.Procs,
			CoreBytes: spec.Limits.CoreBytes,
		},
		Trace: opts.Trace != nil,
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
	return json.Marshal(boot)
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

	mu     sync.Mutex
	dead   bool // the process has been waited for; its pid is not ours any more
	status sandbox.ExitStatus
}

// spawn starts x07-sentry on an operating system thread that lives until the
// process has ended: the parent-death signal is tied to the thread that forked,
// not to the process.
func (g *guest) spawn() error {
	started := make(chan error, 1)
	g.exited = make(chan error, 1)
	go func() {
		// Never unlocked: the thread ends with this function, and its restrictions
		// with it.
		runtime.LockOSThread()
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
	ended, failed := false, ""
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
			failed = s.Error
		}
	}
	status.Close()
	waitErr := <-g.exited
	readers.Wait()
	g.life.Close()

	if ps := g.cmd.ProcessState; ps != nil {
		st.CPU = ps.UserTime() + ps.SystemTime()
		if ru, ok := ps.SysUsage().(*syscall.Rusage); ok {
			st.MaxRSSBytes = ru.Maxrss << 10
		}
	}
	switch {
	case ended:
	case failed != "":
		st.Err = errors.New(failed)
	case st.Limit != "":
		st.Signal, st.Code = int(unix.SIGKILL), 128+int(unix.SIGKILL)
	default:
		st.Signal, st.Code, st.Err = g.deathOfSentry(waitErr)
	}
	st.Stderr = g.stderr.Bytes()
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
	said := strings.TrimSpace(string(bytes.ToValidUTF8(g.log.Bytes(), nil)))
	if said == "" {
		said = "it said nothing"
	}
	return 0, 125, fmt.Errorf("guest kernel ended unexpectedly (%s): %s", g.cmd.ProcessState, said)
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
