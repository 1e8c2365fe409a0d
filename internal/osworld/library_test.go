package osworld_test

import (
	"bytes"
	"context"
	"maps"
	"strings"
	"testing"
	"time"

	"x07/internal/compile"
	"x07/internal/engine"
	"x07/internal/hostlib"
	"x07/internal/osworld"
)

// program runs an expression of type bytes in run-os.
func program(t *testing.T, c osworld.Config, imports, solve string) (engine.Result, osworld.Leaks) {
	t.Helper()
	src := `{"schema_version":"x07.x07ast@0.5.0","kind":"entry","module_id":"main","imports":[` + imports + `],"decls":[],"solve":` + solve + `}`
	art, _, err := compile.Build(compile.Options{Entry: []byte(src), World: "run-os"})
	if err != nil {
		t.Fatal(err)
	}
	if c.WorkDir == "" {
		c.WorkDir = t.TempDir()
	}
	w, err := osworld.New(c)
	if err != nil {
		t.Fatal(err)
	}
	host := w.HostTable()
	maps.Copy(host, hostlib.Table())
	res := engine.Run(context.Background(), art, engine.Config{Host: host, Deadline: time.Now().Add(20 * time.Second)})
	return res, w.Close()
}

func TestTheLibraryWritesAnyInstantAsRFC3339(t *testing.T) {
	for _, when := range []time.Time{
		time.Unix(0, 0), time.Unix(1, 1), time.Unix(1700000000, 123456789), time.Unix(-1, 999999999), time.Unix(1<<32, 0),
		time.Date(2000, 2, 29, 23, 59, 59, 0, time.UTC), time.Date(1900, 3, 1, 0, 0, 0, 5, time.UTC), time.Date(2100, 2, 28, 12, 0, 0, 0, time.UTC),
		time.Date(1, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC), time.Date(2024, 12, 31, 0, 0, 0, 0, time.UTC),
	} {
		want := when.UTC().Format("2006-01-02T15:04:05Z")
		if when.Nanosecond() != 0 {
			want = when.UTC().Format("2006-01-02T15:04:05.000000000Z")
		}
		res, _ := program(t, osworld.Config{Now: func() time.Time { return when }}, `"ext.time.os"`, `["ext.time.os.now_rfc3339_utc_v1"]`)
		if string(res.Output) != want {
			t.Errorf("%q, want %q", res.Output, want)
		}
	}
}

func TestAProgramTalksThroughItsStreams(t *testing.T) {
	var out, errs bytes.Buffer
	res, _ := program(t, osworld.Config{Stdin: strings.NewReader("first\nsecond\n"), Stdout: &out, Stderr: &errs},
		`"std.os.stdio","std.os.stdio.spec"`, `["begin",
		["let","a",["std.os.stdio.read_line_v1",["std.os.stdio.spec.caps_default_v1"]]],
		["let","b",["result_bytes.unwrap_or","a",["bytes.empty"]]],
		["std.os.stdio.write_stdout_v1",["view.to_bytes",["bytes.view","b"]],["std.os.stdio.spec.caps_default_v1"]],
		["std.os.stdio.write_stderr_v1",["bytes.lit","note"],["std.os.stdio.spec.caps_default_v1"]],
		["let","c",["std.os.stdio.read_line_v1",["std.os.stdio.spec.caps_default_v1"]]],
		["result_bytes.unwrap_or","c",["bytes.empty"]]]`)
	if string(res.Output) != "second" || out.String() != "first" || errs.String() != "note" {
		t.Errorf("output %q, stdout %q, stderr %q, trap %v", res.Output, out.String(), errs.String(), res.Trap)
	}
}

func TestWhatAProgramLeavesBehindIsEnded(t *testing.T) {
	res, leaks := program(t, osworld.Config{},
		`"std.os.process.req_v1","std.os.process.caps_v1","std.os.fs.spec"`, `["begin",
		["os.fs.stream_open_write_v1",["bytes.lit","x"],["std.os.fs.spec.caps_default_v1"]],
		["os.process.spawn_piped_v1",["std.os.process.req_v1.finish",["std.os.process.req_v1.new",["bytes.lit","/bin/cat"]]],["std.os.process.caps_v1.finish",1,1,0,0]],
		["bytes.empty"]]`)
	if res.Trap != nil || leaks != (osworld.Leaks{Writers: 1, Children: 1}) {
		t.Errorf("leaks %+v, trap %v", leaks, res.Trap)
	}
}

func TestADeadlineEndsEveryWait(t *testing.T) {
	dir := t.TempDir()
	art, _, err := compile.Build(compile.Options{World: "run-os", Entry: []byte(`{"schema_version":"x07.x07ast@0.5.0","kind":"entry","module_id":"main",
		"imports":["std.os.process.req_v1","std.os.process.caps_v1"],"decls":[],"solve":["begin",
		["if",["=",["view.get_u8","input",0],49],["os.time.sleep_ms_v1",5000],0],
		["os.process.run_capture_v1",
			["std.os.process.req_v1.finish",["std.os.process.req_v1.arg",["std.os.process.req_v1.new",["bytes.lit","/bin/sleep"]],["bytes.lit","5"]]],
			["std.os.process.caps_v1.finish",1,1,0,0]]]}`)})
	if err != nil {
		t.Fatal(err)
	}
	for _, input := range []string{"0", "1"} {
		w, err := osworld.New(osworld.Config{WorkDir: dir})
		if err != nil {
			t.Fatal(err)
		}
		host := w.HostTable()
		maps.Copy(host, hostlib.Table())
		start := time.Now()
		res := engine.Run(context.Background(), art, engine.Config{Host: host, Input: []byte(input), Deadline: time.Now().Add(100 * time.Millisecond)})
		w.Close()
		if res.Trap == nil || res.Trap.Message != "timed out" || time.Since(start) > 20*time.Second {
			t.Errorf("input %s: %+v after %v", input, res, time.Since(start))
		}
	}
}
