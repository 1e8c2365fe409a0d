//go:build linux

package launch_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"x07/internal/policy"
)

// The escape suite: hostile programs run by the real command, as root and as an
// ordinary user, in every backend that runs here. Each must fail to get what
// it is after, and must be gone afterwards.

const secret = "the-secret-of-the-host"

// prey is what lies around the program: a project with a granted directory,
// and things that are not granted.
type prey struct {
	dir  string // holds everything; world-searchable
	work string // the project
}

func newPrey(t *testing.T, uid int) prey {
	dir, err := os.MkdirTemp("", "x07-escape-*")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	p := prey{dir, filepath.Join(dir, "work")}
	for _, d := range []string{"", "work", "work/data", "work/out", "work/secret", "cache", "state"} {
		if err := os.MkdirAll(filepath.Join(dir, d), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for _, f := range []string{"outside.txt", "work/secret/key.txt", "work/data/.hidden"} {
		if err := os.WriteFile(filepath.Join(dir, f), []byte(secret), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(p.work, "data/plain.txt"), []byte("granted"), 0o644); err != nil {
		t.Fatal(err)
	}
	for name, target := range map[string]string{
		"data/up": "../../outside.txt", "data/abs": filepath.Join(dir, "outside.txt"), "data/dir": "../secret",
		"out/away": filepath.Join(dir, "outside.txt"), "data/proc": "/proc/self/environ", "data/root": "/",
	} {
		if err := os.Symlink(target, filepath.Join(p.work, name)); err != nil {
			t.Fatal(err)
		}
	}
	if uid != os.Getuid() {
		filepath.WalkDir(dir, func(path string, _ os.DirEntry, _ error) error { return os.Lchown(path, uid, uid) })
	}
	return p
}

// grant writes the policy: data may be read, out may be written, clocks and
// sleep are there, nothing else.
func (p prey) grant(t *testing.T, change func(*policy.Policy)) string {
	pol, err := policy.FromTemplate("cli", "escape")
	if err != nil {
		t.Fatal(err)
	}
	pol.FS.ReadRoots, pol.FS.WriteRoots = []string{"data"}, []string{"out"}
	pol.Time.AllowSleep, pol.Time.MaxSleepMs = true, 60_000
	pol.Limits.CPUMs, pol.Limits.WallMs = 20_000, 20_000
	if change != nil {
		change(pol)
	}
	path := filepath.Join(p.dir, "policy.json")
	if err := os.WriteFile(path, policy.Render(pol), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

// result is what one run of the command gave.
type result struct {
	stdout, stderr string
	code           int
	took           time.Duration
}

// sandboxed runs a program with the command in bin as user uid.
func (p prey) sandboxed(t *testing.T, bin, backend, policyPath, solve string, uid int) result {
	src := fmt.Sprintf(`{"schema_version":"x07.x07ast@0.5.0","kind":"entry","module_id":"main","imports":["std.os.fs","std.os.fs.spec"],"decls":[],"solve":%s}`, solve)
	prog := filepath.Join(p.work, "attack.x07.json")
	if err := os.WriteFile(prog, []byte(src), 0o644); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, filepath.Join(bin, "x07"), attackArgs(backend, policyPath, prog)...)
	cmd.Dir = p.work
	cmd.Env = p.env()
	cmd.SysProcAttr = as(uid)
	var out, errOut bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errOut
	start := time.Now()
	err := cmd.Run()
	if ctx.Err() != nil {
		t.Fatalf("the run did not end: %s", errOut.String())
	}
	if _, ok := err.(*exec.ExitError); err != nil && !ok {
		t.Fatal(err)
	}
	return result{out.String(), errOut.String(), cmd.ProcessState.ExitCode(), time.Since(start)}
}

func attackArgs(backend, policyPath, prog string) []string {
	args := []string{"run", "--raw", "--world", "run-os-sandboxed", "--repair", "off", "--program", prog, "--policy", policyPath}
	if backend == "os" {
		args = append(args, "--sandbox-backend", "os", "--i-accept-weaker-isolation")
	}
	return args
}

func (p prey) env() []string {
	return []string{"PATH=/usr/bin:/bin", "HOST_SECRET=" + secret, "XDG_CACHE_HOME=" + p.dir + "/cache", "XDG_STATE_HOME=" + p.dir + "/state", "XDG_RUNTIME_DIR=" + p.dir + "/state", "HOME=" + p.dir}
}

func as(uid int) *syscall.SysProcAttr {
	if uid == os.Getuid() {
		return &syscall.SysProcAttr{}
	}
	return &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(uid), Gid: uint32(uid)}}
}

func lit(s string) string {
	b, _ := json.Marshal([]string{"bytes.lit", s})
	return string(b)
}

// readAll reads a file with the coded interface, and shows what it got.
func readAll(path string) string {
	return fmt.Sprintf(`["begin",["let","r",["std.os.fs.read_all_v1",%s,["std.os.fs.spec.caps_pack_v1",0,0,0,0,2]]],["if",["result_bytes.is_ok","r"],["result_bytes.unwrap_or","r",["bytes.empty"]],["fmt.u32_to_dec",["result_bytes.err_code","r"]]]]`, lit(path))
}

func TestHostileProgramsDoNotEscape(t *testing.T) {
	if testing.Short() {
		t.Skip("starts real guests")
	}
	bin := buildAll(t)
	uids := []int{os.Getuid()}
	if os.Getuid() == 0 {
		uids = append(uids, 65534)
	}
	type attack struct {
		name   string
		solve  string
		policy func(*policy.Policy)
		// want is in stdout or stderr of the run; "" demands nothing.
		want string
		// within bounds the time it may take; 0 does not.
		within time.Duration
	}
	loop := func(body string) string {
		return fmt.Sprintf(`["begin",["for","i",0,-1,["for","j",0,-1,%s]],["bytes.empty"]]`, body)
	}
	var attacks []attack
	for _, path := range []string{"../outside.txt", "data/../../outside.txt", "/etc/passwd", "/proc/self/environ", "/dev/zero", "secret/key.txt", "data/.hidden", "data/up", "data/abs", "data/dir/key.txt", "data/proc", "data/root/etc/passwd", "data//plain.txt", "./data/../secret/key.txt", ".", "", "data/up\u0000.txt"} {
		attacks = append(attacks,
			attack{name: "read_file " + path, solve: fmt.Sprintf(`["os.fs.read_file",%s]`, lit(path)), want: "os.fs.read_file"},
			attack{name: "read_all " + path, solve: readAll(path), want: "600"})
	}
	attacks = append(attacks,
		attack{name: "write through a link that leads out", solve: fmt.Sprintf(`["fmt.u32_to_dec",["os.fs.write_file",%s,%s]]`, lit("out/away"), lit("overwritten"))},
		attack{name: "write where only reading is granted", solve: fmt.Sprintf(`["fmt.u32_to_dec",["os.fs.write_file",%s,%s]]`, lit("data/plain.txt"), lit("overwritten"))},
		attack{name: "write above the root", solve: fmt.Sprintf(`["fmt.u32_to_dec",["os.fs.write_file",%s,%s]]`, lit("../outside.txt"), lit("overwritten")), want: "unsafe path"},
		attack{name: "read the host's environment", solve: `["os.env.get",` + lit("HOST_SECRET") + `]`, want: "os.env"},
		attack{name: "run a shell", solve: `["os.process.run_capture_v1",["bytes.lit","x"],["bytes.lit","x"]]`},
		attack{name: "use all memory", solve: loop(`["set","keep",["bytes.concat","keep",["bytes.alloc",1000000]]]`), want: "out of memory", within: 30 * time.Second},
		attack{name: "recurse without end", solve: `["begin",["main.down",1],["bytes.empty"]]`},
		attack{name: "loop without end", solve: loop(`0`), policy: func(p *policy.Policy) { p.Limits.CPUMs, p.Limits.WallMs = 1000, 15_000 }, within: 12 * time.Second},
		attack{name: "sleep past the deadline", solve: loop(`["os.time.sleep_ms_v1",50000]`), policy: func(p *policy.Policy) { p.Limits.WallMs = 1000 }, want: "timed out", within: 12 * time.Second},
		attack{name: "flood standard output", solve: loop(`["os.stdio.write_stdout_v1",["bytes.alloc",60000],["bytes.empty"]]`), policy: func(p *policy.Policy) { p.Limits.CPUMs, p.Limits.WallMs = 1000, 5000 }, within: 15 * time.Second},
		attack{name: "return too much", solve: `["bytes.alloc",30000000]`, want: "too large"},
		attack{name: "touch memory that is not its own", solve: `["begin",["unsafe",["ptr.write_i32",["ptr.cast","ptr_mut_i32",["ptr.add",["ptr.cast","ptr_mut_u8",["ptr.null"]],-100]],1]],["bytes.empty"]]`, policy: func(p *policy.Policy) {
			p.Language.AllowUnsafe = true
		}, want: "signal 11"},
		attack{name: "use unsafe without leave", solve: `["unsafe",["bytes.empty"]]`, want: "unsafe"},
	)
	for _, backend := range []string{"gvisor", "os"} {
		for _, uid := range uids {
			t.Run(fmt.Sprintf("%s/uid %d", backend, uid), func(t *testing.T) {
				t.Parallel()
				p := newPrey(t, uid)
				ok := p.sandboxed(t, bin, backend, p.grant(t, nil), readAll("data/plain.txt"), uid)
				if ok.stdout != "granted" {
					t.Fatalf("what is granted cannot be read: %+v", ok)
				}
				for _, a := range attacks {
					solve := a.solve
					if strings.Contains(solve, `"keep"`) {
						solve = `["begin",["let","keep",["bytes.empty"]],` + strings.TrimPrefix(solve, `["begin",`)
					}
					if strings.Contains(solve, "main.down") {
						solve = `["main.down",1]`
						p.recursion(t, bin, backend, uid)
						continue
					}
					r := p.sandboxed(t, bin, backend, p.grant(t, a.policy), solve, uid)
					all := r.stdout + r.stderr
					switch {
					case strings.Contains(all, secret), strings.Contains(all, "root:x:"):
						t.Errorf("%s: got it: %q", a.name, all)
					case a.want != "" && !strings.Contains(all, a.want):
						t.Errorf("%s: want %q in stdout %.200q, stderr %q (status %d)", a.name, a.want, r.stdout, r.stderr, r.code)
					case a.within > 0 && r.took > a.within:
						t.Errorf("%s: ended only after %v", a.name, r.took)
					}
				}
				for path, want := range map[string]string{"outside.txt": secret, "work/data/plain.txt": "granted", "work/secret/key.txt": secret} {
					if got, _ := os.ReadFile(filepath.Join(p.dir, path)); string(got) != want {
						t.Errorf("%s was changed to %q", path, got)
					}
				}
			})
		}
	}
}

// recursion must end as a trap of the program.
func (p prey) recursion(t *testing.T, bin, backend string, uid int) {
	src := `{"schema_version":"x07.x07ast@0.5.0","kind":"entry","module_id":"main","imports":[],"decls":[{"kind":"defn","name":"main.down","params":[{"name":"n","ty":"i32"}],"result":"i32","body":["+",1,["main.down",["+","n",1]]]}],"solve":["fmt.u32_to_dec",["main.down",0]]}`
	prog := filepath.Join(p.work, "deep.x07.json")
	if err := os.WriteFile(prog, []byte(src), 0o644); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(filepath.Join(bin, "x07"), attackArgs(backend, p.grant(t, nil), prog)...)
	cmd.Dir, cmd.Env, cmd.SysProcAttr = p.work, p.env(), as(uid)
	out, err := cmd.CombinedOutput()
	if err == nil || strings.Contains(string(out), "goroutine") || !strings.Contains(string(out), "signal 11") {
		t.Errorf("recursion without end: %v, %.300q", err, out)
	}
}

// binaries builds the three binaries where any user can run them, once for all
// tests.
var binaries = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "x07-escape-bin-*")
	if err != nil {
		return "", err
	}
	if err := os.Chmod(dir, 0o755); err != nil {
		return dir, err
	}
	for _, name := range []string{"x07", "x07-os-runner", "x07-sentry"} {
		cmd := exec.Command("go", "build", "-o", filepath.Join(dir, name), "x07/cmd/"+name)
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
		if out, err := cmd.CombinedOutput(); err != nil {
			return dir, fmt.Errorf("build %s: %w\n%s", name, err, out)
		}
	}
	return dir, nil
})

