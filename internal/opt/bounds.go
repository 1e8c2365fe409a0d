package opt

import (
	"slices"

	"x07/internal/ir"
	"x07/internal/types"
)

// bounds marks accesses whose index is certainly in bounds: Imm of the builtin
// becomes 1, and the code generator leaves the check out.
//
// The pass walks a function in evaluation order with a set of facts. A fact
// says that local i is less than the length of local v, unsigned; another kind
// says that local n holds that length. Conditions and loop headers make facts;
// assignments end those about what they assign. A loop body starts with the
// facts about locals that no iteration assigns. Writing a byte into a buffer
// in place does not change its length, so `v = set_u8(v, …)` keeps facts
// about v.
func bounds(f *ir.Func) {
	b := &boundsPass{f: f}
	b.walk(f.Body)
}

// maxFacts bounds the facts that are carried along; older ones are forgotten.
const maxFacts = 64

type fact struct {
	kind factKind
	a, v ir.LocalID
}

type factKind uint8

const (
	factBelow factKind = iota // a < length of v
	factLen                   // a = length of v
)

type boundsPass struct {
	f     *ir.Func
	facts []fact
	// breaks are the facts that hold at all breaks seen so far to a label.
	breaks map[ir.LabelID][]fact
}

// common keeps the facts of a that are also in b.
func common(a, b []fact) []fact {
	return slices.DeleteFunc(a, func(f fact) bool { return !slices.Contains(b, f) })
}

// accesses are the builtins that read or write one byte of their first
// argument, at the index that is their second.
var accesses = map[string]bool{
	"view.get_u8": true, "bytes.get_u8": true, "bytes.set_u8": true, "vec_u8.get": true, "vec_u8.set": true,
}

// keepsLength are the builtins that change their first argument in place and
// not its length.
var keepsLength = map[string]bool{"bytes.set_u8": true, "__internal.bytes.set_u32_le_v1": true, "vec_u8.set": true}

// sized is the local that e is or is a view of; -1 for anything else.
func sized(e *ir.Expr) ir.LocalID {
	switch {
	case e.Op == ir.OpAsView:
		return sized(e.Args[0])
	case e.Op == ir.OpGet, e.Op == ir.OpTake:
		switch e.Type {
		case types.Bytes, types.BytesView, types.VecU8:
			return e.Local
		}
	}
	return -1
}

// resultLength says which argument of a builtin is the length of its result.
var resultLength = map[string]int{
	"bytes.alloc": 0, "view.slice": 2, "bytes.subview": 2, "bytes.slice": 2,
}

// lengthOf lists the locals whose length e computes.
func (b *boundsPass) lengthOf(e *ir.Expr) []ir.LocalID {
	switch {
	case e.Op == ir.OpField && e.Imm == 1:
		if v := sized(e.Args[0]); v >= 0 {
			return []ir.LocalID{v}
		}
	case e.Op == ir.OpGet:
		var list []ir.LocalID
		for _, f := range b.facts {
			if f.kind == factLen && f.a == e.Local {
				list = append(list, f.v)
			}
		}
		return list
	}
	return nil
}

func (b *boundsPass) add(f fact) {
	if slices.Contains(b.facts, f) {
		return
	}
	if len(b.facts) >= maxFacts {
		b.facts = slices.Delete(b.facts, 0, 1)
	}
	b.facts = append(b.facts, f)
}

// kill forgets what is known about a local that changes.
func (b *boundsPass) kill(l ir.LocalID) {
	b.facts = slices.DeleteFunc(b.facts, func(f fact) bool { return f.a == l || f.v == l })
}

// assume adds what holds when cond is non-zero (or zero, if negated).
func (b *boundsPass) assume(cond *ir.Expr, negated bool) {
	if cond.Op == ir.OpSeq && len(cond.Args) > 0 {
		// What came before the value has been evaluated; it is not part of it.
		cond = cond.Args[len(cond.Args)-1]
	}
	if cond.Op != ir.OpBin {
		return
	}
	x, y := cond.Args[0], cond.Args[1]
	bin := cond.Bin
	if bin == ir.And && !negated && compares(x) && compares(y) {
		b.assume(x, false)
		b.assume(y, false)
		return
	}
	if bin == ir.Or && negated {
		b.assume(x, true)
		b.assume(y, true)
		return
	}
	if negated {
		switch bin {
		case ir.GeU:
			bin = ir.LtU
		case ir.LeU:
			bin = ir.GtU
		case ir.Eq: // = x 0 is "not x"
			if isZero(y) {
				b.assume(x, false)
			}
			return
		default:
			return
		}
	}
	switch bin {
	case ir.LtU:
	case ir.GtU:
		x, y = y, x
	default:
		return
	}
	if x.Op == ir.OpGet {
		for _, v := range b.lengthOf(y) {
			b.add(fact{factBelow, x.Local, v})
		}
	}
}

func isZero(e *ir.Expr) bool { return e.Op == ir.OpConst && int32(e.Imm) == 0 }

// compares reports whether e is 0 or 1.
func compares(e *ir.Expr) bool {
	if e.Op != ir.OpBin {
		return false
	}
	return e.Bin >= ir.Eq || e.Bin == ir.And && compares(e.Args[0]) && compares(e.Args[1])
}

