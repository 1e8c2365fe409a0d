// Package jcs is json.jcs.canon_doc_v1: the RFC 8785 canonical form of an
// I-JSON text, with limits, and with the exact code and byte offset of the
// first error. Any bytes may come in; out comes one document, never a panic.
//
// It is our own because the error offsets and the working-set limit are part
// of the language, which no canonicaliser reports.
package jcs

import (
	"bytes"
	"encoding/binary"
	"math"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"
)

// Error codes of the error document.
const (
	CodeSyntax   = 20 // not JSON
	CodeIJSON    = 21 // JSON but not I-JSON
	CodeDepth    = 22 // nested deeper than the limit
	CodeObject   = 23 // an object over one of its limits
	CodeTrailing = 24 // data after the value
)

// maxStackDepth ends nesting that the caller left practically unlimited before
// it exhausts the host's stack.
const maxStackDepth = 200_000

// Canon canonicalises text. maxDepth limits the nesting of arrays and objects
// (0 counts as 1), maxMembers the members of one object (0: no limit), and
// maxObjectBytes the working set of one object (0: only empty objects). The
// result is a 1 byte and the canonical UTF-8 text, or a 0 byte, the code and
// the byte offset as little-endian 32-bit words.
func Canon(text []byte, maxDepth, maxMembers, maxObjectBytes uint32) []byte {
	if maxDepth == 0 {
		maxDepth = 1
	}
	p := &parser{src: text, maxDepth: min(maxDepth, maxStackDepth), maxMembers: maxMembers, maxBytes: uint64(maxObjectBytes)}
	p.out = append(make([]byte, 0, len(text)+1), 1)
	p.space()
	p.value(0)
	if p.code == 0 {
		if p.space(); p.pos < len(p.src) {
			p.fail(CodeTrailing, p.pos)
		}
	}
	if p.code == 0 {
		return p.out
	}
	doc := make([]byte, 9)
	binary.LittleEndian.PutUint32(doc[1:], p.code)
	binary.LittleEndian.PutUint32(doc[5:], uint32(p.at))
	return doc
}

// parser writes canonical text to out while it reads src. After the first
// failure code and at are set and every method returns at once.
type parser struct {
	src        []byte
	pos        int
	out        []byte
	maxDepth   uint32
	maxMembers uint32
	maxBytes   uint64
	code       uint32
	at         int
}

func (p *parser) fail(code uint32, at int) {
	if p.code == 0 {
		p.code, p.at = code, at
		if len(bytes.TrimLeft(p.src, " \t\r\n")) == 0 {
			p.at = 0
		}
	}
}

func (p *parser) space() {
	for p.pos < len(p.src) {
		switch p.src[p.pos] {
		case ' ', '\t', '\n', '\r':
			p.pos++
		default:
			return
		}
	}
}

func (p *parser) peek() byte {
	if p.pos < len(p.src) {
		return p.src[p.pos]
	}
	return 0
}

func (p *parser) value(depth uint32) {
	switch c := p.peek(); {
	case c == '{':
		p.object(depth + 1)
	case c == '[':
		p.array(depth + 1)
	case c == '"':
		p.out = append(p.out, '"')
		p.string(nil)
		p.out = append(p.out, '"')
	case c == 't':
		p.word("true")
	case c == 'f':
		p.word("false")
	case c == 'n':
		p.word("null")
	case c == '-' || c >= '0' && c <= '9':
		p.number()
	default:
		p.fail(CodeSyntax, p.pos)
	}
}

func (p *parser) word(w string) {
	for i := 0; i < len(w); i++ {
		if p.pos+i >= len(p.src) || p.src[p.pos+i] != w[i] {
			p.fail(CodeSyntax, p.pos+i)
			return
		}
	}
	p.pos += len(w)
	p.out = append(p.out, w...)
}

func (p *parser) array(depth uint32) {
	if depth > p.maxDepth {
		p.fail(CodeDepth, p.pos)
		return
	}
	p.pos++
	p.out = append(p.out, '[')
	p.space()
	if p.peek() == ']' {
		p.pos++
		p.out = append(p.out, ']')
		return
	}
	for {
		p.space()
		p.value(depth)
		if p.code != 0 {
			return
		}
		p.space()
		switch p.peek() {
		case ',':
			p.pos++
			p.out = append(p.out, ',')
		case ']':
			p.pos++
			p.out = append(p.out, ']')
			return
		default:
			p.fail(CodeSyntax, p.pos)
			return
		}
	}
}

