package policy

import (
	"crypto/sha256"
	"encoding/hex"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func derive(t *testing.T, doc []byte, o Overrides) (Derived, error) {
	t.Helper()
	return Derive(t.TempDir(), "base.json", doc, o)
}

func TestHostSpecsHaveTheirMessages(t *testing.T) {
	many := make([]string, 65)
	for i := range many {
		many[i] = "1" + string(rune('0'+i/10)) + string(rune('0'+i%10))
	}
	for _, c := range []struct {
		spec string
		deny bool
		want string
	}{
		{"example.com", false, "Expected HOST:PORTS (ports are 1..65535).: Expected HOST:PORTS."},
		{"example.com", true, "Expected HOST:PORTS (ports are 1..65535 or *).: Expected HOST:PORTS."},
		{"", false, "Expected HOST:PORTS (ports are 1..65535).: Expected HOST:PORTS."},
		{":80", false, "Expected HOST:PORTS (ports are 1..65535).: Expected HOST:PORTS."},
		{"h:", false, "Expected HOST:PORTS (ports are 1..65535).: Expected HOST:PORTS."},
		{"[::1]80", false, "Expected HOST:PORTS (ports are 1..65535).: Expected HOST:PORTS."},
		{"[::1", true, "Expected HOST:PORTS (ports are 1..65535 or *).: Expected HOST:PORTS."},
		{"h:*", false, "Expected HOST:PORTS (ports are 1..65535; '*' is only valid for --deny-host)."},
		{"h:80,", false, "Expected HOST:PORTS (ports are 1..65535)."},
		{"h:80,*", true, "Expected HOST:PORTS (ports are 1..65535)."},
		{"h:http", false, "Expected HOST:PORTS (ports are 1..65535)."},
		{"h:65536", false, "Expected HOST:PORTS (ports are 1..65535)."},
		{"h:-1", false, "Expected HOST:PORTS (ports are 1..65535)."},
		{"h:0", false, "ports are 1..65535"},
		{"h:" + strings.Join(many, ","), false, "ports list would exceed 64 entries"},
		{"[]:80", false, "host must be non-empty"},
		{strings.Repeat("h", 256) + ":80", false, "host must be <= 255 chars"},
		{"a b:80", false, "host must not contain whitespace or semicolons"},
		{"a;b:80", false, "host must not contain whitespace or semicolons"},
	} {
		_, err := parseHostSpec(c.spec, c.deny)
		if err == nil || err.Error() != c.want || ExitCode(err) != 2 {
			t.Errorf("%q: error = %v, want %s", c.spec, err, c.want)
		}
	}
	for spec, want := range map[string]hostSpec{
		" Example.COM : 443 , 80,+80,0080 ": {host: "example.com", ports: []uint16{80, 443}},
		"[::1]:80":                          {host: "::1", ports: []uint16{80}},
		"::1:80":                            {host: "::1", ports: []uint16{80}},
		"10.0.0.0/8:1":                      {host: "10.0.0.0/8", ports: []uint16{1}},
	} {
		got, err := parseHostSpec(spec, false)
		if err != nil || got.host != want.host || !slices.Equal(got.ports, want.ports) {
			t.Errorf("%q: %+v, %v; want %+v", spec, got, err, want)
		}
	}
}

func TestTheNameOfADerivedPolicyIsTheDigestOfItsInputs(t *testing.T) {
	base := document(t, "http-client")
	for _, c := range []struct {
		o    Overrides
		text string
	}{
		{Overrides{AllowHosts: []string{"example.com:443"}}, `{"allow_hosts":[{"host":"example.com","ports":[443]}],"allow_read_roots":[],"allow_write_roots":[],"deny_hosts":[]}`},
		{Overrides{DenyHosts: []string{"example.com:*", "example.com:1"}, AllowReadRoots: []string{"b ", "a", "b"}}, `{"allow_hosts":[],"allow_read_roots":["a","b"],"allow_write_roots":[],"deny_hosts":[{"all_ports":true,"host":"example.com","ports":[]}]}`},
		{Overrides{DenyHosts: []string{"b:2,1", "a:3"}}, `{"allow_hosts":[],"allow_read_roots":[],"allow_write_roots":[],"deny_hosts":[{"all_ports":false,"host":"a","ports":[3]},{"all_ports":false,"host":"b","ports":[1,2]}]}`},
	} {
		sum := sha256.Sum256(append(slices.Clone(base), c.text...))
		mark := "g" + hex.EncodeToString(sum[:4])
		d, err := derive(t, base, c.o)
		if err != nil {
			t.Fatal(err)
		}
		if want := "sandbox.http-client.base." + mark + ".policy.json"; d.Name != want || d.Policy.PolicyID != "sandbox.http-client.base."+mark {
			t.Errorf("name %s, id %s; want %s", d.Name, d.Policy.PolicyID, want)
		}
		if !strings.HasSuffix(d.Policy.Notes, "\nDerived by x07 run from `base.json` ("+mark+")") {
			t.Errorf("notes = %q", d.Policy.Notes)
		}
	}
}

func TestDenyWinsWhateverTheOrderAndSpelling(t *testing.T) {
	base := document(t, "http-client", put("/net/allow_dns", false), put("/net/allow_hosts", []Host{
		{"[::1]", []uint16{80, 443}}, {"B.example", []uint16{9, 1}}, {"a.example", []uint16{80}}, {"b.EXAMPLE", []uint16{5}}}))
	d, err := derive(t, base, Overrides{
		AllowHosts: []string{"z.example:1", "c.example:443,80", "a.example:81", "gone.example:1"},
		DenyHosts:  []string{"gone.example:*", "c.example:80", "0:0:0:0:0:0:0:1:80", "[::1]:443", "unknown.example:*"},
	})
	if err != nil {
		t.Fatal(err)
	}
	want := `[{"host":"b.example","ports":[1,5,9]},{"host":"a.example","ports":[80,81]},{"host":"c.example","ports":[443]},{"host":"z.example","ports":[1]}]`
	if got := mustJSON(t, d.Policy.Net.AllowHosts); got != want {
		t.Errorf("hosts = %s\n want %s", got, want)
	}
	if !d.Policy.Net.AllowDNS {
		t.Error("a name was allowed but allow_dns stayed off")
	}
}

func TestNumericHostsDoNotSwitchDNSOn(t *testing.T) {
	d, err := derive(t, document(t, "http-client", put("/net/allow_dns", false)), Overrides{AllowHosts: []string{"10.0.0.1:80", "[::1]:80"}})
	if err != nil || d.Policy.Net.AllowDNS {
		t.Errorf("allow_dns = %v, error %v", d.Policy.Net.AllowDNS, err)
	}
}

func TestOverridesThatTheBaseForbidsAreRefused(t *testing.T) {
	roots := make([]string, 128)
	for i := range roots {
		roots[i] = "r" + string(rune('a'+i%26)) + string(rune('a'+i/26))
	}
	ports := make([]uint16, 64)
	for i := range ports {
		ports[i] = uint16(i + 1)
	}
	hosts := make([]Host, 256)
	for i := range hosts {
		hosts[i] = Host{"h" + roots[i%128] + string(rune('a'+i/128)), []uint16{1}}
	}
	for _, c := range []struct {
		base []byte
		o    Overrides
		want string
	}{
		{document(t, "cli"), Overrides{DenyHosts: []string{"a:*"}}, "base policy disables networking (net.enabled=false)"},
		{document(t, "cli"), Overrides{AllowHosts: []string{"malformed"}}, "base policy disables networking (net.enabled=false)"},
		{document(t, "http-client", put("/net/allow_tcp", false)), Overrides{AllowHosts: []string{"a:1"}}, "base policy forbids TCP (net.allow_tcp=false)"},
		{document(t, "worker"), Overrides{AllowReadRoots: []string{"a"}}, "base policy disables filesystem access (fs.enabled=false)"},
		{document(t, "cli"), Overrides{AllowReadRoots: []string{" "}}, "root path must be non-empty"},
		{document(t, "cli"), Overrides{AllowWriteRoots: []string{strings.Repeat("a", 4097)}}, "root path must be <= 4096 chars"},
		{document(t, "cli", put("/fs/read_roots", roots)), Overrides{AllowReadRoots: []string{"x"}}, "fs.read_roots would exceed 128 entries"},
		{document(t, "cli", put("/fs/write_roots", roots)), Overrides{AllowWriteRoots: []string{"x"}}, "fs.write_roots would exceed 128 entries"},
		{document(t, "http-client", put("/net/allow_hosts", []Host{{"a", ports}})), Overrides{AllowHosts: []string{"a:65"}, DenyHosts: []string{"a:*"}}, "Host a would exceed 64 allowed ports"},
		{document(t, "http-client", put("/net/allow_hosts", hosts)), Overrides{AllowHosts: []string{"a:65"}}, "Policy net.allow_hosts would exceed 256 entries"},
	} {
		if _, err := derive(t, c.base, c.o); err == nil || err.Error() != c.want || ExitCode(err) != 2 {
			t.Errorf("error = %v, want %s", err, c.want)
		}
	}
	if _, err := derive(t, document(t, "cli", put("/extra", 1)), Overrides{AllowReadRoots: []string{"a"}}); ExitCode(err) != 3 {
		t.Errorf("a base that breaks the schema: exit %d, %v", ExitCode(err), err)
	}
}

func TestRootsAreAppendedOnce(t *testing.T) {
	d, err := derive(t, document(t, "cli"), Overrides{AllowReadRoots: []string{".", " data ", "data"}, AllowWriteRoots: []string{"tmp"}})
	if err != nil {
		t.Fatal(err)
	}
	if got := mustJSON(t, d.Policy.FS.ReadRoots) + mustJSON(t, d.Policy.FS.WriteRoots); got != `[".","data"]["out","tmp"]` {
		t.Errorf("roots = %s", got)
	}
}

func TestResolveFindsTheBaseDerivesAndWritesOnce(t *testing.T) {
	root := t.TempDir()
	base := document(t, "http-client")
	for name, text := range map[string]string{
		"p.json": string(base), "allow.txt": "# hosts\n\nexample.com:443 # main\nexample.com:80\n", "latin1.txt": "caf\xe9:80\n",
	} {
		if err := os.WriteFile(filepath.Join(root, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	ask := func(o Overrides) (Resolved, error) {
		return Resolve(Request{Tool: "x07 run", World: "run-os-sandboxed", Root: root, Flag: "p.json", Profile: "other.json", Overrides: o})
	}
	plain, err := ask(Overrides{})
	if err != nil || plain.Path != filepath.Join(root, "p.json") || plain.Notice != "" || string(plain.Bytes) != string(base) {
		t.Fatalf("%+v, %v", plain, err)
	}
	got, err := ask(Overrides{AllowHostFiles: []string{"allow.txt"}})
	if err != nil {
		t.Fatal(err)
	}
	if want := filepath.Join(root, ".x07", "policies", "_generated") + "/sandbox.http-client.base.g"; !strings.HasPrefix(got.Path, want) || got.Notice != "x07 run: using derived policy "+got.Path {
		t.Errorf("path %s, notice %s", got.Path, got.Notice)
	}
	if ports := mustJSON(t, got.Policy.Net.AllowHosts); ports != `[{"host":"example.com","ports":[80,443]}]` {
		t.Errorf("hosts = %s", ports)
	}
	before, err := os.Stat(got.Path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := ask(Overrides{AllowHostFiles: []string{"allow.txt"}}); err != nil {
		t.Fatal(err)
	}
	after, err := os.Stat(got.Path)
	if err != nil || !os.SameFile(before, after) {
		t.Error("an identical derived policy was written again")
	}
	if entries, _ := os.ReadDir(filepath.Dir(got.Path)); len(entries) != 1 {
		t.Errorf("%d files are left beside the derived policy", len(entries))
	}
	for want, o := range map[string]Overrides{
		"read: " + filepath.Join(root, "none.txt") + ": no such file or directory": {DenyHostFiles: []string{"none.txt"}},
		"host spec file must be utf-8: " + filepath.Join(root, "latin1.txt"):       {AllowHostFiles: []string{"latin1.txt"}},
	} {
		if _, err := ask(o); err == nil || err.Error() != want {
			t.Errorf("error = %v, want %s", err, want)
		}
	}
	for _, c := range []struct {
		r    Request
		want string
	}{
		{Request{World: "run-os", Flag: "p", Overrides: Overrides{AllowHosts: []string{"a:1"}}}, "--allow-host/--deny-host/--allow-read-root/--allow-write-root requires run-os-sandboxed (policy-enforced OS world)"},
		{Request{World: "run-os", Flag: "p"}, "--policy is only valid for --world run-os-sandboxed"},
		{Request{World: "run-os-sandboxed"}, "run-os-sandboxed requires a policy file (--policy or profile policy)"},
		{Request{World: "run-os-sandboxed", Root: "/r", Profile: "none.json"}, "missing policy file: /r/none.json"},
	} {
		if _, err := Resolve(c.r); err == nil || err.Error() != c.want || ExitCode(err) != 2 {
			t.Errorf("error = %v, want %s", err, c.want)
		}
	}
	if r, err := Resolve(Request{World: "run-os"}); err != nil || r.Policy != nil {
		t.Errorf("run-os has a policy: %+v, %v", r, err)
	}
}

func TestInitWritesRefusesAndOverwrites(t *testing.T) {
	root := t.TempDir()
	sub := filepath.Join(root, "a", "b")
	if err := os.MkdirAll(sub, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(root, "x07.json"), []byte("{}"), 0o644); err != nil {
		t.Fatal(err)
	}
	o := InitOptions{Template: "worker", WorkDir: sub}
	run := func(o InitOptions, status string, exit int) []byte {
		t.Helper()
		r, rendered, err := Init(o)
		if err != nil || r.Status != status || r.ExitCode() != exit {
			t.Fatalf("status %q, exit %d, %v; want %q, %d", r.Status, r.ExitCode(), err, status, exit)
		}
		return append(r.JSON(), rendered...)
	}
	got := string(run(o, "created", 0))
	want := `{"schema_version":"x07.policy.init.report@0.1.0","template":"worker","project_root":"` + root + `","out":".x07/policies/base/worker.sandbox.base.policy.json","status":"created","policy_id":"sandbox.worker.base"}` + "\n{\n"
	if !strings.HasPrefix(got, want) {
		t.Errorf("report = %s\n  want %s", got, want)
	}
	run(o, "unchanged", 0)
	o.PolicyID, o.HasPolicyID = "mine", true
	run(o, "exists_different", 2)
	path := filepath.Join(root, ".x07/policies/base/worker.sandbox.base.policy.json")
	if p, _, err := LoadFile(path); err != nil || p.PolicyID != "sandbox.worker.base" {
		t.Errorf("the refused file was touched: %v", err)
	}
	o.Force = true
	run(o, "overwritten", 0)
	o.Out = "policies/w.json"
	if _, _, err := Init(o); err == nil || err.Error() != `refusing to create output dir "policies" (pass --mkdir-out to allow)` || ExitCode(err) != 2 {
		t.Errorf("error = %v", err)
	}
	o.MkdirOut = true
	run(o, "created", 0)

	for want, o := range map[string]InitOptions{
		"--project is not a file: none.json":            {Template: "cli", WorkDir: root, Project: "none.json"},
		"--project is not a file: a":                    {Template: "cli", WorkDir: root, Project: "a"},
		"--policy-id must be 1..=64 chars":              {Template: "cli", WorkDir: root, HasPolicyID: true},
		"--policy-id must match ^[a-zA-Z0-9_.-]{1,64}$": {Template: "cli", WorkDir: root, HasPolicyID: true, PolicyID: "a/b"},
		`unknown policy template "x": expected one of cli, http-client, web-service, fs-tool, sqlite-app, postgres-client, worker, worker-parallel`: {Template: "x", WorkDir: root},
	} {
		if _, _, err := Init(o); err == nil || err.Error() != want || ExitCode(err) != 2 {
			t.Errorf("error = %v, want %s", err, want)
		}
	}
}
