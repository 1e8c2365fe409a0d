// Package project reads what surrounds a program: the project manifest
// x07.json with its run profiles, the lockfile, and the package manifests it
// locks. Paths come in; checked documents, resolved module roots and the hashes
// the lockfile demands go out. It never reads programs, never uses the network
// and writes nothing but what a caller hands to WriteAtomic.
//
// The files are written by strangers. Member names are matched exactly, sizes
// are capped, and no relative path of a document may climb with "..".
package project

import (
	"fmt"
	"path/filepath"
	"slices"
	"sort"
	"strings"
)

// SchemaVersion is the only schema_version of manifests that is accepted.
const SchemaVersion = "x07.project@0.2.0"

// ManifestName is the name of a manifest in its project's directory.
const ManifestName = "x07.json"

// Worlds are the world ids, in the order documents list them.
var Worlds = [...]string{"solve-pure", "solve-fs", "solve-rr", "solve-kv", "solve-full", RunOS, RunOSSandboxed}

// The two OS worlds.
const (
	RunOS          = "run-os"
	RunOSSandboxed = "run-os-sandboxed"
)

// IsWorld reports whether w is a world id.
func IsWorld(w string) bool { return slices.Contains(Worlds[:], w) }

// IsOSWorld reports whether w is run-os or run-os-sandboxed.
func IsOSWorld(w string) bool { return w == RunOS || w == RunOSSandboxed }

// Project is a loaded manifest and where it lies.
type Project struct {
	// Path is the manifest's path as it was given or found.
	Path string
	// Dir is the directory part of Path.
	Dir string
	// Root is Dir made absolute.
	Root string

	Manifest
}

// Manifest is the content of x07.json. Strings are trimmed.
type Manifest struct {
	World string
	// Entry is the entry file, relative to the project.
	Entry string
	// ModuleRoots has at least one directory, relative to the project.
	ModuleRoots  []string
	Link         Link
	Dependencies []Dependency
	// Lockfile is relative to the project; never empty.
	Lockfile string
	// DefaultProfile is "" when the manifest names none.
	DefaultProfile string
	// HasProfiles reports that the manifest has a profiles object, even an empty one.
	HasProfiles bool
	Profiles    map[string]Profile
}

// Link holds the native link settings. Programs compile to WebAssembly, so
// they are checked and otherwise unused.
type Link struct {
	Libs, SearchPaths, Frameworks []string
	Static                        bool
}

// Dependency is one package a project uses; Path is relative to the project.
type Dependency struct {
	Name    string `json:"name"`
	Version string `json:"version"`
	Path    string `json:"path"`
}

// Profile is a run profile. Empty strings and nil pointers mean absent.
type Profile struct {
	Name      string
	World     string
	Policy    string // relative to the project
	Runner    string // auto, host or os
	Input     string // relative to the project
	CCProfile string // default or size
	AutoFFI   *bool

	SolveFuel           *uint64
	CPUTimeLimitSeconds *uint64
	MaxMemoryBytes      *uint64
	MaxOutputBytes      *uint64
}

// Load reads and checks the manifest at path.
func Load(path string) (*Project, error) {
	src, err := readFile(path)
	if err != nil {
		return nil, fmt.Errorf("[X07PROJECT_READ] read project: %s: %w", path, err)
	}
	m, err := parseManifest(src)
	if err != nil {
		return nil, fmt.Errorf("[X07PROJECT_PARSE] parse project JSON: %s: %w", path, err)
	}
	if err := m.check(); err != nil {
		return nil, err
	}
	p := &Project{Path: path, Dir: filepath.Dir(path), Manifest: m.Manifest}
	if p.Root, err = filepath.Abs(p.Dir); err != nil {
		return nil, fmt.Errorf("find the directory of project %s: %w", path, err)
	}
	return p, nil
}

// File is the path of rel, a path relative to the project, as users see it.
func (p *Project) File(rel string) string { return filepath.Join(p.Dir, filepath.FromSlash(rel)) }

// EntryPath is the path of the entry file.
func (p *Project) EntryPath() string { return p.File(p.Entry) }

// LockPath is the path of the lockfile, whether or not it exists.
func (p *Project) LockPath() string { return p.File(p.Lockfile) }