// member is one member of an object: its name as UTF-16 code units, the
// offset of the name's opening quote, and its text `"name":value` in out.
type member struct {
	name       []uint16
	at         int
	start, end int
}

func (p *parser) object(depth uint32) {
	open := p.pos
	if depth > p.maxDepth {
		p.fail(CodeDepth, open)
		return
	}
	p.pos++
	p.out = append(p.out, '{')
	p.space()
	if p.peek() == '}' {
		p.pos++
		p.out = append(p.out, '}')
		return
	}
	base := len(p.out)
	var members []member
	var working uint64
	for {
		p.space()
		if p.peek() != '"' {
			p.fail(CodeSyntax, p.pos)
			return
		}
		if p.maxMembers != 0 && uint64(len(members)) >= uint64(p.maxMembers) {
			p.fail(CodeObject, open)
			return
		}
		m := member{at: p.pos, start: len(p.out), name: []uint16{}}
		p.out = append(p.out, '"')
		p.string(&m.name)
		if p.code != 0 {
			return
		}
		keyBytes := len(p.out) - m.start - 1
		p.out = append(p.out, '"', ':')
		p.space()
		if p.peek() != ':' {
			p.fail(CodeSyntax, p.pos)
			return
		}
		p.pos++
		p.space()
		valueStart := len(p.out)
		p.value(depth)
		if p.code != 0 {
			return
		}
		m.end = len(p.out)
		members = append(members, m)
		working += 16 + uint64(keyBytes) + 2*uint64(len(m.name)) + uint64(m.end-valueStart) + 4
		if working > p.maxBytes {
			p.fail(CodeObject, open)
			return
		}
		p.space()
		c := p.peek()
		if c != ',' && c != '}' {
			p.fail(CodeSyntax, p.pos)
			return
		}
		p.pos++
		if c == '}' {
			break
		}
	}
	if working+8*uint64(len(members)) > p.maxBytes {
		p.fail(CodeObject, open)
		return
	}
	members = sortMembers(members)
	for i := 1; i < len(members); i++ {
		if compareUTF16(members[i-1].name, members[i].name) == 0 {
			p.fail(CodeIJSON, members[i].at)
			return
		}
	}
	body := append([]byte(nil), p.out[base:]...)
	p.out = p.out[:base]
	for i, m := range members {
		if i > 0 {
			p.out = append(p.out, ',')
		}
		p.out = append(p.out, body[m.start-base:m.end-base]...)
	}
	p.out = append(p.out, '}')
}

// sortMembers is a bottom-up merge sort that takes the right run on ties;
// which of several equal names is reported depends on that.
func sortMembers(a []member) []member {
	b := make([]member, len(a))
	for width := 1; width < len(a); width *= 2 {
		for lo := 0; lo < len(a); lo += 2 * width {
			mid, hi := min(lo+width, len(a)), min(lo+2*width, len(a))
			i, j := lo, mid
			for k := lo; k < hi; k++ {
				if i < mid && (j >= hi || compareUTF16(a[i].name, a[j].name) < 0) {
					b[k] = a[i]
					i++
				} else {
					b[k] = a[j]
					j++
				}
			}
		}
		a, b = b, a
	}
	return a
}

func compareUTF16(a, b []uint16) int {
	for i := 0; i < len(a) && i < len(b); i++ {
		if a[i] != b[i] {
			return int(a[i]) - int(b[i])
		}
	}
	return len(a) - len(b)
}

// string reads a string and appends its canonical escapes to out, without
// quotes. The UTF-16 code units are appended to *units when it is not nil.
func (p *parser) string(units *[]uint16) {
	p.pos++
	for {
		if p.pos >= len(p.src) {
			p.fail(CodeSyntax, p.pos)
			return
		}
		at := p.pos
		c := p.src[at]
		var r rune
		switch {
		case c == '"':
			p.pos++
			return
		case c < 0x20:
			p.fail(CodeSyntax, at)
			return
		case c == '\\':
			r = p.escape()
			if p.code != 0 {
				return
			}
		case c < utf8.RuneSelf:
			r = rune(c)
			p.pos++
		default:
			var n int
			if r, n = utf8.DecodeRune(p.src[at:]); r == utf8.RuneError && n <= 1 {
				p.fail(CodeIJSON, at)
				return
			}
			p.pos += n
		}
		if r >= 0xFDD0 && r <= 0xFDEF || r&0xFFFE == 0xFFFE {
			p.fail(CodeIJSON, at)
			return
		}
		p.out = appendEscaped(p.out, r)
		if units != nil {
			*units = utf16.AppendRune(*units, r)
		}
	}
}