// built says that binaries has been called.
var built atomic.Bool

func buildAll(t *testing.T) string {
	built.Store(true)
	dir, err := binaries()
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestMain(m *testing.M) {
	code := m.Run()
	if built.Load() {
		dir, _ := binaries()
		os.RemoveAll(dir)
	}
	os.Exit(code)
}

// At whatever moment x07 is killed, nothing of it remains: its processes end by
// themselves, and the next start removes its job directory.
func TestNothingRemainsWhenTheCommandIsKilled(t *testing.T) {
	if testing.Short() {
		t.Skip("starts real guests")
	}
	bin := buildAll(t)
	for _, backend := range []string{"gvisor", "os"} {
		t.Run(backend, func(t *testing.T) {
			p := newPrey(t, os.Getuid())
			policyPath := p.grant(t, nil)
			prog := filepath.Join(p.work, "forever.x07.json")
			src := `{"schema_version":"x07.x07ast@0.5.0","kind":"entry","module_id":"main","imports":[],"decls":[],"solve":["begin",["for","i",0,-1,["os.time.sleep_ms_v1",1000]],["bytes.empty"]]}`
			if err := os.WriteFile(prog, []byte(src), 0o644); err != nil {
				t.Fatal(err)
			}
			for i := 0; i < 10; i++ {
				cmd := exec.Command(filepath.Join(bin, "x07"), attackArgs(backend, policyPath, prog)...)
				cmd.Dir, cmd.Env = p.work, p.env()
				if err := cmd.Start(); err != nil {
					t.Fatal(err)
				}
				moment := time.Duration(i*i*3) * time.Millisecond
				<-time.After(moment)
				cmd.Process.Kill()
				cmd.Wait()
				deadline := time.Now().Add(10 * time.Second)
				for left := running(bin); len(left) > 0; left = running(bin) {
					if time.Now().After(deadline) {
						t.Fatalf("killed after %v: still running: %v", moment, left)
					}
					<-time.After(10 * time.Millisecond)
				}
			}
			if r := p.sandboxed(t, bin, backend, policyPath, readAll("data/plain.txt"), os.Getuid()); r.stdout != "granted" {
				t.Fatalf("a run afterwards: %+v", r)
			}
			filepath.WalkDir(filepath.Join(p.dir, "state"), func(path string, d os.DirEntry, err error) error {
				if err == nil && d.IsDir() && strings.Contains(filepath.Base(path), "run-") {
					t.Errorf("job directory %s is still there", path)
				}
				return nil
			})
			if mounts, _ := os.ReadFile("/proc/self/mounts"); bytes.Contains(mounts, []byte(p.dir)) {
				t.Error("something is still mounted")
			}
		})
	}
}

// running lists the processes whose executable lies in dir.
func running(dir string) []string {
	var list []string
	procs, _ := filepath.Glob("/proc/[0-9]*/exe")
	for _, exe := range procs {
		if target, err := os.Readlink(exe); err == nil && strings.HasPrefix(target, dir+"/") {
			list = append(list, exe+" "+target)
		}
	}
	return list
}
