package report

import (
	"encoding/base64"
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// statistics is a run's statistics with the given counts and zeros.
func statistics(fuel, heap, reads uint64) Stats {
	z := func() *uint64 { return new(uint64) }
	return Stats{
		FuelUsed: &fuel, HeapUsed: &heap, FSReadFileCalls: &reads, FSListDirCalls: z(),
		RROpenCalls: z(), RRCloseCalls: z(), RRStatsCalls: z(), RRNextCalls: z(), RRNextMissCalls: z(), RRAppendCalls: z(),
		KVGetCalls: z(), KVSetCalls: z(), SchedStats: &SchedStats{SchedTraceHash: "0x00"}, MemStats: &MemStats{PeakLiveBytes: heap},
	}
}

// compact is doc without white space between tokens.
func compact(doc []byte) string { return string(restyle(nil, doc, false)) }

func TestACompileFailureIsTheDocumentedReport(t *testing.T) {
	r := NewRunner(ModeProgram, "run-os", Failed("run-os", `Parse: unknown module: "a.b" (searched: a/b.x07.json)`), nil)
	want := `{"compile":{"c_source_size":0,"compile_error":"Parse: unknown module: \"a.b\" (searched: a/b.x07.json)\n\nhint: x07 pkg provides a.b","compiled_exe":null,"compiled_exe_size":null,"exit_status":1,"fuel_used":null,"lang_id":"x07-core@0.2.0","native_requires":{"requires":[],"schema_version":"x07.native-requires@0.1.0","world":"run-os"},"ok":false,"stderr_b64":"","stdout_b64":"","trap":null},"exit_code":1,"mode":"compile-run","schema_version":"x07-os-runner.report@0.3.0","solve":null,"world":"run-os"}`
	if diff := cmp.Diff(want, compact(r.Bytes())); diff != "" {
		t.Error(diff)
	}
}

func TestASandboxFailureIsTheDocumentedReport(t *testing.T) {
	want := `{"compile":{"c_source_size":0,"compile_error":null,"compiled_exe":null,"compiled_exe_size":null,"exit_status":1,"fuel_used":null,"lang_id":"","native_requires":{"requires":[],"schema_version":"x07.native-requires@0.1.0","world":"run-os-sandboxed"},"ok":false,"stderr_b64":"bm8gVk0=","stdout_b64":"","trap":"vm backend failure: no VM"},"exit_code":1,"mode":"compile-run","schema_version":"x07-os-runner.report@0.3.0","solve":null,"world":"run-os-sandboxed"}`
	if diff := cmp.Diff(want, compact(VMFailure(ModeProgram, "run-os-sandboxed", "no VM").Bytes())); diff != "" {
		t.Error(diff)
	}
}

func TestAnArtifactRunThatTimedOutIsTheDocumentedReport(t *testing.T) {
	want := `{"debug_stats":null,"exit_code":1,"exit_status":137,"fs_list_dir_calls":null,"fs_read_file_calls":null,"fuel_used":null,"heap_used":null,"kv_get_calls":null,"kv_set_calls":null,"mem_stats":null,"mode":"run-os","ok":false,"rr_append_calls":null,"rr_close_calls":null,"rr_next_calls":null,"rr_next_miss_calls":null,"rr_open_calls":null,"rr_stats_calls":null,"sched_stats":null,"schema_version":"x07-os-runner.report@0.3.0","solve_output_b64":"","stderr_b64":"","stdout_b64":"","trap":"timed out","world":"run-os"}`
	doc, code := ArtifactRun("run-os", Interpret(Child{ExitStatus: 137, Signal: 9, TimedOut: true}, 1<<20))
	if diff := cmp.Diff(want, compact(doc)); diff != "" || code != 1 {
		t.Errorf("exit code %d, %s", code, diff)
	}
}

func TestStreamsOfAFinishedProgramAreReadAsDocumented(t *testing.T) {
	stats := statistics(21, 64, 0).Line()
	withStats := func(text string) []byte { return append([]byte(text), stats...) }
	frame := Frame([]byte("hi\n"))
	tests := []struct {
		name   string
		child  Child
		cap    uint64
		output string
		trap   string // "" for none
		ok     bool
		counts bool
	}{
		{"normal end", Child{Stdout: frame, Stderr: withStats("log\n")}, 100, "hi\n", "", true, true},
		{"log after the statistics", Child{Stdout: frame, Stderr: append(withStats(""), "bye\n\n"...)}, 100, "hi\n", "", true, true},
		{"no statistics", Child{Stdout: frame, Stderr: []byte("log\n")}, 100, "hi\n", "missing metrics json line on stderr", false, false},
		{"foreign object", Child{Stdout: frame, Stderr: []byte("{\"a\":1}\n")}, 100, "hi\n", "missing metrics json line on stderr", false, false},
		{"exit status alone", Child{ExitStatus: 3, Stdout: frame, Stderr: withStats("")}, 100, "hi\n", "", false, true},
		{"exit status with log", Child{ExitStatus: 3, Stdout: frame, Stderr: withStats("a\n  it failed \n")}, 100, "hi\n", "it failed", false, true},
		{"immediate exit", Child{Stdout: nil, Stderr: nil}, 100, "", "native stdout too short for length prefix", false, false},
		{"too large", Child{Stdout: frame, Stderr: withStats("")}, 2, "", "native output too large: 3 > max_output_bytes=2", false, true},
		{"extra output", Child{Stdout: append([]byte("hey\n"), frame...), Stderr: withStats("")}, 1 << 32, "", "native stdout length mismatch: expected 175727980 got 11", false, true},
		{"trap", Child{ExitStatus: 132, Signal: 4, Stderr: []byte("fuel exhausted\n")}, 100, "", "fuel exhausted", false, false},
		{"silent trap", Child{ExitStatus: 132, Signal: 4}, 100, "", "terminated by signal 4", false, false},
		{"flood", Child{Stdout: frame, Stderr: withStats(""), StdoutTruncated: true}, 100, "", "stdout exceeded cap", false, false},
		{"stderr flood wins", Child{StdoutTruncated: true, StderrTruncated: true}, 100, "", "stderr exceeded cap", false, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := Interpret(tt.child, tt.cap)
			trap := ""
			if s.Trap != nil {
				trap = *s.Trap
			}
			out, err := base64.StdEncoding.DecodeString(s.SolveOutputB64)
			if err != nil || string(out) != tt.output || trap != tt.trap || s.OK != tt.ok || (s.MemStats != nil) != tt.counts {
				t.Errorf("output %q, trap %q, ok %v, counters %v", out, trap, s.OK, s.MemStats != nil)
			}
			if tt.counts && (*s.FuelUsed != 21 || *s.HeapUsed != 64) {
				t.Errorf("fuel %d, heap %d", *s.FuelUsed, *s.HeapUsed)
			}
		})
	}
}

