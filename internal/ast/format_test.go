package ast

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
)

func TestTheCanonicalFormIsByteExact(t *testing.T) {
	for _, c := range []struct{ name, src, want string }{
		{"groups and order",
			`{"solve":1,"schema_version":"x07.x07ast@0.5.0","kind":" module ","module_id":"m","imports":["b","a","b"],"junk":1,"meta":{},"decls":[
			{"kind":"defasync","name":"m.a","params":[],"result":"bytes","body":"input","type_params":[]},
			{"kind":"defn","name":"m.z","params":[],"result":["result",["t","A"]],"body":0,"type_params":[{"name":"A","bound":"any","x":1},{"name":"B"}],"requires":[]},
			{"kind":"defn","name":"m.b","params":[{"ty":"bytes","name":"x","brand":"q.r"}],"result_brand":"q","result":"bytes","body":["f",["g","x",-1]],
			 "invariant":[{"expr":1},{"expr":2,"id":"i"}],"ensures":[{"witness":[1,"x"],"expr":3,"id":""}]},
			{"kind":"extern","abi":" C ","name":"m.y","params":[{"name":"p","ty":"ptr_mut_u8"}],"result":" void "},
			{"kind":"extern","abi":"C","name":"m.x","link_name":"c_x","params":[],"result":"u32"},
			{"kind":" export ","names":["m.z","m.a","m.z"]}]}`,
			`{"decls":[{"kind":"export","names":["m.a","m.z"]},` +
				`{"abi":"C","kind":"extern","link_name":"c_x","name":"m.x","params":[],"result":"u32"},` +
				`{"abi":"C","kind":"extern","link_name":"y","name":"m.y","params":[{"name":"p","ty":"ptr_mut_u8"}],"result":"void"},` +
				`{"body":["f",["g","x",-1]],"ensures":[{"expr":3,"witness":[1,"x"]}],"invariant":[{"expr":1},{"expr":2,"id":"i"}],"kind":"defn","name":"m.b","params":[{"brand":"q.r","name":"x","ty":"bytes"}],"result":"bytes","result_brand":"q"},` +
				`{"body":0,"kind":"defn","name":"m.z","params":[],"result":["result",["t","A"]],"type_params":[{"bound":"any","name":"A"},{"name":"B"}]},` +
				`{"body":"input","kind":"defasync","name":"m.a","params":[],"result":"bytes"}],` +
				`"imports":["a","b"],"kind":"module","module_id":"m","schema_version":"x07.x07ast@0.5.0","solve":1}`},
		{"an export of an entry is dropped", with("decls", `[{"kind":"export","names":["main.f"]}]`),
			`{"decls":[],"imports":[],"kind":"entry","module_id":"main","schema_version":"x07.x07ast@0.5.0","solve":0}`},
		{"strings", with("solve", `["bytes.lit","\u0000\u0001\b\f\n\r\t\u001f\"\\\/<>&\u007f\u2028\u2029\u00e9\ud83d\ude00"]`),
			`{"decls":[],"imports":[],"kind":"entry","module_id":"main","schema_version":"x07.x07ast@0.5.0","solve":["bytes.lit","\u0000\u0001\b\f\n\r\t\u001f\"\\/<>&` + "\u007f\u2028\u2029é😀" + `"]}`},
	} {
		f, err := Parse([]byte(c.src))
		if err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		if got := string(Format(f)); got != c.want+"\n" {
			t.Errorf("%s: got\n%s\nwant\n%s", c.name, got, c.want)
		}
	}
}

func TestATreeThatWasBuiltFormatsLikeOneThatWasParsed(t *testing.T) {
	f := &File{SchemaVersion: Schema050, Kind: "module", ModuleID: "m", Imports: []string{"b", "a", "a"}, Exports: []string{"m.z", "m.a"},
		Decls: []*Decl{{Kind: Extern, Name: "m.e", LinkName: "e"}}}
	want := `{"decls":[{"kind":"export","names":["m.a","m.z"]},{"abi":"C","kind":"extern","link_name":"e","name":"m.e","params":[],"result":"void"}],"imports":["a","b"],"kind":"module","module_id":"m","schema_version":"x07.x07ast@0.5.0"}` + "\n"
	if got := string(Format(f)); got != want {
		t.Errorf("got\n%s", got)
	}
}

