package codegen_test

import (
	"context"
	"encoding/binary"
	"math/rand"
	"testing"

	"x07/internal/codegen"
	"x07/internal/engine"
	"x07/internal/ir"
	"x07/internal/opt"
	"x07/internal/types"
)

// evaluator runs the integer part of IR directly, counting fuel as the IR
// says: what the generated code must agree with.
type evaluator struct {
	prog  *ir.Program
	fuel  uint64
	limit uint64
}

// jump is how control leaves an expression: 0 normally, -1 by return, else
// the label of a break.
type jump int32

type outOfFuel struct{}

func (v *evaluator) call(id ir.FuncID, args []uint32) uint32 {
	f := v.prog.Funcs[id]
	locals := make([]uint32, len(f.Locals))
	copy(locals, args)
	r, _ := v.eval(f.Body, locals)
	return r
}

func (v *evaluator) eval(e *ir.Expr, l []uint32) (r uint32, j jump) {
	v.fuel += uint64(e.Fuel)
	if v.fuel > v.limit {
		panic(outOfFuel{})
	}
	switch e.Op {
	case ir.OpConst:
		return uint32(e.Imm), 0
	case ir.OpGet:
		return l[e.Local], 0
	case ir.OpTake:
		r = l[e.Local]
		l[e.Local] = 0
		return r, 0
	case ir.OpSet:
		if r, j = v.eval(e.Args[0], l); j == 0 {
			l[e.Local] = r
		}
		return r, j
	case ir.OpSeq, ir.OpDo:
		for _, a := range e.Args {
			if r, j = v.eval(a, l); j != 0 {
				return r, j
			}
		}
		return r, 0
	case ir.OpIf:
		if r, j = v.eval(e.Args[0], l); j != 0 {
			return r, j
		}
		if r != 0 {
			return v.eval(e.Args[1], l)
		}
		return v.eval(e.Args[2], l)
	case ir.OpFor:
		if r, j = v.eval(e.Args[0], l); j != 0 {
			return r, j
		}
		l[e.Local] = r
		end, j := v.eval(e.Args[1], l)
		if j != 0 {
			return end, j
		}
		for ; l[e.Local] < end; l[e.Local]++ {
			if r, j = v.eval(e.Args[2], l); j != 0 {
				return r, j
			}
		}
		return 0, 0
	case ir.OpReturn:
		if r, j = v.eval(e.Args[0], l); j != 0 {
			return r, j
		}
		return r, -1
	case ir.OpLabeled:
		if r, j = v.eval(e.Args[0], l); j == jump(e.Label) {
			j = 0
		}
		return r, j
	case ir.OpBreak:
		for _, a := range e.Args {
			if r, j = v.eval(a, l); j != 0 {
				return r, j
			}
		}
		return r, jump(e.Label)
	case ir.OpCall:
		var args []uint32
		for _, a := range e.Args {
			if r, j = v.eval(a, l); j != 0 {
				return r, j
			}
			args = append(args, r)
		}
		return v.call(e.Func, args), 0
	case ir.OpBin:
		a, j := v.eval(e.Args[0], l)
		if j != 0 {
			return a, j
		}
		b, j := v.eval(e.Args[1], l)
		if j != 0 {
			return b, j
		}
		return binary32(e.Bin, a, b), 0
	}
	panic("unexpected op")
}