func TestTheStatisticsLineHasItsMembersInOrder(t *testing.T) {
	want := `{"fuel_used":1,"heap_used":2,"fs_read_file_calls":3,"fs_list_dir_calls":0,"rr_open_calls":0,"rr_close_calls":0,"rr_stats_calls":0,"rr_next_calls":0,"rr_next_miss_calls":0,"rr_append_calls":0,"kv_get_calls":0,"kv_set_calls":0,"sched_stats":{"blocked_waits":0,"chan_recv_calls":0,"chan_send_calls":0,"ctx_switches":0,"join_calls":0,"sched_trace_hash":"0x00","sleep_calls":0,"spawn_calls":0,"tasks_spawned":0,"virtual_time_end":0,"wake_events":0,"yield_calls":0},"mem_stats":{"alloc_calls":0,"bytes_alloc_total":0,"bytes_freed_total":0,"free_calls":0,"live_allocs":0,"live_bytes":0,"memcpy_bytes":0,"peak_live_allocs":0,"peak_live_bytes":2,"realloc_calls":0},"debug_stats":{"borrow_violations":0}}` + "\n"
	st := statistics(1, 2, 3)
	st.DebugStats = &DebugStats{}
	if diff := cmp.Diff(want, string(st.Line())); diff != "" {
		t.Error(diff)
	}
}

