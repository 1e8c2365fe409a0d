package cliargs

import (
	"encoding/binary"
	"fmt"
	"strings"
	"testing"
)

const table = `{"schema_version":"x07cli.specrows@0.1.0","app":{"name":"tool","version":"1"},"rows":[
["root","flag","-v","--verbose","verbose","More",{"global":true}],
["root","opt","-o","--out","out","FILE","Where",{"global":true}],
["root","help","-h","--help","Help"],
["get","flag","-q","--quiet","quiet","Less"],
["get","opt","-H","--header","header","H","Header",{"multiple":true}],
["get","opt","","--token","token","T","Token",{"required":true}],
["get","arg","URL","url","What"],
["get","arg","MORE","more","Others",{"required":false,"multiple":true}],
["put","arg","FILE","file","What"]]}`

func argv(words ...string) []byte {
	doc := binary.LittleEndian.AppendUint32(nil, uint32(len(words)))
	for _, w := range words {
		doc = appendText(doc, w)
	}
	return doc
}

// show writes a result document for people.
func show(t *testing.T, doc []byte) string {
	t.Helper()
	d := decoder{rest: doc}
	if d.take(1)[0] == 0 {
		return fmt.Sprintf("%d %s (%s)", d.u32(), d.text(), d.text())
	}
	out := d.text()
	for n := d.u32(); n > 0; n-- {
		key := d.text()
		kind := d.take(1)[0]
		val := d.text()
		switch kind {
		case kindFlag:
			out += fmt.Sprintf(" %s*%d", key, val[0])
		case kindList:
			list := decoder{rest: []byte(val)}
			var items []string
			for k := list.u32(); k > 0; k-- {
				items = append(items, list.text())
			}
			out += " " + key + "=[" + strings.Join(items, ",") + "]"
		default:
			out += fmt.Sprintf(" %s=%s/%d", key, val, kind)
		}
	}
	if d.bad || len(d.rest) > 0 {
		t.Errorf("malformed result %x", doc)
	}
	return out
}

const (
	rootUsage = "usage: tool [OPTIONS]"
	getUsage  = "usage: tool get [OPTIONS] <URL> <MORE...>"
)

func TestCommandLines(t *testing.T) {
	specbin, code := Compile([]byte(table))
	if code != 0 {
		t.Fatal(code)
	}
	for _, row := range []struct{ words, want string }{
		{"", "root"},
		{"tool", "root"},
		{"-v", "root verbose*1"},
		{"-vv --verbose", "root verbose*3"},
		{"-oX", "root out=X/2"},
		{"-vo X", "root out=X/2 verbose*1"},
		{"--out=a=b --out= ", "root out=/2"},
		{"--out --verbose", "root out=--verbose/2"},
		{"--out", "1002 missing_value (" + rootUsage + ")"},
		{"-o", "1002 missing_value (" + rootUsage + ")"},
		{"--verbose=1", "1002 unexpected_value (" + rootUsage + ")"},
		{"--nope", "1002 unknown_option (" + rootUsage + ")"},
		{"-vx", "1002 unknown_option (" + rootUsage + ")"},
		{"-q", "1002 unknown_option (" + rootUsage + ")"},
		{"-5", "1002 unknown_option (" + rootUsage + ")"},
		{"stray", "1002 too_many_args (" + rootUsage + ")"},
		{"-", "1002 too_many_args (" + rootUsage + ")"},
		{"--help stray", "root help*1"},
		{"-h", "root help*1"},
		{"--version", "root version*1"},
		{"get --token t u", "get token=t/2 url=u/3"},
		{"tool get -qv --token t u a b", "get more=[a,b] quiet*1 token=t/2 url=u/3 verbose*1"},
		{"get -Ha -H b --header=c --token t u", "get header=[a,b,c] token=t/2 url=u/3"},
		{"get u", "1002 missing_required_opt (" + getUsage + ")"},
		{"get --token t", "1002 missing_required_arg (" + getUsage + ")"},
		{"get --token t -- -q --", "get more=[--] token=t/2 url=-q/3"},
		{"-- get --token", "1002 missing_required_opt (" + getUsage + ")"},
		{"get get --token t", "get token=t/2 url=get/3"},
		{"get --help", "get help*1"},
		{"get --version", "1002 unknown_option (" + getUsage + ")"},
		{"put a b", "1002 too_many_args (usage: tool put [OPTIONS] <FILE>)"},
		{"put tool", "put file=tool/3"},
	} {
		words := strings.Fields(row.words)
		for form, doc := range map[string][]byte{"json": Parse([]byte(table), argv(words...)), "compiled": ParseCompiled(specbin, argv(words...))} {
			if got := show(t, doc); got != row.want {
				t.Errorf("%s (%s): %s, want %s", row.words, form, got, row.want)
			}
		}
	}
	if got := show(t, Parse([]byte(table), argv(strings.Fields(strings.Repeat("-v ", 300))...))); got != "root verbose*255" {
		t.Error(got)
	}
}

