package lint

import (
	"fmt"

	"x07/internal/ast"
	"x07/internal/diag"
)

// largeUnsafe is how many expressions an unsafe block may hold before a
// reader should be warned.
const largeUnsafe = 16

// arity checks the number of arguments of the core forms.
func (l *linter) arity(e *ast.Expr, head string) {
	args := e.Args()
	n := len(args)
	switch head {
	case "if":
		if n != 3 {
			l.arityError(e, "X07-ARITY-IF-0001", fmt.Sprintf("if expects 3 args; got %d", n), nil)
		}
	case "for":
		if n != 4 {
			var fix *diag.Quickfix
			if n > 4 {
				body := list("begin", args[3:])
				fix = &diag.Quickfix{Note: "Wrap extra for body expressions in begin",
					Patch: []ast.PatchOp{replaceOp(e.Ptr(), list("for", args[:3], body))}}
			}
			l.arityError(e, "X07-ARITY-FOR-0001", fmt.Sprintf("for expects 4 args; got %d", n), fix)
		}
	case "begin", "unsafe":
		if n == 0 {
			code := map[string]string{"begin": "X07-ARITY-BEGIN-0001", "unsafe": "X07-ARITY-UNSAFE-0001"}[head]
			l.arityError(e, code, head+" expects at least 1 expression", nil)
		}
		if head == "unsafe" && n > largeUnsafe {
			l.add(diag.Diagnostic{Code: "X07-UNSAFE-0001",
				Message: fmt.Sprintf("unsafe block is large: %d expressions", n), Loc: diag.At(e.Ptr()),
				Notes: []string{"Try to reduce the unsafe surface area."}})
		}
	case "let", "set":
		if n != 2 {
			var fix *diag.Quickfix
			if n > 2 {
				binding := list(head, args[:2])
				fix = &diag.Quickfix{Note: "Rewrite " + head + " with body into begin",
					Patch: []ast.PatchOp{replaceOp(e.Ptr(), list("begin", binding, args[2:]))}}
			}
			l.arityError(e, "X07-ARITY-LET-0001", fmt.Sprintf("%s expects 2 args; got %d", head, n), fix)
		}
	case "return":
		if n != 1 {
			l.arityError(e, "X07-ARITY-RETURN-0001", fmt.Sprintf("return expects 1 arg; got %d", n), nil)
		}
	}
}

func (l *linter) arityError(e *ast.Expr, code, message string, fix *diag.Quickfix) {
	l.add(diag.Diagnostic{Code: code, Message: message, Loc: diag.At(e.Ptr()), Quickfix: fix})
}
