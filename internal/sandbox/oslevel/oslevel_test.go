//go:build linux

package oslevel

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	ll "github.com/landlock-lsm/go-landlock/landlock/syscall"

	"x07/internal/sandbox"
)

var guestBin string

// ownerEnv makes the test binary a program that starts one guest and waits.
const ownerEnv = "X07_TEST_OWNER"

func TestMain(m *testing.M) {
	if deed := os.Getenv(ownerEnv); deed != "" {
		owner(strings.Fields(deed))
	}
	dir, err := os.MkdirTemp("", "x07-oslevel-test-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Chmod(dir, 0o755)
	guestBin = filepath.Join(dir, "testguest")
	cmd := exec.Command("go", "build", "-o", guestBin, "x07/internal/sandbox/internal/testguest")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "build test guest: %v\n%s", err, out)
		os.Exit(1)
	}
	data, err := os.ReadFile("/proc/self/exe")
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, "owner"), data, 0o755)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	code := m.Run()
	os.RemoveAll(dir)
	os.Exit(code)
}

// owner is what an ordinary user's x07 would be.
func owner(deed []string) {
	spec := sandbox.Spec{Command: append([]string{os.Getenv("X07_TEST_GUEST")}, deed...), Dir: "/"}
	if os.Getenv("X07_TEST_EXEC") != "" {
		spec.Exec = []string{spec.Command[0]}
	}
	g, err := New().Start(context.Background(), spec)
	if err != nil {
		fmt.Println("owner failed:", err)
		os.Exit(1)
	}
	go io.Copy(os.Stdout, g.Stream())
	st := g.Wait()
	fmt.Println("code", st.Code)
	os.Exit(0)
}

func do(t *testing.T, spec sandbox.Spec, deed ...string) (string, sandbox.ExitStatus) {
	t.Helper()
	spec.Command = append([]string{guestBin}, deed...)
	if spec.Dir == "" {
		spec.Dir = "/"
	}
	g, err := New().Start(t.Context(), spec)
	if err != nil {
		t.Fatalf("start: %v", err)
	}
	t.Cleanup(func() { g.Kill(); g.Wait() })
	out, err := io.ReadAll(g.Stream())
	if err != nil {
		t.Fatal(err)
	}
	st := g.Wait()
	if st.Err != nil {
		t.Fatalf("guest failed: %v", st.Err)
	}
	return string(out), st
}

// needLandlock skips a test on a kernel that lacks the version of Landlock it is about.
func needLandlock(t *testing.T, version int) {
	t.Helper()
	if v, err := ll.LandlockGetABIVersion(); err != nil || v < version {
		t.Skipf("this kernel has Landlock version %d (%v), the test needs %d", v, err, version)
	}
}

func TestAGuestSaysHelloAndItsExitCodeIsKept(t *testing.T) {
	if out, st := do(t, sandbox.Spec{}, "hello"); out != "hello\n" || st.Code != 0 {
		t.Errorf("hello: got %q, %+v", out, st)
	}
	if _, st := do(t, sandbox.Spec{}, "exit", "9"); st.Code != 9 {
		t.Errorf("exit 9: got %+v", st)
	}
}

func TestTheStreamCarriesBytesBothWays(t *testing.T) {
	g, err := New().Start(t.Context(), sandbox.Spec{Command: []string{guestBin, "echo"}, Dir: "/"})
	if err != nil {
		t.Fatal(err)
	}
	want := strings.Repeat("x07 ", 1<<16)
	go func() {
		io.WriteString(g.Stream(), want)
		g.Stream().(interface{ CloseWrite() error }).CloseWrite()
	}()
	got, err := io.ReadAll(g.Stream())
	if err != nil || string(got) != want {
		t.Fatalf("got %d bytes, %v", len(got), err)
	}
	if st := g.Wait(); st.Code != 0 {
		t.Fatalf("got %+v", st)
	}
}

func TestARunnerThatDoesNotConfineItselfIsKilled(t *testing.T) {
	_, err := New().Start(t.Context(), sandbox.Spec{Command: []string{guestBin, "unconfined"}, Dir: "/"})
	if err == nil || !strings.Contains(err.Error(), "without confining itself") {
		t.Fatalf("got %v", err)
	}
}

