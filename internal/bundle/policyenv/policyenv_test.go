package policyenv

import (
	"testing"

	"x07/internal/policy"
)

func TestThePolicyIsWrittenAsDocumented(t *testing.T) {
	p, err := policy.FromTemplate("worker", "test")
	if err != nil {
		t.Fatal(err)
	}
	p.FS.ReadRoots = []string{"a", "b c"}
	p.Net.AllowHosts = []policy.Host{{Host: " example.com ", Ports: []uint16{80, 443}}, {Host: "::1", Ports: []uint16{9}}}
	p.Time.MaxSleepMs = 1234
	p.Net.Enabled, p.Env.Enabled, p.DB = true, false, nil
	got := Of(p)
	for key, want := range map[string]string{
		"X07_WORLD":                      "run-os-sandboxed",
		"X07_OS_SANDBOXED":               "1",
		"X07_OS_NET":                     "1",
		"X07_OS_ENV":                     "0",
		"X07_OS_DB":                      "0",
		"X07_OS_FS_READ_ROOTS":           "a;b c",
		"X07_OS_TIME_MAX_SLEEP_MS":       "1234",
		"X07_OS_NET_ALLOW_HOSTS":         "example.com:80,443;::1:9",
		"X07_OS_DB_SQLITE_READONLY_ONLY": "1",
		"X07_OS_DB_NET_ALLOW_PORTS":      "",
	} {
		if v, ok := got[key]; !ok || v != want {
			t.Errorf("%s is %q (%v), want %q", key, v, ok, want)
		}
	}
	if p.DB != nil {
		t.Error("the policy itself was changed")
	}
	keys := Keys()
	if len(keys) != 80 || len(got) != 80 || keys[0] != "X07_WORLD" || keys[1] != "X07_OS_SANDBOXED" || keys[79] != "X07_OS_NET_ALLOW_HOSTS" {
		t.Errorf("%d keys, from %s to %s", len(keys), keys[0], keys[len(keys)-1])
	}
}
