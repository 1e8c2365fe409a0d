package engine_test

import (
	"context"
	"testing"

	"x07/internal/codegen"
	"x07/internal/engine"
	"x07/internal/ir"
	"x07/internal/types"
)

func c(v int64) *ir.Expr { return &ir.Expr{Op: ir.OpConst, Type: types.I32, Imm: v, Fuel: 1} }
func get(l ir.LocalID, t types.Type) *ir.Expr {
	return &ir.Expr{Op: ir.OpGet, Type: t, Local: l, Fuel: 1}
}
func bi(b ir.Bin, x, y *ir.Expr) *ir.Expr {
	return &ir.Expr{Op: ir.OpBin, Type: types.I32, Bin: b, Args: []*ir.Expr{x, y}, Fuel: 1}
}
func call(h string, t types.Type, args ...*ir.Expr) *ir.Expr {
	return &ir.Expr{Op: ir.OpBuiltin, Type: t, Builtin: &types.Builtin{Name: h}, Args: args, Fuel: 1}
}

func TestThin(t *testing.T) {
	p := &ir.Program{Positions: []ir.Position{{}}, Funcs: []*ir.Func{
		{Name: "solve", Result: types.Bytes, Locals: []ir.Local{{"i", types.I32}, {"s", types.I32}},
			Body: &ir.Expr{Op: ir.OpSeq, Type: types.Bytes, Args: []*ir.Expr{
				{Op: ir.OpFor, Local: 0, Type: types.Invalid, Args: []*ir.Expr{c(0), c(1000000),
					{Op: ir.OpSet, Local: 1, Args: []*ir.Expr{bi(ir.Add, get(0, types.I32), get(1, types.I32))}}}},
				call("view.to_bytes", types.Bytes, &ir.Expr{Op: ir.OpInput, Type: types.BytesView, Fuel: 1}),
			}}},
	}}
	a, err := codegen.Generate(p, codegen.Options{World: "run-os"})
	if err != nil {
		t.Fatal(err)
	}
	r := engine.Run(context.Background(), a, engine.Config{Input: []byte("hello")})
	t.Logf("%d bytes of wasm; %+v %q stats %+v", len(a.Wasm), r, r.Output, r.Stats)
	if string(r.Output) != "hello" {
		t.Fatal("no echo")
	}
}
