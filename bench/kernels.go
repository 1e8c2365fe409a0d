package main

import (
	"bytes"
	"fmt"
	"math"
	"math/rand"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// kernelTable lists the programs of bench/kernels and the input each reads.
var kernelTable = []struct {
	name  string
	input func(r *rand.Rand) []byte
}{
	{"wordcount", text},
	{"fnv1a", func(r *rand.Rand) []byte { b := make([]byte, 1<<20); r.Read(b); return b }},
	{"hashmap", nil},
	{"fib", nil},
	{"sieve", nil},
	{"sort", nil},
	{"json", document},
	{"regex", logLines},
}

// text is 8 MiB of words and lines.
func text(r *rand.Rand) []byte {
	var b bytes.Buffer
	for b.Len() < 8<<20 {
		for i := r.Intn(12) + 1; i > 0; i-- {
			b.WriteByte(byte('a' + r.Intn(26)))
		}
		b.WriteByte(" \t\n "[r.Intn(4)])
	}
	return b.Bytes()
}

// document is 8 MiB of JSON.
func document(r *rand.Rand) []byte {
	var b bytes.Buffer
	b.WriteString("[")
	for i := 0; b.Len() < 8<<20; i++ {
		if i > 0 {
			b.WriteString(",\n")
		}
		fmt.Fprintf(&b, `{"id": %d, "name": "user \"%x\"", "tags": ["a", "bc", null], "score": %d, "ok": %v}`, i, r.Int31(), r.Intn(1e6), i%2 == 0)
	}
	b.WriteString("]")
	return b.Bytes()
}

// logLines is 4 MiB of log; about one line in fifty matches the kernel's pattern.
func logLines(r *rand.Rand) []byte {
	var b bytes.Buffer
	for b.Len() < 4<<20 {
		status := 200
		if r.Intn(50) == 0 {
			status = 500 + r.Intn(5)
		}
		fmt.Fprintf(&b, "2024-05-01T%02d:%02d:%02dZ GET /items/%d took=%dms status=%d\n", r.Intn(24), r.Intn(60), r.Intn(60), r.Intn(1e5), r.Intn(900), status)
	}
	return b.Bytes()
}

// kernels measures compute against C and Deno.
func (b *bench) kernels() error {
	if b.gcc == "" {
		fmt.Println("gcc is not installed: no peer for the kernels")
		return nil
	}
	if b.deno == "" {
		fmt.Println("deno is not installed: compared with C only")
	}
	dir, err := filepath.Abs("bench/kernels")
	if err != nil {
		return err
	}
	fmt.Println("| kernel | x07 | C -O2 | to C | deno | to deno |\n| --- | ---: | ---: | ---: | ---: | ---: |")
	logSum := 0.0
	for _, k := range kernelTable {
		src := filepath.Join(dir, k.name)
		exe := filepath.Join(b.tmp, k.name)
		if out, err := exec.Command(b.gcc, "-O2", "-o", exe, filepath.Join(src, "peer.c")).CombinedOutput(); err != nil {
			return fmt.Errorf("%s: gcc: %w\n%s", k.name, err, out)
		}
		in := filepath.Join(b.tmp, "input")
		var data []byte
		if k.input != nil {
			data = k.input(rand.New(rand.NewSource(1)))
		}
		if err := os.WriteFile(in, data, 0o644); err != nil {
			return err
		}
		cmds := []command{
			{name: "x07", argv: []string{filepath.Join(b.bin, "x07"), "run", "--raw", "--program", filepath.Join(src, "main.x07.json"), "--input", in}},
			{name: "C", argv: []string{exe}, stdin: in},
		}
		if b.deno != "" {
			cmds = append(cmds, command{name: "deno", argv: []string{b.deno, "run", filepath.Join(src, "peer.js")}, stdin: in})
		}
		times, outs, err := b.race(cmds...)
		if err != nil {
			return fmt.Errorf("%s: %w", k.name, err)
		}
		for i := range outs {
			if strings.TrimSpace(outs[i]) != strings.TrimSpace(outs[1]) {
				return fmt.Errorf("%s: %s printed %q, C printed %q", k.name, cmds[i].name, outs[i], outs[1])
			}
		}
		logSum += math.Log(ratio(times[0], times[1]))
		row := fmt.Sprintf("| %s | %s | %s | %.2f |", k.name, ms(times[0]), ms(times[1]), ratio(times[0], times[1]))
		if b.deno != "" {
			row += fmt.Sprintf(" %s | %.2f |", ms(times[2]), ratio(times[0], times[2]))
		} else {
			row += " - | - |"
		}
		fmt.Println(row)
	}
	fmt.Printf("| geometric mean | | | %.2f | | |\n", math.Exp(logSum/float64(len(kernelTable))))
	return nil
}

// compile measures how compile time grows with the program.
func (b *bench) compile() error {
	fmt.Println("| functions | time | per function |\n| ---: | ---: | ---: |")
	for _, n := range []int{1250, 2500, 5000, 10000} {
		dir := filepath.Join(b.tmp, fmt.Sprint("gen", n))
		if err := generate(dir, n); err != nil {
			return err
		}
		cache := filepath.Join(b.tmp, "compile-cache")
		times, outs, err := b.race(command{
			name:   fmt.Sprint(n, " functions"),
			argv:   []string{filepath.Join(b.bin, "x07"), "run", "--raw", "--repair", "off", "--program", filepath.Join(dir, "main.x07.json"), "--module-root", dir},
			env:    []string{"XDG_CACHE_HOME=" + cache, "X07_MAX_AST_NODES=100000000"},
			before: func() { os.RemoveAll(cache) },
		})
		if err != nil {
			return err
		}
		if outs[0] == "" {
			return fmt.Errorf("%d functions printed nothing", n)
		}
		fmt.Printf("| %d | %s | %.1f µs |\n", n, ms(times[0]), float64(times[0]/time.Duration(n))/1000)
	}
	return nil
}

// generate writes a program of n functions that call each other in a chain,
// in modules of 500.
func generate(dir string, n int) error {
	const perModule = 500
	if err := os.MkdirAll(filepath.Join(dir, "gen"), 0o755); err != nil {
		return err
	}
	modules := (n + perModule - 1) / perModule
	for m := 0; m < modules; m++ {
		var decls, names []string
		for i := 0; i < perModule; i++ {
			name := fmt.Sprintf("gen.m%d.f%d", m, i)
			names = append(names, fmt.Sprintf("%q", name))
			next := `["return",["+","x",1]]`
			if i+1 < perModule {
				next = fmt.Sprintf(`["gen.m%d.f%d",["+","acc",1],["bytes.view","buf"]]`, m, i+1)
			}
			decls = append(decls, fmt.Sprintf(`{"body":["begin",["let","acc",0],["let","buf",["bytes.alloc",4]],["for","i",0,3,["set","acc",["+","acc",["*","i","x"]]]],["if",["<u","x",["view.len","v"]],["set","acc",["+","acc",["view.get_u8","v","x"]]],["set","acc",["^","acc",%d]]],%s],"kind":"defn","name":%q,"params":[{"name":"x","ty":"i32"},{"name":"v","ty":"bytes_view"}],"result":"i32"}`, i, next, name))
		}
		doc := fmt.Sprintf(`{"decls":[{"kind":"export","names":[%s]},%s],"imports":[],"kind":"module","module_id":"gen.m%d","schema_version":"x07.x07ast@0.5.0"}`, strings.Join(names, ","), strings.Join(decls, ","), m)
		if err := os.WriteFile(filepath.Join(dir, "gen", fmt.Sprintf("m%d.x07.json", m)), []byte(doc), 0o644); err != nil {
			return err
		}
	}
	var imports []string
	sum := `0`
	for m := 0; m < modules; m++ {
		imports = append(imports, fmt.Sprintf(`"gen.m%d"`, m))
		sum = fmt.Sprintf(`["+",["gen.m%d.f0",%d,"input"],%s]`, m, m, sum)
	}
	doc := fmt.Sprintf(`{"decls":[],"imports":[%s],"kind":"entry","module_id":"main","schema_version":"x07.x07ast@0.5.0","solve":["fmt.u32_to_dec",%s]}`, strings.Join(imports, ","), sum)
	return os.WriteFile(filepath.Join(dir, "main.x07.json"), []byte(doc), 0o644)
}
