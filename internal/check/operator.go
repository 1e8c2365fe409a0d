package check

import (
	"x07/internal/ast"
	"x07/internal/types"
)

// constant is the value that a node certainly has after the folding that the
// language describes.
func constant(n *Node) (int32, bool) {
	switch n.Kind {
	case Int:
		return n.Imm, true
	case Block:
		if len(n.Args) == 1 && !n.Stmt {
			return constant(n.Args[0])
		}
	case If:
		if c, ok := constant(n.Args[0]); ok {
			if c != 0 {
				return constant(n.Args[1])
			}
			return constant(n.Args[2])
		}
	case Bin:
		a, okA := constant(n.Args[0])
		if !okA {
			break
		}
		b, okB := constant(n.Args[1])
		if !okB {
			break
		}
		return foldable(Operators[n.Op], uint32(a), uint32(b))
	}
	return 0, false
}

// foldable computes the operators that are folded.
func foldable(op string, a, b uint32) (int32, bool) {
	truth := func(v bool) (int32, bool) {
		if v {
			return 1, true
		}
		return 0, true
	}
	switch op {
	case "+":
		return int32(a + b), true
	case "-":
		return int32(a - b), true
	case "*":
		return int32(a * b), true
	case "/":
		if b == 0 {
			return 0, true
		}
		return int32(a / b), true
	case "%":
		if b == 0 {
			return int32(a), true
		}
		return int32(a % b), true
	case "=":
		return truth(a == b)
	case "<u":
		return truth(a < b)
	case ">=u":
		return truth(a >= b)
	}
	return 0, false
}

// binary checks an operator.
func (f *fn) binary(e *ast.Expr, op uint8, args []*ast.Expr) val {
	name := Operators[op]
	if len(args) != 2 {
		f.fail(kindParse, "%s expects 2 args", name)
	}
	a := f.value(args[0])
	b := f.value(args[1])
	if a.n.Type != types.I32 || b.n.Type != types.I32 {
		f.fail(kindTyping, "%s expects i32 args", name)
	}
	if name == "<u" || name == ">=u" {
		f.neverOrAlways(name, b.n)
	}
	n := f.node(Bin, types.I32, e, 1)
	n.Op, n.Args = op, f.list(a.n, b.n)
	return val{n: n}
}

// neverOrAlways refuses unsigned comparisons with zero, which a program
// writes when it means signed ones.
func (f *fn) neverOrAlways(op string, right *Node) {
	if c, ok := constant(right); !ok || c != 0 {
		return
	}
	if op == "<u" {
		f.fail(kindTyping, "semantic error: `(<u x 0)` is always false (unsigned comparison). Use a signed comparison like `(< x 0)` when checking for negatives, or guard before decrementing.")
	}
	f.fail(kindTyping, "semantic error: `(>=u x 0)` is always true (unsigned comparison). Use a signed comparison like `(>= x 0)` when checking for negatives, or remove the check.")
}
