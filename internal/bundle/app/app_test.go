package app

import (
	"testing"

	"x07/internal/bundle/image"
	"x07/internal/policy"
)

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
