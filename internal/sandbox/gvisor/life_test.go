package gvisor

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"x07/internal/sandbox"
	"x07/internal/sandbox/gvisor/wire"
)

// ownerEnv makes the test binary a program that starts a guest as x07 would, so
// that a test can kill it or run it as somebody else.
const ownerEnv = "X07_TEST_OWNER"

// owner starts one guest in a job, reports its own progress, and waits.
func owner(deed string) {
	if deed == "fallback" {
		fallbackOwner()
	}
	fail := func(err error) {
		fmt.Println("owner failed:", err)
		os.Exit(1)
	}
	job, err := sandbox.NewJob(sandbox.JobOptions{StateRoot: os.Getenv("X07_TEST_STATE"), Backend: Name, Wall: time.Minute, Phase: "run"})
	if err != nil {
		fail(err)
	}
	fmt.Println("job")
	spec := sandbox.Spec{Command: append([]string{os.Getenv("X07_TEST_GUEST")}, strings.Fields(deed)...), Dir: "/"}
	if dir := os.Getenv("X07_TEST_MOUNT"); dir != "" {
		spec.Mounts = []sandbox.Mount{{Host: dir, Guest: "/x07/work", Writable: true}}
	}
	g, err := job.Start(context.Background(), New(Options{Sentry: os.Getenv("X07_TEST_SENTRY"), Boundary: wire.Boundary(os.Getenv(boundaryEnv))}), spec)
	if err != nil {
		job.Close()
		fail(err)
	}
	fmt.Println("started")
	out := bufio.NewReader(g.Stream())
	for {
		line, err := out.ReadString('\n')
		if err != nil {
			break
		}
		fmt.Print("guest: ", line)
	}
	st := g.Wait()
	if st.Err != nil {
		fail(st.Err)
	}
	fmt.Println("code", st.Code)
	if err := job.Close(); err != nil {
		fail(err)
	}
	os.Exit(0)
}

// fallbackOwner lets this user namespace have one namespace below it, uses that up
// for one guest, and starts another.
func fallbackOwner() {
	fail := func(err error) {
		fmt.Println("owner failed:", err)
		os.Exit(1)
	}
	if err := os.WriteFile("/proc/sys/user/max_user_namespaces", []byte("1"), 0); err != nil {
		fail(err)
	}
	b := New(Options{Sentry: os.Getenv("X07_TEST_SENTRY")})
	spec := sandbox.Spec{Command: []string{os.Getenv("X07_TEST_GUEST"), "echo"}, Dir: "/"}
	var guests []sandbox.Guest
	for range 2 {
		g, err := b.Start(context.Background(), spec)
		if err != nil {
			fail(err)
		}
		guests = append(guests, g)
	}
	for _, g := range guests {
		g.Stream().Close()
		st := g.Wait()
		fmt.Println(st.Code, st.Err, st.Notes)
	}
	os.Exit(0)
}

// Settings that look right do not always mean that namespaces can be had.
func TestARefusedNamespaceLeadsToLandlockAndIsSaid(t *testing.T) {
	if reason := landlockObstacle(); reason != "" {
		t.Skip(reason)
	}
	cmd := ownerCommand(t, t.TempDir(), "fallback")
	id := []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Geteuid(), Size: 1}}
	gid := []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getegid(), Size: 1}}
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWUSER, UidMappings: id, GidMappings: gid}
	out, err := cmd.Output()
	want := "0 <nil> []\n0 <nil> [" + landlockNote + "]\n"
	if err != nil || string(out) != want {
		t.Errorf("got %q, %v; want %q", out, err, want)
	}
}

// ownerCommand returns the command of an owner.
func ownerCommand(t *testing.T, state, deed string) *exec.Cmd {
	t.Helper()
	cmd := exec.Command(filepath.Join(filepath.Dir(sentryBin), "owner"))
	cmd.Env = []string{ownerEnv + "=" + deed, "X07_TEST_STATE=" + state, "X07_TEST_GUEST=" + guestBin, "X07_TEST_SENTRY=" + sentryBin, boundaryEnv + "=" + os.Getenv(boundaryEnv)}
	cmd.Stderr = os.Stderr
	return cmd
}

// Killing x07 at any moment leaves no process behind, and the next job removes
// the dead one's directory.
func TestKillingTheOwnerLeavesNothing(t *testing.T) {
	for i := range 10 {
		state := t.TempDir()
		cmd := ownerCommand(t, state, "stubborn")
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		// Early kills hit the start of the guest, late ones a running guest.
		if i < 9 {
			bufio.NewReader(out).ReadString('\n') // "job"
			time.Sleep(time.Duration(i) * 9 * time.Millisecond)
		} else {
			for line := ""; line != "guest: ready\n"; {
				if line, err = readLine(out); err != nil {
					t.Fatalf("owner ended early: %v", err)
				}
			}
		}
		cmd.Process.Kill()
		cmd.Wait()
		waitForNoProcess(t)
		left, _ := os.ReadDir(state)
		if len(left) != 1 {
			t.Errorf("kill %d: %d job directories, want the dead one's", i, len(left))
		}
		// A process on its way out may hold the lock a moment longer than its name.
		deadline := time.Now().Add(2 * time.Second)
		for len(left) > 0 && time.Now().Before(deadline) {
			sandbox.Sweep(state)
			left, _ = os.ReadDir(state)
		}
		if len(left) != 0 {
			t.Errorf("kill %d: the sweep left %v", i, left)
		}
	}
	mounts, err := os.ReadFile("/proc/self/mounts")
	// Other tests may mount things of their own meanwhile.
	own := filepath.Dir(t.TempDir())
	if err != nil || bytes.Contains(mounts, []byte(own+"/")) || bytes.Contains(mounts, []byte(" /x07/")) || bytes.Contains(mounts, []byte("\nx07 ")) {
		t.Errorf("mounts of the sandbox in the host's table (error %v):\n%s", err, mounts)
	}
}

