package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"
)

// effect is one OS effect that a program and a Go loop do equally often.
type effect struct {
	name, prog          string // prog is below bench/os/
	few, many           int    // how often in run-os; the difference is what counts
	guestFew, guestMany int    // and in the guest
	want                int    // what the program prints, per repetition
	peerName            string
	peer                [2]string // verb and file of bench/hello
}

var effects = []effect{
	{
		name: "read a file of 4 KiB", prog: "read.x07.json", want: 4096,
		few: 1000, many: 21000, guestFew: 200, guestMany: 2200,
		peerName: "os.ReadFile",
		peer:     [2]string{"read", "data/block.bin"},
	},
	{
		name: "run a program and take its output", prog: "spawn.x07.json", want: 1,
		few: 10, many: 110, guestFew: 2, guestMany: 17,
		peerName: "os/exec",
		peer:     [2]string{"run", "tools/hello"},
	},
}

// os measures effects through the gate against a Go program that does the same,
// both outside and both in the guest, and what the gate's decisions cost.
// Start-up is not in the numbers of the programs: each is the difference between
// many repetitions and few.
func (b *bench) os() error {
	dir := filepath.Join(b.tmp, "os")
	policy, err := b.osProject(dir)
	if err != nil {
		return err
	}
	type place struct {
		name  string
		args  []string
		guest bool
	}
	worlds := []place{{name: "run-os"}}
	if runtime.GOOS == "linux" {
		worlds = append(worlds, place{"in the guest", []string{"--world", "run-os-sandboxed", "--policy", policy}, true})
	}
	fmt.Println("| effect | where | x07 | Go | ratio |\n| --- | --- | ---: | ---: | ---: |")
	for _, e := range effects {
		for _, w := range worlds {
			few, many := e.few, e.many
			if w.guest {
				few, many = e.guestFew, e.guestMany
			}
			ours, err := b.perEffect(e, few, many, slices.Concat(w.args, []string{"--program", filepath.Join(dir, e.prog)})...)
			if err != nil {
				return err
			}
			peer, err := b.perPeer(e, many-few, slices.Concat(w.args, []string{"--program", filepath.Join(dir, "peer.x07.json")})...)
			if err != nil {
				return err
			}
			fmt.Printf("| %s, against %s | %s | %s | %s | %.2f |\n", e.name, e.peerName, w.name, us(ours), us(peer), ratio(ours, peer))
		}
	}
	fmt.Println()
	return b.decisions()
}

// osProject writes what the programs need to dir and returns their policy.
func (b *bench) osProject(dir string) (string, error) {
	for _, sub := range []string{"data", "tools"} {
		if err := os.MkdirAll(filepath.Join(dir, sub), 0o755); err != nil {
			return "", err
		}
	}
	if err := os.CopyFS(dir, os.DirFS("bench/os")); err != nil {
		return "", err
	}
	if err := os.WriteFile(filepath.Join(dir, "data/block.bin"), bytes.Repeat([]byte{7}, 4096), 0o644); err != nil {
		return "", err
	}
	build := exec.Command("go", "build", "-ldflags", "-s -w", "-o", filepath.Join(dir, "tools/hello"), "x07/bench/hello")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if text, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build hello: %w\n%s", err, text)
	}
	init := exec.Command(filepath.Join(b.bin, "x07"), "policy", "init", "--template", "worker-parallel", "--emit", "policy")
	init.Dir = dir
	text, err := init.Output()
	if err != nil {
		return "", fmt.Errorf("policy init: %w", err)
	}
	var doc map[string]json.RawMessage
	if err := json.Unmarshal(text, &doc); err != nil {
		return "", err
	}
	for section, changes := range map[string]map[string]any{
		"fs":      {"enabled": true, "read_roots": []string{"data", "tools"}},
		"process": {"allow_execs": []string{"tools/hello"}, "max_spawns": 1024},
	} {
		var fields map[string]any
		if err := json.Unmarshal(doc[section], &fields); err != nil {
			return "", err
		}
		maps.Copy(fields, changes)
		if doc[section], err = json.Marshal(fields); err != nil {
			return "", err
		}
	}
	if text, err = json.Marshal(doc); err != nil {
		return "", err
	}
	policy := filepath.Join(dir, "policy.json")
	return policy, os.WriteFile(policy, text, 0o644)
}

// perEffect returns the time of one repetition in a program.
func (b *bench) perEffect(e effect, few, many int, args ...string) (time.Duration, error) {
	var cmds []command
	for _, n := range []int{few, many} {
		in := filepath.Join(b.tmp, "count-"+strconv.Itoa(n))
		if err := os.WriteFile(in, []byte(strconv.Itoa(n)), 0o644); err != nil {
			return 0, err
		}
		argv := append([]string{filepath.Join(b.bin, "x07"), "run", "--raw", "--input", in}, args...)
		cmds = append(cmds, command{name: e.prog, argv: argv, dir: filepath.Join(b.tmp, "os")})
	}
	times, outs, err := b.race(cmds...)
	if err != nil {
		return 0, err
	}
	for i, n := range []int{few, many} {
		if outs[i] != strconv.Itoa(n*e.want) {
			return 0, fmt.Errorf("%s, %d times: expected %d, found %q", e.prog, n, n*e.want, outs[i])
		}
	}
	return (times[1] - times[0]) / time.Duration(many-few), nil
}

// perPeer returns the time of one repetition in a Go program, which an X07
// program starts in the same place.
func (b *bench) perPeer(e effect, n int, args ...string) (time.Duration, error) {
	in := filepath.Join(b.tmp, "peer")
	if err := os.WriteFile(in, fmt.Appendf(nil, "%s %s %d", e.peer[0], e.peer[1], n), 0o644); err != nil {
		return 0, err
	}
	c := command{name: e.peerName, dir: filepath.Join(b.tmp, "os"),
		argv: append([]string{filepath.Join(b.bin, "x07"), "run", "--raw", "--input", in}, args...)}
	var took []time.Duration
	for range b.runs {
		_, out, err := c.once()
		if err != nil {
			return 0, err
		}
		ns, err := strconv.Atoi(out)
		if err != nil {
			return 0, fmt.Errorf("%s: expected nanoseconds, found %q", e.peerName, out)
		}
		took = append(took, time.Duration(ns))
	}
	slices.Sort(took)
	return took[len(took)/2], nil
}

// decisionLine is a result of `go test -bench`.
var decisionLine = regexp.MustCompile(`(?m)^BenchmarkDecision/(\w+?)(?:-\d+)?\s+\d+\s+([0-9.]+) ns/op`)

// decisions prints what one decision of the gate costs, as the policy package's
// own benchmark measures it, under a policy of 250 hosts.
func (b *bench) decisions() error {
	cmd := exec.Command("go", "test", "-run", "^$", "-bench", "^BenchmarkDecision$", "-benchtime", "100ms", "x07/internal/policy")
	out, err := cmd.CombinedOutput()
	if err != nil {
		return fmt.Errorf("benchmark of decisions: %w\n%s", err, out)
	}
	lines := decisionLine.FindAllStringSubmatch(string(out), -1)
	if len(lines) == 0 {
		return fmt.Errorf("benchmark of decisions: no results in %q", out)
	}
	slices.SortFunc(lines, func(x, y []string) int { return strings.Compare(x[1], y[1]) })
	fmt.Println("| decision of the gate | ns |\n| --- | ---: |")
	for _, l := range lines {
		fmt.Printf("| %s | %s |\n", l[1], l[2])
	}
	return nil
}

func us(d time.Duration) string { return fmt.Sprintf("%.1f µs", float64(d.Nanoseconds())/1000) }
