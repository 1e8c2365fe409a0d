package regex

import (
	"encoding/binary"
	"slices"
)

// A context is what an assertion needs to know of a neighbouring byte.
type context uint8

const (
	ctxEdge context = iota // beginning or end of the text
	ctxNewline
	ctxWord
	ctxOther
)

func contextOf(c byte) context {
	switch {
	case c == '\n':
		return ctxNewline
	case isWord(c):
		return ctxWord
	}
	return ctxOther
}

// holds reports whether a is true between two neighbours.
func (a assertion) holds(left, right context) bool {
	switch a {
	case aTextStart:
		return left == ctxEdge
	case aTextEnd:
		return right == ctxEdge
	case aLineStart:
		return left == ctxEdge || left == ctxNewline
	case aLineEnd:
		return right == ctxEdge || right == ctxNewline
	case aWord:
		return (left == ctxWord) != (right == ctxWord)
	}
	return (left == ctxWord) == (right == ctxWord)
}

// dfa runs a prog as a deterministic automaton whose states are built when
// they are first reached. A match is leftmost, then longest.
//
// A state is a list of groups of instructions that wait for the next byte.
// Each group holds the threads of one start position, earlier ones first, so
// that a match in one group silences the groups behind it. Assertions are
// decided when the byte after them is known: a transition first follows the
// empty edges (with the byte before and the byte after in hand), notes a match
// that ends before the byte, and only then consumes it.
type dfa struct {
	prog     *prog
	anchored bool // threads start at the first position only
	backward bool

	classOf [256]uint8
	sample  []byte // one byte of each class
	edge    int    // the symbol after the last class: the end of the text

	states map[string]int32
	list   []dfaState
	event  []bool  // per state: forward must look at it (it matches, is dead, or may skip)
	next   []int32 // list index*stride + symbol -> state, 0 = not built yet
	stride int

	// scratch of build
	mark  []uint32
	epoch uint32
	stack []int32
}

type dfaState struct {
	insts  []int32 // groups of opSet and unexpanded instructions, separated by sep
	prev   context
	seek   bool // new start positions are still added
	match  bool // a match ended just before the byte that led here
	isDead bool
}

const (
	sep       = -1
	maxStates = 4096
)

func newDFA(p *prog, anchored, backward bool) *dfa {
	d := &dfa{prog: p, anchored: anchored, backward: backward, mark: make([]uint32, len(p.insts))}
	d.buildClasses()
	d.stride = d.edge + 1
	d.reset()
	return d
}

// buildClasses partitions the bytes so that no instruction tells two of a class apart.
func (d *dfa) buildClasses() {
	sets := map[set]bool{}
	for _, i := range d.prog.insts {
		switch i.op {
		case opSet:
			sets[i.set] = true
		case opAssert:
			var nl set
			nl.add('\n')
			word, _ := namedSet("word")
			sets[nl], sets[word] = true, true
		}
	}
	classes := map[string]uint8{}
	keys := make([]set, 0, len(sets))
	for s := range sets {
		keys = append(keys, s)
	}
	sig := make([]byte, (len(keys)+7)/8)
	for c := 0; c < 256; c++ {
		clear(sig)
		for i, s := range keys {
			if s.has(byte(c)) {
				sig[i/8] |= 1 << (i % 8)
			}
		}
		n, ok := classes[string(sig)]
		if !ok {
			n = uint8(len(classes))
			classes[string(sig)] = n
			d.sample = append(d.sample, byte(c))
		}
		d.classOf[c] = n
	}
	d.edge = len(d.sample)
}

func (d *dfa) reset() {
	d.states = map[string]int32{}
	d.list = d.list[:0]
	d.event = d.event[:0]
	d.next = d.next[:0]
	d.intern(dfaState{isDead: true, insts: nil}) // index 0 means "not built" in next
}

// intern finds or adds a state.
func (d *dfa) intern(s dfaState) int32 {
	key := make([]byte, 0, 4*len(s.insts)+4)
	b := byte(s.prev)
	for i, f := range []bool{s.seek, s.match, s.isDead} {
		if f {
			b |= 4 << i
		}
	}
	key = append(key, b)
	for _, i := range s.insts {
		key = binary.LittleEndian.AppendUint32(key, uint32(i))
	}
	if id, ok := d.states[string(key)]; ok {
		return id
	}
	s.insts = slices.Clone(s.insts)
	id := int32(len(d.list))
	d.list = append(d.list, s)
	d.event = append(d.event, s.match || s.isDead || s.seek && len(s.insts) == 0)
	d.next = append(d.next, make([]int32, d.stride)...)
	d.states[string(key)] = id
	return id
}

// initial is the state before the first byte, which follows prev.
func (d *dfa) initial(prev context) int32 {
	s := dfaState{prev: prev, seek: !d.anchored}
	if d.anchored {
		s.insts = []int32{d.prog.start}
	}
	return d.intern(s)
}

