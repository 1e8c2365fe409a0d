// Package compile drives the passes from source files to an artifact: load,
// check, specialise, lower, optimise, generate. It keeps artifacts in a build
// cache, so that what was compiled once is only read again. It holds no pass
// of its own and runs no program.
package compile

import (
	"fmt"
	"os"
	"strings"
	"time"

	"x07/internal/artifact"
	"x07/internal/check"
	"x07/internal/codegen"
	"x07/internal/diag"
	"x07/internal/ir"
	"x07/internal/lint"
	"x07/internal/lower"
	"x07/internal/mono"
	"x07/internal/opt"
	"x07/internal/program"
	"x07/internal/version"
	"x07/stdlib"
)

// Version is what artifacts say they were compiled by.
const Version = "x07 " + version.Toolchain

// Options says what to compile.
type Options struct {
	// EntryPath is the entry file. If Entry is not nil it is the document
	// itself, and EntryPath only names where it came from.
	EntryPath string
	Entry     []byte
	// World is the world id, such as run-os.
	World string
	// ModuleRoots are directories of modules, in order.
	ModuleRoots []string
	// Locked maps absolute module paths to the SHA-256 a lockfile demands.
	Locked map[string]string
	// AllowUnsafe and AllowFFI override what the world allows, when not nil.
	AllowUnsafe, AllowFFI *bool
	// CacheDir is the build cache; "" neither reads nor writes one.
	CacheDir string
}

// Info is what is known about a build besides its artifact.
type Info struct {
	// Cached reports that the artifact came from the build cache.
	Cached bool
	// Inputs are the files that the program was made from.
	Inputs program.Inputs
	// Elapsed is how long the build took.
	Elapsed time.Duration
	// Mono says which specialisations were made; nil when Cached.
	Mono *mono.Map
}

// Build compiles a program. Defects of the program are *program.Error,
// *mono.Error or *check.Error, whose texts are "<Kind>: <message>" as compile
// reports show them; other errors are of the machine, such as an unreadable
// entry file.
func Build(o Options) (a *artifact.Artifact, info Info, err error) {
	start := time.Now()
	defer func() { info.Elapsed = time.Since(start) }()
	var c cache
	var k string
	if o.CacheDir != "" {
		c, k = cache{o.CacheDir}, key(o)
		if a, in := c.load(k); a != nil {
			return a, Info{Cached: true, Inputs: in}, nil
		}
	}
	a, prog, m, err := Compile(o)
	if err != nil {
		return nil, Info{}, err
	}
	if o.CacheDir != "" {
		c.store(k, prog.Inputs, a)
	}
	return a, Info{Inputs: prog.Inputs, Mono: m}, nil
}

// IsDefect reports whether err is a defect of the program rather than of the
// machine, and returns its "<Kind>: <message>".
func IsDefect(err error) (text string, ok bool) {
	switch e := err.(type) {
	case *program.Error:
		return e.Error(), true
	case *mono.Error:
		return e.Error(), true
	case *check.Error:
		return e.Error(), true
	}
	return "", false
}

// Compile compiles without a cache and also returns what was loaded.
func Compile(o Options) (*artifact.Artifact, *program.Program, *mono.Map, error) {
	loaded := 0
	prog, err := program.Load(program.Options{
		Entry:       o.Entry,
		EntryPath:   o.EntryPath,
		World:       o.World,
		ModuleRoots: o.ModuleRoots,
		Builtin:     stdlib.For(program.IsOSWorld(o.World)),
		Locked:      o.Locked,
		AfterParse:  checkContracts,
		AfterShape:  check.InternalHeads,
	})
	if err != nil {
		return nil, nil, nil, err
	}
	loaded += countNodes(prog.Entry)
	for _, m := range prog.Modules {
		if !m.Builtin {
			loaded += countNodes(m.File)
		}
	}
	flat, err := mono.Specialise(prog)
	if err != nil {
		return nil, nil, nil, err
	}
	nodes, locals := check.LimitsFromEnv(os.Getenv)
	checked, err := check.Check(flat, check.Options{
		World:       o.World,
		AllowUnsafe: o.AllowUnsafe,
		AllowFFI:    o.AllowFFI,
		MaxASTNodes: nodes,
		MaxLocals:   locals,
	})
	if err != nil {
		return nil, nil, nil, err
	}
	p := opt.Optimise(lower.Program(checked))
	// The verifier costs a few percent of a build, and turns a fault of ours
	// into an error before it can become wrong code.
	if err := ir.Verify(p); err != nil {
		return nil, nil, nil, fmt.Errorf("internal fault: %w", err)
	}
	a, err := codegen.Generate(p, codegen.Options{
		World:       o.World,
		Language:    version.LanguageID,
		Compiler:    Version,
		CompileFuel: uint64(loaded + checked.Nodes),
	})
	if err != nil {
		return nil, nil, nil, err
	}
	return a, prog, &flat.Map, nil
}

// checkContracts runs the local typechecker over a document that has contract
// clauses; there its errors are fatal.
func checkContracts(m *program.Module) error {
	has := false
	for _, d := range m.File.Decls {
		if len(d.Requires)+len(d.Ensures)+len(d.Invariant) > 0 {
			has = true
			break
		}
	}
	if !has {
		return nil
	}
	const shown = 8
	var texts []string
	more := 0
	for _, d := range lint.Typecheck(m.File) {
		if d.Severity != diag.SeverityError {
			continue
		}
		if len(texts) == shown {
			more++
			continue
		}
		ptr := ""
		if d.Loc != nil {
			ptr = d.Loc.Ptr
		}
		texts = append(texts, fmt.Sprintf("%s: %s (ptr=%s)", d.Code, d.Message, ptr))
	}
	if len(texts) == 0 {
		return nil
	}
	text := m.ID + ": typecheck failed: " + strings.Join(texts, "; ")
	if more > 0 {
		text += fmt.Sprintf("; ... and %d more", more)
	}
	return &program.Error{Kind: "Typing", Message: text}
}
