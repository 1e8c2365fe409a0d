package engine_test

import (
	"context"
	"os"
	"strings"
	"testing"
	"time"

	"x07/internal/artifact"
	"x07/internal/codegen"
	"x07/internal/codegen/irtext"
	"x07/internal/engine"
)

func compile(t testing.TB, body string, defs ...string) *artifact.Artifact {
	t.Helper()
	a, err := codegen.Generate(irtext.Program(body, defs...), codegen.Options{World: "run-os"})
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func run(t testing.TB, cfg engine.Config, body string, defs ...string) engine.Result {
	t.Helper()
	r := engine.Run(context.Background(), compile(t, body, defs...), cfg)
	if r.Err != nil {
		t.Fatal(r.Err)
	}
	return r
}

func trapped(t *testing.T, r engine.Result, message string, status int) {
	t.Helper()
	if r.Trap == nil || r.Trap.Message != message || status != 0 && r.Trap.Status != status {
		t.Errorf("got trap %+v, output %.40q; want trap %q with status %d", r.Trap, r.Output, message, status)
	}
	if r.Stats != nil {
		t.Error("a trap must leave no statistics")
	}
}

const echo = `(view.to_bytes input)`

func TestEchoReturnsItsInput(t *testing.T) {
	for _, in := range []string{"", "x", strings.Repeat("long ", 40000)} {
		r := run(t, engine.Config{Input: []byte(in)}, echo)
		if string(r.Output) != in {
			t.Errorf("%d bytes in, %d out, trap %v", len(in), len(r.Output), r.Trap)
		}
	}
}

func TestStatisticsOfTheWorkedExample(t *testing.T) {
	r := run(t, engine.Config{Input: []byte("abc")},
		`(seq (set v (vec_u8.with_capacity 0)) (for i 0 5 (set v (vec_u8.push ^v i))) (drop v) (lit ""))`)
	want := engine.MemStats{AllocCalls: 1, ReallocCalls: 3, FreeCalls: 4, BytesAllocTotal: 15, BytesFreedTotal: 15,
		PeakLiveBytes: 12, PeakLiveAllocs: 2, MemcpyBytes: 7}
	if r.Stats.Mem != want {
		t.Errorf("got  %+v\nwant %+v", r.Stats.Mem, want)
	}
	if r.Stats.HeapUsed != 15 {
		t.Errorf("heap_used %d, want the peak of 12 and the input of 3", r.Stats.HeapUsed)
	}
}

func TestContainerCostsAreAccountedAsTheReferenceSays(t *testing.T) {
	r := run(t, engine.Config{}, `(seq (do (map_u32.new 4)) (do (vec_value.with_capacity_v1 3 2)) (do (map_value.new_v1 3 1 4)) (lit ""))`)
	// Each kind has a table of 64 bytes; headers are 24, 32 and 64.
	want := uint64(64+24+16+16) + (64 + 32 + 32) + (64 + 64 + 4 + 16 + 64 + 16)
	if m := r.Stats.Mem; m.BytesAllocTotal != want || m.AllocCalls != 4+3+6 || m.LiveBytes != 0 || m.FreeCalls != 13 {
		t.Errorf("got %+v, want %d bytes in 13 allocations", m, want)
	}
}

func TestFuelIsExactToTheUnit(t *testing.T) {
	// 4 for the call of f, its arguments and the literal; f costs 2 more than
	// its branch: 1 for x, 1 for the result of the comparison's node.
	prog := `(seq (set s 0) (for i 0 10 (set s (+ s (call f i)))) (if (= s 7) (return "seven") (seq)) (fmt.u32_to_dec s))`
	f := `(fn f (x i32) i32 (seq (if (<u x 3) (return 1) (seq)) (if (= x 5) (* x x) (+ x 1))))`
	free := run(t, engine.Config{}, prog, f)
	if string(free.Output) != "71" {
		t.Fatalf("got %q", free.Output)
	}
	// Counted by hand: set 0 = 1; bounds 2; per iteration + s call i = 4;
	// f: x <u 3 = 3, then return 1 = 1 (3 times), or x = 5 = 3 and 3 (7 times);
	// s = 7 is 3; fmt s is 2.
	want := uint64(1 + 2 + 10*4 + 10*3 + 3*1 + 7*(3+3) + 3 + 2)
	if free.Stats.FuelUsed != want {
		t.Errorf("used %d units, want %d", free.Stats.FuelUsed, want)
	}
	if r := run(t, engine.Config{Fuel: want}, prog, f); r.Trap != nil || r.Stats.FuelUsed != want {
		t.Errorf("with exactly enough fuel: %+v", r)
	}
	trapped(t, run(t, engine.Config{Fuel: want - 1}, prog, f), "fuel exhausted", 0)
	trapped(t, run(t, engine.Config{Fuel: 1}, prog, f), "fuel exhausted", 0)
}

func TestFuelOfLoopsThatAreLeftEarlyIsExact(t *testing.T) {
	// The loops of f pay in advance; break and return give back.
	f := `(fn f (n i32) i32 (seq (set s 0)
	  (block b _ (for i 0 1000000 (if (= i n) (break b) (set s (+ s 1)))))
	  (for i 0 1000000 (if (= i n) (return (+ s i)) (if (& i 1) (set s (+ s 1)) (seq)))) 0))`
	prog := `(seq (set s 0) (for i 0 3 (set s (+ s (call f 100)))) (for i 0 4 (set s (+ s 1))) (fmt.u32_to_dec s))`
	// f: set 1; bounds 2; 100 times 3 + 3, then 3; bounds 2; 100 times 3 + 3 and
	// 50 times 3, then 3 + 3.
	call := uint64(1 + 2 + 100*6 + 3 + 2 + 100*6 + 50*3 + 6)
	want := 1 + 2 + 3*(4+call) + 2 + 4*3 + 2
	for _, limit := range []uint64{0, want} {
		r := run(t, engine.Config{Fuel: limit}, prog, f)
		if r.Trap != nil || string(r.Output) != "754" || r.Stats.FuelUsed != want {
			t.Errorf("limit %d: %q, trap %v, %+v; want %d units", limit, r.Output, r.Trap, r.Stats, want)
		}
	}
	trapped(t, run(t, engine.Config{Fuel: want - 1}, prog, f), "fuel exhausted", 0)
}

func TestFuelIsExactAcrossSlices(t *testing.T) {
	prog := `(seq (set s 0) (for i 0 2000000 (if (& i 1) (set s (+ s 1)) (set s (+ s (+ i i))))) (fmt.u32_to_dec s))`
	want := uint64(1 + 2 + 1000000*(3+3) + 1000000*(3+5) + 2)
	r := run(t, engine.Config{}, prog)
	if r.Stats.FuelUsed != want {
		t.Errorf("used %d units, want %d", r.Stats.FuelUsed, want)
	}
	trapped(t, run(t, engine.Config{Fuel: want - 1}, prog), "fuel exhausted", 0)
	if r := run(t, engine.Config{Fuel: want}, prog); r.Trap != nil {
		t.Errorf("with exactly enough fuel: %v", r.Trap)
	}
}

const forever = `(seq (for i 0 1 (set i (- i 1))) (lit ""))`

func TestAnEndlessLoopEndsAtEachLimit(t *testing.T) {
	trapped(t, run(t, engine.Config{Fuel: 1000000}, forever), "fuel exhausted", 0)
	trapped(t, run(t, engine.Config{CPUTime: 20 * time.Millisecond}, forever), "terminated by signal 9", 137)
	start := time.Now()
	trapped(t, run(t, engine.Config{Deadline: start.Add(30 * time.Millisecond)}, forever), "timed out", 137)
	if d := time.Since(start); d > 20*time.Second {
		t.Errorf("the deadline of 30 ms was kept after %v", d)
	}
	ctx, cancel := context.WithCancel(context.Background())
	a := compile(t, forever)
	cancel()
	trapped(t, engine.Run(ctx, a, engine.Config{}), "timed out", 137)
}

func TestALoopThatCostsNothingMeetsTheDeadline(t *testing.T) {
	p := irtext.Program(`(seq (for i 0 1 (set i -1)) (lit ""))`)
	p.Funcs[0].Body.Args[0].Args[2].Args[0].Fuel = 0
	a, err := codegen.Generate(p, codegen.Options{})
	if err != nil {
		t.Fatal(err)
	}
	r := engine.Run(context.Background(), a, engine.Config{Deadline: time.Now().Add(20 * time.Millisecond)})
	trapped(t, r, "timed out", 137)
}

func TestLoopsOfBulkOperationsMeetTheDeadlineToo(t *testing.T) {
	// A thousand units of fuel, but gigabytes of copying.
	start := time.Now()
	r := run(t, engine.Config{Deadline: start.Add(50 * time.Millisecond)},
		`(seq (set b (bytes.alloc 20000000)) (for i 0 1000000 (seq (set c (__internal.bytes.clone_v1 b)) (drop c))) ^b)`)
	trapped(t, r, "timed out", 137)
	if d := time.Since(start); d > 20*time.Second {
		t.Errorf("the deadline of 50 ms was kept after %v", d)
	}
}

func TestMemoryIsCappedByTheCapacityAndNothingElse(t *testing.T) {
	cap := func(n uint64) engine.Config { return engine.Config{MaxMemoryBytes: n} }
	trapped(t, run(t, cap(31), echo), "heap too small", 0)
	if r := run(t, cap(32), echo); r.Trap != nil {
		t.Error(r.Trap)
	}
	big := `(seq (set b (bytes.alloc 1008)) (drop b) (lit ""))`
	if r := run(t, cap(1024), big); r.Trap != nil {
		t.Error("the largest block of an empty heap does not fit: ", r.Trap)
	}
	trapped(t, run(t, cap(1023), big), "out of memory", 0)
	trapped(t, engine.Run(context.Background(), compile(t, echo), engine.Config{MaxMemoryBytes: 64, Input: make([]byte, 49)}), "out of memory", 0)
	// Freed memory is there again, whatever the sizes.
	r := run(t, cap(1<<20), `(seq (for i 1 3000 (seq (set b (bytes.alloc (* i 300))) (drop b))) (lit ""))`)
	if r.Trap != nil {
		t.Error(r.Trap)
	}
	// Small blocks until there is no more: 1 MiB of blocks of 32.
	r = run(t, cap(1<<20), `(seq (set v (vec_value.with_capacity_v1 3 0)) (for i 0 1000000 (do (vec_value.push_bytes_v1 v (bytes1 i)))) (lit ""))`)
	trapped(t, r, "out of memory", 0)
	// More than four gigabytes is as much as there can be.
	if r := run(t, cap(1<<40), echo); r.Trap != nil {
		t.Error(r.Trap)
	}
}

func TestAFragmentedHeapServesWhatWasFreed(t *testing.T) {
	// Blocks of many sizes freed in another order than they were made; the
	// contents must survive.
	body := `(seq (set v (vec_value.with_capacity_v1 3 0)) (set r 1) (set bad 0)
	 (for i 0 200 (do (vec_value.push_bytes_v1 v (lit ""))))
	 (for i 0 20000 (seq
	   (set r (+ (* r 1103515245) 12345))
	   (set k (% (>>u r 8) 200))
	   (set n (% (>>u r 5) 9000))
	   (set old (vec_value.get_bytes_v1 v k (lit "")))
	   (set m (field 1 old))
	   (if (<u 1 m) (if (!= (bytes.get_u8 (view old) 0) (bytes.get_u8 (view old) (- m 1))) (set bad (+ bad 1)) (seq)) (seq))
	   (drop old)
	   (set b (bytes.alloc (+ n 1)))
	   (set b (bytes.set_u8 ^b 0 k)) (set b (bytes.set_u8 ^b n k))
	   (do (vec_value.set_bytes_v1 v k ^b))))
	 (fmt.u32_to_dec bad))`
	r := run(t, engine.Config{MaxMemoryBytes: 4 << 20}, body)
	if r.Trap != nil || string(r.Output) != "0" {
		t.Fatalf("output %q, trap %v", r.Output, r.Trap)
	}
	if m := r.Stats.Mem; m.LiveBytes != 0 || m.LiveAllocs != 0 {
		t.Errorf("memory left: %+v", m)
	}
}

func TestOutputBeyondTheCapIsATrap(t *testing.T) {
	cfg := engine.Config{Input: []byte("12345"), MaxOutputBytes: 4}
	trapped(t, run(t, cfg, echo), "native output too large: 5 > max_output_bytes=4", 0)
	cfg.MaxOutputBytes = 5
	if r := run(t, cfg, echo); r.Trap != nil {
		t.Error(r.Trap)
	}
}

func TestATrapKnowsItsPlace(t *testing.T) {
	r := run(t, engine.Config{}, `(seq (set x (call f 3)) (fmt.u32_to_dec x))`, `(fn f (i i32) i32 (seq (set b "abc") (bytes.get_u8 (view b) i)))`)
	trapped(t, r, "view.get_u8 oob", 0)
	if r.Trap.Module != "main" || r.Trap.Func != "f" || r.Trap.Ptr != "/bytes.get_u8" {
		t.Errorf("the trap is at %+v", r.Trap)
	}
}

func TestEndlessRecursionIsATrap(t *testing.T) {
	r := run(t, engine.Config{}, `(seq (set x (call f 3)) (fmt.u32_to_dec x))`, `(fn f (i i32) i32 (+ 1 (call f (+ i 1))))`)
	trapped(t, r, "terminated by signal 11", 139)
	// Depth that a program may well need.
	r = run(t, engine.Config{}, `(fmt.u32_to_dec (call f 100000))`, `(fn f (i i32) i32 (if i (+ 1 (call f (- i 1))) 0))`)
	if string(r.Output) != "100000" {
		t.Errorf("100000 frames: %q, trap %v", r.Output, r.Trap)
	}
}

func TestAStrayPointerFaultsInsideTheProgram(t *testing.T) {
	r := run(t, engine.Config{}, `(seq (set x (ptr.read_i32 -8)) (fmt.u32_to_dec x))`)
	trapped(t, r, "terminated by signal 11", 139)
}

func TestAddressesOfLocalsAreMemory(t *testing.T) {
	r := run(t, engine.Config{}, `(seq (set x 5) (do (call f 3 (addr x))) (fmt.u32_to_dec x))`,
		`(fn f (n i32 p ptr_mut_void) i32 (seq (do (ptr.write_i32 p (+ n (ptr.read_i32 p)))) 0))`)
	if string(r.Output) != "8" {
		t.Errorf("got %q, trap %v", r.Output, r.Trap)
	}
	r = run(t, engine.Config{}, `(fmt.u32_to_dec (call f 1))`, `(fn f (x i32) i32 (seq (do (ptr.read_i32 (addr x))) (call f x)))`)
	trapped(t, r, "terminated by signal 11", 0)
}

func TestExitCodes(t *testing.T) {
	for code, want := range map[string]int{"0": 0, "7": 7, "255": 255, "256": 255, "-1": 255} {
		r := run(t, engine.Config{}, `(seq (do (process.set_exit_code_v1 `+code+`)) (lit "out"))`)
		if r.ExitCode != want || string(r.Output) != "out" || r.Stats == nil {
			t.Errorf("code %s: got %d %q", code, r.ExitCode, r.Output)
		}
	}
}

func TestHostFunctionsGetAndReturnEveryType(t *testing.T) {
	host := engine.HostTable{
		"os.fs.read_file": func(c *engine.Call) { c.RetBytes(append([]byte("file "), c.Bytes()...)) },
		"os.fs.write_file": func(c *engine.Call) {
			a, b := c.Bytes(), c.Bytes()
			c.Ret(uint32(len(a)*10 + len(b)))
		},
		"os.fs.read_all_v1": func(c *engine.Call) {
			if string(c.Bytes()) == "no" {
				c.RetErr(17)
			} else {
				c.RetOKBytes([]byte("all"))
			}
		},
		"os.env.get":          func(c *engine.Call) { c.Trap("os.env.get key denied") },
		"os.process.exit":     func(c *engine.Call) { c.Exit(int(int32(c.I32()))) },
		"os.fs.mkdirs_v1":     func(c *engine.Call) { c.RetOK(3) },
		"os.rand.bytes_v1":    func(c *engine.Call) { c.RetOKBytes(make([]byte, c.I32())) },
		"os.time.now_unix_ms": func(c *engine.Call) { c.Ret(c.Env.(uint32)) },
	}
	cfg := engine.Config{Host: host, Env: uint32(42)}
	for expr, want := range map[string]string{
		`(os.fs.read_file "x")`:                            "file x",
		`(fmt.u32_to_dec (os.fs.write_file "abc" "defg"))`: "34",
		`(fmt.u32_to_dec (os.time.now_unix_ms))`:           "42",
		`(seq (set r (os.fs.read_all_v1 "no" "")) (fmt.u32_to_dec (+ (* 100 (field 0 r)) (field 1 r))))`:               "17",
		`(seq (set r (os.fs.read_all_v1 "yes" "")) (set b (pack bytes (field 1 r) (field 2 r))) (bytes.concat ^b ""))`: "all",
		`(seq (set r (os.rand.bytes_v1 0 "c")) (fmt.u32_to_dec (+ (* 100 (field 0 r)) (field 2 r))))`:                  "100",
		`(seq (set r (os.fs.mkdirs_v1 "a" "c")) (fmt.u32_to_dec (+ (* 100 (field 0 r)) (field 1 r))))`:                 "103",
	} {
		r := run(t, cfg, expr)
		if r.Trap != nil || string(r.Output) != want {
			t.Errorf("%s: got %q %v, want %q", expr, r.Output, r.Trap, want)
		} else if r.Stats.Mem.LiveAllocs != 0 {
			t.Errorf("%s: %d blocks are left: arguments must be freed", expr, r.Stats.Mem.LiveAllocs)
		}
	}
	r := run(t, cfg, `(os.env.get "HOME")`)
	trapped(t, r, "os.env.get key denied", 0)
	if r.Trap.Ptr != "/os.env.get" {
		t.Errorf("the trap of a host function is at %+v", r.Trap)
	}
	if r := run(t, cfg, `(seq (do (os.process.exit 300)) (lit ""))`); !r.Exited || r.ExitCode != 255 || r.Stats != nil {
		t.Errorf("exit: %+v", r)
	}
	a := compile(t, `(os.env.get "HOME")`)
	if r := engine.Run(context.Background(), a, engine.Config{}); r.Err == nil || !strings.Contains(r.Err.Error(), "os.env.get") {
		t.Errorf("a head without implementation: %v", r.Err)
	}
}

func TestContractFailureIsOneLine(t *testing.T) {
	r := run(t, engine.Config{Input: []byte("in")}, `(fmt.u32_to_dec (call f -3 "xy" input (pack result_i32 0 7)))`,
		`(fn f (n i32 b bytes v bytes_view r result_i32) i32 (seq (if (< n 0) (fail requires n b v r (pack result_bytes 1 (field 0 b) 2)) (seq)) (drop b) n))`)
	want := `X07T_CONTRACT_V1 {"contract_kind":"requires","fn":"f","clause_id":"c0","clause_index":0,"clause_ptr":"/x","witness":[` +
		`{"ty":"i32","value_i32":-3},{"ty":"bytes","len":2,"hex":"7879","truncated":0},{"ty":"bytes_view","len":2,"hex":"696e","truncated":0},` +
		`{"ty":"result_i32","tag":"err","err_code_u32":7},{"ty":"result_bytes","tag":"ok","ok":{"len":2,"hex":"7879","truncated":0}}]}`
	trapped(t, r, want, 0)
}

func TestBudgetScopesLimitFuelAndAllocations(t *testing.T) {
	loop := func(n, fuel, alloc, more string) string {
		return `(seq (set s 0) (set s (budget ` + fuel + ` ` + alloc + ` (seq (for i 0 ` + n + ` (set s (+ s 1))) ` + more + ` s))) (for i 0 1000 (set s (+ s 1))) (fmt.u32_to_dec s))`
	}
	if r := run(t, engine.Config{}, loop("1000", "50000", "100", "")); string(r.Output) != "2000" || r.Stats.FuelUsed != 1+2+3000+1+2+3000+2 {
		t.Errorf("within the budget: %q, %+v, trap %v", r.Output, r.Stats, r.Trap)
	}
	trapped(t, run(t, engine.Config{}, loop("20000", "50000", "0", "")), "X07T_BUDGET_EXCEEDED_FUEL", 0)
	trapped(t, run(t, engine.Config{Fuel: 30000}, loop("20000", "50000", "0", "")), "fuel exhausted", 0)
	alloc := `(set b (bytes.alloc 101)) (drop b)`
	trapped(t, run(t, engine.Config{}, loop("1", "50000", "100", alloc)), "X07T_BUDGET_EXCEEDED_ALLOC_BYTES", 0)
	if r := run(t, engine.Config{}, loop("1", "50000", "101", alloc)); r.Trap != nil {
		t.Error(r.Trap)
	}
	// A scope is left by return as well; the fuel after it is the program's.
	r := run(t, engine.Config{}, `(seq (set s (call f)) (for i 0 100000 (set s (+ s 1))) (fmt.u32_to_dec s))`,
		`(fn f () i32 (seq (do (budget 50 0 (seq (for i 0 3 (if (= i 2) (return i) (seq))) 0))) 9))`)
	if string(r.Output) != "100002" {
		t.Errorf("return out of a scope: %q, trap %v", r.Output, r.Trap)
	}
}

func TestTheSecondRunUsesTheCache(t *testing.T) {
	dir := t.TempDir()
	a := compile(t, echo)
	for range 2 {
		r := engine.Run(context.Background(), a, engine.Config{Input: []byte("x"), CacheDir: dir})
		if r.Err != nil || string(r.Output) != "x" {
			t.Fatal(r.Err, r.Trap)
		}
	}
	if es, err := os.ReadDir(dir); err != nil || len(es) == 0 {
		t.Errorf("nothing was cached: %v %v", es, err)
	}
	// A cache that cannot be written is no reason to fail.
	r := engine.Run(context.Background(), a, engine.Config{Input: []byte("x"), CacheDir: "/dev/null/x"})
	if r.Err != nil || string(r.Output) != "x" {
		t.Errorf("with an unusable cache: %v %v", r.Err, r.Trap)
	}
}

func TestArtifactsThatLieAreRefused(t *testing.T) {
	for name, change := range map[string]func(a *artifact.Artifact){
		"another ABI":       func(a *artifact.Artifact) { a.Meta.ABI++ },
		"no module":         func(a *artifact.Artifact) { a.Wasm = nil },
		"a cut module":      func(a *artifact.Artifact) { a.Wasm = a.Wasm[:len(a.Wasm)/2] },
		"an unknown import": func(a *artifact.Artifact) { a.Wasm = []byte(strings.Replace(string(a.Wasm), "refill", "rifell", 1)) },
		"an unknown export": func(a *artifact.Artifact) {
			a.Wasm = []byte(strings.Replace(string(a.Wasm), "heap_base", "heap_bass", 1))
		},
		"an unknown module": func(a *artifact.Artifact) { a.Wasm = []byte(strings.Replace(string(a.Wasm), "x07", "wsi", 1)) },
	} {
		a := compile(t, echo)
		change(a)
		if r := engine.Run(context.Background(), a, engine.Config{}); r.Err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}
