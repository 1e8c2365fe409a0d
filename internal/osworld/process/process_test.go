package process_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"x07/internal/osworld/effect"
	"x07/internal/osworld/process"
	"x07/internal/policy"
)

var ctx = context.Background()

// The test binary is its own child: TestMain plays the part that the first
// argument names.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && strings.HasPrefix(os.Args[1], "play:") {
		play(strings.TrimPrefix(os.Args[1], "play:"), os.Args[2:])
		return
	}
	os.Exit(m.Run())
}

func play(part string, args []string) {
	switch part {
	case "env":
		fmt.Print(strings.Join(os.Environ(), "\n"))
	case "args":
		fmt.Print(strings.Join(args, "|"))
	case "cwd":
		dir, _ := os.Getwd()
		fmt.Print(dir)
	case "exit":
		code, _ := strconv.Atoi(args[0])
		os.Exit(code)
	case "both":
		fmt.Print("out")
		fmt.Fprint(os.Stderr, "err!")
		os.Exit(3)
	case "cat":
		buf := make([]byte, 1<<16)
		for {
			n, err := os.Stdin.Read(buf)
			os.Stdout.Write(buf[:n])
			if err != nil {
				return
			}
		}
	case "write":
		n, _ := strconv.Atoi(args[0])
		os.Stdout.Write(bytes.Repeat([]byte("x"), n))
	case "flood":
		for {
			if _, err := os.Stdout.Write(make([]byte, 1<<16)); err != nil {
				return
			}
		}
	case "suicide":
		syscall.Kill(os.Getpid(), syscall.SIGKILL)
		forever()
	case "stubborn": // ignores what can be ignored, and never ends
		signal.Ignore(syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP, syscall.SIGPIPE)
		if len(args) > 0 {
			os.WriteFile(args[0], []byte(strconv.Itoa(os.Getpid())), 0o644)
		}
		fmt.Println("ready")
		forever()
	case "deaf": // closes its input and goes on
		os.Stdin.Close()
		fmt.Println("ready")
		forever()
	case "fork": // leaves a child of its own in the group, and exits
		pid := fork("stubborn", false)
		fmt.Println(pid)
	case "daemon": // leaves a child of its own in a session of its own, and exits
		fmt.Println(fork("stubborn", true))
	case "holder": // leaves a child that keeps the output open
		p, _ := os.StartProcess(os.Args[0], []string{os.Args[0], "play:stubborn"}, &os.ProcAttr{Files: []*os.File{nil, os.Stdout, os.Stderr}})
		fmt.Println(p.Pid)
	}
}

// forever waits for the end; an empty select could be found to be a deadlock.
func forever() {
	for {
		time.Sleep(time.Hour)
	}
}

// fork starts a part detached from the streams.
func fork(part string, session bool) int {
	null, _ := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	p, err := os.StartProcess(os.Args[0], []string{os.Args[0], "play:" + part}, &os.ProcAttr{
		Files: []*os.File{null, null, null}, Sys: &syscall.SysProcAttr{Setsid: session},
	})
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	return p.Pid
}

// req encodes ProcReqV1.
type req struct {
	argv  []string
	env   [][2]string
	cwd   string
	stdin string
}

func put(doc []byte, s string) []byte {
	return append(binary.LittleEndian.AppendUint32(doc, uint32(len(s))), s...)
}

func (r req) doc() []byte {
	doc := binary.LittleEndian.AppendUint32([]byte{1, 0}, uint32(len(r.argv)))
	for _, a := range r.argv {
		doc = put(doc, a)
	}
	doc = binary.LittleEndian.AppendUint32(doc, uint32(len(r.env)))
	for _, kv := range r.env {
		doc = put(put(doc, kv[0]), kv[1])
	}
	return put(put(doc, r.cwd), r.stdin)
}

func self(t testing.TB) string {
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return exe
}

func part(t testing.TB, name string, args ...string) req {
	return req{argv: append([]string{self(t), "play:" + name}, args...)}
}

func caps(stdout, stderr, timeout, total uint32) []byte {
	doc := []byte{1}
	for _, v := range []uint32{stdout, stderr, timeout, total} {
		doc = binary.LittleEndian.AppendUint32(doc, v)
	}
	return doc
}

