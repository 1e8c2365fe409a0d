package cli

import (
	"bytes"
	"cmp"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"x07/internal/atomicfile"
	"x07/internal/oserr"
	"x07/internal/policy"
	"x07/internal/project"
	"x07/internal/report"
	"x07/internal/version"
)

// initReport is what `x07 init` prints, in this order.
type initReport struct {
	OK        bool       `json:"ok"`
	Command   string     `json:"command"`
	Root      string     `json:"root"`
	Created   []string   `json:"created"`
	Notes     []string   `json:"notes,omitempty"`
	NextSteps []string   `json:"next_steps,omitempty"`
	Error     *initError `json:"error,omitempty"`
}

type initError struct {
	Code    string `json:"code"`
	Message string `json:"message"`
}

func (e *initError) Error() string { return e.Message }

// initTemplates maps a template to its default profile. The policy template
// has the same name; no template means cli.
var initTemplates = map[string]string{
	"":                "os",
	"cli":             "os",
	"http-client":     "sandbox",
	"web-service":     "sandbox",
	"fs-tool":         "sandbox",
	"sqlite-app":      "sandbox",
	"postgres-client": "sandbox",
	"worker":          "sandbox",
}

// tryIt is what to run next where the program takes no input, or needs more
// than its policy grants: base policies list no hosts.
var tryIt = map[string]string{
	"cli":         "x07 run --raw -- app --url https://example.com/ --depth 2 --out site",
	"http-client": "x07 run --raw --allow-host example.com:443",
	"web-service": "x07 run --raw --allow-host 127.0.0.1:30031",
}

func initCommand(s streams) *cobra.Command {
	var template string
	cmd := &cobra.Command{
		Use:   "init [--template NAME]",
		Short: "Make a project that runs at once",
		Args:  noArgs,
		RunE: func(*cobra.Command, []string) error {
			root, err := workingDir()
			if err != nil {
				return err
			}
			r := &initReport{Command: "init", Root: root, Created: []string{}}
			err = initProject(r, template)
			code := exitOK
			if err != nil {
				if !errors.As(err, &r.Error) {
					r.Error = &initError{"X07INIT_IO", err.Error()}
				}
				code = exitReported
			}
			r.OK = err == nil
			if err := emitReport(s, r); err != nil {
				return err
			}
			return exitWith(code)
		},
	}
	names := []string{"cli", "http-client", "web-service", "fs-tool", "sqlite-app", "postgres-client", "worker"}
	cmd.Flags().Var(newEnum(&template, names...), "template", "kind of program, `NAME`")
	return cmd
}

// initFile is one file of a new project.
type initFile struct {
	path string
	text []byte
}

func initProject(r *initReport, template string) error {
	profile, policyTemplate := initTemplates[template], template
	if policyTemplate == "" {
		policyTemplate = "cli"
	}
	policyPath := ".x07/policies/base/" + policyTemplate + ".sandbox.base.policy.json"
	files := []initFile{
		{"x07.json", manifestText(profile, policyPath)},
		{"x07.lock.json", report.CanonicalPretty(map[string]any{"schema_version": project.LockSchemaVersion, "dependencies": []any{}})},
		{"src/app.x07.json", appModule(template)},
		{"src/main.x07.json", mainEntry()},
		{"tests/tests.json", report.CanonicalPretty(map[string]any{
			"schema_version": "x07.tests_manifest@0.2.0",
			"tests":          []any{map[string]any{"id": "smoke/pass", "world": "run-os", "entry": "smoke.pass", "expect": "pass"}},
		})},
		{"tests/smoke.x07.json", smokeModule()},
		{"x07-toolchain.toml", []byte("[toolchain]\nchannel = \"stable\"\ncomponents = [\"docs\", \"skills\"]\n")},
		{"AGENT.md", []byte(agentText)},
	}
	if profile == "sandbox" {
		p, err := policy.FromTemplate(policyTemplate, "")
		if err != nil {
			return err
		}
		files = append(files, initFile{policyPath, policy.Render(p)})
	}
	var taken []string
	for _, f := range files {
		if _, err := os.Lstat(f.path); err == nil {
			taken = append(taken, f.path)
		}
	}
	if taken != nil {
		return &initError{"X07INIT_EXISTS", "refusing to overwrite existing paths: " + strings.Join(taken, ", ")}
	}
	for dir, code := range map[string]string{"src": "X07INIT_SRC", "tests": "X07INIT_TESTS"} {
		if info, err := os.Stat(dir); err == nil && !info.IsDir() {
			return &initError{code, "path exists but is not a directory: " + dir}
		}
	}
	for _, f := range files {
		if f.path == "x07-toolchain.toml" {
			if err := initGitignore(r); err != nil {
				return err
			}
		}
		if err := atomicfile.Write(filepath.FromSlash(f.path), f.text, 0o644); err != nil {
			return &initError{"X07INIT_IO", err.Error()}
		}
		r.Created = append(r.Created, f.path)
	}
	r.Notes = []string{
		"Agent kit: AGENT.md (self-recovery + canonical commands)",
		"Toolchain pin: x07-toolchain.toml (channel=stable; components=docs+skills)",
	}
	r.NextSteps = []string{"x07 run", cmp.Or(tryIt[template], "x07 run --raw --input-b64 aGVsbG8K")}
	return nil
}

