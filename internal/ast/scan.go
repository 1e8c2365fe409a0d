package ast

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

const (
	// MaxDocumentBytes is the longest document that Parse accepts, in bytes.
	MaxDocumentBytes = 256 << 20
	// maxNesting is how many containers may be open at once.
	maxNesting = 127
)

// syntaxError is a failure of the JSON text itself.
type syntaxError struct {
	msg string
	pos int
}

// at adds the 1-based line and column of the failure, counted in bytes.
func (e *syntaxError) at(s string) string {
	pos := min(e.pos, len(s))
	line := 1 + strings.Count(s[:pos], "\n")
	col := pos - (strings.LastIndexByte(s[:pos], '\n') + 1)
	if pos < len(s) {
		col++
	}
	return fmt.Sprintf("%s at line %d column %d", e.msg, line, col)
}

// checkJSON reports the first place where s is not exactly one JSON value.
// Everything after it may rely on the text being well formed: strings end,
// escapes decode, containers close.
func checkJSON(s string) *syntaxError {
	c := checker{s: s}
	if err := c.value(0); err != nil {
		return err
	}
	c.space()
	if c.pos < len(s) {
		return &syntaxError{"trailing characters", c.pos}
	}
	return nil
}

type checker struct {
	s   string
	pos int
}

func (c *checker) space() { c.pos = skipSpace(c.s, c.pos) }

func (c *checker) fail(msg string) *syntaxError { return &syntaxError{msg, c.pos} }

func (c *checker) value(depth int) *syntaxError {
	c.space()
	if c.pos >= len(c.s) {
		return c.fail("EOF while parsing a value")
	}
	switch ch := c.s[c.pos]; {
	case ch == '{' || ch == '[':
		if depth >= maxNesting {
			return c.fail("recursion limit exceeded")
		}
		c.pos++
		if ch == '{' {
			return c.object(depth + 1)
		}
		return c.array(depth + 1)
	case ch == '"':
		return c.str()
	case ch == '-' || ch >= '0' && ch <= '9':
		return c.number()
	}
	for _, word := range [...]string{"null", "true", "false"} {
		if c.s[c.pos] == word[0] {
			if strings.HasPrefix(c.s[c.pos:], word) {
				c.pos += len(word)
				return nil
			}
			return c.fail("expected ident")
		}
	}
	return c.fail("expected value")
}

func (c *checker) array(depth int) *syntaxError {
	c.space()
	if c.pos < len(c.s) && c.s[c.pos] == ']' {
		c.pos++
		return nil
	}
	for {
		if err := c.value(depth); err != nil {
			return err
		}
		c.space()
		if c.pos >= len(c.s) {
			return c.fail("EOF while parsing a list")
		}
		switch c.s[c.pos] {
		case ',':
			c.pos++
			c.space()
			if c.pos < len(c.s) && c.s[c.pos] == ']' {
				return c.fail("trailing comma")
			}
		case ']':
			c.pos++
			return nil
		default:
			return c.fail("expected `,` or `]`")
		}
	}
}

func (c *checker) object(depth int) *syntaxError {
	c.space()
	if c.pos < len(c.s) && c.s[c.pos] == '}' {
		c.pos++
		return nil
	}
	for {
		c.space()
		if c.pos >= len(c.s) {
			return c.fail("EOF while parsing an object")
		}
		if c.s[c.pos] != '"' {
			if c.s[c.pos] == '}' {
				return c.fail("trailing comma")
			}
			return c.fail("key must be a string")
		}
		if err := c.str(); err != nil {
			return err
		}
		c.space()
		if c.pos >= len(c.s) {
			return c.fail("EOF while parsing an object")
		}
		if c.s[c.pos] != ':' {
			return c.fail("expected `:`")
		}
		c.pos++
		if err := c.value(depth); err != nil {
			return err
		}
		c.space()
		if c.pos >= len(c.s) {
			return c.fail("EOF while parsing an object")
		}
		switch c.s[c.pos] {
		case ',':
			c.pos++
		case '}':
			c.pos++
			return nil
		default:
			return c.fail("expected `,` or `}`")
		}
	}
}

func (c *checker) str() *syntaxError {
	s, i := c.s, c.pos+1
	for i < len(s) {
		switch ch := s[i]; {
		case ch == '"':
			c.pos = i + 1
			return nil
		case ch < 0x20:
			c.pos = i
			return c.fail("control character (\\u0000-\\u001F) found while parsing a string")
		case ch != '\\':
			i++
		default:
			n, msg := checkEscape(s[i:])
			if msg != "" {
				c.pos = i
				return c.fail(msg)
			}
			i += n
		}
	}
	c.pos = i
	return c.fail("EOF while parsing a string")
}

// checkEscape measures the escape sequence that s starts with. A surrogate
// pair counts as one escape; half a pair is an error.
func checkEscape(s string) (n int, msg string) {
	if len(s) < 2 {
		return 0, "EOF while parsing a string"
	}
	switch s[1] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return 2, ""
	case 'u':
	default:
		return 0, "invalid escape"
	}
	r, ok := hex4(s)
	if !ok {
		return 0, "invalid escape"
	}
	if !utf16.IsSurrogate(r) {
		return 6, ""
	}
	if r >= 0xdc00 {
		return 0, "lone trailing surrogate in hex escape"
	}
	low, ok := hex4(s[6:])
	if !ok || utf16.DecodeRune(r, low) == utf8.RuneError {
		return 0, "lone leading surrogate in hex escape"
	}
	return 12, ""
}

