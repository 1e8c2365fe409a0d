// Package cliargs parses command lines as ext.cli describes them.
//
// A table of rows (JSON, or its compiled form) and an argv_v1 document come in;
// a result document with what was found, or an error with a usage line, goes
// out. Everything it reads may be hostile. It reaches nothing but its arguments.
package cliargs

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"slices"
)

// Codes of errors.
const (
	CodeSpec     = 1001 // the table is malformed
	CodeArgs     = 1002 // the command line is not one of the table's
	CodeInternal = 1099
)

const schemaVersion = "x07cli.specrows@0.1.0"

// The messages of malformed tables.
var (
	errSpec    = errors.New("invalid_spec")
	errSpecBin = errors.New("invalid_specbin")
	errNoRows  = errors.New("missing_rows")
)

// Compile turns a table in JSON into its compiled form: the same object as a
// data-model document, with the rows for help and version that it lacks. The
// code is 0, or CodeSpec.
func Compile(text []byte) (specbin []byte, code uint32) {
	root, err := compile(text)
	if err != nil {
		return nil, CodeSpec
	}
	return appendValue([]byte{1}, root), 0
}

// compile returns the object of a table in JSON, with its rows completed.
func compile(text []byte) (map[string]any, error) {
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.UseNumber()
	var root map[string]any
	if err := dec.Decode(&root); err != nil {
		return nil, errSpec
	}
	if _, err := dec.Token(); err != io.EOF {
		return nil, errSpec
	}
	if root["schema_version"] != schemaVersion {
		return nil, errSpec
	}
	rows, ok := root["rows"].([]any)
	if !ok {
		return nil, errNoRows
	}
	scopes, has := []string{"root"}, map[[2]string]bool{}
	for _, r := range rows {
		row := cells(r)
		if scope := row.text(0); !slices.Contains(scopes, scope) {
			scopes = append(scopes, scope)
		}
		has[[2]string{row.text(0), row.text(1)}] = true
	}
	rows = slices.Clip(rows)
	for _, scope := range scopes {
		if !has[[2]string{scope, "help"}] {
			rows = append(rows, []any{scope, "help", "", "--help", "Show_help"})
		}
	}
	if !has[[2]string{"root", "version"}] {
		rows = append(rows, []any{"root", "version", "", "--version", "Show_version"})
	}
	root["rows"] = rows
	return root, nil
}

// load returns the object of a table in either form.
func load(spec []byte) (map[string]any, error) {
	if len(spec) == 0 || spec[0] != 1 {
		return compile(spec)
	}
	return loadCompiled(spec)
}

func loadCompiled(spec []byte) (map[string]any, error) {
	if len(spec) == 0 || spec[0] != 1 {
		return nil, errSpecBin
	}
	d := decoder{rest: spec[1:]}
	root, ok := d.value(0).(map[string]any)
	if !ok || d.bad {
		return nil, errSpecBin
	}
	if _, ok := root["rows"].([]any); !ok {
		return nil, errNoRows
	}
	return root, nil
}

// A row is one line of the table, whatever it holds.
type row []any

func cells(v any) row {
	r, _ := v.([]any)
	return r
}

// text is a cell that should be a string, "" when it is not.
func (r row) text(i int) string {
	if i >= len(r) {
		return ""
	}
	s, _ := r[i].(string)
	return s
}

// option is a switch among the options in cell i, and def when it is not set.
func (r row) option(i int, name string, def bool) bool {
	if i < len(r) {
		if meta, ok := r[i].(map[string]any); ok {
			if b, ok := meta[name].(bool); ok {
				return b
			}
		}
	}
	return def
}

// spec is a table ready for use.
type spec struct {
	app    string
	rows   []entry
	scopes map[string]bool // but root
}

// entry is what a row declares.
type entry struct {
	scope, kind, short, long, key, name string
	global, required, multiple          bool
}