// ignored are the lines that a project's .gitignore must have.
var ignored = []string{".x07/deps/", ".x07/tmp/", ".x07/policies/_generated/", "target/", "dist/", "artifacts/", ".DS_Store", "*.log"}

// initGitignore appends the missing lines.
func initGitignore(r *initReport) error {
	old, err := os.ReadFile(".gitignore")
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return &initError{"X07INIT_GITIGNORE", "read .gitignore: " + oserr.Cause(err).Error()}
	}
	text := bytes.ReplaceAll(old, []byte("\r\n"), []byte("\n"))
	have := map[string]bool{}
	for _, line := range strings.Split(string(text), "\n") {
		have[strings.TrimSpace(line)] = true
	}
	var missing []string
	for _, line := range ignored {
		if !have[line] {
			missing = append(missing, line)
		}
	}
	if missing == nil {
		return nil
	}
	if len(text) > 0 && text[len(text)-1] != '\n' {
		text = append(text, '\n')
	}
	text = append(text, strings.Join(missing, "\n")+"\n"...)
	if err := atomicfile.Write(".gitignore", text, 0o644); err != nil {
		return &initError{"X07INIT_GITIGNORE", err.Error()}
	}
	r.Created = append(r.Created, ".gitignore")
	return nil
}

func manifestText(profile, policyPath string) []byte {
	return report.CanonicalPretty(map[string]any{
		"schema_version":  project.SchemaVersion,
		"world":           "run-os",
		"entry":           "src/main.x07.json",
		"module_roots":    []string{"src"},
		"dependencies":    []any{},
		"lockfile":        "x07.lock.json",
		"default_profile": profile,
		"profiles": map[string]any{
			"os":      map[string]any{"world": "run-os", "auto_ffi": true},
			"sandbox": map[string]any{"world": "run-os-sandboxed", "policy": policyPath, "auto_ffi": true},
		},
	})
}

// x07AST texts are canonical: keys sorted, one line.

func document(kind, id string, imports []string, decls []any, solve any) []byte {
	doc := map[string]any{"schema_version": "x07.x07ast@0.5.0", "kind": kind, "module_id": id, "imports": imports, "decls": decls}
	if solve != nil {
		doc["solve"] = solve
	}
	return report.Canonical(doc)
}

func export(name string) any {
	return map[string]any{"kind": "export", "names": []string{name}}
}

func mainEntry() []byte {
	return document("entry", "main", []string{"app"}, []any{}, []any{"app.solve", "input"})
}

func smokeModule() []byte {
	return document("module", "smoke", []string{"std.test"}, []any{export("smoke.pass"), map[string]any{
		"kind": "defn", "name": "smoke.pass", "result": "result_i32", "params": []any{}, "body": []any{"std.test.pass"},
	}}, nil)
}

// agentText is AGENT.md of a new project.
const agentText = `# Working on this project

This is an X07 project (toolchain ` + version.Language + `, channel stable). Programs are JSON
trees in ` + "`src/`" + `; the entry is ` + "`src/main.x07.json`" + `.

- Learn the language: ` + "`x07 guide`" + `; look a function up: ` + "`x07 doc std.bytes`" + `.
- Run: ` + "`x07 run`" + ` prints a JSON report; ` + "`x07 run --raw`" + ` prints just the output.
- Sandbox: ` + "`x07 policy init --template cli`" + `, then ` + "`x07 run --profile sandbox`" + `.
- When it does not compile: read ` + "`compile.compile_error`" + ` of the report, then
  ` + "`x07 lint --input src`" + ` and ` + "`x07 fix --input src --write`" + `.
- Look at a node: ` + "`x07 ast get --in src/main.x07.json --ptr /solve`" + `; change it:
  ` + "`x07 ast apply-patch --in FILE --patch PATCH --validate`" + `.
- Format: ` + "`x07 fmt --input src --write`" + `.
`
