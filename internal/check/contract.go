package check

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"strings"

	"x07/internal/ast"
	"x07/internal/types"
)

// The kinds of clauses as the failure line names them.
const (
	kindRequires       = "requires"
	kindEnsures        = "ensures"
	kindInvariantEntry = "invariant_entry"
	kindInvariantExit  = "invariant_exit"
)

const resultName = "__result"

// contracts checks the clauses of a function, before its body: they see only
// the parameters. What an entry clause moves stays moved; exit clauses are
// undone, and the owned parameters they mention are remembered, because at
// every exit those must not be moved yet.
func (f *fn) contracts(d *ast.Decl) {
	f.f.Entry = append(f.clauses(d.Requires, kindRequires, kindRequires),
		f.clauses(d.Invariant, kindInvariantEntry, "invariant")...)
	if len(d.Ensures)+len(d.Invariant) == 0 {
		return
	}
	mark := f.openBranch()
	f.push(d.Body)
	r := f.newVar(resultName, f.f.Result)
	r.brand = f.f.ResultBrand
	// It is no member of the scope: leaving the function hands it on.
	f.bind(r)
	f.f.ResultVar = r
	f.inExit = true
	f.f.Exit = append(f.clauses(d.Ensures, kindEnsures, kindEnsures),
		f.clauses(d.Invariant, kindInvariantExit, "invariant")...)
	f.inExit = false
	f.pop(borrow{})
	f.closeBranch(mark)
	uses := f.exitUses[:0]
	seen := make([]bool, len(f.f.Params))
	for _, u := range f.exitUses {
		if id := u.v.ID; id < len(seen) && !seen[id] {
			seen[id] = true
			uses = append(uses, u)
		}
	}
	f.exitUses = uses
}

// clauses checks one list. hashed is the name of the list in clause ids.
func (f *fn) clauses(list []ast.Clause, kind, hashed string) []*Clause {
	var out []*Clause
	for i := range list {
		cl := &list[i]
		f.at = cl.Expr
		f.pure(cl.Expr)
		c := &Clause{Kind: kind, Index: i, Ptr: cl.Expr.Ptr(), ID: f.clauseID(cl, i, hashed)}
		cond := f.scoped(cl.Expr, false)
		if cond.n.Type != types.I32 {
			f.fail(kindTyping, "contract clause expr must evaluate to i32 (got %s)", cond.n.Type)
		}
		c.Cond = cond.n
		if len(cl.Witness) > 0 {
			c.Witness = f.witness(cl.Witness)
		}
		out = append(out, c)
	}
	return out
}

// witness checks the values that a failing clause reports. They are evaluated
// on a path that ends in a trap, so what they move is not moved.
func (f *fn) witness(list []*ast.Expr) *Node {
	mark := f.openBranch()
	outer := f.push(list[0])
	w := f.node(Witness, types.Never, list[0], 0)
	for _, e := range list {
		f.at = e
		f.pure(e)
		var v val
		if u := f.ownedName(e); u != nil {
			v = val{n: f.place(u, e)}
		} else {
			v = f.value(e)
		}
		switch v.n.Type {
		case types.I32, types.ResultI32, types.Bytes, types.BytesView,
			types.ResultBytes, types.ResultBytesView, types.ResultResultBytes:
		default:
			f.fail(kindTyping, "X07-CONTRACT-0005: contract witness has unsupported type: %s (allowed: i32, bytes, bytes_view, result_*)",
				v.n.Type.Token())
		}
		w.Args = append(w.Args, v.n)
	}
	outer.Args, outer.Type = f.list(w), types.Never
	f.pop(borrow{})
	f.closeBranch(mark)
	return outer
}

// ownedName is the owned local that e names, or nil.
func (f *fn) ownedName(e *ast.Expr) *Var {
	if e.Kind != ast.Atom || e.Text == inputName {
		return nil
	}
	if v := f.c.names[e.Text]; v != nil && v.Type.IsOwned() {
		return v
	}
	return nil
}

// clauseID is the id that the source gives, or one made from the clause.
func (f *fn) clauseID(cl *ast.Clause, index int, kind string) string {
	if id := strings.TrimSpace(cl.ID); id != "" {
		return id
	}
	b := append([]byte(nil), "x07.contract.id.v1\x00"...)
	b = append(b, f.f.Name...)
	b = append(b, 0)
	b = append(b, kind...)
	b = append(b, 0)
	b = binary.LittleEndian.AppendUint64(b, uint64(index))
	b = ast.AppendCanonicalExpr(b, cl.Expr)
	sum := sha256.Sum256(b)
	return "c_" + hex.EncodeToString(sum[:8])
}

// pureHeads are the builtins that a clause may use, besides operators, blocks,
// let, if, options and results.
var pureHeads = map[string]bool{
	"bytes.view": true, "bytes.subview": true, "bytes.len": true, "bytes.get_u8": true,
	"bytes.eq": true, "bytes.cmp_range": true, "view.len": true, "view.get_u8": true,
	"view.slice": true, "view.to_bytes": true,
}

// pure refuses clauses that could change anything.
func (f *fn) pure(e *ast.Expr) {
	if e.Kind != ast.List {
		return
	}
	h := f.head(e)
	switch h.form {
	case formBegin, formLet, formIf, formBin, formLit:
	case formBuiltin:
		n := h.b.Name
		if !pureHeads[n] && !strings.HasPrefix(n, "option_") && !strings.HasPrefix(n, "result_") {
			f.fail(kindTyping, "X07-CONTRACT-0002: contract expression is not pure: disallowed call %q", n)
		}
	case formFunc:
		f.fail(kindTyping, "X07-CONTRACT-0002: contract expression is not pure: disallowed call %q", e.Head())
	default:
		f.fail(kindTyping, "X07-CONTRACT-0002: contract expression is not pure: disallowed form %q", e.Head())
	}
	for _, item := range e.Items[1:] {
		f.pure(item)
	}
}
