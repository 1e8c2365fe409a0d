package ast

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"
)

const small = `{"schema_version":"x07.x07ast@0.5.0","kind":"entry","module_id":"main","imports":["std.b","std.a","std.a"],
"decls":[{"kind":"defn","name":"main.f","params":[{"name":"x","ty":"bytes","brand":"a.b"}],"result":"i32","zzz":1,
"requires":[{"expr":["=",1,1],"id":"r","witness":["x"]}],"body":["begin",["bytes.lit","a b\u00e9\n"],-5]}],
"solve":["main.f","input"],"meta":{"a":1e3,"b":[1,-0,"x"]}}`

func TestAnEntryBecomesATreeAndItsCanonicalBytes(t *testing.T) {
	f, err := Parse([]byte(small))
	if err != nil {
		t.Fatal(err)
	}
	want := `{"decls":[{"body":["begin",["bytes.lit","a bé\n"],-5],"kind":"defn","name":"main.f","params":[{"brand":"a.b","name":"x","ty":"bytes"}],"requires":[{"expr":["=",1,1],"id":"r","witness":["x"]}],"result":"i32"}],"imports":["std.a","std.b"],"kind":"entry","meta":{"a":1000.0,"b":[1,-0.0,"x"]},"module_id":"main","schema_version":"x07.x07ast@0.5.0","solve":["main.f","input"]}` + "\n"
	got := Format(f)
	if string(got) != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	if p := f.Decls[0].Body.Items[1].Items[1].Ptr(); p != "/decls/0/body/1/1" {
		t.Errorf("pointer of the literal is %s", p)
	}
	again, err := Parse(got)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(Format(again), got) {
		t.Error("formatting twice changes the bytes")
	}
}

func bigProgram(functions int) []byte {
	var b strings.Builder
	b.WriteString(`{"schema_version":"x07.x07ast@0.5.0","kind":"entry","module_id":"main","imports":[],"decls":[`)
	for i := range functions {
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, `{"kind":"defn","name":"main.f%d","params":[{"name":"x","ty":"i32"},{"name":"y","ty":"bytes_view"}],"result":"i32","body":["begin",["let","a",["+","x",%d]],["let","b",["bytes.lit","hello"]],["for","i",0,10,["set","a",["+","a",["*","i",["view.get_u8","y","i"]]]]],["if",["=","a",0],["main.f%d","a","y"],["+","a",1]]]}`, i, i, max(0, i-1))
	}
	b.WriteString(`],"solve":["bytes.alloc",0]}`)
	return []byte(b.String())
}

func TestTenThousandFunctionsParseInWellUnderASecond(t *testing.T) {
	src := bigProgram(10_000)
	start := time.Now()
	if _, err := Parse(src); err != nil {
		t.Fatal(err)
	}
	if d := time.Since(start); d > 30*time.Second {
		t.Errorf("parsing %d bytes took %v", len(src), d)
	}
}

func BenchmarkParseTenThousandFunctions(b *testing.B) {
	src := bigProgram(10_000)
	b.SetBytes(int64(len(src)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Parse(src); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkFormatTenThousandFunctions(b *testing.B) {
	f, err := Parse(bigProgram(10_000))
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		b.SetBytes(int64(len(Format(f))))
	}
}
