// Package strict holds an x07AST document to the schema of its version, which
// refuses more than the parser does. Bytes come in, diagnostics go out. It
// never looks at what a program means; that is what package lint is for.
package strict

import (
	"errors"
	"fmt"

	"x07/internal/ast"
	"x07/internal/diag"
	"x07/schemas"
)

// maxViolations is how many breaches of the schema are reported.
const maxViolations = 100

// Validate checks src against the schema that its schema_version names and
// parses it. The result is sorted, and empty for a valid document. The error
// says that src is not JSON.
func Validate(src []byte) ([]diag.Diagnostic, error) {
	doc, err := ast.DecodeJSON(src)
	if err != nil {
		return nil, err
	}
	version := ast.Schema050
	if obj, ok := doc.(map[string]any); ok {
		if v, ok := obj["schema_version"].(string); ok {
			version = v
		}
	}
	var violations []schemas.Violation
	var out []diag.Diagnostic
	switch version {
	case ast.Schema030, ast.Schema040, ast.Schema050:
		schema, err := schemas.Compile(version)
		if err != nil {
			return nil, err
		}
		violations = schema.Validate(doc, maxViolations)
	default:
		out = append(out, unsupported(version))
	}
	for _, v := range violations {
		out = append(out, diag.Diagnostic{Code: "X07-SCHEMA-0001", Severity: diag.SeverityError, Stage: diag.StageParse,
			Message: v.Message(), Loc: diag.At(v.Pointer),
			Data: map[string]any{"instance_path": v.Pointer, "schema_path": v.SchemaPath}})
	}
	var pe *ast.ParseError
	if _, err := ast.Parse(src); errors.As(err, &pe) {
		out = append(out, diag.Diagnostic{Code: "X07-X07AST-PARSE-0001", Severity: diag.SeverityError, Stage: diag.StageParse,
			Message: pe.Message, Loc: diag.At(pe.Ptr)})
	}
	diag.Sort(out)
	return out, nil
}

func unsupported(version string) diag.Diagnostic {
	const ptr = "/schema_version"
	return diag.Diagnostic{Code: "X07-SCHEMA-0002", Severity: diag.SeverityError, Stage: diag.StageParse,
		Message: fmt.Sprintf("unsupported schema_version: %q (supported: %s)", version, ast.SupportedSchemas),
		Loc:     diag.At(ptr),
		Data:    map[string]any{"got": version, "supported": []string{ast.Schema030, ast.Schema040, ast.Schema050}},
		Quickfix: &diag.Quickfix{Note: "Set schema_version to " + ast.Schema050,
			Patch: []ast.PatchOp{{Op: "replace", Path: ptr, Value: ast.Schema050}}}}
}