var roomy = caps(1<<20, 1<<20, 30000, 0)

func errDoc(code byte) []byte { return []byte{0, code, 0, 0, 0, 0, 0, 0, 0} }

// open is run-os; the test fails when a child is left behind.
func open(t testing.TB) *process.Table {
	return table(t, process.Config{Door: effect.Door{Gate: policy.AllowAll()}, WorkDir: t.TempDir()})
}

func table(t testing.TB, c process.Config) *process.Table {
	p := process.New(c)
	t.Cleanup(func() {
		p.Close()
		var ws syscall.WaitStatus
		if pid, err := syscall.Wait4(-1, &ws, syscall.WNOHANG, nil); err != syscall.ECHILD {
			t.Errorf("a child is left: pid %d, %v", pid, err)
		}
	})
	return p
}

// held is a world under a policy that allows this binary everything.
func held(t testing.TB, edit func(*policy.Process)) (*process.Table, string) {
	t.Helper()
	dir := t.TempDir()
	p := &policy.Policy{Process: policy.Process{
		Enabled: true, AllowSpawn: true, AllowExec: true, AllowExit: true,
		AllowExecs: []string{self(t)}, MaxLive: 2, MaxSpawns: 100, MaxRuntimeMs: 20000,
		KillOnDrop: true, KillTree: true,
	}}
	if edit != nil {
		edit(&p.Process)
	}
	return table(t, process.Config{Door: effect.Door{Gate: policy.FromPolicy(p, policy.Options{WorkDir: dir})}, WorkDir: dir}), dir
}

func run(t testing.TB, p *process.Table, r req, caps []byte) []byte {
	t.Helper()
	doc, err := p.RunCapture(ctx, r.doc(), caps)
	if err != nil {
		t.Fatal(err)
	}
	return doc
}

// result decodes an OK document.
func result(t testing.TB, doc []byte) (exit int, stdout, stderr string) {
	t.Helper()
	if len(doc) < 18 || doc[0] != 1 || doc[1] != 1 {
		t.Fatalf("not an OK document: %x", doc)
	}
	n := binary.LittleEndian.Uint32(doc[10:])
	return int(binary.LittleEndian.Uint32(doc[2:])), string(doc[14 : 14+n]), string(doc[18+n:])
}

func wantTrap(t *testing.T, err error, want string) {
	t.Helper()
	if err == nil || err.Error() != want {
		t.Errorf("trap %v, want %q", err, want)
	}
}

// gone waits until no process has the id pid.
func gone(t *testing.T, pid int) {
	t.Helper()
	for deadline := time.Now().Add(5 * time.Second); time.Now().Before(deadline); runtime.Gosched() {
		if syscall.Kill(pid, 0) == syscall.ESRCH {
			return
		}
		if stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid)); err == nil && strings.Contains(string(stat), ") Z ") {
			return // dead, and somebody else's to reap
		}
	}
	t.Errorf("process %d still runs", pid)
	syscall.Kill(pid, syscall.SIGKILL)
}

func TestCaptureReturnsExitCodeAndBothStreams(t *testing.T) {
	p := open(t)
	exit, out, err := result(t, run(t, p, part(t, "both"), roomy))
	if exit != 3 || out != "out" || err != "err!" {
		t.Errorf("%d %q %q", exit, out, err)
	}
	exit, _, _ = result(t, run(t, p, part(t, "suicide"), roomy))
	if exit != 128+9 {
		t.Errorf("killed by a signal: %d", exit)
	}
}

func TestAChildGetsExactlyWhatTheRequestSays(t *testing.T) {
	p := open(t)
	dir := t.TempDir()
	r := part(t, "env")
	r.env = [][2]string{{"A", "1"}, {"B", "two=2"}}
	if _, out, _ := result(t, run(t, p, r, roomy)); out != "A=1\nB=two=2" {
		t.Errorf("environment %q", out)
	}
	if _, out, _ := result(t, run(t, p, part(t, "args", "a b", "", "$x"), roomy)); out != "a b||$x" {
		t.Errorf("arguments %q", out)
	}
	r = part(t, "cwd")
	r.cwd = dir
	real, _ := filepath.EvalSymlinks(dir)
	if _, out, _ := result(t, run(t, p, r, roomy)); out != real {
		t.Errorf("directory %q, want %q", out, real)
	}
	r = part(t, "cat")
	r.stdin = strings.Repeat("0123456789", 50000)
	if _, out, _ := result(t, run(t, p, r, roomy)); out != r.stdin {
		t.Errorf("echo of %d bytes has %d", len(r.stdin), len(out))
	}
}

