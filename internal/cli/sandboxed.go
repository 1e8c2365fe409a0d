package cli

import (
	"context"
	"errors"

	"x07/internal/artifact"
	"x07/internal/sandbox"
)

// backends are the sandbox backends of this build, in order of preference.
func backends() []sandbox.Backend { return nil }

// runSandboxed runs a program inside a guest. It fails closed: without a usable
// backend the error is a *sandbox.BackendError and nothing has run.
func runSandboxed(ctx context.Context, j *job, s streams, art *artifact.Artifact) (*finished, error) {
	if _, err := j.boundary.Select(ctx, backends()); err != nil {
		return nil, err
	}
	return nil, errors.New("run-os-sandboxed: no backend was selected")
}
