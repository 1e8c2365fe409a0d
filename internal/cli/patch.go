package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"x07/internal/ast"
	"x07/internal/atomicfile"
	"x07/internal/oserr"
	"x07/internal/report"
)

func patchCommand(s streams) *cobra.Command {
	var in string
	root := "."
	var write bool
	apply := &cobra.Command{
		Use:   "apply --in PATH [--write]",
		Short: "Apply a patchset to files below a directory",
		Args:  noArgs,
		RunE: func(*cobra.Command, []string) error {
			if err := required("--in", in); err != nil {
				return err
			}
			src, err := os.ReadFile(in)
			if err != nil {
				return fmt.Errorf("read patchset: %s: %w", in, oserr.Cause(err))
			}
			set, err := ast.DecodePatchset(src)
			if err != nil {
				fmt.Fprintf(s.err, "X07-PATCHSET-SCHEMA-0001: %s: %v\n", in, err)
				return exit(exitFailed)
			}
			docs, err := applyPatchset(root, set)
			if err != nil {
				return err
			}
			for _, path := range sortedKeys(docs) {
				if write {
					if err := writePatched(root, path, docs[path]); err != nil {
						return err
					}
				}
				if _, err := fmt.Fprintln(s.out, path); err != nil {
					return fmt.Errorf("write output: %w", err)
				}
			}
			return nil
		},
	}
	fl := apply.Flags()
	fl.StringVar(&in, "in", "", "patchset, `PATH`")
	fl.StringVar(&root, "repo-root", root, "directory that the paths are relative to, `DIR`")
	fl.BoolVar(&write, "write", false, "write the results")
	return group("patch", "Apply sets of patches", "patch subcommand", apply)
}

// applyPatchset applies every patch in order, each to what the ones before it
// left. Nothing is written, so a set that fails changes nothing.
func applyPatchset(root string, set ast.Patchset) (map[string]any, error) {
	docs := map[string]any{}
	for _, p := range set.Patches {
		path := filepath.Clean(filepath.FromSlash(p.Path))
		if !filepath.IsLocal(path) {
			return nil, usagef("path escapes repo root: %s", p.Path)
		}
		doc, ok := docs[path]
		if !ok {
			var err error
			if doc, err = patchTarget(root, path); err != nil {
				return nil, err
			}
		}
		doc, err := ast.ApplyPatch(doc, p.Patch)
		if err != nil {
			return nil, fmt.Errorf("apply patch failed: %s: %w", p.Path, err)
		}
		docs[path] = doc
	}
	return docs, nil
}

// patchTarget reads a file below root without following links out of it; a
// file that does not exist is an empty object.
func patchTarget(root, path string) (any, error) {
	r, err := os.OpenRoot(root)
	if err != nil {
		return nil, fmt.Errorf("open repo root: %s: %w", root, oserr.Cause(err))
	}
	defer r.Close()
	src, err := r.ReadFile(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return map[string]any{}, nil
	case err != nil:
		return nil, fmt.Errorf("read patch target: %s: %w", path, oserr.Cause(err))
	}
	doc, err := ast.DecodeJSON(src)
	if err != nil {
		return nil, fmt.Errorf("parse JSON: %s: %w", path, err)
	}
	return doc, nil
}

// writePatched writes one result: programs canonical, other documents pretty.
func writePatched(root, path string, doc any) error {
	text := report.CanonicalPretty(doc)
	if strings.HasSuffix(path, ".x07.json") {
		f, err := ast.Parse(report.Canonical(doc))
		if err != nil {
			return fmt.Errorf("patched document is not x07AST: %s: %w", path, err)
		}
		text = ast.Format(f)
	}
	return atomicfile.Write(filepath.Join(root, path), text, 0o644)
}

// sortedKeys are the keys of m in byte order.
func sortedKeys[V any](m map[string]V) []string {
	return slices.Sorted(maps.Keys(m))
}