func TestOutputMustStayBelowItsCaps(t *testing.T) {
	p := open(t)
	for _, row := range []struct {
		n    int
		caps []byte
		ok   bool
	}{
		{9, caps(10, 10, 30000, 0), true},
		{10, caps(10, 10, 30000, 0), false},
		{100000, caps(10, 10, 30000, 0), false},
		{9, caps(100, 100, 30000, 10), true},
		{10, caps(100, 100, 30000, 10), false},
		{0, caps(0, 10, 30000, 0), false},
		{0, caps(10, 0, 30000, 0), false},
	} {
		doc := run(t, p, part(t, "write", strconv.Itoa(row.n)), row.caps)
		if ok := doc[0] == 1; ok != row.ok || !ok && !bytes.Equal(doc, errDoc(5)) {
			t.Errorf("%d bytes, caps %v: %x", row.n, row.caps, doc)
		}
	}
	if doc := run(t, p, part(t, "flood"), roomy); !bytes.Equal(doc, errDoc(5)) {
		t.Errorf("flood: %x", doc)
	}
}

func TestMalformedRequestsAnswerInvalidRequest(t *testing.T) {
	p := open(t)
	good := part(t, "args").doc()
	rows := map[string][]byte{
		"empty": nil, "short": {1, 0, 1}, "version": append([]byte{2}, good[1:]...), "flags": append([]byte{1, 1}, good[2:]...),
		"no arguments": req{}.doc(), "too many arguments": req{argv: make([]string, 129)}.doc(),
		"empty executable": req{argv: []string{"", "x"}}.doc(), "trailing bytes": append(good[:len(good):len(good)], 0),
		"empty key":          req{argv: []string{"/bin/true"}, env: [][2]string{{"", "x"}}}.doc(),
		"too many variables": req{argv: []string{"/bin/true"}, env: make([][2]string, 257)}.doc(),
		"huge count":         {1, 0, 255, 255, 255, 255},
	}
	for n := range good {
		rows[fmt.Sprintf("cut at %d", n)] = good[:n]
	}
	for name, doc := range rows {
		if got, err := p.RunCapture(ctx, doc, roomy); err != nil || !bytes.Equal(got, errDoc(2)) {
			t.Errorf("%s: %x, %v", name, got, err)
		}
	}
	for _, c := range [][]byte{nil, roomy[:16], append([]byte{2}, roomy[1:]...)} {
		if got := run(t, p, part(t, "args"), c); !bytes.Equal(got, errDoc(2)) {
			t.Errorf("caps %x: %x", c, got)
		}
	}
	if got := run(t, p, part(t, "args"), append(roomy[:17:17], 1, 2, 3)); got[0] != 1 {
		t.Errorf("longer caps: %x", got)
	}
}

func TestNULBytesTrap(t *testing.T) {
	p := open(t)
	for want, r := range map[string]req{
		"os.process.spawn_capture_v1 argv contains NUL":    {argv: []string{"/bin/true", "a\x00b"}},
		"os.process.spawn_capture_v1 env key contains NUL": {argv: []string{"/bin/true"}, env: [][2]string{{"\x00", ""}}},
		"os.process.spawn_capture_v1 env val contains NUL": {argv: []string{"/bin/true"}, env: [][2]string{{"a", "\x00"}}},
		"os.process.spawn_capture_v1 cwd contains NUL":     {argv: []string{"/bin/true"}, cwd: "\x00"},
	} {
		_, err := p.SpawnPiped(r.doc(), roomy)
		wantTrap(t, err, want)
	}
}

