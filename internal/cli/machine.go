package cli

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"time"

	"x07/internal/atomicfile"
	"x07/internal/report"
)

// toolChildEnv marks the process that the machine layer starts for a command;
// that one parses its arguments as they are.
const toolChildEnv = "X07_TOOL_API_CHILD"

// machine is what a scan of the arguments before ordinary parsing found: how a
// tool wants the command's outcome.
type machine struct {
	original []string
	rest     []string // without the machine flags
	mode     string   // off, canon, pretty or jsonl
	schema   bool
	schemaID bool
	quiet    bool
	report   string // --report-out
	out      string // --out
	errors   []string
	seen     bool // a machine flag other than --out was there
}

const (
	modeOff    = "off"
	modeCanon  = "canon"
	modePretty = "pretty"
	modeJSONL  = "jsonl"
)

// jsonModes maps the words of --json to modes.
var jsonModes = map[string]string{"": modeCanon, "true": modeCanon, "canon": modeCanon, "false": modeOff, "off": modeOff, "pretty": modePretty}

// scanMachine looks at every token, also after "--": a wrapped command's
// arguments are a tool's business. Only for `run --raw`, which is for people,
// does "--" end the scan.
func scanMachine(args []string, child bool) *machine {
	m := &machine{original: args, mode: modeOff}
	if child {
		m.rest = args
		return m
	}
	raw, jsonl := false, false
	for i := 0; i < len(args); i++ {
		arg := args[i]
		name, value, inline := strings.Cut(arg, "=")
		next := func(what string) (string, bool) {
			if inline {
				return value, true
			}
			if i+1 >= len(args) {
				m.errors = append(m.errors, name+" requires a path")
				return "", false
			}
			i++
			return args[i], true
		}
		switch {
		case arg == "--" && raw:
			m.rest = append(m.rest, args[i:]...)
			i = len(args)
			continue
		case arg == "--raw":
			raw = true
		case name == "--json" || name == "--report-json":
			m.seen = true
			if !inline && name == "--json" && i+1 < len(args) && !strings.HasPrefix(args[i+1], "-") {
				if _, ok := jsonModes[strings.TrimSpace(args[i+1])]; ok {
					i++
					value = args[i]
				}
			}
			mode, ok := jsonModes[strings.TrimSpace(value)]
			if name == "--report-json" {
				ok = ok && slices.Contains([]string{"", "true", "false"}, strings.TrimSpace(value))
			}
			switch {
			case ok:
				m.mode = mode
			case name == "--json":
				m.errors = append(m.errors, fmt.Sprintf("unsupported --json value %q; expected one of: true,false,canon,pretty,off", value))
			default:
				m.errors = append(m.errors, fmt.Sprintf("unsupported --report-json value %q; expected one of: true,false", value))
			}
			continue
		case arg == "--jsonl":
			m.seen, jsonl = true, true
			continue
		case arg == "--json-schema":
			m.seen, m.schema = true, true
			continue
		case arg == "--json-schema-id":
			m.seen, m.schemaID = true, true
			continue
		case arg == "--quiet-json":
			m.seen, m.quiet = true, true
			continue
		case name == "--report-out":
			m.seen = true
			m.report, _ = next("--report-out")
			continue
		case name == "--out":
			from := i
			m.out, _ = next("--out")
			m.rest = append(m.rest, args[from:min(i+1, len(args))]...)
			continue
		}
		m.rest = append(m.rest, arg)
	}
	if m.quiet && m.report == "" {
		m.errors = append(m.errors, "--quiet-json requires --report-out <PATH>")
	}
	if jsonl {
		if m.mode != modeOff {
			m.errors = append(m.errors, "--jsonl conflicts with --json="+m.mode)
		}
		m.mode = modeJSONL
	}
	return m
}

// takesOver reports whether the machine layer, and not the command itself,
// answers.
func (m *machine) takesOver() bool {
	return m.seen && (m.mode != modeOff || m.schema || m.schemaID || len(m.errors) > 0)
}

