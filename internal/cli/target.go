package cli

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"x07/internal/atomicfile"
	"x07/internal/lint"
	"x07/internal/oserr"
	"x07/internal/project"
	"x07/internal/report"
)

// The kinds of targets.
const (
	kindProject  = "project"
	kindProgram  = "program"
	kindArtifact = "artifact"
)

// target is what a run is about.
type target struct {
	kind string
	// path is the manifest, the program file or the artifact.
	path string
	// project is the manifest that applies, nil if there is none.
	project *project.Project
	// root is the absolute directory of the project, else the working directory.
	root string
}

func (f *runFlags) findTarget() (*target, error) {
	given := 0
	for _, p := range []string{f.project, f.program, f.artifact} {
		if p != "" {
			given++
		}
	}
	if given > 1 {
		return nil, usagef("set exactly one of --project, --program, or --artifact")
	}
	switch {
	case f.project != "":
		return projectTarget(f.project)
	case f.program != "":
		return programTarget(f.program)
	case f.artifact != "":
		root, err := workingDir()
		return &target{kind: kindArtifact, path: f.artifact, root: root}, err
	}
	dir, err := workingDir()
	if err != nil {
		return nil, err
	}
	manifest := project.Discover(dir)
	if manifest != "" {
		return projectTarget(manifest)
	}
	hint := ""
	if len(f.args) > 0 && strings.HasSuffix(f.args[0], ".x07.json") {
		hint = fmt.Sprintf("; to run the program %s: x07 run --program %[1]s", f.args[0])
	}
	return nil, usagef("no project found (pass --project, --program, or --artifact)%s", hint)
}

// notASource refuses an output path that belongs to a program or a project.
// What would be written there is something else, and nobody could want it.
func notASource(flag, path string) error {
	name := filepath.Base(path)
	if strings.HasSuffix(name, ".x07.json") || name == project.ManifestName || name == "x07.lock.json" {
		return usagef("%s %s: expected a path for what is made, found the name of a source file", flag, path)
	}
	return nil
}

// projectTarget is the project of a manifest or of a directory.
func projectTarget(path string) (*target, error) {
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		path = filepath.Join(path, project.ManifestName)
	}
	p, err := project.Load(path)
	if err != nil {
		return nil, err
	}
	return &target{kind: kindProject, path: path, project: p, root: p.Root}, nil
}

// programTarget is one program file, with the project it lies in if any.
func programTarget(path string) (*target, error) {
	t := &target{kind: kindProgram, path: path}
	var err error
	if manifest := project.Discover(strings.TrimSuffix(dirOf(path), "/")); manifest != "" {
		if t.project, err = project.Load(manifest); err != nil {
			return nil, err
		}
		t.root = t.project.Root
		return t, nil
	}
	t.root, err = workingDir()
	return t, err
}

// dirOf is the directory part of path; "" when there is none.
func dirOf(path string) string {
	dir, _ := filepath.Split(path)
	if len(dir) > 1 {
		dir = strings.TrimRight(dir, string(filepath.Separator))
	}
	return dir
}

func workingDir() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", fmt.Errorf("find the working directory: %w", err)
	}
	return dir, nil
}

func (t *target) selectProfile(name string) (*project.Profile, error) {
	if t.project == nil {
		if strings.TrimSpace(name) != "" {
			return nil, usagef("--profile requires a project manifest (--project or a discovered x07.json)")
		}
		return nil, nil
	}
	return t.project.Select(name)
}

// chooseWorld decides the world and checks that the runner fits it.
func (f *runFlags) chooseWorld(t *target, prof *project.Profile) (string, error) {
	world := ""
	switch {
	case f.world != "":
		world = f.world
	case f.os:
		world = project.RunOS
	case f.host:
		world = "solve-pure"
	case prof != nil:
		world = prof.World
	case t.project != nil:
		world = t.project.World
	default:
		world = project.RunOS
	}
	runner := f.runner
	switch {
	case runner != "":
	case f.host:
		runner = "host"
	case f.os:
		runner = "os"
	case prof != nil:
		runner = prof.Runner
	}
	isOS := project.IsOSWorld(world)
	switch {
	case runner == "host" && isOS:
		return "", usagef("host runner is incompatible with --world %s", world)
	case runner == "os" && !isOS:
		return "", usagef("os runner is incompatible with --world %s", world)
	case !isOS && (f.knobs.sandboxBackend != "" || f.knobs.acceptWeakerIsolation):
		return "", usagef("--sandbox-backend/--i-accept-weaker-isolation are only supported for OS worlds")
	}
	return world, nil
}