func TestWhatCannotStartAnswersSpawnFailed(t *testing.T) {
	p := open(t)
	dir := t.TempDir()
	os.WriteFile(dir+"/data", []byte("not a program"), 0o644)
	before := descriptors(t)
	for name, r := range map[string]req{
		"missing": {argv: []string{"/no/such/program"}}, "directory": {argv: []string{dir}}, "not executable": {argv: []string{dir + "/data"}},
		"no PATH search": {argv: []string{"true"}}, "missing directory": {argv: []string{self(t)}, cwd: "/no/such/dir"},
	} {
		if got := run(t, p, r, roomy); !bytes.Equal(got, errDoc(3)) {
			t.Errorf("%s: %x", name, got)
		}
	}
	if after := descriptors(t); after > before+2 { // the wake pipe
		t.Errorf("%d descriptors before, %d after", before, after)
	}
}

func descriptors(t *testing.T) int {
	entries, err := os.ReadDir("/dev/fd")
	if err != nil {
		t.Skip("no /dev/fd")
	}
	return len(entries)
}

func TestTimeEndsAChildThatIgnoresSignals(t *testing.T) {
	p := open(t)
	start := time.Now()
	if got := run(t, p, part(t, "stubborn"), caps(100, 100, 60, 0)); !bytes.Equal(got, errDoc(4)) {
		t.Errorf("%x", got)
	}
	if took := time.Since(start); took > 30*time.Second {
		t.Errorf("took %v", took)
	}
}

func TestTimeIsKeptWhileTheProgramAttendsToSomethingElse(t *testing.T) {
	p := open(t)
	file := t.TempDir() + "/pid"
	if _, err := p.SpawnPiped(part(t, "stubborn", file).doc(), caps(1000, 1000, 700, 0)); err != nil {
		t.Fatal(err)
	}
	pid := 0
	for deadline := time.Now().Add(5 * time.Second); pid == 0 && time.Now().Before(deadline); runtime.Gosched() {
		text, _ := os.ReadFile(file)
		pid, _ = strconv.Atoi(string(text))
	}
	if pid == 0 {
		t.Fatal("the child did not start in time")
	}
	// Nobody services the child.
	gone(t, pid)
}

func TestDroppingAChildEndsWhatItLeftInItsGroup(t *testing.T) {
	p := open(t)
	h, err := p.SpawnPiped(part(t, "fork").doc(), roomy)
	if err != nil {
		t.Fatal(err)
	}
	p.JoinExit(ctx, h)
	out, _ := p.StdoutRead(h, 100)
	pid, err := strconv.Atoi(strings.TrimSpace(string(out)))
	if err != nil {
		t.Fatal(err)
	}
	p.Drop(h)
	gone(t, pid)
}

func TestGrandchildrenThatHoldTheOutputEndWithTheTimeout(t *testing.T) {
	p := open(t)
	h, _ := p.SpawnCapture(part(t, "holder").doc(), caps(1000, 1000, 300, 0))
	doc, err := p.JoinCapture(ctx, h)
	if err != nil || !bytes.Equal(doc, errDoc(4)) {
		t.Errorf("%x, %v", doc, err)
	}
	if n, err := p.TakeExit(h); n != -4 || err != nil {
		t.Errorf("take_exit %d, %v", n, err)
	}
}

func TestClosingTheTableEndsEveryChildAndItsGroup(t *testing.T) {
	p := process.New(process.Config{Door: effect.Door{Gate: policy.AllowAll()}, WorkDir: t.TempDir()})
	h, _ := p.SpawnPiped(part(t, "fork").doc(), roomy)
	p.JoinExit(ctx, h)
	out, _ := p.StdoutRead(h, 100)
	pid, _ := strconv.Atoi(strings.TrimSpace(string(out)))
	p.SpawnCapture(part(t, "stubborn").doc(), roomy)
	before := runtime.NumGoroutine()
	if leaked := p.Close(); leaked != 1 {
		t.Errorf("leaked %d", leaked)
	}
	if pid == 0 {
		t.Fatal("no grandchild")
	}
	gone(t, pid)
	if after := runtime.NumGoroutine(); after >= before {
		t.Errorf("%d goroutines before, %d after", before, after)
	}
	if _, err := p.SpawnPiped(part(t, "args").doc(), roomy); err == nil {
		t.Error("a closed table spawns")
	}
}

func TestAnOwnedProcessLeavesNoDaemons(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("orphans go to init")
	}
	p := process.New(process.Config{Door: effect.Door{Gate: policy.AllowAll()}, WorkDir: t.TempDir(), OwnsProcess: true})
	_, out, _ := result(t, run(t, p, part(t, "daemon"), roomy))
	pid, err := strconv.Atoi(strings.TrimSpace(out))
	if err != nil {
		t.Fatal(err)
	}
	if leaked := p.Close(); leaked != 1 {
		t.Errorf("leaked %d", leaked)
	}
	gone(t, pid)
}

