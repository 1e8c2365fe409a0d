package check

import (
	"x07/internal/ast"
	"x07/internal/types"
)

// status is what an if may change of a variable and its branches must agree on.
type status struct {
	moved   bool
	movedAt *ast.Expr // where, nil when it depends on the path
	borrows int32     // live views whose owner this is
	from    borrow    // of a view
}

// borrow says where the memory behind a view is. The zero borrow is memory
// that outlives the function: the input, or a buffer of the runtime.
type borrow struct {
	owner *Var // a variable of this function
	// param and other are the numbers, from 1, of up to two view parameters
	// of this function whose own source it may share.
	param, other int32
}

// fn is the state of checking one function.
type fn struct {
	c      *checker
	f      *Func
	scopes []scope
	binds  []*Var // variables whose names are visible, innermost last
	// trail holds earlier statuses while at least one branch is open.
	trail  []saved
	open   int
	stamps int
	unsafe int // depth of unsafe blocks
	leaves int // returns and tries met so far
	at     *ast.Expr
	result borrow // joined over all exits
	// exitUses are the owned parameters that exit clauses mention, with the
	// first mention of each.
	exitUses []exitUse
	inExit   bool
}

type saved struct {
	v   *Var
	old status
}

type exitUse struct {
	v  *Var
	at *ast.Expr
}

// scope is one lexical scope.
type scope struct {
	node  *Node // its Block
	views []*Var
	binds int // length of fn.binds when it opened
}

// change is a variable that a branch changed and its status at the end.
type change struct {
	v   *Var
	end status
}

// save notes the status of v, so that a branch can be undone.
func (f *fn) save(v *Var) {
	if f.open > 0 {
		f.trail = append(f.trail, saved{v, v.status})
	}
}

// openBranch starts recording changes.
func (f *fn) openBranch() int {
	f.open++
	return len(f.trail)
}

// closeBranch undoes everything since mark and reports what it undid.
func (f *fn) closeBranch(mark int) []change {
	f.open--
	f.stamps++
	var changes []change
	for i := mark; i < len(f.trail); i++ {
		v := f.trail[i].v
		if v.stamp != f.stamps && !v.dead {
			v.stamp = f.stamps
			changes = append(changes, change{v, v.status})
		}
	}
	for i := len(f.trail) - 1; i >= mark; i-- {
		f.trail[i].v.status = f.trail[i].old
	}
	f.trail = f.trail[:mark]
	return changes
}

// apply makes the changes of the only branch that falls through.
func (f *fn) apply(changes []change) {
	for _, ch := range changes {
		f.save(ch.v)
		ch.v.status = ch.end
	}
}

// merge makes the changes of two branches that both fall through. Borrow
// counts follow from the views, so they are recomputed and not merged.
func (f *fn) merge(a, b []change) {
	f.stamps++
	mark := f.stamps
	type pair struct {
		v    *Var
		a, b status
	}
	pairs := make([]pair, 0, len(a)+len(b))
	for i, ch := range a {
		ch.v.stamp, ch.v.slot = mark, i
		pairs = append(pairs, pair{ch.v, ch.end, ch.v.status})
	}
	for _, ch := range b {
		if ch.v.stamp == mark {
			pairs[ch.v.slot].b = ch.end
			continue
		}
		pairs = append(pairs, pair{ch.v, ch.v.status, ch.end})
	}
	for _, p := range pairs {
		f.save(p.v)
		if p.v.Type.IsView() {
			f.retarget(p.v, f.join(p.a.from, p.b.from, p.v.Type))
			continue
		}
		s := &p.v.status
		s.moved = p.a.moved || p.b.moved
		s.movedAt = nil
		if p.a.moved && p.b.moved && p.a.movedAt == p.b.movedAt {
			s.movedAt = p.a.movedAt
		}
	}
	for _, p := range pairs {
		if p.v.status.moved && p.v.status.borrows > 0 {
			f.fail(kindTyping, "borrow of moved value")
		}
	}
}