func TestAWrappedReportEmbedsTheRunnersBytes(t *testing.T) {
	root := "/w"
	got, err := Wrap("os", "run-os", Target{Kind: "program", Path: "a.x07.json", ProjectRoot: &root}, nil, []byte("  {\"z\" : 1,\n \"a\":2}\n"))
	if err != nil {
		t.Fatal(err)
	}
	want := `{
  "schema_version": "x07.run.report@0.1.0",
  "runner": "os",
  "world": "run-os",
  "target": {
    "kind": "program",
    "path": "a.x07.json",
    "project_root": "/w",
    "lockfile": null,
    "resolved_module_roots": []
  },
  "report": {"z" : 1,
 "a":2}
}
`
	if diff := cmp.Diff(want, string(got)); diff != "" {
		t.Error(diff)
	}
	for _, bad := range []string{"", " \n", "oops"} {
		if _, err := Wrap("os", "run-os", Target{}, nil, []byte(bad)); err == nil || !strings.HasPrefix(err.Error(), "parse runner report JSON: ") {
			t.Errorf("%q: got %v", bad, err)
		}
	}
}

func TestAContractReproIsTheDocumentedFile(t *testing.T) {
	trap := `X07T_CONTRACT_V1 {"contract_kind":"requires","fn":"main.f","clause_id":"r1","clause_index":0,"clause_ptr":"/decls/1/requires/0/expr","witness":[]}`
	file, doc, ok := ContractRepro(trap, ContractRun{TargetKind: "program", TargetPath: "main.x07.json", World: "run-os",
		SolveFuel: 50000000, MaxMemoryBytes: 67108864, MaxOutputBytes: 1048576, CPUTimeLimitSeconds: 5})
	want := `{"contract":{"clause_id":"r1","clause_index":0,"clause_ptr":"/decls/1/requires/0/expr","contract_kind":"requires","fn":"main.f","witness":[]},"input_bytes_b64":"","runner":{"cpu_time_limit_seconds":5,"debug_borrow_checks":false,"max_memory_bytes":67108864,"max_output_bytes":1048576,"solve_fuel":50000000},"schema_version":"x07.contract.repro@0.1.0","source":{"mode":"x07run","target_kind":"program","target_path":"main.x07.json"},"tool":{"x07_version":"0.1.17","x07c_version":"0.1.17"},"world":"run-os"}`
	if diff := cmp.Diff(want, compact(doc)); diff != "" || !ok {
		t.Error(diff)
	}
	if !strings.HasPrefix(file, "contract/id_") || !strings.HasSuffix(file, "/repro.json") {
		t.Errorf("file %s", file)
	}
	for _, other := range []string{"fuel exhausted", "X07T_CONTRACT_V1 {", "X07T_CONTRACT_V1 []"} {
		if _, _, ok := ContractRepro(other, ContractRun{}); ok {
			t.Errorf("%q was taken for a broken contract", other)
		}
	}
}