// plainArgs are the arguments for ordinary parsing: the original ones, with
// the two-token form of --json joined so that its word is no positional.
func (m *machine) plainArgs() []string {
	out := make([]string, 0, len(m.original))
	for i := 0; i < len(m.original); i++ {
		arg := m.original[i]
		if arg == "--" {
			return append(out, m.original[i:]...)
		}
		if arg == "--json" && i+1 < len(m.original) {
			if mode, ok := jsonModes[strings.TrimSpace(m.original[i+1])]; ok && mode == modeOff {
				i++
				arg = "--json=off"
			}
		}
		out = append(out, arg)
	}
	return out
}

// nested are the known commands and their subcommands, for finding a scope.
var nested = map[string][]string{
	"":     {"run", "bundle", "policy", "init", "doctor", "guide", "fmt", "lint", "fix", "ast", "build", "doc", "test", "pkg", "bench", "arch", "diag", "review", "trust", "patch", "schema", "sm", "verify", "rr", "cli", "mcp"},
	"arch": {"check"}, "ast": {"init", "get", "apply-patch", "validate", "canon", "schema", "grammar"},
	"bench": {"list", "validate", "eval"}, "cli": {"spec"}, "cli.spec": {"fmt", "check", "compile"},
	"diag":   {"catalog", "init-catalog", "explain", "check", "coverage", "sarif"},
	"pkg":    {"add", "remove", "versions", "pack", "lock", "provides", "login", "publish"},
	"policy": {"init", "check", "suggest"}, "review": {"diff"}, "trust": {"report"}, "schema": {"derive"},
	"sm": {"check", "gen"}, "rr": {"record"}, "patch": {"apply"},
}

// scope is the command that the remaining arguments name, such as policy.init.
func (m *machine) scope() string {
	scope := ""
	for _, arg := range m.rest {
		if strings.HasPrefix(arg, "-") {
			continue
		}
		if !slices.Contains(nested[scope], arg) {
			return scope
		}
		if scope == "" {
			scope = arg
		} else {
			scope += "." + arg
		}
		if nested[scope] == nil {
			return scope
		}
	}
	return scope
}

// run answers in the command's place and returns the exit code.
func (m *machine) run(s streams, argv []string) int {
	scope := m.scope()
	id := report.EnvelopeSchema(scope)
	switch {
	case m.mode == modeJSONL && (m.schema || m.schemaID):
		id = report.EventsSchema
	case scope == "doc" && (m.schema || m.schemaID):
		id = report.DocSchema
	}
	switch {
	case m.schema:
		return m.emit(s, report.SchemaOf(id, scope))
	case m.schemaID:
		return m.emit(s, []byte(id+"\n"))
	case len(m.errors) > 0 && m.mode != modeJSONL:
		return m.finish(s, report.Envelope{Scope: scope, ScanErrors: m.errors, Argv: argv, Cwd: cwd()})
	}
	return m.wrap(s, argv, scope)
}

// wrap runs the command as a child and reports what became of it.
func (m *machine) wrap(s streams, argv []string, scope string) int {
	began := time.Now()
	env := report.Envelope{
		Scope: scope, Argv: argv, Cwd: cwd(),
		GitSHA: os.Getenv("X07_GIT_SHA"), Rustc: os.Getenv("X07_RUSTC_VERSION"),
	}
	for _, p := range []string{m.out, m.report} {
		if p != "" {
			env.Outputs = append(env.Outputs, p)
		}
	}
	var ev *events
	if m.mode == modeJSONL {
		ev = &events{w: s.out, scope: scope, began: began}
		ev.start()
	}
	if len(m.errors) > 0 {
		env.ScanErrors = m.errors
	} else {
		m.child(s, &env, ev)
	}
	env.ElapsedMS = time.Since(began).Milliseconds()
	if ev != nil {
		doc, code := env.Document()
		ev.send("final_report", doc)
		if m.report != "" {
			if err := atomicfile.Write(m.report, report.Canonical(doc), 0o644); err != nil {
				fmt.Fprintln(s.err, err)
			}
		}
		return code
	}
	if scope == "doc" && env.ExitCode >= 0 {
		if doc, ok := report.Whole(env.Stdout); ok {
			if m.deliver(s, report.Canonical(doc)) != exitOK {
				return exitUsage
			}
			return env.ExitCode
		}
	}
	return m.finish(s, env)
}

