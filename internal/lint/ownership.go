package lint

import (
	"strings"

	"x07/internal/ast"
	"x07/internal/diag"
)

const autoFixNote = "Auto-fix available: run `x07 fix --input <file> --write`."

// borrow finds views of values that have no name and so no owner that lives
// long enough.
func (l *linter) borrow(e *ast.Expr, head string, at place) {
	switch head {
	case "bytes.view", "bytes.subview", "vec_u8.as_view":
	default:
		return
	}
	args := e.Args()
	if len(args) == 0 || args[0].Kind == ast.Atom {
		return
	}
	d := diag.Diagnostic{Code: "X07-BORROW-0001",
		Message: head + " requires an identifier owner (bind the value to a local with `let` first)",
		Loc:     diag.At(args[0].Ptr()),
		Notes: []string{
			"A view borrows from a named local; a temporary has no name that could own the bytes.",
			`Suggested fix: bind the value first, as in ["let","tmp",<value>], then ["` + head + `","tmp",...].`,
		},
		Quickfix: l.hoistOwner(e, head, at)}
	if d.Quickfix != nil {
		d.Notes = append(d.Notes, autoFixNote)
	}
	l.add(d)
}

// hoistOwner makes the fix that names the owner before the statement that
// borrows from it; nil where that would change what runs or what it means.
func (l *linter) hoistOwner(e *ast.Expr, head string, at place) *diag.Quickfix {
	if at.conditional {
		return nil
	}
	ptr := e.Ptr()
	owner := e.Args()[0]
	tmp := l.fresh("_x07_tmp_borrow" + strings.Map(func(r rune) rune {
		if r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' {
			return r
		}
		return '_'
	}, ptr))
	view := list(head, tmp, e.Items[2:])
	let := list("let", tmp, owner)
	fix := &diag.Quickfix{Note: "Introduce let binding for " + head + " owner"}
	switch {
	case at.block != nil:
		stmt := at.block.Items[at.index]
		if l.binds.separates(stmt, owner) {
			return nil
		}
		fix.Patch = []ast.PatchOp{replaceOp(ptr, view), {Op: "add", Path: stmt.Ptr(), Value: let}}
	case e.Parent == nil && (ptr == "/solve" || strings.HasSuffix(ptr, "/body")):
		fix.Patch = []ast.PatchOp{replaceOp(ptr, list("begin", let, view))}
	default:
		return nil
	}
	return fix
}

// bound is the name that a let, set or for list binds or assigns, else "".
func bound(e *ast.Expr) string {
	switch e.Head() {
	case "let", "set", "for":
		if args := e.Args(); len(args) > 0 && args[0].Kind == ast.Atom {
			return args[0].Text
		}
	}
	return ""
}

// move finds two uses of one owner that a move between them would separate.
func (l *linter) move(e *ast.Expr, head string) {
	args := e.Args()
	switch {
	case head == "bytes.concat" && len(args) == 2 && args[0].Kind == ast.Atom &&
		args[1].Kind == ast.Atom && args[0].Text == args[1].Text:
		x := args[0].Text
		l.add(diag.Diagnostic{Code: "X07-MOVE-0001", Message: "bytes.concat uses the same identifier twice",
			Loc: diag.At(args[1].Ptr()),
			Notes: []string{
				"bytes.concat consumes both operands, so the second use comes after the move of the first.",
				`Suggested fix: copy one side with ["view.to_bytes",["bytes.view","` + x + `"]].`,
				autoFixNote,
			},
			Quickfix: &diag.Quickfix{Note: "Copy one side to avoid use-after-move",
				Patch: []ast.PatchOp{replaceOp(e.Ptr(), list("bytes.concat", copyOf(x), x))}}})
	case head == "if" && len(args) == 3:
		l.viewInConditionAndBranch(e)
	}
}

// copyOf is the expression for a copy of the bytes of a local.
func copyOf(x string) []any { return list("view.to_bytes", list("bytes.view", x)) }

func (l *linter) viewInConditionAndBranch(e *ast.Expr) {
	cond := viewedNames(e.Items[1])
	if len(cond) == 0 {
		return
	}
	x := ""
	for _, branch := range e.Items[2:] {
		for name := range viewedNames(branch) {
			if cond[name] && (x == "" || name < x) {
				x = name
			}
		}
	}
	if x == "" {
		return
	}
	const tmp = "_x07_tmp_copy"
	d := diag.Diagnostic{Code: "X07-MOVE-0002", Message: "if uses bytes.view of the same identifier in condition and branch",
		Loc: diag.At(e.Ptr()),
		Notes: []string{
			"The condition borrows from a local that a branch borrows from too.",
			`Suggested fix: copy the bytes for the condition with ["view.to_bytes",["bytes.view","` + x + `"]].`,
		}}
	// A condition that binds or assigns names shares them with what follows
	// the if; wrapping it in a block would hide them.
	binds := false
	visit(e.Items[1], func(e *ast.Expr) { binds = binds || bound(e) != "" })
	if !binds {
		d.Notes = append(d.Notes, autoFixNote)
		d.Quickfix = &diag.Quickfix{Note: "Copy bytes for if condition", Patch: []ast.PatchOp{
			replaceOp(e.Ptr(), list("begin", list("let", tmp, copyOf(x)),
				list("if", renameViews(e.Items[1], x, tmp), e.Items[2:])))}}
	}
	l.add(d)
}

// viewedName is x when e is ["bytes.view",x].
func viewedName(e *ast.Expr) (string, bool) {
	if e.Head() != "bytes.view" || len(e.Items) != 2 || e.Items[1].Kind != ast.Atom {
		return "", false
	}
	return e.Items[1].Text, true
}

func viewedNames(e *ast.Expr) map[string]bool {
	var names map[string]bool
	visit(e, func(e *ast.Expr) {
		if x, ok := viewedName(e); ok {
			if names == nil {
				names = map[string]bool{}
			}
			names[x] = true
		}
	})
	return names
}

// renameViews copies e with every ["bytes.view",x] made a view of tmp.
func renameViews(e *ast.Expr, x, tmp string) any {
	if e.Kind != ast.List {
		return e
	}
	if name, ok := viewedName(e); ok && name == x {
		return list("bytes.view", tmp)
	}
	out := make([]any, len(e.Items))
	for i, item := range e.Items {
		out[i] = renameViews(item, x, tmp)
	}
	return out
}
