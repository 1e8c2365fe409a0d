package conformance

import (
	"context"
	"maps"
	"testing"
	"time"

	"x07/internal/artifact"
	"x07/internal/engine"
	"x07/internal/hostlib"
	"x07/internal/osworld"
)

// inProcess runs programs in this process, behind the gate that allows all;
// without a cache it interprets them.
func inProcess(cacheDir string) func(testing.TB, *artifact.Artifact, []byte) (Outcome, error) {
	return func(t testing.TB, a *artifact.Artifact, input []byte) (Outcome, error) {
		w, err := osworld.New(osworld.Config{WorkDir: t.TempDir()})
		if err != nil {
			return Outcome{}, err
		}
		defer w.Close()
		host := w.HostTable()
		maps.Copy(host, hostlib.Table())
		res := engine.Run(context.Background(), a, engine.Config{
			Input: input, Host: host, CacheDir: cacheDir, Workers: 1, Interpret: cacheDir == "",
			Deadline: time.Now().Add(20 * time.Second),
		})
		return outcomeOf(res), res.Err
	}
}

func outcomeOf(res engine.Result) Outcome {
	o := Outcome{Output: res.Output, ExitCode: res.ExitCode}
	if res.Trap != nil {
		o.Trap, o.TrapFn, o.TrapPtr = &res.Trap.Message, res.Trap.Func, res.Trap.Ptr
	}
	if res.Stats != nil {
		o.LiveBytes = res.Stats.Mem.LiveBytes
	}
	return o
}

func TestRunOS(t *testing.T) {
	Test(t, Target{Name: "run-os", World: "run-os", Run: inProcess(t.TempDir())})
}

// Where wazero has no compiler, programs are interpreted; the suite must not
// tell the difference.
func TestInterpreted(t *testing.T) {
	Test(t, Target{Name: "interpreted", World: "run-os", Run: inProcess("")})
}

func ptr[T any](v T) *T { return &v }

// What the suite says is only worth something if a program that does something
// else is found, together with others and alone.
func TestEveryKindOfWrongExpectationIsFound(t *testing.T) {
	expr := func(s string) []byte { return []byte(s) }
	wrong := []*Case{
		{Name: "output", Solve: expr(`["bytes.lit","a"]`), Want: ptr("b")},
		{Name: "hex", Solve: expr(`["bytes.lit","a"]`), WantHex: ptr("6161")},
		{Name: "i32", I32: expr(`["+",1,1]`), WantI32: ptr(int32(3))},
		{Name: "trap instead of output", Solve: expr(`["codec.write_u32_le",["bytes.get_u8",["bytes.lit",""],0]]`), Want: ptr("a")},
		{Name: "output instead of trap", I32: expr(`1`), Trap: ptr("view.get_u8 oob")},
		{Name: "another trap", I32: expr(`["bytes.get_u8",["bytes.lit",""],0]`), Trap: ptr("view.slice oob")},
		{Name: "another place", I32: expr(`["bytes.get_u8",["bytes.lit",""],0]`), Trap: ptr("view.get_u8 oob"), TrapPtr: "/solve"},
		{Name: "another exit code", I32: expr(`1`), WantI32: ptr(int32(1)), ExitCode: 2},
		{Name: "no compile error", I32: expr(`1`), CompileError: ptr("Typing: ")},
		{Name: "another compile error", I32: expr(`"nowhere"`), CompileError: ptr("use after move")},
		{Name: "a compile error", I32: expr(`"nowhere"`), WantI32: ptr(int32(1))},
	}
	g := &Group{Cases: wrong}
	target := Target{World: "run-os", Run: inProcess(t.TempDir())}
	packed, rest, err := g.batches(target.World)
	if err != nil {
		t.Fatal(err)
	}
	for _, b := range packed {
		rest = append(rest, b.run(t, target)...)
	}
	if len(rest) != len(wrong) {
		t.Errorf("of %d wrong cases %d passed together", len(wrong), len(wrong)-len(rest))
	}
	for _, c := range wrong {
		if g.runAlone(t, target, c) == nil {
			t.Errorf("case %q passed alone", c.Name)
		}
	}
}

func TestMemoryThatIsNotFreedIsFound(t *testing.T) {
	c := &Case{Want: ptr("")}
	if c.verdict(Outcome{}) != nil || c.verdict(Outcome{LiveBytes: 1}) == nil {
		t.Error("live bytes at the end make no difference")
	}
}

func TestCasesThatMeanNothingAreRefused(t *testing.T) {
	for name, c := range map[string]Case{
		"no program":         {Want: ptr("")},
		"two programs":       {Solve: []byte("1"), I32: []byte("1"), WantI32: ptr(int32(1))},
		"no expectation":     {Solve: []byte("1")},
		"two expectations":   {Solve: []byte("1"), Want: ptr(""), Trap: ptr("")},
		"i32 with text":      {I32: []byte("1"), Want: ptr("")},
		"bad hex":            {Solve: []byte("1"), WantHex: ptr("6")},
		"bad input":          {Solve: []byte("1"), Want: ptr(""), InputHex: "zz"},
		"program and decls":  {Program: []byte("{}"), Decls: nil, Imports: []string{"std.bytes"}, Want: ptr("")},
		"want_i32 and solve": {Solve: []byte("1"), WantI32: ptr(int32(1))},
	} {
		if c.check() == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}