// check holds the members to their meaning; the version comes first, because
// nothing else can be expected of a manifest of another version.
func (m *manifestDoc) check() error {
	if m.version != SchemaVersion {
		return fmt.Errorf("project schema_version mismatch: expected %s got %q", SchemaVersion, m.version)
	}
	if !IsWorld(m.World) {
		return fmt.Errorf("invalid project world %q (expected one of %s)", m.World, strings.Join(Worlds[:], ", "))
	}
	if m.Entry == "" {
		return fmt.Errorf("project entry must be non-empty")
	}
	if err := checkRelative("project.entry", m.Entry); err != nil {
		return err
	}
	if !strings.HasSuffix(m.Entry, ".x07.json") {
		return fmt.Errorf("project entry must be a *.x07.json file, got %q", m.Entry)
	}
	if len(m.ModuleRoots) == 0 {
		return fmt.Errorf("project module_roots must be non-empty")
	}
	for i, r := range m.ModuleRoots {
		if err := checkRelative(fmt.Sprintf("project.module_roots[%d]", i), r); err != nil {
			return err
		}
	}
	if err := m.Link.check(); err != nil {
		return err
	}
	for i, d := range m.Dependencies {
		if err := checkRelative(fmt.Sprintf("project.dependencies[%d].path", i), d.Path); err != nil {
			return err
		}
	}
	return checkRelative("project.lockfile", m.Lockfile)
}

func (l Link) check() error {
	for i, s := range l.SearchPaths {
		if err := checkRelative(fmt.Sprintf("project.link.search_paths[%d]", i), s); err != nil {
			return err
		}
	}
	for _, list := range []struct {
		name  string
		items []string
	}{{"libs", l.Libs}, {"frameworks", l.Frameworks}} {
		for i, s := range list.items {
			field := fmt.Sprintf("project.link.%s[%d]", list.name, i)
			switch {
			case s == "":
				return fmt.Errorf("%s must be non-empty", field)
			case s[0] == '-':
				return fmt.Errorf("%s must not start with '-': %q", field, s)
			case strings.ContainsAny(s, "/\\\x00") || len(strings.Fields(s)) != 1 || strings.Fields(s)[0] != s:
				return fmt.Errorf("%s must not contain whitespace, '/', '\\', or NUL: %q", field, s)
			}
		}
	}
	return nil
}

// checkRelative holds a path of a document to the rule for relative paths.
func checkRelative(field, p string) error {
	switch {
	case p == "":
		return fmt.Errorf("%s must be non-empty", field)
	case filepath.IsAbs(p) || strings.HasPrefix(p, "/"):
		return fmt.Errorf("%s must be a relative path, got %q", field, p)
	case strings.ContainsRune(p, 0):
		return fmt.Errorf("%s must not contain NUL: %q", field, p)
	}
	for _, seg := range strings.FieldsFunc(p, func(r rune) bool { return r == '/' || r == filepath.Separator }) {
		if seg == ".." {
			return fmt.Errorf("%s must not contain '..' segments: %q", field, p)
		}
	}
	return nil
}

// Select returns the run profile that name asks for; a blank name asks for the
// default. It returns nil when the manifest has no profiles. Only the selected
// profile is checked.
func (p *Project) Select(name string) (*Profile, error) {
	name = strings.TrimSpace(name)
	if !p.HasProfiles {
		if name != "" {
			return nil, fmt.Errorf("--profile requires x07.json.profiles")
		}
		return nil, nil
	}
	for _, candidate := range []string{name, p.DefaultProfile} {
		if candidate == "" {
			continue
		}
		prof, ok := p.Profiles[candidate]
		if !ok {
			names := make([]string, 0, len(p.Profiles))
			for n := range p.Profiles {
				names = append(names, n)
			}
			sort.Strings(names)
			return nil, fmt.Errorf("unknown profile %q (available: %s)", candidate, strings.Join(names, ", "))
		}
		return &prof, prof.check()
	}
	for _, candidate := range []string{"dev", "os"} {
		if prof, ok := p.Profiles[candidate]; ok {
			return &prof, prof.check()
		}
	}
	return nil, fmt.Errorf("profiles present but default_profile missing; set default_profile or pass --profile")
}

func (p *Profile) check() error {
	at := fmt.Sprintf("profiles[%q]", p.Name)
	if !IsWorld(p.World) {
		return fmt.Errorf("invalid %s.world %q (expected one of %s)", at, p.World, strings.Join(Worlds[:], ", "))
	}
	if p.World == RunOSSandboxed && p.Policy == "" {
		return fmt.Errorf("%s.policy is required when %s.world is run-os-sandboxed", at, at)
	}
	if p.World != RunOSSandboxed && p.Policy != "" {
		return fmt.Errorf("%s.policy is only valid when %s.world is run-os-sandboxed", at, at)
	}
	if p.Runner != "" && !slices.Contains([]string{"auto", "host", "os"}, p.Runner) {
		return fmt.Errorf("invalid %s.runner: expected one of \"auto\", \"host\", or \"os\", got %q", at, p.Runner)
	}
	if p.CCProfile != "" && p.CCProfile != "default" && p.CCProfile != "size" {
		return fmt.Errorf("invalid %s.cc_profile: expected \"default\" or \"size\", got %q", at, p.CCProfile)
	}
	return nil
}
