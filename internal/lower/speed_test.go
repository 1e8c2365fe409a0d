package lower_test

import (
	"fmt"
	"strings"
	"testing"

	"x07/internal/check"
	"x07/internal/ir"
	"x07/internal/lower"
	"x07/internal/mono"
	"x07/internal/opt"
	"x07/internal/program"
)

// manyFunctions is a module-sized program of n functions, each of which calls
// the next.
func manyFunctions(n int) *program.Program {
	var decls, body strings.Builder
	for i := range n {
		next := `"acc"`
		if i+1 < n {
			next = fmt.Sprintf(`["main.f%d",["+","n",1],"v"]`, i+1)
		}
		fmt.Fprintf(&decls, `,{"kind":"defn","name":"main.f%d","params":[{"name":"n","ty":"i32"},{"name":"v","ty":"bytes_view"}],"result":"i32","body":
			["begin",["let","acc",["*","n",3]],["let","b",["bytes.alloc",4]],
			["for","i",0,["view.len","v"],["set","acc",["+","acc",["view.get_u8","v","i"]]]],
			["if",["<u","acc",7],["return","acc"],0],["set","b",["bytes.set_u8","b",0,"acc"]],["+",["bytes.get_u8","b",0],%s]]}`, i, next)
	}
	fmt.Fprintf(&body, `["fmt.u32_to_dec",["main.f0",1,"input"]]`)
	// The entry has a size limit; a module has not.
	src := `{"schema_version":"x07.x07ast@0.5.0","kind":"module","module_id":"main","imports":[],"decls":[` +
		decls.String()[1:] + `],"solve":` + body.String() + `}`
	return loadBig(src)
}

// Work that is not linear shows as code that is not: quadratic passes leave more
// nodes, or copies of functions. How long it takes is the benchmark's business.
func TestWhatIsMadeGrowsWithTheSizeOfTheProgram(t *testing.T) {
	nodes := func(n int) int {
		total := 0
		var count func(e *ir.Expr)
		count = func(e *ir.Expr) {
			total++
			for _, a := range e.Args {
				count(a)
			}
		}
		for _, f := range compileBig(t, manyFunctions(n)).Funcs {
			count(f.Body)
		}
		return total
	}
	small, large := nodes(500), nodes(2000)
	if large > 9*small/2 || large < 3*small {
		t.Errorf("2000 functions became %d nodes, 500 became %d", large, small)
	}
}

func compileBig(t testing.TB, p *program.Program) *ir.Program {
	m, err := mono.Specialise(p)
	if err != nil {
		t.Fatal(err)
	}
	c, err := check.Check(m, check.Options{World: "run-os", MaxASTNodes: 10 << 20})
	if err != nil {
		t.Fatal(err)
	}
	return opt.Optimise(lower.Program(c))
}

func BenchmarkTenThousandFunctionsToOptimisedIR(b *testing.B) {
	p := manyFunctions(10000)
	b.ReportAllocs()
	for b.Loop() {
		compileBig(b, p)
	}
}
