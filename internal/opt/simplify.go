package opt

import (
	"x07/internal/ir"
	"x07/internal/types"
)

// simplify removes what certainly has no effect: drops of locals that hold the
// zero value, temporaries that are taken right after they were set, values
// that are computed and not used, operators and conditions on constants,
// sequences within sequences.
//
// It walks a function in evaluation order and knows of every local whether it
// certainly holds the zero value. The branches of an if start from the same
// knowledge and what both agree on remains. A loop body starts without what
// any iteration sets; behind a label nothing is known that is set within.
// Charges for fuel stay, moved to the next node that is evaluated, except that
// folding costs what the language says it costs.
func simplify(f *ir.Func) {
	s := &simplifier{
		f:    f,
		zero: make([]bool, len(f.Locals)),
		uses: make([]int32, len(f.Locals)),
		sets: make([]int32, len(f.Locals)),
		addr: make([]bool, len(f.Locals)),
	}
	eachExpr(f.Body, func(e *ir.Expr) {
		switch e.Op {
		case ir.OpSet, ir.OpFor:
			s.sets[e.Local]++
		case ir.OpAddrOf:
			s.addr[e.Local] = true
			s.uses[e.Local]++
		case ir.OpGet, ir.OpTake, ir.OpDrop:
			s.uses[e.Local]++
		case ir.OpBreak:
			if s.breaks == nil {
				s.breaks = make(map[ir.LabelID]bool)
			}
			s.breaks[e.Label] = true
		}
	})
	for i := f.NumParams; i < len(s.zero); i++ {
		s.zero[i] = !s.addr[i]
	}
	typ := f.Body.Type
	pos := f.Body.Pos
	f.Body = s.walk(f.Body)
	if f.Body.Type != typ {
		f.Body = &ir.Expr{Op: ir.OpSeq, Type: typ, Args: []*ir.Expr{f.Body}}
	}
	if f.Body.Pos == 0 {
		f.Body.Pos = pos
	}
}

type simplifier struct {
	f          *ir.Func
	zero       []bool // the local certainly holds the zero value
	uses, sets []int32
	addr       []bool // its address is taken, so nothing is ever known
	breaks     map[ir.LabelID]bool
	trail      []zeroChange // what zero was, while a branch is open
	open       int
}

type zeroChange struct {
	local ir.LocalID
	was   bool
}

func (s *simplifier) know(l ir.LocalID, zero bool) {
	zero = zero && !s.addr[l]
	if s.zero[l] == zero {
		return
	}
	if s.open > 0 {
		s.trail = append(s.trail, zeroChange{l, s.zero[l]})
	}
	s.zero[l] = zero
}

// branch walks e and takes back what it learnt: the changes as they ended.
func (s *simplifier) branch(e *ir.Expr) (*ir.Expr, []zeroChange) {
	s.open++
	mark := len(s.trail)
	e = s.walk(e)
	var ended []zeroChange
	for i := len(s.trail) - 1; i >= mark; i-- {
		c := s.trail[i]
		ended = append(ended, zeroChange{c.local, s.zero[c.local]})
	}
	for i := len(s.trail) - 1; i >= mark; i-- {
		s.zero[s.trail[i].local] = s.trail[i].was
	}
	s.trail = s.trail[:mark]
	s.open--
	return e, ended
}

// forget drops what is known of the locals that e sets.
func (s *simplifier) forget(e *ir.Expr) {
	eachExpr(e, func(e *ir.Expr) {
		if e.Op == ir.OpSet || e.Op == ir.OpFor {
			s.know(e.Local, false)
		}
	})
}

func nothing(fuel uint32) *ir.Expr {
	return &ir.Expr{Op: ir.OpSeq, Type: types.Invalid, Fuel: fuel}
}

func isNothing(e *ir.Expr) bool {
	return e.Op == ir.OpSeq && len(e.Args) == 0 && e.Type == types.Invalid
}

