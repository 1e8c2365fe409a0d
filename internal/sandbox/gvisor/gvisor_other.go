//go:build !linux

package gvisor

import (
	"context"
	"errors"
	"runtime"

	"x07/internal/sandbox"
)

// obstacle returns why a guest cannot start here.
func (b *Backend) obstacle() (reason, fix string) {
	return "the embedded guest kernel runs on Linux only, this is " + runtime.GOOS, ""
}

func (b *Backend) notes() []string { return nil }

// Start implements sandbox.Backend. It always fails.
func (b *Backend) Start(context.Context, sandbox.Spec) (sandbox.Guest, error) {
	reason, _ := b.obstacle()
	return nil, errors.New(reason)
}

// Probe implements sandbox.Prober.
func (b *Backend) Probe(ctx context.Context) sandbox.Status { return b.Preflight(ctx) }
