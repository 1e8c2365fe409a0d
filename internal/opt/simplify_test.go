package opt

import (
	"strings"
	"testing"

	"x07/internal/ir"
	"x07/internal/types"
)

// one builds a program of one function for tests.
func one(result types.Type, params int, locals []types.Type, body *ir.Expr) *ir.Program {
	f := &ir.Func{Name: "f", NumParams: params, Result: result, Body: body}
	for _, t := range locals {
		f.Locals = append(f.Locals, ir.Local{Type: t})
	}
	return &ir.Program{Funcs: []*ir.Func{f}}
}

func x(op ir.Op, t types.Type, args ...*ir.Expr) *ir.Expr {
	return &ir.Expr{Op: op, Type: t, Args: args}
}

func at(op ir.Op, t types.Type, l ir.LocalID, args ...*ir.Expr) *ir.Expr {
	return &ir.Expr{Op: op, Type: t, Local: l, Args: args}
}

func num(v int64, fuel uint32) *ir.Expr {
	return &ir.Expr{Op: ir.OpConst, Type: types.I32, Imm: v, Fuel: fuel}
}

func lit() *ir.Expr { return &ir.Expr{Op: ir.OpLit, Type: types.Bytes, Data: "x"} }

func TestWhatHasNoEffectIsRemovedAndItsChargeStays(t *testing.T) {
	const none = types.Invalid
	b := types.Bytes
	for _, tc := range []struct {
		name   string
		params int
		locals []types.Type
		body   *ir.Expr
		want   string
	}{
		{"the drop of a moved variable", 1, []types.Type{b, b},
			x(ir.OpSeq, b, at(ir.OpSet, none, 1, at(ir.OpTake, b, 0)), at(ir.OpDrop, none, 0), at(ir.OpTake, b, 1)),
			"take %0"},
		{"not the drop of a variable that one branch moves", 2, []types.Type{b, types.I32, b},
			x(ir.OpSeq, b,
				x(ir.OpIf, none, at(ir.OpGet, types.I32, 1), at(ir.OpSet, none, 2, at(ir.OpTake, b, 0)), x(ir.OpSeq, none)),
				at(ir.OpDrop, none, 0), at(ir.OpTake, b, 2)),
			"if %1\n  %2 = take %0\ndrop %0\ntake %2"},
		{"the drop of a variable that both branches move", 2, []types.Type{b, types.I32, b},
			x(ir.OpSeq, b,
				x(ir.OpIf, none, at(ir.OpGet, types.I32, 1), at(ir.OpSet, none, 2, at(ir.OpTake, b, 0)), at(ir.OpDrop, none, 0)),
				at(ir.OpDrop, none, 0), at(ir.OpTake, b, 2)),
			"if %1\n  %2 = take %0\nelse\n  drop %0\ntake %2"},
		{"not the drop of what a loop sets", 0, []types.Type{b, types.I32},
			x(ir.OpSeq, b,
				at(ir.OpFor, none, 1, num(0, 0), num(3, 0), x(ir.OpSeq, none, at(ir.OpDrop, none, 0), at(ir.OpSet, none, 0, lit()))),
				at(ir.OpDrop, none, 0), lit()),
			"for %1 = 0 to 3\n  drop %0\n  %0 = \"x\"\ndrop %0\n\"x\""},
		{"a drop behind a label only where nothing sets it within", 0, []types.Type{b, b},
			x(ir.OpSeq, b,
				&ir.Expr{Op: ir.OpLabeled, Type: none, Label: 1, Args: []*ir.Expr{x(ir.OpSeq, none,
					at(ir.OpSet, none, 0, lit()),
					x(ir.OpIf, none, num(1, 0), &ir.Expr{Op: ir.OpBreak, Type: types.Never, Label: 1}, x(ir.OpSeq, none)))}},
				at(ir.OpDrop, none, 1), at(ir.OpDrop, none, 0), lit()),
			"labeled 1\n  %0 = \"x\"\n  break 1 ()\ndrop %0\n\"x\""},
		{"constants cost one, their charge goes on", 0, []types.Type{types.I32},
			x(ir.OpSeq, b, x(ir.OpDo, none, &ir.Expr{Op: ir.OpBin, Bin: ir.Add, Type: types.I32, Fuel: 1,
				Args: []*ir.Expr{num(1, 1), num(2, 1)}}), lit()),
			"\"x\"~1"},
		{"the branch that a constant does not choose", 0, nil,
			x(ir.OpIf, b, num(0, 1), at(ir.OpTake, b, 0), lit()), "\"x\""},
	} {
		t.Run(strings.ReplaceAll(tc.name, " ", "_"), func(t *testing.T) {
			if len(tc.locals) == 0 {
				tc.locals = []types.Type{b}
			}
			p := one(b, tc.params, tc.locals, tc.body)
			simplify(p.Funcs[0])
			got := ir.Print(p, p.Funcs[0], true)
			_, got, _ = strings.Cut(got, "\n")
			got = strings.TrimSuffix(strings.ReplaceAll("\n"+got, "\n  ", "\n")[1:], "\n")
			if got != tc.want {
				t.Errorf("got\n%s\nwant\n%s", got, tc.want)
			}
		})
	}
}

func TestFoldingAgreesWithTheLanguageOnEdgeCases(t *testing.T) {
	for _, tc := range []struct {
		op   ir.Bin
		a, b int32
		want int32
	}{
		{ir.DivU, 7, 0, 0}, {ir.RemU, 7, 0, 7}, {ir.DivU, -1, 2, 0x7fffffff}, {ir.RemU, -1, 10, 5},
		{ir.Shl, 1, 33, 2}, {ir.ShrU, -1, 31, 1}, {ir.LtS, -1, 0, 1}, {ir.LtU, -1, 0, 0},
		{ir.GeU, -1, 0, 1}, {ir.Mul, 1 << 30, 4, 0}, {ir.Sub, -1 << 31, 1, 1<<31 - 1},
	} {
		if got := compute(tc.op, tc.a, tc.b); got != tc.want {
			t.Errorf("%d %v %d = %d, want %d", tc.a, tc.op, tc.b, got, tc.want)
		}
	}
}
