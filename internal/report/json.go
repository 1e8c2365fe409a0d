package report

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"unicode/utf8"

	"x07/internal/ast"
)

// Compact is v as one line of JSON and a newline, members in the order of the
// struct fields. Strings escape only the quote, the backslash and control
// characters below 0x20; encoding/json would also escape U+2028 and U+2029.
func Compact(v any) []byte { return append(encode(v, false), '\n') }

// Pretty is Compact with two spaces of indentation per level.
func Pretty(v any) []byte { return append(encode(v, true), '\n') }

// Canonical is v with object keys sorted by bytes at every level, on one line
// with a newline.
func Canonical(v any) []byte { return append(canonical(v), '\n') }

// CanonicalPretty is Canonical with indentation.
func CanonicalPretty(v any) []byte {
	return append(restyle(nil, canonical(v), true), '\n')
}

// Indent is the JSON text src, re-written with two spaces per level and without
// a newline at the end. The order of members stays.
func Indent(src []byte) []byte { return restyle(nil, src, true) }

func encode(v any, pretty bool) []byte {
	return restyle(nil, marshal(v), pretty)
}

func canonical(v any) []byte {
	dec := json.NewDecoder(bytes.NewReader(marshal(v)))
	dec.UseNumber()
	var tree any
	if err := dec.Decode(&tree); err != nil {
		panic(fmt.Sprintf("report: own JSON does not parse: %v", err))
	}
	return ast.AppendCanonicalJSON(nil, tree)
}

// marshal encodes v, whose types all belong to this program: an error is a
// defect of the program and not of its input.
func marshal(v any) []byte {
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		panic(fmt.Sprintf("report: encode %T: %v", v, err))
	}
	return bytes.TrimSuffix(buf.Bytes(), []byte("\n"))
}

// restyle appends the valid JSON text src to dst with the given spacing and
// the string escapes of X07 documents.
func restyle(dst, src []byte, pretty bool) []byte {
	depth := 0
	newline := func() {
		if pretty {
			dst = append(dst, '\n')
			for range depth {
				dst = append(dst, ' ', ' ')
			}
		}
	}
	for i := 0; i < len(src); i++ {
		switch c := src[i]; c {
		case ' ', '\t', '\r', '\n':
		case '{', '[':
			dst = append(dst, c)
			j := i + 1
			for j < len(src) && (src[j] == ' ' || src[j] == '\t' || src[j] == '\r' || src[j] == '\n') {
				j++
			}
			if j < len(src) && (src[j] == '}' || src[j] == ']') {
				dst = append(dst, src[j])
				i = j
				continue
			}
			depth++
			newline()
		case '}', ']':
			depth--
			newline()
			dst = append(dst, c)
		case ',':
			dst = append(dst, c)
			newline()
		case ':':
			dst = append(dst, c)
			if pretty {
				dst = append(dst, ' ')
			}
		case '"':
			end := i + 1
			for src[end] != '"' {
				if src[end] == '\\' {
					end++
				}
				end++
			}
			dst = appendString(dst, src[i:end+1])
			i = end
		default:
			dst = append(dst, c)
		}
	}
	return dst
}

// appendString appends the JSON string lit, quotes included, un-escaping the
// characters that X07 documents write as they are.
func appendString(dst, lit []byte) []byte {
	if bytes.IndexByte(lit, '\\') < 0 {
		return append(dst, lit...)
	}
	for i := 0; i < len(lit); i++ {
		if lit[i] != '\\' {
			dst = append(dst, lit[i])
			continue
		}
		if lit[i+1] == 'u' {
			if r, err := strconv.ParseUint(string(lit[i+2:i+6]), 16, 16); err == nil && r >= 0x20 && r != '"' && r != '\\' && (r < 0xd800 || r > 0xdfff) {
				dst = utf8.AppendRune(dst, rune(r))
				i += 5
				continue
			}
		}
		dst = append(dst, lit[i], lit[i+1])
		i++
	}
	return dst
}
