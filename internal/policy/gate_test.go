package policy

import (
	"errors"
	"net/netip"
	"path"
	"strings"
	"testing"
)

// expect checks the parts of a denial that programs and users see.
func expect(t *testing.T, name string, d Decision, field string, code int32, trap string) {
	t.Helper()
	if allowed := field == "ok"; d.Allowed != allowed {
		t.Errorf("%s: allowed = %v (%+v), want %v", name, d.Allowed, d, allowed)
	} else if !allowed && (d.Field != field || d.Code != code || d.Trap != trap || d.Class == Allowed) {
		t.Errorf("%s: denied by %q, code %d, trap %q, class %v; want %q, %d, %q", name, d.Field, d.Code, d.Trap, d.Class, field, code, trap)
	}
}

func TestBuiltinFileCallsTrapInTheirOrder(t *testing.T) {
	off := put("/fs/enabled", false)
	for _, c := range []struct {
		name  string
		edits []PatchOp
		path  string
		field string
		read  string
		write string
	}{
		{"disabled", []PatchOp{off, put("/threads/max_blocking", 0)}, "../x", "fs.enabled", "os.fs disabled by policy", "os.fs disabled by policy"},
		{"no blocking call", []PatchOp{put("/threads/max_blocking", 0)}, "../x", "threads.max_blocking", trapBlocking, trapBlocking},
		{"no threads", []PatchOp{put("/threads/enabled", false)}, "a", "threads.enabled", trapBlocking, trapBlocking},
		{"parent", nil, "../x", "", "os.fs.read_file unsafe path", "os.fs.write_file unsafe path"},
		{"inner parent", nil, "a/../x", "", "os.fs.read_file unsafe path", "os.fs.write_file unsafe path"},
		{"absolute", nil, "/etc/passwd", "", "os.fs.read_file unsafe path", "os.fs.write_file unsafe path"},
		{"empty", nil, "", "", "os.fs.read_file unsafe path", "os.fs.write_file unsafe path"},
		{"dot", nil, "./a", "", "os.fs.read_file unsafe path", "os.fs.write_file unsafe path"},
		{"double slash", nil, "a//b", "", "os.fs.read_file unsafe path", "os.fs.write_file unsafe path"},
		{"trailing slash", nil, "a/", "", "os.fs.read_file unsafe path", "os.fs.write_file unsafe path"},
		{"backslash", nil, `a\b`, "", "os.fs.read_file unsafe path", "os.fs.write_file unsafe path"},
		{"NUL", nil, "a\x00b", "", "os.fs.read_file unsafe path", "os.fs.write_file unsafe path"},
		{"reserved", nil, "a/.x07_rr", "", "os.fs.read_file unsafe path", "os.fs.write_file unsafe path"},
		{"hidden", nil, "out/.git", "fs.deny_hidden", "os.fs.read_file hidden path denied", "os.fs.write_file hidden path denied"},
	} {
		g := gate(t, "cli", c.edits...)
		expect(t, c.name, g.FSReadFile(c.path).Decision, c.field, 0, c.read)
		expect(t, c.name, g.FSWriteFile(c.path, 1).Decision, c.field, 0, c.write)
	}
	g := gate(t, "cli", put("/fs/read_roots", []string{"src"}), put("/fs/max_write_bytes", 10))
	expect(t, "outside", g.FSReadFile("srcs/a").Decision, "fs.read_roots", 0, "os.fs.read_file open failed")
	expect(t, "outside", g.FSWriteFile("a.txt", 1).Decision, "fs.write_roots", 13, "")
	expect(t, "too large", g.FSWriteFile("out/a", 11).Decision, "fs.max_write_bytes", 27, "")
	expect(t, "exact", g.FSWriteFile("out/a", 10).Decision, "ok", 0, "")
	if d := g.FSWriteFile("out/a/b", 1); d.Root != 0 || d.Rel != "a/b" {
		t.Errorf("root %d, rel %q; want 0 and a/b", d.Root, d.Rel)
	}
}

