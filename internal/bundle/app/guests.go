package app

import (
	"context"
	"fmt"
	"os"

	"x07/internal/bundle/image"
	"x07/internal/bundle/sidecar"
	"x07/internal/launch"
	"x07/internal/policy"
	"x07/internal/sandbox"
	"x07/internal/sandbox/backends"
	"x07/internal/sandbox/gvisor"
	"x07/internal/sandbox/oslevel"
)

// vmOutput is the most that a program in a guest may return when the bundle sets
// no cap: the host holds it in memory, and the guest is not trusted.
const vmOutput = 64 << 20

// runVM verifies the sidecar and runs its program behind a guest kernel.
func runVM(ctx context.Context, im *image.Image, input []byte) (ending, error) {
	exe, err := os.Executable()
	if err != nil {
		return ending{}, fmt.Errorf("find the bundle: %w", err)
	}
	// The flag and not the environment decides the kind: a bundle that was made
	// for a guest kernel never runs without.
	decision, err := sandbox.Resolve(sandbox.Request{World: im.World, Flag: "vm", LookupEnv: os.LookupEnv})
	if err != nil {
		return ending{}, err
	}
	if _, set := os.LookupEnv(gvisor.BinaryEnv); set && !decision.Accepted {
		return ending{}, fmt.Errorf("VM bundle does not allow overriding %s without %s=1", gvisor.BinaryEnv, sandbox.EnvAccept)
	}
	side, err := sidecar.Open(exe+sidecar.Suffix, im.Manifest)
	if err != nil {
		return ending{}, err
	}
	defer side.Close()
	p, err := policy.Load(side.Path(sidecar.Policy), side.PolicyBytes)
	if err != nil {
		return ending{}, err
	}
	b, err := decision.Select(ctx, backends.All(func(key string) (string, bool) {
		if v, set := os.LookupEnv(key); set || key != gvisor.BinaryEnv {
			return v, set
		}
		return side.Path(sidecar.Kernel), true
	}))
	if err != nil {
		return ending{}, err
	}
	code, err := image.Open(side.Payload, side.PayloadSize)
	if err != nil {
		return ending{}, fmt.Errorf("%s: %w", side.Path(sidecar.Payload), err)
	}
	encoded, err := code.Section(image.Artifact)
	if err != nil {
		return ending{}, fmt.Errorf("%s: %w", side.Path(sidecar.Payload), err)
	}
	return drive(ctx, im, launch.Job{
		Backend: b, Runner: side.Path(sidecar.Payload),
		Policy: p, PolicyBytes: side.PolicyBytes,
		Artifact: encoded, Input: input,
		LookupEnv: policyEnvironment(p, os.LookupEnv),
	})
}

// runPolicyOS runs the program in a second process of this executable, which
// confines itself before it is given anything to do.
func runPolicyOS(ctx context.Context, im *image.Image, input []byte) (ending, error) {
	exe, err := os.Executable()
	if err != nil {
		return ending{}, fmt.Errorf("find the bundle: %w", err)
	}
	p, doc, err := policyOf(im)
	if err != nil {
		return ending{}, err
	}
	encoded, err := im.Section(image.Artifact)
	if err != nil {
		return ending{}, err
	}
	return drive(ctx, im, launch.Job{
		Backend: oslevel.New(), Runner: exe,
		Policy: p, PolicyBytes: doc,
		Artifact: encoded, Input: input,
		LookupEnv: policyEnvironment(p, os.LookupEnv),
	})
}

// drive fills in what all guests have in common and runs the job.
func drive(ctx context.Context, im *image.Image, j launch.Job) (ending, error) {
	narrow(j.Policy, im)
	dir, err := os.Getwd()
	if err != nil {
		return ending{}, fmt.Errorf("find the working directory: %w", err)
	}
	if j.StateRoot, err = sandbox.StateRoot(os.LookupEnv); err != nil {
		return ending{}, err
	}
	j.World, j.WorkDir = im.World, dir
	j.Stdin, j.Stdout, j.Stderr = os.Stdin, os.Stdout, os.Stderr
	j.Fuel, j.MaxMemoryBytes = im.Limits.Fuel, im.Limits.MemoryBytes
	j.MaxOutputBytes = outputCap(im, vmOutput)
	out, err := launch.Run(ctx, j)
	if err != nil {
		return ending{}, err
	}
	return ending{Result: out.Result, denials: out.Denials, notes: out.Notes}, nil
}
