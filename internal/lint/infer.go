package lint

import (
	"fmt"
	"strings"
	"sync"

	"x07/internal/ast"
	"x07/internal/types"
)

// signature is the type of a builtin.
type signature struct {
	params []*ty
	result *ty
}

// builtins are the heads whose types the local typechecker knows. The list is
// part of the language's tooling: what is not on it is not checked here.
var builtins = sync.OnceValue(func() map[string]signature {
	table := map[string]signature{
		"bytes.alloc":          {[]*ty{tyI32}, tyBytes},
		"bytes.len":            {[]*ty{tyView}, tyI32},
		"bytes.get_u8":         {[]*ty{tyView, tyI32}, tyI32},
		"bytes.set_u8":         {[]*ty{tyBytes, tyI32, tyI32}, tyBytes},
		"bytes.view":           {[]*ty{tyBytes}, tyView},
		"bytes.subview":        {[]*ty{tyBytes, tyI32, tyI32}, tyView},
		"view.len":             {[]*ty{tyView}, tyI32},
		"view.get_u8":          {[]*ty{tyView, tyI32}, tyI32},
		"view.slice":           {[]*ty{tyView, tyI32, tyI32}, tyView},
		"view.to_bytes":        {[]*ty{tyView}, tyBytes},
		"vec_u8.with_capacity": {[]*ty{tyI32}, tyVec},
		"vec_u8.push":          {[]*ty{tyVec, tyI32}, tyVec},
		"vec_u8.extend_bytes":  {[]*ty{tyVec, tyView}, tyVec},
		"vec_u8.into_bytes":    {[]*ty{tyVec}, tyBytes},
	}
	for _, op := range strings.Fields("+ - * / % & | ^ <<u >>u = != < <= > >= <u >=u >u") {
		table[op] = signature{[]*ty{tyI32, tyI32}, tyI32}
	}
	return table
})

// containers are the builtins called through tapp, with how many type
// arguments they take.
var containers = map[string]int{
	"vec_value.with_capacity": 1, "vec_value.push": 1, "vec_value.get": 1, "vec_value.set": 1,
	"map_value.new": 2, "map_value.contains": 1, "map_value.remove": 1,
	"map_value.get": 2, "map_value.set": 2,
}

// infer returns the type of e and notes the equations that its parts must
// satisfy. An expression that never yields a value has an unknown type.
func (in *inferrer) infer(e *ast.Expr) *ty {
	switch e.Kind {
	case ast.Int:
		return tyI32
	case ast.Text:
		return tyBytes
	case ast.Atom:
		return in.name(e)
	}
	head, args := e.Head(), e.Args()
	switch head {
	case "begin", "unsafe":
		return in.block(args)
	case "let", "set":
		if len(args) == 2 && args[0].Kind == ast.Atom {
			return in.assign(head, args[0], args[1])
		}
	case "if":
		if len(args) == 3 {
			return in.branch(e, args)
		}
	case "for":
		if len(args) == 4 && args[0].Kind == ast.Atom {
			return in.loop(args)
		}
	case "return":
		if len(args) == 1 {
			in.equate(args[0], fromReturn, in.result, in.infer(args[0]))
			return in.fresh()
		}
	case "try":
		if len(args) == 1 {
			return in.try(args[0])
		}
	case "bytes.lit":
		return tyBytes
	case "tapp":
		if len(args) > 0 && args[0].Kind == ast.Atom {
			return in.tapp(e, args[0].Text, args[1:])
		}
	case "t":
		if _, ok := typeVarName(e); ok {
			return in.fresh()
		}
	}
	if strings.HasPrefix(head, "ty.") && len(args) > 0 {
		return in.intrinsic(head, args)
	}
	if d := in.decls[head]; d != nil {
		return in.call(e, d, args)
	}
	if sig, ok := builtins()[head]; ok {
		if len(args) != len(sig.params) {
			in.arity(e, head, len(sig.params), len(args))
			in.inferAll(args)
			return sig.result
		}
		for i, arg := range args {
			in.argument(arg, head, i, sig.params[i])
		}
		return sig.result
	}
	if in.ownModule(head) {
		in.report("X07-TYPE-CALL-0001", e.Ptr(), fmt.Sprintf("unknown callee: %q", head), map[string]any{"callee": head})
	}
	in.inferAll(withoutAtoms(head, args))
	return in.fresh()
}

