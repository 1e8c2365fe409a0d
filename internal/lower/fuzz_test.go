package lower_test

import (
	"context"
	"fmt"
	"math/rand/v2"
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
	"x07/internal/types"
)

// generator writes random programs that are mostly well typed: values of the
// wanted type, from variables in sight, builtins and the functions declared so
// far. Ownership is left to chance.
type generator struct {
	r     *rand.Rand
	vars  []genVar
	funcs []genFunc
	size  int
	loops int
	// result is that of the function being written.
	result types.Type
	n      int
}

type genVar struct {
	name string
	t    types.Type
}

type genFunc struct {
	name   string
	params []types.Type
	result types.Type
}

var genTypes = []types.Type{
	types.I32, types.Bytes, types.BytesView, types.VecU8, types.OptionI32, types.OptionBytes,
	types.OptionBytesView, types.ResultI32, types.ResultBytes, types.ResultBytesView, types.Iface,
}

func (g *generator) pick(n int) int { return g.r.IntN(n) }

func (g *generator) fresh() string {
	g.n++
	return fmt.Sprintf("x%d", g.n)
}

// expr is an expression of type t.
func (g *generator) expr(t types.Type, depth int) string {
	g.size--
	if depth <= 0 || g.size <= 0 {
		return g.leaf(t)
	}
	switch g.pick(12) {
	case 0, 1, 2:
		return g.leaf(t)
	case 3:
		return `["if",` + g.expr(types.I32, depth-1) + `,` + g.expr(t, depth-1) + `,` + g.expr(t, depth-1) + `]`
	case 4, 5:
		return g.block(t, depth)
	case 6:
		var fs []genFunc
		for _, f := range g.funcs {
			if f.result == t {
				fs = append(fs, f)
			}
		}
		if len(fs) > 0 {
			f := fs[g.pick(len(fs))]
			s := `["` + f.name + `"`
			for _, p := range f.params {
				if p == types.BytesView && g.pick(2) == 0 {
					p = types.Bytes
				}
				s += `,` + g.expr(p, depth-1)
			}
			return s + `]`
		}
	case 7:
		if t == types.I32 {
			op := check.Operators[g.pick(len(check.Operators))]
			return `["` + op + `",` + g.expr(t, depth-1) + `,` + g.expr(t, depth-1) + `]`
		}
	}
	if g.pick(4) == 0 {
		if s := g.try(t, depth); s != "" {
			return s
		}
	}
	return g.head(t, depth)
}

// try is the payload t of a result, "" where the function cannot fail.
func (g *generator) try(t types.Type, depth int) string {
	from := map[types.Type]types.Type{types.I32: types.ResultI32, types.Bytes: types.ResultBytes, types.BytesView: types.ResultBytesView}[t]
	if from == types.Invalid || g.result != types.ResultI32 && g.result != from && !(t == types.I32 && g.result == types.ResultBytes) {
		return ""
	}
	return `["try",` + g.expr(from, depth-1) + `]`
}

// head is a builtin with result t.
func (g *generator) head(t types.Type, depth int) string {
	all := types.Builtins()
	for range 40 {
		b := all[g.pick(len(all))]
		if b.Result != t || b.Internal || b.Impl == types.Host || b.Gate != types.GateNone || strings.HasPrefix(b.Name, "process.") {
			continue
		}
		s := `["` + b.Name + `"`
		for _, p := range b.Params {
			switch p.Mode {
			case types.Atom:
				if p.Name == "brand_id" {
					s += `,"a.b"`
				} else {
					s += `,"main.validate"`
				}
			case types.AnyView, types.AnyViewOrVec, types.ReaderSource:
				s += `,` + g.expr([]types.Type{types.Bytes, types.BytesView}[g.pick(2)], depth-1)
			case types.NamedOwner:
				s += `,` + g.variable(p.Type)
			case types.InPlace, types.Borrow:
				if g.pick(3) > 0 {
					s += `,` + g.variable(p.Type)
				} else {
					s += `,` + g.expr(p.Type, depth-1)
				}
			default:
				s += `,` + g.expr(p.Type, depth-1)
			}
		}
		return s + `]`
	}
	return g.leaf(t)
}

