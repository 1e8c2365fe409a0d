package cli

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"x07/internal/launch"
)

func TestMain(m *testing.M) {
	// Inside a guest this binary is the runner, under whatever name it has there.
	if len(os.Args) == 2 && os.Args[1] == launch.RunnerVerb {
		os.Exit(RunnerMain(os.Args))
	}
	testscript.Main(m, map[string]func(){
		"x07":           func() { os.Exit(Main(os.Args)) },
		"x07-os-runner": func() { os.Exit(RunnerMain(os.Args)) },
	})
}

// The scripts run the real commands. "code N CMD..." runs a command that must
// end with exit code N.
func TestScripts(t *testing.T) {
	state := t.TempDir()
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script",
		Setup: func(e *testscript.Env) error {
			// One cache for all scripts: what one compiled another only reads.
			e.Setenv("XDG_CACHE_HOME", filepath.Join(state, "cache"))
			e.Setenv("X07_VM_STATE_DIR", filepath.Join(state, "jobs"))
			return nil
		},
		Condition: func(cond string) (bool, error) {
			switch cond {
			case "static":
				return static && runtime.GOOS == "linux", nil
			case "root":
				return os.Geteuid() == 0, nil
			}
			return false, fmt.Errorf("unknown condition %q", cond)
		},
		Cmds: map[string]func(ts *testscript.TestScript, neg bool, args []string){"code": checkCode},
	})
}

func checkCode(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: code N command...")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	err = ts.Exec(args[1], args[2:]...)
	got := 0
	var ended *exec.ExitError
	switch {
	case errors.As(err, &ended):
		got = ended.ExitCode()
	case err != nil:
		ts.Fatalf("%v", err)
	}
	if got != want {
		ts.Fatalf("exit code %d, want %d", got, want)
	}
}
