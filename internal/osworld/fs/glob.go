package fs

import (
	"errors"
	"unicode/utf8"
)

// glob is a compiled pattern of the walk, matched against a whole relative path,
// byte by byte. It is a small automaton: matching takes time proportional to
// pattern times path, whatever the pattern.
type glob struct {
	code []globInst
}

// globInst is one instruction of the automaton. A globSplit goes on at both x
// and y, every other one at the next instruction.
type globInst struct {
	op   globOp
	lit  byte
	set  *[256]bool
	x, y int
}

type globOp uint8

const (
	globByte  globOp = iota // exactly lit
	globAny                 // one byte
	globSet                 // one byte of set
	globSplit               // nothing; both ways
	globMatch               // the end
)

var errGlob = errors.New("malformed glob")

// maxGlobBytes bounds a pattern; maxGlobNesting the depth of its groups.
const (
	maxGlobBytes   = 1 << 16
	maxGlobNesting = 64
)

// compileGlob compiles a pattern, which must be UTF-8.
func compileGlob(text []byte) (*glob, error) {
	if !utf8.Valid(text) || len(text) > maxGlobBytes {
		return nil, errGlob
	}
	p := globParser{text: text}
	if err := p.sequence(0); err != nil {
		return nil, err
	}
	p.emit(globInst{op: globMatch})
	return &glob{code: p.code}, nil
}

type globParser struct {
	text []byte
	at   int
	code []globInst
	// last is what the current sequence ends with.
	last globLast
}

// globLast says how a sequence ends, as far as "**" cares.
type globLast uint8

const (
	lastOther globLast = iota
	lastNothing
	lastSlash // a literal "/", the instruction emitted last
	lastDirs  // "**/", after which another one adds nothing
)

func (p *globParser) emit(i globInst) int {
	p.code = append(p.code, i)
	return len(p.code) - 1
}

// run emits any run of bytes.
func (p *globParser) run() {
	split := p.emit(globInst{op: globSplit})
	p.emit(globInst{op: globAny})
	back := p.emit(globInst{op: globSplit, x: split, y: split})
	p.code[split].x, p.code[split].y = split+1, back+1
}

// optional emits a choice between what body emits and nothing.
func (p *globParser) optional(body func()) {
	split := p.emit(globInst{op: globSplit})
	body()
	p.code[split].x, p.code[split].y = split+1, len(p.code)
}

// sequence parses up to the end of the pattern at level 0, and up to the "," or
// "}" that ends an alternative above it.
func (p *globParser) sequence(level int) error {
	p.last = lastNothing
	for p.at < len(p.text) {
		c := p.text[p.at]
		if level > 0 && (c == ',' || c == '}') {
			return nil
		}
		p.at++
		last := lastOther
		switch c {
		case '?':
			p.emit(globInst{op: globAny})
		case '*':
			last = p.star(level)
		case '[':
			if err := p.class(); err != nil {
				return err
			}
		case '{':
			if err := p.group(level + 1); err != nil {
				return err
			}
		case '}':
			return errGlob
		case '\\':
			if p.at == len(p.text) {
				return errGlob
			}
			c = p.text[p.at]
			p.at++
			fallthrough
		default:
			p.emit(globInst{op: globByte, lit: c})
			if c == '/' {
				last = lastSlash
			}
		}
		p.last = last
	}
	if level > 0 {
		return errGlob
	}
	return nil
}

// group parses alternatives after "{". Empty ones are dropped; a group of
// nothing but empty ones is nothing.
func (p *globParser) group(level int) error {
	if level > maxGlobNesting {
		return errGlob
	}
	var exits []int
	for {
		split := p.emit(globInst{op: globSplit})
		start := p.at
		if err := p.sequence(level); err != nil {
			return err
		}
		empty := p.at == start
		if empty {
			p.code = p.code[:split]
		} else {
			exits = append(exits, p.emit(globInst{op: globSplit}))
			p.code[split].x, p.code[split].y = split+1, len(p.code)
		}
		end := p.text[p.at]
		p.at++
		if end == '}' {
			break
		}
	}
	if len(exits) > 0 {
		// No alternative is left to try after the last one.
		dead := p.emit(globInst{op: globSet, set: new([256]bool)})
		for _, e := range exits {
			p.code[e].x, p.code[e].y = dead+1, dead+1
		}
	}
	return nil
}