func TestCanonicalizeTakesAnyJSON(t *testing.T) {
	out, f, err := Canonicalize([]byte(`{ "b": 1.0, "a": [true, null, 1e2], "a\n": {} }`))
	if err != nil || f != nil || string(out) != `{"a":[true,null,100.0],"a\n":{},"b":1.0}`+"\n" {
		t.Errorf("%s %v %v", out, f, err)
	}
	if out, f, err = Canonicalize([]byte(small)); err != nil || f == nil || string(out) != string(Format(f)) {
		t.Errorf("%s %v", out, err)
	}
	if _, _, err = Canonicalize([]byte(`{"a":}`)); err == nil || err.Error() != "expected value at line 1 column 6" {
		t.Errorf("%v", err)
	}
}

func TestExpressionsAndTypesMayStandInGenericValues(t *testing.T) {
	f, err := Parse([]byte(with("solve", `["bytes.lit","a b",["g",1]]`, "decls", `[{"kind":"defn","name":"main.f","params":[],"result":["result",["t","A"]],"body":0}]`)))
	if err != nil {
		t.Fatal(err)
	}
	const want = `["bytes.lit","a b",["g",1]]`
	if got := string(AppendCanonicalJSON(nil, f.Solve.Generic())); got != want {
		t.Error(got)
	}
	if got, err := json.Marshal(f.Solve); err != nil || string(got) != want {
		t.Errorf("%s %v", got, err)
	}
	if !Equal(f.Solve, f.Solve.Generic()) || !Equal(f.Solve.Generic(), f.Solve) || Equal(f.Solve, "x") || Equal("x", f.Solve) {
		t.Error("an expression equals what it stands for, and nothing else")
	}
	typ := f.Decls[0].Result
	if got := string(AppendCanonicalJSON(nil, typ.Generic())); got != `["result",["t","A"]]` || typ.String() != got {
		t.Error(got)
	}
	if (*TypeRef)(nil).String() != `"void"` || (*TypeRef)(nil).Generic() != "void" || typ.Token() != "" {
		t.Error("types without a token")
	}
	if f.Solve.Head() != "bytes.lit" || len(f.Solve.Args()) != 2 || f.Solve.Items[2].Items[1].Head() != "" || f.Solve.Items[1].Args() != nil {
		t.Error("heads and arguments")
	}
}

func TestAPatchsetIsReadAndWritten(t *testing.T) {
	const src = `{"patches":[{"note":"n","patch":[{"op":"replace","path":"/solve","value":["f",0]},{"from":"/a","op":"move","path":"/b"}],"path":"a.x07.json"}],"schema_version":"x07.patchset@0.1.0"}`
	set, err := DecodePatchset([]byte(src))
	if err != nil {
		t.Fatal(err)
	}
	if got := string(set.AppendJSON(nil)); got != src {
		t.Errorf("got %s", got)
	}
	for src, want := range map[string]string{
		`[]`:                                 `patchset must be an object`,
		`{"schema_version":"x"}`:             `schema_version must be "x07.patchset@0.1.0", found "x"`,
		setOf(`1`):                           `patches must be an array`,
		setOf(`[1]`):                         `patches[0] must be an object`,
		setOf(`[{}]`):                        `patches[0].path must be a non-empty string`,
		setOf(`[{"path":"a","note":1}]`):     `patches[0].note must be a string`,
		setOf(`[{"path":"a","patch":[{}]}]`): `patches[0].patch: patch operation 0: missing field "op"`,
	} {
		if _, err := DecodePatchset([]byte(src)); err == nil || err.Error() != want {
			t.Errorf("%s: got %v, want %s", src, err, want)
		}
	}
}

func setOf(patches string) string {
	return `{"schema_version":"x07.patchset@0.1.0","patches":` + patches + `}`
}

func TestLongValuesAreCutInMessages(t *testing.T) {
	_, err := Parse([]byte(solve(`{"k":"` + strings.Repeat("é", 200) + `"}`)))
	var pe *ParseError
	if !errors.As(err, &pe) || !strings.HasPrefix(pe.Message, `unsupported JSON value in expr: {"k":"éé`) || len(pe.Message) > 130 || !strings.HasSuffix(pe.Message, "é…") {
		t.Errorf("got %v", err)
	}
}

func TestPointersNameNodesOfGenericValues(t *testing.T) {
	doc, err := DecodeJSON([]byte(`{"a/b":[{"~":7}]}`))
	if err != nil {
		t.Fatal(err)
	}
	ptr := "/" + escapeToken.Replace("a/b") + "/0/" + escapeToken.Replace("~")
	if v, err := Lookup(doc, ptr); err != nil || v != json.Number("7") || ptr != "/a~1b/0/~0" {
		t.Errorf("%s: %v %v", ptr, v, err)
	}
	for _, bad := range []string{"/a~1b/-", "/a~1b/1", "/a~1b/00", "/x", "/a~1b/0/~0/y"} {
		if _, err := Lookup(doc, bad); err == nil {
			t.Errorf("%s is found", bad)
		}
	}
}
