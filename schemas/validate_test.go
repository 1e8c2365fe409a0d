package schemas

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	jsonschema "github.com/santhosh-tekuri/jsonschema/v6"
)

func reference(t testing.TB, version string) *jsonschema.Schema {
	t.Helper()
	doc, err := Document(version)
	if err != nil {
		t.Fatal(err)
	}
	tree, err := jsonschema.UnmarshalJSON(bytes.NewReader(doc))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("urn:test", tree); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile("urn:test")
	if err != nil {
		t.Fatalf("%s does not match its meta schema: %v", version, err)
	}
	return s
}

func goldens(t testing.TB) [][]byte {
	t.Helper()
	names, err := filepath.Glob("../internal/policy/testdata/*.golden.json")
	if err != nil || len(names) == 0 {
		t.Fatalf("no golden policies: %v", err)
	}
	var docs [][]byte
	for _, name := range names {
		doc, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		docs = append(docs, doc)
	}
	return docs
}

// agree fails the test unless both validators say the same about doc.
func agree(t *testing.T, ours *Schema, theirs *jsonschema.Schema, doc []byte) {
	t.Helper()
	dec := json.NewDecoder(bytes.NewReader(doc))
	dec.UseNumber()
	var tree any
	if dec.Decode(&tree) != nil {
		return
	}
	if hugeNumber(tree) {
		return
	}
	found, want := ours.Validate(tree, 10), theirs.Validate(tree)
	if (len(found) == 0) != (want == nil) {
		t.Fatalf("we found %v, the library %v, in\n%s", found, want, doc)
	}
}

// hugeNumber reports numbers that the library expands digit by digit.
func hugeNumber(tree any) bool {
	switch v := tree.(type) {
	case json.Number:
		_, ok := parseNumber(string(v))
		return !ok
	case []any:
		for _, item := range v {
			if hugeNumber(item) {
				return true
			}
		}
	case map[string]any:
		for _, item := range v {
			if hugeNumber(item) {
				return true
			}
		}
	}
	return false
}

// values are put in the place of every value of a valid document.
var values = []string{`null`, `true`, `false`, `0`, `1`, `-1`, `1.0`, `1.5`, `1e2`, `65535`, `65536`, `86400001`, `17179869185`,
	`4294967295`, `4294967296`, `""`, `"a"`, `"a;b"`, `"x07.run-os-policy@0.1.0"`, `"é b"`, `[]`, `["a"]`, `[""]`, `[1]`, `[{}]`,
	`{}`, `{"enabled":true}`, `[{"host":"a","ports":[1]}]`, `[{"host":"a b","ports":[0]}]`}

func TestTheValidatorAgreesWithTheLibraryOnEveryChangedValue(t *testing.T) {
	ours, err := Compile(RunOSPolicy)
	if err != nil {
		t.Fatal(err)
	}
	theirs := reference(t, RunOSPolicy)
	docs := goldens(t)
	for _, doc := range docs {
		agree(t, ours, theirs, doc)
	}
	n := 0
	for _, doc := range docs[:4] {
		var tree any
		dec := json.NewDecoder(bytes.NewReader(doc))
		dec.UseNumber()
		if err := dec.Decode(&tree); err != nil {
			t.Fatal(err)
		}
		each(tree, func(set func(any), remove func()) {
			for _, text := range values {
				var v any
				d := json.NewDecoder(strings.NewReader(text))
				d.UseNumber()
				if err := d.Decode(&v); err != nil {
					t.Fatal(err)
				}
				set(v)
				found, want := ours.Validate(tree, 10), theirs.Validate(tree)
				if (len(found) == 0) != (want == nil) {
					t.Fatalf("value %s: we found %v, the library %v", text, found, want)
				}
				n++
			}
			remove()
			found, want := ours.Validate(tree, 10), theirs.Validate(tree)
			if (len(found) == 0) != (want == nil) {
				t.Fatalf("removed key: we found %v, the library %v", found, want)
			}
		})
	}
	if n < 1000 {
		t.Fatalf("only %d documents were compared", n)
	}
}

// each visits every value below tree with a way to change it; the value is put
// back afterwards.
func each(tree any, visit func(set func(any), remove func())) {
	switch v := tree.(type) {
	case map[string]any:
		for k, old := range v {
			visit(func(x any) { v[k] = x }, func() { delete(v, k) })
			v[k] = old
			each(old, visit)
		}
	case []any:
		for i, old := range v {
			visit(func(x any) { v[i] = x }, func() { v[i] = nil })
			v[i] = old
			each(old, visit)
		}
	}
}

func FuzzTheValidatorAgreesWithTheLibrary(f *testing.F) {
	for _, doc := range goldens(f) {
		f.Add(doc)
	}
	ours, err := Compile(RunOSPolicy)
	if err != nil {
		f.Fatal(err)
	}
	theirs := reference(f, RunOSPolicy)
	f.Fuzz(func(t *testing.T, doc []byte) { agree(t, ours, theirs, doc) })
}

func TestEverySchemaCompilesAndMatchesTheMetaSchema(t *testing.T) {
	if len(Versions()) == 0 {
		t.Fatal("no schema is embedded")
	}
	for _, version := range Versions() {
		reference(t, version)
		if _, err := Compile(version); err != nil {
			t.Error(err)
		}
	}
}

func TestAKeywordThatIsNotUnderstoodIsAnError(t *testing.T) {
	for _, doc := range []string{
		`{"contains":{}}`, `{"type":"number"}`, `{"items":{"format":"uri"}}`,
		`{"properties":{"a":{"dependentRequired":{}}}}`, `{"minimum":"1"}`, `[]`, `{"pattern":"("}`,
	} {
		var tree any
		dec := json.NewDecoder(strings.NewReader(doc))
		dec.UseNumber()
		if err := dec.Decode(&tree); err != nil {
			t.Fatal(err)
		}
		if _, err := compile(tree); err == nil {
			t.Errorf("%s compiles", doc)
		}
	}
}

func TestAnUnknownVersionIsAnError(t *testing.T) {
	if _, err := Compile("x07.none@0.1.0"); err == nil || !strings.Contains(err.Error(), RunOSPolicy) {
		t.Errorf("error = %v, want one that lists the known versions", err)
	}
}

func BenchmarkCompile(b *testing.B) {
	for b.Loop() {
		if _, err := Compile(RunOSPolicy); err != nil {
			b.Fatal(err)
		}
	}
}
