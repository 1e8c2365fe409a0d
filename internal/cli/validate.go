package cli

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"x07/internal/ast"
	"x07/internal/atomicfile"
	"x07/internal/diag"
	"x07/internal/lint/strict"
	"x07/internal/report"
	"x07/schemas"
)

func astValidateCommand(s streams) *cobra.Command {
	var in, out string
	cmd := &cobra.Command{
		Use:   "validate --in FILE",
		Short: "Check a document against the schema of its version",
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
			found, err := strict.Validate(src)
			if err != nil {
				return astFailure(s, rep, fmt.Errorf("parse JSON: %s: %w", in, err), exitUsage)
			}
			d := &diag.Report{Diagnostics: found}
			if out != "" {
				rep.X07Diag = &out
				if err := atomicfile.Write(out, d.AppendJSON(nil), 0o644); err != nil {
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

// supportedSchema refuses the schema versions that x07AST does not have.
func supportedSchema(version string) error {
	if !slices.Contains(strings.Split(ast.SupportedSchemas, ", "), version) {
		return usagef("unsupported schema_version: expected one of %s, got %q", ast.SupportedSchemas, version)
	}
	return nil
}

func astSchemaCommand(s streams, g *global) *cobra.Command {
	var pretty bool
	version := ast.Schema050
	cmd := &cobra.Command{
		Use:   "schema [--schema-version V]",
		Short: "Print the JSON Schema of x07AST documents",
		Args:  noArgs,
		RunE: func(*cobra.Command, []string) error {
			if err := supportedSchema(version); err != nil {
				return err
			}
			text, err := schemas.Document(version)
			if err != nil {
				return err
			}
			doc, err := ast.DecodeJSON(text)
			if err != nil {
				return fmt.Errorf("schema of %s: %w", version, err)
			}
			text = report.Canonical(doc)
			if pretty {
				text = report.CanonicalPretty(doc)
			}
			return output(s, g.out, text)
		},
	}
	cmd.Flags().BoolVar(&pretty, "pretty", false, "indent it")
	cmd.Flags().StringVar(&version, "schema-version", version, "schema version of the documents")
	return cmd
}
