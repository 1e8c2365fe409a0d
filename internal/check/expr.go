package check

import (
	"fmt"
	"strings"

	"x07/internal/ast"
	"x07/internal/types"
)

// val is a checked expression and what its consumer must know of its value.
type val struct {
	n     *Node
	brand string // "" for none, anyBrand
	from  borrow // of a view
	full  bool   // a view of the whole of its owner
}

// fail raises an error at the node being checked; its text names the function.
func (f *fn) fail(kind, format string, args ...any) {
	f.raise(kind, false, f.at, format, args...)
}

// failAt raises an error whose text also names the pointer of e.
func (f *fn) failAt(kind string, e *ast.Expr, format string, args ...any) {
	f.raise(kind, true, e, format, args...)
}

func (f *fn) raise(kind string, showPtr bool, e *ast.Expr, format string, args ...any) {
	msg := fmt.Sprintf(format, args...)
	ptr := ""
	if e != nil {
		ptr = e.Ptr()
	}
	if !strings.Contains(msg, "(fn=") {
		msg += " (fn=" + f.f.Name
		if showPtr && ptr != "" {
			msg += " ptr=" + ptr
		}
		msg += ")"
	}
	panic(&Error{Kind: kind, Message: msg, Module: f.f.Module, Fn: f.f.Name, Ptr: ptr})
}

// node makes a node; fuel is what evaluating it costs by itself.
func (f *fn) node(k Kind, t types.Type, src *ast.Expr, fuel uint8) *Node {
	c := f.c
	if len(c.nodes) == 0 {
		c.nodes = make([]Node, 256)
	}
	n := &c.nodes[0]
	c.nodes = c.nodes[1:]
	n.Kind, n.Type, n.Src, n.Fuel = k, t, src, fuel
	return n
}

// slots is a list of n nodes to be filled in.
func (f *fn) slots(n int) []*Node {
	c := f.c
	if len(c.ptrs) < n {
		c.ptrs = make([]*Node, max(512, n))
	}
	out := c.ptrs[:n:n]
	c.ptrs = c.ptrs[n:]
	return out
}

func (f *fn) list(ns ...*Node) []*Node {
	out := f.slots(len(ns))
	copy(out, ns)
	return out
}

// value checks e where its value is used.
func (f *fn) value(e *ast.Expr) val {
	outer := f.at
	f.at = e
	v := f.value1(e)
	f.at = outer
	return v
}

func (f *fn) value1(e *ast.Expr) val {
	switch e.Kind {
	case ast.Int:
		n := f.node(Int, types.I32, e, 1)
		n.Imm = e.Int
		return val{n: n}
	case ast.Atom:
		return f.name(e)
	case ast.Text:
		f.fail(kindParse, "text is only allowed in bytes.lit")
	}
	h := f.head(e)
	args := e.Items[1:]
	switch h.form {
	case formBegin, formUnsafe:
		return f.block(e, h.form, false)
	case formLet:
		return f.let(e, args, false)
	case formSet:
		return f.set(e, args, false)
	case formIf:
		return f.ifValue(e, args)
	case formFor:
		n := f.forLoop(e, args)
		n.Fuel = 1
		return val{n: n}
	case formReturn:
		n := f.ret(e, args)
		n.Fuel = 1
		return val{n: n}
	case formTry:
		return f.try(e, args)
	case formLit:
		if len(args) != 1 {
			f.fail(kindParse, "bytes.lit expects 1 arg")
		}
		if args[0].Kind != ast.Text && args[0].Kind != ast.Atom {
			f.fail(kindParse, "bytes.lit expects a text string")
		}
		n := f.node(Lit, types.Bytes, e, 1)
		n.Text = args[0].Text
		return val{n: n}
	case formBin:
		return f.binary(e, h.op, args)
	case formFunc:
		return f.call(e, h, args)
	default:
		return f.builtin(e, h.b, args)
	}
}

// head resolves the head of a list.
func (f *fn) head(e *ast.Expr) *head {
	if len(e.Items) == 0 || e.Items[0].Kind != ast.Atom {
		f.fail(kindParse, "list head must be an identifier")
	}
	name := e.Items[0].Text
	h := f.c.heads[name]
	if h == nil {
		if isLater(name) {
			f.fail(kindUnsupported, "%s is not in this release yet: tasks, channels, budgets and streams come later", name)
		}
		f.fail(kindUnsupported, "unsupported head: %q", name)
	}
	return h
}

