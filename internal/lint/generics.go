package lint

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"x07/internal/ast"
	"x07/internal/diag"
)

// A list of exactly two elements headed by "t" is a type variable wherever it
// stands; no expression has that shape.
func typeVarName(e *ast.Expr) (string, bool) {
	if e.Head() != "t" || len(e.Items) != 2 || e.Items[1].Kind != ast.Atom {
		return "", false
	}
	return e.Items[1].Text, true
}

func declares(d *ast.Decl, name string) bool {
	return d != nil && slices.ContainsFunc(d.TypeParams, func(p ast.TypeParam) bool { return p.Name == name })
}

// signatureVars reports the undeclared type variables of a signature type.
func (l *linter) signatureVars(d *ast.Decl, t *ast.TypeRef) {
	if t.Var && !declares(d, t.Name) {
		l.undefinedVar(t.Name, t.Ptr, fmt.Sprintf("undefined type var: %q (not declared in type_params of %s)", t.Name, d.Name))
	}
	for _, arg := range t.Args {
		l.signatureVars(d, arg)
	}
}

// typeVar reports an undeclared type variable in an expression.
func (l *linter) typeVar(e *ast.Expr, head string) {
	if head != "t" {
		return
	}
	if name, ok := typeVarName(e); ok && !declares(l.scope.decl, name) {
		l.undefinedVar(name, e.Ptr(), fmt.Sprintf("undefined type var: %q", name))
	}
}

func (l *linter) undefinedVar(name, ptr, message string) {
	d := diag.Diagnostic{Code: "X07-GENERICS-0001", Message: message, Loc: diag.At(ptr),
		Notes: []string{"Every type variable of a function is declared in its type_params."}}
	decl := l.scope.decl
	if decl != nil && decl.Kind != ast.Extern && !l.scope.vars[name] {
		l.scope.vars[name] = true
		param := map[string]any{"name": name}
		fix := &diag.Quickfix{Note: fmt.Sprintf("Declare type param %q", name)}
		switch {
		case len(decl.TypeParams) > 0:
			fix.Patch = []ast.PatchOp{{Op: "add", Path: decl.Ptr + "/type_params/-", Value: param}}
		case !l.mentions().heads[decl.Name]:
			fix.Patch = []ast.PatchOp{{Op: "add", Path: decl.Ptr + "/type_params", Value: []any{param}}}
		default:
			// Making it generic would break its callers, which may well
			// be code that nothing reaches.
			fix = nil
		}
		if ast.CheckLocalName(name) != nil {
			fix = nil
		}
		d.Quickfix = fix
	}
	l.add(d)
}

// unusedTypeParams warns of type parameters that nothing in d mentions.
func (l *linter) unusedTypeParams(d *ast.Decl) {
	if len(d.TypeParams) == 0 {
		return
	}
	used := map[string]bool{}
	var note func(t *ast.TypeRef)
	note = func(t *ast.TypeRef) {
		if t == nil {
			return
		}
		if t.Var {
			used[t.Name] = true
		}
		for _, arg := range t.Args {
			note(arg)
		}
	}
	for _, p := range d.Params {
		note(p.Type)
	}
	note(d.Result)
	for e := range roots(d) {
		visit(e, func(e *ast.Expr) {
			if name, ok := typeVarName(e); ok {
				used[name] = true
			}
		})
	}
	for i, p := range d.TypeParams {
		if used[p.Name] {
			continue
		}
		path := d.Ptr + "/type_params/" + strconv.Itoa(i)
		out := diag.Diagnostic{Code: "X07-GENERICS-0002",
			Message: fmt.Sprintf("unused type param: %q", p.Name), Loc: diag.At(path + "/name"),
			Notes: []string{"A type parameter that no type mentions makes every call longer for nothing."}}
		if l.removable(d) {
			out.Quickfix = &diag.Quickfix{Note: "Remove unused type param",
				Patch: []ast.PatchOp{{Op: "remove", Path: path}}}
		}
		l.add(out)
	}
}

// removable reports whether no call can notice that d loses a type parameter:
// nobody passes it type arguments, and a body that may become non-generic
// holds nothing that is checked only then.
func (l *linter) removable(d *ast.Decl) bool {
	if slices.Contains(l.file.Exports, d.Name) {
		return false
	}
	if l.mentions().tapped[d.Name] {
		return false
	}
	generic := false
	for e := range roots(d) {
		visit(e, func(e *ast.Expr) {
			head := e.Head()
			generic = generic || head == "tapp" || strings.HasPrefix(head, "ty.") || l.mentions().generic[head]
		})
	}
	return !generic
}
