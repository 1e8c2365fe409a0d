package policy

import (
	"bytes"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

func TestAnAuditKeepsDenialsOnceAndWritesEveryEffect(t *testing.T) {
	var log bytes.Buffer
	a := NewAudit(&log)
	g := gate(t, "cli")
	a.Record(g.FS(OpFSRead, "src/a", 0).Decision, 12, 1500*time.Microsecond, 0)
	for range 3 {
		a.Deny(g.FS(OpFSRead, ".git/config", 0).Decision)
	}
	a.Deny(g.NetConnect("example.com", 443))
	a.Record(g.FS(OpFSWrite, "out/a", FlagAtomic|FlagCreateParents).Decision, 3, 0, 60015)
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	want := `{"op":"fs.read","target":"src/a","decision":"allow","field":"fs.read_roots","bytes":12,"ms":1.5}
{"op":"fs.read","target":".git/config","decision":"deny","class":"hidden","field":"fs.deny_hidden","bytes":0,"ms":0,"code":60001}
{"op":"fs.read","target":".git/config","decision":"deny","class":"hidden","field":"fs.deny_hidden","bytes":0,"ms":0,"code":60001}
{"op":"fs.read","target":".git/config","decision":"deny","class":"hidden","field":"fs.deny_hidden","bytes":0,"ms":0,"code":60001}
{"op":"net.connect","target":"example.com:443","decision":"deny","class":"disabled","field":"net.enabled","bytes":0,"ms":0,"code":1}
{"op":"fs.write","target":"out/a","decision":"allow","field":"fs.write_roots","bytes":3,"ms":0,"code":60015,"needs":["fs.allow_mkdir","fs.allow_rename"]}
`
	if log.String() != want {
		t.Errorf("log:\n%s\nwant:\n%s", log.String(), want)
	}
	denials, dropped := a.Denials()
	if got := mustJSON(t, denials); dropped != 0 || got != `[{"op":"fs.read","target":".git/config","class":"hidden","field":"fs.deny_hidden","patch":[{"op":"add","path":"/fs/deny_hidden","value":false}],"count":3},{"op":"net.connect","target":"example.com:443","class":"disabled","field":"net.enabled","patch":[{"op":"add","path":"/net/enabled","value":true}],"count":1}]` {
		t.Errorf("denials = %s", got)
	}
}

func TestDenialsAndTargetsAreCapped(t *testing.T) {
	a := NewAudit(nil)
	g := gate(t, "cli")
	var wg sync.WaitGroup
	for k := range 4 {
		wg.Go(func() {
			for i := range 100 {
				a.Deny(g.EnvGet(fmt.Sprint(k, "-", i, strings.Repeat("x", 5000))))
			}
		})
	}
	wg.Wait()
	denials, dropped := a.Denials()
	if len(denials) != MaxDenials || dropped != 400-MaxDenials {
		t.Errorf("%d denials, %d dropped", len(denials), dropped)
	}
	if n := len(denials[0].Target); n > maxTarget+3 {
		t.Errorf("a target has %d bytes", n)
	}
	var none *Audit
	none.Deny(g.EnvGet("x"))
	if list, _ := none.Denials(); list != nil || none.Close() != nil {
		t.Error("a nil audit is not empty")
	}
}

func TestTheLogFileHoldsWholeLines(t *testing.T) {
	path := filepath.Join(t.TempDir(), "audit.jsonl")
	a, err := OpenAudit(path)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 2000 {
		a.Record(AllowAll().EnvGet(strings.Repeat("k", i%100)), 0, 0, 0)
	}
	partial, err := os.ReadFile(path)
	if err != nil || len(partial) == 0 || partial[len(partial)-1] != '\n' {
		t.Errorf("before Close the file has %d bytes and does not end with a line: %v", len(partial), err)
	}
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(path)
	if err != nil || bytes.Count(data, []byte("\n")) != 2000 {
		t.Errorf("%d lines, %v", bytes.Count(data, []byte("\n")), err)
	}
	if _, err := OpenAudit(filepath.Join(path, "x")); err == nil {
		t.Error("a log below a file was opened")
	}
}

// used are operations of a run in run-os, each with the question that the
// suggested policy must answer with yes.
var used = []func(*Gate) Decision{
	func(g *Gate) Decision { return g.FS(OpFSRead, "data/a.txt", 0).Decision },
	func(g *Gate) Decision { return g.FSReadFile("conf/x.json").Decision },
	func(g *Gate) Decision { return g.FS(OpFSList, "data/sub", 0).Decision },
	func(g *Gate) Decision {
		return g.FS(OpFSWrite, "out/r/b.txt", FlagAtomic|FlagCreateParents).Decision
	},
	func(g *Gate) Decision { d, _ := g.FSRename("out/a", "out/b", 0); return d.Decision },
	func(g *Gate) Decision { return g.EnvGet("HOME") },
	func(g *Gate) Decision { return g.TimeUnix() },
	func(g *Gate) Decision { return g.TimeSleep(250) },
	func(g *Gate) Decision { _, d := g.ProcessExe("/bin/echo"); return d },
	func(g *Gate) Decision { return g.ProcessEnv("LANG", 1) },
	func(g *Gate) Decision { return g.NetConnect("example.com", 443) },
	func(g *Gate) Decision {
		return g.NetAddr(OpNetConnect, "intra.example", 8443, netip.MustParseAddr("10.0.0.7"))
	},
	func(g *Gate) Decision { return g.NetSendTo("192.0.2.1", 53) },
	func(g *Gate) Decision { _, d := g.NetListen(netip.MustParseAddr("127.0.0.1"), 8080); return d },
	func(g *Gate) Decision { return g.DBSQLiteOpen("out/x.db", false, true) },
	func(g *Gate) Decision { return g.DBConnect(PostgresDriver, "db.example", 5432) },
}

func suggest(t *testing.T, log string, o SuggestOptions) Suggestion {
	t.Helper()
	s, err := Suggest(strings.NewReader(log), o)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func record(t *testing.T, g *Gate, ops ...func(*Gate) Decision) string {
	t.Helper()
	var log bytes.Buffer
	a := NewAudit(&log)
	for _, op := range ops {
		a.Record(op(g), 1, 0, 0)
	}
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	return log.String()
}

func TestASuggestedPolicyAllowsExactlyWhatWasUsed(t *testing.T) {
	// Each operation alone: it is allowed, and no other one is.
	for i, op := range used {
		s := suggest(t, record(t, AllowAll(), op), SuggestOptions{})
		g := FromPolicy(s.Policy, Options{WorkDir: "/work"})
		for j, other := range used {
			if d := other(g); d.Allowed != (i == j) && d.Op != OpProcEnv {
				t.Errorf("a policy for operation %d (%s) says %v to %d (%s)", i, record(t, AllowAll(), op), d.Allowed, j, d.Op)
			}
		}
	}
	all := suggest(t, record(t, AllowAll(), used...), SuggestOptions{Base: load(t, "web-service")})
	g := FromPolicy(all.Policy, Options{WorkDir: "/work"})
	for i, op := range used {
		if d := op(g); !d.Allowed {
			t.Errorf("operation %d (%s %s) is refused by %s", i, d.Op, d.Target, d.Field)
		}
	}
	if len(all.Unmet) != 0 {
		t.Errorf("unmet: %v", all.Unmet)
	}
	for name, d := range map[string]Decision{
		"a neighbour": g.FS(OpFSRead, "data/b.txt", 0).Decision, "hidden": g.FS(OpFSRead, "data/sub/.x", 0).Decision,
		"another write": g.FS(OpFSWrite, "src/x", 0).Decision, "another port": g.NetConnect("example.com", 80), "another key": g.EnvGet("PORT"),
		"a longer sleep": g.TimeSleep(251), "remove": g.FS(OpFSRemoveFile, "out/r/b.txt", 0).Decision, "exit": g.ProcessExit(), "mysql": g.DBConnect(MySQLDriver, "db.example", 5432),
	} {
		if d.Allowed {
			t.Errorf("%s is allowed too", name)
		}
	}
	if all.Policy.Limits != load(t, "web-service").Limits || all.Policy.PolicyID != "sandbox.web-service.base" {
		t.Error("limits and id do not come from the base")
	}
	again := suggest(t, record(t, g, used...), SuggestOptions{Base: load(t, "web-service")})
	if !bytes.Equal(again.Bytes, all.Bytes) {
		t.Errorf("the audit of a run under the suggested policy suggests another one:\n%s\n%s", all.Bytes, again.Bytes)
	}
}

func TestAnEmptyLogSuggestsAPolicyThatAllowsNothing(t *testing.T) {
	g := FromPolicy(suggest(t, "\n", SuggestOptions{}).Policy, Options{})
	for i, op := range used {
		if d := op(g); d.Allowed {
			t.Errorf("operation %d (%s) is allowed", i, d.Op)
		}
	}
}

func TestDenialsAreGrantedOnlyOnRequest(t *testing.T) {
	log := record(t, gate(t, "worker"), used[0])
	if s := suggest(t, log, SuggestOptions{}); s.Policy.FS.Enabled {
		t.Error("a refused read was granted")
	}
	if s := suggest(t, log, SuggestOptions{IncludeDenied: true}); mustJSON(t, s.Policy.FS.ReadRoots) != `["data"]` {
		t.Errorf("read roots = %v", s.Policy.FS.ReadRoots)
	}
}

func TestWhatNoPolicyCanAllowIsSaid(t *testing.T) {
	s := suggest(t, record(t, AllowAll(), func(g *Gate) Decision { return g.FSReadFile("/etc/hosts").Decision }), SuggestOptions{})
	if len(s.Unmet) != 1 || !strings.HasPrefix(s.Unmet[0], `fs.read_file "/etc/hosts": paths in a sandbox`) {
		t.Errorf("unmet = %v", s.Unmet)
	}
}

func TestManyPlacesAreGrantedByTheirDirectories(t *testing.T) {
	var ops []func(*Gate) Decision
	for i := range 300 {
		ops = append(ops, func(g *Gate) Decision { return g.FS(OpFSRead, fmt.Sprintf("d%d/e%d/f", i%3, i), 0).Decision })
	}
	s := suggest(t, record(t, AllowAll(), ops...), SuggestOptions{})
	if got := mustJSON(t, s.Policy.FS.ReadRoots); got != `["d0","d1","d2"]` {
		t.Errorf("read roots = %s", got)
	}
	exists := func(rel string) bool { return rel == "d1" || rel == "d1/e1" }
	s = suggest(t, record(t, AllowAll(), ops[1], ops[4]), SuggestOptions{Exists: exists})
	if got := mustJSON(t, s.Policy.FS.ReadRoots); got != `["d1"]` {
		t.Errorf("read roots = %s", got)
	}
}

func TestLinesThatAreNoAuditLinesAreRefused(t *testing.T) {
	for _, line := range []string{
		`{}`, `[]`, `x`, `{"op":"fs.read"}`, `{"op":"fs.reed","decision":"allow"}`, `{"op":"fs.read","decision":"maybe"}`,
		`{"op":"fs.read","decision":"allow","extra":1}`, `{"op":"fs.read","decision":"allow","bytes":-1}`,
		`{"op":"fs.read","decision":"allow"} {}`, `{"op":"fs.read","decision":"allow","target":"` + strings.Repeat("a", 2000) + `"}`, strings.Repeat("a", 1<<17),
	} {
		if _, err := Suggest(strings.NewReader(line), SuggestOptions{}); err == nil || len(err.Error()) > 2000 {
			t.Errorf("%.60s: error = %v", line, err)
		}
	}
}

func FuzzSuggestionsAreValidPolicies(f *testing.F) {
	var log bytes.Buffer
	a := NewAudit(&log)
	for _, op := range used {
		a.Record(op(AllowAll()), 1, 0, 0)
	}
	if err := a.Close(); err != nil {
		f.Fatal(err)
	}
	f.Add(log.String())
	f.Add(`{"op":"net.connect","target":"[fe80::1%1]:1","decision":"allow","addr":"::1"}`)
	f.Add(`{"op":"process.spawn","target":"/x07/work/..","decision":"deny"}` + "\n" + `{"op":"process.cwd","target":".","decision":"allow"}`)
	f.Add(`{"op":"db.redis.open","target":":1","decision":"allow"}`)
	f.Fuzz(func(t *testing.T, log string) {
		s, err := Suggest(strings.NewReader(log), SuggestOptions{IncludeDenied: true})
		if err != nil {
			if strings.Contains(err.Error(), "is not valid") {
				t.Fatal(err)
			}
			return
		}
		Check(s.Policy)
	})
}

func TestDenialsOfAGuestAreCheckedAndKeepHonestPatches(t *testing.T) {
	a := NewAudit(nil)
	g := gate(t, "cli", put("/env/deny_keys", []string{"D"}), put("/env/enabled", true))
	for _, d := range []Decision{
		g.FS(OpFSRead, ".x", 0).Decision, g.FS(OpFSWrite, "a/b", 0).Decision, g.EnvGet("D"), g.NetConnect("a", 1),
		g.DBSQLiteOpen("x", true, false), g.FS(OpFSRead, "/x", 0).Decision, gate(t, "postgres-client").DBConnect(PostgresDriver, "h", 5), gate(t, "sqlite-app").DBSQLiteOpen("z", true, false),
	} {
		a.Deny(d)
	}
	list, _ := a.Denials()
	sent := mustJSON(t, list)
	got, err := ParseDenials([]byte(sent))
	if err != nil || mustJSON(t, got) != sent {
		t.Errorf("%v\n got %s\nwant %s", err, mustJSON(t, got), sent)
	}
	forged := `[{"op":"env.get","target":"K","class":"denied","field":"env.allow_keys","count":1,"patch":[{"op":"add","path":"/fs/read_roots/-","value":"/"}]}]`
	if got, err := ParseDenials([]byte(forged)); err != nil || got[0].Patch != nil {
		t.Errorf("a forged patch came through: %v, %v", got, err)
	}
	for _, bad := range []string{`{}`, `[{"op":"x","count":1}]`, `[{"op":"env.get","count":0}]`, `[` + strings.Repeat(`{"op":"env.get","count":1},`, 64) + `{"op":"env.get","count":1}]`, strings.Repeat(" ", 1<<20)} {
		if _, err := ParseDenials([]byte(bad)); err == nil {
			t.Errorf("%.40s was accepted", bad)
		}
	}
}

func TestADenialSaysWhichFieldOrWhatIsWrong(t *testing.T) {
	for _, c := range []struct {
		denial Denial
		want   string
	}{
		{Denial{Op: OpFSRead, Target: "a/b", Class: "denied", Field: "fs.read_roots"}, "denied by the policy: fs.read a/b (fs.read_roots)"},
		{Denial{Op: OpFSRead, Target: "../b", Class: "bad_path"}, `refused: fs.read ../b (expected a relative path that names something, without .., \ and empty parts)`},
		{Denial{Op: OpNetConnect, Target: ":0", Class: "invalid"}, "refused: net.connect :0 (invalid)"},
	} {
		if got := c.denial.String(); got != c.want {
			t.Errorf("got %q, want %q", got, c.want)
		}
	}
}
