//go:build unix

package oslevel

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
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"x07/internal/sandbox"
	"x07/internal/sandbox/internal/pipes"
)

// defaultStderr is how much of the guest's diagnostics is kept by default.
const defaultStderr = 64 << 10

// reportBytes caps what the runner may report; it is not yet hostile then, but
// nothing says it may be endless.
const reportBytes = 64 << 10

// The runner's descriptors besides the standard ones.
const (
	rulesFD  = 3
	reportFD = 4
)

// Backend starts runners that confine themselves.
type Backend struct{}

var _ sandbox.Backend = Backend{}

// New returns the os backend.
func New() Backend { return Backend{} }

// Name implements sandbox.Backend.
func (Backend) Name() string { return sandbox.OSName }

// Start implements sandbox.Backend. Command[0] must be a program that calls Enter;
// one that does not is killed before it is given anything to do.
func (b Backend) Start(ctx context.Context, spec sandbox.Spec) (sandbox.Guest, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	g, err := start(spec, true)
	if errors.Is(err, errNoNamespaces) {
		g, err = start(spec, false)
	}
	if err != nil {
		return nil, fmt.Errorf("start runner: %w", err)
	}
	select {
	case entered := <-g.entered:
		if entered.err == nil {
			g.notes = append(g.notes, entered.report.Missing...)
			go g.finish()
			return g, nil
		}
		err = entered.err
	case <-ctx.Done():
		err = ctx.Err()
	}
	g.Kill()
	go g.finish()
	g.Wait()
	return nil, fmt.Errorf("start runner: %w", err)
}

// entered is what the runner reported, or why it did not.
type entered struct {
	report Report
	err    error
}

// guest is a running runner.
type guest struct {
	cmd     *exec.Cmd
	limits  sandbox.Limits
	stream  pipes.Stream
	stderr  pipes.Capture
	drained chan struct{}
	entered chan entered
	exited  chan struct{}
	done    chan struct{}
	notes   []string

	mu     sync.Mutex
	dead   bool // waited for: its pid is not ours any more
	limit  string
	state  *os.ProcessState
	status sandbox.ExitStatus
}

func start(spec sandbox.Spec, isolate bool) (*guest, error) {
	if len(spec.Command) == 0 {
		return nil, errors.New("spec has no command")
	}
	rules, err := json.Marshal(rulesFor(spec))
	if err != nil {
		return nil, err
	}
	var files pipes.Set
	defer files.Close()
	rulesR, rulesW := files.Pipe()
	reportR, reportW := files.Pipe()
	stdinR, stdinW := files.Pipe()
	stdoutR, stdoutW := files.Pipe()
	stderrR, stderrW := files.Pipe()
	if err := files.Err(); err != nil {
		return nil, fmt.Errorf("open what the runner inherits: %w", err)
	}
	attr, err := attributes(isolate)
	if err != nil {
		return nil, err
	}
	env := make([]string, 0, len(spec.Env)+1)
	for _, kv := range spec.Env {
		if !strings.HasPrefix(kv, RulesEnv+"=") {
			env = append(env, kv)
		}
	}
	g := &guest{
		cmd: &exec.Cmd{
			Path:        spec.Command[0],
			Args:        append([]string{filepath.Base(spec.Command[0])}, spec.Command[1:]...),
			Env:         append(env, RulesEnv+"="+strconv.Itoa(rulesFD)+","+strconv.Itoa(reportFD)),
			Dir:         spec.Dir,
			Stdin:       stdinR,
			Stdout:      stdoutW,
			Stderr:      stderrW,
			ExtraFiles:  []*os.File{rulesR, reportW},
			SysProcAttr: attr,
		},
		limits:  spec.Limits,
		stream:  pipes.Stream{R: stdoutR, W: stdinW},
		stderr:  pipes.Capture{Cap: spec.StderrBytes},
		drained: make(chan struct{}),
		entered: make(chan entered, 1),
		exited:  make(chan struct{}),
		done:    make(chan struct{}),
	}
	if g.stderr.Cap <= 0 {
		g.stderr.Cap = defaultStderr
	}
	if !isolate {
		g.notes = append(g.notes, notIsolated...)
	}
	if err := g.spawn(); err != nil {
		if isolate && cannotIsolate(err) {
			return nil, errNoNamespaces
		}
		return nil, err
	}
	// The runner's ends are closed before anything is written, so that its death is
	// seen on the pipes.
	files.Release(rulesW, stdinW, stdoutR, stderrR, reportR)
	files.Close()
	go func() {
		defer close(g.drained)
		g.stderr.Drain(stderrR)
	}()
	go g.readReport(reportR)
	if spec.Limits.MemBytes > 0 || spec.Limits.Procs > 0 {
		go g.watch(len(spec.Exec) > 0)
	}
	_, _ = rulesW.Write(rules)
	rulesW.Close()
	return g, nil
}

