package program

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
)

const entryDoc = `{"schema_version":"x07.x07ast@0.5.0","kind":"entry","module_id":"main","imports":[IMPORTS],"decls":[],"solve":SOLVE}`

func entry(imports ...string) []byte {
	return entrySolve(`["bytes.alloc",0]`, imports...)
}

func entrySolve(solve string, imports ...string) []byte {
	for i, s := range imports {
		imports[i] = `"` + s + `"`
	}
	return []byte(strings.NewReplacer("IMPORTS", strings.Join(imports, ","), "SOLVE", solve).Replace(entryDoc))
}

// module is a module that exports <id>.f, which returns its argument.
func module(id string, imports ...string) string {
	for i, s := range imports {
		imports[i] = `"` + s + `"`
	}
	return `{"schema_version":"x07.x07ast@0.5.0","kind":"module","module_id":"` + id + `","imports":[` + strings.Join(imports, ",") +
		`],"decls":[{"kind":"export","names":["` + id + `.f"]},{"kind":"defn","name":"` + id + `.f","params":[],"result":"i32","body":1}]}`
}

// tree writes files, given as path and text in turn, below a new directory.
func tree(t *testing.T, pairs ...string) string {
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

func ids(p *Program) []string {
	var out []string
	for _, m := range p.Modules {
		out = append(out, m.ID)
	}
	return out
}

func TestModulesFollowWhatTheyImport(t *testing.T) {
	dir := tree(t,
		"a.x07.json", module("a", "c", "main"),
		"b/d.x07.json", module("b.d", "a"),
		"c.x07.json", module("c"))
	p, err := Load(Options{Entry: entry("b.d", "a"), World: "run-os", ModuleRoots: []string{dir}})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"c", "a", "b.d"}, ids(p)); diff != "" {
		t.Error(diff)
	}
}

func TestTheBuiltInLibraryWinsOverModuleRootsButNotForWorldAdapters(t *testing.T) {
	builtin := fstest.MapFS{
		"std/bytes.x07.json":     {Data: []byte(module("std.bytes"))},
		"std/world/fs.x07.json":  {Data: []byte(module("std.world.fs"))},
		"std/world/env.x07.json": {Data: []byte(module("std.world.env"))},
	}
	dir := tree(t, "std/bytes.x07.json", module("std.bytes"), "std/world/fs.x07.json", module("std.world.fs"))
	for world, want := range map[string]map[string]bool{
		"run-os":     {"std.bytes": true, "std.world.fs": false, "std.world.env": true},
		"solve-pure": {"std.bytes": true, "std.world.fs": true, "std.world.env": true},
	} {
		p, err := Load(Options{Entry: entry("std.bytes", "std.world.fs", "std.world.env"), World: world, ModuleRoots: []string{dir}, Builtin: builtin})
		if err != nil {
			t.Fatal(err)
		}
		got := map[string]bool{}
		for _, m := range p.Modules {
			got[m.ID] = m.Builtin
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: %s", world, diff)
		}
	}
}

func TestIntrinsicsImportTheirLibraryModules(t *testing.T) {
	builtin := fstest.MapFS{
		"std/u32.x07.json":  {Data: []byte(module("std.u32"))},
		"std/hash.x07.json": {Data: []byte(module("std.hash", "std.u32"))},
	}
	p, err := Load(Options{Entry: entrySolve(`["begin",["ty.hash32",1],["ty.push_le",1]]`), World: "run-os", Builtin: builtin})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"std.u32", "std.hash"}, ids(p)); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"std.hash", "std.u32"}, p.Entry.Imports); diff != "" {
		t.Error(diff)
	}
}

