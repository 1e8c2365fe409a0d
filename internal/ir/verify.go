package ir

import (
	"fmt"

	"x07/internal/types"
)

// Verify reports the first thing in p that no pass may produce: a missing or
// wrongly typed operand, a use of a local, label, function or position that
// does not exist, a node that occurs twice. What it accepts, the code
// generator can emit.
func Verify(p *Program) error {
	if int(p.Solve) < 0 || int(p.Solve) >= len(p.Funcs) {
		return fmt.Errorf("solve is function %d of %d", p.Solve, len(p.Funcs))
	}
	if s := p.Funcs[p.Solve]; s.NumParams != 0 || s.Result != types.Bytes {
		return fmt.Errorf("solve must have no parameters and result Bytes, got %d and %v", s.NumParams, s.Result)
	}
	v := &verifier{prog: p, seen: make(map[*Expr]bool)}
	for _, f := range p.Funcs {
		v.fn = f
		v.labels = make(map[LabelID]types.Type)
		if err := v.function(); err != nil {
			return fmt.Errorf("function %s: %w", f.Name, err)
		}
		clear(v.seen)
	}
	return nil
}

type verifier struct {
	prog   *Program
	fn     *Func
	labels map[LabelID]types.Type
	seen   map[*Expr]bool
}

func (v *verifier) function() error {
	f := v.fn
	if f.NumParams < 0 || f.NumParams > len(f.Locals) {
		return fmt.Errorf("%d parameters but %d locals", f.NumParams, len(f.Locals))
	}
	for i, l := range f.Locals {
		if l.Type.Words() == 0 {
			return fmt.Errorf("local %d has type %v", i, l.Type)
		}
	}
	if f.Body == nil {
		return fmt.Errorf("no body")
	}
	if f.Body.Type != f.Result && f.Body.Type != types.Never {
		return fmt.Errorf("body has type %v, want %v", f.Body.Type, f.Result)
	}
	return v.expr(f.Body)
}

// arity is the number of Args of an op, -1 where it varies.
var arity = [...]int{
	OpConst: 0, OpZero: 0, OpLit: 0, OpInput: 0, OpGet: 0, OpTake: 0,
	OpSet: 1, OpDrop: 0, OpSeq: -1, OpDo: 1, OpIf: 3, OpFor: 3, OpReturn: 1,
	OpLabeled: 1, OpBreak: -1, OpBin: 2, OpCall: -1, OpBuiltin: -1,
	OpAsView: 1, OpField: 1, OpPack: -1, OpBudget: 1, OpContractFail: -1, OpAddrOf: 0,
}

func (v *verifier) expr(e *Expr) error {
	if e == nil {
		return fmt.Errorf("missing node")
	}
	if v.seen[e] {
		return fmt.Errorf("%s occurs twice", opName(e.Op))
	}
	v.seen[e] = true
	if e.Op == OpInvalid || int(e.Op) >= len(arity) {
		return fmt.Errorf("invalid op %d", e.Op)
	}
	if n := arity[e.Op]; n >= 0 && n != len(e.Args) {
		return fmt.Errorf("%s has %d operands, want %d", opName(e.Op), len(e.Args), n)
	}
	if int(e.Pos) < 0 || int(e.Pos) >= max(1, len(v.prog.Positions)) {
		return fmt.Errorf("%s has position %d of %d", opName(e.Op), e.Pos, len(v.prog.Positions))
	}
	if e.Op == OpLabeled {
		if _, dup := v.labels[e.Label]; dup {
			return fmt.Errorf("label %d occurs twice", e.Label)
		}
		v.labels[e.Label] = e.Type
	}
	for _, a := range e.Args {
		if err := v.expr(a); err != nil {
			return err
		}
	}
	if err := v.node(e); err != nil {
		return fmt.Errorf("%s: %w", opName(e.Op), err)
	}
	if e.Op == OpLabeled {
		// A jump may only come from inside.
		v.labels[e.Label] = outside
	}
	return nil
}

// outside marks a label whose expression has ended.
const outside = types.Type(255)

func want(got, t types.Type) error {
	if got != t {
		return fmt.Errorf("operand has type %v, want %v", got, t)
	}
	return nil
}

func (v *verifier) local(id LocalID) (types.Type, error) {
	if id < 0 || int(id) >= len(v.fn.Locals) {
		return types.Invalid, fmt.Errorf("local %d of %d", id, len(v.fn.Locals))
	}
	return v.fn.Locals[id].Type, nil
}

// branch checks a part whose value becomes the value of type t.
func branch(e *Expr, t types.Type) error {
	if e.Type == t || e.Type == types.Never {
		return nil
	}
	return want(e.Type, t)
}