// join is where a view may come from when it may come from a or from b.
func (f *fn) join(a, b borrow, t types.Type) borrow {
	out := borrow{owner: a.owner}
	if out.owner == nil {
		out.owner = b.owner
	} else if b.owner != nil && b.owner != a.owner {
		f.fail(kindTyping, "%s must have a single borrow source across branches", t.Token())
	}
	for _, p := range [...]int32{a.param, a.other, b.param, b.other} {
		switch {
		case p == 0 || p == out.param:
		case out.param == 0:
			out.param = p
		default:
			out.other = p
		}
	}
	return out
}

// retarget makes the view v borrow from its new source.
func (f *fn) retarget(v *Var, from borrow) {
	if old := v.status.from.owner; old != from.owner {
		if old != nil {
			f.release(old)
		}
		if from.owner != nil {
			f.hold(from.owner)
		}
	}
	f.save(v)
	v.status.from = from
}

// hold adds a borrow of owner.
func (f *fn) hold(owner *Var) {
	if owner.status.moved {
		f.fail(kindTyping, "borrow of moved value")
	}
	f.save(owner)
	owner.status.borrows++
}

func (f *fn) release(owner *Var) {
	f.save(owner)
	owner.status.borrows--
}

// newVar makes a variable or temporary of the function.
func (f *fn) newVar(name string, t types.Type) *Var {
	v := &Var{ID: len(f.f.Vars), Name: name, Type: t}
	f.f.Vars = append(f.f.Vars, v)
	if limit := orDefault(f.c.opts.MaxLocals, DefaultMaxLocals); len(f.f.Vars) > limit {
		f.fail(kindBudget, "max locals exceeded: %d (fn=%s) (hint: split this function body (extract helper defn/defasync) or raise X07_MAX_LOCALS)",
			limit, f.f.Name)
	}
	return v
}

// member makes v end with the current scope.
func (f *fn) member(v *Var) {
	s := &f.scopes[len(f.scopes)-1]
	switch v.Type.Class() {
	case types.Owned:
		s.node.Vars = append(s.node.Vars, v)
	case types.View:
		s.views = append(s.views, v)
	}
}

// bind makes name mean v in the current scope.
func (f *fn) bind(v *Var) {
	v.prev, v.depth = f.c.names[v.Name], len(f.scopes)
	f.c.names[v.Name] = v
	f.binds = append(f.binds, v)
}

// boundHere reports whether name is bound in the current scope itself.
func (f *fn) boundHere(name string) bool {
	v := f.c.names[name]
	return v != nil && v.depth == len(f.scopes)
}

// push opens a scope and returns its Block.
func (f *fn) push(src *ast.Expr) *Node {
	n := f.node(Block, types.Invalid, src, 0)
	f.scopes = append(f.scopes, scope{node: n, binds: len(f.binds)})
	return n
}

// pop closes the current scope, whose value is v. Views end first, then
// owners, which must not be borrowed any more.
func (f *fn) pop(value borrow) {
	s := f.scopes[len(f.scopes)-1]
	f.scopes = f.scopes[:len(f.scopes)-1]
	for _, v := range s.views {
		if o := v.status.from.owner; o != nil {
			f.release(o)
		}
		v.dead = true
	}
	for _, v := range s.node.Vars {
		if value.owner == v {
			f.outlived(s.node.Src, v)
		}
		if v.status.borrows > 0 && !v.status.moved {
			f.fail(kindTyping, "drop while borrowed: %q", nameOf(v))
		}
		v.dead = true
	}
	for i := len(f.binds) - 1; i >= s.binds; i-- {
		v := f.binds[i]
		if v.prev == nil {
			delete(f.c.names, v.Name)
		} else {
			f.c.names[v.Name] = v.prev
		}
	}
	f.binds = f.binds[:s.binds]
}

func nameOf(v *Var) string {
	if v.Name == "" {
		return "_tmp"
	}
	return v.Name
}
