// Package irtext reads IR programs written as S-expressions, so that tests and
// benchmarks of the code generator and the engine can say in a line what would
// be a page of literals. Text comes in, an ir.Program goes out; it checks only
// what it needs to give every node its type. It is not part of the compiler.
//
//	(fn add (a i32 b i32) i32 (+ a b))
//	(fn solve () bytes (seq (set x (lit "abc")) (view.to_bytes (view x))))
//
// An atom is a number, a quoted string (as (lit "...")), input, or a local.
// ^x takes a local; x reads it. A local is declared by its first set or for.
// Every node costs one unit of fuel, the statements set, drop, seq, if, for
// and block none.
package irtext

import (
	"fmt"
	"strconv"
	"strings"

	"x07/internal/ir"
	"x07/internal/types"
)

// Parse reads a program; its entry is the function solve. It panics on
// malformed text, whose author is a test.
func Parse(text string) *ir.Program {
	p := &parser{text: text, ids: map[string]ir.FuncID{}}
	var defs [][]node
	for p.skip(); p.pos < len(p.text); p.skip() {
		n := p.node()
		defs = append(defs, n.list)
		name := n.list[1].atom
		p.ids[name] = ir.FuncID(len(p.prog.Funcs))
		p.prog.Funcs = append(p.prog.Funcs, &ir.Func{Name: name, Result: typ(n.list[3].atom)})
	}
	p.prog.Positions = []ir.Position{{}}
	for i, d := range defs {
		f := p.prog.Funcs[i]
		b := &builder{p: p, f: f, locals: map[string]ir.LocalID{}, labels: map[string]ir.LabelID{}}
		for j := 0; j < len(d[2].list); j += 2 {
			b.declare(d[2].list[j].atom, typ(d[2].list[j+1].atom))
		}
		f.NumParams = len(f.Locals)
		f.Body = b.expr(d[4])
	}
	p.prog.Solve = p.ids["solve"]
	return &p.prog
}

func typ(token string) types.Type {
	if token == "never" {
		return types.Never
	}
	t, ok := types.ByToken(token)
	if !ok {
		panic("irtext: unknown type " + token)
	}
	return t
}

type node struct {
	atom   string
	quoted bool
	list   []node
}

type parser struct {
	text string
	pos  int
	prog ir.Program
	ids  map[string]ir.FuncID
}

func (p *parser) skip() {
	for p.pos < len(p.text) && strings.IndexByte(" \t\n", p.text[p.pos]) >= 0 {
		p.pos++
	}
}

func (p *parser) node() node {
	p.skip()
	start := p.pos
	switch p.text[p.pos] {
	case '(':
		n := node{list: []node{}}
		p.pos++
		for p.skip(); p.text[p.pos] != ')'; p.skip() {
			n.list = append(n.list, p.node())
		}
		p.pos++
		return n
	case '"':
		for p.pos++; p.text[p.pos] != '"'; p.pos++ {
			if p.text[p.pos] == '\\' {
				p.pos++
			}
		}
		p.pos++
		s, err := strconv.Unquote(p.text[start:p.pos])
		if err != nil {
			panic(err)
		}
		return node{atom: s, quoted: true}
	}
	for p.pos < len(p.text) && strings.IndexByte(" \t\n()", p.text[p.pos]) < 0 {
		p.pos++
	}
	return node{atom: p.text[start:p.pos]}
}

type builder struct {
	p      *parser
	f      *ir.Func
	locals map[string]ir.LocalID
	labels map[string]ir.LabelID
}

func (b *builder) declare(name string, t types.Type) ir.LocalID {
	if id, ok := b.locals[name]; ok {
		return id
	}
	id := ir.LocalID(len(b.f.Locals))
	b.f.Locals = append(b.f.Locals, ir.Local{Name: name, Type: t})
	b.locals[name] = id
	return id
}

func (b *builder) local(name string) ir.LocalID {
	id, ok := b.locals[name]
	if !ok {
		panic("irtext: unknown local " + name)
	}
	return id
}

var bins = map[string]ir.Bin{"+": ir.Add, "-": ir.Sub, "*": ir.Mul, "/": ir.DivU, "%": ir.RemU, "&": ir.And, "|": ir.Or,
	"^": ir.Xor, "<<u": ir.Shl, ">>u": ir.ShrU, "=": ir.Eq, "!=": ir.Ne, "<": ir.LtS, "<=": ir.LeS, ">": ir.GtS,
	">=": ir.GeS, "<u": ir.LtU, "<=u": ir.LeU, ">u": ir.GtU, ">=u": ir.GeU}

