package lower_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"x07/internal/ast"
	"x07/internal/check"
	"x07/internal/codegen"
	"x07/internal/engine"
	"x07/internal/ir"
	"x07/internal/lower"
	"x07/internal/mono"
	"x07/internal/opt"
	"x07/internal/program"
	"x07/stdlib"
)

// entry wraps declarations and a solve expression into a document.
func entry(imports, decls, solve string) []byte {
	return []byte(`{"schema_version":"x07.x07ast@0.5.0","kind":"entry","module_id":"main","imports":[` +
		imports + `],"decls":[` + decls + `],"solve":` + solve + `}`)
}

func lowered(t testing.TB, src []byte) *ir.Program {
	t.Helper()
	p, err := program.Load(program.Options{Entry: src, World: "run-os", Builtin: stdlib.FS, AfterShape: check.InternalHeads})
	if err != nil {
		t.Fatal(err)
	}
	m, err := mono.Specialise(p)
	if err != nil {
		t.Fatal(err)
	}
	c, err := check.Check(m, check.Options{World: "run-os"})
	if err != nil {
		t.Fatal(err)
	}
	out := lower.Program(c)
	if err := ir.Verify(out); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return out
}

// run compiles and runs a program and returns its output, or its trap.
func run(t testing.TB, src []byte, input string) string {
	t.Helper()
	p := opt.Optimise(lowered(t, src))
	if err := ir.Verify(p); err != nil {
		t.Fatalf("optimised: %v\n%s", err, p)
	}
	a, err := codegen.Generate(p, codegen.Options{World: "run-os"})
	if err != nil {
		t.Fatalf("%v\n%s", err, p)
	}
	r := engine.Run(context.Background(), a, engine.Config{Input: []byte(input), Deadline: time.Now().Add(20 * time.Second)})
	switch {
	case r.Err != nil:
		t.Fatalf("%v\n%s", r.Err, p)
	case r.Trap != nil:
		return "trap: " + r.Trap.Message
	}
	return string(r.Output)
}

func TestProgramsDoWhatTheirSourceSays(t *testing.T) {
	for _, tc := range programs {
		t.Run(strings.ReplaceAll(tc.name, " ", "_"), func(t *testing.T) {
			if got := run(t, entry(tc.imports, tc.decls, tc.solve), tc.input); got != tc.want {
				t.Errorf("got %q, want %q\n%s", got, tc.want, lowered(t, entry(tc.imports, tc.decls, tc.solve)))
			}
		})
	}
}

// loadBig is a program from one document, whatever its size.
func loadBig(src string) *program.Program {
	f, err := ast.Parse([]byte(src))
	if err != nil {
		panic(err)
	}
	return &program.Program{Entry: f}
}