// readLine reads a line byte by byte, so that nothing is lost in a buffer.
func readLine(r interface{ Read([]byte) (int, error) }) (string, error) {
	var line []byte
	for {
		b := make([]byte, 1)
		if _, err := r.Read(b); err != nil {
			return "", err
		}
		line = append(line, b[0])
		if b[0] == '\n' {
			return string(line), nil
		}
	}
}

// waitForNoProcess waits until no process of the sandboxes exists any more. The
// kernel kills them at once, but it takes a moment until they are gone.
func waitForNoProcess(t *testing.T) {
	t.Helper()
	deadline := time.Now().Add(5 * time.Second)
	for {
		found := processes(t)
		if len(found) == 0 {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("still running: %v", found)
		}
		time.Sleep(2 * time.Millisecond)
	}
}

// processes lists the processes that run this test's x07-sentry; the guest's
// processes are forks of it and carry its executable too.
func processes(t *testing.T) []string {
	t.Helper()
	entries, err := os.ReadDir("/proc")
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	for _, e := range entries {
		if _, err := strconv.Atoi(e.Name()); err != nil {
			continue
		}
		if exe, _ := os.Readlink("/proc/" + e.Name() + "/exe"); strings.HasPrefix(exe, filepath.Dir(sentryBin)) {
			found = append(found, e.Name()+" "+exe)
		}
	}
	return found
}

func TestAnOrdinaryUserCanRunGuests(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("every other test runs as an ordinary user already")
	}
	// Not 65534: that is also how the ids of all others read in his namespace.
	const user, group = 60001, 4242
	ordinary := &syscall.Credential{Uid: user, Gid: user, Groups: []uint32{user, group}}
	mine, roots := t.TempDir(), t.TempDir()
	for path := mine; path != "/"; path = filepath.Dir(path) {
		if info, err := os.Stat(path); err == nil && info.Mode().Perm()&0o005 != 0o005 && strings.Contains(path, "Test") {
			os.Chmod(path, 0o755)
		}
	}
	os.Chown(mine, user, user)
	os.WriteFile(filepath.Join(roots, "secret"), []byte("root's"), 0o600)
	os.Chmod(roots, 0o700)
	work := filepath.Join(mine, "work")
	os.Mkdir(work, 0o755)
	os.Chown(work, user, user)
	state := filepath.Join(mine, "state")

	run := func(mount, deed string) string {
		t.Helper()
		cmd := ownerCommand(t, state, deed)
		cmd.Dir = "/"
		cmd.Env = append(cmd.Env, "X07_TEST_MOUNT="+mount)
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: ordinary}
		out, _ := cmd.Output()
		return string(out)
	}
	if out := run(work, "id"); !strings.Contains(out, "guest: 60001 60001 1 0\n") || !strings.Contains(out, "code 0\n") {
		t.Errorf("id: got %q", out)
	}
	if out := run(work, "write /x07/work/file hello"); !strings.Contains(out, "code 0\n") {
		t.Errorf("write: got %q", out)
	}
	info, err := os.Stat(filepath.Join(work, "file"))
	if err != nil || info.Sys().(*syscall.Stat_t).Uid != user {
		t.Errorf("the file a guest wrote does not belong to its user: %v, %v", info, err)
	}
	if out := run(roots, "read /x07/work/secret"); strings.Contains(out, "root's") || strings.Contains(out, "code 0\n") {
		t.Errorf("read of root's file: got %q", out)
	}
	// What is his by a supplementary group is his in a guest too.
	shared := filepath.Join(work, "shared")
	os.WriteFile(shared, []byte("group's"), 0o060)
	os.Chown(shared, 0, group)
	os.Chmod(shared, 0o060)
	if out := run(work, "read /x07/work/shared"); !strings.Contains(out, "group's") && !strings.Contains(out, "code 0\n") {
		t.Errorf("read of the group's file: got %q", out)
	}
	if left, err := os.ReadDir(state); err != nil || len(left) != 0 {
		t.Errorf("job directories left: %v, %v", left, err)
	}
}

func TestTheDeadlineEndsAGuestThatDoesNot(t *testing.T) {
	for _, deed := range []string{"stubborn", "spin", "sleep"} {
		job, err := sandbox.NewJob(sandbox.JobOptions{StateRoot: t.TempDir(), Backend: Name, Wall: 400 * time.Millisecond, Phase: "run"})
		if err != nil {
			t.Fatal(err)
		}
		g, err := job.Start(t.Context(), backend(t), sandbox.Spec{Command: []string{guestBin, deed}, Dir: "/"})
		if err != nil {
			t.Fatal(err)
		}
		st := g.Wait()
		late := time.Since(job.Times.Hard)
		if st.Limit != "limits.wall_ms" || st.Code == 0 || st.Err != nil {
			t.Errorf("%s: got %+v", deed, st)
		}
		if late > 5*time.Second {
			t.Errorf("%s: ended %v after the deadline", deed, late)
		}
		job.Close()
	}
	waitForNoProcess(t)
}

// A stopped x07 keeps no deadline; the guest kernel then does.
func TestAGuestDoesNotOutliveAStoppedOwnerForLong(t *testing.T) {
	begin := time.Now()
	_, st := do(t, sandbox.Spec{Limits: sandbox.Limits{Wall: 100 * time.Millisecond}}, "stubborn")
	if st.Limit != "limits.wall_ms" || st.Code != 137 {
		t.Errorf("got %+v", st)
	}
	if d := time.Since(begin); d > 30*time.Second {
		t.Errorf("it took %v", d)
	}
}
