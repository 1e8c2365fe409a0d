package app

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"x07/internal/bundle/image"
	"x07/internal/policy"
)

func TestJobDirectoriesAreOnesOwn(t *testing.T) {
	home, tmp := t.TempDir(), t.TempDir()
	t.Setenv("X07_VM_STATE_DIR", "")
	t.Setenv("TMPDIR", tmp)
	t.Setenv("HOME", home)
	if dir, err := stateRoot(); err != nil || !strings.HasPrefix(dir, home) {
		t.Errorf("with a home: %q, %v", dir, err)
	}
	t.Setenv("X07_VM_STATE_DIR", "/somewhere")
	if dir, err := stateRoot(); err != nil || dir != "/somewhere" {
		t.Errorf("with a directory of one's choice: %q, %v", dir, err)
	}
	t.Setenv("X07_VM_STATE_DIR", "")
	// A home that is a file cannot hold anything, not even for root.
	file := filepath.Join(tmp, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, home := range []string{"", "relative", file} {
		t.Setenv("HOME", home)
		dir, err := stateRoot()
		if err != nil || !strings.HasPrefix(dir, tmp) {
			t.Errorf("with the home %q: %q, %v", home, dir, err)
		}
		info, err := os.Stat(filepath.Dir(dir))
		if err != nil || info.Mode().Perm() != 0o700 {
			t.Errorf("with the home %q: mode %v, %v", home, info.Mode(), err)
		}
		// Somebody may have made it first, to look on.
		if err := os.Chmod(filepath.Dir(dir), 0o777); err != nil {
			t.Fatal(err)
		}
		if dir, err := stateRoot(); err == nil {
			t.Errorf("a directory open to all was taken: %s", dir)
		}
		if err := os.Remove(filepath.Dir(dir)); err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(t.TempDir(), filepath.Dir(dir)); err != nil {
			t.Fatal(err)
		}
		if dir, err := stateRoot(); err == nil {
			t.Errorf("a link was followed: %s", dir)
		}
		if err := os.Remove(filepath.Dir(dir)); err != nil {
			t.Fatal(err)
		}
	}
}

func TestTheBundleNarrowsThePolicyAndNeverWidensIt(t *testing.T) {
	for _, c := range []struct{ policyMs, seconds, want uint64 }{
		{5000, 0, 5000}, {5000, 2, 2000}, {5000, 9, 5000}, {5000, 1 << 63, 5000},
	} {
		p := &policy.Policy{Limits: policy.Limits{CPUMs: c.policyMs}}
		narrow(p, &image.Image{Header: image.Header{Limits: image.Limits{CPUSeconds: c.seconds}}})
		if p.Limits.CPUMs != c.want {
			t.Errorf("%d ms and %d s: %d ms, want %d", c.policyMs, c.seconds, p.Limits.CPUMs, c.want)
		}
	}
}

func TestThePoliciesVariablesWinOverTheCallers(t *testing.T) {
	p, err := policy.FromTemplate("worker", "test")
	if err != nil {
		t.Fatal(err)
	}
	get := policyEnvironment(p, func(key string) (string, bool) { return "caller's", key != "UNSET" })
	for key, want := range map[string]string{"X07_OS_SANDBOXED": "1", "X07_WORLD": "run-os-sandboxed", "OTHER": "caller's"} {
		if v, ok := get(key); !ok || v != want {
			t.Errorf("%s is %q, %v; want %q", key, v, ok, want)
		}
	}
	if v, ok := get("UNSET"); ok {
		t.Errorf("UNSET is %q", v)
	}
}

func TestAStatusWithoutASignalIsLeftAlone(t *testing.T) {
	for _, status := range []int{0, 1, 2, 127, 128, 200, 255} {
		if got := dieLike(status); got != status {
			t.Errorf("%d became %d", status, got)
		}
	}
}
