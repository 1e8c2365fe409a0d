package cli

import (
	"bytes"
	"cmp"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"x07/internal/atomicfile"
	"x07/internal/oserr"
	"x07/internal/osworld"
	"x07/internal/policy"
	"x07/internal/project"
	"x07/internal/report"
	"x07/internal/sandbox"
)

// runFlags are the flags of x07 run. Nil numbers were not given.
type runFlags struct {
	project, program, artifact string
	world, profile, runner     string
	host, os                   bool

	input, inputB64 string
	stdin           bool
	args            []string

	knobs       knobFlags
	policy      policyFlags
	compiledOut string
	compileOnly bool
	moduleRoots []string
	fixtures    [7]string

	report      string
	raw         bool
	auditOut    string
	repair      string
	repairIters uint32
}

// knobFlags are the resource limits, in the order of their precedence's left
// end: command line before profile before default.
type knobFlags struct {
	ccProfile             string
	maxCBytes             *uint64
	fuel, memory, output  *uint64
	cpuSeconds            *uint64
	borrowChecks          bool
	autoFFI, noAutoFFI    bool
	sandboxBackend        string
	acceptWeakerIsolation bool
}

// policyFlags say which policy a sandboxed run has.
type policyFlags struct {
	path      string
	overrides policy.Overrides
}

func (k *knobFlags) register(f *pflag.FlagSet) {
	f.Var(newEnum(&k.ccProfile, "default", "size"), "cc-profile", "accepted for compatibility; programs compile to WebAssembly")
	f.Var(number{&k.maxCBytes}, "max-c-bytes", "accepted for compatibility")
	f.Var(number{&k.fuel}, "solve-fuel", "stop after this many fuel units; 0 is no limit (the default)")
	f.Var(number{&k.memory}, "max-memory-bytes", "heap of the program; 0 is the default, 67108864")
	f.Var(number{&k.output}, "max-output-bytes", "cap of the program's output; 0 is the default, 1048576")
	f.Var(number{&k.cpuSeconds}, "cpu-time-limit-seconds", "processor time; 0 is no limit (default 30)")
	f.BoolVar(&k.borrowChecks, "debug-borrow-checks", false, "add debug_stats to the report")
	f.BoolVar(&k.autoFFI, "auto-ffi", false, "accepted for compatibility")
	f.Var(newEnum(&k.sandboxBackend, "auto", "vm", "os", "native", "none"), "sandbox-backend", "boundary of run-os-sandboxed: auto, vm, os or none")
	f.BoolVar(&k.acceptWeakerIsolation, "i-accept-weaker-isolation", false, "allow a boundary weaker than a guest kernel")
}

func (p *policyFlags) register(f *pflag.FlagSet) {
	f.StringVar(&p.path, "policy", "", "sandbox policy, `PATH` relative to the project root")
	o := &p.overrides
	f.StringArrayVar(&o.AllowHosts, "allow-host", nil, "allow connections to `HOST:PORTS` (repeatable)")
	f.StringArrayVar(&o.AllowHostFiles, "allow-host-file", nil, "allow the hosts listed in `PATH`")
	f.StringArrayVar(&o.DenyHosts, "deny-host", nil, "deny connections to `HOST:PORTS`; wins over allow")
	f.StringArrayVar(&o.DenyHostFiles, "deny-host-file", nil, "deny the hosts listed in `PATH`")
	f.StringArrayVar(&o.AllowReadRoots, "allow-read-root", nil, "let the program read below `DIR`")
	f.StringArrayVar(&o.AllowWriteRoots, "allow-write-root", nil, "let the program write below `DIR`")
}