func TestWaitingEndsWithTheRun(t *testing.T) {
	p := open(t)
	over, cancel := context.WithTimeout(ctx, 30*time.Millisecond)
	defer cancel()
	doc, err := p.RunCapture(over, part(t, "stubborn").doc(), roomy)
	if err != nil || !bytes.Equal(doc, errDoc(4)) {
		t.Errorf("%x, %v", doc, err)
	}
}

func TestAPipedChildTalks(t *testing.T) {
	p := open(t)
	r := part(t, "cat")
	r.stdin = "first "
	h, err := p.SpawnPiped(r.doc(), caps(64, 64, 30000, 0))
	if err != nil || h != 65537 {
		t.Fatal(h, err)
	}
	if n, err := p.StdinWrite(h, []byte("second")); n != 1 || err != nil {
		t.Fatal(n, err)
	}
	var got []byte
	for deadline := time.Now().Add(10 * time.Second); len(got) < 12 && time.Now().Before(deadline); {
		chunk, err := p.StdoutRead(h, 5)
		if err != nil || len(chunk) > 5 {
			t.Fatal(chunk, err)
		}
		got = append(got, chunk...)
	}
	if string(got) != "first second" {
		t.Errorf("read %q", got)
	}
	if n, _ := p.TryWait(h); n != 0 {
		t.Error("it has not exited")
	}
	_, err = p.TakeExit(h)
	wantTrap(t, err, "os.process.take_exit_v1 before exit")
	if n, _ := p.StdinClose(h); n != 1 {
		t.Error("close:", n)
	}
	if n, _ := p.StdinClose(h); n != 0 {
		t.Error("close again:", n)
	}
	if n, _ := p.StdinWrite(h, []byte("x")); n != 0 {
		t.Error("write after close:", n)
	}
	if n, err := p.JoinExit(ctx, h); n != 1 || err != nil {
		t.Fatal(n, err)
	}
	if n, _ := p.TryWait(h); n != 1 {
		t.Error("it has exited")
	}
	if n, err := p.TakeExit(h); n != 0 || err != nil {
		t.Error(n, err)
	}
	_, err = p.TakeExit(h)
	wantTrap(t, err, "os.process.take_exit_v1 already taken")
	if n, err := p.Drop(h); n != 1 || err != nil {
		t.Error(n, err)
	}
	_, err = p.Drop(h)
	wantTrap(t, err, "os.process invalid handle")
	again, _ := p.SpawnPiped(part(t, "args").doc(), roomy)
	if again != 2<<16|1 {
		t.Errorf("the slot's next handle is %#x", again)
	}
}

func TestMoreThanTheCapsPassesThroughAPipeThatIsRead(t *testing.T) {
	p := open(t)
	h, _ := p.SpawnPiped(part(t, "write", "1000000").doc(), caps(4096, 10, 30000, 0))
	n := 0
	for deadline := time.Now().Add(20 * time.Second); n < 1000000 && time.Now().Before(deadline); {
		chunk, err := p.StdoutRead(h, 4096)
		if err != nil {
			t.Fatal(err)
		}
		n += len(chunk)
	}
	if n != 1000000 {
		t.Errorf("read %d bytes", n)
	}
}

func TestWritingToADeafChildSaysSo(t *testing.T) {
	p := open(t)
	h, _ := p.SpawnPiped(part(t, "deaf").doc(), roomy)
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); {
		if n, err := p.StdinWrite(h, make([]byte, 1<<16)); err != nil {
			t.Fatal(err)
		} else if n == 0 {
			return
		}
	}
	t.Error("it still takes input")
}

