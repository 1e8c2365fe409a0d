// Package launch runs one program behind the boundary: a policy, a backend and
// an artifact come in; a job is made, a guest started, driven over its stream,
// and ended; the outcome goes out. It is what `x07 run`, bundles and the
// conformance tests have in common, and it fails closed: every error means
// that the program did not run, or not to its end. It chooses no backend and
// compiles nothing.
package launch

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"x07/internal/broker"
	"x07/internal/engine"
	"x07/internal/guest/wire"
	"x07/internal/policy"
	"x07/internal/sandbox"
)

// Runner is the file name of the program that runs inside guests, and
// RunnerVerb its first argument there.
const (
	Runner     = "x07-os-runner"
	RunnerVerb = "guest"
)

// Job is a program and what it is given.
type Job struct {
	Backend sandbox.Backend
	// Runner is the host path of x07-os-runner; "" says that it was not found,
	// which is an error.
	Runner string
	// Policy and PolicyBytes are the policy and its document.
	Policy      *policy.Policy
	PolicyBytes []byte
	// World is the world id that the artifact was compiled for.
	World string
	// WorkDir is the host directory that is the program's working directory.
	WorkDir string
	// Artifact is the encoded artifact, Input the program's input.
	Artifact, Input []byte
	// Code is machine code of the artifact from engine.CachedCode or CompileCode,
	// for a guest on this machine's processor; nil lets the guest make its own.
	Code []byte
	// Stdin is read until its end; nil is empty. Stdout and Stderr receive the
	// program's streams as they come; nil drops them.
	Stdin          io.Reader
	Stdout, Stderr io.Writer
	// LookupEnv answers for the variables that the policy lets through.
	LookupEnv func(string) (string, bool)
	// Limits besides the policy's. Fuel 0 is no limit.
	Fuel, MaxMemoryBytes, MaxOutputBytes uint64
	// Audit receives records of every effect; nil records only denials.
	Audit *policy.Audit
	// Accept serves the streams that the guest opens for network operations; nil
	// is the host's network, as far as the policy allows it. See broker.Job.
	Accept func(context.Context, net.Conn)
	// StateRoot is where the job keeps its directory; see sandbox.StateRoot.
	StateRoot string
}

// Outcome is how the run ended. Result.Err is always nil.
type Outcome struct {
	engine.Result
	Denials []policy.Denial
	Notes   []string
}

// Error is a guest that could not be had, or that broke.
type Error struct{ err error }

func (e *Error) Error() string { return e.err.Error() }
func (e *Error) Unwrap() error { return errors.Unwrap(e.err) }

// Run runs the program to its end. The error is an *Error.
func Run(ctx context.Context, j Job) (*Outcome, error) {
	if j.Runner == "" {
		return nil, &Error{fmt.Errorf("%s was not found: it must lie next to x07 or on PATH", Runner)}
	}
	spec, err := j.spec()
	if err != nil {
		return nil, &Error{err}
	}
	job, err := sandbox.NewJob(sandbox.JobOptions{
		StateRoot: j.StateRoot, Backend: j.Backend.Name(), Phase: "run",
		Wall: time.Duration(max(j.Policy.Limits.WallMs, 1)) * time.Millisecond,
	})
	if err != nil {
		return nil, &Error{err}
	}
	defer job.Close()
	g, err := job.Start(ctx, j.Backend, spec)
	if err != nil {
		return nil, &Error{fmt.Errorf("start the guest: %w", err)}
	}
	request := j.request(job.ID, spec)
	accept := j.Accept
	if accept == nil {
		// The gate on this side decides; what the guest decided counts for nothing.
		gate := policy.FromPolicy(j.Policy, policy.Options{WorkDir: request.Root})
		accept = broker.Network(broker.NetConfig{Gate: gate, Audit: j.Audit})
	}
	out, err := broker.Run(ctx, g.Stream(), broker.Job{
		Request:  request,
		Artifact: j.Artifact,
		Input:    j.Input,
		Code:     j.Code,
		Stdin:    j.Stdin,
		Stdout:   j.Stdout,
		Stderr:   j.Stderr,
		Audit:    j.Audit,
		Accept:   accept,
	})
	if errors.Is(err, broker.ErrGuestDied) {
		// The stream ends a moment before the guest does. Killing it in between
		// would hide which limit ended it.
		letEnd(g, endingTime)
	}
	g.Kill()
	status := g.Wait()
	var res engine.Result
	switch {
	case err == nil:
		res = out.Result()
	case status.Limit != "":
		res.Trap = limitTrap(status.Limit)
	case ctx.Err() != nil:
		res.Trap = limitTrap("limits.wall_ms")
	case status.Err != nil:
		return nil, &Error{fmt.Errorf("the guest broke: %w", status.Err)}
	case errors.Is(err, broker.ErrGuestDied) && status.Code > 128:
		// Inside, a limit of the kernel ended the runner, and with it the program.
		res.Trap = &engine.Trap{Message: fmt.Sprintf("terminated by signal %d", status.Code-128), Status: status.Code}
	default:
		return nil, &Error{fmt.Errorf("run in the guest: %w (exit status %d)", err, status.Code)}
	}
	if res.Err != nil {
		return nil, &Error{fmt.Errorf("run in the guest: %w", res.Err)}
	}
	return &Outcome{Result: res, Denials: out.Denials, Notes: slices.Concat(status.Notes, out.Notes)}, nil
}

