package project

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strings"
)

// LockSchemaVersion is the schema_version of lockfiles.
const LockSchemaVersion = "x07.lock@0.2.0"

// PackageSchemaVersion is the schema_version of package manifests.
const PackageSchemaVersion = "x07.package@0.1.0"

const lockHint = "(hint: run `x07 pkg lock`)"

// Lock is the content of a lockfile, one entry per dependency of the project
// and in the same order.
type Lock struct {
	Dependencies []Locked
}

// Locked is one locked package. Hashes are SHA-256 in lower-case hexadecimal.
type Locked struct {
	Dependency
	PackageManifestSHA256 string
	ModuleRoot            string
	ModulesSHA256         map[string]string
}

// Package is the part of x07-package.json that loading a program needs.
type Package struct {
	Name, Version, Description, Docs string
	ModuleRoot                       string
	Modules                          []string
	// SHA256 is the hash of the manifest's bytes.
	SHA256 string
}

// Resolved is where the modules of a project lie.
type Resolved struct {
	// ModuleRoots are the project's own roots, then those of its packages,
	// without repetitions.
	ModuleRoots []string
	// Locked maps the absolute paths of locked modules to the SHA-256 that the
	// lockfile demands of them.
	Locked map[string]string
}

// OwnRoots are the project's own module roots, joined to its directory.
func (p *Project) OwnRoots() []string {
	var r Resolved
	for _, root := range p.ModuleRoots {
		r.addRoot(p.File(root))
	}
	return r.ModuleRoots
}

func (r *Resolved) addRoot(root string) {
	for _, have := range r.ModuleRoots {
		if have == root {
			return
		}
	}
	r.ModuleRoots = append(r.ModuleRoots, root)
}

// ReadLock reads the project's lockfile without comparing it with anything.
func (p *Project) ReadLock() (*Lock, error) {
	path := p.LockPath()
	src, err := readFile(path)
	if err != nil {
		return nil, fmt.Errorf("[X07LOCK_READ] read lockfile: %s %s: %w", path, lockHint, err)
	}
	version, lock, err := parseLock(src)
	if err != nil {
		return nil, fmt.Errorf("[X07LOCK_PARSE] parse lockfile JSON: %s %s: %w", path, lockHint, err)
	}
	if version != LockSchemaVersion {
		return nil, fmt.Errorf("[X07LOCK_SCHEMA] lockfile schema_version mismatch: expected %s got %q %s", LockSchemaVersion, version, lockHint)
	}
	return lock, nil
}

func parseLock(src []byte) (version string, lock *Lock, err error) {
	o, err := decodeObject(src)
	if err != nil {
		return "", nil, err
	}
	version = o.str("schema_version", true)
	lock = &Lock{}
	for _, dep := range o.objects("dependencies", true) {
		entry := Locked{
			Dependency:            Dependency{dep.str("name", true), dep.str("version", true), dep.str("path", true)},
			PackageManifestSHA256: dep.str("package_manifest_sha256", true),
			ModuleRoot:            dep.str("module_root", true),
			ModulesSHA256:         map[string]string{},
		}
		if modules, ok := dep.object("modules_sha256", true); ok {
			for id := range modules.members {
				entry.ModulesSHA256[id] = modules.str(id, true)
			}
		}
		lock.Dependencies = append(lock.Dependencies, entry)
	}
	return version, lock, *o.err
}

// Resolve reads the lockfile, holds it to the manifest and to every file it
// locks, and returns the module roots. builtin says which modules the built-in
// library has: a package that is not on disk and only has such modules is not
// needed, so it is accepted and adds no root.
func (p *Project) Resolve(builtin func(id string) bool) (Resolved, error) {
	lock, err := p.ReadLock()
	if err != nil {
		return Resolved{}, err
	}
	if len(lock.Dependencies) != len(p.Dependencies) {
		return Resolved{}, fmt.Errorf("lockfile dependency list does not match project %s", lockHint)
	}
	r := Resolved{ModuleRoots: p.OwnRoots(), Locked: map[string]string{}}
	for i, want := range p.Dependencies {
		got := lock.Dependencies[i]
		if got.Dependency != want {
			return Resolved{}, fmt.Errorf("lockfile dependencies do not match project manifest at index %d: the project has %s@%s at %q, the lockfile has %s@%s at %q %s",
				i, want.Name, want.Version, want.Path, got.Name, got.Version, got.Path, lockHint)
		}
		if p.suppliedByLibrary(got, builtin) {
			continue
		}
		if err := p.verify(got, &r); err != nil {
			return Resolved{}, err
		}
	}
	return r, nil
}

