package policy

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// marshal writes v compactly, without escaping what HTML would need.
func marshal(v any) ([]byte, error) {
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(buf.Bytes(), []byte("\n")), nil
}

// Render writes p in the canonical form of policy files: keys sorted, two-space
// indent, one item per line, a final newline.
func Render(p *Policy) []byte {
	tree, _, err := parse(compact(p))
	if err != nil {
		panic(fmt.Sprintf("policy: parse a marshalled policy: %v", err))
	}
	return renderTree(tree)
}

func renderTree(tree any) []byte {
	var b bytes.Buffer
	renderValue(&b, tree, "\n")
	b.WriteByte('\n')
	return b.Bytes()
}

// renderValue writes v; indent is a newline and the blanks of the current level.
func renderValue(b *bytes.Buffer, v any, indent string) {
	inner := indent + "  "
	switch v := v.(type) {
	case map[string]any:
		if len(v) == 0 {
			b.WriteString("{}")
			return
		}
		keys := make([]string, 0, len(v))
		for k := range v {
			keys = append(keys, k)
		}
		slices.Sort(keys)
		for i, k := range keys {
			b.WriteString(opening('{', i) + inner)
			renderString(b, k)
			b.WriteString(": ")
			renderValue(b, v[k], inner)
		}
		b.WriteString(indent + "}")
	case []any:
		if len(v) == 0 {
			b.WriteString("[]")
			return
		}
		for i, item := range v {
			b.WriteString(opening('[', i) + inner)
			renderValue(b, item, inner)
		}
		b.WriteString(indent + "]")
	case string:
		renderString(b, v)
	case json.Number:
		b.WriteString(string(v))
	default:
		b.Write(compact(v))
	}
}

func opening(bracket byte, i int) string {
	if i > 0 {
		return ","
	}
	return string(bracket)
}

// renderString escapes only what JSON demands; encoding/json escapes more.
func renderString(b *bytes.Buffer, s string) {
	const short = "\b\f\n\r\t"
	b.WriteByte('"')
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '"' || c == '\\':
			b.WriteByte('\\')
			b.WriteByte(c)
		case c < 0x20:
			if k := strings.IndexByte(short, c); k >= 0 {
				b.WriteByte('\\')
				b.WriteByte("bfnrt"[k])
			} else {
				fmt.Fprintf(b, `\u%04x`, c)
			}
		default:
			b.WriteByte(c)
		}
	}
	b.WriteByte('"')
}
