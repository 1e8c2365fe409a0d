package cli

import (
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"x07/internal/ast"
	"x07/internal/atomicfile"
	"x07/internal/diag"
	"x07/internal/lint/strict"
	"x07/internal/oserr"
	"x07/internal/program"
	"x07/internal/project"
	"x07/internal/report"
)

const exitPatch = 21

func astCommand(s streams, g *global) *cobra.Command {
	return group("ast", "Look at and change x07AST documents", "ast subcommand",
		astInitCommand(s, g), astGetCommand(s, g), astPatchCommand(s, g), astCanonCommand(s, g), astValidateCommand(s), astSchemaCommand(s, g))
}

// astFailure prints a report that says ok:false, tells why on stderr, and ends
// with code.
func astFailure(s streams, rep any, err error, code int) error {
	if _, werr := s.out.Write(report.Compact(rep)); werr != nil {
		return fmt.Errorf("write report: %w", werr)
	}
	fmt.Fprintln(s.err, err)
	return exit(code)
}

func emitReport(s streams, rep any) error {
	if _, err := s.out.Write(report.Compact(rep)); err != nil {
		return fmt.Errorf("write report: %w", err)
	}
	return nil
}

// required refuses a flag that was not given.
func required(pairs ...string) error {
	for i := 0; i < len(pairs); i += 2 {
		if pairs[i+1] == "" {
			return argError("%s is required", pairs[i])
		}
	}
	return nil
}

func astInitCommand(s streams, g *global) *cobra.Command {
	var world, module string
	version, kind := ast.Schema050, "entry"
	cmd := &cobra.Command{
		Use:   "init --world W --module ID --out PATH",
		Short: "Write the skeleton of a document",
		Args:  noArgs,
		RunE: func(*cobra.Command, []string) error {
			if err := required("--world", world, "--module", module); err != nil {
				return err
			}
			if g.out == "" {
				return usagef("ast init: missing --out <PATH>")
			}
			if err := supportedSchema(version); err != nil {
				return err
			}
			rep := struct {
				OK            bool   `json:"ok"`
				Out           string `json:"out"`
				SchemaVersion string `json:"schema_version"`
				TemplateID    string `json:"template_id"`
				SHA256        string `json:"sha256"`
			}{false, g.out, version, world + "/" + module + "@v1", ""}
			if strings.ContainsAny(module, " \t\r\n") {
				return astFailure(s, rep, fmt.Errorf("module id must not contain whitespace: %q", module), exitUsage)
			}
			doc := map[string]any{"schema_version": version, "kind": kind, "module_id": module, "imports": []any{}, "decls": []any{}}
			if kind == "entry" {
				doc["solve"] = []any{"bytes.alloc", 0}
			}
			text := report.Canonical(doc)
			if _, err := ast.Parse(text); err != nil {
				return astFailure(s, rep, err, exitUsage)
			}
			if err := atomicfile.Write(g.out, text, 0o644); err != nil {
				return astFailure(s, rep, err, exitUsage)
			}
			rep.OK, rep.SHA256 = true, program.Hash(text)
			return emitReport(s, rep)
		},
	}
	fl := cmd.Flags()
	fl.Var(newEnum(&world, project.Worlds[:]...), "world", "world id")
	fl.StringVar(&module, "module", "", "module `ID`")
	fl.StringVar(&version, "schema-version", version, "schema version of the document")
	fl.Var(newEnum(&kind, "entry", "module"), "kind", "entry or module")
	return cmd
}

// canonicalDoc reads a file as a generic document: canonical if it is valid
// x07AST, as it is otherwise.
func canonicalDoc(path string) (any, error) {
	src, err := readSource(path)
	if err != nil {
		return nil, err
	}
	if f, err := ast.Parse(src); err == nil {
		src = ast.Format(f)
	}
	doc, err := ast.DecodeJSON(src)
	if err != nil {
		return nil, fmt.Errorf("parse JSON: %s: %w", path, err)
	}
	return doc, nil
}

