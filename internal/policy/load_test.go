package policy

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestATemplateIsValidAndRendersToItsGoldenFile(t *testing.T) {
	for _, name := range Templates() {
		p, err := FromTemplate(name, "")
		if err != nil {
			t.Fatal(err)
		}
		got := Render(p)
		if _, err := Load(name, got); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		golden := filepath.Join("testdata", name+".golden.json")
		if os.Getenv("UPDATE_GOLDEN") != "" {
			if err := os.WriteFile(golden, got, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(golden)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, want) {
			t.Errorf("%s differs from %s; run with UPDATE_GOLDEN=1 when that is meant", name, golden)
		}
	}
}

func TestOmittedOptionalFieldsTakeTheLoadersDefaults(t *testing.T) {
	minimal := `{"schema_version":"x07.run-os-policy@0.1.0","policy_id":"m",
		"limits":{"cpu_ms":1,"wall_ms":1,"mem_bytes":1048576,"fds":0,"procs":0},
		"fs":{"enabled":true,"read_roots":[],"write_roots":[],"deny_hidden":true},
		"net":{"enabled":false,"allow_dns":false,"allow_tcp":false,"allow_udp":false,"allow_hosts":[]},
		"env":{"enabled":false,"allow_keys":[],"deny_keys":[]},
		"time":{"enabled":false,"allow_monotonic":false,"allow_wall_clock":false,"allow_sleep":false,"max_sleep_ms":0,"allow_local_tzid":false},
		"process":{"enabled":false,"allow_spawn":false,"allow_exec":false,"allow_exit":false,"max_live":0,"max_spawns":0},
		"db":{"enabled":true,"drivers":{"sqlite":true,"postgres":false,"mysql":false},"net":{}}}`
	p, err := Load("m", []byte(minimal))
	if err != nil {
		t.Fatal(err)
	}
	if want := (Threads{Enabled: true, MaxBlocking: 4, MaxQueue: 1024}); p.Threads != want {
		t.Errorf("threads = %+v, want %+v", p.Threads, want)
	}
	x := p.Process
	if x.MaxExeBytes != 4096 || x.MaxArgs != 64 || x.MaxArgBytes != 4096 || x.MaxEnv != 64 || x.MaxEnvKeyBytes != 256 || x.MaxEnvValBytes != 4096 || !x.KillOnDrop || !x.KillTree || x.MaxRuntimeMs != 0 {
		t.Errorf("process = %+v", x)
	}
	if !p.DB.Net.RequireTLS || !p.DB.Net.RequireVerify {
		t.Error("db.net present without require_tls and require_verify must require both")
	}
	if _, err := Load("again", Render(p)); err != nil {
		t.Errorf("a loaded policy does not load again when rendered: %v", err)
	}
}

func TestDocumentsThatBreakTheSchemaAreRejectedWithTheirPlace(t *testing.T) {
	long := make([]string, 129)
	for i := range long {
		long[i] = "r"
	}
	for _, c := range []struct {
		edit    PatchOp
		pointer string
		fix     string
	}{
		{put("/extra", 1), "/extra", "remove it"},
		{put("/fs/read_rots", []string{}), "/fs/read_rots", `rename it to "read_roots" or remove it`},
		{put("/process/alow_spawn", true), "/process/alow_spawn", `rename it to "allow_spawn" or remove it`},
		{put("/db", map[string]any{"enabled": false, "drivers": map[string]any{}}), "/db/drivers", `add "sqlite"`},
		{PatchOp{Op: "remove", Path: "/limits"}, "", `add "limits"`},
		{PatchOp{Op: "remove", Path: "/fs/deny_hidden"}, "/fs", `add "deny_hidden"`},
		{put("/fs/enabled", "yes"), "/fs/enabled", "write a boolean here"},
		{put("/fs/read_roots", "src"), "/fs/read_roots", "write an array here"},
		{put("/fs/read_roots", []any{"a", 5}), "/fs/read_roots/1", "write a string here"},
		{put("/fs/read_roots", []string{""}), "/fs/read_roots/0", "write a longer text"},
		{put("/fs/read_roots", long), "/fs/read_roots", "remove items"},
		{put("/fs/max_depth", -1), "/fs/max_depth", "write a number within 0..4294967295"},
		{put("/fs/max_depth", 4294967296), "/fs/max_depth", "write a number within 0..4294967295"},
		{put("/limits/cpu_ms", 0), "/limits/cpu_ms", "write a number within 1..600000"},
		{put("/limits/cpu_ms", 600001), "/limits/cpu_ms", "write a number within 1..600000"},
		{put("/limits/cpu_ms", 1.5), "/limits/cpu_ms", "write an integer here"},
		{put("/limits/core_dumps", nil), "/limits/core_dumps", "write a boolean here"},
		{put("/limits/mem_bytes", 1048575), "/limits/mem_bytes", ""},
		{put("/net/allow_hosts", []any{map[string]any{"host": "a b", "ports": []int{1}}}), "/net/allow_hosts/0/host", ""},
		{put("/net/allow_hosts", []any{map[string]any{"host": "a", "ports": []int{65536}}}), "/net/allow_hosts/0/ports/0", ""},
		{put("/net/allow_hosts", []any{map[string]any{"host": "a", "ports": []int{0}}}), "/net/allow_hosts/0/ports/0", ""},
		{put("/net/allow_hosts", []any{map[string]any{"host": "a"}}), "/net/allow_hosts/0", `add "ports"`},
		{put("/policy_id", "a/b"), "/policy_id", "write text that matches"},
		{put("/policy_id", strings.Repeat("a", 65)), "/policy_id", ""},
		{put("/notes", strings.Repeat("é", 4097)), "/notes", "write a shorter text"},
		{put("/schema_version", "x07.run-os-policy@0.2.0"), "/schema_version", ""},
		{put("/time/max_sleep_ms", 86400001), "/time/max_sleep_ms", ""},
		{put("/threads/max_workers", 257), "/threads/max_workers", ""},
		{put("/process/max_live", 1025), "/process/max_live", ""},
	} {
		_, err := Load("p.json", document(t, "cli", c.edit))
		e, ok := errors.AsType[*Error](err)
		if !ok || e.Kind != SchemaError {
			t.Errorf("%s: error = %v, want a schema error", c.edit.Path, err)
			continue
		}
		v := e.Violations[0]
		if v.Pointer != c.pointer || c.fix != "" && v.Fix != c.fix {
			t.Errorf("%s: violation = %+v, want pointer %q and fix %q", c.edit.Path, v, c.pointer, c.fix)
		}
		if e.ExitCode() != 3 || !strings.HasPrefix(string(e.Diagnostics()), `{"schema_version":"x07.x07diag@0.1.0","ok":false,"diagnostics":[{"code":"X07-POLICY-SCHEMA-0001","severity":"error","stage":"parse","message":"`) {
			t.Errorf("%s: exit %d, diagnostics %s", c.edit.Path, e.ExitCode(), e.Diagnostics())
		}
		if !strings.Contains(string(e.Diagnostics()), "("+c.pointer+")") {
			t.Errorf("%s: diagnostics without the pointer: %s", c.edit.Path, e.Diagnostics())
		}
	}
}

func TestLoaderRulesHaveTheirMessages(t *testing.T) {
	host := func(h string, ports ...int) PatchOp {
		if ports == nil {
			ports = []int{}
		}
		return put("/net/allow_hosts", []any{map[string]any{"host": h, "ports": ports}})
	}
	for _, c := range []struct {
		edits []PatchOp
		want  string
	}{
		{[]PatchOp{put("/process/allow_spawn", true)}, "policy.process.allow_execs or policy.process.allow_exec_prefixes must be non-empty when allow_spawn is true"},
		{[]PatchOp{put("/process/allow_spawn", true), put("/process/allow_execs", []string{"a"})}, "policy.process.max_live must be non-zero when allow_spawn is true"},
		{[]PatchOp{put("/process/allow_spawn", true), put("/process/allow_execs", []string{"a"}), put("/process/max_live", 1)}, "policy.process.max_spawns must be non-zero when allow_spawn is true"},
		{[]PatchOp{put("/process/allow_spawn", true), put("/process/allow_execs", []string{"a"}), put("/process/max_live", 1), put("/process/max_spawns", 1)}, "policy.process.max_runtime_ms must be non-zero when allow_spawn is true"},
		{[]PatchOp{put("/process/allow_cwd", true)}, "policy.process.allow_cwd_roots must be non-empty when allow_cwd is true"},
		{[]PatchOp{put("/fs/read_roots", []string{".", "a;b"})}, "policy.fs.read_roots[1] is invalid: value must not contain ';'"},
		{[]PatchOp{put("/env/deny_keys", []string{";"})}, "policy.env.deny_keys[0] is invalid: value must not contain ';'"},
		{[]PatchOp{put("/process/allow_cwd_roots", []string{"x;"})}, "policy.process.allow_cwd_roots[0] is invalid: value must not contain ';'"},
		{[]PatchOp{put("/db", map[string]any{"enabled": true, "drivers": Drivers{}})}, "policy.db.drivers must allow at least one driver when policy.db.enabled is true"},
		{[]PatchOp{put("/db", map[string]any{"enabled": false, "drivers": Drivers{}, "net": map[string]any{"allow_cidrs": []string{"1;2"}}})}, "policy.db.net.allow_cidrs[0] is invalid: value must not contain ';'"},
		{[]PatchOp{host("a")}, "policy.net.allow_hosts[0].ports must be non-empty"},
		{[]PatchOp{host("a\u00a0b", 1)}, "policy.net.allow_hosts[0].host must not contain whitespace"},
		{[]PatchOp{host("a\x00b", 1)}, "policy.net.allow_hosts[0].host must not contain NUL"},
		{[]PatchOp{host(strings.Repeat("é", 200), 1)}, "policy.net.allow_hosts[0].host is too long (max 255 bytes)"},
		{[]PatchOp{put("/process/allow_args_regex_lite", []string{"a", "*"})}, "policy.process.allow_args_regex_lite[1] is invalid: pattern has '*' with nothing to repeat"},
		{[]PatchOp{put("/process/allow_args_regex_lite", []string{"a**"})}, "policy.process.allow_args_regex_lite[0] is invalid: pattern has '*' with nothing to repeat"},
		{[]PatchOp{put("/process/allow_args_regex_lite", []string{`a\`})}, `policy.process.allow_args_regex_lite[0] is invalid: pattern has trailing '\\'`},
		{[]PatchOp{put("/process/allow_args_regex_lite", []string{"a;b"})}, "policy.process.allow_args_regex_lite[0] is invalid: pattern must not contain ';'"},
	} {
		_, err := Load("p.json", document(t, "cli", c.edits...))
		if err == nil || err.Error() != "invalid policy: "+c.want || ExitCode(err) != 2 {
			t.Errorf("error = %v (exit %d)\n want invalid policy: %s", err, ExitCode(err), c.want)
		}
	}
}

func TestRulesThatTheSchemaCoversHoldForPoliciesBuiltInCode(t *testing.T) {
	for _, c := range []struct {
		change func(*Policy)
		want   string
	}{
		{func(p *Policy) { p.SchemaVersion = "v" }, `policy.schema_version mismatch: expected x07.run-os-policy@0.1.0 got "v"`},
		{func(p *Policy) { p.PolicyID = " " }, "policy.policy_id must be non-empty"},
		{func(p *Policy) { p.Limits.CPUMs = 0 }, "policy.limits.cpu_ms must be 1..600000 (got 0)"},
		{func(p *Policy) { p.Limits.MemBytes = 1 }, "policy.limits.mem_bytes must be 1048576..17179869184 (got 1)"},
		{func(p *Policy) { p.Limits.Procs = 1025 }, "policy.limits.procs must be 0..1024 (got 1025)"},
		{func(p *Policy) { p.Time.MaxSleepMs = 86400001 }, "policy.time.max_sleep_ms must be <= 86400000"},
		{func(p *Policy) { p.Threads.MaxQueue = 1000001 }, "policy.threads.max_queue must be 0..1000000 (got 1000001)"},
		{func(p *Policy) { p.DB = &DB{Net: &DBNet{AllowPorts: []uint16{1, 0}}} }, "policy.db.net.allow_ports[1] must be 1..65535"},
		{func(p *Policy) { p.Net.AllowHosts = make([]Host, 257) }, "policy.net.allow_hosts must have <= 256 items"},
		{func(p *Policy) { p.Net.AllowHosts = []Host{{" ", []uint16{1}}} }, "policy.net.allow_hosts[0].host must be non-empty"},
		{func(p *Policy) { p.Net.AllowHosts = []Host{{"a", []uint16{1, 0}}} }, "policy.net.allow_hosts[0].ports[1] must be 1..65535"},
		{func(p *Policy) { p.Net.AllowHosts = []Host{{"a", make([]uint16, 65)}} }, "policy.net.allow_hosts[0].ports must have <= 64 items"},
	} {
		p := load(t, "cli")
		c.change(p)
		if err := Validate(p); err == nil || err.Error() != "invalid policy: "+c.want {
			t.Errorf("error = %v\n want invalid policy: %s", err, c.want)
		}
	}
}

func TestMalformedDocumentsAreRejectedWithoutHarm(t *testing.T) {
	valid := string(document(t, "cli"))
	for name, c := range map[string]struct {
		doc  string
		kind ErrorKind
	}{
		"empty":          {"", SyntaxError},
		"blank":          {"  \n", SyntaxError},
		"cut short":      {valid[:len(valid)/2], SyntaxError},
		"not JSON":       {"policy: yes", SyntaxError},
		"two documents":  {valid + valid, SyntaxError},
		"bad UTF-8":      {"{\"notes\":\"\xff\"}", SyntaxError},
		"deep":           {strings.Repeat("[", 100000), SyntaxError},
		"10 MB":          {`{"notes":"` + strings.Repeat("a", 10<<20) + `"}`, SyntaxError},
		"a list":         {"[]", SchemaError},
		"null":           {"null", SchemaError},
		"no keys":        {"{}", SchemaError},
		"duplicate keys": {strings.Replace(valid, `"env": {`, `"env": {"enabled": true, `, 1), DecodeError},
		"1.0":            {strings.Replace(valid, `"cpu_ms": 60000`, `"cpu_ms": 60000.0`, 1), DecodeError},
		"1e3":            {strings.Replace(valid, `"cpu_ms": 60000`, `"cpu_ms": 1e3`, 1), DecodeError},
		"1e999999999":    {strings.Replace(valid, `"cpu_ms": 60000`, `"cpu_ms": 1e999999999`, 1), SchemaError},
	} {
		_, err := Load("p.json", []byte(c.doc))
		e, ok := errors.AsType[*Error](err)
		if !ok || e.Kind != c.kind {
			t.Errorf("%s: error = %v, want kind %d", name, err, c.kind)
		} else if len(e.Error()) > 2000 {
			t.Errorf("%s: the error has %d bytes", name, len(e.Error()))
		}
	}
}

func TestAMissingFileIsAReadError(t *testing.T) {
	path := filepath.Join(t.TempDir(), "none.json")
	_, _, err := LoadFile(path)
	if want := "read policy: " + path + ": no such file or directory"; err == nil || err.Error() != want || !errors.Is(err, os.ErrNotExist) {
		t.Errorf("error = %v, want %s", err, want)
	}
}

func FuzzLoadedPoliciesRenderToPoliciesThatLoadTheSame(f *testing.F) {
	for _, name := range Templates() {
		f.Add(document(f, name))
	}
	f.Add(document(f, "http-client", put("/net/allow_hosts", []any{map[string]any{"host": "10.0.0.0/8", "ports": []int{1, 2}}})))
	f.Add([]byte(`{"a":[{"b":1e5}]}`))
	f.Fuzz(func(t *testing.T, doc []byte) {
		p, err := Load("p", doc)
		if err != nil {
			if e, ok := errors.AsType[*Error](err); !ok || e.Error() == "" {
				t.Fatalf("an error of another kind: %v", err)
			}
			return
		}
		first := Render(p)
		again, err := Load("p", first)
		if err != nil {
			t.Fatalf("rendered policy does not load: %v\n%s", err, first)
		}
		if second := Render(again); !bytes.Equal(first, second) {
			t.Fatalf("rendering is not stable:\n%s\n%s", first, second)
		}
		Check(p)
		g := FromPolicy(p, Options{})
		g.FS(OpFSRead, "a/b", 0)
		g.NetConnect("example.com", 443)
		g.ProcessExe("bin/x")
	})
}

func BenchmarkLoad(b *testing.B) {
	doc := document(b, "worker-parallel")
	for b.Loop() {
		if _, err := Load("p", doc); err != nil {
			b.Fatal(err)
		}
	}
}
