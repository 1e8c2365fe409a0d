package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"x07/internal/artifact"
	"x07/internal/atomicfile"
	"x07/internal/bundle"
	"x07/internal/bundle/image"
	"x07/internal/bundle/kube"
	"x07/internal/bundle/oci"
	"x07/internal/bundle/policyenv"
	"x07/internal/compile"
	"x07/internal/lint"
	"x07/internal/policy"
	"x07/internal/project"
	"x07/internal/report"
	"x07/internal/sandbox"
)

// bundleFlags are the flags of x07 bundle. What it shares with run is in run.
type bundleFlags struct {
	run     runFlags
	out     string
	emitDir string
	target  string

	oci          string
	image        string
	emitManifest string
	runtimeClass string

	manifest []byte // what --emit-manifest prints
}

func bundleCommand(s streams, g *global) *cobra.Command {
	f := &bundleFlags{}
	cmd := &cobra.Command{
		Use:   "bundle --out PATH",
		Short: "Make a program a normal executable",
		Long: `Compile a program and write an executable that runs on machines where nothing
of X07 is installed. In run-os-sandboxed the executable carries its policy.

The arguments, standard streams and exit status of the executable are the
program's. Input is its argument vector in argv_v1, with the executable's name
first.`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			f.out = g.out
			code, err := f.bundle(cmd.Context(), s)
			if err != nil {
				return err
			}
			return exitWith(code)
		},
	}
	r := &f.run
	fl := cmd.Flags()
	fl.StringVar(&r.project, "project", "", "project manifest, `PATH`")
	fl.StringVar(&r.program, "program", "", "one *.x07.json file, `PATH`; requires --module-root")
	fl.StringVar(&r.profile, "profile", "", "run profile `NAME` of the project")
	fl.Var(newEnum(&r.world, project.Worlds[:]...), "world", "world id")
	fl.MarkHidden("world")
	r.knobs.register(fl)
	fl.Lookup("solve-fuel").Hidden = true
	fl.BoolVar(&r.knobs.noAutoFFI, "no-auto-ffi", false, "accepted for compatibility")
	r.policy.register(fl)
	fl.StringArrayVar(&r.moduleRoots, "module-root", nil, "directory of modules, `PATH` (repeatable; only with --program)")
	r.repair = lint.ModeWrite
	fl.Var(newEnum(&r.repair, "off", "memory", "write"), "repair", "apply quickfixes to the entry file: off, memory or write")
	fl.Uint32Var(&r.repairIters, "repair-max-iters", 3, "passes of repair")
	fl.StringVar(&f.emitDir, "emit-dir", "", "keep the report and what the bundle was made of in `DIR`")
	fl.StringVar(&f.emitDir, "emit", "", "alias of --emit-dir")
	fl.MarkHidden("emit")
	fl.StringVar(&f.target, "target", "", "make it for `OS/ARCH` (default this machine)")
	fl.StringVar(&f.oci, "oci", "", "also write an OCI image archive of the bundle to `PATH`")
	fl.StringVar(&f.image, "image", "", "name of the image, such as registry.example/team/app:1 (default the bundle's name)")
	fl.Var(newEnum(&f.emitManifest, "kubernetes"), "emit-manifest", "print a manifest that runs the image, instead of the report: kubernetes")
	fl.StringVar(&f.runtimeClass, "runtime-class", "gvisor", "RuntimeClass of the manifest's pod, such as gvisor or kata; empty for the cluster's default")
	return cmd
}

