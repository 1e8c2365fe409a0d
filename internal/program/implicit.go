package program

import (
	"slices"

	"x07/internal/ast"
)

// implicitImport maps the intrinsics that expand into calls of a library
// module to that module.
var implicitImport = map[string]string{
	"ty.read_le_at":  "std.u32",
	"ty.write_le_at": "std.u32",
	"ty.push_le":     "std.u32",
	"ty.hash32":      "std.hash",
}

// withImplicitImports is f, or a copy of f whose imports include the modules
// that its intrinsics need. id is the module that f is: it does not import
// itself.
func withImplicitImports(f *ast.File, id string) *ast.File {
	var need []string
	visit := func(e *ast.Expr) {
		m, ok := implicitImport[e.Head()]
		if ok && m != id && !slices.Contains(f.Imports, m) && !slices.Contains(need, m) {
			need = append(need, m)
		}
	}
	eachExpr(f, visit)
	if len(need) == 0 {
		return f
	}
	g := *f
	g.Imports = append(slices.Clone(f.Imports), need...)
	slices.Sort(g.Imports)
	return &g
}

// eachExpr calls visit for every node of bodies, contracts and solve.
func eachExpr(f *ast.File, visit func(*ast.Expr)) {
	for _, d := range f.Decls {
		walk(d.Body, visit)
		for _, clauses := range [][]ast.Clause{d.Requires, d.Ensures, d.Invariant} {
			for _, c := range clauses {
				walk(c.Expr, visit)
				for _, w := range c.Witness {
					walk(w, visit)
				}
			}
		}
	}
	walk(f.Solve, visit)
}

// walk visits e and what is below it; the depth is bounded by the parser.
func walk(e *ast.Expr, visit func(*ast.Expr)) {
	if e == nil {
		return
	}
	visit(e)
	for _, it := range e.Items {
		if it.Kind == ast.List {
			walk(it, visit)
		}
	}
}
