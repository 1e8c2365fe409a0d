// Package lower turns a checked program into IR. Typed trees come in, in which
// every move and every scope is known; functions go out whose drops are
// explicit statements, whose options and results are plain words, and in which
// try, contracts and brand casts are spelled out. It decides nothing about
// validity: whatever check accepts, it lowers.
//
// What is freed when: the owned variables and temporaries of a scope are
// dropped in reverse order where it ends. A moved variable holds the zero
// value, so dropping it does nothing, and a later pass removes drops of
// variables that certainly hold it. A return drops what is live in all open
// scopes; when that is much, or there are exit contracts to run, it jumps to
// one common exit at the end of the function instead, so that code size stays
// linear in the size of the source.
package lower

import (
	"x07/internal/check"
	"x07/internal/ir"
	"x07/internal/types"
)

// Program lowers a checked program. Functions keep their order and numbers.
func Program(p *check.Program) *ir.Program {
	out := &ir.Program{
		Funcs:     make([]*ir.Func, len(p.Funcs)),
		Solve:     ir.FuncID(p.Solve.ID),
		Positions: make([]ir.Position, 1, 1024),
	}
	a := &arena{}
	for i, f := range p.Funcs {
		l := &fn{prog: out, src: f, arena: a}
		out.Funcs[i] = l.function()
	}
	return out
}

// inlineDrops is how many live owners a return drops itself before it is
// better to jump to the common exit.
const inlineDrops = 4

// fn is the state of lowering one function.
type fn struct {
	prog *ir.Program
	src  *check.Func
	out  *ir.Func
	*arena
	locals []ir.LocalID // by Var.ID, -1 until used
	scopes []scope
	live   int // owned variables declared in all open scopes
	labels ir.LabelID

	// exit is the label of the common exit, 0 while nothing jumps to it;
	// atExit are the variables that it drops.
	exit   ir.LabelID
	atExit []ir.LocalID
	result ir.LocalID // value on its way through the common exit
}

// scope is an open Block.
type scope struct {
	declared []ir.LocalID // owned locals that hold something by now
	marked   int          // how many of them atExit already has
}

// function lowers the whole function.
func (l *fn) function() *ir.Func {
	l.out = &ir.Func{
		Name: l.src.Name, NumParams: len(l.src.Params), Result: l.src.Result,
		Locals: make([]ir.Local, 0, len(l.src.Vars)),
	}
	l.locals = make([]ir.LocalID, len(l.src.Vars))
	for i := range l.locals {
		l.locals[i] = -1
	}
	for _, p := range l.src.Params {
		l.local(p)
		if p.Addressed {
			l.out.NoInline = true
		}
	}
	exits := len(l.src.Exit) > 0
	l.open()
	for _, p := range l.src.Params {
		l.declare(l.local(p))
	}
	var body []*ir.Expr
	for _, c := range l.src.Entry {
		body = append(body, l.clause(c))
	}
	if exits {
		l.result = l.local(l.src.ResultVar)
	}
	value := l.expr(l.src.Body.Args[0])
	switch {
	case l.exit != 0 || exits:
		if l.exit == 0 {
			l.needExit()
		}
		l.markLive()
		body = l.commonExit(body, value)
	default:
		body = l.finish(body, value, l.src.Body.Vars)
	}
	l.close()
	l.out.Body = l.seq(l.src.Result, body)
	if n := len(body); body[n-1].Type == types.Never {
		l.out.Body.Type = types.Never
	}
	l.out.Body.Pos = l.pos(l.src.Body)
	return l.out
}

// commonExit is the end of a function to which returns jump: value, the exit
// contracts, the drops, the return.
func (l *fn) commonExit(body []*ir.Expr, value *ir.Expr) []*ir.Expr {
	r := l.result
	lab := l.new(ir.OpLabeled, l.src.Result)
	lab.Label = l.exit
	lab.Args = l.args(value)
	body = append(body, l.setTo(r, lab))
	for _, c := range l.src.Exit {
		body = append(body, l.clause(c))
	}
	body = append(body, l.drops(l.atExit)...)
	return append(body, l.take(r))
}

