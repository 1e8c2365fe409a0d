package regex

import (
	"strconv"
	"unicode/utf8"
)

// Error codes of a pattern; see Error.
const (
	CodeUnclosedGroup = 1  // at the pattern's end
	CodeUnclosedClass = 2  // at the pattern's end
	CodeBadClass      = 3  // bad class escape or range
	CodeSyntax        = 4  // bad escape and every other syntax error
	CodeNothing       = 5  // repetition with nothing to repeat
	CodeBadRepeat     = 6  // malformed counted repetition
	CodeRepeatOrder   = 7  // {m,n} with m > n
	CodeNesting       = 8  // nested too deep
	CodeTooBig        = 9  // compiled program too big
	CodeBadDoc        = 10 // not a compiled pattern of this run
	CodeGroups        = 11 // too many capture groups
)

// Error says what is wrong with a pattern and at which byte of it.
type Error struct {
	Code uint32
	Pos  uint32
}

func (e *Error) Error() string {
	return "regex error " + strconv.Itoa(int(e.Code)) + " at " + strconv.Itoa(int(e.Pos))
}

const (
	maxNesting = 250
	maxGroups  = 32
)

// set is a set of bytes.
type set [4]uint64

func (s *set) add(c byte)      { s[c>>6] |= 1 << (c & 63) }
func (s *set) has(c byte) bool { return s[c>>6]>>(c&63)&1 != 0 }

func (s *set) addRange(lo, hi byte) {
	for c := int(lo); c <= int(hi); c++ {
		s.add(byte(c))
	}
}

func (s set) not() set { return set{^s[0], ^s[1], ^s[2], ^s[3]} }

func (s set) combine(t set, f func(a, b uint64) uint64) set {
	for i := range s {
		s[i] = f(s[i], t[i])
	}
	return s
}

func union(a, b uint64) uint64 { return a | b }

// fold adds the other case of every ASCII letter in s.
func (s set) fold() set {
	for c := byte('a'); c <= 'z'; c++ {
		if s.has(c) || s.has(c-32) {
			s.add(c)
			s.add(c - 32)
		}
	}
	return s
}

// The named classes, ASCII only.
var classes = map[string]string{
	"digit": "09", "space": "\t\r  ", "word": "azAZ09__", "alpha": "azAZ", "alnum": "azAZ09",
	"upper": "AZ", "lower": "az", "punct": "!/:@[`{~", "xdigit": "09afAF", "blank": "\t\t  ",
	"cntrl": "\x00\x1f\x7f\x7f", "graph": "!~", "print": " ~", "ascii": "\x00\x7f",
}

func namedSet(name string) (s set, ok bool) {
	ranges, ok := classes[name]
	for i := 0; i+1 < len(ranges); i += 2 {
		s.addRange(ranges[i], ranges[i+1])
	}
	return s, ok
}

// perlClass is the class of \d \s \w and their negations.
func perlClass(c byte) (set, bool) {
	name := map[byte]string{'d': "digit", 's': "space", 'w': "word"}[c|0x20]
	s, ok := namedSet(name)
	if ok && c < 'a' {
		s = s.not()
	}
	return s, ok
}

type nodeKind uint8

const (
	nEmpty  nodeKind = iota
	nSet             // one byte of set
	nCat             // subs in order
	nAlt             // one of subs, earlier preferred
	nRepeat          // sub min to max times (max < 0: no limit)
	nGroup           // capture number n around sub
	nAssert          // zero-width test
)

type assertion uint8

const (
	aTextStart assertion = iota
	aTextEnd
	aLineStart
	aLineEnd
	aWord
	aNotWord
)

type node struct {
	kind     nodeKind
	set      set
	subs     []*node
	min, max int
	lazy     bool
	n        int
	assert   assertion
}

type flags struct {
	fold, multi, dotNL, swap, space bool
}

type parser struct {
	src    string
	pos    int
	groups int
	names  map[string]bool
	flags  flags
	depth  int
}

// parse turns a pattern into a tree and counts its capture groups.
func parse(pattern []byte, f flags) (n *node, groups int, err *Error) {
	if !utf8.Valid(pattern) {
		return nil, 0, &Error{CodeSyntax, 0}
	}
	p := &parser{src: string(pattern), flags: f, names: map[string]bool{}}
	defer func() {
		if r := recover(); r != nil {
			e, ok := r.(*Error)
			if !ok {
				panic(r)
			}
			n, err = nil, e
		}
	}()
	n = p.alternation()
	if p.pos < len(p.src) { // only an unopened ')' stops alternation early
		p.fail(CodeSyntax, p.pos)
	}
	return n, p.groups, nil
}

// fail leaves the parser; parse recovers it.
func (p *parser) fail(code uint32, at int) { panic(&Error{code, uint32(at)}) }

func (p *parser) more() bool { return p.pos < len(p.src) }

func (p *parser) enter(at int) {
	if p.depth++; p.depth > maxNesting {
		p.fail(CodeNesting, at)
	}
}