func (v *verifier) node(e *Expr) error {
	switch e.Op {
	case OpConst, OpField:
		if e.Op == OpField && (e.Imm < 0 || int(e.Imm) >= e.Args[0].Type.Words()) {
			return fmt.Errorf("word %d of %v", e.Imm, e.Args[0].Type)
		}
		return want(e.Type, types.I32)
	case OpZero:
		if e.Type.Words() == 0 {
			return fmt.Errorf("zero of type %v", e.Type)
		}
	case OpLit:
		return want(e.Type, types.Bytes)
	case OpInput:
		return want(e.Type, types.BytesView)
	case OpGet, OpTake:
		t, err := v.local(e.Local)
		if err != nil {
			return err
		}
		return want(t, e.Type)
	case OpSet:
		t, err := v.local(e.Local)
		if err != nil {
			return err
		}
		if err := want(e.Type, types.Invalid); err != nil {
			return err
		}
		return want(e.Args[0].Type, t)
	case OpDrop:
		t, err := v.local(e.Local)
		if err != nil {
			return err
		}
		if !t.IsOwned() {
			return fmt.Errorf("local %d of type %v owns nothing", e.Local, t)
		}
		return want(e.Type, types.Invalid)
	case OpSeq:
		return v.seq(e)
	case OpDo:
		if e.Args[0].Type.IsOwned() {
			return fmt.Errorf("discards a value of type %v, which nobody frees", e.Args[0].Type)
		}
		return want(e.Type, types.Invalid)
	case OpIf:
		if err := want(e.Args[0].Type, types.I32); err != nil {
			return err
		}
		if err := branch(e.Args[1], e.Type); err != nil {
			return err
		}
		return branch(e.Args[2], e.Type)
	case OpFor:
		t, err := v.local(e.Local)
		if err != nil {
			return err
		}
		for _, got := range []types.Type{t, e.Args[0].Type, e.Args[1].Type} {
			if err := want(got, types.I32); err != nil {
				return err
			}
		}
		if err := want(e.Type, types.Invalid); err != nil {
			return err
		}
		return branch(e.Args[2], types.Invalid)
	case OpReturn:
		if err := want(e.Args[0].Type, v.fn.Result); err != nil {
			return err
		}
		return want(e.Type, types.Never)
	case OpLabeled:
		return branch(e.Args[0], e.Type)
	case OpBreak:
		return v.jump(e)
	case OpBin:
		for _, a := range e.Args {
			if err := want(a.Type, types.I32); err != nil {
				return err
			}
		}
		return want(e.Type, types.I32)
	case OpCall:
		return v.call(e)
	case OpBuiltin:
		return v.builtin(e)
	case OpAsView:
		switch e.Args[0].Type {
		case types.Bytes, types.VecU8:
			if e.Args[0].Op != OpGet {
				return fmt.Errorf("of an owner that is not a local: nobody would free it")
			}
		case types.BytesView:
		default:
			return fmt.Errorf("of %v", e.Args[0].Type)
		}
		return want(e.Type, types.BytesView)
	case OpPack:
		if len(e.Args) != e.Type.Words() {
			return fmt.Errorf("%d words for %v", len(e.Args), e.Type)
		}
		for _, a := range e.Args {
			if err := want(a.Type, types.I32); err != nil {
				return err
			}
		}
	case OpBudget:
		if _, ok := e.Extra.(*Budget); !ok {
			return fmt.Errorf("without a budget")
		}
		return branch(e.Args[0], e.Type)
	case OpContractFail:
		if _, ok := e.Extra.(*Contract); !ok {
			return fmt.Errorf("without a contract")
		}
		return want(e.Type, types.Never)
	case OpAddrOf:
		if _, err := v.local(e.Local); err != nil {
			return err
		}
		if !e.Type.IsPtr() {
			return fmt.Errorf("of type %v", e.Type)
		}
	}
	return nil
}

func (v *verifier) seq(e *Expr) error {
	for i, a := range e.Args {
		last := i == len(e.Args)-1
		switch {
		case a.Type == types.Invalid || a.Type == types.Never:
		case last && a.Type == e.Type:
		default:
			return fmt.Errorf("item %d of %d has type %v in a sequence of type %v", i+1, len(e.Args), a.Type, e.Type)
		}
	}
	if e.Type == types.Invalid {
		return nil
	}
	if len(e.Args) == 0 {
		return fmt.Errorf("empty sequence of type %v", e.Type)
	}
	return branch(e.Args[len(e.Args)-1], e.Type)
}

func (v *verifier) jump(e *Expr) error {
	t, ok := v.labels[e.Label]
	if !ok || t == outside {
		return fmt.Errorf("label %d does not enclose it", e.Label)
	}
	switch {
	case t.Words() == 0 && len(e.Args) == 0:
	case len(e.Args) == 1:
		if err := want(e.Args[0].Type, t); err != nil {
			return err
		}
	default:
		return fmt.Errorf("%d values for a label of type %v", len(e.Args), t)
	}
	return want(e.Type, types.Never)
}

func (v *verifier) call(e *Expr) error {
	if e.Func < 0 || int(e.Func) >= len(v.prog.Funcs) {
		return fmt.Errorf("function %d of %d", e.Func, len(v.prog.Funcs))
	}
	f := v.prog.Funcs[e.Func]
	if len(e.Args) != f.NumParams {
		return fmt.Errorf("%d arguments for %s, want %d", len(e.Args), f.Name, f.NumParams)
	}
	for i, a := range e.Args {
		if err := want(a.Type, f.Locals[i].Type); err != nil {
			return fmt.Errorf("argument %d of %s: %w", i, f.Name, err)
		}
	}
	return want(e.Type, f.Result)
}

func (v *verifier) builtin(e *Expr) error {
	b := e.Builtin
	if b == nil {
		return fmt.Errorf("without a head")
	}
	if b.Impl == types.Lowered {
		return fmt.Errorf("%s must not reach the code generator", b.Name)
	}
	if len(e.Args) != len(b.Params) {
		return fmt.Errorf("%d arguments for %s, want %d", len(e.Args), b.Name, len(b.Params))
	}
	for i, p := range b.Params {
		got := e.Args[i].Type
		var err error
		switch p.Mode {
		case types.AnyPtr:
			if !got.IsPtr() {
				err = fmt.Errorf("operand has type %v, want a pointer", got)
			}
		case types.ReaderSource:
			if got != types.Bytes && got != types.BytesView && got != types.VecU8 {
				err = fmt.Errorf("operand has type %v, want bytes, a view or a vector", got)
			}
		default:
			err = want(got, p.Type)
		}
		if err != nil {
			return fmt.Errorf("argument %d of %s: %w", i, b.Name, err)
		}
	}
	return want(e.Type, b.Result)
}
