package cli

import (
	"cmp"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"x07/internal/report"
	"x07/internal/version"
)

// specRows describes cmd and the commands below it as x07cli.specrows@0.1.0.
func specRows(cmd *cobra.Command) []byte {
	app := map[string]any{"name": cmd.Name()}
	if cmd.Short != "" {
		app["about"] = cmd.Short
	}
	if !cmd.HasParent() {
		app["version"] = version.Language
	}
	rows := []any{}
	var describe func(c *cobra.Command, scope string)
	describe = func(c *cobra.Command, scope string) {
		rows = append(rows, scopeRows(c, scope)...)
		subs := slices.Clone(c.Commands())
		slices.SortFunc(subs, func(a, b *cobra.Command) int { return cmp.Compare(a.Name(), b.Name()) })
		for _, sub := range subs {
			name := sub.Name()
			if scope != "root" {
				name = scope + "." + name
			}
			describe(sub, name)
		}
	}
	describe(cmd, "root")
	return report.Canonical(map[string]any{"schema_version": "x07cli.specrows@0.1.0", "app": app, "rows": rows})
}

// scopeRows are the rows of one command.
func scopeRows(c *cobra.Command, scope string) []any {
	var rows []any
	if c.Short != "" {
		rows = append(rows, []any{scope, "about", c.Short})
	}
	rows = append(rows, []any{scope, "help", "-h", "--help", "Print help"})
	if !c.HasParent() {
		rows = append(rows, []any{scope, "version", "-V", "--version", "Print version"})
	}
	var flags []*pflag.Flag
	collect := func(f *pflag.Flag) {
		if !f.Hidden && f.Name != "help" && f.Name != "version" && !slices.Contains(flags, f) {
			flags = append(flags, f)
		}
	}
	c.LocalFlags().VisitAll(collect)
	c.InheritedFlags().VisitAll(collect)
	// Flags before options; within each by long name, which every flag has.
	slices.SortFunc(flags, func(a, b *pflag.Flag) int {
		return cmp.Or(cmp.Compare(rank(a), rank(b)), cmp.Compare(a.Name, b.Name))
	})
	for _, f := range flags {
		rows = append(rows, flagRow(f, scope))
	}
	return rows
}

func rank(f *pflag.Flag) int {
	if f.Value.Type() == "bool" {
		return 0
	}
	return 1
}

func flagRow(f *pflag.Flag, scope string) []any {
	short := ""
	if f.Shorthand != "" {
		short = "-" + f.Shorthand
	}
	valueName, text := pflag.UnquoteUsage(f)
	key := strings.ReplaceAll(f.Name, "-", "_")
	if rank(f) == 0 {
		return []any{scope, "flag", short, "--" + f.Name, key, text}
	}
	kind := "STR"
	for _, word := range []string{"PATH", "DIR", "FILE"} {
		if strings.Contains(valueName, word) || strings.Contains(text, word) {
			kind = "PATH"
		}
	}
	row := []any{scope, "opt", short, "--" + f.Name, key, kind, text}
	if f.DefValue != "" && f.DefValue != "[]" {
		row = append(row, map[string]any{"default": f.DefValue})
	}
	return row
}
