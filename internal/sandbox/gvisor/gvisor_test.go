package gvisor

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"x07/internal/sandbox"
)

func TestAGuestSaysHello(t *testing.T) {
	out, st := do(t, sandbox.Spec{}, "hello")
	if out != "hello\n" || st.Code != 0 {
		t.Fatalf("got %q, status %+v", out, st)
	}
}

func TestWhatIsWrittenToTheStreamComesBack(t *testing.T) {
	g := start(t, sandbox.Spec{Command: []string{guestBin, "echo"}, Dir: "/"})
	want := strings.Repeat("x07 ", 1<<18)
	go func() {
		io.WriteString(g.Stream(), want)
		g.Stream().(interface{ CloseWrite() error }).CloseWrite()
	}()
	got, err := io.ReadAll(g.Stream())
	if err != nil || string(got) != want {
		t.Fatalf("got %d bytes, error %v; want %d", len(got), err, len(want))
	}
}

func TestClosingTheStreamInterruptsARead(t *testing.T) {
	g := start(t, sandbox.Spec{Command: []string{guestBin, "echo"}, Dir: "/"})
	read := make(chan error)
	go func() {
		_, err := g.Stream().Read(make([]byte, 1))
		read <- err
	}()
	if _, err := io.WriteString(g.Stream(), "x"); err != nil {
		t.Fatal(err)
	}
	if err := <-read; err != nil {
		t.Fatal(err)
	}
	go func() {
		_, err := g.Stream().Read(make([]byte, 1))
		read <- err
	}()
	// Whether Close comes before or during the Read, the Read must end.
	if err := g.Stream().Close(); err != nil {
		t.Error(err)
	}
	if err := <-read; err == nil {
		t.Error("the read succeeded")
	}
}

func TestTheExitCodeIsTheGuests(t *testing.T) {
	for _, code := range []string{"0", "3", "125", "255"} {
		if _, st := do(t, sandbox.Spec{}, "exit", code); fmt.Sprint(st.Code) != code || st.Signal != 0 {
			t.Errorf("exit %s: got %+v", code, st)
		}
	}
}

func TestDiagnosticsAreKeptUpToTheCap(t *testing.T) {
	_, st := do(t, sandbox.Spec{StderrBytes: 1000}, "stderr", "300000")
	if len(st.Stderr) != 1000 {
		t.Fatalf("kept %d bytes, want 1000", len(st.Stderr))
	}
}

func TestTheEnvironmentIsExactlyWhatTheSpecGives(t *testing.T) {
	t.Setenv("X07_TEST_SECRET", "host")
	out, _ := do(t, sandbox.Spec{Env: []string{"A=1", "B=two words"}}, "env")
	got := strings.Split(strings.TrimSpace(out), "\n")
	slices.Sort(got)
	// gVisor adds HOME, as it does for every container.
	if want := []string{"A=1", "B=two words", "HOME=/"}; !slices.Equal(got, want) {
		t.Fatalf("got %q, want %q", got, want)
	}
}

func TestTheRootFileSystemHoldsNothingOfTheHost(t *testing.T) {
	out, _ := do(t, sandbox.Spec{}, "list", "/x07", "/tmp")
	if out != "/x07\n/x07/bin\n/x07/work\n/tmp\n" {
		t.Fatalf("got %q", out)
	}
	for _, path := range []string{"/etc/passwd", "/root", "/home", "/usr", "/bin/sh", "/proc/kcore", "/dev/kvm", "/dev/mem", "/guest", "/proc/1/root/etc/passwd"} {
		out, st := do(t, sandbox.Spec{}, "read", path)
		if st.Code == 0 || !strings.Contains(out, "error") {
			t.Errorf("read %s: got %q, status %+v", path, out, st)
		}
	}
}

func TestTheRootFileSystemIsReadOnly(t *testing.T) {
	for _, path := range []string{"/file", "/x07/file", "/x07/bin/file", "/x07/work/file", "/etc"} {
		out, st := do(t, sandbox.Spec{}, "write", path, "x")
		if st.Code == 0 {
			t.Errorf("write %s succeeded: %q", path, out)
		}
	}
	if out, st := do(t, sandbox.Spec{}, "write", "/tmp/file", "x"); st.Code != 0 {
		t.Errorf("write to the private /tmp failed: %q", out)
	}
}