func astGetCommand(s streams, g *global) *cobra.Command {
	var in, ptr string
	cmd := &cobra.Command{
		Use:   "get --in FILE --ptr POINTER",
		Short: "Print the node that a pointer names",
		Args:  noArgs,
		RunE: func(*cobra.Command, []string) error {
			if err := required("--in", in); err != nil {
				return err
			}
			rep := struct {
				OK    bool   `json:"ok"`
				In    string `json:"in"`
				Ptr   string `json:"ptr"`
				Out   string `json:"out,omitempty"`
				Error string `json:"error,omitempty"`
				Value any    `json:"value,omitempty"`
			}{In: in, Ptr: ptr}
			doc, err := canonicalDoc(in)
			if err != nil {
				return astFailure(s, rep, err, exitUsage)
			}
			value, err := ast.Lookup(doc, strings.TrimSpace(ptr))
			if err != nil {
				rep.Error = err.Error()
				if err := emitReport(s, rep); err != nil {
					return err
				}
				return exit(exitReported)
			}
			switch g.out {
			case "":
			case "-":
				rep.Error = "--out '-' is not supported (stdout is reserved for the report)"
				if err := emitReport(s, rep); err != nil {
					return err
				}
				return exit(exitReported)
			default:
				rep.Out = g.out
				if err := atomicfile.Write(g.out, report.CanonicalPretty(value), 0o644); err != nil {
					return astFailure(s, rep, err, exitUsage)
				}
			}
			rep.OK, rep.Value = true, value
			return emitReport(s, rep)
		},
	}
	cmd.Flags().StringVar(&in, "in", "", "document, `FILE`")
	cmd.Flags().StringVar(&ptr, "ptr", "", "RFC 6901 `POINTER`")
	return cmd
}

// changed is the report of commands that rewrite a document.
type changed struct {
	OK     bool   `json:"ok"`
	In     string `json:"in"`
	Out    string `json:"out"`
	SHA256 string `json:"sha256"`
}

func astPatchCommand(s streams, g *global) *cobra.Command {
	var in, patch string
	var validate bool
	cmd := &cobra.Command{
		Use:   "apply-patch --in FILE --patch FILE",
		Short: "Apply a JSON Patch to the canonical document",
		Args:  noArgs,
		RunE: func(*cobra.Command, []string) error {
			if err := required("--in", in, "--patch", patch); err != nil {
				return err
			}
			rep := changed{In: in, Out: g.out}
			if rep.Out == "" {
				rep.Out = in
			}
			doc, err := canonicalDoc(in)
			if err != nil {
				return astFailure(s, rep, err, exitUsage)
			}
			src, err := os.ReadFile(patch)
			if err != nil {
				return astFailure(s, rep, fmt.Errorf("read patch: %s: %w", patch, oserr.Cause(err)), exitUsage)
			}
			ops, err := ast.DecodePatch(src)
			if err != nil {
				return astFailure(s, rep, fmt.Errorf("parse patch: %s: %w", patch, err), exitUsage)
			}
			if doc, err = ast.ApplyPatch(doc, ops); err != nil {
				return astFailure(s, rep, fmt.Errorf("apply patch failed: %w", err), exitPatch)
			}
			text := report.Canonical(doc)
			if validate {
				found, err := strict.Validate(text)
				if err != nil {
					return astFailure(s, rep, fmt.Errorf("validate the result: %w", err), exitUsage)
				}
				if len(found) > 0 {
					if err := emitReport(s, &diag.Report{Diagnostics: found}); err != nil {
						return err
					}
					return exit(exitReported)
				}
			}
			if f, err := ast.Parse(text); err == nil {
				text = ast.Format(f)
			}
			if err := atomicfile.Write(rep.Out, text, 0o644); err != nil {
				return astFailure(s, rep, err, exitUsage)
			}
			rep.OK, rep.SHA256 = true, program.Hash(text)
			return emitReport(s, rep)
		},
	}
	fl := cmd.Flags()
	fl.StringVar(&in, "in", "", "document, `FILE`")
	fl.StringVar(&patch, "patch", "", "JSON Patch array, `FILE`")
	fl.BoolVar(&validate, "validate", false, "refuse a result that is not x07AST")
	return cmd
}

func astCanonCommand(s streams, g *global) *cobra.Command {
	var in string
	cmd := &cobra.Command{
		Use:   "canon --in FILE",
		Short: "Rewrite a document in the canonical form",
		Args:  noArgs,
		RunE: func(*cobra.Command, []string) error {
			if err := required("--in", in); err != nil {
				return err
			}
			rep := changed{In: in, Out: g.out}
			if rep.Out == "" {
				rep.Out = in
			}
			src, err := readSource(in)
			if err != nil {
				return astFailure(s, rep, err, exitUsage)
			}
			f, err := ast.Parse(src)
			if err != nil {
				return astFailure(s, rep, fmt.Errorf("parse x07AST JSON: %s: %w", in, err), exitUsage)
			}
			text := ast.Format(f)
			if err := atomicfile.Write(rep.Out, text, 0o644); err != nil {
				return astFailure(s, rep, err, exitUsage)
			}
			rep.OK, rep.SHA256 = true, program.Hash(text)
			return emitReport(s, rep)
		},
	}
	cmd.Flags().StringVar(&in, "in", "", "document, `FILE`")
	return cmd
}