func (p *Project) suppliedByLibrary(l Locked, builtin func(string) bool) bool {
	if builtin == nil || len(l.ModulesSHA256) == 0 {
		return false
	}
	if _, err := os.Stat(p.File(l.Path)); !os.IsNotExist(err) {
		return false
	}
	for id := range l.ModulesSHA256 {
		if !builtin(id) {
			return false
		}
	}
	return true
}

// verify recomputes what the lockfile says of one package and compares.
func (p *Project) verify(l Locked, r *Resolved) error {
	pkg, err := p.LoadPackage(l.Dependency)
	if err != nil {
		return err
	}
	root := filepath.Join(p.File(l.Path), filepath.FromSlash(pkg.ModuleRoot))
	sums := make(map[string]string, len(pkg.Modules))
	for _, id := range pkg.Modules {
		path := filepath.Join(root, filepath.FromSlash(strings.ReplaceAll(id, ".", "/")+".x07.json"))
		src, err := readFile(path)
		if err != nil {
			return fmt.Errorf("read module %q: %s: %w", id, path, err)
		}
		sums[id] = hash(src)
		abs, err := filepath.Abs(path)
		if err != nil {
			return fmt.Errorf("read module %q: %s: %w", id, path, err)
		}
		r.Locked[abs] = sums[id]
	}
	switch {
	case pkg.SHA256 != l.PackageManifestSHA256:
		return fmt.Errorf("lockfile package manifest hash mismatch for %q %s", l.Name, lockHint)
	case pkg.ModuleRoot != l.ModuleRoot:
		return fmt.Errorf("lockfile module_root mismatch for %q %s", l.Name, lockHint)
	case !maps.Equal(sums, l.ModulesSHA256):
		return fmt.Errorf("lockfile module hashes mismatch for %q %s", l.Name, lockHint)
	}
	r.addRoot(root)
	return nil
}

// LoadPackage reads the manifest of d's package and checks that it is d.
func (p *Project) LoadPackage(d Dependency) (*Package, error) {
	path := filepath.Join(p.File(d.Path), "x07-package.json")
	src, err := readFile(path)
	if err != nil {
		return nil, fmt.Errorf("read package: %s: %w", path, err)
	}
	pkg, err := parsePackage(src, path)
	if err != nil {
		return nil, err
	}
	for _, id := range []struct{ what, want, got string }{{"name", d.Name, pkg.Name}, {"version", d.Version, pkg.Version}} {
		if id.want != id.got {
			return nil, fmt.Errorf("dependency %s mismatch: project wants %q but package at %s is %q", id.what, id.want, p.File(d.Path), id.got)
		}
	}
	return pkg, nil
}

func parsePackage(src []byte, path string) (*Package, error) {
	o, err := decodeObject(src)
	if err != nil {
		return nil, fmt.Errorf("parse package JSON: %s: %w", path, err)
	}
	version := o.str("schema_version", true)
	pkg := &Package{
		Name:        o.str("name", true),
		Version:     o.str("version", true),
		Description: o.str("description", false),
		Docs:        o.str("docs", false),
		ModuleRoot:  o.str("module_root", true),
		Modules:     o.strs("modules", true),
		SHA256:      hash(src),
	}
	if *o.err != nil {
		return nil, fmt.Errorf("parse package JSON: %s: %w", path, *o.err)
	}
	if version != PackageSchemaVersion {
		return nil, fmt.Errorf("package schema_version mismatch: expected %s got %q in %s", PackageSchemaVersion, version, path)
	}
	if pkg.Name == "" || pkg.Version == "" {
		return nil, fmt.Errorf("package name and version must be non-empty in %s", path)
	}
	if err := checkRelative("package.module_root", pkg.ModuleRoot); err != nil {
		return nil, err
	}
	for i, id := range pkg.Modules {
		if err := checkModuleID(id); err != nil {
			return nil, fmt.Errorf("invalid package.modules[%d] in %s: %w", i, path, err)
		}
	}
	return pkg, nil
}

// checkModuleID keeps an id from naming a file outside the module root.
func checkModuleID(id string) error {
	if id == "" {
		return fmt.Errorf("module id must be non-empty")
	}
	if strings.ContainsAny(id, "/\\\x00") {
		return fmt.Errorf("module id must not contain '/', '\\', or NUL: %q", id)
	}
	for _, seg := range strings.Split(id, ".") {
		if seg == "" {
			return fmt.Errorf("module id must not have empty segments: %q", id)
		}
	}
	return nil
}

func hash(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}
