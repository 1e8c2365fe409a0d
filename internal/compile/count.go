package compile

import "x07/internal/ast"

// countNodes is the number of expression nodes of a document: bodies, contract
// expressions, witnesses and solve. A list counts one besides its elements.
func countNodes(f *ast.File) int {
	n := 0
	var walk func(e *ast.Expr)
	walk = func(e *ast.Expr) {
		if e == nil {
			return
		}
		n++
		for _, item := range e.Items {
			walk(item)
		}
	}
	for _, d := range f.Decls {
		walk(d.Body)
		for _, clauses := range [][]ast.Clause{d.Requires, d.Ensures, d.Invariant} {
			for _, c := range clauses {
				walk(c.Expr)
				for _, w := range c.Witness {
					walk(w)
				}
			}
		}
	}
	walk(f.Solve)
	return n
}
