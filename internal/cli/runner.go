package cli

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"x07/internal/launch"
	"x07/internal/policy"
	"x07/internal/project"
	"x07/internal/sandbox"
	"x07/internal/version"
)

// runnerFlags are the flags of x07-os-runner.
type runnerFlags struct {
	artifact, program, project string
	world                      string
	knobs                      knobFlags
	policy                     string
	input                      string
	compiledOut                string
	compileOnly                bool
	precompiled                bool
	framed                     bool
	moduleRoots                []string
}

// RunnerMain runs the x07-os-runner command with the arguments after argv[0]
// and returns its exit code.
func RunnerMain(argv []string) int {
	if len(argv) == 2 && argv[1] == launch.RunnerVerb {
		return guestMain()
	}
	s := streams{os.Stdin, os.Stdout, os.Stderr}
	return dispatch(s, newRunner(s), argv[1:])
}

func newRunner(s streams) *cobra.Command {
	f := &runnerFlags{world: project.RunOS}
	var rows bool
	cmd := &cobra.Command{
		Use:           "x07-os-runner (--artifact PATH | --program PATH | --project PATH)",
		Short:         "Compile and run one program in an OS world",
		Version:       version.Language + " (toolchain " + version.Toolchain + ")",
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if rows {
				if _, err := s.out.Write(specRows(cmd)); err != nil {
					return fmt.Errorf("write description: %w", err)
				}
				return nil
			}
			ctx, stop := signal.NotifyContext(cmd.Context(), os.Interrupt, syscall.SIGTERM)
			defer stop()
			code, err := f.run(ctx, s)
			if err != nil {
				return err
			}
			return exitWith(code)
		},
	}
	cmd.SetVersionTemplate("x07-os-runner {{.Version}}\n")
	cmd.CompletionOptions.DisableDefaultCmd = true
	cmd.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return &flagError{err} })
	fl := cmd.Flags()
	fl.BoolVar(&rows, "cli-specrows", false, "print the description of the command line")
	fl.StringVar(&f.artifact, "artifact", "", "compiled program, `PATH`")
	fl.StringVar(&f.program, "program", "", "one *.x07.json file, `PATH`")
	fl.StringVar(&f.project, "project", "", "project manifest, `PATH`")
	fl.Var(newEnum(&f.world, project.Worlds[:]...), "world", "world id")
	f.knobs.register(fl)
	fl.StringVar(&f.policy, "policy", "", "sandbox policy, `PATH`")
	fl.StringVar(&f.input, "input", "", "file with the program's input, `PATH`")
	fl.StringVar(&f.compiledOut, "compiled-out", "", "keep the compiled program at `PATH`")
	fl.BoolVar(&f.compileOnly, "compile-only", false, "do not run")
	fl.BoolVar(&f.precompiled, "i-accept-precompiled-artifact", false, "allow --artifact in run-os-sandboxed")
	fl.BoolVar(&f.framed, "framed", false, "speak the framed ABI: input frame on stdin, output frame on stdout, statistics on stderr")
	fl.StringArrayVar(&f.moduleRoots, "module-root", nil, "directory of modules, `PATH` (repeatable)")
	fl.MarkHidden("compile-only")
	fl.MarkHidden("i-accept-precompiled-artifact")
	return cmd
}

