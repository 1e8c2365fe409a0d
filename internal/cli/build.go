package cli

import (
	"cmp"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"x07/internal/atomicfile"
	"x07/internal/compile"
	"x07/internal/version"
)

// buildCommand compiles a project and runs nothing. What 0.1.17 emitted as C
// is the compiled program here; the contract is the exit code.
func buildCommand(s streams, g *global) *cobra.Command {
	f := &runFlags{repair: "write"}
	var header, monoMap string
	var freestanding bool
	cmd := &cobra.Command{
		Use:   "build [--project PATH] [--out PATH]",
		Short: "Compile a project without running it",
		Args:  noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if header != "" || freestanding {
				return usagef("--emit-c-header and --freestanding are not supported: programs compile to WebAssembly; use --out PATH and run the file with x07 run --artifact PATH")
			}
			if err := cmp.Or(notASource("--out", g.out), notASource("--mono-map", monoMap)); err != nil {
				return err
			}
			t, err := f.findTarget()
			if err != nil {
				return err
			}
			j := &job{target: t, world: t.project.World}
			if err := f.repairEntry(j); err != nil {
				return err
			}
			if err := f.resolveModules(j); err != nil {
				return err
			}
			o := compile.Options{
				Entry: j.entry, EntryPath: j.entryPath, World: j.world,
				ModuleRoots: j.moduleRoots, Locked: j.locked, CacheDir: compile.DefaultCacheDir(),
			}
			if monoMap != "" {
				o.CacheDir = "" // a program from the cache has forgotten its map
			}
			art, info, err := compile.Build(o)
			if err != nil {
				if text, ok := compile.IsDefect(err); ok {
					err = errors.New("compile failed: " + text)
				}
				return err
			}
			if monoMap != "" {
				if err := atomicfile.Write(monoMap, append(info.Mono.Document(version.Language), '\n'), 0o644); err != nil {
					return err
				}
			}
			if g.out == "" {
				return nil
			}
			b, err := art.Encode()
			if err != nil {
				return fmt.Errorf("encode the compiled program: %w", err)
			}
			return atomicfile.Write(g.out, b, 0o644)
		},
	}
	fl := cmd.Flags()
	fl.StringVar(&f.project, "project", "", "project manifest, `PATH`")
	fl.StringVar(&monoMap, "mono-map", "", "write which specialisations of generic functions were made to `PATH`")
	fl.StringVar(&header, "emit-c-header", "", "not supported")
	fl.BoolVar(&freestanding, "freestanding", false, "not supported")
	fl.Var(number{&f.knobs.maxCBytes}, "max-c-bytes", "accepted for compatibility")
	fl.Var(newEnum(&f.repair, "off", "memory", "write"), "repair", "apply quickfixes to the entry file: off, memory or write")
	fl.Uint32Var(&f.repairIters, "repair-max-iters", 3, "passes of repair")
	return cmd
}
