package check_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"testing/fstest"

	"x07/internal/check"
	"x07/internal/mono"
	"x07/internal/program"
)

// library is what the programs of the tests may import.
var library = fstest.MapFS{
	"lib/a.x07.json": {Data: []byte(`{"schema_version":"x07.x07ast@0.5.0","kind":"module","module_id":"lib.a","imports":[],"decls":[
		{"kind":"export","names":["lib.a.f","lib.a.ok"]},
		{"kind":"defn","name":"lib.a.f","params":[],"result":"i32","body":["lib.a.hidden"]},
		{"kind":"defn","name":"lib.a.hidden","params":[],"result":"i32","body":1},
		{"kind":"defn","name":"lib.a.g","type_params":[{"name":"A"}],"params":[{"name":"x","ty":["t","A"]}],"result":"i32","body":1},
		{"kind":"defn","name":"lib.a.ok","params":[{"name":"v","ty":"bytes_view"}],"result":"result_i32","body":["result_i32.ok",0]}]}`)},
}

// compile runs every pass that can find a defect.
func compile(src []byte, o check.Options) error {
	p, err := program.Load(program.Options{Entry: src, World: o.World, Builtin: library, AfterShape: check.InternalHeads})
	if err != nil {
		return err
	}
	m, err := mono.Specialise(p)
	if err != nil {
		return err
	}
	_, err = check.Check(m, o)
	return err
}

// complete fills in the fields of a document that a test leaves out.
func complete(doc []byte) ([]byte, error) {
	var d map[string]json.RawMessage
	if err := json.Unmarshal(doc, &d); err != nil {
		return nil, err
	}
	for k, v := range map[string]string{
		"schema_version": `"x07.x07ast@0.5.0"`, "kind": `"entry"`, "module_id": `"main"`,
		"imports": `[]`, "decls": `[]`, "solve": `["bytes.empty"]`,
	} {
		if d[k] == nil {
			d[k] = json.RawMessage(v)
		}
	}
	return json.Marshal(d)
}

// lineOf is the line, from 1, at which the value that ptr points to begins.
func lineOf(doc, ptr string) (int, error) {
	dec := json.NewDecoder(strings.NewReader(doc))
	if err := seek(dec, strings.Split(ptr, "/")[1:]); err != nil {
		return 0, err
	}
	at := int(dec.InputOffset())
	for at < len(doc) && strings.IndexByte(" \t\r\n,:", doc[at]) >= 0 {
		at++
	}
	return 1 + strings.Count(doc[:at], "\n"), nil
}

// seek moves dec to just before the value that steps lead to.
func seek(dec *json.Decoder, steps []string) error {
	for _, step := range steps {
		t, err := dec.Token()
		if err != nil {
			return err
		}
		n, isIndex := 0, t == json.Delim('[')
		if isIndex {
			if n, err = strconv.Atoi(step); err != nil {
				return err
			}
		}
		for i := 0; ; i++ {
			if !dec.More() {
				return fmt.Errorf("no %q", step)
			}
			if isIndex {
				if i == n {
					break
				}
			} else if k, err := dec.Token(); err != nil || k == step {
				if err != nil {
					return err
				}
				break
			}
			var skip json.RawMessage
			if err := dec.Decode(&skip); err != nil {
				return err
			}
		}
	}
	return nil
}

// The files in testdata hold programs, parted by lines of ---. The line that
// has a defect ends in ### and the error; a program without ### is valid. A
// first line of the form "# world=... unsafe=..." sets options.
func TestDefectsAreReportedWhereTheyAre(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatal("no programs", err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		line := 1
		for _, chunk := range strings.Split(string(text), "\n---\n") {
			t.Run(fmt.Sprintf("%s:%d", filepath.Base(file), line), func(t *testing.T) { testChunk(t, chunk) })
			line += strings.Count(chunk, "\n") + 2
		}
	}
}

func testChunk(t *testing.T, chunk string) {
	o := check.Options{World: "run-os"}
	var doc strings.Builder
	want, wantLine := "", 0
	for i, l := range strings.Split(chunk, "\n") {
		if strings.HasPrefix(l, "#") {
			options(t, &o, l)
			l = ""
		}
		if code, text, found := strings.Cut(l, "###"); found {
			if want != "" {
				t.Fatal("two defects in one program")
			}
			l, want, wantLine = code, strings.TrimSpace(text), i+1
		}
		doc.WriteString(l + "\n")
	}
	src, err := complete([]byte(doc.String()))
	if err != nil {
		t.Fatalf("%v in %s", err, doc.String())
	}
	err = compile(src, o)
	switch {
	case want == "" && err != nil:
		t.Fatalf("valid program refused: %v", err)
	case want == "":
		return
	case err == nil:
		t.Fatalf("accepted; want %s", want)
	case !strings.HasPrefix(err.Error(), want):
		t.Fatalf("\n got %v\nwant %s", err, want)
	}
	ptr := ""
	var ce *check.Error
	var me *mono.Error
	switch {
	case errors.As(err, &ce) && ce.Module == "main":
		ptr = ce.Ptr
	case errors.As(err, &me) && me.Module == "main":
		ptr = me.Ptr
	}
	if ptr == "" {
		return
	}
	if got, err := lineOf(doc.String(), ptr); err != nil || got != wantLine {
		t.Errorf("reported at line %d (%s, %v), want line %d", got, ptr, err, wantLine)
	}
}

func options(t *testing.T, o *check.Options, line string) {
	for _, f := range strings.Fields(line)[1:] {
		k, v, _ := strings.Cut(f, "=")
		n, _ := strconv.Atoi(v)
		b := v == "true"
		switch k {
		case "world":
			o.World = v
		case "unsafe":
			o.AllowUnsafe = &b
		case "ffi":
			o.AllowFFI = &b
		case "nodes":
			o.MaxASTNodes = n
		case "locals":
			o.MaxLocals = n
		default:
			t.Fatalf("unknown option %q", k)
		}
	}
}
