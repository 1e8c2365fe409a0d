// Package regex is the matcher of regex.*: byte regular expressions whose
// match is the leftmost one and, from there, the longest. Patterns and texts
// are any bytes; time is linear in the text, and a pattern's program, states
// and captures are capped, so hostile patterns cost only their own run.
//
// It is our own because the standard library's matches characters, not bytes,
// reports no error positions, and has no automaton fast enough to scan with.
package regex

import "bytes"

// Option bits of Compile.
const (
	FoldCase  = 1 // ASCII letters match both cases
	MultiLine = 2 // ^ and $ match at line ends
	DotAll    = 4 // . matches LF
)

// Regexp is a compiled pattern. It is not safe for concurrent use: matching
// fills its caches.
type Regexp struct {
	tree   *node
	fwd    *dfa
	bwd    *dfa
	groups int
	prefix []byte
	caps   *prog // nil until captures are asked for
}

// Compile compiles a pattern. The error is an *Error.
func Compile(pattern []byte, opts uint32) (*Regexp, error) {
	n, groups, perr := parse(pattern, flags{fold: opts&FoldCase != 0, multi: opts&MultiLine != 0, dotNL: opts&DotAll != 0})
	if perr != nil {
		return nil, perr
	}
	fwd, ok1 := compile(n, false, false)
	bwd, ok2 := compile(n, true, false)
	if !ok1 || !ok2 {
		return nil, &Error{CodeTooBig, 0}
	}
	return &Regexp{
		tree:   n,
		fwd:    newDFA(fwd, false, false),
		bwd:    newDFA(bwd, true, true),
		groups: groups,
		prefix: literalPrefix(n),
	}, nil
}

// Groups is the number of capture groups, group 0 (the whole match) excluded.
func (r *Regexp) Groups() int { return r.groups }

// Find finds the leftmost-longest match in text[from:]; what stands before
// from is seen by ^ and \b. from must not be larger than len(text).
func (r *Regexp) Find(text []byte, from int) (start, end int, ok bool) {
	var skip func(int) int
	if len(r.prefix) > 0 {
		skip = func(i int) int {
			if n := bytes.Index(text[i:], r.prefix); n >= 0 {
				return i + n
			}
			return -1
		}
	}
	end = r.fwd.forward(text, from, skip)
	if end < 0 {
		return 0, 0, false
	}
	return r.bwd.start(text, from, end), end, true
}

// literalPrefix is the bytes that every match begins with.
func literalPrefix(n *node) []byte {
	b, _ := prefixOf(n, nil)
	return b
}

// prefixOf appends n's certain first bytes; whole reports that n is nothing else.
func prefixOf(n *node, b []byte) (prefix []byte, whole bool) {
	switch n.kind {
	case nEmpty:
		return b, true
	case nSet:
		var only []byte
		for c := 0; c < 256 && len(only) < 2; c++ {
			if n.set.has(byte(c)) {
				only = append(only, byte(c))
			}
		}
		if len(only) != 1 {
			return b, false
		}
		return append(b, only[0]), true
	case nCat:
		for _, s := range n.subs {
			var whole bool
			if b, whole = prefixOf(s, b); !whole {
				return b, false
			}
		}
		return b, true
	case nGroup:
		return prefixOf(n.subs[0], b)
	case nRepeat:
		if n.min == 0 {
			return b, false
		}
		b, whole = prefixOf(n.subs[0], b)
		return b, whole && n.min == 1 && n.max == 1
	}
	return b, false
}

// Captures finds the groups of the match text[start:end], which Find has
// returned: slot 2*i and 2*i+1 are start and end of group i, -1 for a group
// that took no part. Of several ways to match, the first in backtracking
// order is taken.
func (r *Regexp) Captures(text []byte, start, end int) []int {
	if r.caps == nil {
		r.caps, _ = compile(r.tree, false, true)
	}
	return r.caps.run(text, start, end, 2*(r.groups+1))
}

// thread is one way of matching so far.
type thread struct {
	pc   int32
	caps []int
}

// run is a Pike simulation between start and end in priority order.
func (p *prog) run(text []byte, start, end, slots int) []int {
	caps := make([]int, slots)
	for i := range caps {
		caps[i] = -1
	}
	mark := make([]int, len(p.insts))
	var cur, next []thread
	ctx := func(i int) context {
		if i < 0 || i >= len(text) {
			return ctxEdge
		}
		return contextOf(text[i])
	}
	// add follows the empty edges from pc in priority order, keeping its own
	// stack so that long chains of alternatives need none of Go's.
	type frame struct {
		pc      int32
		slot    int // >= 0: restore caps[slot] to old instead of visiting pc
		restore int
	}
	var stack []frame
	add := func(list []thread, pc int32, pos int, caps []int) []thread {
		caps = append([]int(nil), caps...)
		stack = append(stack[:0], frame{pc: pc, slot: -1})
		for len(stack) > 0 {
			f := stack[len(stack)-1]
			stack = stack[:len(stack)-1]
			if f.slot >= 0 {
				caps[f.slot] = f.restore
				continue
			}
			if mark[f.pc] == pos+1 {
				continue
			}
			mark[f.pc] = pos + 1
			switch i := &p.insts[f.pc]; i.op {
			case opSplit:
				stack = append(stack, frame{pc: i.y, slot: -1}, frame{pc: i.x, slot: -1})
			case opSave:
				stack = append(stack, frame{slot: i.n, restore: caps[i.n]}, frame{pc: i.x, slot: -1})
				caps[i.n] = pos
			case opAssert:
				if i.assert.holds(ctx(pos-1), ctx(pos)) {
					stack = append(stack, frame{pc: i.x, slot: -1})
				}
			default:
				list = append(list, thread{f.pc, append([]int(nil), caps...)})
			}
		}
		return list
	}
	cur = add(cur, p.start, start, caps)
	for pos := start; pos < end; pos++ {
		next = next[:0]
		for _, t := range cur {
			if i := &p.insts[t.pc]; i.op == opSet && i.set.has(text[pos]) {
				next = add(next, i.x, pos+1, t.caps)
			}
		}
		cur, next = next, cur
	}
	for _, t := range cur {
		if p.insts[t.pc].op == opMatch {
			t.caps[0], t.caps[1] = start, end
			return t.caps
		}
	}
	caps[0], caps[1] = start, end
	return caps
}
