//go:build linux

package launch_test

import (
	"context"
	"crypto/sha256"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"x07/internal/launch"
	"x07/internal/policy"
	"x07/internal/sandbox/gvisor"
)

// What the command keeps as machine code after a run is what the runner takes
// inside of the guest kernel: the processor it sees there is the same.
func TestKeptMachineCodeIsWhatTheGuestRuns(t *testing.T) {
	if testing.Short() {
		t.Skip("starts real guests")
	}
	bin := buildAll(t)
	b := gvisor.New(gvisor.Options{Sentry: filepath.Join(bin, gvisor.Binary)})
	if st := b.Preflight(context.Background()); !st.Usable {
		t.Skip(st.Reason)
	}
	p := newPrey(t, os.Getuid())
	policyPath, prog, art := p.grant(t, nil), filepath.Join(p.work, "code.x07.json"), filepath.Join(p.work, "code.art")
	src := `{"schema_version":"x07.x07ast@0.5.0","kind":"entry","module_id":"main","imports":[],"decls":[],"solve":["view.to_bytes","input"]}`
	if err := os.WriteFile(prog, []byte(src), 0o644); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(filepath.Join(bin, "x07"), append(attackArgs("gvisor", policyPath, prog), "--compiled-out", art)...)
	cmd.Dir, cmd.Env = p.work, p.env()
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	kept, err := filepath.Glob(filepath.Join(p.dir, "cache/x07/code/*"))
	if err != nil || len(kept) != 1 {
		t.Fatalf("kept code: %v, %v", kept, err)
	}
	code, err := os.ReadFile(kept[0])
	if err != nil {
		t.Fatal(err)
	}
	artifact, err := os.ReadFile(art)
	if err != nil {
		t.Fatal(err)
	}
	pol, doc, err := policy.LoadFile(policyPath)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		code []byte
		used bool
	}{{code[sha256.Size:], true}, {nil, false}} {
		out, err := launch.Run(context.Background(), launch.Job{
			Backend: b, Runner: filepath.Join(bin, launch.Runner), Policy: pol, PolicyBytes: doc,
			World: "run-os-sandboxed", WorkDir: p.work, StateRoot: filepath.Join(p.dir, "state"),
			Artifact: artifact, Input: []byte("in"), Code: c.code, MaxMemoryBytes: 1 << 20, MaxOutputBytes: 100,
		})
		if err != nil || string(out.Output) != "in" || out.Precompiled != c.used {
			t.Errorf("with %d bytes of code: %v, %+v, want used %v", len(c.code), err, out, c.used)
		}
	}
}
