// Package opt improves IR. A verified program comes in and one that does the
// same comes out; each pass is one file, linear in the size of a function, and
// drops work that certainly has no effect. It never changes what a program
// outputs, traps with or allocates; it may lower the fuel that it uses.
package opt

import "x07/internal/ir"

// Optimise returns p improved. It changes the functions of p in place.
// Simplifying runs twice: before inlining, so that sizes are honest, and after
// it, because the borders between functions are gone.
func Optimise(p *ir.Program) *ir.Program {
	for _, f := range p.Funcs {
		simplify(f)
	}
	inline(p)
	prune(p)
	for _, f := range p.Funcs {
		simplify(f)
		exits(f)
		flags(f)
		shortcuts(f)
		bounds(f)
	}
	return p
}