// variable is some variable of type t, or a name that may not exist.
func (g *generator) variable(t types.Type) string {
	var names []string
	for _, v := range g.vars {
		if v.t == t {
			names = append(names, v.name)
		}
	}
	if len(names) == 0 {
		return g.leaf(t)
	}
	return `"` + names[g.pick(len(names))] + `"`
}

func (g *generator) leaf(t types.Type) string {
	if g.pick(3) > 0 {
		var names []string
		for _, v := range g.vars {
			if v.t == t {
				names = append(names, v.name)
			}
		}
		if len(names) > 0 {
			return `"` + names[g.pick(len(names))] + `"`
		}
	}
	switch t {
	case types.I32:
		return fmt.Sprint([]int{0, 1, 2, 3, 7, -1, 255}[g.pick(7)])
	case types.Bytes:
		return `["bytes.lit","` + "abcdefgh"[:g.pick(8)] + `"]`
	case types.OptionI32:
		return `["option_i32.some",5]`
	}
	return sample(t)
}

// block is a begin with statements and a value.
func (g *generator) block(t types.Type, depth int) string {
	vars := len(g.vars)
	s := `["begin"`
	for range g.pick(5) {
		s += `,` + g.stmt(depth-1)
	}
	s += `,` + g.expr(t, depth-1) + `]`
	g.vars = g.vars[:vars]
	return s
}

func (g *generator) stmt(depth int) string {
	g.size--
	switch g.pick(9) {
	case 8:
		return `["if",` + g.expr(types.I32, depth-1) + `,["return",` + g.expr(g.result, depth-1) + `],0]`
	case 0, 1, 2:
		t := genTypes[g.pick(len(genTypes))]
		e := g.expr(t, depth-1)
		name := g.fresh()
		if g.pick(6) == 0 && len(g.vars) > 0 {
			name = g.vars[g.pick(len(g.vars))].name
		}
		g.vars = append(g.vars, genVar{name, t})
		return `["let","` + name + `",` + e + `]`
	case 3, 4:
		if len(g.vars) > 0 {
			v := g.vars[g.pick(len(g.vars))]
			return `["set","` + v.name + `",` + g.expr(v.t, depth-1) + `]`
		}
	case 5:
		if g.loops > 0 {
			g.loops--
			i := g.fresh()
			s := `["for","` + i + `",0,` + fmt.Sprint(g.pick(4)) + `,`
			vars := len(g.vars)
			g.vars = append(g.vars, genVar{i, types.I32})
			s += g.block(types.I32, depth-1) + `]`
			g.vars = append(g.vars[:vars], genVar{i, types.I32})
			return s
		}
	case 6:
		vars := len(g.vars)
		a := g.stmt(depth - 1)
		g.vars = g.vars[:vars]
		b := g.stmt(depth - 1)
		g.vars = g.vars[:vars]
		return `["if",` + g.expr(types.I32, depth-1) + `,` + a + `,` + b + `]`
	}
	return g.expr(genTypes[g.pick(len(genTypes))], depth-1)
}

// randomProgram is a whole document.
func randomProgram(seed uint64, size int) string {
	g := &generator{r: rand.New(rand.NewPCG(seed, 7)), size: size, loops: 4}
	decls := `{"kind":"defn","name":"main.validate","params":[{"name":"v","ty":"bytes_view"}],"result":"result_i32","body":["result_i32.ok",["view.len","v"]]}`
	for i := range g.pick(4) {
		f := genFunc{name: fmt.Sprintf("main.f%d", i), result: genTypes[g.pick(len(genTypes))]}
		g.vars, g.result = nil, f.result
		ps := ""
		for j := range g.pick(4) {
			t := genTypes[g.pick(len(genTypes))]
			f.params = append(f.params, t)
			name := fmt.Sprintf("p%d", j)
			g.vars = append(g.vars, genVar{name, t})
			if ps != "" {
				ps += ","
			}
			ps += `{"name":"` + name + `","ty":"` + t.Token() + `"}`
		}
		body := g.block(f.result, 6)
		if g.pick(2) == 0 {
			body = `["begin",["if",["<u",1,["bytes.len","input"]],["return",` + g.expr(f.result, 3) + `],0],` + body + `]`
		}
		clause := ""
		if g.pick(4) == 0 {
			clause = `"ensures":[{"expr":["=",1,1]}],"requires":[{"expr":["<u",["bytes.len","input"],100],"witness":[["bytes.len","input"]]}],`
		}
		decls += `,{"kind":"defn","name":"` + f.name + `",` + clause + `"params":[` + ps + `],"result":"` + f.result.Token() + `","body":` + body + `}`
		g.funcs = append(g.funcs, f)
	}
	g.vars, g.result = nil, types.Bytes
	return `{"schema_version":"x07.x07ast@0.5.0","kind":"entry","module_id":"main","imports":[],"decls":[` + decls +
		`],"solve":` + g.block(types.Bytes, 7) + `}`
}