func TestHandlesOfTheWrongModeTrap(t *testing.T) {
	p := open(t)
	cap, _ := p.SpawnCapture(part(t, "args").doc(), roomy)
	pipe, _ := p.SpawnPiped(part(t, "args").doc(), roomy)
	_, _, err := p.TryJoinCapture(pipe)
	wantTrap(t, err, "os.process.try_join_capture_v1 invalid proc mode")
	_, err = p.JoinCapture(ctx, pipe)
	wantTrap(t, err, "os.process.join_capture_v1 invalid proc mode")
	_, err = p.StdoutRead(cap, 1)
	wantTrap(t, err, "os.process.stdout_read_v1 invalid proc mode")
	_, err = p.StderrRead(cap, 1)
	wantTrap(t, err, "os.process.stderr_read_v1 invalid proc mode")
	_, err = p.StdinWrite(cap, nil)
	wantTrap(t, err, "os.process.stdin_write_v1 invalid proc mode")
	_, err = p.StdinClose(cap)
	wantTrap(t, err, "os.process.stdin_close_v1 invalid proc mode")
	for _, h := range []int32{0, 1, 2<<16 | 1, -1, 65537 + 7} {
		_, err = p.TryWait(h)
		wantTrap(t, err, "os.process invalid handle")
		_, err = p.StdoutRead(h, 1)
		wantTrap(t, err, "os.process invalid handle")
		if data, err := p.StdoutRead(h, 0); data != nil || err != nil {
			t.Error("reading nothing looks at the handle")
		}
	}
	for {
		doc, done, err := p.TryJoinCapture(cap)
		if err != nil {
			t.Fatal(err)
		}
		if done {
			result(t, doc)
			break
		}
	}
	_, _, err = p.TryJoinCapture(cap)
	wantTrap(t, err, "os.process join already taken")
	_, err = p.JoinCapture(ctx, cap)
	wantTrap(t, err, "os.process join already taken")
}

func TestAFailedSpawnIsAHandleLikeAnyOther(t *testing.T) {
	p := open(t)
	bad := req{argv: []string{"/no/such/program"}}.doc()
	h, _ := p.SpawnPiped(bad, roomy)
	if n, err := p.TakeExit(h); n != -3 || err != nil {
		t.Error(n, err)
	}
	if n, _ := p.Kill(h, 9); n != 0 {
		t.Error("kill:", n)
	}
	if n, _ := p.StdinWrite(h, []byte("x")); n != 0 {
		t.Error("write:", n)
	}
	if n, _ := p.Drop(h); n != 1 {
		t.Error("drop:", n)
	}
	h, _ = p.SpawnCapture(bad, roomy)
	if doc, err := p.JoinCapture(ctx, h); err != nil || !bytes.Equal(doc, errDoc(3)) {
		t.Errorf("%x, %v", doc, err)
	}
	_, err := p.TakeExit(h)
	wantTrap(t, err, "os.process.take_exit_v1 before exit")
}

func TestKillSendsAnySignal(t *testing.T) {
	p := open(t)
	h, _ := p.SpawnPiped(part(t, "cat").doc(), roomy)
	for sig, want := range map[int32]int32{0: 1, 9999: 0, -5: 0} {
		if n, err := p.Kill(h, sig); n != want || err != nil {
			t.Errorf("signal %d: %d, %v", sig, n, err)
		}
	}
	if n, _ := p.Kill(h, int32(syscall.SIGTERM)); n != 1 {
		t.Error(n)
	}
	p.JoinExit(ctx, h)
	if n, err := p.TakeExit(h); n != 128+15 && n != 2 || err != nil {
		t.Errorf("exit %d, %v", n, err)
	}
}