// walk simplifies e and returns what takes its place.
func (s *simplifier) walk(e *ir.Expr) *ir.Expr {
	switch e.Op {
	case ir.OpSeq:
		return s.seq(e)
	case ir.OpIf:
		return s.cond(e)
	case ir.OpFor:
		e.Args[0] = s.walk(e.Args[0])
		e.Args[1] = s.walk(e.Args[1])
		s.know(e.Local, false)
		s.forget(e.Args[2])
		e.Args[2], _ = s.branch(e.Args[2])
		return e
	case ir.OpLabeled:
		if !s.breaks[e.Label] && e.Args[0].Type == e.Type {
			body := s.walk(e.Args[0])
			body.Fuel += e.Fuel
			return body
		}
		e.Args[0], _ = s.branch(e.Args[0])
		s.forget(e.Args[0])
		return e
	}
	for i, a := range e.Args {
		e.Args[i] = s.walk(a)
	}
	switch e.Op {
	case ir.OpSet:
		v := e.Args[0]
		s.know(e.Local, v.Op == ir.OpZero)
		if v.Op == ir.OpSeq && len(v.Args) > 1 {
			// Set where the value is made, so that its neighbours see it.
			last := len(v.Args) - 1
			if v.Args[last].Type == v.Type {
				e.Args[0] = v.Args[last]
				v.Args[last] = e
				v.Type = types.Invalid
				v.Fuel, e.Fuel = v.Fuel+e.Fuel, 0
				return v
			}
		}
	case ir.OpTake:
		s.know(e.Local, true)
	case ir.OpDrop:
		if s.zero[e.Local] {
			s.uses[e.Local]--
			return nothing(e.Fuel)
		}
		s.know(e.Local, true)
	case ir.OpDo:
		switch v := e.Args[0]; v.Op {
		case ir.OpConst, ir.OpZero, ir.OpInput, ir.OpGet:
			if v.Op == ir.OpGet {
				s.uses[v.Local]--
			}
			return nothing(e.Fuel + v.Fuel)
		}
	case ir.OpBin:
		return fold(e)
	}
	return e
}

// seq simplifies a sequence.
func (s *simplifier) seq(e *ir.Expr) *ir.Expr {
	out := make([]*ir.Expr, 0, len(e.Args))
	fuel := e.Fuel // charged by what comes next
	for i, a := range e.Args {
		last := i == len(e.Args)-1
		a = s.walk(a)
		a.Fuel += fuel
		fuel = 0
		if isNothing(a) {
			fuel = a.Fuel
			continue
		}
		if a.Op == ir.OpSeq && (a.Type == types.Invalid || last) {
			a.Args[0].Fuel += a.Fuel
			for _, inner := range a.Args {
				out = s.add(out, inner)
			}
			continue
		}
		out = s.add(out, a)
	}
	if fuel > 0 {
		// Nothing follows that could carry the charge.
		out = append(out, nothing(fuel))
	}
	e.Fuel = 0
	if len(out) == 1 && (out[0].Type == e.Type) {
		return out[0]
	}
	if len(out) == 0 {
		return nothing(0)
	}
	e.Args = out
	return e
}

// add appends e to a sequence. A temporary that the previous item sets and e
// takes, and nothing else mentions, is left out.
func (s *simplifier) add(out []*ir.Expr, e *ir.Expr) []*ir.Expr {
	if len(out) == 0 || out[len(out)-1].Op != ir.OpSet {
		return append(out, e)
	}
	prev := out[len(out)-1]
	read := e
	if e.Op == ir.OpSet {
		read = e.Args[0]
	}
	r := prev.Local
	if read.Op != ir.OpTake && read.Op != ir.OpGet || read.Local != r ||
		s.uses[r] != 1 || s.sets[r] != 1 || int(r) < s.f.NumParams {
		return append(out, e)
	}
	s.uses[r], s.sets[r] = 0, 0
	v := prev.Args[0]
	if e.Op != ir.OpSet {
		v.Fuel += prev.Fuel + e.Fuel
		out[len(out)-1] = v
		return out
	}
	e.Fuel += prev.Fuel + read.Fuel
	e.Args[0] = v
	out[len(out)-1] = e
	return out
}

