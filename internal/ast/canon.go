package ast

import (
	"encoding/json"
	"slices"
	"strconv"
)

// AppendCanonicalString appends s as a JSON string: only the quote, the
// backslash and control characters below U+0020 are escaped.
func AppendCanonicalString(b []byte, s string) []byte {
	const hex = "0123456789abcdef"
	b = append(b, '"')
	from := 0
	for i := 0; i < len(s); i++ {
		c := s[i]
		if c >= 0x20 && c != '"' && c != '\\' {
			continue
		}
		b = append(b, s[from:i]...)
		from = i + 1
		switch c {
		case '"', '\\':
			b = append(b, '\\', c)
		case '\b':
			b = append(b, `\b`...)
		case '\f':
			b = append(b, `\f`...)
		case '\n':
			b = append(b, `\n`...)
		case '\r':
			b = append(b, `\r`...)
		case '\t':
			b = append(b, `\t`...)
		default:
			b = append(b, `\u00`...)
			b = append(b, hex[c>>4], hex[c&15])
		}
	}
	b = append(b, s[from:]...)
	return append(b, '"')
}

// AppendCanonicalExpr appends e as minified JSON, the bytes that contract
// clause ids and hashes are made from.
func AppendCanonicalExpr(b []byte, e *Expr) []byte {
	switch e.Kind {
	case Int:
		return strconv.AppendInt(b, int64(e.Int), 10)
	case Atom, Text:
		return AppendCanonicalString(b, e.Text)
	}
	b = append(b, '[')
	for i, item := range e.Items {
		if i > 0 {
			b = append(b, ',')
		}
		b = AppendCanonicalExpr(b, item)
	}
	return append(b, ']')
}

// AppendCanonicalType appends t as minified JSON; nil is "void".
func AppendCanonicalType(b []byte, t *TypeRef) []byte {
	switch {
	case t == nil:
		return append(b, `"void"`...)
	case t.Var:
		b = append(b, `["t",`...)
		b = AppendCanonicalString(b, t.Name)
		return append(b, ']')
	case len(t.Args) == 0:
		return AppendCanonicalString(b, t.Name)
	}
	b = append(b, '[')
	b = AppendCanonicalString(b, t.Name)
	for _, arg := range t.Args {
		b = append(b, ',')
		b = AppendCanonicalType(b, arg)
	}
	return append(b, ']')
}

// AppendCanonicalJSON appends a generic JSON value (nil, bool, string,
// json.Number, float64, int, int32, int64, []any, []string, map[string]any, or
// an *Expr in its place) with sorted keys and no white space. It panics on any other type, which
// only a programming error can bring here.
func AppendCanonicalJSON(b []byte, v any) []byte {
	switch v := v.(type) {
	case nil:
		return append(b, "null"...)
	case bool:
		return strconv.AppendBool(b, v)
	case string:
		return AppendCanonicalString(b, v)
	case json.Number:
		return append(b, canonicalNumber(string(v))...)
	case *Expr:
		return AppendCanonicalExpr(b, v)
	case float64:
		return append(b, formatFloat(v)...)
	case int:
		return strconv.AppendInt(b, int64(v), 10)
	case int32:
		return strconv.AppendInt(b, int64(v), 10)
	case int64:
		return strconv.AppendInt(b, v, 10)
	case []string:
		b = append(b, '[')
		for i, s := range v {
			if i > 0 {
				b = append(b, ',')
			}
			b = AppendCanonicalString(b, s)
		}
		return append(b, ']')
	case []any:
		b = append(b, '[')
		for i, item := range v {
			if i > 0 {
				b = append(b, ',')
			}
			b = AppendCanonicalJSON(b, item)
		}
		return append(b, ']')
	case map[string]any:
		keys := make([]string, 0, len(v))
		for k := range v {
			keys = append(keys, k)
		}
		slices.Sort(keys)
		b = append(b, '{')
		for i, k := range keys {
			if i > 0 {
				b = append(b, ',')
			}
			b = AppendCanonicalString(b, k)
			b = append(b, ':')
			b = AppendCanonicalJSON(b, v[k])
		}
		return append(b, '}')
	}
	panic("ast: value is not generic JSON")
}