// bundle answers every question in the order in which errors are to be
// reported, then compiles, packs and reports.
func (f *bundleFlags) bundle(ctx context.Context, s streams) (int, error) {
	r := &f.run
	if err := notASource("--out", f.out); err != nil {
		return 0, err
	}
	t, err := f.findTarget()
	if err != nil {
		return 0, err
	}
	prof, err := t.selectProfile(r.profile)
	if err != nil {
		return 0, err
	}
	world, err := r.chooseWorld(t, prof)
	if err != nil {
		return 0, err
	}
	j := &job{target: t, world: world, workDir: t.root}
	if err := f.chooseBoundary(j); err != nil {
		return 0, err
	}
	if err := f.resolvePolicy(s, j, prof); err != nil {
		return policyFailure(s, err)
	}
	if err := r.checkWorld(j); err != nil {
		return 0, err
	}
	made, err := bundle.ParseTarget(f.target)
	if err != nil {
		return 0, usagef("%v", err)
	}
	if err := r.repairEntry(j); err != nil {
		return 0, err
	}
	if err := f.resolveModules(j); err != nil {
		return 0, err
	}
	art, section, err := j.compile()
	if err != nil {
		return 0, err
	}
	out, name := f.outputNames(t)
	if f.image == "" {
		f.image = oci.DefaultRef(name)
	}
	if err := oci.CheckRef(f.image); err != nil {
		return 0, usagef("%v", err)
	}
	rep := report.Bundle{World: world, Target: f.reportTarget(j), Bundle: f.section(j, out, name)}
	if !section.OK {
		return exitFailed, f.tell(s, j, &rep, section, nil)
	}
	b, err := bundle.Build(ctx, bundle.Options{
		Artifact: art, Kind: kindOf(j), Name: name, Compiler: compile.Version,
		Limits: f.limits(prof), Policy: j.policy.Bytes, Boundary: boundaryOf(j),
		Target: made, Binaries: bundle.FindBinaries(os.LookupEnv),
	})
	if err != nil {
		return 0, err
	}
	if err := f.write(b, out); err != nil {
		return 0, err
	}
	describe(&rep, b)
	f.manifest = f.kubernetes(j, prof, out, name)
	if size := int64(len(b.Files[0].Data)); out != "" {
		section.CompiledExe, section.CompiledExeSize = &out, &size
	}
	return exitOK, f.tell(s, j, &rep, section, art)
}

// findTarget finds what to bundle.
func (f *bundleFlags) findTarget() (*target, error) {
	r := &f.run
	switch {
	case f.out == "" && f.oci == "" && f.emitManifest == "":
		return nil, usagef("missing --out <PATH> for output executable")
	case r.project != "" && r.program != "":
		return nil, usagef("set exactly one of --project or --program")
	case len(r.moduleRoots) > 0 && r.program == "":
		return nil, usagef("--module-root is only valid with --program")
	case r.program != "" && len(r.moduleRoots) == 0:
		return nil, usagef("--program requires explicit --module-root")
	case r.knobs.fuel != nil:
		return nil, argError("unknown flag: --solve-fuel")
	case r.knobs.autoFFI && r.knobs.noAutoFFI:
		return nil, argError("--auto-ffi cannot be used with --no-auto-ffi")
	case r.program != "":
		return programTarget(r.program)
	}
	manifest := r.project
	if manifest == "" {
		dir, err := workingDir()
		if err != nil {
			return nil, err
		}
		if manifest = project.Discover(dir); manifest == "" {
			return nil, usagef("no project found (pass --project or --program)")
		}
	}
	if info, err := os.Stat(manifest); err == nil && info.IsDir() {
		return nil, usagef("--project must be a manifest file, got the directory %s", manifest)
	}
	return projectTarget(manifest)
}

// resolveModules finds where the program's modules are. Unlike x07 run, bundle
// does without a lockfile when there is nothing to lock.
func (f *bundleFlags) resolveModules(j *job) error {
	t := j.target
	if t.kind != kindProject || f.run.repair == lint.ModeMemory {
		return f.run.resolveModules(j)
	}
	if _, err := os.Stat(t.project.LockPath()); !errors.Is(err, fs.ErrNotExist) {
		return f.run.resolveModules(j)
	}
	if len(t.project.Dependencies) > 0 {
		return usagef("missing lockfile for project with dependencies: %s", t.project.LockPath())
	}
	j.entryPath, j.moduleRoots = t.project.EntryPath(), t.project.OwnRoots()
	return nil
}

