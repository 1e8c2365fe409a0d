package lint

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"x07/internal/ast"
	"x07/internal/diag"
)

func repair(t *testing.T, src string) (string, Summary) {
	t.Helper()
	res, sum, err := Repair([]byte(src), "run-os", ModeWrite, FixIters)
	if err != nil {
		t.Fatalf("%v\n%s", err, src)
	}
	return string(res.Canonical), sum
}

func TestRepairMendsAllThatHasOneRightRepair(t *testing.T) {
	for _, c := range []struct{ name, src, want string }{
		{"nested lets with bodies", solve030(`["let","x",1,["let","y",2,["f","x","y"]]]`),
			`["begin",["let","x",1],["begin",["let","y",2],["f","x","y"]]]`},
		{"nested borrows", solve030(`["begin",["f",["bytes.view",["g",["bytes.view",["h"]]]],["bytes.view",["k"]]]]`),
			`["begin",["let","_x07_tmp_borrow_solve_1_2_1",["h"]],["let","_x07_tmp_borrow_solve_1_1",["g",["bytes.view","_x07_tmp_borrow_solve_1_2_1"]]],` +
				`["let","_x07_tmp_borrow_solve_1_2",["k"]],["f",["bytes.view","_x07_tmp_borrow_solve_1_1"],["bytes.view","_x07_tmp_borrow_solve_1_2"]]]`},
		{"a condition that borrows what a branch borrows", solve030(`["if",["view.len",["bytes.view","x"]],["bytes.view","x"],"x"]`),
			`["begin",["let","_x07_tmp_copy",["view.to_bytes",["bytes.view","x"]]],["if",["view.len",["bytes.view","_x07_tmp_copy"]],["bytes.view","x"],"x"]]`},
		{"nested calls without tapp", entry("0.5.0", id, `["main.id",["main.id",["bytes.alloc",1]]]`),
			`["tapp","main.id",["tys","bytes"],["tapp","main.id",["tys","bytes"],["bytes.alloc",1]]]`},
		{"a tapp that is missing after a type error", entry("0.5.0", id, `["begin",["bytes.len",1],["main.id",7],["bytes.alloc",1],["if"]]`),
			`["begin",["bytes.len",1],["tapp","main.id",["tys","i32"],7],["bytes.alloc",1],["if"]]`},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, sum := repair(t, c.src)
			if !strings.HasSuffix(got, `"solve":`+c.want+"}\n") {
				t.Errorf("got\n%s", got)
			}
			if sum.LastLintOK == strings.Contains(c.name, "error") || sum.AppliedOps == 0 || !sum.Changed() {
				t.Errorf("summary %+v", sum)
			}
		})
	}
}

func TestRepairOfAFormattedCleanProgramChangesNothing(t *testing.T) {
	canon, sum := repair(t, entry("0.5.0", "", `["bytes.alloc",0]`))
	if sum.Iterations != 1 || sum.AppliedOps != 0 || !sum.LastLintOK || !sum.Changed() {
		t.Errorf("unformatted: %+v", sum)
	}
	again, sum := repair(t, canon)
	if again != canon || sum.Changed() {
		t.Errorf("formatted: %+v\n%s", sum, again)
	}
}

func TestWarningsAloneAreNotRepaired(t *testing.T) {
	src := entry("0.3.0", defn("f", ``, `"i32"`, `0`, `"type_params":[{"name":"A"}]`), `"input"`)
	got, sum := repair(t, src)
	if !strings.Contains(got, "type_params") || sum.AppliedOps != 0 {
		t.Errorf("%+v\n%s", sum, got)
	}
	got, _ = repair(t, strings.Replace(src, `"solve":"input"`, `"solve":["let","x",1,2]`, 1))
	if strings.Contains(got, "type_params") {
		t.Errorf("an error lets the warning's fix through: %s", got)
	}
}

