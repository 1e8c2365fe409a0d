package diag

import (
	"strconv"

	"x07/internal/ast"
)

// AppendJSON appends the report as one line of minified JSON without a
// newline: fields in their declared order, keys of data and meta sorted.
func (r *Report) AppendJSON(b []byte) []byte {
	b = append(b, `{"schema_version":"`+SchemaVersion+`","ok":`...)
	b = strconv.AppendBool(b, r.OK())
	b = append(b, `,"diagnostics":[`...)
	for i := range r.Diagnostics {
		if i > 0 {
			b = append(b, ',')
		}
		b = r.Diagnostics[i].AppendJSON(b)
	}
	b = append(b, ']')
	if len(r.Meta) > 0 {
		b = append(b, `,"meta":`...)
		b = ast.AppendCanonicalJSON(b, r.Meta)
	}
	return append(b, '}')
}

// MarshalJSON is AppendJSON for encoding/json.
func (r Report) MarshalJSON() ([]byte, error) { return r.AppendJSON(nil), nil }

// MarshalJSON is AppendJSON for encoding/json.
func (d Diagnostic) MarshalJSON() ([]byte, error) { return d.AppendJSON(nil), nil }

// AppendJSON appends the diagnostic as minified JSON; absent and empty
// optional fields are left out.
func (d *Diagnostic) AppendJSON(b []byte) []byte {
	field := func(name, value string) {
		b = append(b, name...)
		b = ast.AppendCanonicalString(b, value)
	}
	field(`{"code":`, d.Code)
	field(`,"severity":`, string(d.Severity))
	field(`,"stage":`, string(d.Stage))
	field(`,"message":`, d.Message)
	if d.Loc != nil {
		b = append(b, `,"loc":`...)
		b = d.Loc.appendJSON(b)
	}
	if len(d.Notes) > 0 {
		b = append(b, `,"notes":`...)
		b = ast.AppendCanonicalJSON(b, d.Notes)
	}
	for i := range d.Related {
		if i == 0 {
			b = append(b, `,"related":[`...)
		} else {
			b = append(b, ',')
		}
		b = d.Related[i].appendJSON(b)
	}
	if len(d.Related) > 0 {
		b = append(b, ']')
	}
	if len(d.Data) > 0 {
		b = append(b, `,"data":`...)
		b = ast.AppendCanonicalJSON(b, d.Data)
	}
	if d.Quickfix != nil {
		b = append(b, `,"quickfix":{"kind":"json_patch","patch":[`...)
		for i, op := range d.Quickfix.Patch {
			if i > 0 {
				b = append(b, ',')
			}
			b = op.AppendJSON(b)
		}
		b = append(b, ']')
		if d.Quickfix.Note != "" {
			field(`,"note":`, d.Quickfix.Note)
		}
		b = append(b, '}')
	}
	return append(b, '}')
}

func (l *Location) appendJSON(b []byte) []byte {
	if l.Span == nil {
		b = append(b, `{"kind":"x07ast","ptr":`...)
		b = ast.AppendCanonicalString(b, l.Ptr)
		return append(b, '}')
	}
	b = append(b, `{"kind":"text","span":{"start":`...)
	b = l.Span.Start.appendJSON(b)
	b = append(b, `,"end":`...)
	b = l.Span.End.appendJSON(b)
	if l.Span.File != "" {
		b = append(b, `,"file":`...)
		b = ast.AppendCanonicalString(b, l.Span.File)
	}
	b = append(b, '}')
	if l.Snippet != "" {
		b = append(b, `,"snippet":`...)
		b = ast.AppendCanonicalString(b, l.Snippet)
	}
	return append(b, '}')
}

func (p Position) appendJSON(b []byte) []byte {
	b = append(b, `{"line":`...)
	b = strconv.AppendInt(b, int64(p.Line), 10)
	b = append(b, `,"col":`...)
	b = strconv.AppendInt(b, int64(p.Col), 10)
	if p.Offset >= 0 {
		b = append(b, `,"offset":`...)
		b = strconv.AppendInt(b, int64(p.Offset), 10)
	}
	return append(b, '}')
}
