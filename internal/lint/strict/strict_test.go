package strict

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"x07/internal/ast"
	"x07/schemas"
)

func doc(version, kind, decls, more string) string {
	return fmt.Sprintf(`{"schema_version":"x07.x07ast@%s","kind":%q,"module_id":"main","imports":[],"decls":[%s]%s}`, version, kind, decls, more)
}

const fn = `{"kind":"defn","name":"main.f","params":[{"name":"x","ty":"i32"}],"result":"i32","body":%s%s}`

// samples are documents with what is wrong with each, as "code pointer keyword".
var samples = []struct {
	src  string
	want []string
}{
	{doc("0.5.0", "entry", "", `,"solve":["bytes.lit","a b"],"meta":{"x":1.5}`), nil},
	{doc("0.5.0", "module", `{"kind":"export","names":["main.f"]},`+fmt.Sprintf(fn, `["+","x",1]`, `,"type_params":[{"name":"A","bound":"any"}],"requires":[{"expr":1,"id":"a","witness":["x"]}]`), ""), nil},
	{doc("0.4.0", "module", `{"kind":"extern","abi":"C","name":"main.e","params":[],"result":"void"}`, ""), nil},
	{doc("0.5.0", "entry", "", ""), []string{"X07-SCHEMA-0001  /else/required"}},
	{doc("0.5.0", "module", "", `,"solve":0`), []string{"X07-SCHEMA-0001 /solve /then/properties/solve/not"}},
	{doc("0.5.0", "entry", "", `,"solve":0,"extra":1`), []string{"X07-SCHEMA-0001 /extra /additionalProperties"}},
	{doc("0.5.0", "entry", fmt.Sprintf(fn, `0`, `,"zzz":1`), `,"solve":0`), []string{"X07-SCHEMA-0001 /decls/0/zzz /$defs/function/additionalProperties"}},
	{doc("0.3.0", "entry", fmt.Sprintf(fn, `0`, `,"type_params":[]`), `,"solve":0`), []string{"X07-SCHEMA-0001 /decls/0/type_params /$defs/function/additionalProperties"}},
	{doc("0.4.0", "entry", fmt.Sprintf(fn, `0`, `,"requires":[]`), `,"solve":0`), []string{"X07-SCHEMA-0001 /decls/0/requires /$defs/function/additionalProperties", "X07-X07AST-PARSE-0001 /decls/0/requires "}},
	{doc("0.5.0", "entry", `{"kind":"export","names":[]}`, `,"solve":0`), []string{"X07-SCHEMA-0001 /decls/0/names /$defs/export/properties/names/minItems"}},
	{doc("0.5.0", "module", `{"kind":"export","names":["main.a","main.a"]}`, ``), []string{"X07-SCHEMA-0001 /decls/0/names/1 /$defs/export/properties/names/uniqueItems"}},
	{doc("0.5.0", "entry", `{"kind":"what"}`, `,"solve":0`), []string{"X07-SCHEMA-0001 /decls/0/kind /$defs/decl/else/else/else/properties/kind/enum", "X07-X07AST-PARSE-0001 /decls/0/kind "}},
	{doc("0.5.0", "entry", "", `,"solve":["f",""]`), []string{"X07-SCHEMA-0001 /solve/1 /$defs/atom/minLength"}},
	{doc("0.5.0", "entry", "", `,"solve":["f",`+`"`+strings.Repeat("a", 257)+`"]`), []string{"X07-SCHEMA-0001 /solve/1 /$defs/atom/maxLength"}},
	{doc("0.5.0", "entry", "", `,"solve":["f",2147483648]`), []string{"X07-SCHEMA-0001 /solve/1 /$defs/expr/else/else/maximum", "X07-X07AST-PARSE-0001 /solve/1 "}},
	{doc("0.5.0", "entry", "", `,"solve":[]`), []string{"X07-SCHEMA-0001 /solve /$defs/list/minItems", "X07-X07AST-PARSE-0001 /solve "}},
	{doc("0.5.0", "entry", `{"kind":"defn","name":"main.f","params":[{"name":"x","ty":["t","a"]}],"result":["option"],"body":0}`, `,"solve":0`),
		[]string{"X07-SCHEMA-0001 /decls/0/params/0/ty/1 /$defs/type_param_name/pattern", "X07-SCHEMA-0001 /decls/0/result /$defs/type/else/else/minItems", "X07-X07AST-PARSE-0001 /decls/0/result "}},
	{doc("0.3.0", "entry", `{"kind":"defn","name":"main.f","params":[],"result":["option","i32"],"body":0}`, `,"solve":0`), []string{"X07-SCHEMA-0001 /decls/0/result /$defs/type_name/type"}},
	{doc("9.9.9", "entry", "", ""), []string{"X07-SCHEMA-0002 /schema_version ", "X07-X07AST-PARSE-0001 /schema_version "}},
	{`[]`, []string{"X07-SCHEMA-0001  /type", "X07-X07AST-PARSE-0001  "}},
}

func TestTheStrictSchemaRefusesWhatTheParserLetsPass(t *testing.T) {
	for _, c := range samples {
		ds, err := Validate([]byte(c.src))
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, d := range ds {
			path, _ := d.Data["schema_path"].(string)
			got = append(got, d.Code+" "+d.Ptr()+" "+path)
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%s\ngot  %q\nwant %q", c.src, got, c.want)
		}
	}
	if _, err := Validate([]byte(`{`)); err == nil {
		t.Error("text that is not JSON must be an error")
	}
}

// The general validator library must agree about every sample, so that the
// published schema files mean what our own validator does.
func TestAGeneralValidatorAgrees(t *testing.T) {
	for _, version := range []string{ast.Schema030, ast.Schema040, ast.Schema050} {
		file, err := schemas.Document(version)
		if err != nil {
			t.Fatal(err)
		}
		tree, err := jsonschema.UnmarshalJSON(bytes.NewReader(file))
		if err != nil {
			t.Fatal(err)
		}
		c := jsonschema.NewCompiler()
		if err := c.AddResource("s", tree); err != nil {
			t.Fatal(err)
		}
		general, err := c.Compile("s")
		if err != nil {
			t.Fatal(err)
		}
		own, err := schemas.Compile(version)
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range samples {
			inst, err := jsonschema.UnmarshalJSON(strings.NewReader(s.src))
			if err != nil {
				t.Fatal(err)
			}
			ours := len(own.Validate(inst, 1)) == 0
			if theirs := general.Validate(inst) == nil; ours != theirs {
				t.Errorf("%s: ours says %v, the library %v\n%s", version, ours, theirs, s.src)
			}
		}
	}
}
