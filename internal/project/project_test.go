package project

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// tree writes files, given as path and text in turn, below a new directory.
func tree(t testing.TB, pairs ...string) string {
	t.Helper()
	dir := t.TempDir()
	for i := 0; i < len(pairs); i += 2 {
		p := filepath.Join(dir, filepath.FromSlash(pairs[i]))
		if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(p, []byte(pairs[i+1]), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

const specExample = `{"schema_version":"x07.project@0.2.0","world":"solve-pure","entry":"src/main.x07.json","module_roots":["src"],"dependencies":[],"lockfile":"x07.lock.json","default_profile":"os","profiles":{"os":{"world":"run-os"},"box":{"world":"run-os-sandboxed","policy":"policy.json","max_output_bytes":4096}}}`

func TestAManifestIsReadWithItsDefaults(t *testing.T) {
	dir := tree(t, "x07.json", specExample)
	p, err := Load(filepath.Join(dir, "x07.json"))
	if err != nil {
		t.Fatal(err)
	}
	limit := uint64(4096)
	want := Manifest{World: "solve-pure", Entry: "src/main.x07.json", ModuleRoots: []string{"src"}, Lockfile: "x07.lock.json",
		DefaultProfile: "os", HasProfiles: true, Profiles: map[string]Profile{
			"os":  {Name: "os", World: "run-os"},
			"box": {Name: "box", World: "run-os-sandboxed", Policy: "policy.json", MaxOutputBytes: &limit},
		}}
	if diff := cmp.Diff(want, p.Manifest); diff != "" {
		t.Error(diff)
	}
	if p.Root != dir || p.EntryPath() != filepath.Join(dir, "src/main.x07.json") {
		t.Errorf("root %s, entry %s", p.Root, p.EntryPath())
	}
}

func TestManifestDefectsAreReportedWithTheirExactText(t *testing.T) {
	base := func(pairs ...string) string { return strings.NewReplacer(pairs...).Replace(specExample) }
	tests := []struct{ name, doc, want string }{
		{"version", base("project@0.2.0", "project@0.1.0"), `project schema_version mismatch: expected x07.project@0.2.0 got "x07.project@0.1.0"`},
		{"world", base(`"solve-pure"`, `"mars"`), `invalid project world "mars"`},
		{"entry empty", base("src/main.x07.json", " "), `project entry must be non-empty`},
		{"entry suffix", base("main.x07.json", "main.json"), `project entry must be a *.x07.json file, got "src/main.json"`},
		{"entry climbs", base("src/main.x07.json", "../main.x07.json"), `project.entry must not contain '..' segments: "../main.x07.json"`},
		{"no roots", base(`["src"]`, `[]`), `project module_roots must be non-empty`},
		{"absolute root", base(`["src"]`, `["src","/etc"]`), `project.module_roots[1] must be a relative path, got "/etc"`},
		{"library name", base(`"dependencies":[]`, `"link":{"libs":["-lm"]},"dependencies":[]`), `project.link.libs[0] must not start with '-': "-lm"`},
		{"dependency climbs", base(`"dependencies":[]`, `"dependencies":[{"name":"a","version":"1","path":"a/../../b"}]`), `project.dependencies[0].path must not contain '..' segments: "a/../../b"`},
		{"lockfile absolute", base("x07.lock.json", "/x07.lock.json"), `project.lockfile must be a relative path, got "/x07.lock.json"`},
		{"wrong type", base(`"world":"solve-pure"`, `"world":7`), `world: expected a string, found the number 7`},
		{"missing", base(`"entry"`, `"Entry"`), `entry: missing required member`},
		{"profile without world", base(`{"world":"run-os"}`, `{}`), `profiles["os"].world: missing required member`},
		{"negative limit", base("4096", "-1"), `profiles["box"].max_output_bytes: expected an integer from 0 to 18446744073709551615, found the number -1`},
		{"not an object", `[]`, `expected an object, found array`},
		{"null", `null`, `expected an object, found null`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			path := filepath.Join(tree(t, "x07.json", tt.doc), "x07.json")
			_, err := Load(path)
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got  %v\nwant %s", err, tt.want)
			}
		})
	}
}

func TestUnreadableAndMalformedManifestsSayWhichFile(t *testing.T) {
	dir := tree(t, "bad.json", "{")
	_, err := Load(filepath.Join(dir, "no.json"))
	if !errors.Is(err, fs.ErrNotExist) || !strings.HasPrefix(err.Error(), "[X07PROJECT_READ] read project: "+dir+"/no.json: ") {
		t.Errorf("got %v", err)
	}
	if _, err = Load(filepath.Join(dir, "bad.json")); err == nil || !strings.HasPrefix(err.Error(), "[X07PROJECT_PARSE] parse project JSON: "+dir+"/bad.json: ") {
		t.Errorf("got %v", err)
	}
}

func TestProfilesAreSelectedInTheDocumentedOrder(t *testing.T) {
	prof := func(names ...string) map[string]Profile {
		m := map[string]Profile{}
		for _, n := range names {
			m[n] = Profile{Name: n, World: "run-os"}
		}
		return m
	}
	tests := []struct {
		name string
		m    Manifest
		ask  string
		want string // profile name, or the error
	}{
		{"asked for", Manifest{HasProfiles: true, Profiles: prof("a", "b"), DefaultProfile: "a"}, " b ", "b"},
		{"default", Manifest{HasProfiles: true, Profiles: prof("a", "dev"), DefaultProfile: "a"}, "  ", "a"},
		{"dev", Manifest{HasProfiles: true, Profiles: prof("os", "dev")}, "", "dev"},
		{"os", Manifest{HasProfiles: true, Profiles: prof("os", "x")}, "", "os"},
		{"none fits", Manifest{HasProfiles: true, Profiles: prof("x")}, "", "profiles present but default_profile missing; set default_profile or pass --profile"},
		{"unknown", Manifest{HasProfiles: true, Profiles: prof("b", "a")}, "z", `unknown profile "z" (available: a, b)`},
		{"no profiles asked", Manifest{}, "z", "--profile requires x07.json.profiles"},
		{"no profiles", Manifest{}, "", ""},
		{"policy missing", Manifest{HasProfiles: true, Profiles: map[string]Profile{"s": {Name: "s", World: "run-os-sandboxed"}}}, "s",
			`profiles["s"].policy is required when profiles["s"].world is run-os-sandboxed`},
		{"policy misplaced", Manifest{HasProfiles: true, Profiles: map[string]Profile{"s": {Name: "s", World: "run-os", Policy: "p"}}}, "s",
			`profiles["s"].policy is only valid when profiles["s"].world is run-os-sandboxed`},
		{"runner", Manifest{HasProfiles: true, Profiles: map[string]Profile{"s": {Name: "s", World: "run-os", Runner: "x"}}}, "s",
			`invalid profiles["s"].runner: expected one of "auto", "host", or "os", got "x"`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := (&Project{Manifest: tt.m}).Select(tt.ask)
			name := ""
			switch {
			case err != nil:
				name = err.Error()
			case got != nil:
				name = got.Name
			}
			if name != tt.want {
				t.Errorf("got %q, want %q", name, tt.want)
			}
		})
	}
}