func TestFileCallsAnswerTheirCodesInOrder(t *testing.T) {
	off := put("/fs/enabled", false)
	allow := func(f string) PatchOp { return put("/fs/"+f, true) }
	for _, c := range []struct {
		name  string
		edits []PatchOp
		op    Op
		path  string
		flags FSFlags
		field string
		code  int32
	}{
		{"permission before enabled", []PatchOp{off, put("/fs/allow_mkdir", false)}, OpFSMkdirs, "out", 0, "fs.allow_mkdir", 60001},
		{"enabled before syntax", []PatchOp{off}, OpFSRead, "/x", 0, "fs.enabled", 60002},
		{"syntax before hidden", nil, OpFSRead, "../.x", 0, "", 60003},
		{"only dots", nil, OpFSRead, "././.", 0, "", 60003},
		{"bad UTF-8", nil, OpFSRead, "a\xff", 0, "", 60003},
		{"hidden before roots", nil, OpFSWrite, ".x", 0, "fs.deny_hidden", 60001},
		{"a flag lifts nothing", nil, OpFSRead, "a/.x", FlagHidden, "fs.deny_hidden", 60001},
		{"dot segments are dropped", nil, OpFSRead, "./a/./b", 0, "ok", 0},
		{"write outside", nil, OpFSWrite, "a", 0, "fs.write_roots", 60001},
		{"write sibling", nil, OpFSWrite, "outside/a", 0, "fs.write_roots", 60001},
		{"write inside", nil, OpFSWrite, "out/a", 0, "ok", 0},
		{"the root itself", nil, OpFSMkdirs, "out", 0, "ok", 0},
		{"symlink flag first on writes", nil, OpFSWrite, "/x", FlagSymlinks, "fs.allow_symlinks", 60019},
		{"symlink flag first on stat", nil, OpFSStat, "/x", FlagSymlinks, "fs.allow_symlinks", 60019},
		{"symlink flag last on reads", nil, OpFSRead, "/x", FlagSymlinks, "", 60003},
		{"symlink flag on reads", nil, OpFSRead, "x", FlagSymlinks, "fs.allow_symlinks", 60019},
		{"symlink flag after the walk", nil, OpFSWalk, "x", FlagSymlinks, "ok", 0},
		{"symlink before parents", []PatchOp{put("/fs/allow_mkdir", false)}, OpFSWrite, "out/a", FlagSymlinks | FlagCreateParents, "fs.allow_symlinks", 60019},
		{"parents", []PatchOp{put("/fs/allow_mkdir", false)}, OpFSWrite, "out/a", FlagCreateParents | FlagAtomic, "fs.allow_mkdir", 60001},
		{"atomic", []PatchOp{put("/fs/allow_rename", false)}, OpFSOpenWrite, "out/a", FlagAtomic, "fs.allow_rename", 60001},
		{"parents do not matter to reads", []PatchOp{put("/fs/allow_mkdir", false)}, OpFSRead, "a", FlagCreateParents, "ok", 0},
		{"remove", nil, OpFSRemoveFile, "out/a", 0, "fs.allow_remove", 60001},
		{"remove", nil, OpFSRemoveDir, "out/a", 0, "fs.allow_remove", 60001},
		{"remove allowed", []PatchOp{allow("allow_remove")}, OpFSRemoveDir, "out/a", 0, "ok", 0},
		{"list", []PatchOp{put("/fs/allow_walk", false)}, OpFSList, "a", 0, "fs.allow_walk", 60001},
		{"glob", []PatchOp{put("/fs/allow_glob", false)}, OpFSWalk, "a", 0, "fs.allow_glob", 60001},
		{"walk before glob", []PatchOp{put("/fs/allow_glob", false), put("/fs/allow_walk", false)}, OpFSWalk, "a", 0, "fs.allow_walk", 60001},
		{"no roots", []PatchOp{put("/fs/read_roots", []string{})}, OpFSStat, "a", 0, "fs.read_roots", 60001},
		{"blank root", []PatchOp{put("/fs/read_roots", []string{"  "})}, OpFSStat, "a", 0, "fs.read_roots", 60001},
	} {
		expect(t, c.name, gate(t, "cli", c.edits...).FS(c.op, c.path, c.flags).Decision, c.field, c.code, "")
	}
}

func TestRootsAreMatchedByWholeComponents(t *testing.T) {
	for _, c := range []struct {
		root, path string
		rel        string // "" when the path is outside
	}{
		{".", "a/b", "a/b"},
		{"./", "a", "a"},
		{"a", "a/b", "b"},
		{"a/", "a/b", "b"},
		{"a", "a", "."},
		{"a", "ab", ""},
		{"a/b", "a", ""},
		{"./a/../b", "b/c", "c"},
		{"..", "a", "work/a"},
		{"/", "a", "srv/work/a"},
		{"/srv", "a", "work/a"},
		{"/srv/work", "a", "a"},
		{"/srv/work/a", "a/b", "b"},
		{"/srv/wor", "a", ""},
		{"/data", "data/x", ""},
		{"../other", "other/x", ""},
		{"../../../../..", "a", "srv/work/a"},
	} {
		g := FromPolicy(load(t, "cli", put("/fs/read_roots", []string{c.root})), Options{WorkDir: "/srv/work"})
		d := g.FS(OpFSRead, c.path, 0)
		if d.Allowed != (c.rel != "") || d.Rel != c.rel {
			t.Errorf("root %q, path %q: allowed %v, rel %q; want %q", c.root, c.path, d.Allowed, d.Rel, c.rel)
		}
	}
}

func TestARenameNeedsBothPaths(t *testing.T) {
	g := gate(t, "cli")
	if from, to := g.FSRename("out/a", "out/b", 0); !from.Allowed || !to.Allowed {
		t.Errorf("a rename inside a root: %+v, %+v", from, to)
	}
	if _, to := g.FSRename("a", "out/b", 0); to.Allowed || to.Target != "a" {
		t.Errorf("a rename from outside: %+v", to)
	}
	if _, to := g.FSRename("out/a", "b", 0); to.Allowed || to.Target != "b" {
		t.Errorf("a rename to outside: %+v", to)
	}
}

func TestCeilingsAreTheSmallerOfPolicyAndCall(t *testing.T) {
	g := gate(t, "cli", put("/fs/max_read_bytes", 100), put("/fs/max_entries", 0))
	for _, c := range []struct{ got, want uint32 }{
		{g.FSMaxRead(0), 100}, {g.FSMaxRead(50), 50}, {g.FSMaxRead(200), 100},
		{g.FSMaxEntries(0), 10000}, {g.FSMaxEntries(20000), 10000}, {g.FSMaxEntries(1), 1},
		{AllowAll().FSMaxWrite(0), 16777216}, {AllowAll().FSMaxWrite(1 << 30), 16777216}, {AllowAll().FSMaxDepth(0), 64},
	} {
		if c.got != c.want {
			t.Errorf("ceiling = %d, want %d", c.got, c.want)
		}
	}
	expect(t, "read", g.FSCeiling(OpFSRead, "a", "fs.max_read_bytes", 101), "fs.max_read_bytes", 60016, "")
	expect(t, "list", g.FSCeiling(OpFSList, "a", "fs.max_entries", 101), "fs.max_entries", 60017, "")
	expect(t, "walk", g.FSCeiling(OpFSWalk, "a", "fs.max_depth", 101), "fs.max_depth", 60018, "")
}