func TestFixesNeverBreakWhatCompiles(t *testing.T) {
	for _, c := range []struct{ name, src, world, keep string }{
		{"a type parameter that calls name", entry("0.3.0", defn("f", ``, `"i32"`, `0`, `"type_params":[{"name":"A"}]`),
			`["begin",["if",1],["tapp","main.f",["tys","i32"]]]`), "run-os", `"type_params":[{"name":"A"}]`},
		{"a condition that binds a name", solve030(`["begin",["if",["begin",["let","n",["view.len",["bytes.view","x"]]],"n"],["f",["bytes.view","x"]],0],"n"]`),
			"run-os", `["if",["begin",["let","n"`},
		{"a pure function of an OS module", `{"schema_version":"x07.x07ast@0.3.0","kind":"entry","module_id":"main","imports":["std.os.process.caps_v1"],"decls":[],"solve":["std.os.process.caps_v1.finish",1]}`,
			"solve-pure", `"imports":["std.os.process.caps_v1"]`},
		{"a plain function that is called", entry("0.3.0", defn("f", ``, `["t","A"]`, `0`, ``)+","+defn("g", ``, `"i32"`, `["main.f"]`, ``), `["if",1]`),
			"run-os", `"name":"main.f","params":[],"result":["t","A"]}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			res, _, err := Repair([]byte(c.src), c.world, ModeMemory, FixIters)
			if err != nil {
				t.Fatal(err)
			}
			if !strings.Contains(string(res.Canonical), c.keep) {
				t.Errorf("got %s", res.Canonical)
			}
		})
	}
}

func TestRepairReportsWhatItCannotRead(t *testing.T) {
	_, _, err := Repair([]byte(`{"schema_version":1}`), "run-os", ModeWrite, 3)
	var pe *ast.ParseError
	if !errors.As(err, &pe) || pe.Ptr != "/schema_version" {
		t.Errorf("got %v", err)
	}
	if _, sum, err := Repair([]byte("?"), "run-os", ModeOff, 3); err != nil || sum.Mode != ModeOff {
		t.Errorf("off: %v %+v", err, sum)
	}
}

func TestPathsAreOrderedTokenByToken(t *testing.T) {
	order := []string{"/decls", "/decls/2", "/decls/2/body/9", "/decls/2/body/10", "/decls/10", "/solve"}
	for i := range order {
		for j := range order {
			got := comparePaths(order[i], order[j])
			if got < 0 != (i < j) || got > 0 != (i > j) {
				t.Errorf("%s against %s: %d", order[i], order[j], got)
			}
		}
	}
}

func large(functions int) string {
	var b strings.Builder
	for i := range functions {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(defn(fmt.Sprintf("f%d", i), `{"name":"x","ty":"i32"}`, `"i32"`,
			fmt.Sprintf(`["begin",["let","a",["+","x",%d]],["for","i",0,10,["set","a",["+","a",["*","i",["main.f%d","i"]]]]],["if",["=","a",0],["main.f%d","a"],["+","a",1]]]`, i, i, max(0, i-1)),
			`"requires":[{"expr":[">=","x",0],"witness":["x"]}]`))
	}
	return entry("0.5.0", b.String(), `["bytes.alloc",0]`)
}

func TestRepairOfTenThousandFunctionsIsQuick(t *testing.T) {
	start := time.Now()
	_, sum := repair(t, large(10_000))
	if d := time.Since(start); d > 30*time.Second || !sum.LastLintOK {
		t.Errorf("took %v, %+v", d, sum)
	}
}

func TestTypesThatDoubleWithEveryCallDoNotStopTheChecker(t *testing.T) {
	pair := `{"kind":"defn","name":"main.pair","params":[{"name":"x","ty":["t","A"]}],"result":["pair",["t","A"],["t","A"]],"type_params":[{"name":"A"}],"body":["std.x.y"]}`
	var b strings.Builder
	b.WriteString(`["begin",["let","x",1],["let","y",1]`)
	for range 200 {
		b.WriteString(`,["let","x",["main.pair","x"]],["let","y",["main.pair","y"]]`)
	}
	b.WriteString(`,["set","x","y"],["bytes.len",1],["bytes.alloc",0]]`)
	start := time.Now()
	lintOf(t, entry("0.5.0", pair, b.String()), "run-os")
	if d := time.Since(start); d > 30*time.Second {
		t.Errorf("took %v", d)
	}
}

func BenchmarkRepairTenThousandFunctions(b *testing.B) {
	src := []byte(large(10_000))
	b.SetBytes(int64(len(src)))
	for b.Loop() {
		if _, _, err := Repair(src, "run-os", ModeMemory, 3); err != nil {
			b.Fatal(err)
		}
	}
}

// seeds are documents whose repair takes every fix.
var seeds = []string{
	solve030(`["let","x",1,["let","y",2,["f","x","y"]]]`),
	solve030(`["begin",["f",["bytes.view",["g",["bytes.view",["h"]]]],["bytes.concat","a","a"]]]`),
	solve030(`["if",["view.len",["bytes.view","x"]],["bytes.view","x"],["for","i",0,1,2,3]]`),
	entry("0.5.0", id, `["main.id",["main.id",["bytes.alloc",1]]]`),
	entry("0.5.0", defn("f", `{"name":"x","ty":["t","B"]}`, `["t","C"]`, `["ty.eq",["t","A"],["t","D"]]`, `"type_params":[{"name":"Z"},{"name":"A"}],"ensures":[{"expr":["=","__result",1],"witness":["x"]}]`), `["try",1]`),
	`{"schema_version":"x07.x07ast@0.3.0","kind":"module","module_id":"m","imports":["std.kv","std.os.x"],"decls":[{"kind":"export","names":["m.a"]}]}`,
}

// programOf builds a document out of arbitrary bytes, dense in everything that
// has a quickfix.
func programOf(choices []byte) string {
	next := func(n int) int {
		if len(choices) == 0 {
			return 0
		}
		c := int(choices[0])
		choices = choices[1:]
		return c % n
	}
	atoms := []string{"x", "y", "input", "t", "A", "B"}
	heads := []string{"begin", "unsafe", "let", "set", "if", "for", "return", "try", "bytes.view", "bytes.subview", "vec_u8.as_view",
		"bytes.concat", "t", "main.f", "main.g", "tapp", "tys", "std.kv.get", "+", "bytes.alloc", "view.len", "view.to_bytes"}
	var b strings.Builder
	var expr func(depth int)
	expr = func(depth int) {
		switch kind := next(8); {
		case kind == 0 || depth == 0:
			fmt.Fprintf(&b, "%d", next(3))
		case kind < 3:
			fmt.Fprintf(&b, "%q", atoms[next(len(atoms))])
		default:
			fmt.Fprintf(&b, "[%q", heads[next(len(heads))])
			for range next(5) {
				b.WriteByte(',')
				expr(depth - 1)
			}
			b.WriteByte(']')
		}
	}
	types := []string{`"i32"`, `"bytes"`, `"bytes_view"`, `["t","A"]`, `["option",["t","B"]]`, `"option_i32"`}
	params := []string{``, `,"type_params":[{"name":"A"}]`, `,"type_params":[{"name":"C"},{"name":"B"},{"name":"D"}]`}
	fmt.Fprintf(&b, `{"schema_version":"x07.x07ast@0.%d.0","kind":"entry","module_id":"main","imports":["std.kv","std.vec"],"decls":[`, 3+2*next(2))
	for i, name := range []string{"f", "g"} {
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, `{"kind":"defn","name":"main.%s","params":[{"name":"x","ty":%s}],"result":%s%s,"body":`,
			name, types[next(len(types))], types[next(len(types))], params[next(len(params))])
		expr(4)
		b.WriteByte('}')
	}
	b.WriteString(`],"solve":`)
	expr(5)
	b.WriteByte('}')
	return b.String()
}

// checkRepair holds repair to what it promises for any document.
func checkRepair(t *testing.T, src []byte, world string) {
	t.Helper()
	first, err := Source(src, world)
	if err != nil {
		return
	}
	res, sum, err := Repair(src, world, ModeMemory, FixIters)
	if err != nil {
		t.Fatalf("%v\n%s", err, src)
	}
	for _, d := range first.Diagnostics {
		if d.Quickfix != nil && !codeIndex()[d.Code].Fixable {
			t.Fatalf("%s has a quickfix that its row does not know", d.Code)
		}
	}
	if diag.Errors(first.Diagnostics) == 0 && !bytes.Equal(res.Canonical, first.Canonical) {
		t.Fatalf("a program without errors was changed\n%s", src)
	}
	if sum.LastLintOK {
		again, _, err := Repair(res.Canonical, world, ModeMemory, FixIters)
		if err != nil || !bytes.Equal(again.Canonical, res.Canonical) {
			t.Fatalf("a repaired program was repaired again: %v\n%s", err, src)
		}
	}
	// With enough passes every quickfix of the report has done its work.
	// Making a function generic can ask for more than one fix in a row.
	res, _, err = Repair(src, world, ModeMemory, 40)
	if err != nil {
		t.Fatalf("%v\n%s", err, src)
	}
	if diag.Errors(res.Diagnostics) == 0 {
		return
	}
	for _, d := range res.Diagnostics {
		if d.Quickfix != nil {
			t.Fatalf("a quickfix does not mend %s at %s: %s\n%s", d.Code, d.Ptr(), res.Canonical, src)
		}
	}
}

func TestRepairKeepsItsPromisesOnRandomPrograms(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 7))
	for range 800 {
		choices := make([]byte, 20+rng.IntN(200))
		for i := range choices {
			choices[i] = byte(rng.Uint32())
		}
		checkRepair(t, []byte(programOf(choices)), "run-os")
	}
}

func FuzzRepair(f *testing.F) {
	for _, s := range seeds {
		f.Add([]byte(s), false)
	}
	f.Add([]byte("\x05\x02\x03\x04\x06\x09\x01\x07\x08"), true)
	f.Fuzz(func(t *testing.T, src []byte, generate bool) {
		if generate {
			src = []byte(programOf(src))
		}
		for _, world := range []string{"run-os", "solve-pure"} {
			checkRepair(t, src, world)
		}
	})
}
