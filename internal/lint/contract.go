package lint

import (
	"fmt"
	"strings"
	"sync"

	"x07/internal/ast"
)

// resultName is the name of the result value in postconditions.
const resultName = "__result"

type clauseKind uint8

const (
	noClause clauseKind = iota
	inRequires
	inEnsures
	inInvariant
)

// witness is a witness expression whose type is judged when all is solved.
type witness struct {
	at *ast.Expr
	ty *ty
}

// pureHeads are the heads that a contract may use, besides every head that
// starts with option_ or result_.
var pureHeads = sync.OnceValue(func() map[string]bool {
	pure := map[string]bool{}
	for _, h := range strings.Fields(`begin let if
		+ - * / % = != < <= > >= <u <=u >u >=u <<u >>u & | ^
		bytes.lit i32.lit bytes.view bytes.subview bytes.len bytes.get_u8 bytes.eq bytes.cmp_range
		view.len view.get_u8 view.slice view.to_bytes`) {
		pure[h] = true
	}
	return pure
})

// clauses checks one list of contract clauses of a function whose parameters
// are bound.
func (in *inferrer) clauses(kind clauseKind, clauses []ast.Clause) {
	in.clause = kind
	n := len(in.stack)
	if kind == inEnsures {
		in.bind(resultName, in.result)
	}
	for _, c := range clauses {
		in.pure(c.Expr)
		in.equate(c.Expr, fromContract, tyI32, in.scoped(c.Expr))
		for _, w := range c.Witness {
			in.pure(w)
			in.witnesses = append(in.witnesses, witness{w, in.scoped(w)})
		}
	}
	in.leave(n)
	in.clause = noClause
}

// pure reports every list of a contract expression that could do more than
// compute a value.
func (in *inferrer) pure(e *ast.Expr) {
	if e.Kind != ast.List {
		return
	}
	switch head := e.Head(); {
	case pureHeads()[head], strings.HasPrefix(head, "option_"), strings.HasPrefix(head, "result_"):
	case head == "unsafe" || head == "set" || head == "for" || head == "return" || head == "try":
		in.impure(e, "disallowed form", head)
	case head == "tapp" && len(e.Items) > 1 && e.Items[1].Kind == ast.Atom:
		in.impure(e, "disallowed callee", e.Items[1].Text)
	default:
		in.impure(e, "disallowed call", head)
	}
	for i, item := range e.Items[1:] {
		typeArg := item.Head() == "tys" && e.Head() == "tapp" || i == 0 && strings.HasPrefix(e.Head(), "ty.")
		if !typeArg {
			in.pure(item)
		}
	}
}

func (in *inferrer) impure(e *ast.Expr, what, name string) {
	in.report("X07-CONTRACT-0002", e.Ptr(), fmt.Sprintf("contract expression is not pure: %s %q", what, name), nil)
}

// checkWitnesses refuses witnesses that a report cannot show. A type that
// stayed unknown is left to the compiler.
func (in *inferrer) checkWitnesses() {
	for _, w := range in.witnesses {
		t := w.ty.resolve()
		tok := t.token()
		switch {
		case t.kind == unknown, strings.HasPrefix(tok, "result_"),
			tok == "i32", tok == "u32", tok == "bytes", tok == "bytes_view":
		default:
			in.report("X07-CONTRACT-0005", w.at.Ptr(), fmt.Sprintf(
				"contract witness has unsupported type: %s (allowed: i32, bytes, bytes_view, result_*)", t.text()), nil)
		}
	}
}