func binary32(op ir.Bin, a, b uint32) uint32 {
	truth := func(c bool) uint32 {
		if c {
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
		if b == 0 {
			return 0
		}
		return a / b
	case ir.RemU:
		if b == 0 {
			return a
		}
		return a % b
	case ir.And:
		return a & b
	case ir.Or:
		return a | b
	case ir.Xor:
		return a ^ b
	case ir.Shl:
		return a << (b & 31)
	case ir.ShrU:
		return a >> (b & 31)
	case ir.Eq:
		return truth(a == b)
	case ir.Ne:
		return truth(a != b)
	case ir.LtS:
		return truth(int32(a) < int32(b))
	case ir.LeS:
		return truth(int32(a) <= int32(b))
	case ir.GtS:
		return truth(int32(a) > int32(b))
	case ir.GeS:
		return truth(int32(a) >= int32(b))
	case ir.LtU:
		return truth(a < b)
	case ir.LeU:
		return truth(a <= b)
	case ir.GtU:
		return truth(a > b)
	}
	return truth(a >= b)
}

// maker builds random functions of numbers.
type maker struct {
	r      *rand.Rand
	prog   *ir.Program
	f      *ir.Func
	label  ir.LabelID
	open   []*ir.Expr // labels around
	budget int
}

func (m *maker) n(e ir.Expr) *ir.Expr {
	e.Fuel = uint32(m.r.Intn(4))
	return &e
}

func (m *maker) local() ir.LocalID { return ir.LocalID(m.r.Intn(len(m.f.Locals))) }

// value makes an expression of type i32.
func (m *maker) value(depth int) *ir.Expr {
	m.budget--
	if depth == 0 || m.budget < 0 {
		if m.r.Intn(2) == 0 {
			return m.n(ir.Expr{Op: ir.OpConst, Type: types.I32, Imm: int64(int32(m.r.Uint32() >> m.r.Intn(32)))})
		}
		op := ir.OpGet
		if m.r.Intn(8) == 0 {
			op = ir.OpTake
		}
		return m.n(ir.Expr{Op: op, Type: types.I32, Local: m.local()})
	}
	switch m.r.Intn(9) {
	case 0:
		return m.n(ir.Expr{Op: ir.OpIf, Type: types.I32, Args: []*ir.Expr{m.value(depth - 1), m.branch(depth - 1), m.value(depth - 1)}})
	case 1:
		return m.n(ir.Expr{Op: ir.OpSeq, Type: types.I32, Args: []*ir.Expr{m.stmt(depth - 1), m.stmt(depth - 1), m.value(depth - 1)}})
	case 2:
		if n := len(m.prog.Funcs); n > 0 { // only functions made before: no recursion
			id := ir.FuncID(m.r.Intn(n))
			e := ir.Expr{Op: ir.OpCall, Type: types.I32, Func: id}
			for range m.prog.Funcs[id].NumParams {
				e.Args = append(e.Args, m.value(depth-1))
			}
			return m.n(e)
		}
	case 3:
		m.label++
		l := &ir.Expr{Op: ir.OpLabeled, Type: types.I32, Label: m.label}
		m.open = append(m.open, l)
		l.Args = []*ir.Expr{m.value(depth - 1)}
		m.open = m.open[:len(m.open)-1]
		return m.n(*l)
	}
	return m.n(ir.Expr{Op: ir.OpBin, Type: types.I32, Bin: ir.Bin(m.r.Intn(int(ir.GeU) + 1)), Args: []*ir.Expr{m.value(depth - 1), m.value(depth - 1)}})
}

// branch is a value or leaves.
func (m *maker) branch(depth int) *ir.Expr {
	switch m.r.Intn(6) {
	case 0:
		return m.n(ir.Expr{Op: ir.OpReturn, Type: types.Never, Args: []*ir.Expr{m.value(depth)}})
	case 1:
		if len(m.open) > 0 {
			l := m.open[m.r.Intn(len(m.open))]
			e := ir.Expr{Op: ir.OpBreak, Type: types.Never, Label: l.Label}
			if l.Type == types.I32 {
				e.Args = []*ir.Expr{m.value(depth)}
			}
			return m.n(e)
		}
	}
	return m.value(depth)
}

// stmt makes an expression without a value.
func (m *maker) stmt(depth int) *ir.Expr {
	m.budget--
	if depth <= 0 || m.budget < 0 {
		return m.n(ir.Expr{Op: ir.OpSeq})
	}
	switch m.r.Intn(9) {
	case 6:
		return m.chosen()
	case 7:
		return m.flagged(depth)
	case 8:
		return m.leftLoop(depth)
	case 0:
		// Bounds small enough to end, sometimes constant.
		bound := func() *ir.Expr {
			if m.r.Intn(2) == 0 {
				return m.n(ir.Expr{Op: ir.OpConst, Type: types.I32, Imm: int64(m.r.Intn(12))})
			}
			seven := m.n(ir.Expr{Op: ir.OpConst, Type: types.I32, Imm: 7})
			return m.n(ir.Expr{Op: ir.OpBin, Type: types.I32, Bin: ir.And, Args: []*ir.Expr{m.value(depth - 1), seven}})
		}
		body := m.stmt(depth - 1)
		body.Fuel++ // a loop that costs nothing never ends here
		return m.n(ir.Expr{Op: ir.OpFor, Local: m.local(), Args: []*ir.Expr{bound(), bound(), body}})
	case 1:
		leave := m.branch(depth - 1)
		if leave.Type == types.I32 {
			leave = m.n(ir.Expr{Op: ir.OpDo, Args: []*ir.Expr{leave}})
		}
		return m.n(ir.Expr{Op: ir.OpIf, Args: []*ir.Expr{m.value(depth - 1), leave, m.stmt(depth - 1)}})
	case 2:
		m.label++
		l := &ir.Expr{Op: ir.OpLabeled, Label: m.label}
		m.open = append(m.open, l)
		l.Args = []*ir.Expr{m.stmt(depth - 1)}
		m.open = m.open[:len(m.open)-1]
		return m.n(*l)
	case 3:
		return m.n(ir.Expr{Op: ir.OpSeq, Args: []*ir.Expr{m.stmt(depth - 1), m.stmt(depth - 1)}})
	}
	return m.n(ir.Expr{Op: ir.OpSet, Local: m.local(), Args: []*ir.Expr{m.value(depth - 1)}})
}

// set assigns a value.
func (m *maker) set(l ir.LocalID, v *ir.Expr) *ir.Expr {
	return m.n(ir.Expr{Op: ir.OpSet, Local: l, Args: []*ir.Expr{v}})
}

func (m *maker) seq(es ...*ir.Expr) *ir.Expr { return m.n(ir.Expr{Op: ir.OpSeq, Args: es}) }

func (m *maker) constant(n int) *ir.Expr {
	return m.n(ir.Expr{Op: ir.OpConst, Type: types.I32, Imm: int64(n)})
}

func (m *maker) get(l ir.LocalID) *ir.Expr {
	return m.n(ir.Expr{Op: ir.OpGet, Type: types.I32, Local: l})
}

// fresh is a local that nothing else uses by chance.
func (m *maker) fresh() ir.LocalID {
	m.f.Locals = append(m.f.Locals, ir.Local{Name: "y", Type: types.I32})
	return ir.LocalID(len(m.f.Locals) - 1)
}

// test makes a condition of one or more comparisons.
func (m *maker) test(depth int) *ir.Expr {
	op, args := ir.Eq+ir.Bin(m.r.Intn(10)), []*ir.Expr{m.get(m.local()), m.constant(m.r.Intn(5))}
	if depth > 0 && m.r.Intn(3) > 0 {
		op, args = []ir.Bin{ir.And, ir.Or}[m.r.Intn(2)], []*ir.Expr{m.test(depth - 1), m.test(depth - 1)}
		if m.r.Intn(2) == 0 { // as the front end makes them, the charges up front
			args[0].Fuel, args[1].Fuel = 0, 0
		}
	}
	return m.n(ir.Expr{Op: ir.OpBin, Type: types.I32, Bin: op, Args: args})
}

// chosen makes an if that gives values to few locals.
func (m *maker) chosen() *ir.Expr {
	two := [2]ir.LocalID{m.local(), m.local()}
	branch := func() *ir.Expr {
		s := m.seq()
		for range m.r.Intn(3) {
			v := m.get(m.local())
			if m.r.Intn(2) == 0 {
				v = m.n(ir.Expr{Op: ir.OpBin, Type: types.I32, Bin: []ir.Bin{ir.Add, ir.Xor, ir.LtU}[m.r.Intn(3)], Args: []*ir.Expr{v, m.constant(m.r.Intn(3))}})
			}
			s.Args = append(s.Args, m.set(two[m.r.Intn(2)], v))
		}
		return s
	}
	return m.n(ir.Expr{Op: ir.OpIf, Args: []*ir.Expr{m.test(2), branch(), branch()}})
}

// flagged makes a flag, an if that sets it on some paths, and a test of it.
func (m *maker) flagged(depth int) *ir.Expr {
	flag := m.fresh()
	set := func() *ir.Expr {
		switch m.r.Intn(4) {
		case 0:
			return m.seq()
		case 1:
			return m.stmt(depth - 3)
		case 2:
			return m.set(flag, m.constant(m.r.Intn(2)))
		}
		return m.set(flag, m.value(2))
	}
	decide := m.n(ir.Expr{Op: ir.OpIf, Args: []*ir.Expr{m.value(2), set(), set()}})
	decide = m.n(ir.Expr{Op: ir.OpIf, Args: []*ir.Expr{m.test(1), m.seq(m.stmt(depth-2), decide), set()}})
	return m.seq(m.set(flag, m.constant(m.r.Intn(2))), decide,
		m.n(ir.Expr{Op: ir.OpIf, Args: []*ir.Expr{m.get(flag), m.stmt(depth - 1), m.stmt(depth - 1)}}))
}

// leftLoop makes a loop that ends by setting its variable, sometimes with a
// flag that says so.
func (m *maker) leftLoop(depth int) *ir.Expr {
	i, end, flag := m.fresh(), m.fresh(), m.fresh()
	leave := m.seq(m.set(flag, m.constant(0)),
		m.set(i, m.n(ir.Expr{Op: ir.OpBin, Type: types.I32, Bin: ir.Sub, Args: []*ir.Expr{m.get(end), m.constant(1)}})))
	ends := []*ir.Expr{m.test(1), leave, m.stmt(depth - 2)}
	if m.r.Intn(2) == 0 {
		ends[0], ends[1], ends[2] = m.n(ir.Expr{Op: ir.OpBin, Type: types.I32, Bin: ir.GtU, Args: []*ir.Expr{m.get(i), m.constant(3)}}), ends[2], ends[1]
	}
	body := m.seq(m.stmt(depth-2), m.n(ir.Expr{Op: ir.OpIf, Args: ends}))
	body.Fuel++
	loop := m.n(ir.Expr{Op: ir.OpFor, Local: i, Args: []*ir.Expr{m.constant(0), m.get(end), body}})
	s := m.seq(m.set(end, m.constant(m.r.Intn(9))), m.set(flag, m.constant(1)), loop,
		m.n(ir.Expr{Op: ir.OpIf, Args: []*ir.Expr{m.get(flag), m.n(ir.Expr{Op: ir.OpReturn, Type: types.Never, Args: []*ir.Expr{m.value(1)}}), m.stmt(depth - 2)}}))
	if m.r.Intn(2) == 0 {
		s.Args = append(s.Args, m.set(m.local(), m.get(i)))
	}
	return s
}

// randomProgram makes a few functions and a solve that prints the last one's
// result.
func randomProgram(seed int64) *ir.Program {
	m := &maker{r: rand.New(rand.NewSource(seed)), prog: &ir.Program{Positions: []ir.Position{{}}}}
	for i := range 1 + m.r.Intn(4) {
		m.f = &ir.Func{Name: "f" + string(rune('0'+i)), Result: types.I32, NumParams: m.r.Intn(3)}
		for range 4 {
			m.f.Locals = append(m.f.Locals, ir.Local{Name: "x", Type: types.I32})
		}
		m.budget, m.label, m.open = 150, 0, nil
		m.f.Body = m.n(ir.Expr{Op: ir.OpSeq, Type: types.I32, Args: []*ir.Expr{m.stmt(6), m.stmt(6), m.value(5)}})
		m.prog.Funcs = append(m.prog.Funcs, m.f)
	}
	last := ir.FuncID(len(m.prog.Funcs) - 1)
	call := &ir.Expr{Op: ir.OpCall, Type: types.I32, Func: last}
	for range m.prog.Funcs[last].NumParams {
		call.Args = append(call.Args, &ir.Expr{Op: ir.OpConst, Type: types.I32, Imm: int64(m.r.Uint32())})
	}
	m.prog.Solve = last + 1
	m.prog.Funcs = append(m.prog.Funcs, &ir.Func{Name: "solve", Result: types.Bytes, Body: &ir.Expr{
		Op: ir.OpBuiltin, Type: types.Bytes, Builtin: types.Lookup("codec.write_u32_le"), Args: []*ir.Expr{call}}})
	return m.prog
}

// agree runs a random program both ways.
func agree(t *testing.T, seed int64) {
	p := randomProgram(seed)
	if err := ir.Verify(p); err != nil {
		t.Fatalf("seed %d: the test makes invalid IR: %v", seed, err)
	}
	v := &evaluator{prog: p, limit: 200000}
	var want uint32
	finished := func() (ok bool) {
		defer func() {
			if p := recover(); p != nil {
				if _, out := p.(outOfFuel); !out {
					panic(p)
				}
			}
		}()
		var args []uint32
		for _, a := range p.Funcs[p.Solve].Body.Args[0].Args {
			args = append(args, uint32(a.Imm))
		}
		want = v.call(p.Solve-1, args)
		return true
	}()
	a, err := codegen.Generate(p, codegen.Options{})
	if err != nil {
		t.Fatalf("seed %d: %v", seed, err)
	}
	r := engine.Run(context.Background(), a, engine.Config{Fuel: v.limit})
	switch {
	case r.Err != nil:
		t.Errorf("seed %d: %v", seed, r.Err)
	case !finished:
		if r.Trap == nil || r.Trap.Message != "fuel exhausted" {
			t.Errorf("seed %d: fuel must run out; got output %x, trap %v", seed, r.Output, r.Trap)
		}
	case r.Trap != nil:
		t.Errorf("seed %d: trap %v, want %d after %d units", seed, r.Trap, want, v.fuel)
	case len(r.Output) != 4 || binary.LittleEndian.Uint32(r.Output) != want || r.Stats.FuelUsed != v.fuel:
		t.Errorf("seed %d: got %x with %d units, want %d with %d units", seed, r.Output, r.Stats.FuelUsed, want, v.fuel)
	}
}

// agreeImproved runs a random program after the passes of package opt, which
// may save fuel.
func agreeImproved(t *testing.T, seed int64) {
	p := randomProgram(seed)
	v := &evaluator{prog: p, limit: 200000}
	var want uint32
	finished := func() (ok bool) {
		defer func() {
			if p := recover(); p != nil {
				if _, out := p.(outOfFuel); !out {
					panic(p)
				}
			}
		}()
		var args []uint32
		for _, a := range p.Funcs[p.Solve].Body.Args[0].Args {
			args = append(args, uint32(a.Imm))
		}
		want = v.call(p.Solve-1, args)
		return true
	}()
	p = opt.Optimise(p)
	if err := ir.Verify(p); err != nil {
		t.Fatalf("seed %d: optimised IR is invalid: %v", seed, err)
	}
	a, err := codegen.Generate(p, codegen.Options{})
	if err != nil {
		t.Fatalf("seed %d: %v", seed, err)
	}
	r := engine.Run(context.Background(), a, engine.Config{Fuel: v.limit})
	switch {
	case r.Err != nil:
		t.Errorf("seed %d: %v", seed, r.Err)
	case !finished:
	case r.Trap != nil:
		t.Errorf("seed %d: trap %v, want %d after %d units", seed, r.Trap, want, v.fuel)
	case len(r.Output) != 4 || binary.LittleEndian.Uint32(r.Output) != want || r.Stats.FuelUsed > v.fuel:
		t.Errorf("seed %d: got %x with %d units, want %d with at most %d units", seed, r.Output, r.Stats.FuelUsed, want, v.fuel)
	}
}

func TestImprovedRandomProgramsComputeTheSameForNoMoreFuel(t *testing.T) {
	for seed := range int64(250) {
		agreeImproved(t, seed)
	}
}

func TestRandomProgramsComputeAndCostWhatTheIRSays(t *testing.T) {
	for seed := range int64(250) {
		agree(t, seed)
	}
}

func FuzzRandomProgram(f *testing.F) {
	f.Add(int64(1))
	f.Fuzz(func(t *testing.T, seed int64) {
		agree(t, seed)
		agreeImproved(t, seed)
	})
}