// step is the transition of state id on symbol sym; id may be renumbered when
// the cache is emptied, but the returned state is valid.
func (d *dfa) step(id int32, sym int) int32 {
	if n := d.next[int(id)*d.stride+sym]; n != 0 {
		return n
	}
	s := d.build(d.list[id], sym)
	if len(d.list) >= maxStates {
		d.reset()
		return d.intern(s)
	}
	n := d.intern(s)
	d.next[int(id)*d.stride+sym] = n
	return n
}

func (d *dfa) build(s dfaState, sym int) dfaState {
	right := ctxEdge
	var c byte
	if sym < d.edge {
		c = d.sample[sym]
		right = contextOf(c)
	}
	left := s.prev
	if d.backward {
		left, right = right, left
	}
	out := dfaState{prev: ctxEdge, seek: s.seek}
	if sym < d.edge {
		out.prev = contextOf(c)
	}
	closed := [][]int32{}
	d.epoch++
	groups := s.insts
	for len(groups) > 0 && !out.match {
		n := slices.Index(groups, sep)
		var g []int32
		if n < 0 {
			g, groups = groups, nil
		} else {
			g, groups = groups[:n], groups[n+1:]
		}
		closed = append(closed, d.close(g, left, right, &out.match))
	}
	if s.seek && !out.match {
		closed = append(closed, d.close([]int32{d.prog.start}, left, right, &out.match))
	}
	if out.match {
		out.seek = false // later starts lose
	}
	if sym == d.edge {
		out.seek = false
		return d.finish(out, nil)
	}
	// Consume the byte.
	d.epoch++
	var insts []int32
	for _, g := range closed {
		from := len(insts)
		for _, pc := range g {
			i := &d.prog.insts[pc]
			if i.set.has(c) && d.mark[i.x] != d.epoch {
				d.mark[i.x] = d.epoch
				insts = append(insts, i.x)
			}
		}
		if len(insts) > from {
			slices.Sort(insts[from:])
			insts = append(insts, sep)
		}
	}
	if len(insts) > 0 {
		insts = insts[:len(insts)-1]
	}
	return d.finish(out, insts)
}

func (d *dfa) finish(s dfaState, insts []int32) dfaState {
	s.insts = insts
	s.isDead = len(insts) == 0 && !s.seek
	return s
}

// close follows the empty edges of g and returns the opSet instructions
// reached; instructions that an earlier group has are left out.
func (d *dfa) close(g []int32, left, right context, match *bool) []int32 {
	var out []int32
	stack := append(d.stack[:0], g...)
	for len(stack) > 0 {
		pc := stack[len(stack)-1]
		stack = stack[:len(stack)-1]
		if d.mark[pc] == d.epoch {
			continue
		}
		d.mark[pc] = d.epoch
		switch i := &d.prog.insts[pc]; i.op {
		case opSet:
			out = append(out, pc)
		case opSplit:
			stack = append(stack, i.x, i.y)
		case opSave:
			stack = append(stack, i.x)
		case opAssert:
			if i.assert.holds(left, right) {
				stack = append(stack, i.x)
			}
		case opMatch:
			*match = true
		}
	}
	d.stack = stack
	return out
}

// forward finds the end of the leftmost-longest match in text[from:], -1 if
// there is none. skip, when not nil, jumps from a position where no match has
// begun to the next one where it could.
func (d *dfa) forward(text []byte, from int, skip func(from int) int) int {
	prev := ctxEdge
	if from > 0 {
		prev = contextOf(text[from-1])
	}
	end := -1
	id := d.initial(prev)
	for i := from; ; i++ {
		if d.event[id] {
			s := &d.list[id]
			if s.match {
				end = i - 1
			}
			if s.isDead {
				return end
			}
			if skip != nil && s.seek && len(s.insts) == 0 {
				j := skip(i)
				if j < 0 {
					return end
				}
				if j > i {
					i = j
					id = d.initial(contextOf(text[i-1]))
				}
			}
		}
		if i >= len(text) {
			break
		}
		n := d.next[int(id)*d.stride+int(d.classOf[text[i]])]
		if n == 0 {
			n = d.step(id, int(d.classOf[text[i]]))
		}
		id = n
	}
	if d.list[d.step(id, d.edge)].match {
		end = len(text)
	}
	return end
}

// start finds the smallest start at or after floor of a match that ends at end.
// d reads backward and is anchored.
func (d *dfa) start(text []byte, floor, end int) int {
	prev := ctxEdge
	if end < len(text) {
		prev = contextOf(text[end])
	}
	start := -1
	id := d.initial(prev)
	for i := end; ; i-- {
		sym := d.edge
		if i > 0 {
			sym = int(d.classOf[text[i-1]])
		}
		id = d.step(id, sym)
		if d.list[id].match {
			start = i
		}
		if i <= floor || d.list[id].isDead {
			return start
		}
	}
}
