package lint

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"x07/internal/ast"
	"x07/internal/diag"
)

// Typecheck is the local typechecker. It looks at one file, takes the types of
// the file's own functions and of a few builtins as known, lets everything
// else have the type that its context wants, and reports per function every
// unknown name and wrong number of arguments, and the first equation between
// types that does not hold. It also holds contract clauses to their static
// rules. Pointers refer to f as it was parsed. The result is sorted.
//
// It is what the compiler asks about files with contracts, where an error is
// fatal, and a part of lint.
func Typecheck(f *ast.File) []diag.Diagnostic {
	out := typecheck(f)
	diag.Sort(out)
	return out
}

func typecheck(f *ast.File) []diag.Diagnostic {
	m := &module{id: f.ModuleID, decls: make(map[string]*ast.Decl, len(f.Decls))}
	for _, d := range f.Decls {
		m.decls[d.Name] = d
	}
	for _, d := range f.Decls {
		if d.Kind != ast.Extern {
			newInferrer(m, d).function(d)
		}
	}
	if f.Solve != nil {
		newInferrer(m, nil).solve(f.Solve)
	}
	return m.out
}

// module is what all functions of a file share.
type module struct {
	id    string
	decls map[string]*ast.Decl
	out   []diag.Diagnostic
}

// origin says which rule of the language made two types equal. The names
// order the constraints of one expression.
type origin string

const (
	fromCallArg  origin = "call_arg"
	fromContract origin = "contract_expr"
	fromCheck    origin = "expr_check"
	fromBranch   origin = "if_branch"
	fromCond     origin = "if_cond"
	fromReturn   origin = "return"
	fromSet      origin = "set_assign"
)

// constraint is an equation between two types: want comes from the rule, got
// from the expression at.
type constraint struct {
	at        *ast.Expr
	origin    origin
	callee    string // fromCallArg; the local of fromSet
	arg       int
	want, got *ty
}

// elaboration is a call of a generic function that lacks its type arguments.
type elaboration struct {
	call   *ast.Expr
	decl   *ast.Decl
	params []*ty
}

type binding struct {
	name  string
	ty    *ty
	outer int // index of the binding this one hides, -1
}

// inferrer checks one function, or solve.
type inferrer struct {
	*module
	unifier
	result      *ty // what return must have
	stack       []binding
	scope       map[string]int // name to its innermost binding
	unknowns    int
	constraints []constraint
	calls       []elaboration
	contracts   bool // the function has contract clauses
	clause      clauseKind
	witnesses   []witness
}

func newInferrer(m *module, d *ast.Decl) *inferrer {
	in := &inferrer{module: m, result: tyBytes, scope: map[string]int{}}
	if d != nil {
		in.result = tyOf(d.Result, nil)
	}
	return in
}

func (in *inferrer) fresh() *ty {
	in.unknowns++
	return &ty{kind: unknown, id: in.unknowns - 1}
}

func (in *inferrer) bind(name string, t *ty) {
	outer, ok := in.scope[name]
	if !ok {
		outer = -1
	}
	in.scope[name] = len(in.stack)
	in.stack = append(in.stack, binding{name, t, outer})
}

// leave ends every binding made since the stack had n entries.
func (in *inferrer) leave(n int) {
	for i := len(in.stack) - 1; i >= n; i-- {
		b := in.stack[i]
		if b.outer < 0 {
			delete(in.scope, b.name)
		} else {
			in.scope[b.name] = b.outer
		}
	}
	in.stack = in.stack[:n]
}

func (in *inferrer) local(name string) *ty {
	if i, ok := in.scope[name]; ok {
		return in.stack[i].ty
	}
	return nil
}

func (in *inferrer) equate(at *ast.Expr, from origin, want, got *ty) {
	in.constraints = append(in.constraints, constraint{at: at, origin: from, want: want, got: got})
}

func (in *inferrer) report(code, ptr, message string, data map[string]any) {
	in.out = append(in.out, classify(diag.Diagnostic{Code: code, Message: message, Loc: diag.At(ptr), Data: data}))
}

func (in *inferrer) solve(e *ast.Expr) {
	in.equate(e, fromReturn, tyBytes, in.infer(e))
	in.finish()
}

func (in *inferrer) function(d *ast.Decl) {
	in.contracts = len(d.Requires)+len(d.Ensures)+len(d.Invariant) > 0
	for i, p := range d.Params {
		in.reserved(p.Name, func() string { return fmt.Sprintf("%s/params/%d/name", d.Ptr, i) })
		in.bind(p.Name, tyOf(p.Type, nil))
	}
	params := len(in.stack)
	in.equate(d.Body, fromReturn, in.result, in.infer(d.Body))
	in.leave(params)
	in.clauses(inRequires, d.Requires)
	in.clauses(inEnsures, d.Ensures)
	in.clauses(inInvariant, d.Invariant)
	in.finish()
}

