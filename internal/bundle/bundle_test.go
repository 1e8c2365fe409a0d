package bundle_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	jsonschema "github.com/santhosh-tekuri/jsonschema/v6"

	"x07/internal/bundle"
	"x07/internal/bundle/sidecar"
	"x07/internal/policy"
	"x07/internal/sandbox/gvisor"
	"x07/schemas"
)

// The tests make bundles with the real command and run them as strangers do:
// in an empty directory, with an empty environment, as root and as nobody.

const nobody = 65534

var (
	buildOnce sync.Once
	buildDir  string
	buildErr  error
)

// binaries builds x07 and what it needs next to it, once.
func binaries(t testing.TB) string {
	t.Helper()
	if runtime.GOOS == "windows" {
		t.Skip("no bundles for this system")
	}
	buildOnce.Do(func() {
		if buildDir, buildErr = os.MkdirTemp("", "x07-bundle-test-"); buildErr != nil {
			return
		}
		args := []string{"build", "-trimpath", "-ldflags", "-s -w", "-o", buildDir + "/", "x07/cmd/x07", "x07/cmd/x07-bundle-runtime"}
		if runtime.GOOS == "linux" {
			args = append(args, "x07/cmd/x07-sentry")
		}
		cmd := exec.Command("go", args...)
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
		if out, err := cmd.CombinedOutput(); err != nil {
			buildErr = fmt.Errorf("%w: %s", err, out)
		}
	})
	if buildErr != nil {
		t.Fatal(buildErr)
	}
	return buildDir
}

func TestMain(m *testing.M) {
	code := m.Run()
	if buildDir != "" {
		os.RemoveAll(buildDir)
	}
	os.Exit(code)
}

// publicDir is a directory that every user can look into.
func publicDir(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "x07-bundle-test-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}

// x07 runs the command and returns what it printed.
func x07(t testing.TB, dir string, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	cmd := exec.Command(filepath.Join(binaries(t), "x07"), args...)
	cmd.Dir = dir
	cmd.Env = []string{"XDG_CACHE_HOME=" + filepath.Join(binaries(t), "cache"), "PATH=" + os.Getenv("PATH")}
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	code = exitCode(t, cmd.Run())
	return out.String(), errs.String(), code
}

func exitCode(t testing.TB, err error) int {
	t.Helper()
	var ended *exec.ExitError
	switch {
	case err == nil:
		return 0
	case errors.As(err, &ended):
		return ended.ExitCode()
	}
	t.Fatal(err)
	return -1
}

// make bundles a program of testdata and returns the executable.
func makeProgram(t testing.TB, name string, args ...string) string {
	t.Helper()
	src, err := filepath.Abs("testdata")
	if err != nil {
		t.Fatal(err)
	}
	out := filepath.Join(publicDir(t), name)
	args = append([]string{"bundle", "--repair", "off", "--program", filepath.Join(src, name+".x07.json"), "--module-root", src, "--out", out}, args...)
	if stdout, stderr, code := x07(t, filepath.Dir(out), args...); code != 0 {
		t.Fatalf("x07 bundle: exit %d: %s%s", code, stdout, stderr)
	}
	return out
}

// project copies an example, for its bundle must not be made in the source tree.
func projectCopy(t testing.TB, example string) string {
	t.Helper()
	dir := filepath.Join(publicDir(t), "project")
	if err := os.CopyFS(dir, os.DirFS(filepath.Join("..", "..", "examples", example))); err != nil {
		t.Fatal(err)
	}
	return dir
}

// started is how a bundle is started.
type started struct {
	exe   string
	args  []string
	dir   string // "" is a new, empty directory
	stdin string
	env   []string
	uid   int
}

func (s started) command(t testing.TB) *exec.Cmd {
	t.Helper()
	if s.dir == "" {
		s.dir = publicDir(t)
	}
	cmd := exec.Command(s.exe, s.args...)
	cmd.Dir, cmd.Env, cmd.Stdin = s.dir, append([]string{}, s.env...), strings.NewReader(s.stdin)
	if s.uid != 0 {
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(s.uid), Gid: uint32(s.uid)}}
	}
	return cmd
}

func (s started) run(t testing.TB) (stdout, stderr string, code int) {
	t.Helper()
	cmd := s.command(t)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	err := cmd.Run()
	return out.String(), errs.String(), exitCode(t, err)
}