func TestARootThatDoesNotExistStopsTheStart(t *testing.T) {
	needLandlock(t, 1)
	_, err := New().Start(t.Context(), sandbox.Spec{Command: []string{guestBin, "hello"}, Dir: "/", Mounts: []sandbox.Mount{{Host: "/no/such/root"}}})
	if err == nil || !strings.Contains(err.Error(), "/no/such/root") {
		t.Fatalf("got %v", err)
	}
}

func TestTheEnvironmentIsExactlyWhatTheSpecGives(t *testing.T) {
	t.Setenv("X07_TEST_SECRET", "host")
	if out, _ := do(t, sandbox.Spec{Env: []string{"A=1"}}, "env"); out != "A=1\n" {
		t.Fatalf("got %q", out)
	}
}

func TestOnlyTheRootsAreInReach(t *testing.T) {
	needLandlock(t, 3)
	ro, rw, other := t.TempDir(), t.TempDir(), t.TempDir()
	for _, dir := range []string{ro, rw, other} {
		os.WriteFile(filepath.Join(dir, "file"), []byte("text"), 0o644)
	}
	os.Symlink(filepath.Join(other, "file"), filepath.Join(rw, "link"))
	spec := sandbox.Spec{Mounts: []sandbox.Mount{{Host: ro}, {Host: rw, Writable: true}}}
	for _, deed := range []string{"read " + ro + "/file", "read " + rw + "/file", "write " + rw + "/new x", "mkdir " + rw + "/dir", "rename " + rw + "/new " + rw + "/dir/new", "list " + ro} {
		if out, st := do(t, spec, strings.Fields(deed)...); st.Code != 0 {
			t.Errorf("%s failed: %q", deed, out)
		}
	}
	for _, deed := range []string{
		"write " + ro + "/file x", "write " + ro + "/new x", "mkdir " + ro + "/dir", "remove " + ro + "/file", "truncate " + ro + "/file",
		"read " + other + "/file", "write " + other + "/new x", "list " + other, "truncate " + other + "/file",
		"read " + rw + "/link", "read " + rw + "/../../etc/passwd", "read /etc/passwd", "read /proc/1/environ", "list /proc", "read /proc/self/environ",
		"rename " + rw + "/file " + other + "/stolen", "rename " + ro + "/file " + rw + "/stolen",
	} {
		if out, st := do(t, spec, strings.Fields(deed)...); st.Code == 0 {
			t.Errorf("%s succeeded: %q", deed, out)
		}
	}
}

func TestNoFileGetsSetIDBits(t *testing.T) {
	dir := t.TempDir()
	spec := sandbox.Spec{Mounts: []sandbox.Mount{{Host: dir, Writable: true}}}
	for _, mode := range []string{"4755", "2755", "6777"} {
		for _, deed := range []string{"chmod", "create", "mkdirmode"} {
			path := filepath.Join(dir, deed+mode)
			if deed == "chmod" {
				os.WriteFile(path, nil, 0o644)
			}
			out, st := do(t, spec, deed, path, mode)
			info, err := os.Stat(path)
			if st.Code == 0 || err == nil && info.Mode()&(os.ModeSetuid|os.ModeSetgid) != 0 {
				t.Errorf("%s %s succeeded: %v (%s)", deed, mode, info.Mode(), out)
			}
		}
	}
	if out, st := do(t, spec, "create", filepath.Join(dir, "plain"), "755"); st.Code != 0 {
		t.Errorf("a plain create failed: %q", out)
	}
}

func TestNeitherPrivilegesNorOtherProcessesNorTheNetworkAreInReach(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	path := filepath.Join(t.TempDir(), "socket")
	u, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer u.Close()
	self := strconv.Itoa(os.Getpid())
	for _, deed := range []string{
		"mknod /tmp/x07-zero", "mount /tmp", "unshare", "setsid", "ptrace " + self, "kill " + self,
		"dial tcp " + l.Addr().String(), "dial udp 127.0.0.1:53", "dial unix " + path, "listen tcp 127.0.0.1:0",
		"run /bin/true", "run " + guestBin + " hello",
	} {
		if out, st := do(t, sandbox.Spec{Mounts: []sandbox.Mount{{Host: filepath.Dir(path), Writable: true}}}, strings.Fields(deed)...); st.Code == 0 {
			t.Errorf("%s succeeded: %q", deed, out)
		}
	}
}

