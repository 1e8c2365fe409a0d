package check

import (
	"x07/internal/ast"
	"x07/internal/types"
)

// condition checks the condition of an if.
func (f *fn) condition(args []*ast.Expr) *Node {
	if len(args) != 3 {
		f.fail(kindParse, "if form: (if <cond:i32> <then:any> <else:any>)")
	}
	c := f.value(args[0])
	if c.n.Type != types.I32 {
		f.fail(kindTyping, "if condition must be i32")
	}
	return c.n
}

// ifValue checks an if whose value is used.
func (f *fn) ifValue(e *ast.Expr, args []*ast.Expr) val {
	n := f.node(If, types.Invalid, e, 1)
	cond := f.condition(args)
	mark := f.openBranch()
	a := f.scoped(args[1], false)
	ca := f.closeBranch(mark)
	mark = f.openBranch()
	b := f.scoped(args[2], false)
	cb := f.closeBranch(mark)
	n.Args = f.list(cond, a.n, b.n)
	out := val{n: n}
	switch {
	case a.n.Type == types.Never && b.n.Type == types.Never:
		n.Type = types.Never
	case a.n.Type == types.Never:
		f.apply(cb)
		out = val{n: n, brand: b.brand, from: b.from, full: b.full}
		n.Type = b.n.Type
	case b.n.Type == types.Never:
		f.apply(ca)
		out = val{n: n, brand: a.brand, from: a.from, full: a.full}
		n.Type = a.n.Type
	default:
		if a.n.Type != b.n.Type {
			f.fail(kindTyping, "if branches must have same type (then=%s, else=%s)", describe(a), describe(b))
		}
		n.Type = a.n.Type
		f.merge(ca, cb)
		out.brand = joinBrands(a.brand, b.brand)
		out.full = a.full && b.full
		if n.Type.IsView() {
			out.from = f.join(a.from, b.from, n.Type)
		}
	}
	return out
}

// ifStmt checks an if whose value is ignored.
func (f *fn) ifStmt(e *ast.Expr, args []*ast.Expr) *Node {
	n := f.node(If, types.Invalid, e, 0)
	n.Stmt = true
	cond := f.condition(args)
	mark := f.openBranch()
	a := f.scoped(args[1], true)
	ca := f.closeBranch(mark)
	mark = f.openBranch()
	b := f.scoped(args[2], true)
	cb := f.closeBranch(mark)
	n.Args = f.list(cond, a.n, b.n)
	aNever, bNever := a.n.Type == types.Never, b.n.Type == types.Never
	switch {
	case aNever && bNever:
		n.Type = types.Never
	case aNever:
		f.apply(cb)
	case bNever:
		f.apply(ca)
	default:
		f.merge(ca, cb)
	}
	return n
}

// forLoop checks a loop. Its body is checked once.
func (f *fn) forLoop(e *ast.Expr, args []*ast.Expr) *Node {
	if len(args) != 4 {
		f.fail(kindParse, "for form: (for <i> <start:i32> <end:i32> <body:any>)")
	}
	if args[0].Kind != ast.Atom {
		f.fail(kindParse, "for variable must be an identifier")
	}
	name := args[0].Text
	if v := f.c.names[name]; v != nil && v.Type != types.I32 {
		f.failAt(kindTyping, args[0], "for variable must be i32: %q", name)
	}
	start := f.value(args[1])
	v := f.c.names[name]
	if v == nil {
		v = f.newVar(name, types.I32)
		f.member(v)
		f.bind(v)
	}
	end := f.value(args[2])
	if start.n.Type != types.I32 || end.n.Type != types.I32 {
		f.fail(kindTyping, "for bounds must be i32")
	}
	mark := f.openBranch()
	body := f.scoped(args[3], true)
	changes := f.closeBranch(mark)
	if body.n.Type != types.Never {
		f.loop(changes)
	}
	n := f.node(For, types.I32, e, 0)
	n.Var, n.Args = v, f.list(start.n, end.n, body.n)
	return n
}

// loop makes the changes of a loop body that ran at least once. If it did not
// run, a view still borrows from what it borrowed from before: that owner
// stays borrowed to the end of the scope of the view.
func (f *fn) loop(changes []change) {
	for _, ch := range changes {
		v := ch.v
		before := v.status.from
		if v.Type.IsView() && before.owner != nil && before.owner != ch.end.from.owner {
			shadow := f.newVar("", v.Type)
			shadow.bound = v.bound
			f.retarget(shadow, before)
			s := &f.scopes[v.depth-1]
			s.views = append(s.views, shadow)
		}
	}
	for _, ch := range changes {
		if !ch.v.Type.IsView() {
			f.save(ch.v)
			ch.v.status.moved, ch.v.status.movedAt = ch.end.moved, ch.end.movedAt
			continue
		}
		params := f.join(borrow{param: ch.v.status.from.param, other: ch.v.status.from.other}, ch.end.from, ch.v.Type)
		f.retarget(ch.v, params)
	}
	for _, ch := range changes {
		if ch.v.status.moved && ch.v.status.borrows > 0 {
			f.fail(kindTyping, "borrow of moved value")
		}
	}
}

