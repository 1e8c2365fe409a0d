package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"x07/internal/artifact"
	"x07/internal/atomicfile"
	"x07/internal/compile"
	"x07/internal/oserr"
	"x07/internal/policy"
	"x07/internal/program"
	"x07/internal/project"
	"x07/internal/report"
	"x07/internal/sandbox"
	"x07/internal/version"
	"x07/stdlib"
)

// Defaults of the resource limits. There is no default for fuel: it is counted
// exactly, and limited only when somebody asks for it.
const (
	defaultMemory         = 64 << 20
	defaultOutput         = 1 << 20
	defaultCPUSeconds     = 30
	defaultHostCPUSeconds = 5
	maxStderr             = 262144
)

// job is a run with every question answered.
type job struct {
	target *target
	world  string
	// entryPath is the entry file; entry, if set, is what counts as its content.
	entryPath   string
	entry       []byte
	moduleRoots []string
	locked      map[string]string
	// workDir is the program's working directory, absolute.
	workDir string

	input []byte
	stdin io.Reader // behind os.stdio; nil is empty

	fuel, memory, output, cpuSeconds uint64 // 0: no limit for fuel and CPU
	borrowChecks                     bool

	policy      policy.Resolved
	boundary    sandbox.Decision
	boundaryErr error // a boundary that cannot be had; reported, not printed

	raw         bool
	compileOnly bool
	compiledOut string
	auditOut    string
	repair      *report.Repair // nil when repair was off

	audit *policy.Audit
	// auditErr is why the audit log of a run that has ended is incomplete.
	auditErr error
}

// outcome is what a job came to.
type outcome struct {
	report   []byte
	exitCode int
	// compileError is "<Kind>: <message>", "" if the program compiled.
	compileError string
	solve        *report.Solve // nil when nothing ran
	hints        []string
	run          *finished // nil when nothing ran
}

// execute compiles and runs. Errors are for stderr and exit code 2; everything
// that a report can say is in the outcome.
func (j *job) execute(ctx context.Context, s streams) (*outcome, error) {
	if j.boundaryErr != nil {
		return j.boundaryFailure(s, j.boundaryErr), nil
	}
	if j.auditOut != "" {
		a, err := policy.OpenAudit(j.auditOut)
		if err != nil {
			return nil, err
		}
		j.audit = a
		defer func() { j.auditErr = a.Close() }()
	} else {
		j.audit = policy.NewAudit(nil)
	}
	if j.target.kind == kindArtifact {
		return j.executeArtifact(ctx, s)
	}
	art, section, err := j.compile()
	if err != nil {
		return nil, err
	}
	if !section.OK {
		return j.reported(section, nil), nil
	}
	if j.compileOnly {
		return j.reported(section, nil), nil
	}
	fin, err := j.runArtifact(ctx, s, art)
	switch {
	case isBoundary(err):
		return j.boundaryFailure(s, err), nil
	case err != nil:
		return nil, err
	}
	return j.reported(section, fin), nil
}

// compile builds the program. A defect of the program is in the section; an
// error is anything else.
func (j *job) compile() (*artifact.Artifact, report.Compile, error) {
	o := compile.Options{
		Entry:       j.entry,
		EntryPath:   j.entryPath,
		World:       j.world,
		ModuleRoots: j.moduleRoots,
		Locked:      j.locked,
		CacheDir:    compile.DefaultCacheDir(),
	}
	if p := j.policy.Policy; p != nil {
		o.AllowUnsafe, o.AllowFFI = &p.Language.AllowUnsafe, &p.Language.AllowFFI
	}
	art, _, err := compile.Build(o)
	if err != nil {
		if text, ok := compile.IsDefect(err); ok {
			return nil, report.Failed(j.world, text), nil
		}
		return nil, report.Compile{}, err
	}
	section := report.Compile{
		OK:             true,
		CSourceSize:    int64(len(art.Wasm)),
		FuelUsed:       &art.Meta.CompileFuel,
		LangID:         version.LanguageID,
		NativeRequires: report.Requires(j.world, art.Meta.Heads),
	}
	if err := j.keepCompiled(art, &section); err != nil {
		return nil, section, err
	}
	return art, section, nil
}

// keepCompiled writes --compiled-out.
func (j *job) keepCompiled(art *artifact.Artifact, section *report.Compile) error {
	if j.compiledOut == "" {
		return nil
	}
	b, err := art.Encode()
	if err != nil {
		return fmt.Errorf("encode the compiled program: %w", err)
	}
	if err := atomicfile.Write(j.compiledOut, b, 0o644); err != nil {
		return err
	}
	size := int64(len(b))
	section.CompiledExe, section.CompiledExeSize = &j.compiledOut, &size
	return nil
}

// executeArtifact runs a program that was compiled earlier.
func (j *job) executeArtifact(ctx context.Context, s streams) (*outcome, error) {
	b, err := os.ReadFile(j.target.path)
	if err != nil {
		return nil, fmt.Errorf("read artifact: %s: %w", j.target.path, oserr.Cause(err))
	}
	art, err := artifact.Decode(b)
	if err != nil {
		return nil, fmt.Errorf("read artifact: %s: %w", j.target.path, err)
	}
	if art.Meta.World != j.world {
		return nil, fmt.Errorf("artifact %s was compiled for world %s, not for %s: compile it again with --world %s", j.target.path, art.Meta.World, j.world, j.world)
	}
	fin, err := j.runArtifact(ctx, s, art)
	switch {
	case isBoundary(err):
		return j.boundaryFailure(s, err), nil
	case err != nil:
		return nil, err
	}
	solve := j.solve(fin)
	doc, code := report.ArtifactRun(j.world, *solve)
	return &outcome{report: doc, exitCode: code, solve: solve, run: fin}, nil
}

