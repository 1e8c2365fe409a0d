package gvisor

import (
	"bufio"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"x07/internal/sandbox"
	"x07/internal/sandbox/gvisor/wire"
)

// The second boundary: what the guest kernel's own process could do if a guest
// took it over. Read from the host, thread by thread.
func TestTheGuestKernelItselfIsConfined(t *testing.T) {
	root := t.TempDir()
	g := start(t, sandbox.Spec{
		Command: []string{guestBin, "sleep"}, Dir: "/",
		Mounts: []sandbox.Mount{{Host: root, Guest: "/x07/work"}},
	})
	if line, err := bufio.NewReader(g.Stream()).ReadString('\n'); line != "ready\n" {
		t.Fatalf("got %q, %v", line, err)
	}
	proc := "/proc/" + strconv.Itoa(g.(*guest).cmd.Process.Pid)

	// As an ordinary user it has no capability; as root those over files only, and
	// those only in its own user namespace.
	caps := "0000000000000000"
	if os.Geteuid() == 0 {
		caps = fmt.Sprintf("%016x", 1<<0|1<<1|1<<2|1<<3|1<<4)
	}
	threads, err := filepath.Glob(proc + "/task/*")
	if err != nil || len(threads) < 2 {
		t.Fatalf("threads: %v, %v", threads, err)
	}
	for _, thread := range threads {
		status := readStatus(t, thread+"/status")
		for field, want := range map[string]string{
			"CapInh": "0000000000000000", "CapPrm": caps, "CapEff": caps, "CapAmb": "0000000000000000",
			"NoNewPrivs": "1", "Seccomp": "2",
		} {
			if got := status[field]; got != want {
				t.Errorf("%s: %s is %q, want %q", thread, field, got, want)
			}
		}
	}

	if os.Getenv(boundaryEnv) == string(wire.BoundaryLandlock) {
		// Its domain shows only from inside, where x07-sentry itself refuses to go on
		// without it.
		return
	}

	// Its root file system holds mount points and kernel facts.
	var found []string
	filepath.WalkDir(proc+"/root", func(path string, d os.DirEntry, _ error) error {
		if rel, _ := filepath.Rel(proc+"/root", path); rel != "." && !d.IsDir() {
			found = append(found, "/"+rel)
		}
		return nil
	})
	for _, path := range found {
		if !strings.HasPrefix(path, "/proc/") && !strings.HasPrefix(path, "/sys/") {
			t.Errorf("its root file system holds %s", path)
		}
	}
	if err := os.WriteFile(proc+"/root/x", nil, 0o644); err == nil {
		t.Error("its root file system is writable")
	}

	// Its descriptors are the guest's streams, the mount, memory, and nothing of
	// the host besides /dev/null and the runner.
	fds, err := filepath.Glob(proc + "/fd/*")
	if err != nil || len(fds) == 0 {
		t.Fatalf("descriptors: %v, %v", fds, err)
	}
	for _, fd := range fds {
		target, err := os.Readlink(fd)
		if err != nil {
			continue
		}
		known := target == "/dev/null" || target == guestBin || target == "/"
		for _, prefix := range []string{"pipe:", "socket:", "anon_inode:", "/memfd:", "/guest"} {
			known = known || strings.HasPrefix(target, prefix)
		}
		if !known {
			t.Errorf("descriptor %s is %s", filepath.Base(fd), target)
		}
	}

	// Every namespace is its own.
	for _, ns := range []string{"user", "mnt", "pid", "net", "ipc", "uts"} {
		mine, _ := os.Readlink("/proc/self/ns/" + ns)
		its, err := os.Readlink(proc + "/ns/" + ns)
		if err != nil || its == mine {
			t.Errorf("it shares namespace %s (%s, %v)", ns, its, err)
		}
	}
}

func readStatus(t *testing.T, path string) map[string]string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	out := make(map[string]string)
	for line := range strings.Lines(string(data)) {
		if name, value, ok := strings.Cut(line, ":"); ok {
			out[name] = strings.TrimSpace(value)
		}
	}
	return out
}

// On machines without namespaces for ordinary users the second boundary is
// another one, and everything else has to hold all the same.
func TestWithinLandlockTheSameHolds(t *testing.T) {
	if reason := landlockObstacle(); reason != "" {
		t.Skip(reason)
	}
	t.Setenv(boundaryEnv, string(wire.BoundaryLandlock))
	// A temporary directory that no other test uses shows what is left behind.
	temp := t.TempDir()
	if err := os.Chmod(temp, 0o1777); err != nil {
		t.Fatal(err)
	}
	t.Setenv("TMPDIR", temp)
	for name, test := range map[string]func(*testing.T){
		"stream":       TestWhatIsWrittenToTheStreamComesBack,
		"root":         TestTheRootFileSystemHoldsNothingOfTheHost,
		"mounts":       TestMountsAreReadOnlyUnlessWritable,
		"files":        TestASingleFileCanBeMounted,
		"nested":       TestAMountInsideAnotherKeepsItsOwnAccess,
		"symlinks":     TestNeitherSymlinksNorDotDotLeaveAMount,
		"race":         TestSwappingADirectoryForASymlinkGainsNothing,
		"privileges":   TestAGuestHasNoPrivilegesNetworkOrForeignDescriptors,
		"set-ID bits":  TestNoFileOnTheHostGetsSetIDBits,
		"sockets":      TestAHostSocketInAMountCannotBeReached,
		"confinement":  TestTheGuestKernelItselfIsConfined,
		"owner's end":  TestKillingTheOwnerLeavesNothing,
		"ordinary":     TestAnOrdinaryUserCanRunGuests,
		"soft stop":    TestASoftStopReachesTheProgramAndAStubbornOneIsKilled,
		"deadline":     TestTheDeadlineEndsAGuestThatDoesNot,
		"concurrency":  TestConcurrentGuestsDoNotDisturbEachOther,
		"wrong guests": TestAGuestThatCannotBeBuiltIsAnErrorThatSaysWhy,
		"probe":        TestProbeProvesThatTheBackendWorks,
	} {
		t.Run(name, test)
	}
	g := start(t, sandbox.Spec{Command: []string{guestBin, "hello"}, Dir: "/"})
	if st := g.Wait(); len(st.Notes) != 1 || st.Notes[0] != landlockNote {
		t.Errorf("the status does not say which boundary it was: %+v", st)
	}
	if left, _ := filepath.Glob(filepath.Join(temp, "x07-guest-*")); len(left) != 0 {
		t.Errorf("state directories left: %v", left)
	}
}