// stmt checks e where its value is ignored, and returns a node that leaves
// nothing behind.
func (f *fn) stmt(e *ast.Expr) *Node {
	outer := f.at
	f.at = e
	n := f.stmt1(e)
	f.at = outer
	return n
}

func (f *fn) stmt1(e *ast.Expr) *Node {
	if e.Kind == ast.List {
		h := f.head(e)
		args := e.Items[1:]
		switch h.form {
		case formBegin:
			return f.block(e, h.form, true).n
		case formLet:
			return f.let(e, args, true).n
		case formSet:
			return f.set(e, args, true).n
		case formIf:
			return f.ifStmt(e, args)
		case formFor:
			n := f.forLoop(e, args)
			n.Stmt = true
			return n
		case formReturn:
			n := f.ret(e, args)
			n.Stmt = true
			return n
		}
	}
	v := f.value(e)
	if v.n.Type.Class() == types.Copy {
		return v.n
	}
	return f.temp(v).n
}

// temp keeps an owned value or a view to the end of the current scope.
func (f *fn) temp(v val) val {
	t := f.newVar("", v.n.Type)
	if v.n.Type.IsView() {
		f.retarget(t, v.from)
		t.bound = v.n.Src
	}
	f.member(t)
	n := f.node(Temp, v.n.Type, v.n.Src, 0)
	n.Var, n.Args = t, f.list(v.n)
	return val{n: n, brand: v.brand, from: v.from, full: v.full}
}

// lookup finds the variable that an identifier means, nil for input.
func (f *fn) lookup(e *ast.Expr) *Var {
	if e.Text == inputName {
		return nil
	}
	v := f.c.names[e.Text]
	if v == nil {
		f.failAt(kindTyping, e, "unknown identifier: %q", e.Text)
	}
	return v
}

const inputName = "input"

// live refuses a variable that was moved.
func (f *fn) live(v *Var, e *ast.Expr) {
	if f.inExit && v.Type.IsOwned() {
		f.exitUses = append(f.exitUses, exitUse{v, e})
	}
	if v.status.moved {
		at := "<unknown>"
		if v.status.movedAt != nil {
			at = v.status.movedAt.Ptr()
		}
		f.failAt(kindTyping, e, "use after move: %q moved_ptr=%s", v.Name, at)
	}
}

// move takes the value out of v.
func (f *fn) move(v *Var, e *ast.Expr) {
	f.live(v, e)
	if v.status.borrows > 0 {
		f.failAt(kindTyping, e, "move while borrowed: %q", v.Name)
	}
	f.save(v)
	v.status.moved, v.status.movedAt = true, e
}

// name checks an identifier where its value is used.
func (f *fn) name(e *ast.Expr) val {
	v := f.lookup(e)
	if v == nil {
		return val{n: f.node(Input, types.BytesView, e, 1)}
	}
	if v.Type.IsOwned() {
		f.move(v, e)
	}
	n := f.node(Use, v.Type, e, 1)
	n.Var = v
	return val{n: n, brand: v.brand, from: v.status.from, full: v.full}
}

// place checks an identifier that is read in place: its owner keeps the value.
func (f *fn) place(v *Var, e *ast.Expr) *Node {
	f.live(v, e)
	n := f.node(Place, v.Type, e, 0)
	n.Var = v
	return n
}

// block checks begin and unsafe.
func (f *fn) block(e *ast.Expr, form form, stmt bool) val {
	items := e.Items[1:]
	if form == formUnsafe {
		if !f.c.caps.unsafe {
			f.fail(kindUnsupported, "unsafe requires unsafe capability; %s", f.c.caps.unsafeHint)
		}
		f.unsafe++
		defer func() { f.unsafe-- }()
	}
	if len(items) == 0 {
		f.fail(kindParse, "(%s ...) requires at least 1 expression", e.Head())
	}
	n := f.push(e)
	if !stmt {
		n.Fuel = 1
	}
	n.Args = f.slots(len(items))
	last := len(items) - 1
	for i, item := range items[:last] {
		n.Args[i] = f.stmt(item)
	}
	var v val
	if stmt {
		n.Args[last] = f.stmt(items[last])
		n.Stmt = true
		if n.Args[last].Type == types.Never {
			n.Type = types.Never
		}
	} else {
		v = f.value(items[last])
		n.Args[last] = v.n
		n.Type = v.n.Type
	}
	f.pop(v.from)
	v.n = n
	return v
}