func TestDiscoveryClimbsButNeverLeavesARelativeStart(t *testing.T) {
	dir := tree(t, "x07.json", "{}", "a/b/keep", "", "one/p.x07project.json", "{}", "two/p.x07project.json", "{}", "two/q.x07project.json", "{}")
	t.Chdir(filepath.Join(dir, "a"))
	for start, want := range map[string]string{
		filepath.Join(dir, "a", "b"): filepath.Join(dir, "x07.json"),
		"b":                          "",
		"":                           "",
		filepath.Join(dir, "one"):    filepath.Join(dir, "one", "p.x07project.json"),
		filepath.Join(dir, "two"):    filepath.Join(dir, "x07.json"),
	} {
		if got := Discover(start); got != want {
			t.Errorf("Discover(%q) = %q, want %q", start, got, want)
		}
	}
	t.Chdir(dir)
	if got := Discover("a/b"); got != "x07.json" {
		t.Errorf("Discover(a/b) = %q", got)
	}
	if got := LookUp(filepath.Join(dir, "a", "b"), "x07.json"); got != filepath.Join(dir, "x07.json") {
		t.Errorf("LookUp = %q", got)
	}
}

const pkgDoc = `{"schema_version":"x07.package@0.1.0","name":"ext-greet","version":"0.1.0","module_root":"modules","modules":["ext.greet"]}`

// lockedProject is a project with one dependency and a lockfile that fits.
func lockedProject(t *testing.T) (dir string, p *Project) {
	t.Helper()
	module := `{"any":"bytes"}`
	lock := `{"schema_version":"x07.lock@0.2.0","dependencies":[{"name":"ext-greet","version":"0.1.0","path":"deps/greet","package_manifest_sha256":"` +
		hash([]byte(pkgDoc)) + `","module_root":"modules","modules_sha256":{"ext.greet":"` + hash([]byte(module)) + `"}}]}`
	dir = tree(t,
		"x07.json", strings.Replace(specExample, `"dependencies":[]`, `"dependencies":[{"name":"ext-greet","version":"0.1.0","path":"deps/greet"}]`, 1),
		"x07.lock.json", lock,
		"deps/greet/x07-package.json", pkgDoc,
		"deps/greet/modules/ext/greet.x07.json", module)
	p, err := Load(filepath.Join(dir, "x07.json"))
	if err != nil {
		t.Fatal(err)
	}
	return dir, p
}

func TestALockfileThatFitsGivesRootsAndHashes(t *testing.T) {
	dir, p := lockedProject(t)
	r, err := p.Resolve(nil)
	if err != nil {
		t.Fatal(err)
	}
	want := Resolved{
		ModuleRoots: []string{filepath.Join(dir, "src"), filepath.Join(dir, "deps/greet/modules")},
		Locked:      map[string]string{filepath.Join(dir, "deps/greet/modules/ext/greet.x07.json"): hash([]byte(`{"any":"bytes"}`))},
	}
	if diff := cmp.Diff(want, r); diff != "" {
		t.Error(diff)
	}
}

