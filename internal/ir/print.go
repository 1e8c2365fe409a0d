package ir

import (
	"fmt"
	"strconv"
	"strings"

	"x07/internal/types"
)

var opNames = [...]string{
	OpInvalid: "invalid", OpConst: "const", OpZero: "zero", OpLit: "lit", OpInput: "input",
	OpGet: "get", OpTake: "take", OpSet: "set", OpDrop: "drop", OpSeq: "seq", OpDo: "do",
	OpIf: "if", OpFor: "for", OpReturn: "return", OpLabeled: "labeled", OpBreak: "break",
	OpBin: "bin", OpCall: "call", OpBuiltin: "builtin", OpAsView: "as_view", OpField: "field",
	OpPack: "pack", OpBudget: "budget", OpContractFail: "contract_fail", OpAddrOf: "addr_of",
}

func opName(o Op) string {
	if int(o) < len(opNames) {
		return opNames[o]
	}
	return "op" + strconv.Itoa(int(o))
}

var binNames = [...]string{
	"add", "sub", "mul", "div_u", "rem_u", "and", "or", "xor", "shl", "shr_u",
	"eq", "ne", "lt_s", "le_s", "gt_s", "ge_s", "lt_u", "le_u", "gt_u", "ge_u",
}

// String is the name of the operator in printed IR.
func (b Bin) String() string { return binNames[b] }

// String prints all functions, for tests and debugging.
func (p *Program) String() string {
	var b strings.Builder
	for i, f := range p.Funcs {
		if i > 0 {
			b.WriteByte('\n')
		}
		pr := printer{&b, p, f, true}
		pr.function()
	}
	return b.String()
}

// Print prints one function of p; fuel says whether to show charges.
func Print(p *Program, f *Func, fuel bool) string {
	var b strings.Builder
	pr := printer{&b, p, f, fuel}
	pr.function()
	return b.String()
}

type printer struct {
	b    *strings.Builder
	prog *Program
	f    *Func
	fuel bool
}

// function prints a header and the body, one statement a line.
func (p *printer) function() {
	fmt.Fprintf(p.b, "func %s(", p.f.Name)
	for i := range p.f.Locals[:p.f.NumParams] {
		if i > 0 {
			p.b.WriteString(", ")
		}
		fmt.Fprintf(p.b, "%s %s", p.name(LocalID(i)), typeName(p.f.Locals[i].Type))
	}
	fmt.Fprintf(p.b, ") %s\n", typeName(p.f.Result))
	p.lines(p.f.Body, 1)
}

func typeName(t types.Type) string {
	if tok := t.Token(); tok != "" {
		return tok
	}
	return t.String()
}

// name is a local's name, made unique by its number.
func (p *printer) name(id LocalID) string {
	if id < 0 || int(id) >= len(p.f.Locals) {
		return "local?" + strconv.Itoa(int(id))
	}
	return p.f.Locals[id].Name + "%" + strconv.Itoa(int(id))
}

