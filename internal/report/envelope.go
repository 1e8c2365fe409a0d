package report

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"unicode/utf8"

	"x07/internal/version"
)

// Envelope is what a command that ran as a child of the machine layer amounted
// to. Document makes it an x07.tool.<scope>.report@0.1.0.
type Envelope struct {
	// Scope is the command, such as "run" or "policy.init"; "" is the root.
	Scope string
	// ExitCode of the child, negative if it was killed.
	ExitCode       int
	Stdout, Stderr []byte
	ElapsedMS      int64
	Cwd            string
	// Argv is the complete original argument vector.
	Argv []string
	// Outputs are files the command may have written; those that exist are listed.
	Outputs []string
	// GitSHA and Rustc are the values of X07_GIT_SHA and X07_RUSTC_VERSION.
	GitSHA, Rustc string
	// ScanErrors are errors of the machine flags; nothing was executed then.
	ScanErrors []string
}

// EnvelopeSchema is the schema id of scope's envelope.
func EnvelopeSchema(scope string) string {
	if scope == "" {
		scope = "root"
	}
	return "x07.tool." + scope + ".report@0.1.0"
}

// ToolCommand is scope as reports name it.
func ToolCommand(scope string) string {
	if scope == "" {
		return "x07"
	}
	return "x07." + scope
}

// Document is the envelope as a generic JSON value, and the exit code it says.
func (e Envelope) Document() (doc map[string]any, exitCode int) {
	stdoutJSON, hasStdout := wholeJSON(e.Stdout)
	stderrJSON, hasStderr := wholeJSON(e.Stderr)
	exitCode = e.ExitCode
	var diags []any
	result := map[string]any{"stdout": StreamPayload(e.Stdout), "stderr": StreamPayload(e.Stderr)}
	switch {
	case e.ScanErrors != nil:
		exitCode = 2
		for _, msg := range e.ScanErrors {
			diags = append(diags, toolDiag("X07-TOOL-ARGS-0001", "parse", msg))
		}
		result = map[string]any{"stdout": map[string]any{"bytes_len": 0}, "stderr": map[string]any{"bytes_len": 0}}
	case e.ExitCode < 0:
		exitCode = 3
		d := toolDiag("X07-INTERNAL-0001", "run", "internal tool failure")
		d["data"] = map[string]any{"panic_stderr": strings.TrimSpace(string(e.Stderr))}
		diags = append(diags, d)
	default:
		diags = e.diagnostics(stdoutJSON, stderrJSON)
	}
	if hasStdout {
		result["stdout_json"] = stdoutJSON
	}
	if hasStderr {
		result["stderr_json"] = stderrJSON
	}
	if diags == nil {
		diags = []any{}
	}
	tool := map[string]any{"name": "x07", "version": version.Language}
	if e.GitSHA != "" {
		tool["git_sha"] = e.GitSHA
	}
	if e.Rustc != "" {
		tool["rustc"] = e.Rustc
	}
	outputs := []any{}
	for _, path := range e.Outputs {
		if d := fileDigest(path); d != nil {
			outputs = append(outputs, d)
		}
	}
	return map[string]any{
		"schema_version": EnvelopeSchema(e.Scope),
		"command":        ToolCommand(e.Scope),
		"ok":             exitCode == 0 && !hasError(diags),
		"exit_code":      exitCode,
		"diagnostics":    diags,
		"meta": map[string]any{
			"tool":       tool,
			"elapsed_ms": e.ElapsedMS,
			"cwd":        e.Cwd,
			"argv":       e.Argv,
			"inputs":     []any{},
			"outputs":    outputs,
			"nondeterminism": map[string]any{
				"uses_os_time": false, "uses_network": false, "uses_process": false,
			},
		},
		"result": result,
	}, exitCode
}

// diagnostics takes the diagnostics a command printed; a failure always has one.
func (e Envelope) diagnostics(stdoutJSON, stderrJSON any) []any {
	var diags []any
	for _, v := range []any{stdoutJSON, stderrJSON} {
		obj, _ := v.(map[string]any)
		list, ok := obj["diagnostics"].([]any)
		if !ok {
			list, ok = obj["diags"].([]any)
		}
		if !ok {
			continue
		}
		for _, item := range list {
			d, ok := item.(map[string]any)
			if !ok {
				continue
			}
			kept := toolDiag("X07-TOOL-EXEC-0001", "run", "wrapped command diagnostic")
			for key := range kept {
				if s, ok := d[key].(string); ok {
					kept[key] = s
				}
			}
			diags = append(diags, kept)
		}
		break
	}
	if e.ExitCode != 0 && !hasError(diags) {
		msg := fmt.Sprintf("wrapped command failed with exit code %d", e.ExitCode)
		if utf8.Valid(e.Stderr) {
			msg = strings.TrimSpace(string(e.Stderr))
		}
		diags = append(diags, toolDiag("X07-TOOL-EXEC-0001", "run", msg))
	}
	return diags
}

func toolDiag(code, stage, message string) map[string]any {
	return map[string]any{"code": code, "message": message, "severity": "error", "stage": stage}
}

func hasError(diags []any) bool {
	for _, d := range diags {
		if m, _ := d.(map[string]any); m["severity"] == "error" {
			return true
		}
	}
	return false
}

// StreamPayload is captured output as reports hold it: text when it is UTF-8,
// base64 otherwise.
func StreamPayload(b []byte) map[string]any {
	if utf8.Valid(b) {
		return map[string]any{"bytes_len": len(b), "text": string(b)}
	}
	return map[string]any{"bytes_len": len(b), "base64": base64.StdEncoding.EncodeToString(b)}
}

// wholeJSON is b as one JSON value, if that is what it is.
func wholeJSON(b []byte) (any, bool) {
	if !utf8.Valid(b) {
		return nil, false
	}
	dec := json.NewDecoder(bytes.NewReader(b))
	dec.UseNumber()
	var v any
	if dec.Decode(&v) != nil {
		return nil, false
	}
	if rest := bytes.TrimSpace(b[dec.InputOffset():]); len(rest) > 0 {
		return nil, false
	}
	return v, true
}

// fileDigest is path, hash and size of a regular file, nil for anything else.
func fileDigest(path string) map[string]any {
	info, err := os.Stat(path)
	if err != nil || !info.Mode().IsRegular() {
		return nil
	}
	b, err := os.ReadFile(path)
	if err != nil {
		return nil
	}
	sum := sha256.Sum256(b)
	return map[string]any{"path": path, "sha256": hex.EncodeToString(sum[:]), "bytes_len": len(b)}
}

// The schema ids of reports that are not envelopes of one command.
const (
	EventsSchema = "x07.tool.events@0.1.0"
	DocSchema    = "x07.doc.report@0.1.0"
)

// Whole is b as one generic JSON value; ok is false when it is anything else.
func Whole(b []byte) (v any, ok bool) { return wholeJSON(b) }