func TestFileURLsAndDownloadsFollowTheFileRules(t *testing.T) {
	g := gate(t, "cli", put("/fs/read_roots", []string{"/data", "src"}))
	for path, field := range map[string]string{
		"/data/a": "ok", "/data": "ok", "/work/src/a": "ok", "/database": "fs.read_roots", "/data/.a": "fs.deny_hidden", "/work/a": "fs.read_roots",
	} {
		expect(t, path, g.FSFileURL(path).Decision, field, 1, "")
	}
	for _, path := range []string{"/data/../etc", "data", "", "/data//a", "/data/\x00"} {
		expect(t, path, g.FSFileURL(path).Decision, "", 2, "")
	}
	expect(t, "download", g.FSDownload("out/x").Decision, "ok", 0, "")
	expect(t, "download", g.FSDownload("x").Decision, "fs.write_roots", 1, "")
	expect(t, "download", g.FSDownload("../x").Decision, "", 1, "")
}

func TestEnvironmentKeys(t *testing.T) {
	g := gate(t, "web-service", put("/env/allow_keys", []string{"PORT", " HOST ", "BOTH"}), put("/env/deny_keys", []string{"BOTH", "X"}))
	expect(t, "listed", g.EnvGet("PORT"), "ok", 0, "")
	expect(t, "blanks", g.EnvGet("HOST"), "ok", 0, "")
	expect(t, "both", g.EnvGet("BOTH"), "env.deny_keys", 0, "os.env.get key denied")
	expect(t, "case", g.EnvGet("port"), "env.allow_keys", 0, "os.env.get key not allowed")
	expect(t, "off", gate(t, "cli").EnvGet("PORT"), "env.enabled", 0, "os.env disabled by policy")
	if got := strings.Join(g.EnvKeys(), ","); got != "PORT,HOST" {
		t.Errorf("keys for the guest = %s, want PORT,HOST", got)
	}
	if got := gate(t, "cli", put("/env/allow_keys", []string{"A"})).EnvKeys(); got != nil {
		t.Errorf("a disabled section passes %v into the guest", got)
	}
}

func TestClocks(t *testing.T) {
	off := put("/time/enabled", false)
	g := gate(t, "cli", off)
	expect(t, "unix", g.TimeUnix(), "time.enabled", 0, "os.time disabled by policy")
	expect(t, "instant", g.TimeInstant(), "time.enabled", 300, "")
	expect(t, "tz", g.TimeTZID(), "time.enabled", 1, "")
	expect(t, "sleep", g.TimeSleep(0), "time.enabled", 0, "")
	g = gate(t, "worker", put("/time/allow_monotonic", false))
	expect(t, "unix", g.TimeUnix(), "time.allow_wall_clock", 0, "os.time.now_unix_ms disabled by policy")
	expect(t, "instant", g.TimeInstant(), "time.allow_wall_clock", 300, "")
	expect(t, "monotonic", g.TimeMonotonic(), "time.allow_monotonic", 300, "")
	expect(t, "tz", g.TimeTZID(), "time.allow_local_tzid", 1, "")
	expect(t, "sleep", g.TimeSleep(5000), "ok", 0, "")
	expect(t, "sleep", g.TimeSleep(5001), "time.max_sleep_ms", 0, "")
	g = gate(t, "worker", put("/time/max_sleep_ms", 0))
	expect(t, "zero sleep", g.TimeSleep(0), "ok", 0, "")
	expect(t, "no sleep", g.TimeSleep(1), "time.max_sleep_ms", 0, "")
	expect(t, "allowed", gate(t, "cli").TimeUnix(), "ok", 0, "")
}

func TestThreadCeilings(t *testing.T) {
	if got, want := gate(t, "cli").Threads(), (ThreadLimits{Blocking: 4, Queue: 1024}); got != want {
		t.Errorf("threads = %+v, want %+v", got, want)
	}
	if got := gate(t, "cli", put("/threads/enabled", false)).Threads(); got != (ThreadLimits{}) {
		t.Errorf("a disabled section allows %+v", got)
	}
	if got := AllowAll().Threads(); got.Blocking >= 0 || got.Queue >= 0 {
		t.Errorf("run-os has the limits %+v", got)
	}
}