// finish solves the constraints and reports what could not be.
func (in *inferrer) finish() {
	failed := false
	for i := range in.constraints {
		if in.unify(in.constraints[i].want, in.constraints[i].got, 0) != "" {
			failed = true
			break
		}
	}
	// Whether all equations hold does not depend on their order; which one
	// is reported does. So the order is established only when one fails.
	if failed {
		in.reset()
		in.firstFailure()
	}
	in.elaborate(failed)
	in.checkWitnesses()
}

func (in *inferrer) firstFailure() {
	type keyed struct {
		ptr string
		*constraint
	}
	sorted := make([]keyed, len(in.constraints))
	for i := range in.constraints {
		c := &in.constraints[i]
		sorted[i] = keyed{c.at.Ptr(), c}
	}
	slices.SortStableFunc(sorted, func(a, b keyed) int {
		return cmp.Or(cmp.Compare(a.ptr, b.ptr), cmp.Compare(a.origin, b.origin),
			cmp.Compare(a.callee, b.callee), cmp.Compare(a.arg, b.arg))
	})
	// The equations after the first that fails are solved silently: they may
	// still tell the type arguments of calls that have nothing to do with it.
	reported := false
	for _, c := range sorted {
		if reason := in.unify(c.want, c.got, 0); reason != "" && !reported {
			in.mismatch(c.constraint, c.ptr, reason)
			reported = true
		}
	}
}

// mismatch reports the equation that failed.
func (in *inferrer) mismatch(c *constraint, ptr, reason string) {
	want, got := c.want.show(), c.got.show()
	switch c.origin {
	case fromCallArg:
		in.report("X07-TYPE-CALL-0002", ptr, fmt.Sprintf("call arg type mismatch for %q (arg %d)", c.callee, c.arg),
			map[string]any{"callee": c.callee, "arg_index": c.arg, "expected": want, "got": got})
		if d := in.decls[c.callee]; d != nil {
			in.out[len(in.out)-1].Related = []diag.Location{{Ptr: d.Ptr}}
		}
	case fromContract:
		in.report("X07-CONTRACT-0001", ptr, "contract clause must typecheck to i32", map[string]any{"got": got})
	case fromBranch:
		in.report("X07-TYPE-IF-0002", ptr, "if branches mismatch", map[string]any{"then": want, "else": got})
	case fromCond:
		in.report("X07-TYPE-IF-0001", ptr, "if condition must be i32", map[string]any{"got": got})
	case fromReturn:
		in.report("X07-TYPE-RET-0001", ptr, "return type mismatch", map[string]any{"expected": want, "got": got})
	case fromSet:
		in.report("X07-TYPE-SET-0002", ptr, fmt.Sprintf("assignment mismatch for %q", c.callee),
			map[string]any{"local": c.callee, "expected": want, "got": got})
	default:
		in.report("X07-TYPE-UNIFY-0001", ptr, "unification failure", map[string]any{"lhs": want, "rhs": got, "reason": reason})
	}
}

// elaborate offers the type arguments that inference found. After a failure
// what stayed unknown may be known once the failure is mended.
func (in *inferrer) elaborate(failed bool) {
	for _, c := range in.calls {
		var args, unresolved []any
		for i, t := range c.params {
			nodes := maxWrittenNodes
			if arg, ok := t.written(&nodes); ok {
				args = append(args, arg)
			} else {
				unresolved = append(unresolved, c.decl.TypeParams[i].Name)
			}
		}
		ptr := c.call.Ptr()
		if unresolved != nil {
			if !failed {
				in.report("X07-TAPP-INFER-0001", ptr, fmt.Sprintf("cannot infer type args; explicit tapp required: %q", c.decl.Name),
					map[string]any{"callee": c.decl.Name, "unresolved_type_params": unresolved})
			}
			continue
		}
		tapp := list("tapp", c.decl.Name, append([]any{"tys"}, args...), c.call.Items[1:])
		in.report("X07-TAPP-ELAB-0001", ptr, fmt.Sprintf("insert inferred tapp for %q", c.decl.Name),
			map[string]any{"callee": c.decl.Name, "type_args": args})
		in.out[len(in.out)-1].Quickfix = &diag.Quickfix{Note: "Insert tapp", Patch: []ast.PatchOp{
			{Op: "test", Path: ptr, Value: c.call}, replaceOp(ptr, tapp)}}
	}
}

// reserved reports a name that contracts keep for themselves.
func (in *inferrer) reserved(name string, ptr func() string) {
	if in.contracts && name == resultName {
		in.report("X07-CONTRACT-0004", ptr(), fmt.Sprintf("reserved name is not allowed here: %q", resultName), nil)
	}
}

// ownModule reports whether a head can only be a function of this file.
func (m *module) ownModule(head string) bool {
	first, _, dotted := strings.Cut(head, ".")
	return dotted && first == m.id
}
