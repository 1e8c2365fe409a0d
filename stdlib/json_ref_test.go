package stdlib_test

import (
	"bytes"
	"sort"
	"strings"
)

// node is a value of the JSON subset, as a recursive descent sees it.
type node struct {
	text    string // canonical form
	members []member
	object  bool
}

type member struct {
	key   string
	value node
}

// jsonRef is the reference parser; bad is set at the first defect.
type jsonRef struct {
	s   string
	bad bool
}

func (p *jsonRef) ws() { p.s = strings.TrimLeft(p.s, " \t\r\n") }

func (p *jsonRef) take(tok string) bool {
	rest, ok := strings.CutPrefix(p.s, tok)
	if ok {
		p.s = rest
	}
	return ok
}

func (p *jsonRef) str() string {
	end := strings.IndexByte(p.s[min(1, len(p.s)):], '"') + 2
	if !strings.HasPrefix(p.s, `"`) || end == 1 {
		p.bad = true
		return ""
	}
	text := p.s[:end]
	p.s = p.s[end:]
	if strings.ContainsFunc(text, func(c rune) bool { return c < 0x20 || c == '\\' }) {
		p.bad = true
	}
	return text
}

func (p *jsonRef) value() node {
	p.ws()
	defer p.ws()
	switch {
	case p.s == "":
		p.bad = true
	case p.take("{"):
		n := node{object: true}
		p.ws()
		for first := true; !p.bad && (!first || !strings.HasPrefix(p.s, "}")); first = false {
			p.ws()
			key := p.str()
			p.ws()
			p.bad = p.bad || !p.take(":")
			if p.bad {
				return n
			}
			n.members = append(n.members, member{key[1 : len(key)-1], p.value()})
			if !p.take(",") {
				break
			}
		}
		p.bad = p.bad || !p.take("}")
		sorted := append([]member(nil), n.members...)
		sort.SliceStable(sorted, func(i, j int) bool { return sorted[i].key < sorted[j].key })
		var parts []string
		for _, m := range sorted {
			parts = append(parts, `"`+m.key+`":`+m.value.text)
		}
		n.text = "{" + strings.Join(parts, ",") + "}"
		return n
	case p.take("["):
		p.ws()
		var parts []string
		for first := true; !p.bad && (!first || !strings.HasPrefix(p.s, "]")); first = false {
			parts = append(parts, p.value().text)
			if !p.take(",") {
				break
			}
		}
		p.bad = p.bad || !p.take("]")
		return node{text: "[" + strings.Join(parts, ",") + "]"}
	case p.s[0] == '"':
		return node{text: p.str()}
	default:
		for _, w := range []string{"true", "false", "null"} {
			if p.take(w) {
				return node{text: w}
			}
		}
		rest := strings.TrimPrefix(p.s, "-")
		digits := len(rest) - len(strings.TrimLeft(rest, "0123456789"))
		if digits == 0 || digits > 1 && rest[0] == '0' {
			p.bad = true
			return node{}
		}
		n := len(p.s) - len(rest) + digits
		text := p.s[:n]
		p.s = p.s[n:]
		return node{text: text}
	}
	return node{}
}

func parseRef(x []byte) (node, bool) {
	p := &jsonRef{s: string(x)}
	n := p.value()
	return n, !p.bad && p.s == ""
}

func refCanon(x []byte) []byte {
	if n, ok := parseRef(x); ok {
		return []byte(n.text)
	}
	return []byte("ERR")
}

func refExtract(x []byte) []byte {
	doc, path, found := bytes.Cut(x, []byte{0})
	n, ok := parseRef(doc)
	if !found || !ok {
		return []byte("ERR")
	}
	for _, seg := range strings.Split(string(path), ".") {
		hit := false
		for _, m := range n.members {
			if seg != "" && m.key == seg {
				n, hit = m.value, true
				break
			}
		}
		if !hit {
			return []byte("ERR")
		}
	}
	return []byte(n.text)
}
