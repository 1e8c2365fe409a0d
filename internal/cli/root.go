package cli

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"x07/internal/version"
)

// global are the flags that every command accepts. Most of them belong to the
// machine layer, which has acted on them before a command sees them.
type global struct {
	out       string
	reportOut string
	quietJSON bool
	specRows  bool
}

// newRoot builds the command tree.
func newRoot(s streams) *cobra.Command {
	g := &global{}
	root := &cobra.Command{
		Use:           "x07",
		Short:         "X07 toolchain utilities.",
		Long:          "X07 toolchain: run, check and ship programs that are x07AST JSON documents.",
		Version:       version.Language + " (toolchain " + version.Toolchain + ")",
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          noArgs,
		RunE:          missing("subcommand"),
	}
	root.SetVersionTemplate("x07 {{.Version}}\n")
	root.CompletionOptions.DisableDefaultCmd = true
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return &flagError{err} })
	root.Flags().BoolP("version", "V", false, "print version")

	p := root.PersistentFlags()
	p.StringVar(&g.out, "out", "", "redirect the primary output to `PATH`")
	p.Var(newEnum(new(string), "canon", "pretty", "off", "true", "false", ""), "json", "wrap the command in the tool report envelope (`MODE` canon, pretty or off)")
	p.Lookup("json").NoOptDefVal = "canon"
	p.Bool("jsonl", false, "stream the envelope as events")
	p.Bool("json-schema", false, "print the JSON Schema of the command's report")
	p.Bool("json-schema-id", false, "print the id of that schema")
	p.StringVar(&g.reportOut, "report-out", "", "also write the report to `PATH`")
	p.BoolVar(&g.quietJSON, "quiet-json", false, "do not print the report on stdout; requires --report-out")
	p.BoolVar(&g.specRows, "cli-specrows", false, "print the description of the command line")
	p.Var(newEnum(new(string), "true", "false", ""), "report-json", "hidden alias of --json")
	p.Lookup("report-json").NoOptDefVal = "true"
	p.MarkHidden("report-json")
	// A description needs the arguments parsed and nothing else.
	root.PersistentPreRunE = func(cmd *cobra.Command, _ []string) error {
		if !g.specRows {
			return nil
		}
		if _, err := s.out.Write(specRows(cmd)); err != nil {
			return fmt.Errorf("write description: %w", err)
		}
		return exit(exitOK)
	}

	root.AddCommand(
		runCommand(s, g),
		bundleCommand(s, g),
		buildCommand(s, g),
		fmtCommand(s),
		lintCommand(s, g),
		fixCommand(s, g),
		astCommand(s, g),
		patchCommand(s),
		initCommand(s),
		guideCommand(s, g),
		docCommand(s, g),
		policyCommand(s, g),
		doctorCommand(s),
	)
	return root
}

// missing is what a command that only groups others does when it is run.
func missing(what string) func(*cobra.Command, []string) error {
	return func(*cobra.Command, []string) error {
		return usagef("missing %s (try --help)", what)
	}
}

// group is a command that has only subcommands.
func group(use, short, what string, subs ...*cobra.Command) *cobra.Command {
	cmd := &cobra.Command{Use: use, Short: short, Args: noArgs, RunE: missing(what)}
	cmd.AddCommand(subs...)
	return cmd
}

// enum is a flag that takes one of a list of words.
type enum struct {
	value   *string
	allowed []string
}

func newEnum(value *string, allowed ...string) pflag.Value { return &enum{value, allowed} }

func (e *enum) String() string { return *e.value }
func (e *enum) Type() string   { return "string" }
func (e *enum) Set(v string) error {
	if !slices.Contains(e.allowed, v) {
		return fmt.Errorf("%q is not one of %s", v, strings.Join(e.allowed, ", "))
	}
	*e.value = v
	return nil
}

// number is an unsigned flag that knows whether it was given.
type number struct{ value **uint64 }

func (n number) Type() string { return "uint" }
func (n number) String() string {
	if n.value == nil || *n.value == nil {
		return ""
	}
	return fmt.Sprint(**n.value)
}
func (n number) Set(v string) error {
	u, err := parseUint(v)
	if err != nil {
		return err
	}
	*n.value = &u
	return nil
}
