package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"x07/internal/artifact"
	"x07/internal/broker"
	"x07/internal/engine"
	"x07/internal/guest/wire"
	"x07/internal/policy"
	"x07/internal/sandbox"
	allbackends "x07/internal/sandbox/backends"
)

// runnerName is the program that runs inside guests, and what its first
// argument is there.
const (
	runnerName = "x07-os-runner"
	guestArg   = "guest"
)

// backends are the sandbox backends of this build.
func backends() []sandbox.Backend { return allbackends.All(os.LookupEnv) }

// boundaryError is a guest that could not be had or broke. Like a missing
// backend it is reported as a VM failure; nothing runs instead.
type boundaryError struct{ err error }

func (e *boundaryError) Error() string { return e.err.Error() }
func (e *boundaryError) Unwrap() error { return errors.Unwrap(e.err) }

// isBoundary reports whether err is about the boundary and not about the
// program, the arguments or this machine's files.
func isBoundary(err error) bool {
	var be *sandbox.BackendError
	var own *boundaryError
	return errors.As(err, &be) || errors.As(err, &own)
}

// runSandboxed runs a program inside a guest. It fails closed: every error
// means that the program did not run, or not to its end.
func runSandboxed(ctx context.Context, j *job, s streams, art *artifact.Artifact) (*finished, error) {
	b, err := j.boundary.Select(ctx, backends())
	if err != nil {
		return nil, err
	}
	p := j.policy.Policy
	runner := beside(runnerName)
	if runner == "" {
		return nil, &boundaryError{fmt.Errorf("%s was not found: it must lie next to x07 or on PATH", runnerName)}
	}
	spec, err := j.spec(b, runner)
	if err != nil {
		return nil, &boundaryError{err}
	}
	encoded, err := art.Encode()
	if err != nil {
		return nil, fmt.Errorf("encode the compiled program: %w", err)
	}
	sj, err := sandbox.NewJob(sandbox.JobOptions{
		StateRoot: sandbox.StateRoot(os.LookupEnv), Backend: b.Name(), Phase: "run",
		Wall: time.Duration(max(p.Limits.WallMs, 1)) * time.Millisecond,
	})
	if err != nil {
		return nil, &boundaryError{err}
	}
	defer sj.Close()
	g, err := sj.Start(ctx, b, spec)
	if err != nil {
		return nil, &boundaryError{fmt.Errorf("start the guest: %w", err)}
	}
	stdout := &capped{limit: 4 + j.output + 1}
	stderr := &capped{limit: maxStderr}
	bj := broker.Job{
		Request:  j.request(sj.ID, spec, len(encoded)),
		Artifact: encoded,
		Input:    j.input,
		Stdin:    j.stdin,
		Stdout:   stdout,
		Stderr:   stderr,
		Audit:    j.audit,
	}
	if j.raw {
		bj.Stdout, bj.Stderr = s.out, s.err
	}
	out, err := broker.Run(ctx, g.Stream(), bj)
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
		return nil, &boundaryError{fmt.Errorf("the guest broke: %w", status.Err)}
	default:
		return nil, &boundaryError{fmt.Errorf("run in the guest: %w (exit status %d)", err, status.Code)}
	}
	if res.Err != nil {
		return nil, &boundaryError{fmt.Errorf("run in the guest: %w", res.Err)}
	}
	fin := finishedFrom(j, res, stdout, stderr)
	fin.denials, fin.notes = out.Denials, out.Notes
	return fin, nil
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
func (j *job) spec(b sandbox.Backend, runner string) (sandbox.Spec, error) {
	p := j.policy.Policy
	mounts, err := sandbox.MountsFor(p.FS, j.workDir)
	if err != nil {
		return sandbox.Spec{}, err
	}
	spec := sandbox.Spec{
		Command: []string{runner, guestArg},
		Mounts:  mounts,
		Limits:  sandbox.LimitsFor(p.Limits),
	}
	if b.Name() == sandbox.OSName {
		// This backend has no file system of its own: places are the host's.
		spec.Dir = j.workDir
		spec.Exec = j.executables()
	}
	return spec, nil
}

// executables are the host paths of what the policy lets the program start.
func (j *job) executables() []string {
	p := j.policy.Policy.Process
	if !p.Enabled || !p.AllowSpawn && !p.AllowExec {
		return nil
	}
	var paths []string
	for _, exe := range slices.Concat(p.AllowExecs, p.AllowExecPrefixes) {
		exe = strings.TrimSpace(exe)
		if !filepath.IsAbs(exe) {
			exe = filepath.Join(j.workDir, exe)
		}
		paths = append(paths, filepath.Clean(exe))
	}
	return paths
}

// request is what the guest is asked to do.
func (j *job) request(id string, spec sandbox.Spec, artifactBytes int) wire.Request {
	p := j.policy.Policy
	root := spec.Dir
	if root == "" {
		root = sandbox.GuestWork
	}
	env := map[string]string{}
	for _, key := range policy.FromPolicy(p, policy.Options{WorkDir: root}).EnvKeys() {
		if v, ok := os.LookupEnv(key); ok {
			env[key] = v
		}
	}
	return wire.Request{
		Version: wire.Version,
		RunID:   id,
		World:   j.world,
		Policy:  j.policy.Bytes,
		Root:    root,
		Env:     env,

		Fuel:           j.fuel,
		MaxMemoryBytes: j.memory,
		MaxOutputBytes: j.output,
		CPUMillis:      p.Limits.CPUMs,
		WallMillis:     p.Limits.WallMs,

		ArtifactBytes: uint64(artifactBytes),
		InputBytes:    uint64(len(j.input)),
		Audit:         j.auditOut != "",
	}
}

// guestConn is standard input and output as one stream.
type guestConn struct {
	io.Reader
	io.Writer
	close func() error
}

func (c guestConn) Close() error { return c.close() }
