package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"x07/internal/artifact"
	"x07/internal/compile"
	"x07/internal/engine"
	"x07/internal/launch"
	"x07/internal/report"
	"x07/internal/sandbox"
	allbackends "x07/internal/sandbox/backends"
)

// backends are the sandbox backends of this build.
func backends() []sandbox.Backend { return allbackends.All(os.LookupEnv) }

// isBoundary reports whether err is about the boundary and not about the
// program, the arguments or this machine's files.
func isBoundary(err error) bool {
	var be *sandbox.BackendError
	var own *launch.Error
	return errors.As(err, &be) || errors.As(err, &own)
}

// runSandboxed runs a program inside a guest. It fails closed: every error
// means that the program did not run, or not to its end.
func runSandboxed(ctx context.Context, j *job, s streams, art *artifact.Artifact) (*finished, error) {
	b, err := j.boundary.Select(ctx, backends())
	if err != nil {
		return nil, err
	}
	encoded, err := art.Encode()
	if err != nil {
		return nil, fmt.Errorf("encode the compiled program: %w", err)
	}
	// The guest compiles nothing when it is given machine code; without, it does.
	var cache string
	if dir := compile.DefaultCacheDir(); dir != "" {
		cache = filepath.Join(dir, compile.CodeDir)
	}
	code, err := engine.CachedCode(ctx, art, cache)
	if err != nil && ctx.Err() == nil && !errors.Is(err, engine.ErrNoCompiler) {
		return nil, fmt.Errorf("make machine code: %w", err)
	}
	state, err := sandbox.StateRoot(os.LookupEnv)
	if err != nil {
		return nil, err
	}
	stdout := &capped{limit: 4 + j.output + 1}
	stderr := &capped{limit: maxStderr}
	lj := launch.Job{
		Backend:        b,
		Runner:         beside(launch.Runner),
		Policy:         j.policy.Policy,
		PolicyBytes:    j.policy.Bytes,
		World:          j.world,
		WorkDir:        j.workDir,
		Artifact:       encoded,
		Code:           code,
		Input:          j.input,
		Stdin:          j.stdin,
		Stdout:         stdout,
		Stderr:         stderr,
		Fuel:           j.fuel,
		MaxMemoryBytes: j.memory,
		MaxOutputBytes: j.output,
		StateRoot:      state,
	}
	if j.raw {
		lj.Stdout, lj.Stderr = s.out, s.err
	}
	if j.auditOut != "" {
		lj.Audit = j.audit
	}
	out, err := launch.Run(ctx, lj)
	if err != nil {
		return nil, err
	}
	fin := finishedFrom(j, out.Result, stdout, stderr)
	st := b.Preflight(ctx)
	fin.denials = out.Denials
	fin.sandbox = &report.Sandbox{Backend: b.Name(), Isolation: string(st.Isolation), Notes: append(st.Notes, out.Notes...)}
	return fin, nil
}