func (b *builder) expr(n node) *ir.Expr {
	e := &ir.Expr{Fuel: 1, Pos: b.position(n)}
	if n.list == nil {
		b.atom(n, e)
		return e
	}
	head, rest := n.list[0].atom, n.list[1:]
	args := func(ns []node) {
		for _, a := range ns {
			e.Args = append(e.Args, b.expr(a))
		}
	}
	switch head {
	case "lit":
		e.Op, e.Type, e.Data = ir.OpLit, types.Bytes, rest[0].atom
	case "zero":
		e.Op, e.Type = ir.OpZero, typ(rest[0].atom)
	case "set":
		e.Op, e.Fuel = ir.OpSet, 0
		args(rest[1:])
		e.Local = b.declare(rest[0].atom, e.Args[0].Type)
	case "drop":
		e.Op, e.Fuel, e.Local = ir.OpDrop, 0, b.local(rest[0].atom)
	case "do":
		e.Op, e.Fuel = ir.OpDo, 0
		args(rest)
	case "seq":
		e.Op, e.Fuel = ir.OpSeq, 0
		args(rest)
		if len(e.Args) > 0 {
			e.Type = e.Args[len(e.Args)-1].Type
		}
	case "if":
		e.Op, e.Fuel = ir.OpIf, 0
		args(rest)
		if e.Type = e.Args[1].Type; e.Type == types.Never {
			e.Type = e.Args[2].Type
		}
	case "for":
		e.Op, e.Fuel = ir.OpFor, 0
		e.Local = b.declare(rest[0].atom, types.I32)
		args(rest[1:])
	case "return":
		e.Op, e.Fuel, e.Type = ir.OpReturn, 0, types.Never
		args(rest)
	case "block":
		e.Op, e.Fuel = ir.OpLabeled, 0
		e.Label = ir.LabelID(len(b.labels) + 1)
		b.labels[rest[0].atom] = e.Label
		e.Type = types.Invalid
		if rest[1].atom != "_" {
			e.Type = typ(rest[1].atom)
		}
		args(rest[2:])
	case "break":
		e.Op, e.Fuel, e.Type = ir.OpBreak, 0, types.Never
		e.Label = b.labels[rest[0].atom]
		args(rest[1:])
	case "call":
		e.Op, e.Func = ir.OpCall, b.p.ids[rest[0].atom]
		e.Type = b.p.prog.Funcs[e.Func].Result
		args(rest[1:])
	case "view":
		e.Op, e.Type, e.Fuel = ir.OpAsView, types.BytesView, 0
		args(rest)
		e.Args[0].Fuel = 0
	case "field":
		e.Op, e.Type = ir.OpField, types.I32
		e.Imm, _ = strconv.ParseInt(rest[0].atom, 0, 64)
		args(rest[1:])
	case "pack":
		e.Op, e.Type = ir.OpPack, typ(rest[0].atom)
		args(rest[1:])
	case "budget":
		fuel, _ := strconv.ParseUint(rest[0].atom, 0, 64)
		alloc, _ := strconv.ParseUint(rest[1].atom, 0, 64)
		e.Op, e.Fuel, e.Extra = ir.OpBudget, 0, &ir.Budget{Label: "contract", Fuel: fuel, AllocBytes: alloc}
		args(rest[2:])
		e.Type = e.Args[0].Type
	case "fail":
		e.Op, e.Fuel, e.Type = ir.OpContractFail, 0, types.Never
		e.Extra = &ir.Contract{Kind: rest[0].atom, Func: b.f.Name, ClauseID: "c0", ClausePtr: "/x"}
		args(rest[1:])
	case "addr":
		e.Op, e.Type, e.Local = ir.OpAddrOf, types.PtrMutVoid, b.local(rest[0].atom)
	default:
		if bin, ok := bins[head]; ok {
			e.Op, e.Type, e.Bin = ir.OpBin, types.I32, bin
			args(rest)
			break
		}
		if strings.HasSuffix(head, "!") {
			head, e.Imm = head[:len(head)-1], 1
		}
		e.Builtin = types.Lookup(head)
		if e.Builtin == nil {
			panic("irtext: unknown head " + head)
		}
		e.Op, e.Type = ir.OpBuiltin, e.Builtin.Result
		args(rest)
	}
	return e
}

func (b *builder) atom(n node, e *ir.Expr) {
	switch {
	case n.quoted:
		e.Op, e.Type, e.Data = ir.OpLit, types.Bytes, n.atom
	case n.atom == "input":
		e.Op, e.Type = ir.OpInput, types.BytesView
	case strings.HasPrefix(n.atom, "^"):
		e.Op, e.Local = ir.OpTake, b.local(n.atom[1:])
		e.Type = b.f.Locals[e.Local].Type
	default:
		if v, err := strconv.ParseInt(n.atom, 0, 64); err == nil {
			e.Op, e.Type, e.Imm = ir.OpConst, types.I32, v
			return
		}
		e.Op, e.Local = ir.OpGet, b.local(n.atom)
		e.Type = b.f.Locals[e.Local].Type
	}
}

// position records the head of a node as its pointer, which tests can
// recognise in a trap.
func (b *builder) position(n node) ir.Pos {
	if n.list == nil {
		return 0
	}
	b.p.prog.Positions = append(b.p.prog.Positions, ir.Position{Module: "main", Func: b.f.Name, Ptr: "/" + n.list[0].atom})
	return ir.Pos(len(b.p.prog.Positions) - 1)
}

// Program wraps a body in the function solve, after other definitions.
func Program(body string, defs ...string) *ir.Program {
	return Parse(strings.Join(defs, "\n") + fmt.Sprintf("\n(fn solve () bytes %s)", body))
}
