package lint

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"x07/internal/ast"
	"x07/internal/diag"
)

// The repair modes: what the caller does with the repaired document.
const (
	ModeWrite  = "write"  // the file is rewritten
	ModeMemory = "memory" // only this run sees it
	ModeOff    = "off"
)

// Iterations are how many passes repair makes unless told otherwise.
const (
	DefaultRepairIters = 3 // run, build and bundle
	FixIters           = 5 // x07 fix
)

// Summary is the repair part of a run report.
type Summary struct {
	Mode         string `json:"mode"`
	Iterations   int    `json:"iterations"`
	AppliedOps   int    `json:"applied_ops_count"`
	LastLintOK   bool   `json:"last_lint_ok"`
	changedBytes bool
}

// Changed reports whether the result differs from the source in any byte.
func (s Summary) Changed() bool { return s.changedBytes }

// Repair lints src for a world and applies the quickfixes of all diagnostics
// until there is no error, no quickfix, or maxIters passes were made (at least
// one). The result is the canonical document with the diagnostics that
// remain. With ModeOff nothing is read and the zero Result returned. It writes
// no file. Errors are those of Source, and "apply patch failed: …".
func Repair(src []byte, world, mode string, maxIters int) (Result, Summary, error) {
	sum := Summary{Mode: mode}
	if mode == ModeOff {
		return Result{}, sum, nil
	}
	res, err := Source(src, world)
	if err != nil {
		return Result{}, sum, err
	}
	for range max(maxIters, 1) {
		sum.Iterations++
		if diag.Errors(res.Diagnostics) == 0 {
			break
		}
		ops := planPatch(res.Diagnostics)
		if len(ops) == 0 {
			break
		}
		doc, err := ast.DecodeJSON(res.Canonical)
		if err != nil {
			return Result{}, sum, err
		}
		if doc, err = ast.ApplyPatch(doc, ops); err != nil {
			return Result{}, sum, fmt.Errorf("apply patch failed: %w", err)
		}
		sum.AppliedOps += len(ops)
		if res, err = Source(ast.AppendCanonicalJSON(nil, doc), world); err != nil {
			return Result{}, sum, err
		}
	}
	sum.LastLintOK = diag.Errors(res.Diagnostics) == 0
	sum.changedBytes = !bytes.Equal(res.Canonical, src)
	return res, sum, nil
}

// planPatch gathers the quickfixes of one pass into one patch. A fix inside a
// node that another fix replaces waits for the next pass: the replacement was
// made from the old inside and would undo half of it.
func planPatch(ds []diag.Diagnostic) []ast.PatchOp {
	replaced := map[string]int{} // path to the first fix that replaces it
	for i, d := range ds {
		if d.Quickfix == nil {
			continue
		}
		for _, op := range d.Quickfix.Patch {
			if _, taken := replaced[op.Path]; op.Op == "replace" && !taken {
				replaced[op.Path] = i
			}
		}
	}
	waits := func(i int) bool {
		for _, op := range ds[i].Quickfix.Patch {
			for path := op.Path; path != ""; path = path[:strings.LastIndexByte(path, '/')] {
				j, ok := replaced[path]
				if ok && j != i && (path != op.Path || op.Op == "replace" && j < i) {
					return true
				}
			}
		}
		return false
	}
	var tests, replaces, moves, removes, adds []ast.PatchOp
	for i := range ds {
		if ds[i].Quickfix == nil || waits(i) {
			continue
		}
		for _, op := range ds[i].Quickfix.Patch {
			switch op.Op {
			case "test":
				tests = append(tests, op)
			case "replace":
				replaces = append(replaces, op)
			case "remove":
				removes = append(removes, op)
			case "add":
				adds = append(adds, op)
			default:
				moves = append(moves, op)
			}
		}
	}
	slices.Reverse(removes)
	slices.Reverse(adds)
	for _, ops := range [][]ast.PatchOp{replaces, removes, adds} {
		slices.SortStableFunc(ops, func(a, b ast.PatchOp) int { return comparePaths(b.Path, a.Path) })
	}
	return slices.Concat(tests, replaces, moves, removes, adds)
}

// comparePaths orders pointers token by token: digits as numbers, a prefix
// before what it is a prefix of.
func comparePaths(a, b string) int {
	as, bs := strings.Split(a, "/"), strings.Split(b, "/")
	return slices.CompareFunc(as, bs, func(x, y string) int {
		if isDigits(x) && isDigits(y) {
			x, y = strings.TrimLeft(x, "0"), strings.TrimLeft(y, "0")
			if len(x) != len(y) {
				return len(x) - len(y)
			}
		}
		return strings.Compare(x, y)
	})
}

func isDigits(s string) bool {
	for i := 0; i < len(s); i++ {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return s != ""
}