// hex4 decodes the unicode escape of four hex digits that s starts with.
func hex4(s string) (rune, bool) {
	if len(s) < 6 || s[0] != '\\' || s[1] != 'u' {
		return 0, false
	}
	var r rune
	for _, ch := range []byte(s[2:6]) {
		switch {
		case ch >= '0' && ch <= '9':
			r = r<<4 | rune(ch-'0')
		case ch|0x20 >= 'a' && ch|0x20 <= 'f':
			r = r<<4 | rune(ch|0x20-'a'+10)
		default:
			return 0, false
		}
	}
	return r, true
}

func (c *checker) number() *syntaxError {
	s, start := c.s, c.pos
	if s[c.pos] == '-' {
		c.pos++
	}
	digits := func() bool {
		from := c.pos
		for c.pos < len(s) && s[c.pos] >= '0' && s[c.pos] <= '9' {
			c.pos++
		}
		return c.pos > from
	}
	bad := func() *syntaxError {
		if c.pos >= len(s) {
			return c.fail("EOF while parsing a value")
		}
		return c.fail("invalid number")
	}
	first := c.pos
	if !digits() || s[first] == '0' && c.pos > first+1 {
		return bad()
	}
	integer := true
	if c.pos < len(s) && s[c.pos] == '.' {
		integer = false
		c.pos++
		if !digits() {
			return bad()
		}
	}
	if c.pos < len(s) && s[c.pos]|0x20 == 'e' {
		integer = false
		c.pos++
		if c.pos < len(s) && (s[c.pos] == '+' || s[c.pos] == '-') {
			c.pos++
		}
		if !digits() {
			return bad()
		}
	}
	// Only a number outside the range of a double is refused here.
	if !integer || c.pos-start > 300 {
		if _, err := strconv.ParseFloat(s[start:c.pos], 64); err != nil {
			return c.fail("number out of range")
		}
	}
	return nil
}

// The functions below walk text that checkJSON has accepted.

func skipSpace(s string, i int) int {
	for i < len(s) {
		switch s[i] {
		case ' ', '\n', '\t', '\r':
			i++
		default:
			return i
		}
	}
	return i
}

// skipString returns the index after the string that starts at i.
func skipString(s string, i int) int {
	for i++; ; i++ {
		switch s[i] {
		case '"':
			return i + 1
		case '\\':
			i++
		}
	}
}

// skipValue returns the index after the value that starts at i.
func skipValue(s string, i int) int {
	switch s[i] {
	case '"':
		return skipString(s, i)
	case '{', '[':
		open := 0
		for {
			switch s[i] {
			case '{', '[':
				open++
			case '}', ']':
				open--
				if open == 0 {
					return i + 1
				}
			case '"':
				i = skipString(s, i)
				continue
			}
			i++
		}
	}
	for i < len(s) {
		switch s[i] {
		case ',', ']', '}', ' ', '\n', '\t', '\r':
			return i
		}
		i++
	}
	return i
}

// decodeString returns the text of the string at i and the index after it.
// Text without escapes shares the memory of s.
func decodeString(s string, i int) (string, int) {
	start := i + 1
	for i = start; s[i] != '"' && s[i] != '\\'; i++ {
	}
	if s[i] == '"' {
		return s[start:i], i + 1
	}
	b := append(make([]byte, 0, 2*(i-start)+16), s[start:i]...)
	for s[i] != '"' {
		if s[i] != '\\' {
			b = append(b, s[i])
			i++
			continue
		}
		switch s[i+1] {
		case 'b':
			b = append(b, '\b')
		case 'f':
			b = append(b, '\f')
		case 'n':
			b = append(b, '\n')
		case 'r':
			b = append(b, '\r')
		case 't':
			b = append(b, '\t')
		case 'u':
			r, _ := hex4(s[i:])
			i += 6
			if utf16.IsSurrogate(r) {
				low, _ := hex4(s[i:])
				r = utf16.DecodeRune(r, low)
				i += 6
			}
			b = utf8.AppendRune(b, r)
			continue
		default:
			b = append(b, s[i+1])
		}
		i += 2
	}
	return string(b), i + 1
}

// field is one member of an object: its key and where its value starts.
type field struct {
	key string
	pos int
}

// scanFields lists the members of the object at i, in source order.
func scanFields(s string, i int, out []field) []field {
	i = skipSpace(s, i+1)
	for s[i] != '}' {
		var f field
		f.key, i = decodeString(s, i)
		i = skipSpace(s, skipSpace(s, i)+1)
		f.pos = i
		out = append(out, f)
		i = skipSpace(s, skipValue(s, i))
		if s[i] == ',' {
			i = skipSpace(s, i+1)
		}
	}
	return out
}

// lookup finds the value of a key, -1 if it is absent; the last one wins.
func lookup(fields []field, key string) int {
	for i := len(fields) - 1; i >= 0; i-- {
		if fields[i].key == key {
			return fields[i].pos
		}
	}
	return -1
}

// scanItems calls visit for every element of the array at i and stops at the
// first error. visit gets the element's index and where it starts.
func scanItems(s string, i int, visit func(n, pos int) error) error {
	i = skipSpace(s, i+1)
	for n := 0; s[i] != ']'; n++ {
		if err := visit(n, i); err != nil {
			return err
		}
		i = skipSpace(s, skipValue(s, i))
		if s[i] == ',' {
			i = skipSpace(s, i+1)
		}
	}
	return nil
}