func TestSpawnSteps(t *testing.T) {
	g := gate(t, "worker-parallel", put("/process/max_spawns", 2), put("/process/max_live", 1),
		put("/process/allow_execs", []string{"/bin/echo", "tools/./run"}), put("/process/allow_args_regex_lite", []string{"-.*", "a*b"}),
		put("/process/allow_env_keys", []string{"LANG"}), put("/process/max_args", 3), put("/process/max_env", 1), put("/process/max_stdin_bytes", 4))
	expect(t, "count", g.ProcessCount(1), "ok", 0, "")
	expect(t, "count", g.ProcessCount(2), "process.max_spawns", 1, "")
	expect(t, "live", g.ProcessLive(0), "ok", 0, "")
	expect(t, "live", g.ProcessLive(1), "process.max_live", 1, "")
	expect(t, "enabled", g.ProcessEnabled(), "ok", 0, "")
	expect(t, "args", g.ProcessArgs(3), "ok", 0, "")
	expect(t, "args", g.ProcessArgs(4), "process.max_args", 1, "")
	expect(t, "arg 0", g.ProcessArg(0, "anything"), "ok", 0, "")
	expect(t, "arg", g.ProcessArg(1, "-x"), "ok", 0, "")
	expect(t, "arg", g.ProcessArg(1, "aaab"), "ok", 0, "")
	expect(t, "arg", g.ProcessArg(1, "aaabc"), "process.allow_args_regex_lite", 1, "")
	expect(t, "arg", g.ProcessArg(1, strings.Repeat("a", 4097)), "process.max_arg_bytes", 1, "")
	expect(t, "env count", g.ProcessEnvCount(2), "process.max_env", 1, "")
	expect(t, "env", g.ProcessEnv("LANG", 5), "ok", 0, "")
	expect(t, "env", g.ProcessEnv("lang", 5), "process.allow_env_keys", 1, "")
	expect(t, "env", g.ProcessEnv("", 5), "", 2, "")
	expect(t, "env", g.ProcessEnv("LANG", 5000), "process.max_env_val_bytes", 1, "")
	expect(t, "env", g.ProcessEnv(strings.Repeat("K", 257), 5), "process.max_env_key_bytes", 1, "")
	expect(t, "cwd", g.ProcessCwd(""), "ok", 0, "")
	expect(t, "cwd", g.ProcessCwd("a"), "process.allow_cwd", 1, "")
	expect(t, "stdin", g.ProcessStdin(5), "process.max_stdin_bytes", 1, "")
	expect(t, "pending", g.ProcessStdinPending(5), "process.max_stdin_bytes", 0, "os.process.stdin_write_v1 pending exceeds policy max_stdin_bytes")
	expect(t, "exit", g.ProcessExit(), "ok", 0, "")

	c, d := g.ProcessCaps(ProcessCaps{StdoutBytes: 10, StderrBytes: 20})
	if !d.Allowed || c != (ProcessCaps{TimeoutMs: 60000, StdoutBytes: 10, StderrBytes: 20, TotalBytes: 30}) {
		t.Errorf("caps = %+v, %+v", c, d)
	}
	for field, c := range map[string]ProcessCaps{
		"process.max_runtime_ms": {TimeoutMs: 60001}, "process.max_stdout_bytes": {StdoutBytes: 10485761},
		"process.max_stderr_bytes": {StderrBytes: 10485761}, "process.max_total_bytes": {StdoutBytes: 10485760, StderrBytes: 10485760},
	} {
		_, d := g.ProcessCaps(c)
		expect(t, field, d, field, 1, "")
	}

	cwd := gate(t, "worker-parallel", put("/process/allow_cwd", true), put("/process/allow_cwd_roots", []string{"jobs"}))
	expect(t, "cwd", cwd.ProcessCwd("a/b"), "ok", 0, "")
	expect(t, "cwd", cwd.ProcessCwd("../b"), "", 1, "")
	expect(t, "cwd", cwd.ProcessCwd("a/.b"), "fs.deny_hidden", 1, "")
	expect(t, "no exec", gate(t, "worker-parallel", put("/process/allow_exec", false)).ProcessEnabled(), "process.allow_exec", 1, "")
	expect(t, "no spawn", gate(t, "worker").ProcessEnabled(), "process.allow_spawn", 1, "")
	expect(t, "no process", gate(t, "worker", put("/process/enabled", false)).ProcessEnabled(), "process.enabled", 1, "")
	expect(t, "no process", gate(t, "worker", put("/process/enabled", false)).ProcessExit(), "process.enabled", 0, "os.process disabled by policy")
	expect(t, "no exit", gate(t, "worker", put("/process/allow_exit", false)).ProcessExit(), "process.allow_exit", 0, "os.process.exit disabled by policy")
}

func TestExecutablesAreMatchedAbsoluteAndClean(t *testing.T) {
	g := gate(t, "worker-parallel", put("/process/allow_execs", []string{"/bin/echo", "tools/./run"}))
	for argv0, exe := range map[string]string{
		"/bin/echo":                   "/bin/echo",
		"/bin/../bin/echo":            "/bin/echo",
		"//bin//echo":                 "/bin/echo",
		"tools/run":                   "/work/tools/run",
		"/work/tools/run":             "/work/tools/run",
		"deps/x07/tool":               "/work/deps/x07/tool",
		"./deps/x07/sub/tool":         "/work/deps/x07/sub/tool",
		"deps/x07/../../bin/sh":       "",
		"deps/x07/../x07/tool":        "/work/deps/x07/tool",
		"deps/x07evil":                "",
		"deps/x07/../../../bin/sh":    "",
		"echo":                        "",
		"/bin/echo/../sh":             "",
		"/work/deps/x07/../../../etc": "",
	} {
		got, d := g.ProcessExe(argv0)
		if d.Allowed != (exe != "") || got != exe {
			t.Errorf("argv[0] %q: runs %q (allowed %v), want %q", argv0, got, d.Allowed, exe)
		}
	}
	if _, d := g.ProcessExe(""); d.Code != 2 {
		t.Errorf("empty argv[0]: code %d, want 2", d.Code)
	}
	if _, d := g.ProcessExe(strings.Repeat("a", 4097)); d.Field != "process.max_exe_bytes" {
		t.Errorf("long argv[0]: field %q", d.Field)
	}
}

