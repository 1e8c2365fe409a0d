package check

import (
	"fmt"

	"x07/internal/ast"
	"x07/internal/program"
	"x07/internal/types"
)

// laterInternal are internal-only heads of parts of the language that are not
// in this release; they are refused as internal first.
var laterInternal = map[string]bool{
	"task.scope.slot_to_i32_v1":            true,
	"task.scope.slot_from_i32_v1":          true,
	"__internal.stream_xf.plugin_init_v1":  true,
	"__internal.stream_xf.plugin_step_v1":  true,
	"__internal.stream_xf.plugin_flush_v1": true,
}

// InternalHeads refuses internal-only heads anywhere in a document that is not
// of the built-in library. It suits program.Options.AfterShape.
func InternalHeads(m *program.Module) error {
	if m.Builtin {
		return nil
	}
	var at *ast.Expr
	scan := func(e *ast.Expr) {
		if at == nil {
			at = internalHead(e)
		}
	}
	for _, d := range m.File.Decls {
		eachRoot(d, scan)
	}
	if m.File.Solve != nil {
		scan(m.File.Solve)
	}
	if at == nil {
		return nil
	}
	return internalHeadError(m.Label(), m.ID, at)
}

// internalHead is the first list below e with an internal-only head, or nil.
func internalHead(e *ast.Expr) *ast.Expr {
	if e.Kind != ast.List {
		return nil
	}
	h := e.Head()
	if laterInternal[h] {
		return e
	}
	if b := types.Lookup(h); b != nil && b.Internal {
		return e
	}
	for _, item := range e.Items {
		if found := internalHead(item); found != nil {
			return found
		}
	}
	return nil
}

func internalHeadError(label, module string, at *ast.Expr) *Error {
	return &Error{
		Kind:    kindUnsupported,
		Message: fmt.Sprintf("%s: internal-only builtin is not allowed here: %s", label, at.Head()),
		Module:  module,
		Ptr:     at.Ptr(),
	}
}

func (c *checker) failInternalHead(label, module string, at *ast.Expr) {
	panic(internalHeadError(label, module, at))
}
