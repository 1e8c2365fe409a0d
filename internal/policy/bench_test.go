package policy

import (
	"fmt"
	"net/netip"
	"testing"
)

// decisions are the questions that programs ask most, under a large policy.
func decisions(t testing.TB) map[string]func() {
	var list []Host
	for i := range 200 {
		list = append(list, Host{fmt.Sprintf("h%d.example.com", i), []uint16{80, 443}})
	}
	for i := range 50 {
		list = append(list, Host{fmt.Sprintf("10.%d.0.0/16", i), []uint16{443}})
	}
	g := gate(t, "worker-parallel", put("/fs/enabled", true), put("/fs/read_roots", []string{"a", "b", "c", "d", "src"}),
		put("/net", Net{Enabled: true, AllowDNS: true, AllowTCP: true, AllowHosts: list}),
		put("/env", Env{Enabled: true, AllowKeys: []string{"PORT"}, DenyKeys: []string{}}), put("/process/allow_args_regex_lite", []string{"--[a-z]*=.*", "--out=.*"}),
		put("/time/allow_wall_clock", true))
	addr := netip.MustParseAddr("93.184.216.34")
	return map[string]func(){
		"FSRead":     func() { g.FS(OpFSRead, "src/app/main.x07.json", 0) },
		"FSReadFile": func() { g.FSReadFile("src/app/main.x07.json") },
		"FSDenied":   func() { g.FS(OpFSRead, "other/app/main.x07.json", 0) },
		"EnvGet":     func() { g.EnvGet("PORT") },
		"Clock":      func() { g.TimeUnix() },
		"Connect":    func() { g.NetConnect("H150.example.com", 443) },
		"Literal":    func() { g.NetConnect("10.49.2.3", 443) },
		"Resolved":   func() { g.NetAddr(OpNetConnect, "h150.example.com", 443, addr) },
		"Exe":        func() { g.ProcessExe("deps/x07/tool") },
		"RunOS":      func() { AllowAll().FSReadFile("src/app/main.x07.json") },
	}
}

func BenchmarkDecision(b *testing.B) {
	for name, op := range decisions(b) {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				op()
			}
		})
	}
}

func BenchmarkArgPattern(b *testing.B) {
	g := gate(b, "worker-parallel", put("/process/allow_args_regex_lite", []string{"--[a-z]*=.*", "--out=.*"}))
	for b.Loop() {
		g.ProcessArg(1, "--out=target/release/file.txt")
	}
}

func BenchmarkAuditLine(b *testing.B) {
	a := NewAudit(discard{})
	d := gate(b, "cli").FS(OpFSRead, "src/main.x07.json", 0).Decision
	b.ReportAllocs()
	for b.Loop() {
		a.Record(d, 100, 1000, 0)
	}
}

type discard struct{}

func (discard) Write(p []byte) (int, error) { return len(p), nil }
