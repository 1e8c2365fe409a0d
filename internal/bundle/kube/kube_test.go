package kube

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"x07/internal/policy"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// worker is a policy with something in every field that a manifest carries.
func worker(t *testing.T) *policy.Policy {
	t.Helper()
	p, err := policy.FromTemplate("worker", "test.worker")
	if err != nil {
		t.Fatal(err)
	}
	p.Limits = policy.Limits{CPUMs: 5000, WallMs: 9500, MemBytes: 256 << 20, FDs: 64, Procs: 8}
	p.FS.Enabled, p.FS.ReadRoots, p.FS.WriteRoots = true, []string{"data", "/etc/app", "out"}, []string{"out"}
	p.Net = policy.Net{Enabled: true, AllowTCP: true, AllowHosts: []policy.Host{
		{Host: "api.example", Ports: []uint16{443}},
		{Host: "10.1.0.0/16", Ports: []uint16{5432}},
		{Host: "192.0.2.7", Ports: []uint16{80, 8080}},
		{Host: "::", Ports: []uint16{9000}},
		{Host: "127.0.0.1", Ports: []uint16{6379}},
	}}
	return p
}

func TestManifestsCarryThePolicy(t *testing.T) {
	for name, o := range map[string]Options{
		"policy":  {Name: "My Worker", Executable: "my-worker", Image: "r.example/w:1", RuntimeClass: "kata", Policy: worker(t)},
		"run-os":  {Name: "tool", Executable: "tool", Image: "tool:latest", MemoryBytes: 64 << 20},
		"offline": {Name: "tool", Executable: "tool", Image: "tool:latest", Policy: offline(t)},
	} {
		got := Encode(o)
		golden := filepath.Join("testdata", name+".yaml")
		if *update {
			if err := os.WriteFile(golden, got, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(golden)
		if err != nil {
			t.Fatal(err)
		}
		if string(got) != string(want) {
			t.Errorf("%s: the manifest differs from %s (go test -update rewrites it):\n%s", name, golden, got)
		}
	}
}

func offline(t *testing.T) *policy.Policy {
	p := worker(t)
	p.Net.Enabled, p.FS.Enabled = false, false
	return p
}

func TestNoNameOrHostBreaksOutOfItsScalar(t *testing.T) {
	p := worker(t)
	p.PolicyID = "x\"\n  evil: true\u2028#"
	text := string(Encode(Options{Name: "a\nb: c", Executable: "a\"b\n", Image: "i: [", RuntimeClass: "\n- x", Policy: p}))
	for i, line := range strings.Split(text, "\n") {
		if strings.HasPrefix(strings.TrimSpace(line), "evil") || strings.HasPrefix(strings.TrimSpace(line), "- x") || strings.Contains(line, "\u2028") {
			t.Errorf("line %d is %q", i+1, line)
		}
	}
	for name, want := range map[string]string{"": "app", "---": "app", "A_b.C": "a-b-c", strings.Repeat("x", 70): strings.Repeat("x", 50)} {
		if got := objectName(name); got != want {
			t.Errorf("object name of %q is %q, want %q", name, got, want)
		}
	}
}