// ret checks a return. What its operand moves is moved only on the way out.
func (f *fn) ret(e *ast.Expr, args []*ast.Expr) *Node {
	if len(args) != 1 {
		f.fail(kindParse, "return form: (return <expr>)")
	}
	mark := f.openBranch()
	v := f.value(args[0])
	if v.n.Type != f.f.Result && v.n.Type != types.Never {
		f.fail(kindTyping, "return expression must evaluate to %s", f.f.Result)
	}
	f.leave(v)
	f.closeBranch(mark)
	f.leaves++
	n := f.node(Return, types.Never, e, 0)
	n.Args = f.list(v.n)
	return n
}

// leave checks that the function may end here with value v.
func (f *fn) leave(v val) {
	for _, u := range f.exitUses {
		if u.v.status.moved {
			f.live(u.v, u.at)
		}
	}
	if !v.n.Type.IsView() {
		return
	}
	if o := v.from.owner; o != nil {
		f.returnsLocal(o)
	}
	f.result = f.join(f.result, v.from, v.n.Type)
	if r := f.result; r.other != 0 {
		f.fail(kindTyping, "function %q returns %s that can borrow from multiple params (%d vs %d) (bytes_view return analysis: %q)",
			f.f.Name, v.n.Type.Token(), r.param-1, r.other-1, f.f.Name)
	}
}

// returnsLocal refuses to return a view of v, which ends with the function.
func (f *fn) returnsLocal(v *Var) {
	f.fail(kindTyping, "function %q returns %s borrowed from local owned buffer %q (bytes_view return analysis: %q)",
		f.f.Name, f.f.Result.Token(), nameOf(v), f.f.Name)
}

// outlived refuses the value of e, which is a view of v, which ends with e.
func (f *fn) outlived(e *ast.Expr, v *Var) {
	if f.f.Result.IsView() && returned(f.f.decl.fn.Decl.Body, e, true) {
		f.returnsLocal(v)
	}
	f.fail(kindTyping, "drop while borrowed: %q", nameOf(v))
}

// returned reports whether the value of target, an expression within e, is
// returned as it is, when the value of e is if tail says so.
func returned(e, target *ast.Expr, tail bool) bool {
	if e == target {
		return tail
	}
	args := e.Args()
	for i, a := range args {
		last := false
		switch e.Head() {
		case "begin", "unsafe":
			last = tail && i == len(args)-1
		case "if":
			last = tail && i > 0
		case "return":
			last = true
		}
		if returned(a, target, last) {
			return true
		}
	}
	return false
}

// tryTable says which function results let a result be tried.
var tryTable = map[types.Type]struct {
	payload types.Type
	results [2]types.Type
	names   string
}{
	types.ResultI32:       {types.I32, [2]types.Type{types.ResultI32, types.ResultBytes}, "try(result_i32) requires function return type result_i32 or result_bytes"},
	types.ResultBytes:     {types.Bytes, [2]types.Type{types.ResultBytes, types.ResultI32}, "try(result_bytes) requires function return type result_bytes or result_i32"},
	types.ResultBytesView: {types.BytesView, [2]types.Type{types.ResultBytesView, types.ResultI32}, "try(result_bytes_view) requires function return type result_bytes_view or result_i32"},
}

func (f *fn) try(e *ast.Expr, args []*ast.Expr) val {
	if len(args) != 1 {
		f.fail(kindParse, "try expects 1 arg")
	}
	v := f.value(args[0])
	row, ok := tryTable[v.n.Type]
	if !ok {
		f.fail(kindTyping, "try expects result_i32, result_bytes, or result_bytes_view, got %s", describe(v))
	}
	if f.f.Result != row.results[0] && f.f.Result != row.results[1] {
		f.fail(kindTyping, "%s", row.names)
	}
	for _, u := range f.exitUses {
		if u.v.status.moved {
			f.live(u.v, u.at)
		}
	}
	f.leaves++
	n := f.node(Try, row.payload, e, 1)
	n.Args = f.list(v.n)
	out := val{n: n, from: v.from}
	if v.brand != anyBrand {
		out.brand = v.brand
	}
	return out
}