// child runs the command itself and captures its streams. In JSON mode it has
// no standard input.
func (m *machine) child(s streams, env *report.Envelope, ev *events) {
	exe, err := os.Executable()
	if err != nil {
		env.ExitCode, env.Stderr = -1, []byte(err.Error())
		return
	}
	args := m.rest
	if m.scope() == "doc" {
		args = append([]string{"--json"}, args...)
	}
	cmd := exec.Command(exe, args...)
	cmd.Env = append(os.Environ(), toolChildEnv+"=1")
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if ev != nil {
		cmd.Stdin = s.in
		cmd.Stdout = io.MultiWriter(&stdout, ev.chunks("stdout_chunk"))
		cmd.Stderr = io.MultiWriter(&stderr, ev.chunks("stderr_chunk"))
	}
	err = cmd.Run()
	env.Stdout, env.Stderr = stdout.Bytes(), stderr.Bytes()
	var ended *exec.ExitError
	switch {
	case err == nil:
	case errors.As(err, &ended):
		env.ExitCode = ended.ExitCode()
	default:
		env.ExitCode = -1
		env.Stderr = append(env.Stderr, err.Error()...)
	}
}

// finish prints the envelope and returns the exit code it states.
func (m *machine) finish(s streams, env report.Envelope) int {
	doc, code := env.Document()
	if m.quiet && m.report == "" {
		for _, text := range m.errors {
			fmt.Fprintln(s.err, text)
		}
		return code
	}
	if m.deliver(s, report.Canonical(doc)) != exitOK {
		return exitUsage
	}
	return code
}

// deliver prints a canonical document in the mode that was asked for.
func (m *machine) deliver(s streams, canonical []byte) int {
	if m.mode == modePretty {
		canonical = append(report.Indent(canonical), '\n')
	}
	return m.emit(s, canonical)
}

// emit sends b to the report file and to standard output. When the file cannot
// be written nothing is printed.
func (m *machine) emit(s streams, b []byte) int {
	if m.report != "" {
		if err := atomicfile.Write(m.report, b, 0o644); err != nil {
			fmt.Fprintln(s.err, err)
			return exitUsage
		}
	}
	if !m.quiet {
		if _, err := s.out.Write(b); err != nil {
			return exitUsage
		}
	}
	return exitOK
}

// events writes x07.tool.events@0.1.0, one line per event.
type events struct {
	mu    sync.Mutex
	w     io.Writer
	scope string
	began time.Time
	seq   int
}

func (e *events) start() {
	var scope any
	if e.scope != "" {
		scope = e.scope
	}
	e.send("start", map[string]any{"scope": scope})
}

func (e *events) send(event string, data any) {
	e.mu.Lock()
	defer e.mu.Unlock()
	// Nobody may be reading any more; the command still runs to its end.
	e.w.Write(report.Canonical(map[string]any{
		"schema_version": report.EventsSchema,
		"command":        report.ToolCommand(e.scope),
		"seq":            e.seq,
		"elapsed_ms":     time.Since(e.began).Milliseconds(),
		"event":          event,
		"data":           data,
	}))
	e.seq++
}

// chunks is a writer that sends what it is given as events of at most 8 KiB.
func (e *events) chunks(event string) io.Writer { return chunkWriter{e, event} }

type chunkWriter struct {
	e     *events
	event string
}

func (c chunkWriter) Write(p []byte) (int, error) {
	for rest := p; len(rest) > 0; {
		n := min(len(rest), 8192)
		c.e.send(c.event, report.StreamPayload(rest[:n]))
		rest = rest[n:]
	}
	return len(p), nil
}

// cwd is the working directory, "" when it is gone.
func cwd() string {
	dir, err := os.Getwd()
	if err != nil {
		return ""
	}
	return dir
}