func TestMountsAreReadOnlyUnlessWritable(t *testing.T) {
	ro, rw := t.TempDir(), t.TempDir()
	os.WriteFile(filepath.Join(ro, "in"), []byte("in"), 0o644)
	os.WriteFile(filepath.Join(rw, "old"), []byte("old"), 0o644)
	spec := sandbox.Spec{Mounts: []sandbox.Mount{
		{Host: ro, Guest: "/x07/work/ro"},
		{Host: rw, Guest: "/x07/work/rw", Writable: true},
	}}
	if out, _ := do(t, spec, "read", "/x07/work/ro/in"); out != "in" {
		t.Errorf("read from the read-only mount: got %q", out)
	}
	for _, deed := range [][]string{
		{"write", "/x07/work/ro/in", "changed"},
		{"write", "/x07/work/ro/new", "new"},
		{"mkdir", "/x07/work/ro/dir"},
		{"remove", "/x07/work/ro/in"},
		{"rename", "/x07/work/ro/in", "/x07/work/ro/out"},
		{"link", "/x07/work/ro/in", "/x07/work/ro/link"},
		{"chmod", "/x07/work/ro/in", "777"},
	} {
		if out, st := do(t, spec, deed...); st.Code == 0 {
			t.Errorf("%v on a read-only mount succeeded: %q", deed, out)
		}
	}
	if got := tree(t, ro); got != "in" {
		t.Errorf("the read-only root now holds %q", got)
	}
	for _, deed := range [][]string{
		{"write", "/x07/work/rw/new", "new"},
		{"mkdir", "/x07/work/rw/dir/sub"},
		{"rename", "/x07/work/rw/old", "/x07/work/rw/dir/renamed"},
		{"remove", "/x07/work/rw/dir/renamed"},
	} {
		if out, st := do(t, spec, deed...); st.Code != 0 {
			t.Errorf("%v on a writable mount failed: %q", deed, out)
		}
	}
	if got := tree(t, rw); got != "dir dir/sub new" {
		t.Errorf("the writable root now holds %q", got)
	}
}

func TestASingleFileCanBeMounted(t *testing.T) {
	dir := t.TempDir()
	ro, rw := filepath.Join(dir, "ro"), filepath.Join(dir, "rw")
	os.WriteFile(ro, []byte("read me"), 0o644)
	os.WriteFile(rw, []byte("write me"), 0o644)
	spec := sandbox.Spec{Mounts: []sandbox.Mount{{Host: ro, Guest: "/x07/work/ro.txt"}, {Host: rw, Guest: "/x07/work/rw.txt", Writable: true}}}
	if out, _ := do(t, spec, "read", "/x07/work/ro.txt"); out != "read me" {
		t.Errorf("read: got %q", out)
	}
	if out, st := do(t, spec, "write", "/x07/work/ro.txt", "no"); st.Code == 0 {
		t.Errorf("write to a read-only file succeeded: %q", out)
	}
	if out, st := do(t, spec, "write", "/x07/work/rw.txt", "done"); st.Code != 0 {
		t.Errorf("write to a writable file failed: %q", out)
	}
	if got, _ := os.ReadFile(rw); string(got) != "done" {
		t.Errorf("the writable file holds %q", got)
	}
}

func TestAMountInsideAnotherKeepsItsOwnAccess(t *testing.T) {
	dir := t.TempDir()
	os.Mkdir(filepath.Join(dir, "out"), 0o755)
	spec := sandbox.Spec{Mounts: []sandbox.Mount{
		{Host: dir, Guest: "/x07/work"},
		{Host: filepath.Join(dir, "out"), Guest: "/x07/work/out", Writable: true},
	}}
	if out, st := do(t, spec, "write", "/x07/work/file", "x"); st.Code == 0 {
		t.Errorf("write to the read-only outer mount succeeded: %q", out)
	}
	if out, st := do(t, spec, "write", "/x07/work/out/file", "x"); st.Code != 0 {
		t.Errorf("write to the writable inner mount failed: %q", out)
	}
}

// A symlink in a root that points out of it means the guest's path, not the
// host's, and there is nothing there.
func TestNeitherSymlinksNorDotDotLeaveAMount(t *testing.T) {
	secret := filepath.Join(t.TempDir(), "secret")
	os.WriteFile(secret, []byte("secret"), 0o644)
	dir := t.TempDir()
	os.Symlink(secret, filepath.Join(dir, "abs"))
	os.Symlink("/etc", filepath.Join(dir, "etc"))
	os.Symlink("../../../../../../../../etc/passwd", filepath.Join(dir, "rel"))
	os.Symlink("/proc/1/root/etc/passwd", filepath.Join(dir, "proc"))
	spec := sandbox.Spec{Mounts: []sandbox.Mount{{Host: dir, Guest: "/x07/work", Writable: true}}}
	for _, path := range []string{"abs", "etc/passwd", "rel", "proc", "../../../../../../../../../../" + secret, "../../../../etc/passwd"} {
		if out, st := do(t, spec, "read", "/x07/work/"+path); st.Code == 0 {
			t.Errorf("read of %s gave %q", path, out)
		}
	}
}