// withoutAtoms drops the arguments of a special form that are names of
// something else than a local: brand ids and validators, the stages of a
// stream pipe, the values of a configuration.
func withoutAtoms(head string, args []*ast.Expr) []*ast.Expr {
	keep := func(i int) bool { return true }
	switch b := types.Lookup(head); {
	case b != nil:
		keep = func(i int) bool { return i >= len(b.Params) || b.Params[i].Mode != types.Atom }
	case strings.HasPrefix(head, "std.stream."):
		keep = func(i int) bool { return args[i].Kind != ast.Atom }
	case strings.HasSuffix(head, ".cfg_v1"):
		keep = func(i int) bool { return len(args[i].Items) != 2 || args[i].Items[1].Kind != ast.Atom }
	}
	var out []*ast.Expr
	for i, arg := range args {
		if keep(i) {
			out = append(out, arg)
		}
	}
	return out
}

func (in *inferrer) inferAll(args []*ast.Expr) {
	for _, arg := range args {
		in.infer(arg)
	}
}

func (in *inferrer) name(e *ast.Expr) *ty {
	switch {
	case e.Text == "input":
		return tyView
	case e.Text == resultName && in.clause != noClause && in.clause != inEnsures:
		in.report("X07-CONTRACT-0003", e.Ptr(), fmt.Sprintf("%q is only available in ensures clauses", resultName), nil)
		return in.fresh()
	}
	if t := in.local(e.Text); t != nil {
		return t
	}
	in.report("X07-TYPE-0001", e.Ptr(), fmt.Sprintf("unknown identifier: %q", e.Text), nil)
	return in.fresh()
}

func (in *inferrer) block(args []*ast.Expr) *ty {
	n := len(in.stack)
	t := in.fresh()
	for _, arg := range args {
		t = in.infer(arg)
	}
	in.leave(n)
	return t
}

func (in *inferrer) scoped(e *ast.Expr) *ty {
	n := len(in.stack)
	t := in.infer(e)
	in.leave(n)
	return t
}

func (in *inferrer) assign(head string, name, value *ast.Expr) *ty {
	got := in.infer(value)
	if head == "let" {
		in.reserved(name.Text, name.Ptr)
		in.bind(name.Text, got)
		return got
	}
	want := in.local(name.Text)
	if want == nil {
		in.report("X07-TYPE-SET-0001", name.Ptr(), fmt.Sprintf("set of unknown local: %q", name.Text), map[string]any{"local": name.Text})
		return got
	}
	in.constraints = append(in.constraints, constraint{at: value, origin: fromSet, callee: name.Text, want: want, got: got})
	return want
}

func (in *inferrer) branch(e *ast.Expr, args []*ast.Expr) *ty {
	in.equate(args[0], fromCond, tyI32, in.infer(args[0]))
	then := in.scoped(args[1])
	in.equate(e, fromBranch, then, in.scoped(args[2]))
	return then
}

func (in *inferrer) loop(args []*ast.Expr) *ty {
	in.reserved(args[0].Text, args[0].Ptr)
	in.equate(args[1], fromCheck, tyI32, in.infer(args[1]))
	n := len(in.stack)
	in.bind(args[0].Text, tyI32)
	in.equate(args[2], fromCheck, tyI32, in.infer(args[2]))
	in.infer(args[3])
	in.leave(n)
	return tyI32
}

// try wants the operand to have the function's result type.
func (in *inferrer) try(arg *ast.Expr) *ty {
	got := in.infer(arg)
	in.equate(arg, fromCheck, in.result, got)
	for _, t := range [...]*ty{got, in.result} {
		if t = t.resolve(); t.kind == application && t.name == "result" && len(t.args) == 1 {
			return t.args[0]
		}
	}
	return in.fresh()
}

func (in *inferrer) argument(arg *ast.Expr, callee string, i int, want *ty) {
	got := in.infer(arg)
	in.constraints = append(in.constraints, constraint{at: arg, origin: fromCallArg, callee: callee, arg: i, want: want, got: got})
}