func TestOnlyListedPortsAndProgramsAreInReach(t *testing.T) {
	needLandlock(t, 4)
	allowed, denied := listen(t), listen(t)
	spec := sandbox.Spec{Ports: sandbox.Ports{Connect: []uint16{port(allowed)}}, Exec: []string{filepath.Join(t.TempDir(), "not-built-yet"), guestBin}}
	if out, st := do(t, spec, "dial", "tcp4", allowed.Addr().String()); st.Code != 0 {
		t.Errorf("dial of a listed port failed: %q", out)
	}
	if out, st := do(t, spec, "run", guestBin, "hello"); st.Code != 0 || out != "hello\n" {
		t.Errorf("run of a listed program: got %q, %+v", out, st)
	}
	for _, deed := range []string{"dial tcp4 " + denied.Addr().String(), "dial udp " + allowed.Addr().String(), "listen tcp4 127.0.0.1:0", "run /bin/ls"} {
		if out, st := do(t, spec, strings.Fields(deed)...); st.Code == 0 {
			t.Errorf("%s succeeded: %q", deed, out)
		}
	}
}

func TestLimitsHold(t *testing.T) {
	exec := []string{guestBin}
	for _, c := range []struct {
		name   string
		limits sandbox.Limits
		exec   []string
		deed   []string
		limit  string
	}{
		{"memory", sandbox.Limits{MemBytes: 64 << 20}, nil, []string{"memory", "4000"}, "limits.mem_bytes"},
		{"processor time", sandbox.Limits{CPU: time.Second}, nil, []string{"spin"}, ""},
		{"open files", sandbox.Limits{FDs: 32}, nil, []string{"files", "/dev/null", "100"}, ""},
		{"processes", sandbox.Limits{Procs: 60}, exec, []string{"fork", "200", guestBin}, "limits.procs"},
	} {
		_, st := do(t, sandbox.Spec{Limits: c.limits, Exec: c.exec}, c.deed...)
		if st.Code == 0 || c.limit != "" && st.Limit != c.limit {
			t.Errorf("%s: got %+v", c.name, st)
		}
	}
}

func TestASoftStopReachesTheProgramAndAStubbornOneIsKilled(t *testing.T) {
	for deed, want := range map[string]int{"polite": 7, "stubborn": 137} {
		g, err := New().Start(t.Context(), sandbox.Spec{Command: []string{guestBin, deed}, Dir: "/"})
		if err != nil {
			t.Fatal(err)
		}
		if line, err := bufio.NewReader(g.Stream()).ReadString('\n'); line != "ready\n" {
			t.Fatalf("%s: got %q, %v", deed, line, err)
		}
		g.Stop(100 * time.Millisecond)
		if st := g.Wait(); st.Code != want {
			t.Errorf("%s: got %+v, want code %d", deed, st, want)
		}
	}
}

func TestKillingTheOwnerKillsTheGuestAndWhatItStarted(t *testing.T) {
	credentials := []*syscall.Credential{nil}
	if os.Geteuid() == 0 {
		credentials = append(credentials, &syscall.Credential{Uid: 65534, Gid: 65534})
	}
	for _, who := range credentials {
		cmd := exec.Command(filepath.Join(filepath.Dir(guestBin), "owner"))
		cmd.Dir = "/"
		cmd.Env = []string{ownerEnv + "=forkwait 3 " + guestBin, "X07_TEST_GUEST=" + guestBin, "X07_TEST_EXEC=1"}
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: who}
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		line, err := bufio.NewReader(out).ReadString('\n')
		if line != "started 3\n" {
			t.Fatalf("as %+v: got %q, %v", who, line, err)
		}
		cmd.Process.Kill()
		cmd.Wait()
		deadline := time.Now().Add(5 * time.Second)
		for len(guests(t)) > 0 {
			if time.Now().After(deadline) {
				t.Fatalf("as %+v: still running: %v", who, guests(t))
			}
			time.Sleep(2 * time.Millisecond)
		}
	}
}

// guests lists the processes that run the test guest.
func guests(t *testing.T) []string {
	t.Helper()
	entries, err := os.ReadDir("/proc")
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	for _, e := range entries {
		if exe, _ := os.Readlink("/proc/" + e.Name() + "/exe"); exe == guestBin {
			found = append(found, e.Name())
		}
	}
	return found
}

func listen(t *testing.T) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

func port(l net.Listener) uint16 { return uint16(l.Addr().(*net.TCPAddr).Port) }
