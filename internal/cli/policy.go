package cli

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"x07/internal/oserr"
	"x07/internal/policy"
	"x07/internal/report"
)

func policyCommand(s streams, g *global) *cobra.Command {
	return group("policy", "Make, check and derive sandbox policies", "policy subcommand",
		policyInitCommand(s, g), policyCheckCommand(s, g), policySuggestCommand(s, g))
}

func policyInitCommand(s streams, g *global) *cobra.Command {
	o := policy.InitOptions{}
	emit := "report"
	cmd := &cobra.Command{
		Use:   "init --template NAME",
		Short: "Write the base policy of a template",
		Args:  noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if o.Template == "" {
				return argError("--template is required")
			}
			o.HasPolicyID = cmd.Flags().Changed("policy-id")
			o.Out = g.out
			var err error
			if o.WorkDir, err = workingDir(); err != nil {
				return err
			}
			rep, doc, err := policy.Init(o)
			if err != nil {
				if policy.ExitCode(err) == exitSchema {
					return policySchemaError(s, err)
				}
				return err
			}
			if emit == "report" {
				doc = rep.JSON()
			}
			if _, err := s.out.Write(doc); err != nil {
				return fmt.Errorf("write report: %w", err)
			}
			return exitWith(rep.ExitCode())
		},
	}
	fl := cmd.Flags()
	fl.Var(newEnum(&o.Template, policy.Templates()...), "template", "kind of program, `NAME`")
	fl.StringVar(&o.Project, "project", "", "project manifest, `PATH`")
	fl.StringVar(&o.PolicyID, "policy-id", "", "policy_id of the document")
	fl.BoolVar(&o.Force, "force", false, "overwrite a differing file")
	fl.Var(newEnum(&emit, "report", "policy"), "emit", "what goes to stdout: report or policy")
	fl.BoolVar(&o.MkdirOut, "mkdir-out", false, "create parents of --out")
	return cmd
}

// policySchemaError prints the diagnostics of a policy that violates its schema
// on standard output and ends with the code for that.
func policySchemaError(s streams, err error) error {
	if pe := asPolicyError(err); pe != nil {
		if _, werr := s.out.Write(pe.Diagnostics()); werr != nil {
			return fmt.Errorf("write diagnostics: %w", werr)
		}
	}
	return exit(exitSchema)
}

func policyCheckCommand(s streams, g *global) *cobra.Command {
	return &cobra.Command{
		Use:   "check FILE",
		Short: "Validate a policy and warn of contradictions, dead entries and broad grants",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return argError("expected one policy file, got %d arguments", len(args))
			}
			return nil
		},
		RunE: func(_ *cobra.Command, args []string) error {
			p, _, err := policy.LoadFile(args[0])
			if err != nil {
				if policy.ExitCode(err) == exitSchema {
					return policySchemaError(s, err)
				}
				return err
			}
			warnings := policy.Check(p)
			if warnings == nil {
				warnings = []policy.Finding{}
			}
			return output(s, g.out, report.Compact(struct {
				SchemaVersion string           `json:"schema_version"`
				OK            bool             `json:"ok"`
				Policy        string           `json:"policy"`
				PolicyID      string           `json:"policy_id"`
				Warnings      []policy.Finding `json:"warnings"`
			}{"x07.policy.check.report@0.1.0", true, args[0], p.PolicyID, warnings}))
		},
	}
}

func policySuggestCommand(s streams, g *global) *cobra.Command {
	var audit, base, projectFile string
	var o policy.SuggestOptions
	cmd := &cobra.Command{
		Use:   "suggest --audit FILE [--base POLICY]",
		Short: "Print the smallest policy that allows what a run used",
		Args:  noArgs,
		RunE: func(*cobra.Command, []string) error {
			if audit == "" {
				return argError("--audit is required")
			}
			dir, err := workingDir()
			if err != nil {
				return err
			}
			root, err := policy.ProjectRoot(dir, projectFile)
			if err != nil {
				return err
			}
			if base != "" {
				if o.Base, _, err = policy.LoadFile(base); err != nil {
					return err
				}
			}
			o.Exists = func(rel string) bool {
				_, err := os.Lstat(filepath.Join(root, filepath.FromSlash(rel)))
				return err == nil
			}
			log, err := os.Open(audit)
			if err != nil {
				return fmt.Errorf("read audit log: %s: %w", audit, oserr.Cause(err))
			}
			defer log.Close()
			sug, err := policy.Suggest(log, o)
			if err != nil {
				return err
			}
			for _, line := range sug.Unmet {
				fmt.Fprintf(s.err, "x07 policy suggest: no policy can allow this: %s\n", line)
			}
			return output(s, g.out, sug.Bytes)
		},
	}
	fl := cmd.Flags()
	fl.StringVar(&audit, "audit", "", "audit log of a run, `FILE`")
	fl.StringVar(&base, "base", "", "policy that supplies limits and ceilings, `FILE`")
	fl.StringVar(&projectFile, "project", "", "project manifest, `PATH`")
	fl.BoolVar(&o.IncludeDenied, "include-denied", false, "also grant what was refused")
	return cmd
}