// finish appends value and the drops that follow it.
func (l *fn) finish(body []*ir.Expr, value *ir.Expr, vars []*check.Var) []*ir.Expr {
	if len(vars) == 0 || value.Type == types.Never {
		return append(body, value)
	}
	ids := make([]ir.LocalID, len(vars))
	for i, v := range vars {
		ids[i] = l.local(v)
	}
	if value.Type == types.Invalid {
		return append(append(body, value), l.drops(ids)...)
	}
	r := l.temp(value.Type)
	body = append(body, l.setTo(r, value))
	body = append(body, l.drops(ids)...)
	return append(body, l.take(r))
}

// drops frees locals in reverse order.
func (l *fn) drops(ids []ir.LocalID) []*ir.Expr {
	out := make([]*ir.Expr, 0, len(ids))
	for i := len(ids) - 1; i >= 0; i-- {
		out = append(out, l.drop(ids[i]))
	}
	return out
}

func (l *fn) open() { l.scopes = append(l.scopes, scope{}) }

func (l *fn) close() {
	s := &l.scopes[len(l.scopes)-1]
	l.live -= len(s.declared)
	l.scopes = l.scopes[:len(l.scopes)-1]
}

// declare notes that a local now lives in the current scope.
func (l *fn) declare(id ir.LocalID) {
	if l.out.Locals[id].Type.IsOwned() {
		s := &l.scopes[len(l.scopes)-1]
		s.declared = append(s.declared, id)
		l.live++
	}
}

// needExit makes the common exit.
func (l *fn) needExit() {
	l.exit = l.label()
	if l.src.ResultVar == nil {
		l.result = l.temp(l.src.Result)
	}
}

// markLive makes the common exit drop what is live now.
func (l *fn) markLive() {
	for i := range l.scopes {
		s := &l.scopes[i]
		l.atExit = append(l.atExit, s.declared[s.marked:]...)
		s.marked = len(s.declared)
	}
}

// leave returns value from the function.
func (l *fn) leave(value *ir.Expr) *ir.Expr {
	if value.Type == types.Never {
		return value
	}
	if len(l.src.Exit) > 0 || l.live > inlineDrops {
		if l.exit == 0 {
			l.needExit()
		}
		l.markLive()
		b := l.new(ir.OpBreak, types.Never)
		b.Label = l.exit
		b.Args = l.args(value)
		return b
	}
	ret := l.new(ir.OpReturn, types.Never)
	if l.live == 0 {
		ret.Args = l.args(value)
		return ret
	}
	r := l.temp(value.Type)
	body := []*ir.Expr{l.setTo(r, value)}
	for i := len(l.scopes) - 1; i >= 0; i-- {
		body = append(body, l.drops(l.scopes[i].declared)...)
	}
	ret.Args = l.args(l.take(r))
	return l.seq(types.Never, append(body, ret))
}

// clause checks one contract clause where it stands.
func (l *fn) clause(c *check.Clause) *ir.Expr {
	cond := l.expr(c.Cond)
	fail := l.new(ir.OpContractFail, types.Never)
	fail.Extra = &ir.Contract{Kind: c.Kind, Func: l.src.Name, ClauseID: c.ID, ClauseIndex: c.Index, ClausePtr: c.Ptr}
	fail.Pos = l.position(c.Ptr)
	var pre []*ir.Expr
	if c.Witness != nil {
		// What the witnesses leave behind need not be dropped: a trap follows.
		l.open()
		for _, w := range c.Witness.Args[0].Args {
			if w.Kind == check.Temp {
				pre = append(pre, l.stmt(w))
				g := l.get(l.local(w.Var))
				fail.Args = append(fail.Args, g)
				continue
			}
			v := l.expr(w)
			if w.Kind != check.Place {
				t := l.temp(v.Type)
				pre = append(pre, l.setTo(t, v))
				v = l.get(t)
			}
			fail.Args = append(fail.Args, v)
		}
		l.close()
	}
	test := l.new(ir.OpIf, types.Invalid)
	test.Args = l.args(cond, l.seq(types.Invalid, nil), l.seq(types.Never, append(pre, fail)))
	b := l.new(ir.OpBudget, types.Invalid)
	b.Extra = &ir.Budget{Label: "contract", Fuel: 50000, AllocBytes: 1 << 20}
	b.Args = l.args(test)
	b.Pos = fail.Pos
	return b
}
