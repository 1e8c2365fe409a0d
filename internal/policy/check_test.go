package policy

import (
	"strings"
	"testing"
)

func TestCheckFindsContradictionsDeadEntriesAndBroadGrants(t *testing.T) {
	for _, c := range []struct {
		template string
		edits    []PatchOp
		want     []string // kind and pointer
	}{
		{"cli", nil, nil},
		{"fs-tool", nil, nil},
		{"sqlite-app", nil, nil},
		{"worker", nil, nil},
		{"worker-parallel", nil, nil},
		{"http-client", nil, []string{"contradiction /net/allow_hosts"}},
		{"web-service", nil, []string{"contradiction /net/allow_hosts"}},
		{"postgres-client", nil, []string{"contradiction /db/net"}},
		{"cli", []PatchOp{put("/fs/read_roots", []string{".", "src", "./", "/", "..", "../x", "  ", "/etc/ssl", ".git"}), put("/fs/write_roots", []string{"."})},
			[]string{"dead /fs/read_roots/0", "dead /fs/read_roots/1", "dead /fs/read_roots/2", "broad /fs/read_roots/3", "dead /fs/read_roots/4", "broad /fs/read_roots/4", "dead /fs/read_roots/5", "dead /fs/read_roots/6", "broad /fs/read_roots/7", "contradiction /fs/read_roots/8", "broad /fs/write_roots/0"}},
		{"cli", []PatchOp{put("/fs/enabled", false)}, []string{"dead /fs/read_roots", "dead /fs/write_roots", "dead /fs/allow_mkdir", "dead /fs/allow_walk"}},
		{"cli", []PatchOp{put("/fs/allow_walk", false), put("/threads/max_blocking", 0)}, []string{"contradiction /fs/allow_glob", "contradiction /threads/max_blocking"}},
		{"http-client", []PatchOp{put("/net/allow_dns", false), put("/net/allow_hosts", []Host{
			{"example.com", []uint16{1}}, {"10.0.0.0/8", []uint16{1}}, {"*.example.com", []uint16{1}}, {"1.1.1.1/99", []uint16{1}}, {"169.254.169.254", []uint16{80}},
			{"EXAMPLE.com", []uint16{2}}, {"0.0.0.0-255.255.255.255", []uint16{1}}, {"https://x", []uint16{1}}, {"::/0", []uint16{1}}, {"10.1.2.0/24", []uint16{1}}})},
			[]string{"contradiction /net/allow_hosts/0/host", "broad /net/allow_hosts/1/host", "dead /net/allow_hosts/2/host", "dead /net/allow_hosts/3/host", "broad /net/allow_hosts/4/host",
				"dead /net/allow_hosts/5/host", "broad /net/allow_hosts/6/host", "dead /net/allow_hosts/7/host", "broad /net/allow_hosts/8/host"}},
		{"web-service", []PatchOp{put("/env/allow_keys", []string{"A", "A", "B*", "DB_PASSWORD"}), put("/env/deny_keys", []string{"A"}), put("/net/allow_hosts", []Host{{"a", []uint16{1}}})},
			[]string{"contradiction /env/allow_keys/0", "contradiction /env/allow_keys/1", "dead /env/allow_keys/2", "broad /env/allow_keys/3"}},
		{"worker-parallel", []PatchOp{put("/process/allow_exec", false), put("/process/allow_execs", []string{"/bin/sh", "ls"}), put("/process/allow_exec_prefixes", []string{"/usr/bin", "out/bin", "."}),
			put("/process/allow_env_keys", []string{"LD_PRELOAD"}), put("/process/allow_args_regex_lite", []string{".*"}), put("/fs/enabled", true), put("/fs/write_roots", []string{"out"}), put("/limits/procs", 0)},
			[]string{"contradiction /process/allow_exec", "contradiction /limits/procs", "broad /process/allow_execs/0", "broad /process/allow_exec_prefixes/0", "broad /process/allow_exec_prefixes/1", "broad /process/allow_exec_prefixes/2", "broad /process/allow_env_keys/0", "broad /process/allow_args_regex_lite/0"}},
		{"worker", []PatchOp{put("/time/max_sleep_ms", 0), put("/limits/core_dumps", true), put("/limits/fds", 3)}, []string{"contradiction /time/max_sleep_ms", "contradiction /limits/fds", "broad /limits/core_dumps"}},
		{"postgres-client", []PatchOp{put("/db/net", map[string]any{"allow_cidrs": []string{"x", "0.0.0.0/0"}, "allow_ports": []int{5432}, "require_tls": false})},
			[]string{"dead /db/net/require_verify", "broad /db/net/require_tls", "dead /db/net/allow_cidrs/0", "broad /db/net/allow_cidrs/1"}},
	} {
		p := load(t, c.template, c.edits...)
		found := Check(p)
		got := map[string]bool{}
		for _, f := range found {
			got[string(f.Kind)+" "+f.Pointer] = true
			if f.Message == "" || f.Fix == "" {
				t.Errorf("%s: a finding without message or fix: %+v", c.template, f)
			}
		}
		for _, want := range c.want {
			if !got[want] {
				t.Errorf("%s %v: no %s among %v", c.template, c.edits, want, found)
			}
		}
		if len(c.want) == 0 && len(found) > 0 {
			t.Errorf("%s: %v", c.template, found)
		}
	}
}

func TestAWideOpenPolicyIsValidAndManyFindings(t *testing.T) {
	doc := document(t, "cli", put("/fs/read_roots", []string{"/"}), put("/fs/write_roots", []string{"/"}), put("/fs/deny_hidden", false),
		put("/net", map[string]any{"enabled": true, "allow_dns": true, "allow_tcp": true, "allow_udp": true, "allow_hosts": []Host{{"0.0.0.0/0", []uint16{80}}, {"::/0", []uint16{80}}}}),
		put("/process/allow_spawn", true), put("/process/allow_exec", true), put("/process/allow_exec_prefixes", []string{"/"}),
		put("/process/max_live", 1024), put("/process/max_spawns", 1024), put("/process/max_runtime_ms", 120000))
	p, err := Load("wide", doc)
	if err != nil {
		t.Fatal(err)
	}
	var at []string
	for _, f := range Check(p) {
		if f.Kind == OverBroad {
			at = append(at, f.Pointer)
		}
	}
	if got := strings.Join(at, " "); got != "/fs/read_roots/0 /fs/write_roots/0 /net/allow_hosts/0/host /net/allow_hosts/1/host /process/allow_exec_prefixes/0" {
		t.Errorf("broad grants at %s", got)
	}
}
