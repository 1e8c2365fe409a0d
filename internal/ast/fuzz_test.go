package ast

import (
	"bytes"
	"encoding/json"
	"errors"
	"reflect"
	"testing"
)

var fuzzSeeds = []string{
	small,
	`{"schema_version":"x07.x07ast@0.4.0","kind":"module","module_id":"m.a-b","imports":["x"],"decls":[{"kind":"export","names":["m.a-b.f"]},` +
		`{"kind":"extern","abi":"C","name":"m.a-b.g","params":[{"name":"p","ty":"ptr_mut_u8"}],"result":"void"},` +
		`{"kind":"defasync","name":"m.a-b.f","type_params":[{"name":"A","bound":"any"},{"name":"B"}],"params":[],"result":["result",["t","A"]],"result_brand":"b","body":["bytes.lit","\u0000\b\f\n\r\t\\\" \ud83d\ude00\u2028"]}]}`,
	`{"schema_version":"x07.x07ast@0.5.0","kind":"entry","module_id":"main","imports":[],"decls":[],"solve":-2147483648,"meta":{"a":[1e300,-0,1.0,null,true]}}`,
	`{"a":1e999}`, `{"a":"\ud800"}`, `[[[[`, `{"a":{"a":{}}} `, "\xef\xbb\xbf{}", `{"schema_version":"x07.x07ast@0.5.0","schema_version":1}`,
}

// Whatever the bytes are, Parse returns a tree or a *ParseError, and accepts
// no text that encoding/json refuses.
func FuzzParse(f *testing.F) {
	for _, s := range fuzzSeeds {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, src []byte) {
		file, err := Parse(src)
		var pe *ParseError
		if err != nil && !errors.As(err, &pe) {
			t.Fatalf("error is %T: %v", err, err)
		}
		if err == nil && (file == nil || !json.Valid(src)) {
			t.Fatalf("accepted %q", src)
		}
		if v, err := DecodeJSON(src); err == nil {
			var std any
			d := json.NewDecoder(bytes.NewReader(src))
			d.UseNumber()
			if err := d.Decode(&std); err != nil || !reflect.DeepEqual(v, std) {
				t.Fatalf("decoded %#v, encoding/json %#v (%v) from %q", v, std, err, src)
			}
		}
	})
}

// Formatting keeps the meaning and is idempotent.
func FuzzFormat(f *testing.F) {
	for _, s := range fuzzSeeds {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, src []byte) {
		file, err := Parse(src)
		if err != nil {
			return
		}
		once := Format(file)
		again, err := Parse(once)
		if err != nil {
			t.Fatalf("%v in the canonical form of %q: %q", err, src, once)
		}
		if twice := Format(again); !bytes.Equal(once, twice) {
			t.Fatalf("formatting twice differs: %q and %q", once, twice)
		}
		third, err := Parse(once)
		if err != nil || !reflect.DeepEqual(third, again) {
			t.Fatalf("parsing is not deterministic: %v", err)
		}
		if len(again.Decls) != len(file.Decls) || (again.Solve == nil) != (file.Solve == nil) {
			t.Fatalf("formatting lost something of %q", src)
		}
	})
}

// A patch succeeds or fails without a panic, and success leaves a document
// that can be written and read.
func FuzzPatch(f *testing.F) {
	f.Add([]byte(`{"a":[1,{"b":2}]}`), []byte(`[{"op":"move","from":"/a/1","path":"/a/0"},{"op":"test","path":"/a/0/b","value":2}]`))
	f.Add([]byte(`[]`), []byte(`[{"op":"add","path":"/-","value":{}},{"op":"copy","from":"","path":"/0/x"},{"op":"remove","path":"/0"}]`))
	f.Add([]byte(`{"":{"~":1}}`), []byte(`[{"op":"replace","path":"//~0","value":null}]`))
	f.Fuzz(func(t *testing.T, src, patch []byte) {
		doc, err := DecodeJSON(src)
		if err != nil {
			return
		}
		ops, err := DecodePatch(patch)
		if err != nil || len(ops) > 16 {
			return
		}
		doc, err = ApplyPatch(doc, ops)
		if err != nil {
			return
		}
		out := AppendCanonicalJSON(nil, doc)
		if !json.Valid(out) {
			t.Fatalf("patched document is not JSON: %q", out)
		}
	})
}