func runCommand(s streams, g *global) *cobra.Command {
	f := &runFlags{}
	cmd := &cobra.Command{
		Use:   "run [flags] [-- ARG...]",
		Short: "Compile and run a program",
		Long: `Compile and run a program, and print a report of what happened.

With --raw, for people: just the program's output on stdout, traps and denials
in plain words on stderr, and the program's own exit status.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			f.args = args
			ctx, stop := signal.NotifyContext(cmd.Context(), os.Interrupt, syscall.SIGTERM)
			defer stop()
			code, err := f.run(ctx, s, g)
			if ctx.Err() != nil {
				// Everything the program started has ended by now.
				fmt.Fprintln(s.err, "x07 run: interrupted")
				return exit(exitInterrupted)
			}
			if err != nil {
				return err
			}
			return exitWith(code)
		},
	}
	fl := cmd.Flags()
	// The first bare word starts the program's arguments.
	fl.SetInterspersed(false)
	fl.StringVar(&f.project, "project", "", "project manifest or directory, `PATH`")
	fl.StringVar(&f.program, "program", "", "one *.x07.json file, `PATH`")
	fl.StringVar(&f.artifact, "artifact", "", "compiled program, `PATH`")
	fl.Var(newEnum(&f.world, project.Worlds[:]...), "world", "world id")
	fl.StringVar(&f.profile, "profile", "", "run profile `NAME` of the project")
	fl.Var(newEnum(&f.runner, "auto", "host", "os"), "runner", "runner to use")
	fl.BoolVar(&f.host, "host", false, "host runner")
	fl.BoolVar(&f.os, "os", false, "OS runner")
	fl.StringVar(&f.input, "input", "", "file with the program's input, `PATH`")
	fl.BoolVar(&f.stdin, "stdin", false, "the program's input is standard input")
	fl.StringVar(&f.inputB64, "input-b64", "", "the program's input in `BASE64`")
	f.knobs.register(fl)
	fl.BoolVar(&f.knobs.noAutoFFI, "no-auto-ffi", false, "accepted for compatibility")
	f.policy.register(fl)
	fl.StringVar(&f.compiledOut, "compiled-out", "", "keep the compiled program at `PATH`")
	fl.BoolVar(&f.compileOnly, "compile-only", false, "do not run")
	fl.StringArrayVar(&f.moduleRoots, "module-root", nil, "directory of modules, `PATH` (repeatable; only with --program)")
	for i, name := range fixtureFlags {
		fl.StringVar(&f.fixtures[i], name, "", "fixtures of solve worlds")
		fl.MarkHidden(name)
	}
	f.report = "runner"
	fl.Var(newEnum(&f.report, "runner", "wrapped"), "report", "kind of report: runner or wrapped")
	fl.BoolVar(&f.raw, "raw", false, "for people: print the program's output and exit with its status")
	fl.StringVar(&f.auditOut, "audit-out", "", "write one JSON line per OS effect to `PATH`")
	f.repair = "write"
	fl.Var(newEnum(&f.repair, "off", "memory", "write"), "repair", "apply quickfixes to the entry file: off, memory or write")
	fl.Uint32Var(&f.repairIters, "repair-max-iters", 3, "passes of repair")
	for _, name := range []string{"world", "runner", "host", "os", "compile-only"} {
		fl.MarkHidden(name)
	}
	return cmd
}

var fixtureFlags = [...]string{"fixtures", "fixture-fs-dir", "fixture-fs-root", "fixture-fs-latency-index", "fixture-rr-dir", "fixture-kv-dir", "fixture-kv-seed"}

// run answers every question in the order in which errors are to be reported,
// then builds, runs and reports.
func (f *runFlags) run(ctx context.Context, s streams, g *global) (int, error) {
	if err := f.check(g); err != nil {
		return 0, err
	}
	t, err := f.findTarget()
	if err != nil {
		return 0, err
	}
	prof, err := t.selectProfile(f.profile)
	if err != nil {
		return 0, err
	}
	world, err := f.chooseWorld(t, prof)
	if err != nil {
		return 0, err
	}
	j := &job{target: t, world: world, raw: f.raw, compiledOut: f.compiledOut, auditOut: f.auditOut, workDir: t.root}
	f.limits(j, prof)
	if project.IsOSWorld(world) {
		if j.boundary, err = sandbox.Resolve(sandbox.Request{
			World: world, Flag: f.knobs.sandboxBackend, AcceptFlag: f.knobs.acceptWeakerIsolation, LookupEnv: os.LookupEnv,
		}); err != nil && sandbox.ExitCode(err) == exitUsage {
			return 0, err
		}
		j.boundaryErr = err
	}
	if err := f.resolvePolicy(s, j, prof); err != nil {
		return policyFailure(s, err)
	}
	if err := f.checkWorld(j); err != nil {
		return 0, err
	}
	if j.input, err = f.readInput(s, j, prof); err != nil {
		return 0, err
	}
	if f.raw {
		// What --stdin has read is gone; a program reading lines sees the end.
		j.stdin = s.in
	}
	if err := f.repairEntry(j); err != nil {
		return 0, err
	}
	if err := f.resolveModules(j); err != nil {
		return 0, err
	}
	out, err := j.execute(ctx, s)
	if err != nil {
		return 0, err
	}
	if err := f.writeRepro(j, out); err != nil {
		fmt.Fprintf(s.err, "x07 run: %v\n", err)
	}
	var code int
	if f.raw {
		code, err = j.tell(s, out)
	} else {
		code, err = f.emit(s, g, j, out)
	}
	if err == nil && j.auditErr != nil {
		fmt.Fprintf(s.err, "x07 run: the audit log %s is incomplete: %v\n", j.auditOut, j.auditErr)
		code = max(code, exitUsage)
	}
	return code, err
}

// check finds contradictions between flags.
func (f *runFlags) check(g *global) error {
	var given []string
	for _, in := range []struct {
		name string
		set  bool
	}{{"--input", f.input != ""}, {"--stdin", f.stdin}, {"--input-b64", f.inputB64 != ""}, {"trailing arguments", len(f.args) > 0}} {
		if in.set {
			given = append(given, in.name)
		}
	}
	switch {
	case len(given) > 1:
		return argError("%s cannot be used with %s", given[0], given[1])
	case f.host && f.os:
		return usagef("--host and --os are mutually exclusive")
	case f.runner != "" && (f.host || f.os):
		return argError("--runner cannot be used with --host or --os")
	case f.knobs.autoFFI && f.knobs.noAutoFFI:
		return argError("--auto-ffi cannot be used with --no-auto-ffi")
	case g.reportOut == "-":
		return usagef("--report-out '-' is not supported (stdout is reserved for the report)")
	case g.quietJSON && g.reportOut == "":
		return argError("--quiet-json requires --report-out")
	}
	return cmp.Or(notASource("--report-out", g.reportOut), notASource("--compiled-out", f.compiledOut), notASource("--audit-out", f.auditOut))
}

// limits sets the resource limits: command line, then profile, then default.
func (f *runFlags) limits(j *job, p *project.Profile) {
	if p == nil {
		p = &project.Profile{}
	}
	pick := func(cli, prof *uint64, def uint64) uint64 {
		switch {
		case cli != nil:
			return *cli
		case prof != nil:
			return *prof
		}
		return def
	}
	k := &f.knobs
	j.fuel = pick(k.fuel, p.SolveFuel, 0)
	j.memory = pick(k.memory, p.MaxMemoryBytes, defaultMemory)
	j.output = pick(k.output, p.MaxOutputBytes, defaultOutput)
	cpu := uint64(defaultCPUSeconds)
	if !project.IsOSWorld(j.world) {
		cpu = defaultHostCPUSeconds
	}
	j.cpuSeconds = pick(k.cpuSeconds, p.CPUTimeLimitSeconds, cpu)
	j.borrowChecks = k.borrowChecks
}

// resolvePolicy finds the policy of a sandboxed run.
func (f *runFlags) resolvePolicy(s streams, j *job, p *project.Profile) error {
	req := policy.Request{Tool: "x07 run", World: j.world, Root: j.target.root, Flag: f.policy.path, Overrides: f.policy.overrides}
	if p != nil {
		req.Profile = p.Policy
	}
	var err error
	if j.policy, err = policy.Resolve(req); err != nil {
		return err
	}
	if j.policy.Notice != "" {
		fmt.Fprintln(s.err, j.policy.Notice)
	}
	return nil
}

// policyFailure reports an error of the policy package.
func policyFailure(s streams, err error) (int, error) {
	if pe := asPolicyError(err); pe != nil && pe.ExitCode() == exitSchema {
		if _, werr := s.err.Write(pe.Diagnostics()); werr != nil {
			return 0, werr
		}
		return exitSchema, nil
	}
	return 0, err
}

// asPolicyError is the error of package policy in err's chain, nil if none.
func asPolicyError(err error) *policy.Error {
	var pe *policy.Error
	if errors.As(err, &pe) {
		return pe
	}
	return nil
}

// readInput reads the program's input from the first source that was given.
func (f *runFlags) readInput(s streams, j *job, p *project.Profile) ([]byte, error) {
	switch {
	case f.input != "":
		return readInputFile(f.input, j.memory)
	case f.stdin:
		b, err := readBounded(s.in, j.memory, 0)
		if err != nil {
			return nil, fmt.Errorf("read stdin: %w", err)
		}
		return b, nil
	case f.inputB64 != "":
		b, err := base64.StdEncoding.DecodeString(strings.TrimSpace(f.inputB64))
		if err != nil {
			return nil, fmt.Errorf("decode --input-b64: %w", err)
		}
		return b, nil
	case len(f.args) > 0:
		return osworld.Argv(f.args), nil
	case p != nil && p.Input != "":
		return readInputFile(j.target.project.File(p.Input), j.memory)
	}
	return nil, nil
}

// readInputFile reads a file that is to be a program's input.
func readInputFile(path string, memory uint64) ([]byte, error) {
	f, err := os.Open(path)
	if err == nil {
		defer f.Close()
		var size int64
		if info, err := f.Stat(); err == nil && info.Mode().IsRegular() {
			size = info.Size()
		}
		var b []byte
		if b, err = readBounded(f, memory, size); err == nil {
			return b, nil
		}
	}
	return nil, fmt.Errorf("read input: %s: %w", path, oserr.Cause(err))
}

// readBounded reads one byte more than the program's memory at most: that much
// already ends the run with "out of memory", and an endless input ends too. size
// is what the input is expected to have, 0 when unknown.
func readBounded(r io.Reader, memory uint64, size int64) ([]byte, error) {
	limit := int64(min(memory, math.MaxInt64-1)) + 1
	var b bytes.Buffer
	b.Grow(int(min(size, limit)) + bytes.MinRead)
	_, err := b.ReadFrom(io.LimitReader(r, limit))
	return b.Bytes(), err
}

// emit prints the report and returns the exit code.
func (f *runFlags) emit(s streams, g *global, j *job, out *outcome) (int, error) {
	doc := out.report
	if f.report == "wrapped" {
		var err error
		if doc, err = report.Wrap(j.runnerName(), j.world, j.target.wrapped(j), j.repair, doc); err != nil {
			return 0, err
		}
	}
	if g.reportOut != "" {
		if err := atomicfile.Write(g.reportOut, doc, 0o644); err != nil {
			return 0, err
		}
	}
	if !g.quietJSON {
		if _, err := s.out.Write(doc); err != nil {
			return 0, fmt.Errorf("write report: %w", err)
		}
	}
	for _, line := range out.hints {
		fmt.Fprintln(s.err, line)
	}
	return out.exitCode, nil
}

// writeRepro keeps what is needed to repeat a run that broke a contract.
func (f *runFlags) writeRepro(j *job, out *outcome) error {
	if out.solve == nil || out.solve.Trap == nil {
		return nil
	}
	name, doc, ok := report.ContractRepro(*out.solve.Trap, report.ContractRun{
		TargetKind: j.target.kind, TargetPath: j.target.path, World: j.world,
		SolveFuel: j.fuel, MaxMemoryBytes: j.memory, MaxOutputBytes: j.output,
		CPUTimeLimitSeconds: j.cpuSeconds, DebugBorrowChecks: j.borrowChecks, Input: j.input,
	})
	if !ok {
		return nil
	}
	path := filepath.Join(j.target.root, ".x07", "artifacts", name)
	if err := atomicfile.Write(path, doc, 0o644); err != nil {
		return fmt.Errorf("keep the contract repro: %w", err)
	}
	return nil
}

// parseUint reads a decimal unsigned integer.
func parseUint(v string) (uint64, error) {
	u, err := strconv.ParseUint(v, 10, 64)
	if err != nil {
		return 0, fmt.Errorf("expected an integer from 0 to 18446744073709551615, got %q", v)
	}
	return u, nil
}
