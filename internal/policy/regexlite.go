package policy

import (
	"errors"
	"strings"
)

// A pattern is a compiled allow_args_regex_lite item. It matches a whole
// argument, byte by byte: "." is any byte, "\x" is x, "*" repeats what stands
// before it, everything else is itself. Matching takes time proportional to
// pattern times argument, whatever they are.
type pattern struct {
	tokens []token
}

type token struct {
	lit  byte
	any  bool
	many bool
}

const maxTokens = 256

var (
	errPatternSemicolon = errors.New("pattern must not contain ';'")
	errPatternEmpty     = errors.New("pattern must be non-empty")
	errPatternRepeat    = errors.New("pattern has '*' with nothing to repeat")
	errPatternTrailing  = errors.New(`pattern has trailing '\\'`)
	errPatternLong      = errors.New("pattern is too long (max 256 elements)")
)

func compilePattern(text string) (pattern, error) {
	if strings.IndexByte(text, ';') >= 0 {
		return pattern{}, errPatternSemicolon
	}
	if text == "" {
		return pattern{}, errPatternEmpty
	}
	var p pattern
	for i := 0; i < len(text); i++ {
		switch c := text[i]; c {
		case '*':
			if len(p.tokens) == 0 || p.tokens[len(p.tokens)-1].many {
				return pattern{}, errPatternRepeat
			}
			p.tokens[len(p.tokens)-1].many = true
		case '\\':
			i++
			if i == len(text) {
				return pattern{}, errPatternTrailing
			}
			p.tokens = append(p.tokens, token{lit: text[i]})
		default:
			p.tokens = append(p.tokens, token{lit: c, any: c == '.'})
		}
	}
	if len(p.tokens) > maxTokens {
		return pattern{}, errPatternLong
	}
	return p, nil
}

// match runs the pattern as a set of states: state i means that the first i
// tokens are matched.
func (p *pattern) match(arg string) bool {
	var a, b [maxTokens + 1]bool
	now, next := &a, &b
	n := len(p.tokens)
	now[0] = true
	p.skip(now)
	for i := 0; i < len(arg); i++ {
		alive := false
		clear(next[:n+1])
		for s, t := range p.tokens {
			if !now[s] || !t.any && t.lit != arg[i] {
				continue
			}
			alive = true
			if t.many {
				next[s] = true
			} else {
				next[s+1] = true
			}
		}
		if !alive {
			return false
		}
		p.skip(next)
		now, next = next, now
	}
	return now[n]
}

// skip adds the states that are reached by repeating nothing.
func (p *pattern) skip(states *[maxTokens + 1]bool) {
	for s, t := range p.tokens {
		if states[s] && t.many {
			states[s+1] = true
		}
	}
}