// through takes a document through all passes. It reports what the checker
// said, and fails the test when a later pass or the engine finds a fault in
// what the checker accepted.
func through(t *testing.T, src []byte) (ok bool, reason string) {
	f, err := ast.Parse(src)
	if err != nil {
		return false, err.Error()
	}
	if f.Solve == nil {
		return false, "no solve"
	}
	m, err := mono.Specialise(&program.Program{Entry: f})
	if err != nil {
		return false, err.Error()
	}
	c, err := check.Check(m, check.Options{World: "run-os"})
	if err != nil {
		return false, err.Error()
	}
	p := lower.Program(c)
	if err := ir.Verify(p); err != nil {
		t.Fatalf("lowered program is malformed: %v\n%s\n%s", err, src, p)
	}
	plain := outcome(t, src, p)
	p = opt.Optimise(p)
	if err := ir.Verify(p); err != nil {
		t.Fatalf("optimised program is malformed: %v\n%s\n%s", err, src, p)
	}
	if better := outcome(t, src, p); better != plain && !limited(plain) && !limited(better) {
		t.Fatalf("optimised program differs: %s, plain: %s\n%s\n%s", better, plain, src, p)
	}
	return true, ""
}

func limited(s string) bool {
	return strings.Contains(s, "fuel") || strings.Contains(s, "memory") || strings.Contains(s, "timed") || strings.Contains(s, "stack")
}

func outcome(t *testing.T, src []byte, p *ir.Program) string {
	a, err := codegen.Generate(p, codegen.Options{World: "run-os"})
	if err != nil {
		t.Fatalf("accepted program cannot be generated: %v\n%s\n%s", err, src, p)
	}
	r := engine.Run(context.Background(), a, engine.Config{
		Input: []byte("some input"), Fuel: 100000, MaxMemoryBytes: 8 << 20, Deadline: time.Now().Add(10 * time.Second),
	})
	if r.Err != nil {
		t.Fatalf("accepted program cannot be run: %v\n%s\n%s", r.Err, src, p)
	}
	if r.Trap != nil {
		return "trap " + r.Trap.Message
	}
	if r.Stats.Mem.LiveBytes != 0 || r.Stats.Mem.LiveAllocs != 0 {
		t.Fatalf("leaks %d bytes in %d blocks\n%s\n%s", r.Stats.Mem.LiveBytes, r.Stats.Mem.LiveAllocs, src, p)
	}
	return fmt.Sprintf("%q exit %d", r.Output, r.ExitCode)
}

func TestWhateverTheCheckerAcceptsRunsWithoutFaultOrLeak(t *testing.T) {
	accepted := 0
	reasons := map[string]int{}
	for seed := range uint64(400) {
		ok, why := through(t, []byte(randomProgram(seed, 120)))
		if ok {
			accepted++
			continue
		}
		why, _, _ = strings.Cut(why, `"`)
		reasons[why]++
	}
	t.Logf("%d accepted; refused: %v", accepted, reasons)
	if accepted < 40 {
		t.Errorf("only %d of 400 programs were accepted", accepted)
	}
}

func FuzzCheckedProgramsRun(f *testing.F) {
	for seed := range uint64(5) {
		f.Add(seed, 100)
	}
	f.Fuzz(func(t *testing.T, seed uint64, size int) {
		through(t, []byte(randomProgram(seed, max(0, min(size, 2000)))))
	})
}