// checkWorld holds the remaining flags to the world and the target.
func (f *runFlags) checkWorld(j *job) error {
	switch {
	case j.world == project.RunOSSandboxed && j.target.kind == kindArtifact:
		return usagef("run-os-sandboxed does not support --artifact; use --program or --project so policy can be enforced at compile time")
	case f.compileOnly && project.IsOSWorld(j.world):
		return usagef("--compile-only is only valid for deterministic solve worlds")
	case f.compileOnly && j.target.kind == kindArtifact:
		return usagef("--compile-only is only valid for --program or --project")
	case len(f.moduleRoots) > 0 && j.target.kind != kindProgram:
		return usagef("--module-root is only valid with --program")
	case !project.IsOSWorld(j.world) && j.world != "solve-pure":
		return usagef("world %s needs fixtures, which this toolchain does not provide: expected run-os, run-os-sandboxed or solve-pure", j.world)
	case !project.IsOSWorld(j.world) && j.target.kind == kindArtifact:
		return usagef("--artifact is only supported for OS worlds")
	case j.target.kind == kindProgram && !strings.HasSuffix(j.target.path, ".x07.json"):
		return usagef("--program must be an x07AST JSON file (*.x07.json), got %s", j.target.path)
	}
	j.compileOnly = f.compileOnly
	return nil
}

// repairEntry applies quickfixes to the entry file, in place or in a copy that
// only this run sees. What remains is the compiler's business.
func (f *runFlags) repairEntry(j *job) error {
	t := j.target
	if f.repair == lint.ModeOff || t.kind == kindArtifact {
		return nil
	}
	label, path := "repair program", t.path
	if t.kind == kindProject {
		label, path = "repair entry", t.project.EntryPath()
	}
	src, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("%s: %s: read x07AST: %s: %w", label, path, path, oserr.Cause(err))
	}
	res, sum, err := lint.Repair(src, j.world, f.repair, int(f.repairIters))
	if err != nil {
		return fmt.Errorf("%s: %s: parse x07AST JSON: %s: %w", label, path, path, err)
	}
	j.repair = &report.Repair{Mode: f.repair, Iterations: sum.Iterations, AppliedOpsCount: sum.AppliedOps, LastLintOK: sum.LastLintOK}
	switch {
	case f.repair == lint.ModeMemory:
		j.entry = res.Canonical
	case sum.Changed():
		// A file that is only laid out differently compiles as it is.
		if err := atomicfile.Write(path, res.Canonical, 0o644); err != nil && sum.AppliedOps > 0 {
			return fmt.Errorf("%s: %w (hint: --repair memory repairs a copy, --repair off leaves the file alone)", label, err)
		}
	}
	return nil
}

// resolveModules finds where the program's modules are.
func (f *runFlags) resolveModules(j *job) error {
	t := j.target
	switch t.kind {
	case kindArtifact:
		return nil
	case kindProject:
		r, err := t.project.Resolve(builtinModule)
		switch {
		case err != nil && j.entry != nil:
			// A repaired copy is run as a program: it needs no lockfile.
			r = project.Resolved{ModuleRoots: t.project.OwnRoots()}
		case err != nil:
			return err
		}
		j.entryPath, j.moduleRoots, j.locked = t.project.EntryPath(), r.ModuleRoots, r.Locked
		if _, err := os.Stat(j.entryPath); err != nil {
			return fmt.Errorf("[X07ENTRY_READ] read entry: %s (hint: check x07.json `entry`): %w", j.entryPath, oserr.Cause(err))
		}
		return nil
	}
	j.entryPath = t.path
	if len(f.moduleRoots) > 0 {
		j.moduleRoots = f.moduleRoots
		return nil
	}
	if t.project != nil {
		if r, err := t.project.Resolve(builtinModule); err == nil {
			j.moduleRoots, j.locked = r.ModuleRoots, r.Locked
			return nil
		}
	}
	dir := dirOf(t.path)
	if dir == "" {
		dir = "."
	}
	j.moduleRoots = []string{dir}
	return nil
}

// wrapped is the target section of a wrapped report.
func (t *target) wrapped(j *job) report.Target {
	w := report.Target{Kind: t.kind, Path: t.path, ResolvedModuleRoots: j.moduleRoots}
	if t.project != nil {
		root, lock := t.project.Root, t.project.LockPath()
		w.ProjectRoot, w.Lockfile = &root, &lock
	}
	return w
}