func TestTheEnvelopeAlwaysExplainsAFailure(t *testing.T) {
	diagsOf := func(e Envelope) string {
		doc, _ := e.Document()
		return string(canonical(doc["diagnostics"]))
	}
	tests := []struct {
		name string
		env  Envelope
		want string
	}{
		{"success", Envelope{}, `[]`},
		{"stderr", Envelope{ExitCode: 2, Stderr: []byte("no such file\n")}, `[{"code":"X07-TOOL-EXEC-0001","message":"no such file","severity":"error","stage":"run"}]`},
		{"not text", Envelope{ExitCode: 2, Stderr: []byte("\xff")}, `[{"code":"X07-TOOL-EXEC-0001","message":"wrapped command failed with exit code 2","severity":"error","stage":"run"}]`},
		{"own diagnostics", Envelope{ExitCode: 1, Stdout: []byte(`{"diagnostics":[{"code":"A","message":"m","severity":"error","stage":"lint","data":{}}]}`)},
			`[{"code":"A","message":"m","severity":"error","stage":"lint"}]`},
		{"scan errors", Envelope{ScanErrors: []string{"bad"}}, `[{"code":"X07-TOOL-ARGS-0001","message":"bad","severity":"error","stage":"parse"}]`},
		{"killed", Envelope{ExitCode: -1, Stderr: []byte("boom\n")}, `[{"code":"X07-INTERNAL-0001","data":{"panic_stderr":"boom"},"message":"internal tool failure","severity":"error","stage":"run"}]`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := diagsOf(tt.env); got != tt.want {
				t.Errorf("got %s", got)
			}
		})
	}
	doc, code := Envelope{Scope: "fmt", Stdout: []byte("{\"a\":1}\n"), Argv: []string{"x07"}, Cwd: "/w", ElapsedMS: 4}.Document()
	want := `{"command":"x07.fmt","diagnostics":[],"exit_code":0,"meta":{"argv":["x07"],"cwd":"/w","elapsed_ms":4,"inputs":[],"nondeterminism":{"uses_network":false,"uses_os_time":false,"uses_process":false},"outputs":[],"tool":{"name":"x07","version":"0.1.17"}},"ok":true,"result":{"stderr":{"bytes_len":0,"text":""},"stdout":{"bytes_len":8,"text":"{\"a\":1}\n"},"stdout_json":{"a":1}},"schema_version":"x07.tool.fmt.report@0.1.0"}` + "\n"
	if diff := cmp.Diff(want, string(Canonical(doc))); diff != "" || code != 0 {
		t.Error(diff)
	}
}

func TestStringsAreEscapedAsDocumentsDemand(t *testing.T) {
	in := "\"\\/<>&\u2028\u2029\u007f\x01\n\b\f\tö"
	got := strings.TrimSuffix(string(Compact(in)), "\n")
	if want := "\"\\\"\\\\/<>&\u2028\u2029\u007f\\u0001\\n\\b\\f\\tö\""; got != want {
		t.Errorf("got  %q\nwant %q", got, want)
	}
	var back string
	if err := json.Unmarshal([]byte(got), &back); err != nil || back != in {
		t.Errorf("%q reads back as %q (%v)", got, back, err)
	}
}

func TestHintsNameEachPointerOnce(t *testing.T) {
	msg := `Typing: use after move (fn=app.f ptr=/decls/0/body/2 moved_ptr=/decls/0/body/1, ptr=/decls/0/body/2)`
	want := []string{"hint: x07 ast get --in src/app.x07.json --ptr /decls/0/body/2", "hint: x07 ast get --in src/app.x07.json --ptr /decls/0/body/1"}
	if diff := cmp.Diff(want, Hints(msg, "src/app.x07.json")); diff != "" {
		t.Error(diff)
	}
	if got := FailedFunction(msg); got != "app.f" {
		t.Errorf("function %q", got)
	}
}

func TestNativeRequirementsFollowTheHeads(t *testing.T) {
	got := Requires("run-os", []string{"os.env.get", "os.fs.read_all_v1", "os.fs.read_file", "os.stdio.read_line_v1"})
	want := []NativeRequire{{1, "x07.ext.fs", []string{"os.fs.read_all_v1"}}, {1, "x07.ext.stdio", []string{"os.stdio.read_line_v1"}}}
	if diff := cmp.Diff(want, got.Requires); diff != "" {
		t.Error(diff)
	}
}

func FuzzReadingAProgramsStreamsNeverPanics(f *testing.F) {
	f.Add([]byte("\x03\x00\x00\x00hi\n"), []byte("log\n{\"fuel_used\":1}\n"), 0)
	f.Add([]byte("\xff\xff\xff\xff"), []byte("{\"sched_stats\":null}"), 132)
	f.Fuzz(func(t *testing.T, stdout, stderr []byte, status int) {
		s := Interpret(Child{ExitStatus: status, Stdout: stdout, Stderr: stderr}, 1<<20)
		if !json.Valid(NewRunner(ModeProgram, "run-os", Compile{OK: true}, &s).Bytes()) {
			t.Error("the report is not JSON")
		}
		if !json.Valid(Indent(marshal(string(stderr)))) {
			t.Error("indenting broke a string")
		}
	})
}