func (in *inferrer) arity(e *ast.Expr, callee string, want, got int) {
	in.report("X07-TYPE-CALL-0003", e.Ptr(), fmt.Sprintf("arity mismatch for %q: expected %d args got %d", callee, want, got),
		map[string]any{"callee": callee, "want": want, "got": got})
}

// call checks a call of a function of this file. Type parameters become
// unknowns, from which the missing tapp is written later.
func (in *inferrer) call(e *ast.Expr, d *ast.Decl, args []*ast.Expr) *ty {
	var subst map[string]*ty
	if len(d.TypeParams) > 0 {
		subst = map[string]*ty{}
		el := elaboration{call: e, decl: d}
		for _, p := range d.TypeParams {
			t := in.fresh()
			subst[p.Name] = t
			el.params = append(el.params, t)
		}
		if len(args) == len(d.Params) {
			in.calls = append(in.calls, el)
		}
	}
	return in.apply(e, d, args, subst)
}

func (in *inferrer) apply(e *ast.Expr, d *ast.Decl, args []*ast.Expr, subst map[string]*ty) *ty {
	if len(args) != len(d.Params) {
		in.arity(e, d.Name, len(d.Params), len(args))
		in.inferAll(args)
	} else {
		for i, arg := range args {
			in.argument(arg, d.Name, i, tyOf(d.Params[i].Type, subst))
		}
	}
	if d.Kind == ast.Defasync {
		return tyI32 // a task handle
	}
	return tyOf(d.Result, subst)
}

// tapp checks a call with explicit type arguments, which stand in one list
// headed tys or directly after the callee.
func (in *inferrer) tapp(e *ast.Expr, callee string, rest []*ast.Expr) *ty {
	d := in.decls[callee]
	tys, args := rest, rest
	inline := len(rest) == 0 || rest[0].Head() != "tys"
	if !inline {
		tys, args = rest[0].Args(), rest[1:]
	}
	if d == nil {
		if in.ownModule(callee) {
			in.report("X07-TYPE-CALL-0001", e.Ptr(), fmt.Sprintf("unknown callee: %q", callee), map[string]any{"callee": callee})
		}
		if inline {
			args = args[in.inlineTypes(callee, rest):]
		}
		in.inferAll(args)
		return in.fresh()
	}
	want := len(d.TypeParams)
	if inline {
		n := min(want, len(rest))
		tys, args = rest[:n], rest[n:]
	}
	subst := map[string]*ty{}
	if len(tys) == want {
		for i, e := range tys {
			t, ok := tyOfExpr(e)
			if !ok {
				t = in.fresh()
			}
			subst[d.TypeParams[i].Name] = t
		}
	} else {
		in.report("X07-TYPE-CALL-0003", e.Ptr(), fmt.Sprintf("tapp arity mismatch for %q: expected %d type args", callee, want),
			map[string]any{"callee": callee, "want": want, "got": len(tys)})
		for _, p := range d.TypeParams {
			subst[p.Name] = in.fresh()
		}
	}
	return in.apply(e, d, args, subst)
}

// inlineTypes counts the type arguments that an unknown callee is given
// directly: as many as a container takes, else all that look like types.
func (in *inferrer) inlineTypes(callee string, rest []*ast.Expr) int {
	if n, ok := containers[callee]; ok {
		return min(n, len(rest))
	}
	for i, e := range rest {
		switch head := e.Head(); {
		case head == "t" || head == "option" || head == "result":
		case e.Kind == ast.Atom && ast.IsTypeToken(e.Text) && in.local(e.Text) == nil:
		default:
			return i
		}
	}
	return len(rest)
}

// intrinsic checks a ty.* head; its first argument is a type.
func (in *inferrer) intrinsic(head string, args []*ast.Expr) *ty {
	t, ok := tyOfExpr(args[0])
	if !ok {
		t = in.fresh()
	}
	for i, arg := range args[1:] {
		got := in.infer(arg)
		if head == "ty.clone" && i == 0 {
			in.equate(arg, fromCheck, t, got)
		}
	}
	switch head {
	case "ty.read_le_at", "ty.clone":
		return t
	case "ty.write_le_at":
		return tyBytes
	case "ty.push_le":
		return tyVec
	}
	return tyI32
}