func TestAGuestHasNoPrivilegesNetworkOrForeignDescriptors(t *testing.T) {
	out, _ := do(t, sandbox.Spec{}, "status")
	caps := "0000000000000000"
	if os.Geteuid() == 0 {
		caps = fmt.Sprintf("%016x", 1<<1|1<<2|1<<3) // over files of other users only
	}
	for _, line := range []string{"CapInh:\t0000000000000000\n", "CapPrm:\t" + caps + "\n", "CapEff:\t" + caps + "\n"} {
		if !strings.Contains(out, line) {
			t.Errorf("%q is not in the guest's status:\n%s", line, out)
		}
	}
	if out, _ := do(t, sandbox.Spec{}, "interfaces"); out != "interfaces 0\n" {
		t.Errorf("interfaces: got %q", out)
	}
	for _, deed := range [][]string{
		{"dial", "tcp", "127.0.0.1:22"}, {"dial", "tcp", "8.8.8.8:53"}, {"dial", "udp", "8.8.8.8:53"},
		{"dial", "unix", "/run/docker.sock"}, {"dial", "unix", "@/tmp/.X11-unix/X0"},
		{"mount", "/tmp"}, {"unshare"},
	} {
		if out, st := do(t, sandbox.Spec{}, deed...); st.Code == 0 && deed[1] != "udp" {
			t.Errorf("%v succeeded: %q", deed, out)
		}
	}
	out, _ = do(t, sandbox.Spec{}, "fds")
	var fds []string
	for _, path := range strings.Fields(out) {
		fds = append(fds, filepath.Base(path))
	}
	// Besides the standard streams there are only what the Go runtime and the
	// listing itself open.
	if len(fds) < 4 || len(fds) > 7 {
		t.Errorf("descriptors: %v", fds)
	}
}

// What a guest leaves behind must not carry its user's rights to others.
func TestNoFileOnTheHostGetsSetIDBits(t *testing.T) {
	dir := t.TempDir()
	spec := sandbox.Spec{Mounts: []sandbox.Mount{{Host: dir, Guest: "/x07/work", Writable: true}}}
	for _, mode := range []string{"4755", "2755", "6777"} {
		for _, deed := range []string{"chmod", "create", "mkdirmode"} {
			path := deed + mode
			if deed == "chmod" {
				os.WriteFile(filepath.Join(dir, path), nil, 0o644)
			}
			out, _ := do(t, spec, deed, "/x07/work/"+path, mode)
			if info, err := os.Stat(filepath.Join(dir, path)); err == nil && info.Mode()&(os.ModeSetuid|os.ModeSetgid) != 0 {
				t.Errorf("%s %s: the host has %v (%s)", deed, mode, info.Mode(), out)
			}
		}
	}
	os.WriteFile(filepath.Join(dir, "plain"), nil, 0o600)
	if out, st := do(t, spec, "chmod", "/x07/work/plain", "755"); st.Code != 0 {
		t.Errorf("a plain chmod failed: %q", out)
	}
}

func TestAGuestSeesNoProcessButItsOwn(t *testing.T) {
	out, _ := do(t, sandbox.Spec{}, "processes")
	if out != "1\n" {
		t.Errorf("processes: got %q", out)
	}
	for _, deed := range []string{"kill", "ptrace"} {
		if out, st := do(t, sandbox.Spec{}, deed, strconv.Itoa(os.Getpid())); st.Code == 0 {
			t.Errorf("%s of this process succeeded: %q", deed, out)
		}
	}
	t.Setenv("X07_TEST_SECRET", "host")
	if out, _ := do(t, sandbox.Spec{}, "read", "/proc/1/environ"); strings.Contains(out, "SECRET") {
		t.Errorf("the environment of process 1: got %q", out)
	}
}

