package cli

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"x07/internal/ast"
	"x07/internal/atomicfile"
	"x07/internal/diag"
	"x07/internal/lint"
	"x07/internal/oserr"
	"x07/internal/project"
)

// skippedDirs are never searched for programs.
var skippedDirs = []string{".git", ".x07", "target", ".agent", ".claude"}

// collectInputs turns --input values into files: a directory stands for the
// *.x07.json files below it, links not followed. The order is that of the
// values, sorted by path within a directory, without repetitions.
func collectInputs(inputs []string) ([]string, error) {
	if len(inputs) == 0 {
		return nil, argError("--input is required")
	}
	var files []string
	add := func(p string) {
		if !slices.Contains(files, p) {
			files = append(files, p)
		}
	}
	for _, in := range inputs {
		info, err := os.Stat(in)
		switch {
		case err == nil && info.Mode().IsRegular():
			add(in)
		case err == nil && info.IsDir():
			err := filepath.WalkDir(in, func(p string, d fs.DirEntry, err error) error {
				switch {
				case err != nil:
					return err
				case d.IsDir() && slices.Contains(skippedDirs, d.Name()):
					return filepath.SkipDir
				case d.Type().IsRegular() && strings.HasSuffix(p, ".x07.json"):
					add(p)
				}
				return nil
			})
			if err != nil {
				return nil, fmt.Errorf("collect inputs: %w", err)
			}
		default:
			return nil, usagef("collect inputs: --input does not exist or is not a file/dir: %s", in)
		}
	}
	if len(files) == 0 {
		return nil, usagef("collect inputs: no *.x07.json inputs found")
	}
	return files, nil
}

func readSource(path string) ([]byte, error) {
	src, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read x07AST: %s: %w", path, oserr.Cause(err))
	}
	return src, nil
}

func fmtCommand(s streams) *cobra.Command {
	var inputs []string
	var check, write bool
	cmd := &cobra.Command{
		Use:   "fmt --input PATH (--check | --write)",
		Short: "Write programs in the canonical form, or check that they are",
		Args:  noArgs,
		RunE: func(*cobra.Command, []string) error {
			if check == write {
				return usagef("set exactly one of --check or --write")
			}
			files, err := collectInputs(inputs)
			if err != nil {
				return err
			}
			code := exitOK
			for _, path := range files {
				src, err := readSource(path)
				if err != nil {
					return err
				}
				f, err := ast.Parse(src)
				if err != nil {
					return fmt.Errorf("parse x07ast JSON: %s: %w", path, err)
				}
				canon := ast.Format(f)
				switch {
				case bytes.Equal(canon, src):
				case check:
					fmt.Fprintf(s.err, "file is not formatted: %s\n", path)
					code = exitFailed
				default:
					if err := atomicfile.Write(path, canon, 0o644); err != nil {
						return err
					}
				}
			}
			return exitWith(code)
		},
	}
	fl := cmd.Flags()
	fl.StringArrayVar(&inputs, "input", nil, "file or directory, `PATH` (repeatable)")
	fl.BoolVar(&check, "check", false, "report files that are not canonical")
	fl.BoolVar(&write, "write", false, "rewrite them")
	return cmd
}

func lintCommand(s streams, g *global) *cobra.Command {
	var inputs []string
	world := project.RunOS
	cmd := &cobra.Command{
		Use:   "lint --input PATH",
		Short: "Report what the compiler would refuse or a reader would regret",
		Args:  noArgs,
		RunE: func(*cobra.Command, []string) error {
			files, err := collectInputs(inputs)
			if err != nil {
				return err
			}
			r := diag.Report{Meta: map[string]any{"inputs": files}}
			for _, path := range files {
				src, err := readSource(path)
				if err != nil {
					return err
				}
				res, err := lint.Source(src, world)
				if err != nil {
					return fmt.Errorf("parse x07AST JSON: %s: %w", path, err)
				}
				diag.WithFile(res.Diagnostics, path)
				r.Diagnostics = append(r.Diagnostics, res.Diagnostics...)
			}
			diag.Sort(r.Diagnostics)
			if err := output(s, g.out, append(r.AppendJSON(nil), '\n')); err != nil {
				return err
			}
			if !r.OK() {
				return exit(exitFailed)
			}
			return nil
		},
	}
	fl := cmd.Flags()
	fl.StringArrayVar(&inputs, "input", nil, "file or directory, `PATH` (repeatable)")
	fl.Var(newEnum(&world, project.Worlds[:]...), "world", "world id")
	fl.MarkHidden("world")
	return cmd
}