// scoped checks e in a scope of its own, as a value or a statement.
func (f *fn) scoped(e *ast.Expr, stmt bool) val {
	n := f.push(e)
	var v val
	if stmt {
		n.Stmt = true
		s := f.stmt(e)
		n.Args = f.list(s)
		if s.Type == types.Never {
			n.Type = types.Never
		}
	} else {
		v = f.value(e)
		n.Args = f.list(v.n)
		n.Type = v.n.Type
	}
	f.pop(v.from)
	v.n = n
	return v
}

// let checks a binding.
func (f *fn) let(e *ast.Expr, args []*ast.Expr, stmt bool) val {
	if len(args) != 2 {
		f.fail(kindParse, "let form: (let <name> <expr>)")
	}
	if args[0].Kind != ast.Atom {
		f.fail(kindParse, "let name must be an identifier")
	}
	name := args[0].Text
	if f.boundHere(name) {
		f.fail(kindTyping, "duplicate let binding in same scope: %q", name)
	}
	init := f.value(args[1])
	t := init.n.Type
	if t == types.Never {
		f.fail(kindTyping, "let of %q has no value: its expression never finishes", name)
	}
	if f.boundHere(name) {
		// The initialiser bound it: it opens no scope of its own.
		f.fail(kindTyping, "duplicate let binding in same scope: %q", name)
	}
	v := f.newVar(name, t)
	v.brand, v.full = init.brand, init.full
	if t.IsView() {
		f.retarget(v, init.from)
		v.bound = args[1]
	}
	f.member(v)
	f.bind(v)
	n := f.node(Let, t, e, 0)
	n.Var, n.Args, n.Stmt = v, f.list(init.n), stmt
	if stmt {
		if init.n.Kind == Use && t.IsOwned() {
			init.n.Fuel = 0
		}
		n.Type = types.Invalid
		return val{n: n}
	}
	if t.IsOwned() {
		f.fail(kindUnsupported, "let expression cannot produce an owned value; use (begin (let ...) <var>)")
	}
	n.Fuel = 1
	return val{n: n, brand: v.brand, from: v.status.from, full: v.full}
}

// set checks an assignment.
func (f *fn) set(e *ast.Expr, args []*ast.Expr, stmt bool) val {
	if len(args) != 2 {
		f.fail(kindParse, "set form: (set <name> <expr>)")
	}
	if args[0].Kind != ast.Atom {
		f.fail(kindParse, "set name must be an identifier")
	}
	name := args[0].Text
	v := f.c.names[name]
	if v == nil || name == inputName {
		f.failAt(kindTyping, args[0], "set of unknown variable: %q", name)
	}
	f.unborrowed(v, "set")
	init := f.value(args[1])
	t := init.n.Type
	if t != v.Type && !(t.IsHandle() && v.Type == types.I32) || !assignable(init.brand, v.brand, t) {
		f.fail(kindTyping, "type mismatch in set for variable %q", name)
	}
	switch {
	case t.IsView():
		f.retarget(v, init.from)
		v.bound = args[1]
		v.full = v.full && init.full
	case t.IsOwned():
		f.unborrowed(v, "set")
		f.save(v)
		v.status.moved, v.status.movedAt = false, nil
	}
	n := f.node(Set, v.Type, e, 0)
	n.Var, n.Args, n.Stmt = v, f.list(init.n), stmt
	if stmt {
		n.Type = types.Invalid
		return val{n: n}
	}
	if t.IsOwned() {
		f.fail(kindUnsupported, "set expression cannot produce an owned value; use (begin (set ...) <var>)")
	}
	n.Fuel = 1
	return val{n: n, brand: v.brand, from: v.status.from, full: v.full}
}

// unborrowed refuses to change an owner that a view borrows from. The view is
// looked for only to name it.
func (f *fn) unborrowed(v *Var, what string) {
	if !v.Type.IsOwned() || v.status.borrows == 0 {
		return
	}
	by, ptr := "_tmp", ""
	for _, w := range f.f.Vars {
		if w.Type.IsView() && !w.dead && w.status.from.owner == v {
			by = nameOf(w)
			if w.bound != nil {
				ptr = w.bound.Ptr()
			}
			break
		}
	}
	f.fail(kindTyping, "%s while borrowed: %q borrowed_by=%q borrowed_ptr=%s", what, v.Name, by, ptr)
}
