package ir

import (
	"strings"
	"testing"

	"x07/internal/types"
)

func fn(result types.Type, body *Expr, locals ...types.Type) *Func {
	f := &Func{Name: "f", Result: result, Body: body}
	for _, t := range locals {
		f.Locals = append(f.Locals, Local{Type: t})
	}
	return f
}

func n(op Op, t types.Type, args ...*Expr) *Expr { return &Expr{Op: op, Type: t, Args: args} }

func TestMalformedProgramsAreRefused(t *testing.T) {
	lit := func() *Expr { return n(OpLit, types.Bytes) }
	shared := n(OpConst, types.I32)
	for _, tc := range []struct {
		name string
		f    *Func
		want string
	}{
		{"nothing wrong", fn(types.Bytes, lit()), ""},
		{"the wrong result", fn(types.Bytes, n(OpConst, types.I32)), "body has type I32, want Bytes"},
		{"a missing operand", fn(types.Bytes, n(OpSeq, types.Bytes, n(OpSet, types.Invalid), lit()), types.I32), "set has 0 operands, want 1"},
		{"a node that occurs twice", fn(types.Bytes, n(OpSeq, types.Bytes, n(OpDo, types.Invalid, n(OpBin, types.I32, shared, shared)), lit())), "occurs twice"},
		{"a local that does not exist", fn(types.Bytes, n(OpTake, types.Bytes)), "local 0 of 0"},
		{"a discarded owner", fn(types.Bytes, n(OpSeq, types.Bytes, n(OpDo, types.Invalid, lit()), lit())), "nobody frees"},
		{"a drop of what owns nothing", fn(types.Bytes, n(OpSeq, types.Bytes, n(OpDrop, types.Invalid), lit()), types.I32), "owns nothing"},
		{"a view of a temporary", fn(types.Bytes, n(OpSeq, types.Bytes, n(OpDo, types.Invalid, n(OpAsView, types.BytesView, lit())), lit())), "not a local"},
		{"a jump out of nothing", fn(types.Bytes, &Expr{Op: OpBreak, Type: types.Never, Label: 3}), "label 3 does not enclose it"},
		{"a word that a type has not", fn(types.Bytes, n(OpSeq, types.Bytes, n(OpDo, types.Invalid, &Expr{Op: OpField, Type: types.I32, Imm: 2, Args: []*Expr{lit()}}), lit())), "word 2 of Bytes"},
		{"too few words", fn(types.Bytes, n(OpPack, types.Bytes, n(OpConst, types.I32))), "1 words for Bytes"},
		{"a lowered builtin", fn(types.Bytes, &Expr{Op: OpBuiltin, Type: types.Bytes, Builtin: types.Lookup("bytes.empty")}), "must not reach the code generator"},
		{"a builtin of the wrong arity", fn(types.Bytes, &Expr{Op: OpBuiltin, Type: types.Bytes, Builtin: types.Lookup("bytes.alloc")}), "0 arguments for bytes.alloc, want 1"},
		{"a call of nobody", fn(types.Bytes, &Expr{Op: OpCall, Type: types.Bytes, Func: 9}), "function 9 of 1"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			err := Verify(&Program{Funcs: []*Func{tc.f}})
			switch {
			case tc.want == "" && err != nil:
				t.Error(err)
			case tc.want != "" && (err == nil || !strings.Contains(err.Error(), tc.want)):
				t.Errorf("got %v, want %s", err, tc.want)
			}
		})
	}
}
