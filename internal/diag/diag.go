// Package diag is the x07diag report: what a tool found wrong in a program,
// where, and the JSON Patch that would fix it. Findings come in, one ordered
// document goes out. It never decides what is wrong.
package diag

import (
	"cmp"
	"slices"

	"x07/internal/ast"
)

// SchemaVersion is the schema_version of a report.
const SchemaVersion = "x07.x07diag@0.1.0"

// Severity ranks a diagnostic. Only SeverityError makes a report fail.
type Severity string

// The severities, worst first.
const (
	SeverityError   Severity = "error"
	SeverityWarning Severity = "warning"
	SeverityInfo    Severity = "info"
	SeverityHint    Severity = "hint"
)

// Stage is the phase that found something.
type Stage string

// The stages, in the order in which a program passes them.
const (
	StageParse   Stage = "parse"
	StageLint    Stage = "lint"
	StageRewrite Stage = "rewrite"
	StageType    Stage = "type"
	StageLower   Stage = "lower"
	StageCodegen Stage = "codegen"
	StageLink    Stage = "link"
	StageRun     Stage = "run"
)

// Diagnostic is one finding.
type Diagnostic struct {
	Code     string // ^[A-Z][A-Z0-9_-]*$, at most 64 bytes; never changes its meaning
	Severity Severity
	Stage    Stage
	Message  string
	Loc      *Location // nil when there is no place
	Notes    []string
	Related  []Location
	Data     map[string]any // generic JSON values as ast.AppendCanonicalJSON takes them
	Quickfix *Quickfix
}

// Location is a place: a node of an x07AST document, or a span of text.
type Location struct {
	Ptr     string // pointer of the node; used when Span is nil
	Span    *Span
	Snippet string // text locations only
}

// Span is a range of text.
type Span struct {
	Start, End Position
	File       string // "" when unknown
}

// Position is 1-based. Offset is in bytes from the start of the text,
// negative when unknown.
type Position struct{ Line, Col, Offset int }

// Quickfix is a JSON Patch that removes the cause of a diagnostic. The paths
// refer to the document in its canonical form.
type Quickfix struct {
	Patch []ast.PatchOp
	Note  string
}

// Report is the whole document.
type Report struct {
	Diagnostics []Diagnostic
	Meta        map[string]any // omitted when empty
}

// At is the place of an x07AST node.
func At(ptr string) *Location { return &Location{Ptr: ptr} }

// ptr is the pointer a diagnostic is sorted by: empty without an x07AST place.
func (d *Diagnostic) ptr() string {
	if d.Loc == nil || d.Loc.Span != nil {
		return ""
	}
	return d.Loc.Ptr
}

// Ptr is the JSON pointer of the finding, empty when it has none.
func (d *Diagnostic) Ptr() string { return d.ptr() }

// Sort orders by file (data.file, if any), pointer, code and message, all by
// bytes. Equal ones keep their order.
func Sort(ds []Diagnostic) {
	file := func(d *Diagnostic) string {
		s, _ := d.Data["file"].(string)
		return s
	}
	slices.SortStableFunc(ds, func(a, b Diagnostic) int {
		return cmp.Or(
			cmp.Compare(file(&a), file(&b)),
			cmp.Compare(a.ptr(), b.ptr()),
			cmp.Compare(a.Code, b.Code),
			cmp.Compare(a.Message, b.Message),
		)
	})
}

// Errors counts the diagnostics of severity error.
func Errors(ds []Diagnostic) int {
	n := 0
	for i := range ds {
		if ds[i].Severity == SeverityError {
			n++
		}
	}
	return n
}

// OK reports whether there is no error.
func (r *Report) OK() bool { return Errors(r.Diagnostics) == 0 }

// WithFile sets data.file of every diagnostic, as `x07 lint` does.
func WithFile(ds []Diagnostic, file string) {
	for i := range ds {
		data := make(map[string]any, len(ds[i].Data)+1)
		for k, v := range ds[i].Data {
			data[k] = v
		}
		data["file"] = file
		ds[i].Data = data
	}
}