// lines prints a node as statements, its structure as indentation.
func (p *printer) lines(e *Expr, depth int) {
	ind := strings.Repeat("  ", depth)
	charge := ""
	if p.fuel && e.Fuel > 0 {
		charge = fmt.Sprintf(" ~%d", e.Fuel)
	}
	switch e.Op {
	case OpSeq:
		if charge != "" || len(e.Args) == 0 {
			p.b.WriteString(ind + "seq" + charge + "\n")
		}
		for _, a := range e.Args {
			p.lines(a, depth)
		}
	case OpIf:
		p.b.WriteString(ind + "if " + p.expr(e.Args[0]) + charge + "\n")
		p.lines(e.Args[1], depth+1)
		if el := e.Args[2]; el.Op != OpSeq || len(el.Args) > 0 {
			p.b.WriteString(ind + "else\n")
			p.lines(el, depth+1)
		}
	case OpFor:
		fmt.Fprintf(p.b, "%sfor %s = %s to %s%s\n", ind, p.name(e.Local), p.expr(e.Args[0]), p.expr(e.Args[1]), charge)
		p.lines(e.Args[2], depth+1)
	case OpSet:
		if big(e.Args[0]) {
			fmt.Fprintf(p.b, "%s%s =%s\n", ind, p.name(e.Local), charge)
			p.lines(e.Args[0], depth+1)
			return
		}
		fmt.Fprintf(p.b, "%s%s = %s%s\n", ind, p.name(e.Local), p.expr(e.Args[0]), charge)
	case OpLabeled, OpBudget:
		p.b.WriteString(ind + opName(e.Op))
		if e.Op == OpLabeled {
			p.b.WriteString(" " + strconv.Itoa(int(e.Label)))
		}
		p.b.WriteString(charge + "\n")
		p.lines(e.Args[0], depth+1)
	case OpDo, OpReturn:
		if big(e.Args[0]) {
			p.b.WriteString(ind + opName(e.Op) + charge + "\n")
			p.lines(e.Args[0], depth+1)
			return
		}
		p.b.WriteString(ind + opName(e.Op) + " " + p.expr(e.Args[0]) + charge + "\n")
	default:
		p.b.WriteString(ind + p.expr(e) + "\n")
	}
}

// big reports whether e is printed as statements.
func big(e *Expr) bool {
	switch e.Op {
	case OpSeq, OpIf, OpFor, OpLabeled, OpBudget:
		return true
	}
	return false
}

// expr prints a node on one line.
func (p *printer) expr(e *Expr) string {
	s := p.expr1(e)
	if p.fuel && e.Fuel > 0 {
		s += "~" + strconv.Itoa(int(e.Fuel))
	}
	return s
}

func (p *printer) expr1(e *Expr) string {
	switch e.Op {
	case OpConst:
		return strconv.Itoa(int(int32(e.Imm)))
	case OpZero:
		return "zero:" + typeName(e.Type)
	case OpLit:
		return strconv.Quote(e.Data)
	case OpInput:
		return "input"
	case OpGet:
		return p.name(e.Local)
	case OpTake:
		return "take " + p.name(e.Local)
	case OpSet:
		return p.name(e.Local) + " = " + p.expr(e.Args[0])
	case OpDrop:
		return "drop " + p.name(e.Local)
	case OpAddrOf:
		return "addr_of " + p.name(e.Local)
	case OpBin:
		return "(" + e.Bin.String() + " " + p.list(e.Args) + ")"
	case OpCall:
		name := "func?" + strconv.Itoa(int(e.Func))
		if e.Func >= 0 && int(e.Func) < len(p.prog.Funcs) {
			name = p.prog.Funcs[e.Func].Name
		}
		return name + "(" + p.list(e.Args) + ")"
	case OpBuiltin:
		name := e.Builtin.Name
		if e.Imm == 1 {
			name += "!"
		}
		return name + "(" + p.list(e.Args) + ")"
	case OpField:
		return p.expr(e.Args[0]) + "." + strconv.Itoa(int(e.Imm))
	case OpPack:
		return typeName(e.Type) + "{" + p.list(e.Args) + "}"
	case OpContractFail:
		c, _ := e.Extra.(*Contract)
		if c == nil {
			return "contract_fail"
		}
		return fmt.Sprintf("contract_fail %s %s (%s)", c.Kind, c.ClauseID, p.list(e.Args))
	case OpLabeled, OpBreak:
		return fmt.Sprintf("%s %d (%s)", opName(e.Op), e.Label, p.list(e.Args))
	case OpFor:
		return fmt.Sprintf("for %s (%s)", p.name(e.Local), p.list(e.Args))
	}
	return opName(e.Op) + "(" + p.list(e.Args) + ")"
}

func (p *printer) list(es []*Expr) string {
	var s []string
	for _, e := range es {
		s = append(s, p.expr(e))
	}
	return strings.Join(s, ", ")
}