func (f *runnerFlags) run(ctx context.Context, s streams) (int, error) {
	given := 0
	for _, p := range []string{f.artifact, f.program, f.project} {
		if p != "" {
			given++
		}
	}
	switch {
	case given != 1:
		return 0, usagef("set exactly one of --artifact, --program, or --project")
	case f.compileOnly && f.artifact != "":
		return 0, usagef("--compile-only is not supported with --artifact")
	case !project.IsOSWorld(f.world):
		return 0, usagef("refusing to run eval world %q in x07-os-runner", f.world)
	case f.world == project.RunOSSandboxed && f.artifact != "" && !f.precompiled:
		return 0, usagef("run-os-sandboxed does not support --artifact; use --program or --project so policy can be enforced at compile time")
	case f.world == project.RunOSSandboxed && f.policy == "":
		return 0, usagef("run-os-sandboxed requires --policy")
	case f.world != project.RunOSSandboxed && f.policy != "":
		return 0, usagef("--policy is only valid for --world run-os-sandboxed")
	case f.framed && f.input != "":
		return 0, argError("--framed cannot be used with --input")
	}
	// run-os never has a boundary to accept less of, but a child of this process
	// may read the variable.
	if f.knobs.acceptWeakerIsolation {
		os.Setenv(sandbox.EnvAccept, "1")
	}
	boundary, err := sandbox.Resolve(sandbox.Request{
		World: f.world, Flag: f.knobs.sandboxBackend, AcceptFlag: f.knobs.acceptWeakerIsolation, LookupEnv: os.LookupEnv,
	})
	if err != nil && sandbox.ExitCode(err) == exitUsage {
		return 0, err
	}
	t, terr := f.target()
	j := &job{target: t, world: f.world, compiledOut: f.compiledOut, boundary: boundary, boundaryErr: err}
	if f.policy != "" {
		if j.policy.Policy, j.policy.Bytes, err = policy.LoadFile(f.policy); err != nil {
			return 0, err
		}
		j.policy.Base, j.policy.Path = f.policy, f.policy
	}
	if err := f.fill(s, j); err != nil {
		return 0, err
	}
	if terr != nil {
		return 0, terr
	}
	if err := f.modules(j); err != nil {
		return 0, err
	}
	out, err := j.execute(ctx, s)
	if err != nil {
		return 0, err
	}
	if f.framed {
		return f.speakFrames(s, j, out)
	}
	if _, err := s.out.Write(out.report); err != nil {
		return 0, fmt.Errorf("write report: %w", err)
	}
	return out.exitCode, nil
}

// fill sets the limits and reads the input.
func (f *runnerFlags) fill(s streams, j *job) error {
	rf := runFlags{knobs: f.knobs}
	rf.limits(j, nil)
	var err error
	switch {
	case f.framed:
		j.input, err = readFrame(s.in)
	case f.input != "":
		j.input, err = readInputFile(f.input, j.memory)
	}
	return err
}

// target is what is to run; the working directory is the project's, else the
// inherited one.
func (f *runnerFlags) target() (*target, error) {
	if f.project != "" {
		p, err := project.Load(f.project)
		if err != nil {
			return nil, err
		}
		return &target{kind: kindProject, path: f.project, project: p, root: p.Root}, nil
	}
	root, err := workingDir()
	if f.artifact != "" {
		return &target{kind: kindArtifact, path: f.artifact, root: root}, err
	}
	if !strings.HasSuffix(f.program, ".x07.json") {
		return nil, usagef("--program must be an x07AST JSON file (*.x07.json), got %s", f.program)
	}
	return &target{kind: kindProgram, path: f.program, root: root}, err
}

func (f *runnerFlags) modules(j *job) error {
	j.workDir = j.target.root
	j.compileOnly = f.compileOnly && j.target.kind == kindProgram
	rf := runFlags{moduleRoots: f.moduleRoots}
	return rf.resolveModules(j)
}

// readFrame reads u32_le(n) and n bytes.
func readFrame(r io.Reader) ([]byte, error) {
	br := bufio.NewReader(r)
	var head [4]byte
	if _, err := io.ReadFull(br, head[:]); err != nil {
		return nil, usagef("stdin: expected a frame: u32_le length, then that many bytes")
	}
	n := binary.LittleEndian.Uint32(head[:])
	b, err := io.ReadAll(io.LimitReader(br, int64(n)))
	if err != nil {
		return nil, fmt.Errorf("read stdin: %w", err)
	}
	if uint64(len(b)) != uint64(n) {
		return nil, usagef("stdin: the frame announces %d bytes and has %d", n, len(b))
	}
	return b, nil
}

// speakFrames ends the run as a framed executable does.
func (f *runnerFlags) speakFrames(s streams, j *job, out *outcome) (int, error) {
	if out.compileError != "" {
		fmt.Fprintln(s.err, out.compileError)
		return exitFailed, nil
	}
	if out.run == nil {
		return out.exitCode, nil
	}
	c := out.run.child(j.output)
	_, err := s.err.Write(c.Stderr)
	if _, werr := s.out.Write(c.Stdout); err == nil {
		err = werr
	}
	if err != nil {
		return 0, errors.Join(errors.New("write the program's streams"), err)
	}
	return c.ExitStatus, nil
}