// cond simplifies an if.
func (s *simplifier) cond(e *ir.Expr) *ir.Expr {
	c := s.walk(e.Args[0])
	e.Args[0] = c
	if c.Op == ir.OpConst {
		chosen := e.Args[2]
		if int32(c.Imm) != 0 {
			chosen = e.Args[1]
		}
		t := e.Type
		chosen = s.walk(chosen)
		if chosen.Type != t {
			chosen = &ir.Expr{Op: ir.OpSeq, Type: t, Args: []*ir.Expr{chosen}}
		}
		return chosen
	}
	a, ca := s.branch(e.Args[1])
	b, cb := s.branch(e.Args[2])
	e.Args[1], e.Args[2] = a, b
	switch {
	case a.Type == types.Never:
		s.apply(cb)
	case b.Type == types.Never:
		s.apply(ca)
	default:
		s.agree(ca, cb)
	}
	return e
}

// apply makes the changes of the only branch that goes on.
func (s *simplifier) apply(cs []zeroChange) {
	for _, c := range cs {
		s.know(c.local, c.was)
	}
}

// agree keeps what holds at the end of both branches.
func (s *simplifier) agree(a, b []zeroChange) {
	if len(a)+len(b) == 0 {
		return
	}
	endA, endB := ends(a), ends(b)
	for _, c := range a {
		other, changed := endB[c.local]
		if !changed {
			other = s.zero[c.local]
		}
		if !(c.was && other) {
			s.know(c.local, false)
		} else if changed {
			s.know(c.local, true)
		}
	}
	for _, c := range b {
		if _, both := endA[c.local]; !both && !c.was {
			s.know(c.local, false)
		}
	}
}

func ends(cs []zeroChange) map[ir.LocalID]bool {
	m := make(map[ir.LocalID]bool, len(cs))
	for _, c := range cs {
		m[c.local] = c.was
	}
	return m
}

// folded are the operators whose folding the language describes: the result
// costs what a literal costs. Others cost what they would have.
var folded = [...]bool{
	ir.Add: true, ir.Sub: true, ir.Mul: true, ir.DivU: true, ir.RemU: true,
	ir.Eq: true, ir.LtU: true, ir.GeU: true,
}

// fold computes an operator on constants.
func fold(e *ir.Expr) *ir.Expr {
	a, b := e.Args[0], e.Args[1]
	if a.Op != ir.OpConst || b.Op != ir.OpConst {
		return e
	}
	fuel := e.Fuel
	if int(e.Bin) >= len(folded) || !folded[e.Bin] {
		fuel += a.Fuel + b.Fuel
	}
	return &ir.Expr{Op: ir.OpConst, Type: types.I32, Fuel: fuel, Pos: e.Pos,
		Imm: int64(compute(e.Bin, int32(a.Imm), int32(b.Imm)))}
}

func compute(op ir.Bin, a, b int32) int32 {
	x, y := uint32(a), uint32(b)
	truth := func(v bool) int32 {
		if v {
			return 1
		}
		return 0
	}
	switch op {
	case ir.Add:
		return a + b
	case ir.Sub:
		return a - b
	case ir.Mul:
		return a * b
	case ir.DivU:
		if y == 0 {
			return 0
		}
		return int32(x / y)
	case ir.RemU:
		if y == 0 {
			return a
		}
		return int32(x % y)
	case ir.And:
		return a & b
	case ir.Or:
		return a | b
	case ir.Xor:
		return a ^ b
	case ir.Shl:
		return int32(x << (y & 31))
	case ir.ShrU:
		return int32(x >> (y & 31))
	case ir.Eq:
		return truth(a == b)
	case ir.Ne:
		return truth(a != b)
	case ir.LtS:
		return truth(a < b)
	case ir.LeS:
		return truth(a <= b)
	case ir.GtS:
		return truth(a > b)
	case ir.GeS:
		return truth(a >= b)
	case ir.LtU:
		return truth(x < y)
	case ir.LeU:
		return truth(x <= y)
	case ir.GtU:
		return truth(x > y)
	}
	return truth(x >= y)
}