func TestDefectsAreReportedWithTheirExactText(t *testing.T) {
	dir := tree(t,
		"cyc/a.x07.json", module("cyc.a", "cyc.b"),
		"cyc/b.x07.json", module("cyc.b", "cyc.a"),
		"wrong.x07.json", module("other"),
		"bare.x07.json", `{"schema_version":"x07.x07ast@0.5.0","kind":"module","module_id":"bare","imports":[],"decls":[]}`,
		"app.x07.json", string(entry()),
		"alien.x07.json", strings.Replace(module("alien"), `"names":["alien.f"]`, `"names":["other.f"]`, 1),
		"ghost.x07.json", strings.Replace(module("ghost"), `"names":["ghost.f"]`, `"names":["ghost.g"]`, 1),
		"sexpr.x07.json", "(begin)",
		"dir.x07.json/keep", "",
		"bytes.x07.json", "{\"a\":\"\xff\"}",
	)
	twin := tree(t, "wrong.x07.json", module("wrong"))
	roots := []string{dir, dir}
	tests := []struct {
		name  string
		entry []byte
		roots []string
		want  string
	}{
		{"cycle", entry("cyc.a"), roots, `Parse: cyclic import detected at module "cyc.a"`},
		{"unknown with roots", entry("x.y"), roots, `Parse: unknown module: "x.y" (searched: x/y.x07.json)`},
		{"unknown without roots", entry("x.y"), nil, `Parse: unknown module: "x.y"`},
		{"directory in place of a module", entry("dir"), roots, `Parse: unknown module: "dir" (searched: dir.x07.json)`},
		{"ambiguous", entry("wrong"), []string{dir, twin}, `Parse: module "wrong" is ambiguous across roots: ["` + dir + `/wrong.x07.json", "` + twin + `/wrong.x07.json"]`},
		{"wrong id", entry("wrong"), roots, `Parse: module "wrong": module_id mismatch in file: got "other"`},
		{"no exports", entry("bare"), roots, `Parse: module "bare" is missing an export declaration`},
		{"entry imported", entry("app"), roots, `Parse: module "app": expected kind="module" got Entry`},
		{"foreign export", entry("alien"), roots, `Parse: export "other.f" does not belong to module "alien"`},
		{"undefined export", entry("ghost"), roots, `Parse: export "ghost.g" is not defined in module "ghost"`},
		{"s-expression module", entry("sexpr"), roots, `Parse: "sexpr": module source must be x07AST JSON (*.x07.json); legacy S-expr is not supported`},
		{"module not UTF-8", entry("bytes"), roots, `Parse: "bytes": module source must be UTF-8: invalid byte 0xff at offset 6`},
		{"s-expression entry", []byte("(begin)"), nil, `Parse: program must be x07AST JSON (*.x07.json); legacy S-expr is not supported`},
		{"entry not UTF-8", []byte("{\xff}"), nil, `Parse: program must be UTF-8: invalid byte 0xff at offset 1`},
		{"entry is a module", []byte(module("main")), nil, `Parse: main: expected kind="entry" got Module`},
		{"entry id", []byte(strings.Replace(string(entry()), `"main"`, `"app"`, 1)), nil, `Parse: main: entry module_id must be "main" got "app"`},
		{"no solve", []byte(strings.Replace(string(entry()), `,"solve":["bytes.alloc",0]`, "", 1)), nil, `Parse: main: missing solve expression`},
		{"too large", []byte(strings.Repeat(" ", MaxEntryBytes+1)), nil, `Budget: program too large: max_source_bytes=65536 got 65537`},
		{"entry parse error", []byte(`{"schema_version":"x07.x07ast@0.5.0"}`), nil, `Parse: main: missing required field: kind at `},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := Load(Options{Entry: tt.entry, World: "run-os", ModuleRoots: tt.roots})
			var e *Error
			if !errors.As(err, &e) {
				t.Fatalf("got %v, want a *program.Error", err)
			}
			if e.Error() != tt.want {
				t.Errorf("got  %s\nwant %s", e, tt.want)
			}
		})
	}
}

func TestALockedModuleThatWasAlteredIsRefused(t *testing.T) {
	dir := tree(t, "m.x07.json", module("m"))
	path := filepath.Join(dir, "m.x07.json")
	o := Options{Entry: entry("m"), World: "run-os", ModuleRoots: []string{dir}, Locked: map[string]string{path: Hash([]byte(module("m")))}}
	if _, err := Load(o); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(module("m")+" "), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := Load(o); err == nil || !strings.Contains(err.Error(), "but the lockfile demands") {
		t.Errorf("got %v", err)
	}
}

func TestInputsNoticeEveryChangeThatMatters(t *testing.T) {
	a := tree(t, "m.x07.json", module("m"))
	b := tree(t, "keep", "")
	p, err := Load(Options{Entry: entry("m"), World: "run-os", ModuleRoots: []string{a, b}})
	if err != nil {
		t.Fatal(err)
	}
	if !p.Inputs.Current() {
		t.Fatal("inputs are stale right after loading")
	}
	second := filepath.Join(b, "m.x07.json")
	if err := os.WriteFile(second, []byte(module("m")), 0o644); err != nil {
		t.Fatal(err)
	}
	if p.Inputs.Current() {
		t.Error("a second file for the module went unnoticed")
	}
	os.Remove(second)
	if err := os.WriteFile(filepath.Join(a, "m.x07.json"), []byte("{}"), 0o644); err != nil {
		t.Fatal(err)
	}
	if p.Inputs.Current() {
		t.Error("a changed module went unnoticed")
	}
}

func TestHooksRunInPassOrderAndSkipTheLibrary(t *testing.T) {
	builtin := fstest.MapFS{"std/u32.x07.json": {Data: []byte(module("std.u32"))}}
	dir := tree(t, "m.x07.json", module("m"))
	var got []string
	note := func(what string) func(*Module) error {
		return func(m *Module) error { got = append(got, what+" "+m.Label()); return nil }
	}
	_, err := Load(Options{Entry: entry("m", "std.u32"), World: "run-os", ModuleRoots: []string{dir}, Builtin: builtin,
		AfterParse: note("parsed"), AfterShape: note("shaped")})
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"parsed main", "shaped main", `parsed "m"`, `shaped "m"`}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestAMissingEntryFileIsNotADefectOfTheProgram(t *testing.T) {
	_, err := Load(Options{EntryPath: filepath.Join(t.TempDir(), "no.x07.json"), World: "run-os"})
	var e *Error
	if err == nil || errors.As(err, &e) || !errors.Is(err, os.ErrNotExist) {
		t.Errorf("got %v, want an ordinary error that wraps not-exist", err)
	}
}

func TestAModuleThatIsNotARegularFileIsRefused(t *testing.T) {
	dir := t.TempDir()
	if err := os.Symlink("/dev/zero", filepath.Join(dir, "m.x07.json")); err != nil {
		t.Skip(err)
	}
	_, err := Load(Options{Entry: entry("m"), World: "run-os", ModuleRoots: []string{dir}})
	if err == nil || !strings.Contains(err.Error(), "expected a regular file, found a device") {
		t.Errorf("got %v", err)
	}
}