// chooseBoundary decides what stands around the program when it runs. Only
// run-os-sandboxed has a choice, and only there is the environment looked at.
func (f *bundleFlags) chooseBoundary(j *job) error {
	k := &f.run.knobs
	if j.world != project.RunOSSandboxed {
		if k.sandboxBackend != "" || k.acceptWeakerIsolation {
			return usagef("--sandbox-backend/--i-accept-weaker-isolation are only supported for --world run-os-sandboxed")
		}
		if j.world != project.RunOS {
			return usagef("x07 bundle makes executables of OS worlds: expected --world run-os or run-os-sandboxed, got %s", j.world)
		}
		return nil
	}
	var err error
	j.boundary, err = sandbox.Resolve(sandbox.Request{
		World: j.world, Flag: k.sandboxBackend, AcceptFlag: k.acceptWeakerIsolation, LookupEnv: os.LookupEnv,
	})
	return err
}

// kindOf is the kind of image for a job.
func kindOf(j *job) string {
	switch {
	case j.world != project.RunOSSandboxed:
		return image.KindNative
	case j.boundary.Kind == sandbox.KindVM:
		return image.KindVM
	}
	return image.KindPolicy
}

// boundaryOf is what stands around the program of a policy image.
func boundaryOf(j *job) string {
	if kindOf(j) != image.KindPolicy {
		return ""
	}
	return j.boundary.Kind.String()
}

// resolvePolicy finds or derives the policy that is embedded.
func (f *bundleFlags) resolvePolicy(s streams, j *job, p *project.Profile) error {
	req := policy.Request{Tool: "x07 bundle", World: j.world, Root: j.target.root, Flag: f.run.policy.path, Overrides: f.run.policy.overrides}
	if p != nil {
		req.Profile = p.Policy
	}
	var err error
	if j.policy, err = policy.Resolve(req); err == nil && j.policy.Notice != "" {
		fmt.Fprintln(s.err, j.policy.Notice)
	}
	return err
}

// limits are the limits that the image carries: command line, then profile.
// Without either there is none, except for memory.
func (f *bundleFlags) limits(p *project.Profile) image.Limits {
	var j job
	f.run.limits(&j, p)
	given := func(cli, prof *uint64, n uint64) uint64 {
		if cli == nil && prof == nil {
			return 0
		}
		return n
	}
	if p == nil {
		p = &project.Profile{}
	}
	return image.Limits{
		Fuel: j.fuel, MemoryBytes: j.memory,
		OutputBytes: given(f.run.knobs.output, p.MaxOutputBytes, j.output),
		CPUSeconds:  given(f.run.knobs.cpuSeconds, p.CPUTimeLimitSeconds, j.cpuSeconds),
	}
}

// outputNames are the path of the executable and the bundle's name.
func (f *bundleFlags) outputNames(t *target) (out, name string) {
	app := "app"
	if t.kind == kindProject {
		if base := filepath.Base(t.root); base != "" && base != "." && base != string(filepath.Separator) {
			app = base
		}
	}
	if f.out == "" {
		return "", app
	}
	return bundle.OutputPath(f.out, app)
}

// write writes the executable and the image, as far as they were asked for.
func (f *bundleFlags) write(b *bundle.Bundle, out string) error {
	if out != "" {
		if err := b.Write(out); err != nil {
			return err
		}
	}
	if f.oci == "" {
		return nil
	}
	doc, err := oci.Encode(b, oci.Image{Ref: f.image, Name: executableName(out)})
	if err != nil {
		return err
	}
	return atomicfile.Write(f.oci, doc, 0o644)
}

