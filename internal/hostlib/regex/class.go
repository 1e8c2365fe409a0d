package regex

import (
	"strings"
	"unicode/utf8"
)

// class reads a bracketed class; p.pos is at its '['. Set operators bind
// weaker than juxtaposition and associate to the left.
func (p *parser) class() set {
	open := p.pos
	p.enter(open)
	defer func() { p.depth-- }()
	p.pos++
	negated := false
	if p.more() && p.src[p.pos] == '^' {
		negated = true
		p.pos++
	}
	var left, cur set
	var op func(a, b uint64) uint64
	apply := func() {
		if op == nil {
			left = cur
		} else {
			left = left.combine(cur, op)
		}
	}
	first := true
	for ; ; first = false {
		if !p.more() {
			p.fail(CodeUnclosedClass, len(p.src))
		}
		rest := p.src[p.pos:]
		switch {
		case rest[0] == ']' && !first:
			p.pos++
			apply()
			if p.flags.fold {
				left = left.fold()
			}
			if negated {
				left = left.not()
			}
			return left
		case strings.HasPrefix(rest, "[:"):
			if s, n, ok := posixClass(rest); ok {
				cur = cur.combine(s, union)
				p.pos += n
				continue
			}
			cur = cur.combine(p.class(), union)
		case rest[0] == '[':
			cur = cur.combine(p.class(), union)
		case strings.HasPrefix(rest, "&&"):
			apply()
			op, cur = func(a, b uint64) uint64 { return a & b }, set{}
			p.pos += 2
		case strings.HasPrefix(rest, "--") && !first:
			apply()
			op, cur = func(a, b uint64) uint64 { return a &^ b }, set{}
			p.pos += 2
		case strings.HasPrefix(rest, "~~"):
			apply()
			op, cur = func(a, b uint64) uint64 { return a ^ b }, set{}
			p.pos += 2
		default:
			p.classRange(&cur)
		}
	}
}

func posixClass(s string) (set, int, bool) {
	end := strings.Index(s, ":]")
	if end < 0 {
		return set{}, 0, false
	}
	name := s[2:end]
	negated := strings.HasPrefix(name, "^")
	got, ok := namedSet(strings.TrimPrefix(name, "^"))
	if negated {
		got = got.not()
	}
	return got, end + 2, ok
}

// classRange reads one member of a class: a byte, a range, or an escape.
func (p *parser) classRange(s *set) {
	at := p.pos
	if p.src[at] == '\\' && at+1 < len(p.src) {
		if c, ok := perlClass(p.src[at+1]); ok {
			p.pos += 2
			*s = s.combine(c, union)
			return
		}
	}
	lo := p.classByte()
	rest := p.src[p.pos:]
	if len(rest) < 2 || rest[0] != '-' || rest[1] == ']' || rest[1] == '-' {
		s.add(lo)
		return
	}
	p.pos++
	if p.src[p.pos] == '[' {
		p.fail(CodeBadClass, at)
	}
	hi := p.classByte()
	if lo > hi {
		p.fail(CodeBadClass, at)
	}
	s.addRange(lo, hi)
}

// classByte reads one byte of a class. A class is a set of bytes, so a
// character that needs several has no place in one.
func (p *parser) classByte() byte {
	at := p.pos
	if p.src[at] == '\\' {
		if at+1 < len(p.src) && p.src[at+1] == 'b' {
			p.fail(CodeBadClass, at)
		}
		r, single := p.escape(CodeBadClass)
		if !single && r >= utf8.RuneSelf {
			p.fail(CodeBadClass, at)
		}
		return byte(r)
	}
	if p.src[at] >= utf8.RuneSelf {
		p.fail(CodeBadClass, at)
	}
	p.pos++
	return p.src[at]
}
