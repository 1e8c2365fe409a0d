package cli

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"x07/internal/ast"
	"x07/internal/diag"
	"x07/internal/project"
)

// The codes of document validation.
const (
	codeSchemaVersion = "X07-SCHEMA-0002"
	codeParse         = "X07-X07AST-PARSE-0001"
)

func astValidateCommand(s streams) *cobra.Command {
	var in, out string
	cmd := &cobra.Command{
		Use:   "validate --in FILE",
		Short: "Check that a document is x07AST",
		Args:  noArgs,
		RunE: func(*cobra.Command, []string) error {
			if err := required("--in", in); err != nil {
				return err
			}
			rep := struct {
				OK               bool    `json:"ok"`
				In               string  `json:"in"`
				X07Diag          *string `json:"x07diag"`
				DiagnosticsCount int     `json:"diagnostics_count"`
			}{In: in}
			src, err := readSource(in)
			if err != nil {
				return astFailure(s, rep, err, exitUsage)
			}
			d, err := validate(src)
			if err != nil {
				return astFailure(s, rep, fmt.Errorf("parse JSON: %s: %w", in, err), exitUsage)
			}
			if out != "" {
				rep.X07Diag = &out
				if err := project.WriteAtomic(out, d.AppendJSON(nil), 0o644); err != nil {
					return astFailure(s, rep, err, exitUsage)
				}
			}
			rep.OK, rep.DiagnosticsCount = d.OK(), len(d.Diagnostics)
			if err := emitReport(s, rep); err != nil {
				return err
			}
			if !rep.OK {
				return exit(exitReported)
			}
			return nil
		},
	}
	cmd.Flags().StringVar(&in, "in", "", "document, `FILE`")
	cmd.Flags().StringVar(&out, "x07diag", "", "write the full diagnostics to `PATH`")
	return cmd
}

// validate checks a document's schema version and structure. Text that is no
// JSON is an error.
func validate(src []byte) (*diag.Report, error) {
	doc, err := ast.DecodeJSON(src)
	if err != nil {
		return nil, err
	}
	r := &diag.Report{}
	obj, _ := doc.(map[string]any)
	supported := strings.Split(ast.SupportedSchemas, ", ")
	if got, ok := obj["schema_version"].(string); ok && !slices.Contains(supported, got) {
		list := make([]any, len(supported))
		for i, v := range supported {
			list[i] = v
		}
		r.Diagnostics = append(r.Diagnostics, diag.Diagnostic{
			Code: codeSchemaVersion, Severity: diag.SeverityError, Stage: diag.StageParse,
			Message: fmt.Sprintf("unsupported schema_version: %q (supported: %s)", got, ast.SupportedSchemas),
			Loc:     diag.At("/schema_version"),
			Data:    map[string]any{"got": got, "supported": list},
			Quickfix: &diag.Quickfix{
				Patch: []ast.PatchOp{{Op: "replace", Path: "/schema_version", Value: ast.Schema050}},
				Note:  "Set schema_version to " + ast.Schema050,
			},
		})
	}
	if _, err := ast.Parse(src); err != nil {
		r.Diagnostics = append(r.Diagnostics, parseDiagnostic(err).Diagnostics...)
	}
	diag.Sort(r.Diagnostics)
	return r, nil
}

// parseDiagnostic is a parser failure as a report.
func parseDiagnostic(err error) *diag.Report {
	d := diag.Diagnostic{Code: codeParse, Severity: diag.SeverityError, Stage: diag.StageParse, Message: err.Error()}
	var pe *ast.ParseError
	if errors.As(err, &pe) {
		d.Message, d.Loc = pe.Message, diag.At(pe.Ptr)
	}
	return &diag.Report{Diagnostics: []diag.Diagnostic{d}}
}
