package codegen

import (
	"x07/internal/artifact"
	"x07/internal/ir"
	"x07/internal/types"
	"x07/internal/wasm"
)

// budget emits a budget scope: the engine clamps the fuel on entry and checks
// the counters on leaving, whichever way the scope is left.
func (c *fn) budget(e *ir.Expr) {
	b, ok := e.Extra.(*ir.Budget)
	if !ok {
		c.bad("budget scope without a budget")
	}
	if scopeIsFree(c.plans, e.Args[0], b) {
		c.expr(e.Args[0])
		return
	}
	if !c.hasFuel {
		c.bad("budget scope in a function without fuel")
	}
	c.useAlloc()
	site := c.sites.addAll(c.pos(e.Pos), "X07T_BUDGET_EXCEEDED_FUEL", "X07T_BUDGET_EXCEEDED_ALLOC_BYTES")
	n := len(c.gen.budgets)
	c.gen.budgets = append(c.gen.budgets, artifact.BudgetScope{
		Label: b.Label, Fuel: b.Fuel, AllocBytes: b.AllocBytes, Site: int(site),
	})
	enter := c.runtimeImport("budget_enter", []wasm.ValType{wasm.I32, wasm.I32, wasm.I64}, i32s(1))
	c.f.Let(wasm.Call(enter, c.fuel, wasm.K(int64(n)), c.vars.allocTotal), c.fuel)
	c.scopes++
	c.expr(e.Args[0])
	if e.Args[0].Type != types.Never {
		c.exitScope()
	}
	c.scopes--
}

// exitScope leaves the innermost scope; the stack is left alone.
func (c *fn) exitScope() {
	exit := c.runtimeImport("budget_exit", []wasm.ValType{wasm.I32, wasm.I64}, i32s(1))
	c.f.Let(wasm.Call(exit, c.fuel, c.vars.allocTotal), c.fuel)
}

// runtimeImport is a function that the engine itself provides.
func (g *gen) runtimeImport(name string, params, results []wasm.ValType) *wasm.Func {
	key := "x07." + name
	f := g.rt[key]
	if f == nil {
		f = g.m.Import("x07", name, params, results)
		g.rt[key] = f
	}
	return f
}

// contractFail stores the witness values where the engine reads them and
// reports the clause.
func (c *fn) contractFail(e *ir.Expr) {
	k, ok := e.Extra.(*ir.Contract)
	if !ok {
		c.bad("contract failure without a contract")
	}
	site := artifact.ContractSite{Kind: k.Kind, Func: k.Func, ClauseID: k.ClauseID,
		ClauseIndex: k.ClauseIndex, ClausePtr: k.ClausePtr, Site: int(c.sites.add("contract failed", c.pos(e.Pos)))}
	f := c.f
	at := uint32(0)
	for _, a := range e.Args {
		site.Witness = append(site.Witness, a.Type.Token())
		c.expr(a)
		c.scratch(func() {
			ws := make([]wasm.Local, a.Type.Words())
			for i := range ws {
				ws[i] = c.temp(wasm.I32)
			}
			for i := len(ws) - 1; i >= 0; i-- {
				f.Set(ws[i])
			}
			if at+16 > dataAddr-witnessAddr {
				c.bad("contract clause has more than %d witnesses", (dataAddr-witnessAddr)/16)
			}
			for i, w := range ws {
				f.St(wasm.K(witnessAddr), at+uint32(4*i), w)
			}
		})
		at += 16
	}
	n := len(c.contracts)
	c.gen.contracts = append(c.gen.contracts, site)
	fail := c.runtimeImport("contract_fail", i32s(2), nil)
	f.Push(wasm.Call(fail, wasm.K(int64(n)), wasm.K(witnessAddr)))
	f.Unreachable()
}