// star parses what follows a "*". Two stars mean more than one only where they
// fill a path segment; anywhere else they are one.
func (p *globParser) star(level int) globLast {
	if p.at == len(p.text) || p.text[p.at] != '*' {
		p.run()
		return lastOther
	}
	p.at++
	slashNext := p.at < len(p.text) && p.text[p.at] == '/'
	atEnd := p.at == len(p.text) || level > 0 && (p.text[p.at] == '}' || p.text[p.at] == ',')
	slash := globInst{op: globByte, lit: '/'}
	switch {
	case p.last == lastNothing && slashNext: // "**/" at the start
		p.at++
		p.optional(func() { p.optional(p.run); p.emit(slash) })
		return lastDirs
	case p.last == lastSlash && slashNext: // "/**/"
		p.at++
		p.optional(func() { p.run(); p.emit(slash) })
		return lastDirs
	case p.last == lastDirs && slashNext: // "**/**/" is "**/"
		p.at++
		return lastDirs
	case p.last == lastSlash && atEnd, p.last == lastDirs && atEnd: // "/**" at the end
		p.run()
		return lastOther
	}
	p.run()
	return lastOther
}

// class parses a bracket expression after its "[".
func (p *globParser) class() error {
	set := new([256]bool)
	negate := p.at < len(p.text) && (p.text[p.at] == '!' || p.text[p.at] == '^')
	if negate {
		p.at++
	}
	for first := true; ; first = false {
		if p.at >= len(p.text) {
			return errGlob
		}
		lo := p.text[p.at]
		p.at++
		if lo == ']' && !first {
			break
		}
		hi := lo
		if p.at+1 < len(p.text) && p.text[p.at] == '-' && p.text[p.at+1] != ']' {
			hi = p.text[p.at+1]
			p.at += 2
		}
		if hi < lo {
			return errGlob
		}
		for b := int(lo); b <= int(hi); b++ {
			set[b] = true
		}
	}
	if negate {
		for b := range set {
			set[b] = !set[b]
		}
	}
	p.emit(globInst{op: globSet, set: set})
	return nil
}

// match reports whether the whole of path matches.
func (g *glob) match(path string) bool {
	now, next := newStates(len(g.code)), newStates(len(g.code))
	now.add(g.code, 0)
	for i := 0; i < len(path) && len(now.list) > 0; i++ {
		c := path[i]
		for _, s := range now.list {
			inst := &g.code[s]
			if inst.op == globAny || inst.op == globByte && inst.lit == c || inst.op == globSet && inst.set[c] {
				next.add(g.code, s+1)
			}
		}
		now, next = next, now
		next.reset()
	}
	return now.has[len(g.code)-1]
}

// states is the set of instructions that an automaton is at.
type states struct {
	has   []bool
	list  []int
	stack []int
}

func newStates(n int) *states { return &states{has: make([]bool, n)} }

func (s *states) reset() {
	clear(s.has)
	s.list = s.list[:0]
}

// add adds an instruction and everything that splits reach from it.
func (s *states) add(code []globInst, at int) {
	s.stack = append(s.stack[:0], at)
	for len(s.stack) > 0 {
		at := s.stack[len(s.stack)-1]
		s.stack = s.stack[:len(s.stack)-1]
		if s.has[at] {
			continue
		}
		s.has[at] = true
		if inst := code[at]; inst.op == globSplit {
			s.stack = append(s.stack, inst.y, inst.x)
		} else {
			s.list = append(s.list, at)
		}
	}
}
