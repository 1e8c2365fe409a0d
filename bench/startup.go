package main

import (
	"fmt"
	"os"
	"path/filepath"
)

// echo is the smallest program that does something.
const echo = `{"decls":[],"imports":[],"kind":"entry","module_id":"main","schema_version":"x07.x07ast@0.5.0","solve":["view.to_bytes","input"]}` + "\n"

const echoJS = `const b = new Uint8Array(65536); const n = Deno.stdin.readSync(b); Deno.stdout.writeSync(b.subarray(0, n ?? 0));` + "\n"

// startup measures how long a small program takes from the command to its end.
func (b *bench) startup() error {
	prog := filepath.Join(b.tmp, "echo.x07.json")
	js := filepath.Join(b.tmp, "echo.js")
	in := filepath.Join(b.tmp, "echo.in")
	for name, text := range map[string]string{prog: echo, js: echoJS, in: "hello\n"} {
		if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
			return err
		}
	}
	x07 := filepath.Join(b.bin, "x07")
	cold := filepath.Join(b.tmp, "cold")
	cmds := []command{
		{name: "x07 run echo, warm", argv: []string{x07, "run", "--raw", "--program", prog, "--stdin"}, stdin: in},
		{name: "x07 run echo, cold", argv: []string{x07, "run", "--raw", "--program", prog, "--stdin"}, stdin: in,
			env: []string{"XDG_CACHE_HOME=" + cold}, before: func() { os.RemoveAll(cold) }},
	}
	if b.deno != "" {
		cmds = append(cmds, command{name: "deno run echo", argv: []string{b.deno, "run", js}, stdin: in})
	} else {
		fmt.Println("deno is not installed: no peer for the start-up time")
	}
	times, outs, err := b.race(cmds...)
	if err != nil {
		return err
	}
	fmt.Println("| command | time | to deno |\n| --- | ---: | ---: |")
	for i, c := range cmds {
		if outs[i] != "hello\n" {
			return fmt.Errorf("%s printed %q", c.name, outs[i])
		}
		peer := "-"
		if b.deno != "" {
			peer = fmt.Sprintf("%.2f", ratio(times[i], times[len(times)-1]))
		}
		fmt.Printf("| %s | %s | %s |\n", c.name, ms(times[i]), peer)
	}
	return nil
}