// endingTime is how long a guest whose stream has ended may take to end itself.
const endingTime = 2 * time.Second

// letEnd returns when g has ended, at the latest after d.
func letEnd(g sandbox.Guest, d time.Duration) {
	ended := make(chan struct{})
	go func() { g.Wait(); close(ended) }()
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ended:
	case <-timer.C:
	}
}

// limitTrap is how a run ends that its guest's limits ended.
func limitTrap(field string) *engine.Trap {
	const killed = 128 + 9
	if field == "limits.wall_ms" {
		return &engine.Trap{Message: "timed out", Status: killed}
	}
	return &engine.Trap{Message: "terminated by signal 9", Status: killed}
}

// spec is what the guest is given: the runner, and of the host only the
// policy's roots.
func (j *Job) spec() (sandbox.Spec, error) {
	mounts, err := sandbox.MountsFor(j.Policy.FS, j.WorkDir)
	if err != nil {
		return sandbox.Spec{}, err
	}
	spec := sandbox.Spec{
		Command: []string{j.Runner, RunnerVerb},
		Mounts:  mounts,
		Limits:  sandbox.LimitsFor(j.Policy.Limits),
	}
	if j.Backend.Name() == sandbox.OSName {
		// This backend has no file system of its own: places are the host's.
		spec.Dir = j.WorkDir
		spec.Exec = j.executables()
	}
	return spec, nil
}

// executables are the host paths of what the policy lets the program start.
func (j *Job) executables() []string {
	p := j.Policy.Process
	if !p.Enabled || !p.AllowSpawn && !p.AllowExec {
		return nil
	}
	var paths []string
	for _, exe := range slices.Concat(p.AllowExecs, p.AllowExecPrefixes) {
		exe = strings.TrimSpace(exe)
		if !filepath.IsAbs(exe) {
			exe = filepath.Join(j.WorkDir, exe)
		}
		paths = append(paths, filepath.Clean(exe))
	}
	return paths
}

// request is what the guest is asked to do.
func (j *Job) request(id string, spec sandbox.Spec) wire.Request {
	root := spec.Dir
	if root == "" {
		root = sandbox.GuestWork
	}
	lookup := j.LookupEnv
	if lookup == nil {
		lookup = os.LookupEnv
	}
	env := map[string]string{}
	for _, key := range policy.FromPolicy(j.Policy, policy.Options{WorkDir: root}).EnvKeys() {
		if v, ok := lookup(key); ok {
			env[key] = v
		}
	}
	return wire.Request{
		RunID:  id,
		World:  j.World,
		Policy: j.PolicyBytes,
		Root:   root,
		Env:    env,

		Fuel:           j.Fuel,
		MaxMemoryBytes: j.MaxMemoryBytes,
		MaxOutputBytes: j.MaxOutputBytes,
		CPUMillis:      j.Policy.Limits.CPUMs,
		WallMillis:     j.Policy.Limits.WallMs,
		Audit:          j.Audit != nil,
	}
}