func TestPatternsMatchWholeArguments(t *testing.T) {
	for _, c := range []struct {
		pattern, arg string
		want         bool
	}{
		{"abc", "abc", true}, {"abc", "abcd", false}, {"abc", "xabc", false},
		{"a.c", "abc", true}, {"a.c", "ac", false}, {".*", "", true}, {".*", "anything\n\x00", true},
		{"--x=.*", "--x=", true}, {"--x=.*", "--y=", false},
		{`a\*`, "a*", true}, {`a\*`, "aa", false}, {`\.`, ".", true}, {`\.`, "x", false}, {`\\`, `\`, true},
		{"a*b*c*", "aabbcc", true}, {"a*b*c*", "", true}, {"a*b*c*", "cba", false},
		{"[a]+", "[a]+", true}, {"[a]+", "a", false}, {"a*a*a*a*b", strings.Repeat("a", 4000), false},
	} {
		p, err := compilePattern(c.pattern)
		if err != nil {
			t.Fatal(err)
		}
		if got := p.match(c.arg); got != c.want {
			t.Errorf("%q matches %.20q: %v, want %v", c.pattern, c.arg, got, c.want)
		}
	}
	if _, err := compilePattern(strings.Repeat("é", 200)); !errors.Is(err, errPatternLong) {
		t.Errorf("400 elements: %v", err)
	}
}

// hosts is a policy that lists these host:ports entries.
func hosts(t testing.TB, list ...Host) *Gate {
	return gate(t, "http-client", put("/net/allow_hosts", list), put("/net/allow_udp", true))
}

func TestHostsMatchNamesLiteralsNetworksAndRanges(t *testing.T) {
	g := hosts(t,
		Host{"Example.com", []uint16{443, 80}}, Host{"[::1]", []uint16{1}}, Host{"10.1.0.0/16", []uint16{2}}, Host{"192.0.2.9-192.0.2.3", []uint16{3}},
		Host{"fd00::/8", []uint16{4}}, Host{"a-b.example", []uint16{5}}, Host{"1.2.3.4", []uint16{6}}, Host{"1.2.3.4/33", []uint16{7}}, Host{"1.1.1.1-::1", []uint16{8}})
	for _, c := range []struct {
		host string
		port int
		want bool
	}{
		{"example.com", 443, true}, {"EXAMPLE.COM", 80, true}, {"example.com", 81, false}, {"example.com.", 443, false},
		{"www.example.com", 443, false}, {"xample.com", 443, false}, {"", 443, false}, {"example.com", 0, false}, {"example.com", 65979, false}, {"example.com", -1, false},
		{"::1", 1, true}, {"0:0:0:0:0:0:0:1", 1, true}, {"[::1]", 1, false}, {"::1%lo", 1, false},
		{"10.1.255.255", 2, true}, {"10.2.0.0", 2, false}, {"10.1.0.1", 3, false}, {"::ffff:10.1.0.1", 2, false}, {"10.1", 2, false},
		{"192.0.2.3", 3, true}, {"192.0.2.9", 3, true}, {"192.0.2.2", 3, false}, {"192.0.2.10", 3, false},
		{"fd12::1", 4, true}, {"fe80::1", 4, false}, {"a-b.example", 5, true}, {"1.2.3.4", 6, true}, {"1.2.3.4", 7, false}, {"01.2.3.4", 6, false},
		{"1.1.1.1", 8, false}, {strings.Repeat("A", 300), 443, false},
	} {
		if d := g.NetConnect(c.host, c.port); d.Allowed != c.want {
			t.Errorf("%s:%d: allowed %v, want %v", c.host, c.port, d.Allowed, c.want)
		} else if !c.want && (d.Code != 1 || d.Field != "net.allow_hosts") {
			t.Errorf("%s:%d: %+v", c.host, c.port, d)
		}
	}
}

func TestSwitchesOfTheNetwork(t *testing.T) {
	entry := put("/net/allow_hosts", []Host{{"example.com", []uint16{443}}, {"127.0.0.1", []uint16{443}}})
	g := gate(t, "http-client", entry, put("/net/allow_dns", false))
	expect(t, "name without DNS", g.NetConnect("example.com", 443), "net.allow_dns", 1, "")
	expect(t, "literal without DNS", g.NetConnect("127.0.0.1", 443), "ok", 0, "")
	expect(t, "HTTP to a literal without DNS", g.NetHTTP("127.0.0.1", 443), "ok", 0, "")
	expect(t, "lookup without DNS", g.NetLookup("example.com", 443), "net.allow_dns", 1, "")
	expect(t, "UDP", g.NetSendTo("127.0.0.1", 443), "net.allow_udp", 1, "")
	g = gate(t, "http-client", entry, put("/net/allow_tcp", false), put("/net/allow_udp", true))
	expect(t, "no TCP", g.NetConnect("example.com", 443), "net.allow_tcp", 1, "")
	expect(t, "UDP", g.NetSendTo("example.com", 443), "ok", 0, "")
	g = gate(t, "http-client", entry, put("/net/enabled", false))
	expect(t, "off", g.NetConnect("example.com", 443), "net.enabled", 1, "")
	if g.NetEnabled() || !hosts(t, Host{"a", []uint16{1}}).NetEnabled() || gate(t, "http-client").NetEnabled() {
		t.Error("NetEnabled must hold exactly when something can be reached")
	}
}

func TestTheHTTPHeadTraps(t *testing.T) {
	expect(t, "off", gate(t, "cli").NetHTTPHead(), "net.enabled", 0, "os.net disabled by policy")
	expect(t, "no TCP", gate(t, "http-client", put("/net/allow_tcp", false)).NetHTTPHead(), "net.allow_tcp", 0, "os.net.http_request disabled by policy")
	expect(t, "no DNS", gate(t, "http-client", put("/net/allow_dns", false)).NetHTTPHead(), "net.allow_dns", 0, "os.net.http_request disabled by policy")
	expect(t, "no host", gate(t, "http-client").NetHTTPHead(), "net.allow_hosts", 0, "os.net.allow_hosts required")
	expect(t, "ok", hosts(t, Host{"a", []uint16{1}}).NetHTTPHead(), "ok", 0, "")
}

func TestNamesDoNotLeadToSpecialAddresses(t *testing.T) {
	g := hosts(t, Host{"example.com", []uint16{443}}, Host{"10.9.0.0/16", []uint16{443}}, Host{"localhost", []uint16{8080}})
	for _, c := range []struct {
		host string
		port int
		addr string
		want bool
	}{
		{"example.com", 443, "93.184.216.34", true}, {"example.com", 443, "2606:2800:220:1::1", true},
		{"example.com", 443, "127.0.0.1", false}, {"example.com", 443, "10.0.0.1", false}, {"example.com", 443, "10.9.1.1", true},
		{"example.com", 443, "172.31.255.255", false}, {"example.com", 443, "172.32.0.1", true}, {"example.com", 443, "192.168.1.1", false},
		{"example.com", 443, "169.254.169.254", false}, {"example.com", 443, "100.100.100.200", false}, {"example.com", 443, "168.63.129.16", false},
		{"example.com", 443, "0.0.0.0", false}, {"example.com", 443, "224.0.0.1", false}, {"example.com", 443, "255.255.255.255", false},
		{"example.com", 443, "::1", false}, {"example.com", 443, "::", false}, {"example.com", 443, "fe80::1", false}, {"example.com", 443, "fe80::1%eth0", false},
		{"example.com", 443, "fd00:ec2::254", false}, {"example.com", 443, "ff02::1", false},
		{"example.com", 443, "::ffff:127.0.0.1", false}, {"example.com", 443, "::ffff:93.184.216.34", true}, {"example.com", 443, "::127.0.0.1", false},
		{"example.com", 443, "64:ff9b::7f00:1", false}, {"example.com", 443, "64:ff9b::5db8:d822", true}, {"example.com", 443, "2002:7f00:1::", false},
		{"example.com", 443, "2001::1", false}, {"example.com", 443, "64:ff9b:1::1", false}, {"example.com", 443, "::ffff:0:7f00:1", false},
		{"localhost", 8080, "127.0.0.1", true}, {"localhost", 8080, "::1", true}, {"localhost", 8080, "10.0.0.1", false}, {"localhost", 443, "127.0.0.1", false},
		{"other.example", 443, "93.184.216.34", false},
	} {
		d := g.NetAddr(OpNetConnect, c.host, c.port, netip.MustParseAddr(c.addr))
		if d.Allowed != c.want {
			t.Errorf("%s at %s port %d: allowed %v, want %v", c.host, c.addr, c.port, d.Allowed, c.want)
		}
	}
}

func TestListenersNeedTheirAddressAndPort(t *testing.T) {
	g := hosts(t, Host{"127.0.0.1", []uint16{8080, 30001}}, Host{"127.0.0.0/8", []uint16{9000}}, Host{"localhost", []uint16{7000}})
	any4 := netip.MustParseAddr("0.0.0.0")
	loop := netip.MustParseAddr("127.0.0.1")
	if _, d := g.NetListen(loop, 8080); !d.Allowed {
		t.Errorf("a listed address: %+v", d)
	}
	if _, d := g.NetListen(loop, 8081); d.Allowed || d.Code != 1 {
		t.Errorf("a port that is not listed: %+v", d)
	}
	if _, d := g.NetListen(any4, 8080); d.Allowed {
		t.Error("0.0.0.0 is covered by the loopback address")
	}
	ports, d := g.NetBind(loop, 0)
	if !d.Allowed || len(ports) != 3 || ports[0] != 8080 || ports[1] != 9000 || ports[2] != 30001 {
		t.Errorf("port 0: %v, %+v", ports, d)
	}
	if ports, d := g.NetListen(any4, 0); d.Allowed || ports != nil {
		t.Errorf("port 0 of an address that is not listed: %v", ports)
	}
}

func TestDatabases(t *testing.T) {
	s := gate(t, "sqlite-app")
	expect(t, "listed", s.DBSQLiteOpen("out/app.sqlite", false, true), "ok", 0, "")
	expect(t, "absolute", s.DBSQLiteOpen("/work/out/./app.sqlite", true, false), "ok", 0, "")
	expect(t, "below", s.DBSQLiteOpen("out/app.sqlite/x", true, false), "db.sqlite.allow_paths", 53249, "")
	expect(t, "memory", s.DBSQLiteOpen(":memory:", false, false), "ok", 0, "")
	expect(t, "NUL", s.DBSQLiteOpen("a\x00", false, false), "", 53249, "")
	expect(t, "driver", s.DBConnect(PostgresDriver, "db", 5432), "db.drivers.postgres", 53249, "")
	expect(t, "absent", gate(t, "cli").DBDriver(SQLiteDriver, false), "db.enabled", 53249, "")
	s = gate(t, "sqlite-app", put("/db/sqlite", map[string]any{"allow_paths": []string{"a"}, "readonly_only": true}))
	expect(t, "create", s.DBSQLiteOpen("a", true, true), "db.sqlite.allow_create", 53249, "")
	expect(t, "write", s.DBSQLiteOpen("a", false, false), "db.sqlite.readonly_only", 53249, "")
	expect(t, "memory", s.DBSQLiteOpen(":memory:", true, false), "db.sqlite.allow_in_memory", 53249, "")
	expect(t, "query", s.DBQuery(SQLiteDriver, 9999), "ok", 0, "")
	expect(t, "queries", s.DBQuery(SQLiteDriver, 10000), "db.max_queries", 53249, "")
	expect(t, "rows", s.DBCeiling(SQLiteDriver, true, "db.max_rows", 100001), "db.max_rows", 53760, "")

	p := gate(t, "postgres-client", put("/db/net", map[string]any{"allow_dns": []string{"db.example", "10.0.0.9"}, "allow_cidrs": []string{"10.1.0.0/16", "junk"}, "allow_ports": []int{5432}, "require_verify": false}))
	expect(t, "name", p.DBConnect(PostgresDriver, "db.example", 5432), "ok", 0, "")
	expect(t, "case", p.DBConnect(PostgresDriver, "DB.example", 5432), "db.net.allow_dns", 53249, "")
	expect(t, "port", p.DBConnect(PostgresDriver, "db.example", 5433), "db.net.allow_ports", 53249, "")
	expect(t, "literal as text", p.DBConnect(PostgresDriver, "10.0.0.9", 5432), "ok", 0, "")
	expect(t, "network", p.DBConnect(PostgresDriver, "10.1.2.3", 5432), "ok", 0, "")
	expect(t, "outside", p.DBConnect(PostgresDriver, "10.2.2.3", 5432), "db.net.allow_cidrs", 53249, "")
	expect(t, "unix socket", p.DBUnixSocket(RedisDriver, "/tmp/s"), "db.drivers.redis", 53249, "")
	if require, verify := p.DBTLS(); !require || verify {
		t.Errorf("TLS required %v, verified %v", require, verify)
	}
	for addr, want := range map[string]bool{"10.7.7.7": true, "127.0.0.1": true, "93.184.216.34": true, "169.254.169.254": false, "fe80::1": false, "224.0.0.1": false} {
		if d := p.DBAddr(PostgresDriver, "db.example", 5432, netip.MustParseAddr(addr)); d.Allowed != want {
			t.Errorf("db.example at %s: allowed %v, want %v", addr, d.Allowed, want)
		}
	}
	if l := p.DBLimits(); l.LiveConns != 8 || l.Queries != 10000 || l.RespBytes != 16<<20 {
		t.Errorf("limits = %+v", l)
	}
	if l := AllowAll().DBLimits(); l != (DBLimits{}) {
		t.Errorf("run-os has the limits %+v", l)
	}
}

func TestRunOSAllowsEverythingButMalformedPaths(t *testing.T) {
	g := AllowAll()
	addr := netip.MustParseAddr("127.0.0.1")
	exe, spawn := g.ProcessExe("../x")
	_, caps := g.ProcessCaps(ProcessCaps{StdoutBytes: 1 << 40})
	_, listen := g.NetListen(addr, 0)
	for i, d := range []Decision{
		g.FSReadFile("/etc/../x").Decision, g.FSWriteFile(".x", 1<<40).Decision, g.FS(OpFSRemoveDir, "a/.b", 31).Decision,
		g.EnvGet("K"), g.TimeUnix(), g.TimeSleep(1 << 40), g.TimeMonotonic(), g.ProcessCount(9999), g.ProcessEnabled(), g.ProcessLive(9999), caps, spawn,
		g.ProcessArg(1, "x"), g.ProcessEnv("K", 1<<20), g.ProcessCwd("/x"), g.ProcessStdin(1 << 40), g.ProcessExit(), g.NetConnect("a", 1), g.NetAddr(OpNetConnect, "a", 1, addr), listen,
		g.NetHTTPHead(), g.DBDriver(RedisDriver, false), g.DBQuery(RedisDriver, 1<<30), g.DBSQLiteOpen("/x", false, true), g.DBConnect(MySQLDriver, "h", 1), g.Random(),
	} {
		if !d.Allowed {
			t.Errorf("decision %d: %+v", i, d)
		}
	}
	if exe != "../x" {
		t.Errorf("the executable became %q", exe)
	}
	expect(t, "v1 paths", g.FS(OpFSRead, "/etc/passwd", 0).Decision, "", 60003, "")
}

// ask is an operation that some policy can allow.
var asks = map[string]func(*Gate) Decision{
	"read_file":  func(g *Gate) Decision { return g.FSReadFile("d/.h").Decision },
	"write_file": func(g *Gate) Decision { return g.FSWriteFile("d/x", 300<<20).Decision },
	"read":       func(g *Gate) Decision { return g.FS(OpFSRead, "d/.h", FlagSymlinks).Decision },
	"write": func(g *Gate) Decision {
		return g.FS(OpFSWrite, "d/x", FlagSymlinks|FlagAtomic|FlagCreateParents).Decision
	},
	"mkdirs":   func(g *Gate) Decision { return g.FS(OpFSMkdirs, "d/x", 0).Decision },
	"remove":   func(g *Gate) Decision { return g.FS(OpFSRemoveFile, "d/x", 0).Decision },
	"rename":   func(g *Gate) Decision { _, d := g.FSRename("d/x", "e/x", 0); return d.Decision },
	"walk":     func(g *Gate) Decision { return g.FS(OpFSWalk, "d", 0).Decision },
	"file URL": func(g *Gate) Decision { return g.FSFileURL("/data/x").Decision },
	"env":      func(g *Gate) Decision { return g.EnvGet("K") },
	"env deny": func(g *Gate) Decision { return g.EnvGet("DENIED") },
	"unix":     (*Gate).TimeUnix, "instant": (*Gate).TimeInstant, "monotonic": (*Gate).TimeMonotonic, "tz": (*Gate).TimeTZID,
	"sleep":   func(g *Gate) Decision { return g.TimeSleep(70000) },
	"spawns":  func(g *Gate) Decision { return g.ProcessCount(900) },
	"live":    func(g *Gate) Decision { return g.ProcessLive(900) },
	"runtime": func(g *Gate) Decision { _, d := g.ProcessCaps(ProcessCaps{TimeoutMs: 600000}); return d },
	"stdout":  func(g *Gate) Decision { _, d := g.ProcessCaps(ProcessCaps{StdoutBytes: 200 << 20}); return d },
	"args":    func(g *Gate) Decision { return g.ProcessArgs(100) },
	"arg":     func(g *Gate) Decision { return g.ProcessArg(1, `a.*\b`) },
	"exe":     func(g *Gate) Decision { _, d := g.ProcessExe("/bin/true"); return d },
	"exe rel": func(g *Gate) Decision { _, d := g.ProcessExe("bin/tool"); return d },
	"exe env": func(g *Gate) Decision { return g.ProcessEnv("K", 9999) },
	"cwd":     func(g *Gate) Decision { return g.ProcessCwd("d") },
	"exit":    (*Gate).ProcessExit,
	"connect": func(g *Gate) Decision { return g.NetConnect("Example.com", 443) },
	"literal": func(g *Gate) Decision { return g.NetConnect("fd00::1", 443) },
	"resolved": func(g *Gate) Decision {
		return g.NetAddr(OpNetConnect, "example.com", 443, netip.MustParseAddr("10.0.0.1"))
	},
	"send":   func(g *Gate) Decision { return g.NetSendTo("1.2.3.4", 53) },
	"listen": func(g *Gate) Decision { _, d := g.NetListen(netip.MustParseAddr("0.0.0.0"), 80); return d },
	"lookup": func(g *Gate) Decision { return g.NetLookup("example.com", 443) },
	"sqlite": func(g *Gate) Decision { return g.DBSQLiteOpen("db", false, true) },
	"memory": func(g *Gate) Decision { return g.DBSQLiteOpen(":memory:", true, false) },
	"pg":     func(g *Gate) Decision { return g.DBConnect(PostgresDriver, "db.example", 5432) },
	"mysql":  func(g *Gate) Decision { return g.DBConnect(MySQLDriver, "10.0.0.1", 3306) },
	"query":  func(g *Gate) Decision { return g.DBQuery(RedisDriver, 20000) },
}

func TestApplyingThePatchOfEachDenialLeadsToAPolicyThatAllows(t *testing.T) {
	for _, template := range Templates() {
		for name, ask := range asks {
			doc := document(t, template, put("/env/deny_keys", []string{"OTHER", "DENIED"}), put("/threads/max_blocking", 0))
			seen := map[string]bool{}
			for step := 0; ; step++ {
				p, err := Load("p", doc)
				if err != nil {
					// Spawning needs several fields at once; every other patch leads to a valid policy.
					if strings.HasPrefix(err.Error(), "invalid policy: policy.process.") {
						break
					}
					t.Errorf("%s, %s: the patched policy does not load: %v", template, name, err)
					break
				}
				d := ask(FromPolicy(p, Options{WorkDir: "/work"}))
				if d.Allowed {
					break
				}
				ops := d.Patch()
				key := mustJSON(t, ops)
				if ops == nil || seen[key] || step > 10 {
					t.Errorf("%s, %s: no way on from %+v", template, name, d)
					break
				}
				seen[key] = true
				doc = applyPatch(t, doc, ops)
			}
		}
	}
}

func TestAnAllowingDecisionDoesNotAllocate(t *testing.T) {
	g := hosts(t, Host{"example.com", []uint16{443}}, Host{"10.0.0.0/8", []uint16{1}})
	n := testing.AllocsPerRun(100, func() {
		g.FS(OpFSRead, "src/main.x07.json", 0)
		g.FSReadFile("src/a")
		g.NetConnect("Example.com", 443)
		g.EnvGet("X")
		g.TimeUnix()
	})
	if n > 1 { // the denied EnvGet boxes its patch
		t.Errorf("%v allocations", n)
	}
}

func FuzzNoGrantReachesBeyondItsText(f *testing.F) {
	f.Add("src", "src/a", "example.com", "src/tool", "example.com")
	f.Add("../x", "x/../../y", "10.0.0.0/8", "src/../../bin/sh", "10.0.0.1")
	f.Add("/", "./a/.", "::1-::9", "/bin/sh", "0:0::5")
	f.Add(" a/ ", "a", "[FD00::1]", "a/", "fd00::1")
	f.Fuzz(func(t *testing.T, root, name, host, exe, target string) {
		p := load(t, "worker-parallel")
		p.FS.Enabled, p.FS.DenyHidden, p.FS.ReadRoots = true, true, []string{root}
		p.Process.AllowExecPrefixes = []string{root}
		p.Net = Net{Enabled: true, AllowDNS: true, AllowTCP: true, AllowHosts: []Host{{host, []uint16{443}}}}
		p, err := Load("p", Render(p))
		if err != nil {
			return
		}
		Check(p)
		g := FromPolicy(p, Options{WorkDir: "/work"})
		if d := g.FS(OpFSRead, name, 0); d.Allowed {
			at := path.Join(g.ReadRoots()[d.Root].Path, d.Rel)
			if at != "/work/"+d.Path || strings.Contains("/"+d.Path+"/", "/../") || hasHidden(d.Path) {
				t.Fatalf("root %q admits %q as %q", root, name, at)
			}
		}
		if d := g.FSReadFile(name); d.Allowed && !safePath(name) {
			t.Fatalf("the unsafe path %q is admitted", name)
		}
		if run, d := g.ProcessExe(exe); d.Allowed {
			if _, in := below(path.Join("/work", root), run); !in && !strings.HasPrefix(trimItem(root), "/") && trimItem(root) == root {
				t.Fatalf("prefix %q runs %q", root, run)
			}
			if run != path.Clean(run) || run[0] != '/' {
				t.Fatalf("%q is not clean and absolute", run)
			}
		}
		g.NetConnect(target, 443)
		if kind, _ := parseHost(unbracket(strings.TrimSpace(host))); kind == hostName && !strings.EqualFold(unbracket(strings.TrimSpace(host)), "localhost") {
			for _, addr := range []string{"127.0.0.1", "::1", "169.254.169.254", "10.0.0.1", "::ffff:10.0.0.1", "fe80::1"} {
				if g.NetAddr(OpNetConnect, target, 443, netip.MustParseAddr(addr)).Allowed {
					t.Fatalf("the name %q leads %q to %s", host, target, addr)
				}
			}
		}
		// Denying what was listed leaves nothing.
		spec := "[" + unbracket(strings.TrimSpace(host)) + "]:*"
		if parsed, err := parseHostSpec(spec, true); err != nil || parsed.host != lowerASCII(unbracket(strings.TrimSpace(host))) {
			return
		}
		d, err := Derive("", "p", Render(p), Overrides{DenyHosts: []string{spec}})
		if err != nil {
			t.Fatal(err)
		}
		if len(d.Policy.Net.AllowHosts) != 0 {
			t.Fatalf("%s leaves %v", spec, d.Policy.Net.AllowHosts)
		}
	})
}