func prepare(root map[string]any) *spec {
	s := &spec{app: "app", scopes: map[string]bool{}}
	if app, ok := root["app"].(map[string]any); ok {
		if name, ok := app["name"].(string); ok {
			s.app = name
		}
	}
	rows, _ := root["rows"].([]any)
	for _, v := range rows {
		r := cells(v)
		e := entry{scope: r.text(0), kind: r.text(1)}
		switch e.kind {
		case "flag":
			e.short, e.long, e.key = r.text(2), r.text(3), r.text(4)
			e.global = r.option(6, "global", false)
		case "opt":
			e.short, e.long, e.key, e.name = r.text(2), r.text(3), r.text(4), r.text(5)
			e.global, e.required, e.multiple = r.option(7, "global", false), r.option(7, "required", false), r.option(7, "multiple", false)
		case "arg":
			e.name, e.key = r.text(2), r.text(3)
			e.required, e.multiple = r.option(5, "required", true), r.option(5, "multiple", false)
		case "help", "version":
			e.short, e.long, e.key = r.text(2), r.text(3), e.kind
		}
		if e.scope != "root" {
			s.scopes[e.scope] = true
		}
		s.rows = append(s.rows, e)
	}
	return s
}

// usage is the usage line of a scope.
func (s *spec) usage(scope string, dots bool) string {
	text := "usage: " + s.app
	if scope != "root" {
		text += " " + scope
	}
	args, options := "", false
	for _, e := range s.rows {
		if e.scope != scope {
			continue
		}
		switch {
		case e.kind != "arg":
			options = true
		case e.multiple && dots:
			args += " <" + e.name + "...>"
		default:
			args += " <" + e.name + ">"
		}
	}
	if options {
		text += " [OPTIONS]"
	}
	return text + args
}

// Help is the usage line of the table in either form, with LF; of a malformed
// table it is the message.
func Help(table []byte) []byte {
	root, err := load(table)
	if err != nil {
		return []byte(err.Error())
	}
	return []byte(prepare(root).usage("root", false) + "\n")
}

// The tags of data-model values.
const (
	tagNull   = 0
	tagBool   = 1
	tagNumber = 2
	tagString = 3
	tagSeq    = 4
	tagMap    = 5
)

func appendText(out []byte, s string) []byte {
	return append(binary.LittleEndian.AppendUint32(out, uint32(len(s))), s...)
}

func appendValue(out []byte, v any) []byte {
	switch v := v.(type) {
	case bool:
		if v {
			return append(out, tagBool, 1)
		}
		return append(out, tagBool, 0)
	case json.Number:
		return appendText(append(out, tagNumber), v.String())
	case string:
		return appendText(append(out, tagString), v)
	case []any:
		out = binary.LittleEndian.AppendUint32(append(out, tagSeq), uint32(len(v)))
		for _, item := range v {
			out = appendValue(out, item)
		}
		return out
	case map[string]any:
		out = binary.LittleEndian.AppendUint32(append(out, tagMap), uint32(len(v)))
		for _, key := range slices.Sorted(maps.Keys(v)) {
			out = appendValue(appendText(out, key), v[key])
		}
		return out
	}
	return append(out, tagNull)
}

// decoder reads data-model values. After anything malformed, bad is set.
type decoder struct {
	rest []byte
	bad  bool
}

// maxDepth bounds the nesting of a value, as JSON decoding does.
const maxDepth = 10000

func (d *decoder) take(n uint32) []byte {
	if d.bad || uint64(n) > uint64(len(d.rest)) {
		d.bad = true
		return nil
	}
	b := d.rest[:n]
	d.rest = d.rest[n:]
	return b
}

func (d *decoder) u32() uint32 {
	if b := d.take(4); b != nil {
		return binary.LittleEndian.Uint32(b)
	}
	return 0
}

func (d *decoder) text() string { return string(d.take(d.u32())) }

func (d *decoder) value(depth int) any {
	tag := d.take(1)
	if tag == nil || depth > maxDepth {
		d.bad = true
		return nil
	}
	switch tag[0] {
	case tagNull:
		return nil
	case tagBool:
		b := d.take(1)
		return b != nil && b[0] != 0
	case tagNumber:
		return json.Number(d.text())
	case tagString:
		return d.text()
	case tagSeq:
		seq := []any{}
		for n := d.u32(); n > 0 && !d.bad; n-- {
			seq = append(seq, d.value(depth+1))
		}
		return seq
	case tagMap:
		m := map[string]any{}
		for n := d.u32(); n > 0 && !d.bad; n-- {
			key := d.text()
			m[key] = d.value(depth + 1)
		}
		return m
	}
	d.bad = true
	return nil
}
