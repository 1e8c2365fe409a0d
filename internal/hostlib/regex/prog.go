package regex

// maxProg bounds the instructions of a compiled pattern.
const maxProg = 100_000

type opcode uint8

const (
	opSet    opcode = iota // consume one byte of set; next x
	opSplit                // try x, then y
	opAssert               // zero-width test; next x
	opSave                 // capture slot n; next x
	opMatch
)

type inst struct {
	op     opcode
	assert assertion
	n      int
	x, y   int32
	set    set
}

// prog is a Thompson NFA. Instruction 0 is opMatch.
type prog struct {
	insts []inst
	start int32
}

type compiler struct {
	insts    []inst
	backward bool
	saves    bool
	tooBig   bool
}

// compile builds the NFA of n, which reads the text backward if asked to.
// Captures are kept only when saves is set. ok is false if it is too big.
func compile(n *node, backward, saves bool) (p *prog, ok bool) {
	c := &compiler{backward: backward, saves: saves, insts: []inst{{op: opMatch}}}
	start := c.node(n, 0)
	return &prog{c.insts, start}, !c.tooBig
}

func (c *compiler) emit(i inst) int32 {
	if len(c.insts) >= maxProg {
		c.tooBig = true
		return 0
	}
	c.insts = append(c.insts, i)
	return int32(len(c.insts) - 1)
}

// node emits code for n that goes on at next, and returns where it starts.
func (c *compiler) node(n *node, next int32) int32 {
	if c.tooBig {
		return 0
	}
	switch n.kind {
	case nSet:
		return c.emit(inst{op: opSet, set: n.set, x: next})
	case nAssert:
		return c.emit(inst{op: opAssert, assert: n.assert, x: next})
	case nCat:
		for i := range n.subs {
			sub := n.subs[len(n.subs)-1-i]
			if c.backward {
				sub = n.subs[i]
			}
			next = c.node(sub, next)
		}
		return next
	case nAlt:
		start := c.node(n.subs[len(n.subs)-1], next)
		for i := len(n.subs) - 2; i >= 0; i-- {
			start = c.emit(inst{op: opSplit, x: c.node(n.subs[i], next), y: start})
		}
		return start
	case nGroup:
		if !c.saves {
			return c.node(n.subs[0], next)
		}
		end := c.emit(inst{op: opSave, n: 2*n.n + 1, x: next})
		return c.emit(inst{op: opSave, n: 2 * n.n, x: c.node(n.subs[0], end)})
	case nRepeat:
		return c.repeat(n, next)
	}
	return next // nEmpty
}

func (c *compiler) repeat(n *node, next int32) int32 {
	split := func(body, out int32) inst {
		if n.lazy {
			return inst{op: opSplit, x: out, y: body}
		}
		return inst{op: opSplit, x: body, y: out}
	}
	if n.max < 0 {
		loop := c.emit(inst{op: opSplit})
		body := c.node(n.subs[0], loop)
		if !c.tooBig {
			c.insts[loop] = split(body, next)
		}
		next = loop
	} else {
		out := next
		for i := n.min; i < n.max && !c.tooBig; i++ {
			next = c.emit(split(c.node(n.subs[0], next), out))
		}
	}
	for i := 0; i < n.min && !c.tooBig; i++ {
		before := len(c.insts)
		next = c.node(n.subs[0], next)
		if len(c.insts) == before { // an empty body: more copies are the same
			break
		}
	}
	return next
}