func fixCommand(s streams, g *global) *cobra.Command {
	var inputs []string
	var write, generics bool
	world := project.RunOS
	cmd := &cobra.Command{
		Use:   "fix --input PATH [--write]",
		Short: "Apply every quickfix, and write the canonical form",
		Args:  noArgs,
		RunE: func(*cobra.Command, []string) error {
			if generics {
				return suggestGenerics(s, g, inputs, write)
			}
			if write && g.out != "" {
				return usagef("--out cannot be combined with --write")
			}
			files, err := collectInputs(inputs)
			if err != nil {
				return err
			}
			if !write && len(files) > 1 {
				return usagef("multiple inputs require --write")
			}
			code := exitOK
			for _, path := range files {
				remaining, err := fixFile(s, g, path, world, write)
				if err != nil {
					return err
				}
				if remaining > 0 {
					fmt.Fprintf(s.err, "x07 fix: %d error(s) remain after auto-fix for %s.\nhint: run `x07 build` or `x07 lint --input %s` to see them\n", remaining, path, path)
					code = exitFailed
				}
			}
			return exitWith(code)
		},
	}
	fl := cmd.Flags()
	fl.StringArrayVar(&inputs, "input", nil, "file or directory, `PATH` (repeatable)")
	fl.BoolVar(&write, "write", false, "rewrite the files in place")
	fl.BoolVar(&generics, "suggest-generics", false, "print a patchset that replaces functions that differ by one type")
	fl.Var(newEnum(&world, project.Worlds[:]...), "world", "world id")
	fl.MarkHidden("world")
	return cmd
}

// suggestGenerics prints the patchset that makes families of functions generic.
func suggestGenerics(s streams, g *global, inputs []string, write bool) error {
	if write {
		return usagef("--suggest-generics cannot be combined with --write")
	}
	files, err := collectInputs(inputs)
	if err != nil {
		return err
	}
	if len(files) != 1 {
		return usagef("--suggest-generics expects exactly one input file")
	}
	src, err := readSource(files[0])
	if err != nil {
		return err
	}
	f, err := ast.Parse(src)
	if err != nil {
		return fmt.Errorf("parse x07AST JSON: %s: %w", files[0], err)
	}
	return output(s, g.out, append(lint.SuggestGenerics(f, files[0]).AppendJSON(nil), '\n'))
}

// fixFile repairs one file and returns how many errors remain.
func fixFile(s streams, g *global, path, world string, write bool) (int, error) {
	src, err := readSource(path)
	if err != nil {
		return 0, err
	}
	res, _, err := lint.Repair(src, world, lint.ModeWrite, lint.FixIters)
	if err != nil {
		var pe *ast.ParseError
		if errors.As(err, &pe) {
			err = fmt.Errorf("parse x07AST JSON: %s: %w", path, err)
		}
		return 0, err
	}
	if write {
		if !bytes.Equal(res.Canonical, src) {
			err = atomicfile.Write(path, res.Canonical, 0o644)
		}
	} else {
		err = output(s, g.out, res.Canonical)
	}
	return diag.Errors(res.Diagnostics), err
}

// output writes a command's primary output: to the --out file, else to
// standard output.
func output(s streams, out string, b []byte) error {
	if out != "" {
		return atomicfile.Write(out, b, 0o644)
	}
	if _, err := s.out.Write(b); err != nil {
		return fmt.Errorf("write output: %w", err)
	}
	return nil
}
