package opt

import "x07/internal/ir"

// prune removes the functions that nothing calls any more, since all their
// calls were inlined, and numbers the others anew.
func prune(p *ir.Program) {
	number := make([]ir.FuncID, len(p.Funcs))
	for i := range number {
		number[i] = -1
	}
	live := []ir.FuncID{p.Solve}
	number[p.Solve] = 0
	for n := 0; n < len(live); n++ {
		eachExpr(p.Funcs[live[n]].Body, func(e *ir.Expr) {
			if e.Op == ir.OpCall && number[e.Func] < 0 {
				number[e.Func] = 0
				live = append(live, e.Func)
			}
		})
	}
	kept := make([]*ir.Func, 0, len(live))
	for id, f := range p.Funcs { // the old order
		if number[id] == 0 {
			number[id] = ir.FuncID(len(kept))
			kept = append(kept, f)
		}
	}
	for _, f := range kept {
		eachExpr(f.Body, func(e *ir.Expr) {
			if e.Op == ir.OpCall {
				e.Func = number[e.Func]
			}
		})
	}
	p.Funcs, p.Solve = kept, number[p.Solve]
}