// walk visits e in evaluation order; afterwards facts hold what is known then.
func (b *boundsPass) walk(e *ir.Expr) {
	switch e.Op {
	case ir.OpIf:
		b.walk(e.Args[0])
		before := slices.Clone(b.facts)
		b.assume(e.Args[0], false)
		b.walk(e.Args[1])
		then := b.facts
		b.facts = before
		b.assume(e.Args[0], true)
		b.walk(e.Args[2])
		switch {
		case e.Args[1].Type == types.Never:
		case e.Args[2].Type == types.Never:
			b.facts = then
		default:
			b.facts = common(b.facts, then)
		}
		return
	case ir.OpFor:
		b.walk(e.Args[0])
		b.kill(e.Local)
		b.walk(e.Args[1])
		ends := b.lengthOf(e.Args[1])
		b.forget(e.Args[2])
		b.kill(e.Local)
		outside := slices.Clone(b.facts)
		// The loop compares with the length that v had at its start, so v
		// must keep it.
		for _, v := range ends {
			if !changes(e.Args[2], v) {
				b.add(fact{factBelow, e.Local, v})
			}
		}
		b.walk(e.Args[2])
		b.facts = outside
		return
	case ir.OpLabeled:
		// What follows is reached from the end and from each break.
		if b.breaks == nil {
			b.breaks = map[ir.LabelID][]fact{}
		}
		b.walk(e.Args[0])
		if left, ok := b.breaks[e.Label]; ok && e.Args[0].Type == types.Never {
			b.facts = left
		} else if ok {
			b.facts = common(b.facts, left)
		}
		return
	case ir.OpBreak:
		for _, a := range e.Args {
			b.walk(a)
		}
		if left, ok := b.breaks[e.Label]; ok {
			b.breaks[e.Label] = common(left, b.facts)
		} else {
			b.breaks[e.Label] = slices.Clone(b.facts)
		}
		return
	}
	if v, ok := inPlace(e); ok {
		w := e.Args[0]
		for _, a := range w.Args[1:] {
			b.walk(a)
		}
		if accesses[w.Builtin.Name] {
			b.access(w, v)
		}
		return
	}
	for _, a := range e.Args {
		b.walk(a)
	}
	switch e.Op {
	case ir.OpSet:
		b.set(e.Local, last(e.Args[0]))
	case ir.OpDrop, ir.OpTake:
		b.kill(e.Local)
	case ir.OpBuiltin:
		if accesses[e.Builtin.Name] {
			b.access(e, sized(e.Args[0]))
		}
	}
}

// set notes that local l now holds value.
func (b *boundsPass) set(l ir.LocalID, value *ir.Expr) {
	if value.Op == ir.OpGet && value.Local == l {
		return
	}
	var news []fact
	for _, v := range b.lengthOf(value) {
		if v != l {
			news = append(news, fact{factLen, l, v})
		}
	}
	if value.Op == ir.OpBuiltin {
		if i, ok := resultLength[value.Builtin.Name]; ok {
			if n := value.Args[i]; n.Op == ir.OpGet && n.Local != l {
				news = append(news, fact{factLen, n.Local, l})
			}
		}
	}
	if value.Op == ir.OpGet {
		// l is a copy: what holds of the original holds of it.
		for _, f := range b.facts {
			switch {
			case f.a == value.Local && f.v != l:
				news = append(news, fact{f.kind, l, f.v})
			case f.v == value.Local && f.a != l:
				news = append(news, fact{f.kind, f.a, l})
			}
		}
	}
	b.kill(l)
	for _, f := range news {
		b.add(f)
	}
}

// access marks e, which indexes v by its second argument, if that is known to
// be less than the length of v. Afterwards it certainly is.
func (b *boundsPass) access(e *ir.Expr, v ir.LocalID) {
	i := e.Args[1]
	if v < 0 || i.Op != ir.OpGet {
		return
	}
	f := fact{factBelow, i.Local, v}
	if slices.Contains(b.facts, f) {
		e.Imm = 1
		return
	}
	b.add(f)
}

// inPlace recognises v = set_u8(v, i, x), which leaves the length of v alone.
func inPlace(e *ir.Expr) (v ir.LocalID, ok bool) {
	if e.Op != ir.OpSet {
		return 0, false
	}
	w := e.Args[0]
	if w.Op != ir.OpBuiltin || !keepsLength[w.Builtin.Name] || w.Args[0].Op != ir.OpTake || w.Args[0].Local != e.Local {
		return 0, false
	}
	for _, a := range w.Args[1:] {
		if changes(a, e.Local) {
			return 0, false
		}
	}
	return e.Local, true
}

// last is the value of a sequence.
func last(e *ir.Expr) *ir.Expr {
	for e.Op == ir.OpSeq && len(e.Args) > 0 {
		e = e.Args[len(e.Args)-1]
	}
	return e
}

// eachChanged calls visit for every local that evaluating e may change in a
// way that matters here.
func eachChanged(e *ir.Expr, visit func(ir.LocalID)) {
	if _, ok := inPlace(e); ok {
		for _, a := range e.Args[0].Args[1:] {
			eachChanged(a, visit)
		}
		return
	}
	switch e.Op {
	case ir.OpSet, ir.OpDrop, ir.OpTake, ir.OpFor:
		visit(e.Local)
	}
	for _, a := range e.Args {
		eachChanged(a, visit)
	}
}

func changes(e *ir.Expr, l ir.LocalID) bool {
	found := false
	eachChanged(e, func(c ir.LocalID) { found = found || c == l })
	return found
}

// forget ends the facts that evaluating e may make untrue.
func (b *boundsPass) forget(e *ir.Expr) { eachChanged(e, b.kill) }