// errNoNamespaces says that the runner cannot have namespaces of its own here.
var errNoNamespaces = errors.New("namespaces are not available")

// spawn starts the runner on a thread that lives until it has ended: where the
// kernel ties a child's life to its parent, it means the thread that forked.
func (g *guest) spawn() error {
	started := make(chan error, 1)
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		if err := g.cmd.Start(); err != nil {
			started <- err
			return
		}
		started <- nil
		state, _ := g.cmd.Process.Wait()
		g.mu.Lock()
		// Its pid stays ours as a group until here; what is left of the group dies now.
		killGroup(g.cmd.Process.Pid)
		g.dead, g.state = true, state
		g.mu.Unlock()
		close(g.exited)
	}()
	return <-started
}

// readReport waits for the runner's word that it is confined.
func (g *guest) readReport(f *os.File) {
	defer f.Close()
	line, err := bufio.NewReader(io.LimitReader(f, reportBytes)).ReadBytes('\n')
	var e entered
	switch {
	case bytes.HasPrefix(line, []byte("error: ")):
		e.err = errors.New(string(bytes.TrimSpace(line[len("error: "):])))
	case err != nil:
		e.err = errors.New("the runner ended, or went on, without confining itself")
	default:
		if err := json.Unmarshal(line, &e.report); err != nil {
			e.err = fmt.Errorf("parse the runner's report: %w", err)
		}
	}
	g.entered <- e
}

// finish composes the exit status once the runner has ended.
func (g *guest) finish() {
	<-g.exited
	// A surviving grandchild could keep the pipe open; it has just been killed.
	<-g.drained
	g.mu.Lock()
	defer g.mu.Unlock()
	st := sandbox.ExitStatus{Code: 125, Limit: g.limit, Stderr: g.stderr.Bytes(), Notes: g.notes}
	if g.state == nil {
		st.Err = errors.New("the runner could not be waited for")
	} else {
		st.CPU = g.state.UserTime() + g.state.SystemTime()
		st.MaxRSSBytes = maxRSS(g.state)
		ws, _ := g.state.Sys().(syscall.WaitStatus)
		st.Code = ws.ExitStatus()
		if ws.Signaled() {
			st.Signal = int(ws.Signal())
			st.Code = 128 + st.Signal
			if ws.Signal() == syscall.SIGXCPU && st.Limit == "" {
				st.Limit = "limits.cpu_ms"
			}
		}
	}
	g.status = st
	close(g.done)
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

// Stop implements sandbox.Guest.
func (g *guest) Stop(grace time.Duration) {
	g.mu.Lock()
	if !g.dead {
		_ = g.cmd.Process.Signal(syscall.SIGTERM)
	}
	g.mu.Unlock()
	go func() {
		timer := time.NewTimer(grace)
		defer timer.Stop()
		select {
		case <-timer.C:
			g.Kill()
		case <-g.exited:
		}
	}()
}

// Kill implements sandbox.Guest.
func (g *guest) Kill() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if !g.dead {
		_ = g.cmd.Process.Kill()
		killGroup(g.cmd.Process.Pid)
	}
}

// exceed kills the guest for a limit.
func (g *guest) exceed(field string) {
	g.mu.Lock()
	if g.limit == "" && !g.dead {
		g.limit = field
	}
	g.mu.Unlock()
	g.Kill()
}

// killGroup kills every process of the runner's session. The system call filter
// keeps them from leaving it.
func killGroup(pid int) { _ = syscall.Kill(-pid, syscall.SIGKILL) }