func TestThePolicyDecidesEveryPart(t *testing.T) {
	exe := self(t)
	plain := part(t, "args", "value")
	for name, row := range map[string]struct {
		edit func(*policy.Process)
		req  req
		caps []byte
	}{
		"enabled":                 {edit: func(p *policy.Process) { p.Enabled = false }},
		"allow_spawn":             {edit: func(p *policy.Process) { p.AllowSpawn = false }},
		"allow_exec":              {edit: func(p *policy.Process) { p.AllowExec = false }},
		"timeout above":           {caps: caps(100, 100, 20001, 0)},
		"stdout above":            {edit: func(p *policy.Process) { p.MaxStdoutBytes = 99 }},
		"stderr above":            {edit: func(p *policy.Process) { p.MaxStderrBytes = 99 }},
		"total above":             {edit: func(p *policy.Process) { p.MaxTotalBytes = 199 }},
		"args":                    {edit: func(p *policy.Process) { p.MaxArgs = 2 }},
		"arg bytes":               {edit: func(p *policy.Process) { p.MaxArgBytes = 4 }},
		"arg pattern":             {edit: func(p *policy.Process) { p.AllowArgsRegexLite = []string{"play:.*", "val"} }},
		"exe bytes":               {edit: func(p *policy.Process) { p.MaxExeBytes = 3 }},
		"exe":                     {edit: func(p *policy.Process) { p.AllowExecs = []string{"/bin/true"} }},
		"exe prefix by component": {edit: func(p *policy.Process) { p.AllowExecs = nil; p.AllowExecPrefixes = []string{exe[:len(exe)-1]} }},
		"exe prefix and dots":     {edit: func(p *policy.Process) { p.AllowExecs = nil; p.AllowExecPrefixes = []string{"/usr/lib"} }, req: req{argv: []string{"/usr/lib/../../bin/true"}}},
		"env":                     {req: req{argv: plain.argv, env: [][2]string{{"A", ""}}}},
		"env count":               {edit: func(p *policy.Process) { p.AllowEnvKeys = []string{"A"}; p.MaxEnv = 1 }, req: req{argv: plain.argv, env: [][2]string{{"A", ""}, {"A", ""}}}},
		"env key bytes":           {edit: func(p *policy.Process) { p.AllowEnvKeys = []string{"AB"}; p.MaxEnvKeyBytes = 1 }, req: req{argv: plain.argv, env: [][2]string{{"AB", ""}}}},
		"env value bytes":         {edit: func(p *policy.Process) { p.AllowEnvKeys = []string{"A"}; p.MaxEnvValBytes = 1 }, req: req{argv: plain.argv, env: [][2]string{{"A", "xx"}}}},
		"cwd":                     {req: req{argv: plain.argv, cwd: "sub"}},
		"cwd outside":             {edit: func(p *policy.Process) { p.AllowCwd = true; p.AllowCwdRoots = []string{"."} }, req: req{argv: plain.argv, cwd: "../sub"}},
		"cwd absolute":            {edit: func(p *policy.Process) { p.AllowCwd = true; p.AllowCwdRoots = []string{"."} }, req: req{argv: plain.argv, cwd: "/"}},
		"stdin":                   {edit: func(p *policy.Process) { p.MaxStdinBytes = 1 }, req: req{argv: plain.argv, stdin: "xx"}},
	} {
		p, _ := held(t, row.edit)
		if row.req.argv == nil {
			row.req = plain
		}
		if row.caps == nil {
			row.caps = caps(100, 100, 0, 0)
		}
		if got := run(t, p, row.req, row.caps); !bytes.Equal(got, errDoc(1)) {
			t.Errorf("%s: %x", name, got)
		}
	}
	p, dir := held(t, func(p *policy.Process) {
		p.AllowExecs, p.AllowExecPrefixes = nil, []string{filepath.Dir(exe)}
		p.AllowArgsRegexLite = []string{"play:.*", "val.e"}
		p.AllowEnvKeys, p.AllowCwd, p.AllowCwdRoots = []string{"A"}, true, []string{"none", "."}
	})
	os.MkdirAll(dir+"/sub", 0o755)
	os.Symlink("/", dir+"/out")
	r := part(t, "cwd")
	r.env, r.cwd = [][2]string{{"A", "x"}}, "sub"
	real, _ := filepath.EvalSymlinks(dir)
	if _, out, _ := result(t, run(t, p, r, caps(1000, 100, 0, 0))); out != real+"/sub" {
		t.Errorf("allowed: %q", out)
	}
	r.cwd = "out"
	if got := run(t, p, r, caps(1000, 100, 0, 0)); !bytes.Equal(got, errDoc(3)) {
		t.Errorf("a directory behind a link out of the root: %x", got)
	}
}