// runArtifact runs a compiled program where its world wants it.
func (j *job) runArtifact(ctx context.Context, s streams, art *artifact.Artifact) (*finished, error) {
	if j.world == project.RunOSSandboxed && j.boundary.Kind != sandbox.KindNone {
		return runSandboxed(ctx, j, s, art)
	}
	return runInProcess(ctx, j, s, art)
}

// lookupEnv is the environment as the program sees it: this process's, and the
// variables that tell a program which world it is in.
func (j *job) lookupEnv(key string) (string, bool) {
	switch {
	case key == "X07_WORLD":
		return j.world, true
	case key == "X07_OS_SANDBOXED" && j.world == project.RunOSSandboxed:
		return "1", true
	}
	return os.LookupEnv(key)
}

// reported is the outcome with its runner report.
func (j *job) reported(section report.Compile, fin *finished) *outcome {
	o := &outcome{run: fin}
	if fin != nil {
		o.solve = j.solve(fin)
	}
	r := report.NewRunner(j.mode(), j.world, section, o.solve)
	if !project.IsOSWorld(j.world) {
		r.SchemaVersion, r.World = report.HostRunnerSchema, ""
	}
	if section.CompileError != nil {
		o.compileError = *section.CompileError
		o.hints = j.hints(o.compileError)
	}
	o.report, o.exitCode = r.Bytes(), r.ExitCode
	return o
}

// solve is the solve section of a finished run.
func (j *job) solve(fin *finished) *report.Solve {
	solve := report.Interpret(fin.child(j.output), j.output)
	if t := fin.trap; t != nil && (t.Func != "" || t.Ptr != "") {
		solve.TrapAt = &report.TrapAt{Fn: t.Func, Module: t.Module, Ptr: t.Ptr}
	}
	if len(fin.denials) > 0 {
		solve.Denials = fin.denials
	}
	solve.Sandbox = fin.sandbox
	return &solve
}

// boundaryFailure is the report of a run that had no boundary to run in.
func (j *job) boundaryFailure(s streams, err error) *outcome {
	fmt.Fprintln(s.err, err)
	r := report.VMFailure(j.mode(), j.world, outermost(err))
	return &outcome{report: r.Bytes(), exitCode: r.ExitCode}
}

// outermost is the message of err without those of its causes.
func outermost(err error) string {
	msg := err.Error()
	if inner := errors.Unwrap(err); inner != nil {
		msg = strings.TrimSuffix(strings.TrimSuffix(msg, inner.Error()), ": ")
	}
	return msg
}

// mode is the mode of runner reports.
func (j *job) mode() string {
	project := j.target.kind == kindProject && j.entry == nil
	switch {
	case j.compileOnly && project:
		return "project-compile"
	case j.compileOnly:
		return "compile"
	case project:
		return report.ModeProject
	}
	return report.ModeProgram
}

func (j *job) runnerName() string {
	if project.IsOSWorld(j.world) {
		return "os"
	}
	return "host"
}

// hints name the commands that show where a compile error is.
func (j *job) hints(message string) []string {
	fn := report.FailedFunction(message)
	i := strings.LastIndexByte(fn, '.')
	if i < 0 {
		return nil
	}
	for _, root := range j.moduleRoots {
		file := filepath.Join(root, filepath.FromSlash(program.ModuleFile(fn[:i])))
		if info, err := os.Stat(file); err == nil && info.Mode().IsRegular() {
			return report.Hints(message, file)
		}
	}
	return nil
}

// builtinModule reports whether the built-in library has module id.
func builtinModule(id string) bool {
	f, err := stdlib.FS.Open(program.ModuleFile(id))
	if err != nil {
		return false
	}
	f.Close()
	return true
}

// tell says in plain words how a run went, for people, and returns the exit
// code that the program asked for.
func (j *job) tell(s streams, o *outcome) (int, error) {
	if o.compileError != "" {
		fmt.Fprintf(s.err, "x07 run: the program does not compile: %s\n", o.compileError)
		for _, h := range o.hints {
			fmt.Fprintln(s.err, h)
		}
		return o.exitCode, nil
	}
	fin := o.run
	if fin == nil {
		return o.exitCode, nil
	}
	if _, err := s.out.Write(fin.output); err != nil {
		return 0, fmt.Errorf("write the program's output: %w", err)
	}
	for _, d := range fin.denials {
		fmt.Fprintf(s.err, "x07 run: %s\n", d)
	}
	if fin.sandbox != nil {
		for _, n := range fin.sandbox.Notes {
			fmt.Fprintf(s.err, "x07 run: the %s sandbox: %s\n", fin.sandbox.Backend, n)
		}
	}
	if fin.trap != nil {
		fmt.Fprintf(s.err, "x07 run: the program was stopped: %s%s\n", fin.trap.Message, place(fin.trap.Func, fin.trap.Ptr))
		return fin.trap.Status, nil
	}
	return fin.exitCode, nil
}

// place is where something happened, for the end of a sentence.
func place(fn, ptr string) string {
	switch {
	case fn == "" && ptr == "":
		return ""
	case fn == "":
		return " (at " + ptr + ")"
	case ptr == "":
		return " (in " + fn + ")"
	}
	return " (in " + fn + " at " + ptr + ")"
}
