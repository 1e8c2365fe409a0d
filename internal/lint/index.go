package lint

import (
	"fmt"

	"x07/internal/ast"
)

// index says what a file mentions anywhere in its expressions.
type index struct {
	atoms   map[string]bool // every atom and parameter name
	heads   map[string]bool // every head
	tapped  map[string]bool // every callee of a tapp
	modules map[string]bool // every atom cut at each of its dots
	generic map[string]bool // functions of the file that have type parameters
}

// mentions returns the index of the file.
func (l *linter) mentions() *index {
	if l.index != nil {
		return l.index
	}
	x := &index{map[string]bool{}, map[string]bool{}, map[string]bool{}, map[string]bool{}, map[string]bool{}}
	note := func(e *ast.Expr) {
		switch e.Kind {
		case ast.Atom:
			if x.atoms[e.Text] {
				return
			}
			x.atoms[e.Text] = true
			for i := range len(e.Text) {
				if e.Text[i] == '.' {
					x.modules[e.Text[:i]] = true
				}
			}
		case ast.List:
			head := e.Head()
			x.heads[head] = true
			if head == "tapp" && len(e.Items) > 1 {
				x.tapped[e.Items[1].Text] = true
			}
		}
	}
	for _, d := range l.file.Decls {
		for _, p := range d.Params {
			x.atoms[p.Name] = true
		}
		if len(d.TypeParams) > 0 {
			x.generic[d.Name] = true
		}
		for e := range roots(d) {
			visit(e, note)
		}
	}
	if l.file.Solve != nil {
		visit(l.file.Solve, note)
	}
	l.index = x
	return x
}

// fresh returns a name like base that no atom of the file uses.
func (l *linter) fresh(base string) string {
	name := base
	for n := 2; l.mentions().atoms[name]; n++ {
		name = fmt.Sprintf("%s_%d", base, n)
	}
	return name
}

// bindings counts how often each name is bound or assigned in one statement.
// Many findings ask about the same statement.
type bindings struct {
	stmt  *ast.Expr
	count map[string]int
}

func countBindings(e *ast.Expr) map[string]int {
	count := map[string]int{}
	visit(e, func(e *ast.Expr) {
		if name := bound(e); name != "" {
			count[name]++
		}
	})
	return count
}

// separates reports whether stmt binds or assigns a name, outside owner, that
// owner mentions: then owner cannot move in front of stmt.
func (b *bindings) separates(stmt, owner *ast.Expr) bool {
	if b.stmt != stmt {
		b.stmt, b.count = stmt, countBindings(stmt)
	}
	if len(b.count) == 0 {
		return false
	}
	inner := countBindings(owner)
	found := false
	visit(owner, func(e *ast.Expr) {
		found = found || e.Kind == ast.Atom && b.count[e.Text] > inner[e.Text]
	})
	return found
}
