// Package examples tests what a user reads first: that every example does what
// it says, in every world it has a policy for, through the binaries that `make
// build` makes, and that the commands in README.md and the snippets in docs/ do
// what stands there. In come the files of the repository; they are copied, and
// nothing is written next to them.
package examples

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
)

// built is a directory that looks like the top of the repository after `make
// build`, without the sources: bin/ and examples/. It is made once.
var built = sync.OnceValues(func() (string, error) {
	top, err := os.MkdirTemp("", "x07-examples-*")
	if err != nil {
		return "", err
	}
	if err := os.CopyFS(filepath.Join(top, "examples"), os.DirFS(".")); err != nil {
		return top, err
	}
	packages := []string{"x07/cmd/x07", "x07/cmd/x07-os-runner", "x07/cmd/x07-bundle-runtime"}
	if runtime.GOOS == "linux" {
		packages = append(packages, "x07/cmd/x07-sentry")
	}
	if err := build(filepath.Join(top, "bin")+"/", packages...); err != nil {
		return top, err
	}
	return top, build(filepath.Join(top, "examples/parallel-worker/deps/x07/digest"), "x07/examples/parallel-worker/digest")
})

// build runs go build as the Makefile does, so that both share their caches.
func build(out string, packages ...string) error {
	if err := os.MkdirAll(filepath.Dir(out), 0o755); err != nil {
		return err
	}
	cmd := exec.Command("go", append([]string{"build", "-trimpath", "-ldflags", "-s -w", "-o", out}, packages...)...)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if text, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("build %s: %w\n%s", strings.Join(packages, " "), err, text)
	}
	return nil
}

// wasBuilt says that built has been called.
var wasBuilt bool

func TestMain(m *testing.M) {
	code := m.Run()
	if wasBuilt {
		top, _ := built()
		os.RemoveAll(top)
	}
	os.Exit(code)
}

// checkout returns the directory of built.
func checkout(t *testing.T) string {
	t.Helper()
	wasBuilt = true
	top, err := built()
	if err != nil {
		t.Fatal(err)
	}
	return top
}

// shell runs a command in dir and returns what it printed and its exit code.
// x07 is on the PATH and keeps its cache and jobs below top.
func shell(t *testing.T, top, dir, command string) (stdout, stderr string, code int) {
	t.Helper()
	cmd := exec.Command("sh", "-c", command)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(),
		"PATH="+filepath.Join(top, "bin")+string(os.PathListSeparator)+os.Getenv("PATH"),
		"XDG_CACHE_HOME="+filepath.Join(top, "cache"), "X07_VM_STATE_DIR="+filepath.Join(top, "jobs"),
		"GREETING=good morning", "TZ=UTC")
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	var ended *exec.ExitError
	if err := cmd.Run(); err != nil && !errors.As(err, &ended) {
		t.Fatalf("%s: %v", command, err)
	}
	return out.String(), errs.String(), cmd.ProcessState.ExitCode()
}

// sandboxed says whether a command needs the guest kernel.
func sandboxed(command string) bool {
	return strings.Contains(command, "sandbox")
}

// skipGuests skips what starts guests where there are none.
func skipGuests(t *testing.T) {
	t.Helper()
	if runtime.GOOS != "linux" {
		t.Skip("the embedded guest kernel exists on Linux only")
	}
	if testing.Short() {
		t.Skip("starts real guests")
	}
}