// users are who runs the bundles: this user and, when that is root, nobody.
func users() []int {
	if os.Getuid() == 0 {
		return []int{0, nobody}
	}
	return []int{0}
}

// argv is argv_v1 of words.
func argv(words ...string) string {
	u32 := func(n int) string { return string([]byte{byte(n), byte(n >> 8), 0, 0}) }
	doc := u32(len(words))
	for _, w := range words {
		doc += u32(len(w)) + w
	}
	return doc
}

func TestABundleIsAnOrdinaryProgram(t *testing.T) {
	exe := makeProgram(t, "tool")
	for _, uid := range users() {
		out, stderr, code := started{exe: exe, args: []string{"a", "", "b c", "\xff"}, stdin: "one\ntwo", uid: uid}.run(t)
		want := "[one]\n[two]\n" + argv("tool", "a", "", "b c", "\xff")
		if out != want || stderr != "" || code != 5 {
			t.Errorf("uid %d: %q, %q, exit status %d; want %q and 5", uid, out, stderr, code, want)
		}
	}
}

func TestABundledProjectRunsWithNothingInstalled(t *testing.T) {
	dir := projectCopy(t, "multi-module")
	stdout, stderr, code := x07(t, dir, "bundle", "--out", "dist/")
	if code != 0 {
		t.Fatalf("exit %d: %s%s", code, stdout, stderr)
	}
	exe := filepath.Join(dir, "dist", "project")
	for _, uid := range users() {
		out, stderr, code := started{exe: exe, uid: uid}.run(t)
		if want := "square 144\nrectangle 63\ntriangle 25\n"; out != want || stderr != "" || code != 0 {
			t.Errorf("uid %d: %q, %q, exit status %d; want %q", uid, out, stderr, code, want)
		}
	}
}

func TestATrapEndsTheProcessByItsSignal(t *testing.T) {
	exe := makeProgram(t, "trap")
	cmd := started{exe: exe}.command(t)
	var errs bytes.Buffer
	cmd.Stderr = &errs
	err := cmd.Run()
	if !strings.Contains(errs.String(), "oob\n  in ") {
		t.Errorf("stderr is %q", errs.String())
	}
	if runtime.GOOS != "linux" {
		return
	}
	var ended *exec.ExitError
	if !errors.As(err, &ended) || !ended.Sys().(syscall.WaitStatus).Signaled() {
		t.Errorf("it ended with %v, want a signal", err)
	}
}

func TestSignalsEndABundle(t *testing.T) {
	exe := makeProgram(t, "loop")
	for _, sig := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP} {
		err := interrupted(t, started{exe: exe}, sig)
		var ended *exec.ExitError
		if !errors.As(err, &ended) {
			t.Errorf("%v: %v", sig, err)
			continue
		}
		if ws := ended.Sys().(syscall.WaitStatus); runtime.GOOS == "linux" && ws.Signal() != sig {
			t.Errorf("%v: it ended with %v", sig, err)
		}
	}
}

// interrupted starts a program that never ends, sends it a signal once it says
// that it runs, and returns how it ended.
func interrupted(t *testing.T, s started, sig syscall.Signal) error {
	t.Helper()
	cmd := s.command(t)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	hung := time.AfterFunc(time.Minute, func() { cmd.Process.Kill() })
	defer hung.Stop()
	if _, err := out.Read(make([]byte, 16)); err != nil {
		cmd.Process.Kill()
		t.Fatalf("it did not start: %v, %v", err, cmd.Wait())
	}
	if err := cmd.Process.Signal(sig); err != nil {
		t.Fatal(err)
	}
	return cmd.Wait()
}

