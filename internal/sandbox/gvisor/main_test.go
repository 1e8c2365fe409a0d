package gvisor

import (
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"x07/internal/sandbox"
	"x07/internal/sandbox/gvisor/wire"
)

// boundaryEnv forces the second boundary of the guests that a test starts.
const boundaryEnv = "X07_TEST_BOUNDARY"

// Built once per test run; the build cache makes that cheap.
var (
	sentryBin string
	guestBin  string
)

func TestMain(m *testing.M) {
	if deed := os.Getenv(ownerEnv); deed != "" {
		owner(deed)
	}
	dir, err := os.MkdirTemp("", "x07-gvisor-test-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	// An ordinary user must be able to run what root builds here.
	os.Chmod(dir, 0o755)
	sentryBin, guestBin = filepath.Join(dir, Binary), filepath.Join(dir, "testguest")
	for bin, pkg := range map[string]string{
		sentryBin: "x07/cmd/x07-sentry",
		guestBin:  "x07/internal/sandbox/internal/testguest",
	} {
		cmd := exec.Command("go", "build", "-o", bin, pkg)
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
		if out, err := cmd.CombinedOutput(); err != nil {
			fmt.Fprintf(os.Stderr, "build %s: %v\n%s", pkg, err, out)
			os.Exit(1)
		}
	}
	// The test binary itself lies where an ordinary user cannot reach it.
	self, err := os.Executable()
	if err == nil {
		err = copyFile(filepath.Join(dir, "owner"), self)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	code := m.Run()
	os.RemoveAll(dir)
	os.Exit(code)
}

func backend(t testing.TB) *Backend {
	t.Helper()
	opts := Options{Sentry: sentryBin, Boundary: wire.Boundary(os.Getenv(boundaryEnv))}
	if os.Getenv("X07_TEST_TRACE") != "" {
		opts.Trace = os.Stderr
	}
	return New(opts)
}

// start starts a guest that is killed at the latest when the test ends.
func start(t testing.TB, spec sandbox.Spec) sandbox.Guest {
	t.Helper()
	if spec.ID == "" {
		spec.ID = "test"
	}
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	g, err := backend(t).Start(ctx, spec)
	if err != nil {
		t.Fatalf("start: %v", err)
	}
	t.Cleanup(func() {
		g.Kill()
		g.Stream().Close()
		g.Wait()
	})
	return g
}

// do runs one deed to its end and returns its output and exit status.
func do(t testing.TB, spec sandbox.Spec, deed ...string) (string, sandbox.ExitStatus) {
	t.Helper()
	spec.Command = append([]string{guestBin}, deed...)
	if spec.Dir == "" {
		spec.Dir = "/"
	}
	g := start(t, spec)
	out, err := io.ReadAll(g.Stream())
	if err != nil {
		t.Fatalf("read stream: %v", err)
	}
	st := g.Wait()
	if st.Err != nil {
		t.Fatalf("guest failed: %v", st.Err)
	}
	return string(out), st
}

func listenUnix(t *testing.T, path string) net.Listener {
	t.Helper()
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			c.Close()
		}
	}()
	return l
}

func copyFile(to, from string) error {
	data, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	return os.WriteFile(to, data, 0o755)
}