func TestALockfileThatDoesNotFitIsRefused(t *testing.T) {
	edit := func(file, old, new string) func(t *testing.T, dir string) {
		return func(t *testing.T, dir string) {
			path := filepath.Join(dir, file)
			b, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			s := strings.Replace(string(b), old, new, 1)
			if s == string(b) {
				t.Fatalf("%s does not contain %s", file, old)
			}
			if err := os.WriteFile(path, []byte(s), 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
	tests := []struct {
		name   string
		change func(t *testing.T, dir string)
		want   string
	}{
		{"absent", func(t *testing.T, dir string) { os.Remove(filepath.Join(dir, "x07.lock.json")) }, "[X07LOCK_READ] read lockfile: "},
		{"not JSON", edit("x07.lock.json", "{", "{{"), "[X07LOCK_PARSE] parse lockfile JSON: "},
		{"not a list", edit("x07.lock.json", `"dependencies":[{`, `"dependencies":{},"x":[{`), "[X07LOCK_PARSE] parse lockfile JSON: "},
		{"version", edit("x07.lock.json", "lock@0.2.0", "lock@0.1.0"), `[X07LOCK_SCHEMA] lockfile schema_version mismatch: expected x07.lock@0.2.0 got "x07.lock@0.1.0" (hint: run `},
		{"count", edit("x07.lock.json", `"dependencies":[`, `"dependencies":[],"x":[`), "lockfile dependency list does not match project"},
		{"dependency", edit("x07.lock.json", `"version":"0.1.0"`, `"version":"0.2.0"`), "lockfile dependencies do not match project manifest"},
		{"package manifest", edit("deps/greet/x07-package.json", "{", "{ "), `lockfile package manifest hash mismatch for "ext-greet"`},
		{"module root", edit("x07.lock.json", `"module_root":"modules"`, `"module_root":"other"`), `lockfile module_root mismatch for "ext-greet"`},
		{"module", edit("deps/greet/modules/ext/greet.x07.json", "bytes", "other"), `lockfile module hashes mismatch for "ext-greet"`},
		{"module gone", func(t *testing.T, dir string) { os.Remove(filepath.Join(dir, "deps/greet/modules/ext/greet.x07.json")) }, `read module "ext.greet": `},
		{"identity", edit("deps/greet/x07-package.json", "ext-greet", "ext-other"), `dependency name mismatch: project wants "ext-greet" but package at `},
		{"module id climbs", edit("deps/greet/x07-package.json", "ext.greet", "../../etc"), `invalid package.modules[0] in `},
		{"package root climbs", edit("deps/greet/x07-package.json", `"modules","modules"`, `"../x","modules"`), "package.module_root must not contain '..' segments"},
		{"package gone", func(t *testing.T, dir string) { os.RemoveAll(filepath.Join(dir, "deps")) }, "read package: "},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dir, p := lockedProject(t)
			tt.change(t, dir)
			_, err := p.Resolve(func(string) bool { return false })
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got  %v\nwant %s", err, tt.want)
			}
		})
	}
}

func TestAnAbsentPackageThatTheLibrarySuppliesIsNotNeeded(t *testing.T) {
	dir, p := lockedProject(t)
	os.RemoveAll(filepath.Join(dir, "deps"))
	r, err := p.Resolve(func(id string) bool { return id == "ext.greet" })
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{filepath.Join(dir, "src")}, r.ModuleRoots); diff != "" {
		t.Error(diff)
	}
}

func FuzzNoManifestOrLockfileMakesLoadingPanic(f *testing.F) {
	f.Add([]byte(specExample))
	f.Add([]byte(pkgDoc))
	f.Add([]byte(`{"schema_version":"x07.lock@0.2.0","dependencies":[{"name":"a","version":"1","path":"p","package_manifest_sha256":"","module_root":"m","modules_sha256":{"a.b":"x"}}]}`))
	f.Add([]byte(`{"profiles":{"a":null},"dependencies":[null],"link":3,"module_roots":[null]}`))
	f.Fuzz(func(t *testing.T, doc []byte) {
		if d, err := parseManifest(doc); err == nil && d.check() == nil {
			for _, p := range append(d.ModuleRoots, d.Entry, d.Lockfile) {
				if filepath.IsAbs(p) || !filepath.IsLocal(p) {
					t.Errorf("accepted path %q", p)
				}
			}
			for name := range d.Profiles {
				p := Project{Manifest: d.Manifest}
				p.Select(name)
			}
		}
		parseLock(doc)
		if pkg, err := parsePackage(doc, "p"); err == nil {
			for _, id := range pkg.Modules {
				if !filepath.IsLocal(strings.ReplaceAll(id, ".", "/") + ".x07.json") {
					t.Errorf("accepted module id %q", id)
				}
			}
		}
	})
}