func TestMalformedInput(t *testing.T) {
	good := argv("-v")
	for n := range good {
		if got := show(t, Parse([]byte(table), good[:n])); got != "1002 invalid_argv_v1 ()" {
			t.Errorf("cut at %d: %s", n, got)
		}
	}
	if got := show(t, Parse([]byte(table), append(good, 1, 2))); got != "root verbose*1" {
		t.Error(got)
	}
	if got := show(t, Parse([]byte(table), []byte{255, 255, 255, 255})); got != "1002 invalid_argv_v1 ()" {
		t.Error(got)
	}
	for _, text := range []string{"", "{", "[]", "{}", `{"schema_version":"x07cli.specrows@0.2.0","rows":[]}`, `{"schema_version":"x07cli.specrows@0.1.0"}`, table + "x"} {
		if got := show(t, Parse([]byte(text), good)); got != "1001 invalid_spec ()" {
			t.Errorf("%s: %s", text, got)
		}
		if _, code := Compile([]byte(text)); code != CodeSpec {
			t.Errorf("%s compiles", text)
		}
	}
	for text, want := range map[string]string{"": "invalid_specbin", "{}": "invalid_specbin", "\x01": "invalid_specbin", "\x01\x00": "invalid_specbin", "\x01\x05\x00\x00\x00\x00": "missing_rows", "\x01\x05\xff\xff\xff\xff": "invalid_specbin"} {
		if got := show(t, ParseCompiled([]byte(text), good)); got != "1001 "+want+" ()" {
			t.Errorf("%q: %s", text, got)
		}
	}
	// Rows that are not rows, and cells of the wrong type, declare nothing.
	odd := `{"schema_version":"x07cli.specrows@0.1.0","rows":[1,[],["root"],["root",2],["root","flag","-v"],["root","opt",null,"--x",{},"X","",7]]}`
	if got := show(t, Parse([]byte(odd), argv("-v", "--x", "1"))); got != "root *1" && got != "root =1/2" {
		t.Error(got)
	}
}

func TestHelpAndCompletion(t *testing.T) {
	specbin, _ := Compile([]byte(table))
	for text, want := range map[string]string{
		table: rootUsage + "\n", string(specbin): rootUsage + "\n", "{": "invalid_spec", "\x01\x09": "invalid_specbin",
		`{"schema_version":"x07cli.specrows@0.1.0"}`:                                                      "missing_rows",
		`{"schema_version":"x07cli.specrows@0.1.0","rows":[["root","arg","A","a","",{"multiple":true}]]}`: "usage: app [OPTIONS] <A>\n",
	} {
		if got := string(Help([]byte(text))); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}

func FuzzParse(f *testing.F) {
	specbin, _ := Compile([]byte(table))
	f.Add([]byte(table), argv("get", "--token", "t", "u", "-Ha"))
	f.Add(specbin, argv("-vvv", "--", "get"))
	f.Fuzz(func(t *testing.T, spec, args []byte) {
		a := Parse(spec, args)
		ParseCompiled(spec, args)
		Help(spec)
		bin, code := Compile(spec)
		if code != 0 {
			return
		}
		if b := ParseCompiled(bin, args); string(a) != string(b) {
			t.Fatalf("the forms differ: %x, %x", a, b)
		}
	})
}
