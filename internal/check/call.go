package check

import (
	"x07/internal/ast"
	"x07/internal/types"
)

// holds are the owners that the arguments of one call borrow from while the
// call is being prepared.
type holds struct {
	list [4]*Var
	n    int
	more []*Var
}

func (f *fn) keep(h *holds, owner *Var) {
	if owner == nil {
		return
	}
	f.hold(owner)
	if h.n < len(h.list) {
		h.list[h.n] = owner
		h.n++
		return
	}
	h.more = append(h.more, owner)
}

func (f *fn) releaseAll(h *holds) {
	for _, v := range h.list[:h.n] {
		f.release(v)
	}
	for _, v := range h.more {
		f.release(v)
	}
}

// call checks a call of a user function.
func (f *fn) call(e *ast.Expr, h *head, args []*ast.Expr) val {
	callee := h.fn
	params := callee.decl.params
	if len(args) != len(params) {
		f.fail(kindParse, "call %q expects %d args", callee.Name, len(params))
	}
	n := f.node(Call, callee.Result, e, 1)
	n.Fn = callee
	n.Args = f.slots(len(args))
	var hs holds
	waiting := false
	src, needSrc := borrow{}, borrow{}
	if callee.Result.IsView() {
		needSrc = f.sourceOf(callee)
	}
	for i, a := range args {
		p := params[i]
		var v val
		leaves := f.leaves
		named := true
		if p.typ == types.BytesView {
			v, named = f.viewArg(a, &hs, true)
		} else {
			v = f.value(a)
		}
		t := v.n.Type
		if t != p.typ && !(p.typ == types.BytesView && isBuffer(t)) && !(t.IsHandle() && p.typ == types.I32) {
			f.fail(kindTyping, "call %q arg %d expects %s", callee.Name, i, p.typ)
		}
		if t == types.VecU8 {
			v.brand = ""
		}
		if !assignable(v.brand, p.brand, t) {
			f.fail(kindTyping, "E_BRAND_MISMATCH: call %q arg %d expected %s@%s, got %s@%s",
				callee.Name, i, p.typ, p.brand, t, brandName(v.brand))
		}
		if t.IsView() {
			f.keep(&hs, v.from.owner)
		}
		n.Args[i] = v.n
		n.Staged = n.Staged || waiting && f.leaves > leaves
		waiting = waiting || waits(v.n)
		if num := int32(i + 1); num == needSrc.param || num == needSrc.other {
			if !named {
				f.failAt(kindTyping, a, "bytes_view borrow source requires an identifier owner")
			}
			src = f.join(src, v.from, callee.Result)
		}
	}
	f.releaseAll(&hs)
	return val{n: n, brand: callee.ResultBrand, from: src}
}

// waits reports whether the value of an argument has left its owner, so that
// it would be lost if a later argument left the function.
func waits(n *Node) bool {
	return n.Type.IsOwned() && n.Kind != Place && n.Kind != Temp
}

func isBuffer(t types.Type) bool { return t == types.Bytes || t == types.VecU8 }

// viewArg checks an argument that may be an owner seen as a view: a named
// owner is borrowed for the call, a temporary one lives to the end of the
// scope. named is false for the latter. The result's from is the owner.
func (f *fn) viewArg(a *ast.Expr, hs *holds, vec bool) (v val, named bool) {
	if a.Kind == ast.Atom && a.Text != inputName {
		if w := f.c.names[a.Text]; w != nil && (w.Type == types.Bytes || vec && w.Type == types.VecU8) {
			v = val{n: f.place(w, a), brand: w.brand, from: borrow{owner: w}}
			f.keep(hs, w)
			return v, true
		}
	}
	v = f.value(a)
	if v.n.Type == types.Bytes || vec && v.n.Type == types.VecU8 {
		return f.temp(v), false
	}
	return v, true
}

// sourceOf says what the result of callee borrows from, in numbers of its
// parameters.
func (f *fn) sourceOf(callee *Func) borrow {
	if callee.state == checked {
		return callee.source
	}
	// It is being checked, so it calls itself, maybe through others. With one
	// view parameter its result cannot borrow from another.
	var src borrow
	for i, p := range callee.decl.params {
		if !p.typ.IsView() {
			continue
		}
		if src.param != 0 {
			f.fail(kindTyping, "recursive bytes_view return borrow analysis: %q", callee.Name)
		}
		src.param = int32(i + 1)
	}
	return src
}

// function checks one function.
func (c *checker) function(fu *Func) {
	if fu.state != unchecked {
		return
	}
	fu.state = checking
	if c.names == nil {
		c.names = make(map[string]*Var)
	}
	d := fu.decl.fn.Decl
	f := &fn{c: c, f: fu, at: d.Body}
	root := f.push(d.Body)
	for i, p := range fu.decl.params {
		v := f.newVar(d.Params[i].Name, p.typ)
		v.brand = p.brand
		if p.typ.IsView() {
			v.status.from = borrow{param: int32(i + 1)}
		}
		f.member(v)
		f.bind(v)
		fu.Params = append(fu.Params, v)
	}
	f.contracts(d)
	v := f.value(d.Body)
	if v.n.Type != fu.Result && v.n.Type != types.Never && !(v.n.Type.IsHandle() && fu.Result == types.I32) {
		if fu == c.out.Solve {
			f.fail(kindTyping, "solve expression must evaluate to bytes (or return), got %s", describe(v))
		}
		f.fail(kindTyping, "function %q must evaluate to %s (or return), got %s", fu.Name, fu.Result, describe(v))
	}
	if v.n.Type != types.Never {
		if !assignable(v.brand, fu.ResultBrand, v.n.Type) {
			f.fail(kindTyping, "E_BRAND_MISMATCH: function %q must evaluate to %s@%s, got %s@%s",
				fu.Name, fu.Result, fu.ResultBrand, fu.Result, brandName(v.brand))
		}
		f.leave(v)
	}
	root.Args = f.list(v.n)
	root.Type = v.n.Type
	f.pop(borrow{})
	fu.Body = root
	fu.source = f.result
	fu.state = checked
}