func TestAHostSocketInAMountCannotBeReached(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "s")
	l := listenUnix(t, path)
	defer l.Close()
	spec := sandbox.Spec{Mounts: []sandbox.Mount{{Host: dir, Guest: "/x07/work", Writable: true}}}
	if out, st := do(t, spec, "dial", "unix", "/x07/work/s"); st.Code == 0 {
		t.Errorf("dial of a host socket succeeded: %q", out)
	}
	do(t, spec, "listen", "unix", "/x07/work/new")
	if _, err := os.Lstat(filepath.Join(dir, "new")); err == nil {
		t.Error("the guest made a socket on the host")
	}
}

// A path component that is swapped for a symlink between the guest's check and
// its use still means the guest's path.
func TestSwappingADirectoryForASymlinkGainsNothing(t *testing.T) {
	root, outside := t.TempDir(), t.TempDir()
	os.WriteFile(filepath.Join(outside, "file"), []byte("secret"), 0o644)
	real, link, path := filepath.Join(root, "real"), filepath.Join(root, "link"), filepath.Join(root, "path")
	os.Mkdir(real, 0o755)
	os.WriteFile(filepath.Join(real, "file"), []byte("open"), 0o644)
	os.Symlink(outside, link)
	stop := make(chan struct{})
	var swapper sync.WaitGroup
	swapper.Add(1)
	go func() {
		defer swapper.Done()
		for {
			select {
			case <-stop:
				return
			default:
			}
			os.Rename(real, path)
			os.Rename(path, real)
			os.Rename(link, path)
			os.Rename(path, link)
		}
	}()
	out, st := do(t, sandbox.Spec{Mounts: []sandbox.Mount{{Host: root, Guest: "/x07/work"}}}, "race", "/x07/work/path/file", "3000", "secret")
	close(stop)
	swapper.Wait()
	if out != "read true hits 0\n" || st.Code != 0 {
		t.Errorf("got %q, %+v", out, st)
	}
}

func TestRootsProgramsCanUseFilesOfOtherUsersBelowTheMounts(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root can")
	}
	dir := t.TempDir()
	if err := os.Chown(dir, 1234, 1234); err != nil {
		t.Fatal(err)
	}
	spec := sandbox.Spec{Mounts: []sandbox.Mount{{Host: dir, Guest: "/x07/work", Writable: true}}}
	if out, st := do(t, spec, "write", "/x07/work/file", "x"); st.Code != 0 {
		t.Errorf("write: got %q", out)
	}
	if out, st := do(t, spec, "mknod", "/x07/work/zero"); st.Code == 0 {
		t.Errorf("a device was made on the host: %q", out)
	}
}

func TestMemoryOfTheGuestKernelCountsAsTheGuests(t *testing.T) {
	_, st := do(t, sandbox.Spec{Limits: sandbox.Limits{MemBytes: 96 << 20}}, "pipes", "4000")
	if st.Code == 0 || st.Limit != "limits.mem_bytes" {
		t.Errorf("got %+v", st)
	}
}

func TestMemoryIsCapped(t *testing.T) {
	limits := sandbox.Limits{MemBytes: 96 << 20}
	if out, st := do(t, sandbox.Spec{Limits: limits}, "memory", "40"); st.Code != 0 || out != "got 40\n" {
		t.Errorf("within the limit: got %q, %+v", out, st)
	}
	for _, deed := range [][]string{{"memory", "4000"}, {"fill", "/tmp/big", "4000"}} {
		_, st := do(t, sandbox.Spec{Limits: limits}, deed...)
		if st.Code == 0 {
			t.Errorf("%v beyond the limit succeeded", deed)
		}
		if deed[0] == "memory" && (st.Limit != "limits.mem_bytes" || st.Code != 137) {
			t.Errorf("%v: got %+v", deed, st)
		}
	}
}

func TestProcessorTimeIsCapped(t *testing.T) {
	begin := time.Now()
	_, st := do(t, sandbox.Spec{Limits: sandbox.Limits{CPU: 300 * time.Millisecond}}, "spin")
	if st.Code == 0 || st.Limit != "limits.cpu_ms" && st.Signal == 0 {
		t.Errorf("got %+v", st)
	}
	if d := time.Since(begin); d > 20*time.Second {
		t.Errorf("it took %v to stop a guest limited to 300 ms", d)
	}
}

func TestTheGuestKernelRestsWhileItsGuestComputes(t *testing.T) {
	// system is the time that the host's kernel spends on a guest, its start included.
	system := func(amount string) time.Duration {
		g := start(t, sandbox.Spec{Command: []string{guestBin, "work", "hash", amount}, Dir: "/"})
		if out, err := io.ReadAll(g.Stream()); err != nil || len(out) == 0 {
			t.Fatalf("got %q, %v", out, err)
		}
		g.Wait()
		return g.(*guest).cmd.ProcessState.SystemTime()
	}
	begin := time.Now()
	idle := system("0")
	busy := system("400")
	if took := time.Since(begin); busy-idle > took/2 {
		t.Errorf("a computing guest cost %v of system time in %v, one that does nothing %v", busy, took, idle)
	}
}

