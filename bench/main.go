// Command bench measures X07 against its peers and prints ratios.
//
// Each number is a ratio to a peer measured in the same run, the two taking
// turns, and each is the median of several runs; absolute times are shown only
// to make the ratios believable. A peer that is not installed is left out and
// named. Usage, from the top of the repository after `make build`:
//
//	go run ./bench [-runs N] [-bin DIR] [group ...]
//
// Groups: see the table in main. DENO names the deno executable when it is not
// on PATH (the npm package "deno" has one).
package main

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"time"
)

// bench is what the groups share.
type bench struct {
	runs int
	bin  string // directory of the x07 binaries
	tmp  string
	deno string // "" when absent
	gcc  string // "" when absent
}

var groups = []struct {
	name string
	run  func(*bench) error
}{
	{"startup", (*bench).startup},
	{"kernels", (*bench).kernels},
	{"compile", (*bench).compile},
	{"sandbox", (*bench).sandbox},
	{"os", (*bench).os},
	{"net", (*bench).net},
	{"bundle", (*bench).bundle},
}

func main() {
	runs := flag.Int("runs", 7, "measurements per command")
	bin := flag.String("bin", "bin", "directory of the x07 binaries")
	flag.Parse()
	if err := run(*runs, *bin, flag.Args()); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(runs int, bin string, names []string) error {
	bin, err := filepath.Abs(bin)
	if err != nil {
		return err
	}
	if _, err := os.Stat(filepath.Join(bin, "x07")); err != nil {
		return fmt.Errorf("no x07 in %s: run make build first", bin)
	}
	tmp, err := os.MkdirTemp("", "x07-bench-*")
	if err != nil {
		return err
	}
	defer os.RemoveAll(tmp)
	b := &bench{runs: runs, bin: bin, tmp: tmp, deno: os.Getenv("DENO")}
	if b.deno == "" {
		b.deno, _ = exec.LookPath("deno")
	}
	b.gcc, _ = exec.LookPath("gcc")
	// The user's build cache is left alone.
	os.Setenv("XDG_CACHE_HOME", filepath.Join(tmp, "cache"))
	fmt.Printf("%s/%s, %d cores, median of %d runs\n", runtime.GOOS, runtime.GOARCH, runtime.NumCPU(), runs)
	for _, g := range groups {
		if len(names) == 0 || slices.Contains(names, g.name) {
			fmt.Printf("\n## %s\n\n", g.name)
			if err := g.run(b); err != nil {
				return fmt.Errorf("%s: %w", g.name, err)
			}
		}
	}
	return nil
}

// command is one thing to measure.
type command struct {
	name   string
	argv   []string
	stdin  string   // file; "" is empty
	dir    string   // "" is ours
	env    []string // in addition to ours
	before func()   // run before each measurement, not measured
}

// once runs c and returns how long it took and what it printed.
func (c command) once() (time.Duration, string, error) {
	if c.before != nil {
		c.before()
	}
	cmd := exec.Command(c.argv[0], c.argv[1:]...)
	cmd.Env = append(os.Environ(), c.env...)
	cmd.Dir = c.dir
	if c.stdin != "" {
		f, err := os.Open(c.stdin)
		if err != nil {
			return 0, "", err
		}
		defer f.Close()
		cmd.Stdin = f
	}
	cmd.Stderr = nil
	start := time.Now()
	out, err := cmd.Output()
	took := time.Since(start)
	if err != nil {
		if x, ok := err.(*exec.ExitError); ok {
			err = fmt.Errorf("%w: %s", err, x.Stderr)
		}
		return 0, "", fmt.Errorf("%s: %w", c.name, err)
	}
	return took, string(out), nil
}

// race measures commands in turns and returns each one's median and last output.
func (b *bench) race(cmds ...command) ([]time.Duration, []string, error) {
	times := make([][]time.Duration, len(cmds))
	outs := make([]string, len(cmds))
	for r := -1; r < b.runs; r++ { // the first round warms caches
		for i, c := range cmds {
			took, out, err := c.once()
			if err != nil {
				return nil, nil, err
			}
			outs[i] = out
			if r >= 0 {
				times[i] = append(times[i], took)
			}
		}
	}
	medians := make([]time.Duration, len(cmds))
	for i, t := range times {
		slices.Sort(t)
		medians[i] = t[len(t)/2]
	}
	return medians, outs, nil
}

func ms(d time.Duration) string { return fmt.Sprintf("%.1f ms", float64(d.Microseconds())/1000) }

func ratio(a, b time.Duration) float64 { return float64(a) / float64(b) }