// escape reads one escape, or the two of a surrogate pair.
func (p *parser) escape() rune {
	at := p.pos
	if at+1 >= len(p.src) {
		p.fail(CodeSyntax, at)
		return 0
	}
	p.pos += 2
	switch p.src[at+1] {
	case '"', '\\', '/':
		return rune(p.src[at+1])
	case 'b':
		return '\b'
	case 'f':
		return '\f'
	case 'n':
		return '\n'
	case 'r':
		return '\r'
	case 't':
		return '\t'
	case 'u':
		hi, ok := p.hex4(at + 2)
		if !ok {
			p.fail(CodeSyntax, at)
			return 0
		}
		p.pos = at + 6
		if !utf16.IsSurrogate(hi) {
			return hi
		}
		if p.pos+1 < len(p.src) && p.src[p.pos] == '\\' && p.src[p.pos+1] == 'u' {
			if lo, ok := p.hex4(p.pos + 2); ok {
				if r := utf16.DecodeRune(hi, lo); r != utf8.RuneError {
					p.pos += 6
					return r
				}
			}
		}
		p.fail(CodeIJSON, at)
		return 0
	}
	p.fail(CodeSyntax, at)
	return 0
}

func (p *parser) hex4(at int) (rune, bool) {
	if at+4 > len(p.src) {
		return 0, false
	}
	var r rune
	for _, c := range p.src[at : at+4] {
		switch {
		case c >= '0' && c <= '9':
			r = r<<4 | rune(c-'0')
		case c|0x20 >= 'a' && c|0x20 <= 'f':
			r = r<<4 | rune(c|0x20-'a'+10)
		default:
			return 0, false
		}
	}
	return r, true
}

func appendEscaped(b []byte, r rune) []byte {
	switch r {
	case '"':
		return append(b, '\\', '"')
	case '\\':
		return append(b, '\\', '\\')
	case '\b':
		return append(b, '\\', 'b')
	case '\f':
		return append(b, '\\', 'f')
	case '\n':
		return append(b, '\\', 'n')
	case '\r':
		return append(b, '\\', 'r')
	case '\t':
		return append(b, '\\', 't')
	}
	if r < 0x20 {
		const hex = "0123456789abcdef"
		return append(b, '\\', 'u', '0', '0', hex[r>>4], hex[r&15])
	}
	return utf8.AppendRune(b, r)
}

func (p *parser) number() {
	start := p.pos
	digits := func() bool {
		n := p.pos
		for c := p.peek(); c >= '0' && c <= '9'; c = p.peek() {
			p.pos++
		}
		return p.pos > n
	}
	if p.peek() == '-' {
		p.pos++
	}
	first := p.pos
	ok := digits() && !(p.src[first] == '0' && p.pos-first > 1)
	if ok && p.peek() == '.' {
		p.pos++
		ok = digits()
	}
	if ok && p.peek()|0x20 == 'e' {
		p.pos++
		if c := p.peek(); c == '+' || c == '-' {
			p.pos++
		}
		ok = digits()
	}
	if !ok {
		p.fail(CodeSyntax, start)
		return
	}
	x, _ := strconv.ParseFloat(string(p.src[start:p.pos]), 64)
	if math.IsInf(x, 0) {
		p.fail(CodeIJSON, start)
		return
	}
	p.out = AppendNumber(p.out, x)
}

// AppendNumber appends a finite x as ECMAScript's Number.prototype.toString
// prints it, which is RFC 8785's form of numbers.
func AppendNumber(b []byte, x float64) []byte {
	if x == 0 {
		return append(b, '0')
	}
	if a := math.Abs(x); a >= 1e-6 && a < 1e21 {
		return strconv.AppendFloat(b, x, 'f', -1, 64)
	}
	b = strconv.AppendFloat(b, x, 'e', -1, 64)
	// Go pads the exponent to two digits; ECMAScript does not.
	if n := len(b); b[n-2] == '0' && (b[n-3] == '-' || b[n-3] == '+') {
		b[n-2] = b[n-1]
		b = b[:n-1]
	}
	return b
}
