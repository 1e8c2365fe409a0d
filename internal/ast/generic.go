package ast

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"
)

// DecodeJSON reads one JSON value of any shape with the rules that Parse has
// for text: UTF-8, at most 127 nested containers, the last of duplicate keys
// wins, nothing after the value. Objects become map[string]any, arrays []any,
// numbers json.Number.
func DecodeJSON(src []byte) (any, error) {
	if len(src) > MaxDocumentBytes {
		return nil, fmt.Errorf("document is too long: %d bytes (at most %d are accepted)", len(src), MaxDocumentBytes)
	}
	if !utf8.Valid(src) {
		return nil, errors.New("document is not valid UTF-8")
	}
	s := string(src)
	if err := checkJSON(s); err != nil {
		return nil, errors.New(err.at(s))
	}
	v, _ := decodeValue(s, skipSpace(s, 0))
	return v, nil
}

// decodeValue decodes text that checkJSON has accepted.
func decodeValue(s string, i int) (any, int) {
	switch s[i] {
	case '"':
		text, end := decodeString(s, i)
		return text, end
	case '[':
		out := []any{}
		for i = skipSpace(s, i+1); s[i] != ']'; {
			var v any
			v, i = decodeValue(s, i)
			out = append(out, v)
			if i = skipSpace(s, i); s[i] == ',' {
				i = skipSpace(s, i+1)
			}
		}
		return out, i + 1
	case '{':
		out := map[string]any{}
		for i = skipSpace(s, i+1); s[i] != '}'; {
			var key string
			key, i = decodeString(s, i)
			var v any
			v, i = decodeValue(s, skipSpace(s, skipSpace(s, i)+1))
			out[key] = v
			if i = skipSpace(s, i); s[i] == ',' {
				i = skipSpace(s, i+1)
			}
		}
		return out, i + 1
	}
	end := skipValue(s, i)
	switch s[i] {
	case 'n':
		return nil, end
	case 't', 'f':
		return s[i] == 't', end
	}
	return json.Number(s[i:end]), end
}

// Generic turns an expression into a generic JSON value, for patches.
func (e *Expr) Generic() any {
	switch e.Kind {
	case Int:
		return e.Int
	case Atom, Text:
		return e.Text
	}
	out := make([]any, len(e.Items))
	for i, item := range e.Items {
		out[i] = item.Generic()
	}
	return out
}

// Generic turns a type into a generic JSON value.
func (t *TypeRef) Generic() any {
	switch {
	case t == nil:
		return "void"
	case t.Var:
		return []any{"t", t.Name}
	case len(t.Args) == 0:
		return t.Name
	}
	out := []any{t.Name}
	for _, arg := range t.Args {
		out = append(out, arg.Generic())
	}
	return out
}

// MarshalJSON is the canonical form of e, for encoding/json.
func (e *Expr) MarshalJSON() ([]byte, error) { return AppendCanonicalExpr(nil, e), nil }

// Clone copies a generic JSON value so that a change to one copy cannot be
// seen in the other. An *Expr becomes the generic value that it stands for.
func Clone(v any) any {
	switch v := v.(type) {
	case *Expr:
		return v.Generic()
	case []any:
		out := make([]any, len(v))
		for i := range v {
			out[i] = Clone(v[i])
		}
		return out
	case map[string]any:
		out := make(map[string]any, len(v))
		for k, item := range v {
			out[k] = Clone(item)
		}
		return out
	}
	return v
}

// Equal compares generic JSON values: objects without regard to order,
// numbers by their canonical text.
func Equal(a, b any) bool {
	if e, ok := b.(*Expr); ok {
		b = e.Generic()
	}
	switch a := a.(type) {
	case *Expr:
		return Equal(a.Generic(), b)
	case []any:
		b, ok := b.([]any)
		if !ok || len(a) != len(b) {
			return false
		}
		for i := range a {
			if !Equal(a[i], b[i]) {
				return false
			}
		}
		return true
	case map[string]any:
		b, ok := b.(map[string]any)
		if !ok || len(a) != len(b) {
			return false
		}
		for k, v := range a {
			other, ok := b[k]
			if !ok || !Equal(v, other) {
				return false
			}
		}
		return true
	}
	switch b.(type) {
	case []any, map[string]any:
		return false
	}
	return string(AppendCanonicalJSON(nil, a)) == string(AppendCanonicalJSON(nil, b))
}

// Canonicalize rewrites a document in the canonical form: an x07AST document
// as Format does, any other JSON value with sorted keys, no white space and
// one newline at the end. file is nil for the latter.
func Canonicalize(src []byte) (out []byte, file *File, err error) {
	if file, err = Parse(src); err == nil {
		return Format(file), file, nil
	}
	v, err := DecodeJSON(src)
	if err != nil {
		return nil, nil, err
	}
	return append(AppendCanonicalJSON(nil, v), '\n'), nil, nil
}

// shorten cuts the text of a value for a message.
func shorten(b []byte) string {
	const limit = 80
	if len(b) <= limit {
		return string(b)
	}
	return strings.ToValidUTF8(string(b[:limit]), "") + "…"
}