func TestLiveAndTotalCountsAreKept(t *testing.T) {
	p, _ := held(t, func(p *policy.Process) { p.MaxLive = 1; p.MaxSpawns = 4 })
	small := caps(100, 100, 0, 0)
	first, _ := p.SpawnPiped(part(t, "cat").doc(), small)
	if doc := run(t, p, part(t, "args"), small); !bytes.Equal(doc, errDoc(1)) {
		t.Errorf("a second child: %x", doc)
	}
	p.Drop(first)
	if doc := run(t, p, part(t, "args"), small); doc[0] != 1 {
		t.Errorf("after the drop: %x", doc)
	}
	run(t, p, part(t, "args"), small)
	h, err := p.SpawnCapture(part(t, "args").doc(), small)
	if h != 0x10000 || err != nil {
		t.Fatalf("the sentinel is %#x, %v", h, err)
	}
	for range 2 {
		if doc, err := p.JoinCapture(ctx, h); err != nil || !bytes.Equal(doc, errDoc(1)) {
			t.Errorf("join: %x, %v", doc, err)
		}
		if doc, done, err := p.TryJoinCapture(h); err != nil || !done || !bytes.Equal(doc, errDoc(1)) {
			t.Errorf("try_join: %x, %v", doc, err)
		}
	}
	for name, op := range map[string]func() (int32, error){
		"stdin_write": func() (int32, error) { return p.StdinWrite(h, []byte("x")) },
		"stdin_close": func() (int32, error) { return p.StdinClose(h) },
		"kill":        func() (int32, error) { return p.Kill(h, 9) },
		"drop":        func() (int32, error) { return p.Drop(h) },
	} {
		if n, err := op(); n != 0 || err != nil {
			t.Errorf("%s: %d, %v", name, n, err)
		}
	}
	if n, _ := p.TryWait(h); n != 1 {
		t.Error("try_wait")
	}
	if n, _ := p.JoinExit(ctx, h); n != 1 {
		t.Error("join_exit")
	}
	if n, _ := p.TakeExit(h); n != -1 {
		t.Error("take_exit")
	}
	if data, err := p.StdoutRead(h, 10); len(data) != 0 || err != nil {
		t.Error("stdout_read")
	}
}

func TestWithoutKillOnDropAHandleStays(t *testing.T) {
	p, _ := held(t, func(p *policy.Process) { p.KillOnDrop = false; p.MaxStdinBytes = 4 })
	h, _ := p.SpawnPiped(part(t, "cat").doc(), caps(100, 100, 0, 0))
	if n, err := p.Drop(h); n != 0 || err != nil {
		t.Error(n, err)
	}
	_, err := p.StdinWrite(h, []byte("12345"))
	wantTrap(t, err, "os.process.stdin_write_v1 pending exceeds policy max_stdin_bytes")
	p.StdinClose(h)
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); {
		p.TryWait(h)
		if n, err := p.Drop(h); err != nil {
			t.Fatal(err)
		} else if n == 1 {
			return
		}
	}
	t.Error("a finished child cannot be dropped")
}

func TestManyChildrenLeaveNoDescriptors(t *testing.T) {
	p := open(t)
	run(t, p, part(t, "args"), roomy)
	before := descriptors(t)
	for range 20 {
		h, _ := p.SpawnPiped(part(t, "cat").doc(), roomy)
		p.StdinWrite(h, []byte("x"))
		p.Drop(h)
	}
	if after := descriptors(t); after != before {
		t.Errorf("%d descriptors before, %d after", before, after)
	}
}

func BenchmarkSpawn(b *testing.B) {
	p := open(b)
	doc := req{argv: []string{"/bin/true"}}.doc()
	for b.Loop() {
		if _, err := p.RunCapture(ctx, doc, roomy); err != nil {
			b.Fatal(err)
		}
	}
}

func FuzzSpawn(f *testing.F) {
	p := process.New(process.Config{Door: effect.Door{Gate: policy.FromPolicy(&policy.Policy{Process: policy.Process{
		Enabled: true, AllowSpawn: true, AllowExec: true, AllowExecs: []string{"/no/such/program"},
	}}, policy.Options{})}, WorkDir: "/"})
	f.Add(req{argv: []string{"/no/such/program", "a"}, env: [][2]string{{"k", "v"}}, cwd: "x", stdin: "y"}.doc(), roomy)
	f.Fuzz(func(t *testing.T, doc, caps []byte) {
		h, err := p.SpawnCapture(doc, caps)
		if err != nil {
			return
		}
		if got, err := p.JoinCapture(ctx, h); err != nil || len(got) != 9 || got[0] != 0 {
			t.Fatalf("%x, %v", got, err)
		}
		if _, err := p.Drop(h); err != nil {
			t.Fatal(err)
		}
	})
}
