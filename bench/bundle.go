package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

const argsJS = `Deno.stdout.writeSync(new TextEncoder().encode(Deno.args.join("\n") + "\n"));` + "\n"

// bundle measures how long an executable of echo takes from its start to its
// end, what it weighs, and how long making it takes once the program is in the
// build cache.
func (b *bench) bundle() error {
	dir := filepath.Join(b.tmp, "bundle")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	prog, js := filepath.Join(dir, "echo.x07.json"), filepath.Join(dir, "echo.js")
	for name, text := range map[string]string{prog: echo, js: argsJS} {
		if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
			return err
		}
	}
	exe := filepath.Join(dir, "echo")
	make := []string{filepath.Join(b.bin, "x07"), "bundle", "--program", prog, "--module-root", dir, "--out", exe}
	if out, err := exec.Command(make[0], make[1:]...).CombinedOutput(); err != nil {
		return fmt.Errorf("x07 bundle: %w: %s", err, out)
	}
	cmds := []command{{name: "os bundle of echo", argv: []string{exe, "hello"}}}
	if b.deno != "" {
		cmds = append(cmds, b.denoEcho(dir, js))
	} else {
		fmt.Println("deno is not installed: no peer for the start of a bundle")
	}
	times, outs, err := b.race(cmds...)
	if err != nil {
		return err
	}
	fmt.Println("| start to end | time | to deno |\n| --- | ---: | ---: |")
	for i, c := range cmds {
		if !strings.Contains(outs[i], "hello") {
			return fmt.Errorf("%s printed %q", c.name, outs[i])
		}
		peer := "-"
		if len(cmds) > 1 {
			peer = fmt.Sprintf("%.2f", ratio(times[i], times[len(times)-1]))
		}
		fmt.Printf("| %s | %s | %s |\n", c.name, ms(times[i]), peer)
	}
	made, reports, err := b.race(command{name: "x07 bundle, warm", argv: make})
	if err != nil {
		return err
	}
	fmt.Printf("\nbundling, warm: %s\n", ms(made[0]))
	return sizes(reports[0], cmds)
}

// denoEcho is the peer: an executable of deno compile or, where that cannot get
// the runtime it needs, deno itself with the same script.
func (b *bench) denoEcho(dir, js string) command {
	exe := filepath.Join(dir, "deno-echo")
	cmd := exec.Command(b.deno, "compile", "--quiet", "--output", exe, js)
	cmd.Env = append(os.Environ(), "NO_COLOR=1")
	var errs bytes.Buffer
	cmd.Stderr = &errs
	stop := time.AfterFunc(2*time.Minute, func() { cmd.Process.Kill() })
	err := cmd.Run()
	stop.Stop()
	if err == nil {
		c := command{name: "deno compile of the same", argv: []string{exe, "hello"}}
		if _, out, err := c.once(); err == nil && out == "hello\n" {
			return c
		}
	}
	fmt.Println("deno compile has no runtime to compile with here (set DENORT_BIN): the peer is deno run")
	return command{name: "deno run of the same", argv: []string{b.deno, "run", js, "hello"}}
}

// sizes prints what a bundle weighs, from its report.
func sizes(doc string, cmds []command) error {
	var rep struct {
		Bundle struct {
			Size struct {
				Total int64
				Parts []struct {
					Name  string
					Bytes int64
				}
			}
		}
	}
	if err := json.Unmarshal([]byte(doc), &rep); err != nil {
		return fmt.Errorf("read the report of x07 bundle: %w", err)
	}
	fmt.Printf("size: %.1f MB (", float64(rep.Bundle.Size.Total)/1e6)
	for i, p := range rep.Bundle.Size.Parts {
		if i > 0 {
			fmt.Print(", ")
		}
		fmt.Printf("%s %d bytes", p.Name, p.Bytes)
	}
	fmt.Println(")")
	if len(cmds) > 1 {
		if info, err := os.Stat(cmds[1].argv[0]); err == nil {
			fmt.Printf("size of the peer's executable: %.1f MB\n", float64(info.Size())/1e6)
		}
	}
	return nil
}