func (p *parser) alternation() *node {
	alts := []*node{p.concatenation()}
	for p.more() && p.src[p.pos] == '|' {
		p.pos++
		alts = append(alts, p.concatenation())
	}
	if len(alts) == 1 {
		return alts[0]
	}
	return &node{kind: nAlt, subs: alts}
}

func (p *parser) skipSpace() {
	for p.flags.space && p.more() {
		switch c := p.src[p.pos]; {
		case c == ' ' || c >= '\t' && c <= '\r':
			p.pos++
		case c == '#':
			for p.more() && p.src[p.pos] != '\n' {
				p.pos++
			}
		default:
			return
		}
	}
}

func (p *parser) concatenation() *node {
	cat := &node{kind: nCat}
	repeatable := false
	for {
		p.skipSpace()
		if !p.more() {
			break
		}
		c := p.src[p.pos]
		if c == '|' || c == ')' {
			break
		}
		if c == '*' || c == '+' || c == '?' || c == '{' {
			if !repeatable {
				p.fail(CodeNothing, p.pos)
			}
			last := len(cat.subs) - 1
			cat.subs[last] = p.repetition(cat.subs[last])
			continue
		}
		n := p.atom()
		repeatable = n != nil
		if n != nil {
			cat.subs = append(cat.subs, n)
		}
	}
	switch len(cat.subs) {
	case 0:
		return &node{kind: nEmpty}
	case 1:
		return cat.subs[0]
	}
	return cat
}

func (p *parser) repetition(sub *node) *node {
	at := p.pos
	p.enter(at) // a**** nests as deep as it has operators
	defer func() { p.depth-- }()
	n := &node{kind: nRepeat, subs: []*node{sub}, max: -1}
	c := p.src[p.pos]
	p.pos++
	switch c {
	case '+':
		n.min = 1
	case '?':
		n.max = 1
	case '{':
		n.min = p.count(at)
		n.max = n.min
		if p.more() && p.src[p.pos] == ',' {
			p.pos++
			n.max = -1
			if p.more() && p.src[p.pos] != '}' {
				n.max = p.count(at)
			}
		}
		if !p.more() || p.src[p.pos] != '}' {
			p.fail(CodeBadRepeat, at)
		}
		p.pos++
		if n.max >= 0 && n.min > n.max {
			p.fail(CodeRepeatOrder, at)
		}
	}
	if p.more() && p.src[p.pos] == '?' {
		p.pos++
		n.lazy = true
	}
	if p.flags.swap {
		n.lazy = !n.lazy
	}
	// Deeper operators on one atom would otherwise escape the nesting limit.
	for d, s := 0, sub; s.kind == nRepeat; s = s.subs[0] {
		if d++; d > maxNesting {
			p.fail(CodeNesting, at)
		}
	}
	return n
}

func (p *parser) count(at int) int {
	start, v := p.pos, 0
	for p.more() && p.src[p.pos] >= '0' && p.src[p.pos] <= '9' {
		if v = v*10 + int(p.src[p.pos]-'0'); v > 1<<31 {
			p.fail(CodeBadRepeat, at)
		}
		p.pos++
	}
	if p.pos == start {
		p.fail(CodeBadRepeat, at)
	}
	return v
}

// atom reads one atom; nil for an inline flag group, which matches nothing.
func (p *parser) atom() *node {
	at := p.pos
	switch c := p.src[p.pos]; c {
	case '(':
		return p.group()
	case '[':
		return p.setNode(p.class())
	case '.':
		p.pos++
		s := set{}.not()
		if !p.flags.dotNL {
			s['\n'>>6] &^= 1 << '\n'
		}
		return &node{kind: nSet, set: s}
	case '^':
		p.pos++
		if p.flags.multi {
			return &node{kind: nAssert, assert: aLineStart}
		}
		return &node{kind: nAssert, assert: aTextStart}
	case '$':
		p.pos++
		if p.flags.multi {
			return &node{kind: nAssert, assert: aLineEnd}
		}
		return &node{kind: nAssert, assert: aTextEnd}
	case '\\':
		if at+1 >= len(p.src) {
			p.fail(CodeSyntax, at)
		}
		switch e := p.src[at+1]; e {
		case 'A', 'z', 'b', 'B':
			p.pos += 2
			kind := map[byte]assertion{'A': aTextStart, 'z': aTextEnd, 'b': aWord, 'B': aNotWord}[e]
			return &node{kind: nAssert, assert: kind}
		default:
			if s, ok := perlClass(e); ok {
				p.pos += 2
				return &node{kind: nSet, set: s}
			}
		}
		r, single := p.escape(CodeSyntax)
		return p.literal(r, single)
	}
	r, n := utf8.DecodeRuneInString(p.src[p.pos:])
	p.pos += n
	return p.literal(r, false)
}

func (p *parser) setNode(s set) *node {
	if p.flags.fold {
		s = s.fold()
	}
	return &node{kind: nSet, set: s}
}

