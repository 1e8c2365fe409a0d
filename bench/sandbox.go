package main

import (
	"encoding/json"
	"fmt"
	"math"
	"math/rand"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"time"
)

// sandbox measures what the guest kernel costs: starting, against `runsc run`
// of a static hello of the same gVisor version, and computing, against run-os.
func (b *bench) sandbox() error {
	if runtime.GOOS != "linux" {
		fmt.Println("the embedded guest kernel exists on Linux only")
		return nil
	}
	policy, err := b.policy()
	if err != nil {
		return err
	}
	if err := b.sandboxStart(policy); err != nil {
		return err
	}
	return b.sandboxWork(policy)
}

// policy writes the cli template.
func (b *bench) policy() (string, error) {
	dir := filepath.Join(b.tmp, "project")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", err
	}
	cmd := exec.Command(filepath.Join(b.bin, "x07"), "policy", "init", "--template", "cli", "--out", "policy.json")
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("policy init: %w\n%s", err, out)
	}
	return filepath.Join(dir, "policy.json"), nil
}

func (b *bench) sandboxed(policy, prog string, args ...string) command {
	return command{name: "x07 run-os-sandboxed", argv: append([]string{filepath.Join(b.bin, "x07"), "run", "--raw", "--world", "run-os-sandboxed", "--policy", policy, "--program", prog}, args...)}
}

func (b *bench) sandboxStart(policy string) error {
	prog, in := filepath.Join(filepath.Dir(policy), "echo.x07.json"), filepath.Join(b.tmp, "echo.in")
	if err := os.WriteFile(prog, []byte(echo), 0o644); err != nil {
		return err
	}
	if err := os.WriteFile(in, []byte("hello\n"), 0o644); err != nil {
		return err
	}
	runsc, bundle, err := b.runsc()
	if err != nil {
		return err
	}
	echoed := b.sandboxed(policy, prog, "--stdin")
	echoed.stdin = in
	script := fmt.Sprintf(`exec %q --root %q --rootless --ignore-cgroups --network=none run -bundle %q bench-%d-$$`, runsc, filepath.Join(b.tmp, "runsc-state"), bundle, os.Getpid())
	peer := command{name: "runsc run hello", argv: []string{"sh", "-c", script}}
	times, outs, err := b.race(echoed, peer)
	if err != nil {
		return err
	}
	for i, c := range []command{echoed, peer} {
		if outs[i] != "hello\n" {
			return fmt.Errorf("%s printed %q", c.name, outs[i])
		}
	}
	fmt.Println("| start to end | x07 | runsc | ratio |\n| --- | ---: | ---: | ---: |")
	fmt.Printf("| echo in the sandbox, warm, and a static hello | %s | %s | %.2f |\n\n", ms(times[0]), ms(times[1]), ratio(times[0], times[1]))
	return nil
}

// nothing is a program that ends at once.
const nothing = `{"schema_version":"x07.x07ast@0.5.0","kind":"entry","module_id":"main","imports":[],"decls":[],"solve":["bytes.empty"]}`

const minWork = 50 * time.Millisecond

// sandboxWork compares kernels in the guest and in run-os, with start-up and,
// less what a program takes that does nothing, without. The second says nothing
// where a kernel runs for less time than start-up varies by, and is left out where
// it is shorter than minWork.
func (b *bench) sandboxWork(policy string) error {
	in := filepath.Join(b.tmp, "input")
	idle := filepath.Join(filepath.Dir(policy), "idle.x07.json")
	if err := os.WriteFile(idle, []byte(nothing), 0o644); err != nil {
		return err
	}
	if err := os.WriteFile(in, make([]byte, 1<<20), 0o644); err != nil {
		return err
	}
	outside := func(prog string) command {
		return command{name: "x07 run-os", argv: []string{filepath.Join(b.bin, "x07"), "run", "--raw", "--program", prog, "--input", in}}
	}
	start, _, err := b.race(b.sandboxed(policy, idle, "--input", in), outside(idle))
	if err != nil {
		return err
	}
	fmt.Println("| kernel | in the guest | run-os | ratio | ratio without start-up |\n| --- | ---: | ---: | ---: | ---: |")
	fmt.Printf("| nothing, with 1 MiB of input | %s | %s | %.2f | |\n", ms(start[0]), ms(start[1]), ratio(start[0], start[1]))
	logSum, count := 0.0, 0
	for _, k := range kernelTable {
		var data []byte
		if k.input != nil {
			data = k.input(rand.New(rand.NewSource(1)))
		}
		if err := os.WriteFile(in, data, 0o644); err != nil {
			return err
		}
		prog, err := filepath.Abs(filepath.Join("bench/kernels", k.name, "main.x07.json"))
		if err != nil {
			return err
		}
		inside := b.sandboxed(policy, prog, "--input", in)
		times, outs, err := b.race(inside, outside(prog))
		if err != nil {
			return err
		}
		if strings.TrimSpace(outs[0]) != strings.TrimSpace(outs[1]) {
			return fmt.Errorf("%s: %q in the guest, %q outside", k.name, outs[0], outs[1])
		}
		without := ""
		if times[1] >= start[1]+minWork {
			work := ratio(max(times[0]-start[0], 1), times[1]-start[1])
			logSum += math.Log(work)
			count++
			without = fmt.Sprintf("%.2f", work)
		}
		fmt.Printf("| %s | %s | %s | %.2f | %s |\n", k.name, ms(times[0]), ms(times[1]), ratio(times[0], times[1]), without)
	}
	if count > 0 {
		fmt.Printf("| geometric mean of the %d above %v | | | | %.2f |\n", count, minWork, math.Exp(logSum/float64(count)))
	}
	return nil
}

// runsc builds gVisor's own command and a bundle for it to run.
func (b *bench) runsc() (binary, bundle string, err error) {
	binary = filepath.Join(b.tmp, "runsc")
	bundle = filepath.Join(b.tmp, "bundle")
	root := filepath.Join(bundle, "rootfs")
	if err := os.MkdirAll(root, 0o755); err != nil {
		return "", "", err
	}
	for out, pkg := range map[string]string{binary: "gvisor.dev/gvisor/runsc", filepath.Join(root, "hello"): "x07/bench/hello"} {
		cmd := exec.Command("go", "build", "-o", out, pkg)
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
		if text, err := cmd.CombinedOutput(); err != nil {
			return "", "", fmt.Errorf("build %s: %w\n%s", pkg, err, text)
		}
	}
	type m = map[string]any
	config, err := json.Marshal(m{
		"ociVersion": "1.0.0",
		"process":    m{"user": m{"uid": 0, "gid": 0}, "args": []string{"/hello"}, "cwd": "/", "noNewPrivileges": true},
		"root":       m{"path": "rootfs", "readonly": true},
		"linux":      m{"namespaces": []m{{"type": "pid"}, {"type": "network"}, {"type": "ipc"}, {"type": "uts"}, {"type": "mount"}}},
	})
	if err != nil {
		return "", "", err
	}
	return binary, bundle, os.WriteFile(filepath.Join(bundle, "config.json"), config, 0o644)
}
