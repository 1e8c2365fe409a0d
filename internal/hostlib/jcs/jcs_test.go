package jcs

import (
	"encoding/binary"
	"encoding/json"
	"reflect"
	"strings"
	"testing"
)

const unlimited = ^uint32(0)

func TestCanonicalForms(t *testing.T) {
	for in, want := range map[string]string{
		`{"b":1,"a":2}`:                         `{"a":2,"b":1}`,
		` [ 1 , true,null , "\u0041\/" ] `:      `[1,true,null,"A/"]`,
		`"\u000b\u001F\b\t\n\f\r\"\\"`:          `"\u000b\u001f\b\t\n\f\r\"\\"`,
		`[1e21,1e-7,1e16,-0,0.000001,123e-20]`:  `[1e+21,1e-7,10000000000000000,0,0.000001,1.23e-18]`,
		`{"\ud83d\ude00":1,"\ufb33":2,"":0}`:    "{\"\":0,\"\U0001f600\":1,\"\ufb33\":2}",
		`{"a":{"d":[],"c":{}},"A":[[{"x":1}]]}`: `{"A":[[{"x":1}]],"a":{"c":{},"d":[]}}`,
		`"` + "\u2028\x7f" + `é"`:               `"` + "\u2028\x7f" + `é"`,
		`333333333.33333329`:                    `333333333.3333333`,
	} {
		if got := string(Canon([]byte(in), unlimited, 0, unlimited)); got != "\x01"+want {
			t.Errorf("%s: got %q, want %q", in, got, want)
		}
	}
}

func TestErrorsCarryCodeAndOffset(t *testing.T) {
	for _, c := range []struct {
		in                     string
		depth, members, object uint32
		code, at               uint32
	}{
		{"", 9, 0, unlimited, CodeSyntax, 0},
		{"   ", 9, 0, unlimited, CodeSyntax, 0},
		{"[1,]", 9, 0, unlimited, CodeSyntax, 3},
		{"[1", 9, 0, unlimited, CodeSyntax, 2},
		{`{"a" 1}`, 9, 0, unlimited, CodeSyntax, 5},
		{`{a:1}`, 9, 0, unlimited, CodeSyntax, 1},
		{`[01]`, 9, 0, unlimited, CodeSyntax, 1},
		{`[-]`, 9, 0, unlimited, CodeSyntax, 1},
		{`[1.e3]`, 9, 0, unlimited, CodeSyntax, 1},
		{`["\x"]`, 9, 0, unlimited, CodeSyntax, 2},
		{`["\u12g4"]`, 9, 0, unlimited, CodeSyntax, 2},
		{"[\"a\nb\"]", 9, 0, unlimited, CodeSyntax, 3},
		{"trux", 9, 0, unlimited, CodeSyntax, 3},
		{"[\"a\xff\"]", 9, 0, unlimited, CodeIJSON, 3},
		{`["\ud800"]`, 9, 0, unlimited, CodeIJSON, 2},
		{`["a\udc00\ud800"]`, 9, 0, unlimited, CodeIJSON, 3},
		{`["\ufdd0"]`, 9, 0, unlimited, CodeIJSON, 2},
		{"[\"\uffff\"]", 9, 0, unlimited, CodeIJSON, 2},
		{`[ 1e400]`, 9, 0, unlimited, CodeIJSON, 2},
		{`{"x":0,"a":1,"a":2}`, 9, 0, unlimited, CodeIJSON, 7},
		{`[[1]]`, 1, 0, unlimited, CodeDepth, 1},
		{`[[1]]`, 0, 0, unlimited, CodeDepth, 1},
		{`[{"a":1,"b":2}]`, 9, 1, unlimited, CodeObject, 1},
		{`{"a":1}`, 9, 0, 31, CodeObject, 0},
		{`{"a":1}`, 9, 0, 0, CodeObject, 0},
		{`{} x`, 9, 0, 0, CodeTrailing, 3},
	} {
		want := make([]byte, 9)
		binary.LittleEndian.PutUint32(want[1:], c.code)
		binary.LittleEndian.PutUint32(want[5:], c.at)
		if got := Canon([]byte(c.in), c.depth, c.members, c.object); !reflect.DeepEqual(got, want) {
			t.Errorf("%s: got %x, want %x", c.in, got, want)
		}
	}
	if got := string(Canon([]byte(`{"a":1}`), 1, 1, 32)); got != "\x01"+`{"a":1}` {
		t.Errorf("an object just at its limits: got %q", got)
	}
}

func TestPracticallyUnlimitedNestingDoesNotExhaustTheStack(t *testing.T) {
	got := Canon([]byte(strings.Repeat("[", 2_000_000)), unlimited, 0, 0)
	if len(got) != 9 || got[1] != CodeDepth {
		t.Fatalf("got %x", got)
	}
}

func FuzzCanonIsStableAndMeansTheSame(f *testing.F) {
	for _, s := range []string{`{"a":[1,2.5e3,"\ud83d\ude00"]}`, `"\u0000"`, `{"a":1,"a":2}`, "[", "-0"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		out := Canon(in, 64, 0, unlimited)
		if out[0] == 0 {
			if len(out) != 9 || int(binary.LittleEndian.Uint32(out[5:])) > len(in) {
				t.Fatalf("bad error document %x", out)
			}
			return
		}
		if again := Canon(out[1:], 64, 0, unlimited); string(again) != string(out) {
			t.Fatalf("not stable: %q then %q", out, again)
		}
		var a, b any
		if json.Unmarshal(in, &a) != nil || json.Unmarshal(out[1:], &b) != nil || !reflect.DeepEqual(a, b) {
			t.Fatalf("%q became %q", in, out[1:])
		}
	})
}