// literal matches the UTF-8 of r, or the byte r when single.
func (p *parser) literal(r rune, single bool) *node {
	var buf [utf8.UTFMax]byte
	b := buf[:1]
	if single || r < utf8.RuneSelf {
		b[0] = byte(r)
	} else {
		b = utf8.AppendRune(buf[:0], r)
	}
	cat := &node{kind: nCat}
	for _, c := range b {
		var s set
		s.add(c)
		cat.subs = append(cat.subs, p.setNode(s))
	}
	if len(cat.subs) == 1 {
		return cat.subs[0]
	}
	return cat
}

// escape reads an escaped character; single means one byte (\xHH). A bad
// escape fails with the given code.
func (p *parser) escape(code uint32) (r rune, single bool) {
	at := p.pos
	p.pos++
	if !p.more() {
		p.fail(code, at)
	}
	c := p.src[p.pos]
	p.pos++
	switch c {
	case 'n':
		return '\n', false
	case 't':
		return '\t', false
	case 'r':
		return '\r', false
	case 'f':
		return '\f', false
	case 'v':
		return '\v', false
	case 'a':
		return '\a', false
	case 'x', 'u':
		if p.more() && p.src[p.pos] == '{' {
			end := p.pos + 1
			for end < len(p.src) && p.src[end] != '}' {
				end++
			}
			if end == len(p.src) {
				p.fail(code, at)
			}
			v, err := strconv.ParseUint(p.src[p.pos+1:end], 16, 32)
			if err != nil || !utf8.ValidRune(rune(v)) {
				p.fail(code, at)
			}
			p.pos = end + 1
			return rune(v), false
		}
		n := 2
		if c == 'u' {
			n = 4
		}
		if p.pos+n > len(p.src) {
			p.fail(code, at)
		}
		v, err := strconv.ParseUint(p.src[p.pos:p.pos+n], 16, 32)
		if err != nil || c == 'u' && !utf8.ValidRune(rune(v)) {
			p.fail(code, at)
		}
		p.pos += n
		return rune(v), c == 'x'
	}
	if c < utf8.RuneSelf && !isWord(c) {
		return rune(c), false
	}
	p.fail(code, at)
	return 0, false
}

func isWord(c byte) bool {
	return c == '_' || c >= '0' && c <= '9' || c|0x20 >= 'a' && c|0x20 <= 'z'
}

func (p *parser) group() *node {
	open := p.pos
	p.enter(open)
	saved := p.flags
	p.pos++
	n := &node{kind: nGroup}
	if p.more() && p.src[p.pos] == '?' {
		p.pos++
		named := false
		switch rest := p.src[p.pos:]; {
		case len(rest) > 1 && rest[0] == 'P' && rest[1] == '<':
			p.pos += 2
			named = true
		case len(rest) > 1 && rest[0] == '<' && rest[1] != '=' && rest[1] != '!':
			p.pos++
			named = true
		}
		if named {
			p.name()
		} else if p.flagGroup(open) { // (?flags) applies to the rest of the group
			p.depth--
			return nil
		} else {
			n = nil
		}
	}
	if n != nil {
		if p.groups++; p.groups > maxGroups {
			p.fail(CodeGroups, 0)
		}
		n.n = p.groups
	}
	sub := p.alternation()
	if !p.more() {
		p.fail(CodeUnclosedGroup, len(p.src))
	}
	p.pos++ // ')'
	p.flags = saved
	p.depth--
	if n == nil {
		// A node of its own, so that (?:ab)* repeats all of it.
		return &node{kind: nCat, subs: []*node{sub}}
	}
	n.subs = []*node{sub}
	return n
}

func (p *parser) name() {
	start := p.pos
	for p.more() && p.src[p.pos] != '>' {
		c := p.src[p.pos]
		if !isWord(c) || p.pos == start && c >= '0' && c <= '9' {
			p.fail(CodeSyntax, p.pos)
		}
		p.pos++
	}
	name := p.src[start:p.pos]
	if !p.more() || name == "" || p.names[name] {
		p.fail(CodeSyntax, start)
	}
	p.names[name] = true
	p.pos++
}

// flagGroup reads the flags of (?flags) or (?flags: and reports whether the
// group ended there.
func (p *parser) flagGroup(open int) bool {
	on, any := true, false
	for ; p.more(); p.pos++ {
		switch p.src[p.pos] {
		case 'i':
			p.flags.fold = on
		case 'm':
			p.flags.multi = on
		case 's':
			p.flags.dotNL = on
		case 'U':
			p.flags.swap = on
		case 'x':
			p.flags.space = on
		case 'u':
			if on { // bytes are matched, not characters
				p.fail(CodeSyntax, p.pos)
			}
		case '-':
			if !on {
				p.fail(CodeSyntax, p.pos)
			}
			on = false
			any = false
			continue
		case ':':
			if !on && !any {
				p.fail(CodeSyntax, p.pos)
			}
			p.pos++
			return false
		case ')':
			if !any {
				p.fail(CodeSyntax, p.pos)
			}
			p.pos++
			return true
		default:
			p.fail(CodeSyntax, p.pos)
		}
		any = true
	}
	p.fail(CodeUnclosedGroup, len(p.src))
	return false
}