func TestProcessesAndThreadsAreCapped(t *testing.T) {
	spec := sandbox.Spec{
		Limits: sandbox.Limits{Procs: 40},
		Mounts: []sandbox.Mount{{Host: filepath.Dir(guestBin), Guest: "/x07/work"}},
	}
	out, st := do(t, spec, "fork", "200", "/x07/work/"+filepath.Base(guestBin))
	if st.Code == 0 || strings.Contains(out, "started 200") {
		t.Errorf("fork bomb: got %q, %+v", out, st)
	}
	if out, st := do(t, spec, "threads", "200"); st.Code == 0 {
		t.Errorf("thread bomb: got %q, %+v", out, st)
	}
}

func TestOpenFilesAreCapped(t *testing.T) {
	out, st := do(t, sandbox.Spec{Limits: sandbox.Limits{FDs: 32}}, "files", "/proc/self/status", "1000")
	if st.Code == 0 || !strings.HasPrefix(out, "opened 2") {
		t.Errorf("got %q, %+v", out, st)
	}
}

func TestASoftStopReachesTheProgramAndAStubbornOneIsKilled(t *testing.T) {
	for deed, want := range map[string]int{"polite": 7, "stubborn": 137} {
		g := start(t, sandbox.Spec{Command: []string{guestBin, deed}, Dir: "/"})
		if line, err := bufio.NewReader(g.Stream()).ReadString('\n'); line != "ready\n" {
			t.Fatalf("%s: got %q, %v", deed, line, err)
		}
		g.Stop(200 * time.Millisecond)
		if st := g.Wait(); st.Code != want || st.Err != nil {
			t.Errorf("%s: got %+v, want code %d", deed, st, want)
		}
	}
}

func TestConcurrentGuestsDoNotDisturbEachOther(t *testing.T) {
	var all sync.WaitGroup
	for i := range 6 {
		all.Add(1)
		go func() {
			defer all.Done()
			g, err := backend(t).Start(t.Context(), sandbox.Spec{ID: "same", Command: []string{guestBin, "echo"}, Dir: "/"})
			if err != nil {
				t.Errorf("guest %d: %v", i, err)
				return
			}
			defer g.Kill()
			want := fmt.Sprintf("guest %d", i)
			io.WriteString(g.Stream(), want)
			g.Stream().(interface{ CloseWrite() error }).CloseWrite()
			if got, err := io.ReadAll(g.Stream()); string(got) != want {
				t.Errorf("guest %d: got %q, %v", i, got, err)
			}
			if st := g.Wait(); st.Code != 0 || st.Err != nil {
				t.Errorf("guest %d: %+v", i, st)
			}
		}()
	}
	all.Wait()
}

func TestAGuestThatCannotBeBuiltIsAnErrorThatSaysWhy(t *testing.T) {
	for name, spec := range map[string]sandbox.Spec{
		"no such file or directory": {Command: []string{guestBin, "hello"}, Mounts: []sandbox.Mount{{Host: "/no/such/root", Guest: "/x07/work"}}},
		"open /no/such/runner":      {Command: []string{"/no/such/runner"}},
		"absolute, clean path":      {Command: []string{guestBin, "hello"}, Mounts: []sandbox.Mount{{Host: "/tmp", Guest: "/x07/../y"}}},
	} {
		if _, err := backend(t).Start(t.Context(), spec); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

func TestProbeProvesThatTheBackendWorks(t *testing.T) {
	if st := backend(t).Probe(t.Context()); !st.Usable {
		t.Fatalf("got %+v", st)
	}
	missing := New(Options{Sentry: "/no/such/x07-sentry"})
	if st := missing.Probe(t.Context()); st.Usable || !strings.Contains(st.Reason, "x07-sentry") || st.Fix == "" {
		t.Fatalf("without a guest kernel: got %+v", st)
	}
}

// tree lists what is below dir.
func tree(t *testing.T, dir string) string {
	t.Helper()
	var names []string
	filepath.WalkDir(dir, func(path string, _ os.DirEntry, _ error) error {
		if rel, _ := filepath.Rel(dir, path); rel != "." {
			names = append(names, rel)
		}
		return nil
	})
	return strings.Join(names, " ")
}
