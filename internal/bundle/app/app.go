// Package app is the inside of a bundled executable: what happens between the
// start of its process and its end. The executable's own image comes in, with
// the arguments, the standard streams and the environment of an ordinary
// process; the program runs, in this process, behind the gate or in a guest,
// as the image says; and the process ends as the program wants it to. An image
// that is not whole, or a boundary that cannot be had, runs nothing.
//
// No flag and no variable belongs to this package: every argument is the
// program's. Only the variables that select a sandbox backend are looked at,
// and they cannot choose a weaker boundary than the image asks for.
package app

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"strings"
	"time"

	"x07/internal/artifact"
	"x07/internal/bundle/image"
	"x07/internal/engine"
	"x07/internal/guest"
	"x07/internal/osworld"
	"x07/internal/policy"
	"x07/internal/sandbox"
	"x07/internal/sandbox/oslevel"
)

// exitError is the exit status when the program could not be run.
const exitError = 2

// Main runs the image at the end of the running executable and returns the exit
// status of the process, unless a signal ends the process first.
func Main() int {
	im, err := self()
	if err != nil {
		return fail(err)
	}
	// The os backend starts this executable again, as its guest; a guest kernel
	// starts a guest image.
	if _, inside := os.LookupEnv(oslevel.RulesEnv); inside || im.Kind == image.KindGuest {
		err = answer(im)
	} else {
		return start(im)
	}
	if err != nil {
		return fail(err)
	}
	return 0
}

// self opens the running executable. The file stays open as long as the process
// lives, so that the sections read later are of the header read now.
func self() (*image.Image, error) {
	f, err := openSelf()
	if err != nil {
		return nil, fmt.Errorf("open the bundle: %w", err)
	}
	info, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("open the bundle: %w", err)
	}
	im, err := image.Open(f, info.Size())
	if errors.Is(err, image.ErrNoImage) {
		return nil, errors.New("this executable carries no program: it is the bundle runtime, which x07 bundle puts programs behind, or a bundle whose end was cut off")
	}
	return im, err
}

// fail reports an error that is not the program's.
func fail(err error) int {
	fmt.Fprintln(os.Stderr, "x07 bundle:", err)
	return exitError
}

// ending is how a program ended, with what there is to say about it.
type ending struct {
	engine.Result
	denials []policy.Denial
	notes   []string
}

// start runs the image's program for the user who started this process.
func start(im *image.Image) int {
	if err := checkArguments(); err != nil {
		return fail(err)
	}
	input := osworld.Argv(append([]string{im.Name}, os.Args[1:]...))
	ctx, sig := watchSignals()
	var end ending
	var err error
	switch {
	case im.Kind == image.KindVM:
		end, err = runVM(ctx, im, input)
	case im.Kind == image.KindPolicy && im.Boundary == "os":
		end, err = runPolicyOS(ctx, im, input)
	default:
		end, err = runHere(ctx, im, input)
	}
	if s := sig.got(); s != nil {
		return dieOf(s)
	}
	if err == nil {
		err = end.Err
	}
	if err != nil {
		return fail(err)
	}
	return finish(im, end)
}

// checkArguments holds the arguments to what argv_v1 can carry.
func checkArguments() error {
	total := 4
	for _, a := range os.Args {
		total += 4 + len(a)
	}
	if uint64(total) > math.MaxUint32 {
		return errors.New("argv_v1 too large")
	}
	return nil
}

// finish writes what the program returned and ends as it wants.
func finish(im *image.Image, end ending) int {
	for _, d := range end.denials {
		fmt.Fprintf(os.Stderr, "%s: %s\n", im.Name, d)
	}
	for _, n := range end.notes {
		fmt.Fprintf(os.Stderr, "%s: note: %s\n", im.Name, n)
	}
	if t := end.Trap; t != nil {
		if strings.HasPrefix(t.Message, "native output too large: ") {
			return fail(errors.New("output exceeded cap"))
		}
		fmt.Fprintln(os.Stderr, t.Message)
		if t.Func != "" || t.Ptr != "" {
			fmt.Fprintf(os.Stderr, "  in %s at %s\n", t.Func, t.Ptr)
		}
		return dieLike(t.Status)
	}
	if len(end.Output) > 0 {
		if _, err := os.Stdout.Write(end.Output); err != nil {
			return fail(fmt.Errorf("write the output: %w", err))
		}
	}
	return end.ExitCode
}

// program reads the artifact and its machine code.
func program(im *image.Image) (*artifact.Artifact, []byte, error) {
	b, err := im.Section(image.Artifact)
	if err != nil {
		return nil, nil, err
	}
	a, err := artifact.Decode(b)
	if err != nil {
		return nil, nil, err
	}
	code, err := im.Section(image.Code)
	return a, code, err
}

// runHere runs the program in this process: with the machine before it, or held
// to the policy by the gate alone.
func runHere(ctx context.Context, im *image.Image, input []byte) (ending, error) {
	a, code, err := program(im)
	if err != nil {
		return ending{}, err
	}
	job := guest.Job{
		Artifact:       a,
		Code:           code,
		Input:          input,
		World:          osworld.Config{Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr, OwnsProcess: true},
		Fuel:           im.Limits.Fuel,
		MaxMemoryBytes: im.Limits.MemoryBytes,
		MaxOutputBytes: outputCap(im, math.MaxUint64),
		CPUTime:        time.Duration(im.Limits.CPUSeconds) * time.Second,
	}
	var audit *policy.Audit
	if im.Kind == image.KindPolicy {
		p, _, err := policyOf(im)
		if err != nil {
			return ending{}, err
		}
		dir, err := os.Getwd()
		if err != nil {
			return ending{}, fmt.Errorf("find the working directory: %w", err)
		}
		if err := limitProcess(sandbox.LimitsFor(p.Limits)); err != nil {
			return ending{}, fmt.Errorf("apply the policy's limits: %w", err)
		}
		job.MaxMemoryBytes = min(job.MaxMemoryBytes, p.Limits.MemBytes)
		audit = policy.NewAudit(nil)
		job.World.Gate = policy.FromPolicy(p, policy.Options{WorkDir: dir})
		job.World.Audit, job.World.WorkDir = audit, dir
		job.World.LookupEnv = policyEnvironment(p, os.LookupEnv)
		job.CPUTime = time.Duration(p.Limits.CPUMs) * time.Millisecond
		job.Deadline = time.Now().Add(time.Duration(max(p.Limits.WallMs, 1)) * time.Millisecond)
	}
	end := ending{Result: guest.Run(ctx, job)}
	end.denials, _ = audit.Denials()
	return end, nil
}

// outputCap is the most that the program may return, bytes.
func outputCap(im *image.Image, without uint64) uint64 {
	if n := im.Limits.OutputBytes; n > 0 {
		return n
	}
	return without
}

// policyOf reads the policy of a policy image, with the processor time narrowed
// to what was asked for when the image was made.
func policyOf(im *image.Image) (*policy.Policy, []byte, error) {
	doc, err := im.Section(image.Policy)
	if err != nil {
		return nil, nil, err
	}
	p, err := policy.Load("the policy of this bundle", doc)
	if err != nil {
		return nil, nil, err
	}
	narrow(p, im)
	return p, doc, nil
}

// narrow applies the processor time that was asked for when the image was made.
func narrow(p *policy.Policy, im *image.Image) {
	const most = math.MaxUint64 / 1000
	if s := im.Limits.CPUSeconds; s > 0 && s < most {
		p.Limits.CPUMs = min(p.Limits.CPUMs, 1000*s)
	}
}