// executableName is the name of the executable in an image.
func executableName(out string) string {
	if out == "" {
		return "app"
	}
	return filepath.Base(out)
}

// kubernetes is the manifest that runs the image; nil unless it was asked for.
func (f *bundleFlags) kubernetes(j *job, p *project.Profile, out, name string) []byte {
	if f.emitManifest == "" {
		return nil
	}
	o := kube.Options{
		Name: name, Executable: executableName(out), Image: f.image, RuntimeClass: f.runtimeClass,
		Policy: j.policy.Policy, MemoryBytes: f.limits(p).MemoryBytes,
	}
	return kube.Encode(o)
}

// reportTarget is the target section: a lockfile is named only if there is one.
func (f *bundleFlags) reportTarget(j *job) report.Target {
	w := j.target.wrapped(j)
	if j.target.kind == kindProgram {
		w.Lockfile = nil
	} else if w.Lockfile != nil {
		if _, err := os.Stat(*w.Lockfile); err != nil {
			w.Lockfile = nil
		}
	}
	return w
}

// section is the bundle section of the report before anything is made.
func (f *bundleFlags) section(j *job, out, name string) report.BundleSection {
	b := report.BundleSection{Out: out, Name: name, ABI: report.BundleABI{Kind: "argv_v1"}, Kind: "native"}
	if kindOf(j) == image.KindVM {
		b.Kind = "vm"
	}
	if j.policy.Policy != nil {
		b.Policy = &report.BundlePolicy{BasePolicy: j.policy.Base, EffectivePolicy: j.policy.Path, EmbeddedEnvKeys: policyenv.Keys()}
	}
	if f.emitDir != "" {
		b.EmitDir = &f.emitDir
	}
	return b
}

// describe adds what was made.
func describe(rep *report.Bundle, b *bundle.Bundle) {
	size := &report.BundleSize{Target: b.Target.String(), Total: b.Size(), Precompiled: b.Precompiled}
	for _, p := range b.Parts {
		size.Parts = append(size.Parts, report.BundlePart(p))
	}
	rep.Bundle.Size = size
	if m := b.Manifest; m != nil {
		g := &report.BundleGuest{Contract: "x07.vm.exec@0.1.0", Entrypoint: []string{"/x07/bin/" + m.Payload}, Workdir: m.Workdir}
		g.Platform.OS, g.Platform.Arch = m.Platform.OS, m.Platform.Arch
		g.Image.Digest, g.Image.Ref = m.GuestDigest, m.GuestImage
		g.Mounts.JobIn, g.Mounts.JobOut = "/x07/in", "/x07/out"
		rep.Bundle.Guest = g
	}
}

// tell writes the report, and with --emit-dir what the bundle was made of.
func (f *bundleFlags) tell(s streams, j *job, rep *report.Bundle, section report.Compile, art *artifact.Artifact) error {
	mode := "compile"
	if j.target.kind == kindProject {
		mode = "project-compile"
	}
	r := report.NewRunner(mode, "", section, nil)
	r.SchemaVersion = report.HostRunnerSchema
	rep.Report = r.Bytes()
	doc := rep.Bytes()
	printed := doc
	if f.manifest != nil {
		printed = f.manifest
	}
	if _, err := s.out.Write(printed); err != nil {
		return fmt.Errorf("write report: %w", err)
	}
	if f.emitDir == "" {
		return nil
	}
	err := atomicfile.Write(filepath.Join(f.emitDir, "report.json"), doc, 0o644)
	if j.policy.Bytes != nil {
		err = errors.Join(err, atomicfile.Write(filepath.Join(f.emitDir, "policy.used.json"), j.policy.Bytes, 0o644))
	}
	if art != nil {
		b, eerr := art.Encode()
		err = errors.Join(err, eerr)
		if eerr == nil {
			err = errors.Join(err, atomicfile.Write(filepath.Join(f.emitDir, "program.wasm"), b, 0o644))
		}
	}
	return err
}