func TestTwoBundlesOfTheSameAreEqual(t *testing.T) {
	read := func(path string) []byte {
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	if !bytes.Equal(read(makeProgram(t, "tool")), read(makeProgram(t, "tool"))) {
		t.Error("two executables of one program differ")
	}
	if runtime.GOOS != "linux" {
		return
	}
	dir := projectCopy(t, "sandboxed")
	for _, out := range []string{"one", "two"} {
		if _, stderr, code := x07(t, dir, "bundle", "--out", out+"/app", "--oci", out+".tar"); code != 0 {
			t.Fatal(stderr)
		}
	}
	for _, name := range []string{"/app", "/app.vm/manifest.json", "/app.vm/payload", "/app.vm/policy.json", "/app.vm/deps/x07-sentry", ".tar"} {
		if !bytes.Equal(read(filepath.Join(dir, "one"+name)), read(filepath.Join(dir, "two"+name))) {
			t.Errorf("two bundles of one project differ in %s", name)
		}
	}
}

func TestADamagedExecutableRunsNothing(t *testing.T) {
	good, err := os.ReadFile(makeProgram(t, "tool"))
	if err != nil {
		t.Fatal(err)
	}
	runtimeSize := len(good)
	if info, err := os.Stat(filepath.Join(binaries(t), bundle.Runtime)); err == nil {
		runtimeSize = int(info.Size())
	}
	flip := func(at int) []byte {
		b := bytes.Clone(good)
		b[at] ^= 0x40
		return b
	}
	dir := publicDir(t)
	for name, b := range map[string][]byte{
		"a byte of the program":    flip(runtimeSize + 100),
		"a byte of its code":       flip(runtimeSize + 8000),
		"a byte of the header":     flip(len(good) - 100),
		"a byte of the digest":     flip(len(good) - 40),
		"a byte of the magic":      flip(len(good) - 1),
		"without its last byte":    good[:len(good)-1],
		"without half its trailer": good[:runtimeSize+(len(good)-runtimeSize)/2],
		"the runtime alone":        good[:runtimeSize],
		"with a byte more":         append(bytes.Clone(good), 'x'),
	} {
		exe := filepath.Join(dir, strings.ReplaceAll(name, " ", "-"))
		if err := os.WriteFile(exe, b, 0o755); err != nil {
			t.Fatal(err)
		}
		out, stderr, code := started{exe: exe}.run(t)
		if out != "" || code != 2 || !strings.HasPrefix(stderr, "x07 bundle: ") {
			t.Errorf("%s: %q, %q, exit status %d", name, out, stderr, code)
		}
	}
}

func TestLimitsOfTheCommandLineHold(t *testing.T) {
	exe := makeProgram(t, "tool", "--max-output-bytes", "20")
	out, stderr, code := started{exe: exe, args: []string{"a long argument"}, stdin: "line\n"}.run(t)
	if out != "[line]\n" || stderr != "x07 bundle: output exceeded cap\n" || code != 2 {
		t.Errorf("%q, %q, exit status %d", out, stderr, code)
	}
	exe = makeProgram(t, "loop", "--cpu-time-limit-seconds", "1")
	_, stderr, code = started{exe: exe}.run(t)
	if code == 0 || !strings.Contains(stderr, "signal 9") {
		t.Errorf("%q, exit status %d", stderr, code)
	}
}

func TestAFailedBuildLeavesWhatWasThere(t *testing.T) {
	dir := publicDir(t)
	src := filepath.Join(dir, "bad.x07.json")
	out := filepath.Join(dir, "app")
	for name, text := range map[string]string{
		src: `{"schema_version":"x07.x07ast@0.5.0","kind":"entry","module_id":"main","imports":[],"decls":[],"solve":["no.such","input"]}`,
		out: "before",
	} {
		if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	stdout, _, code := x07(t, dir, "bundle", "--program", src, "--module-root", dir, "--out", out)
	var rep struct {
		Report struct {
			ExitCode int `json:"exit_code"`
			Compile  struct {
				Error *string `json:"compile_error"`
			}
		}
	}
	if err := json.Unmarshal([]byte(stdout), &rep); err != nil || code != 1 || rep.Report.ExitCode != 1 || rep.Report.Compile.Error == nil {
		t.Errorf("exit code %d, %v: %s", code, err, stdout)
	}
	if b, _ := os.ReadFile(out); string(b) != "before" {
		t.Errorf("the output is %q", b)
	}
	left, _ := filepath.Glob(filepath.Join(dir, ".*tmp*"))
	if len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

func TestTheOutputIsReplacedWholeOrNotAtAll(t *testing.T) {
	exe := makeProgram(t, "tool")
	src, _ := filepath.Abs("testdata")
	again := func(out string) (string, int) {
		_, stderr, code := x07(t, src, "bundle", "--repair", "off", "--program", "tool.x07.json", "--module-root", ".", "--out", out)
		return stderr, code
	}
	if err := os.WriteFile(exe, []byte("not executable"), 0o600); err != nil {
		t.Fatal(err)
	}
	if stderr, code := again(exe); code != 0 {
		t.Fatalf("over an existing file: %s", stderr)
	}
	if out, _, code := (started{exe: exe}).run(t); out != argv("tool") || code != 1 {
		t.Errorf("after replacing: %q, %d", out, code)
	}
	file := filepath.Join(publicDir(t), "file")
	if err := os.WriteFile(file, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if stderr, code := again(filepath.Join(file, "app")); code != 2 || !strings.Contains(stderr, file) {
		t.Errorf("below a file: %q, exit code %d", stderr, code)
	}
	if stderr, code := again("/dev/null"); code != 2 || !strings.Contains(stderr, "expected a regular file") {
		t.Errorf("to a device: %q, exit code %d", stderr, code)
	}
}

func TestTargetsNeedTheirBinaries(t *testing.T) {
	src, _ := filepath.Abs("testdata")
	out := filepath.Join(publicDir(t), "app")
	try := func(env string, target string) (string, int) {
		cmd := exec.Command(filepath.Join(binaries(t), "x07"), "bundle", "--repair", "off", "--program", "tool.x07.json", "--module-root", ".", "--out", out, "--target", target)
		cmd.Dir = src
		cmd.Env = []string{"XDG_CACHE_HOME=" + filepath.Join(binaries(t), "cache"), bundle.EnvBinaries + "=" + env}
		b, err := cmd.CombinedOutput()
		return string(b), exitCode(t, err)
	}
	if text, code := try("", "plan9/amd64"); code != 2 || !strings.Contains(text, "expected one of: linux/amd64") {
		t.Errorf("an unknown target: %q, %d", text, code)
	}
	if text, code := try("", "freebsd/amd64"); code != 2 || !strings.Contains(text, "make dist") {
		t.Errorf("a target without binaries: %q, %d", text, code)
	}
	// A binary of another system under the right name.
	dir := publicDir(t)
	b, err := os.ReadFile(filepath.Join(binaries(t), bundle.Runtime))
	if err != nil {
		t.Fatal(err)
	}
	for _, sub := range []string{"freebsd-amd64", "darwin-arm64"} {
		if err := os.Mkdir(filepath.Join(dir, sub), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for name, data := range map[string][]byte{"freebsd-amd64": b, "darwin-arm64": []byte("text")} {
		if err := os.WriteFile(filepath.Join(dir, name, bundle.Runtime), data, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if text, code := try(dir, "freebsd/amd64"); code != 2 || !strings.Contains(text, "expected freebsd/amd64") {
		t.Errorf("a binary of another system: %q, %d", text, code)
	}
	if text, code := try(dir, "darwin/arm64"); code != 2 || !strings.Contains(text, "not a binary of X07") {
		t.Errorf("a file that is no binary: %q, %d", text, code)
	}
	if _, err := os.Stat(out); err == nil {
		t.Error("an executable was written")
	}
}

// needGuest skips a test where guests cannot be had. In CI they must.
func needGuest(t *testing.T) {
	t.Helper()
	if testing.Short() {
		t.Skip("starts guests")
	}
	if runtime.GOOS != "linux" {
		t.Skip("the guest kernel exists for linux")
	}
	st := gvisor.New(gvisor.Options{Sentry: filepath.Join(binaries(t), bundle.Kernel)}).Preflight(context.Background())
	if !st.Usable {
		if os.Getenv("CI") == "true" {
			t.Fatalf("no guests here: %s", st.Reason)
		}
		t.Skipf("no guests here: %s", st.Reason)
	}
	// Without an environment, jobs live in these.
	for _, uid := range []int{os.Getuid(), nobody} {
		dir := filepath.Join(os.TempDir(), fmt.Sprintf("x07-%d", uid))
		if _, err := os.Lstat(dir); errors.Is(err, os.ErrNotExist) {
			t.Cleanup(func() { os.RemoveAll(dir) })
		}
	}
}

// sandboxed makes a VM bundle of the example and returns the executable and the
// directory it reads data from.
func sandboxed(t *testing.T, args ...string) (exe, dir string) {
	t.Helper()
	dir = projectCopy(t, "sandboxed")
	exe = filepath.Join(publicDir(t), "app")
	_, stderr, code := x07(t, dir, append([]string{"bundle", "--profile", "sandbox", "--out", exe}, args...)...)
	if code != 0 {
		t.Fatal(stderr)
	}
	manifest, err := os.ReadFile(exe + ".vm/manifest.json")
	if err != nil {
		t.Fatal(err)
	}
	matches(t, sidecar.Schema, manifest)
	return exe, dir
}

// matches holds a document to its published schema.
func matches(t *testing.T, version string, doc []byte) {
	t.Helper()
	text, err := schemas.Document(version)
	if err != nil {
		t.Fatal(err)
	}
	tree, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("urn:test", tree); err != nil {
		t.Fatal(err)
	}
	schema, err := c.Compile("urn:test")
	if err != nil {
		t.Fatal(err)
	}
	v, err := jsonschema.UnmarshalJSON(bytes.NewReader(doc))
	if err != nil {
		t.Fatal(err)
	}
	if err := schema.Validate(v); err != nil {
		t.Errorf("%s: %v", version, err)
	}
}

const sandboxedOutput = "data/notes.txt: read 30 bytes\nsecret/key.txt: denied by policy, code 60001\n"

func TestASandboxedBundleRunsBehindItsGuestKernel(t *testing.T) {
	needGuest(t)
	exe, dir := sandboxed(t)
	for _, uid := range users() {
		out, stderr, code := started{exe: exe, dir: dir, uid: uid}.run(t)
		if out != sandboxedOutput || code != 0 || !strings.Contains(stderr, "app: denied by the policy: fs.read secret/key.txt (fs.read_roots)\n") {
			t.Errorf("uid %d: %q, %q, exit status %d", uid, out, stderr, code)
		}
	}
}

func TestAnAlteredSidecarRunsNothing(t *testing.T) {
	needGuest(t)
	exe, dir := sandboxed(t)
	side := exe + ".vm"
	for _, name := range []string{"manifest.json", "policy.json", "payload", "deps/x07-sentry"} {
		path := filepath.Join(side, name)
		good, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		bad := bytes.Clone(good)
		bad[len(bad)/2] ^= 1
		for what, alter := range map[string]func() error{
			"changed": func() error { return os.WriteFile(path, bad, 0o755) },
			"missing": func() error { return os.Remove(path) },
		} {
			if err := alter(); err != nil {
				t.Fatal(err)
			}
			out, stderr, code := started{exe: exe, dir: dir}.run(t)
			if out != "" || code != 2 || !strings.Contains(stderr, "altered or is incomplete") {
				t.Errorf("%s %s: %q, %q, exit status %d", name, what, out, stderr, code)
			}
		}
		if err := os.WriteFile(path, good, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Rename(side, side+".moved"); err != nil {
		t.Fatal(err)
	}
	if out, stderr, code := (started{exe: exe, dir: dir}).run(t); out != "" || code != 2 || !strings.Contains(stderr, "manifest.json") {
		t.Errorf("without the sidecar: %q, %q, exit status %d", out, stderr, code)
	}
}

func TestASandboxedBundleCannotBeTalkedOutOfItsBoundary(t *testing.T) {
	needGuest(t)
	exe, dir := sandboxed(t)
	for env, want := range map[string]string{
		"X07_VM_BACKEND=podman":                  "fails closed",
		"X07_VM_BACKEND=nonsense":                "invalid X07_VM_BACKEND",
		"X07_VM_GVISOR_SENTRY_BIN=/bin/true":     "does not allow overriding",
		"X07_I_ACCEPT_WEAKER_ISOLATION=perhaps":  "invalid environment variable",
		"X07_SANDBOX_BACKEND=perhaps":            "invalid environment variable",
		"X07_OSLEVEL_FDS=100,101":                "confine",
		"X07_OSLEVEL_FDS=not numbers":            "confine",
		"X07_VM_STATE_DIR=/proc/no/such/place/x": "job state directory",
	} {
		out, stderr, code := started{exe: exe, dir: dir, env: []string{env}}.run(t)
		if out != "" || code != 2 || !strings.Contains(stderr, want) {
			t.Errorf("%s: %q, %q, exit status %d; want %q", env, out, stderr, code, want)
		}
	}
	// A word that would be weaker is ignored: the bundle was made for a guest.
	out, stderr, code := started{exe: exe, dir: dir, env: []string{"X07_SANDBOX_BACKEND=none", "X07_I_ACCEPT_WEAKER_ISOLATION=1", "X07_VM_BACKEND=gvisor"}}.run(t)
	if out != sandboxedOutput || code != 0 {
		t.Errorf("%q, %q, exit status %d", out, stderr, code)
	}
}

// guestPolicy writes the example's policy with other limits.
func guestPolicy(t *testing.T, dir string, edit func(limits map[string]any)) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(dir, "policy", "data-only.json"))
	if err != nil {
		t.Fatal(err)
	}
	var doc map[string]any
	if err := json.Unmarshal(b, &doc); err != nil {
		t.Fatal(err)
	}
	edit(doc["limits"].(map[string]any))
	if b, err = json.Marshal(doc); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "policy.json")
	if err := os.WriteFile(path, b, 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestStreamsArgumentsLimitsAndSignalsReachThroughTheBoundary(t *testing.T) {
	needGuest(t)
	for _, boundary := range [][]string{nil, {"--sandbox-backend", "os", "--i-accept-weaker-isolation"}, {"--sandbox-backend", "none", "--i-accept-weaker-isolation"}} {
		dir := projectCopy(t, "sandboxed")
		flags := append([]string{"--world", "run-os-sandboxed"}, boundary...)
		long := guestPolicy(t, dir, func(map[string]any) {})
		exe := makeProgram(t, "tool", append(flags, "--policy", long)...)
		out, stderr, code := started{exe: exe, dir: dir, args: []string{"x y"}, stdin: "in\n"}.run(t)
		if want := "[in]\n" + argv("tool", "x y"); out != want || code != 2 {
			t.Errorf("%v: %q, %q, exit status %d; want %q and 2", boundary, out, stderr, code, want)
		}

		loop := makeProgram(t, "loop", append(flags, "--policy", long)...)
		err := interrupted(t, started{exe: loop, dir: dir}, syscall.SIGINT)
		var ended *exec.ExitError
		if !errors.As(err, &ended) || ended.Sys().(syscall.WaitStatus).Signal() != syscall.SIGINT {
			t.Errorf("%v: after SIGINT it ended with %v", boundary, err)
		}
		goneSoon(t, loop)

		short := guestPolicy(t, dir, func(l map[string]any) { l["wall_ms"] = 700 })
		loop = makeProgram(t, "loop", append(flags, "--policy", short)...)
		began := time.Now()
		out, stderr, code = started{exe: loop, dir: dir}.run(t)
		late := strings.Contains(stderr, "timed out") || strings.Contains(stderr, "limits.wall_ms")
		if code == 0 || !late || time.Since(began) > 20*time.Second {
			t.Errorf("%v: after its wall time: %q, %q, exit status %d", boundary, out, stderr, code)
		}
	}
}

// goneSoon waits until no process runs the executable or a file of its sidecar.
func goneSoon(t *testing.T, exe string) {
	t.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	var left []string
	for end := time.Now().Add(10 * time.Second); time.Now().Before(end); <-tick.C {
		left = nil
		links, err := filepath.Glob("/proc/[0-9]*/exe")
		if err != nil {
			t.Fatal(err)
		}
		for _, link := range links {
			if target, err := os.Readlink(link); err == nil && strings.HasPrefix(target, exe) {
				left = append(left, link+" -> "+target)
			}
		}
		if left == nil {
			return
		}
	}
	t.Errorf("still running: %v", left)
}

func TestABundleReachesTheHostsOfItsPolicyAndNoOthers(t *testing.T) {
	needGuest(t)
	page := func(text string) (url, at string) {
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, text) }))
		t.Cleanup(s.Close)
		return s.URL, strings.TrimPrefix(s.URL, "http://")
	}
	granted, at := page("granted")
	other, _ := page("other")
	dir := publicDir(t)
	p, err := policy.FromTemplate("http-client", "test.bundle")
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "policy.json")
	if err := os.WriteFile(path, policy.Render(p), 0o644); err != nil {
		t.Fatal(err)
	}
	for name, flags := range map[string][]string{
		"guest kernel": nil,
		"os":           {"--sandbox-backend", "os", "--i-accept-weaker-isolation"},
		"none":         {"--sandbox-backend", "none", "--i-accept-weaker-isolation"},
	} {
		exe := makeProgram(t, "get", append(flags, "--world", "run-os-sandboxed", "--policy", path, "--allow-host", at)...)
		if out, stderr, code := (started{exe: exe, args: []string{granted}}).run(t); out != "granted" || code != 0 {
			t.Errorf("%s: the granted host: %q, %q, exit status %d", name, out, stderr, code)
		}
		out, stderr, code := started{exe: exe, args: []string{other}}.run(t)
		if code != 9 || out == "other" || !strings.Contains(stderr, "net.allow_hosts") {
			t.Errorf("%s: another host: %q, %q, exit status %d", name, out, stderr, code)
		}
	}
}

func TestOverridesAreEmbedded(t *testing.T) {
	dir := projectCopy(t, "sandboxed")
	exe := filepath.Join(publicDir(t), "app")
	stdout, stderr, code := x07(t, dir, "bundle", "--profile", "sandbox", "--sandbox-backend", "none", "--i-accept-weaker-isolation",
		"--allow-read-root", "secret", "--out", exe, "--emit-dir", "emit")
	if code != 0 || !strings.HasPrefix(stderr, "x07 bundle: using derived policy ") {
		t.Fatalf("exit %d: %s", code, stderr)
	}
	for _, name := range []string{"report.json", "policy.used.json", "program.wasm"} {
		if _, err := os.Stat(filepath.Join(dir, "emit", name)); err != nil {
			t.Error(err)
		}
	}
	if kept, _ := os.ReadFile(filepath.Join(dir, "emit", "report.json")); string(kept) != stdout {
		t.Error("the kept report is not the printed one")
	}
	var rep struct {
		Bundle struct {
			Kind   string
			Policy struct {
				Effective string   `json:"effective_policy"`
				Keys      []string `json:"embedded_env_keys"`
			}
			Size struct {
				Total       int64
				Precompiled bool
				Parts       []bundle.Part
			}
		}
	}
	if err := json.Unmarshal([]byte(stdout), &rep); err != nil {
		t.Fatal(err)
	}
	b := rep.Bundle
	if b.Kind != "native" || !strings.Contains(b.Policy.Effective, "_generated") || len(b.Policy.Keys) != 80 || b.Policy.Keys[0] != "X07_WORLD" {
		t.Errorf("bundle section: %+v", b)
	}
	info, err := os.Stat(exe)
	if err != nil {
		t.Fatal(err)
	}
	sum := int64(0)
	for _, p := range b.Size.Parts {
		sum += p.Bytes
	}
	if b.Size.Total != info.Size() || sum != info.Size() || !b.Size.Precompiled {
		t.Errorf("size %+v of a file of %d bytes", b.Size, info.Size())
	}
	out, stderr, code := started{exe: exe, dir: dir}.run(t)
	if !strings.Contains(out, "secret/key.txt: read ") || stderr != "" || code != 0 {
		t.Errorf("%q, %q, exit status %d", out, stderr, code)
	}
}

func TestAnImageRunsInPodman(t *testing.T) {
	if testing.Short() || runtime.GOOS != "linux" {
		t.Skip("starts containers")
	}
	podman, err := exec.LookPath("podman")
	if err != nil {
		t.Skip("podman is not installed")
	}
	if os.Getuid() != 0 {
		t.Skip("storage of an ordinary user may not be set up")
	}
	src, _ := filepath.Abs("testdata")
	dir := publicDir(t)
	archive := filepath.Join(dir, "tool.tar")
	if _, stderr, code := x07(t, src, "bundle", "--repair", "off", "--program", "tool.x07.json", "--module-root", ".", "--out", filepath.Join(dir, "tool"), "--oci", archive, "--image", "x07.example/test/tool:1"); code != 0 {
		t.Fatal(stderr)
	}
	// Storage of its own, so that nothing is left and nothing is met.
	store := []string{"--root", filepath.Join(dir, "root"), "--runroot", filepath.Join(dir, "run"), "--storage-driver", "vfs", "--cgroup-manager", "cgroupfs"}
	if out, err := exec.Command(podman, append(store, "load", "-i", archive)...).CombinedOutput(); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatalf("podman load: %v: %s", err, out)
		}
		t.Skipf("podman cannot be used here: %v: %s", err, out)
	}
	args := append(store, "--runtime", "runc", "run", "--rm", "-i", "--network", "none", "--read-only", "--ulimit", "nofile=1024", "--ulimit", "nproc=1024", "x07.example/test/tool:1", "a word")
	cmd := exec.Command(podman, args...)
	cmd.Stdin = strings.NewReader("line\n")
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	code := exitCode(t, cmd.Run())
	if code > 100 && os.Getenv("CI") != "true" {
		t.Skipf("podman cannot run containers here: exit status %d: %s", code, errs.String())
	}
	if want := "[line]\n" + argv("tool", "a word"); out.String() != want || code != 2 {
		t.Errorf("%q, %q, exit status %d; want %q and 2", out.String(), errs.String(), code, want)
	}
}
