package conformance

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"sync"
	"testing"

	"x07/internal/artifact"
	"x07/internal/engine"
	"x07/internal/launch"
	"x07/internal/policy"
	"x07/internal/sandbox"
	"x07/internal/sandbox/backends"
)

// binaries builds what guests need, once for all tests.
var binaries = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "x07-conformance-*")
	if err != nil {
		return "", err
	}
	for _, name := range []string{launch.Runner, "x07-sentry"} {
		cmd := exec.Command("go", "build", "-o", filepath.Join(dir, name), "x07/cmd/"+name)
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
		if out, err := cmd.CombinedOutput(); err != nil {
			return dir, &buildError{string(out), err}
		}
	}
	return dir, nil
})

type buildError struct {
	out string
	err error
}

func (e *buildError) Error() string { return e.err.Error() + "\n" + e.out }

func TestMain(m *testing.M) {
	code := m.Run()
	if built {
		dir, _ := binaries()
		os.RemoveAll(dir)
	}
	os.Exit(code)
}

// built says that binaries has been called; guests run one after another.
var built bool

// openPolicy grants what the cases need: the working directory, all of it, and
// clocks. Cases that need more are for run-os only.
func openPolicy(t *testing.T) (*policy.Policy, []byte) {
	p, err := policy.FromTemplate("cli", "conformance")
	if err != nil {
		t.Fatal(err)
	}
	p.FS.ReadRoots, p.FS.WriteRoots = []string{"."}, []string{"."}
	p.FS.AllowRemove, p.FS.AllowSymlinks, p.FS.DenyHidden = true, true, false
	p.Time.AllowSleep, p.Time.AllowLocalTZID, p.Time.MaxSleepMs = true, true, 1000
	doc := policy.Render(p)
	p, err = policy.Load("conformance policy", doc)
	if err != nil {
		t.Fatal(err)
	}
	return p, doc
}

// inGuest runs programs behind a backend, each in a guest of its own.
func inGuest(t *testing.T, name string) func(testing.TB, *artifact.Artifact, []byte) (Outcome, error) {
	if testing.Short() {
		t.Skip("guests take half a minute")
	}
	built = true
	dir, err := binaries()
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("X07_VM_GVISOR_SENTRY_BIN", filepath.Join(dir, "x07-sentry"))
	all := backends.All(os.LookupEnv)
	i := slices.IndexFunc(all, func(b sandbox.Backend) bool { return b.Name() == name })
	if status := all[i].Preflight(context.Background()); !status.Usable {
		if os.Getenv("CI") == "true" {
			t.Fatalf("backend %s is not usable: %s (%s)", name, status.Reason, status.Fix)
		}
		t.Skipf("backend %s is not usable: %s (%s)", name, status.Reason, status.Fix)
	}
	p, doc := openPolicy(t)
	state := t.TempDir()
	return func(t testing.TB, a *artifact.Artifact, input []byte) (Outcome, error) {
		encoded, err := a.Encode()
		if err != nil {
			return Outcome{}, err
		}
		out, err := launch.Run(context.Background(), launch.Job{
			Backend: all[i], Runner: filepath.Join(dir, launch.Runner),
			Policy: p, PolicyBytes: doc, World: "run-os-sandboxed", WorkDir: t.TempDir(),
			Artifact: encoded, Input: input,
			MaxMemoryBytes: engine.DefaultMemoryBytes, MaxOutputBytes: engine.DefaultOutputBytes,
			StateRoot: state,
		})
		if err != nil {
			return Outcome{}, err
		}
		return outcomeOf(out.Result), nil
	}
}

func TestInTheEmbeddedGuestKernel(t *testing.T) {
	Test(t, Target{Name: "gvisor", World: "run-os-sandboxed", Run: inGuest(t, "gvisor")})
}

func TestInTheOSBackend(t *testing.T) {
	Test(t, Target{Name: "os", World: "run-os-sandboxed", Run: inGuest(t, "os")})
}
