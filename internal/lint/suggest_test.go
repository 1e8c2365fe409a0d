package lint

import (
	"strings"
	"testing"

	"x07/internal/ast"
)

func suggest(t *testing.T, decls string) (ast.Patchset, string) {
	t.Helper()
	src := entry("0.5.0", decls, `["bytes.alloc",0]`)
	f, err := ast.Parse([]byte(src))
	if err != nil {
		t.Fatal(err)
	}
	set := SuggestGenerics(f, "m.x07.json")
	if _, err := ast.DecodePatchset(set.AppendJSON(nil)); err != nil {
		t.Fatal(err)
	}
	if len(set.Patches) == 0 {
		return set, ""
	}
	doc, err := ast.ApplyPatch(map[string]any{}, set.Patches[0].Patch)
	if err != nil {
		t.Fatal(err)
	}
	out := append(ast.AppendCanonicalJSON(nil, doc), '\n')
	res := lintOf(t, string(out), "run-os")
	if string(res.Canonical) != string(out) || len(res.Diagnostics) > 0 {
		t.Errorf("suggestion is not clean: %q\n%s", lines(res.Diagnostics), out)
	}
	return set, string(out)
}

func TestFunctionsThatDifferByATypeBecomeOneGeneric(t *testing.T) {
	max := func(ty string) string {
		return defn("max_"+ty, `{"name":"n","ty":"i32"},{"name":"a","ty":"`+ty+`"},{"name":"b","ty":"`+ty+`"}`, `"`+ty+`"`,
			`["if",["ty.lt","`+ty+`","a","b"],["main.max_`+ty+`","n","b","a"],"a"]`, `"requires":[{"expr":["=","n",0],"id":"zero","witness":["n"]}]`)
	}
	set, out := suggest(t, max("i32")+","+max("u32"))
	if len(set.Patches) != 1 || set.Patches[0].Note != "suggested generic bases: main.max" {
		t.Fatalf("%+v", set)
	}
	for _, want := range []string{
		`{"body":["if",["ty.lt",["t","A"],"a","b"],["tapp","main.max",["tys",["t","A"]],"n","b","a"],"a"],"kind":"defn","name":"main.max",` +
			`"params":[{"name":"n","ty":"i32"},{"name":"a","ty":["t","A"]},{"name":"b","ty":["t","A"]}],"requires":[{"expr":["=","n",0],"id":"zero","witness":["n"]}],"result":["t","A"],"type_params":[{"name":"A"}]}`,
		`{"body":["tapp","main.max",["tys","u32"],"n","a","b"],"kind":"defn","name":"main.max_u32","params":[{"name":"n","ty":"i32"},{"name":"a","ty":"u32"},{"name":"b","ty":"u32"}],"result":"u32"}`,
	} {
		if !strings.Contains(out, want) {
			t.Errorf("missing %s in\n%s", want, out)
		}
	}
}

func TestFunctionsThatDifferByMoreStayAsTheyAre(t *testing.T) {
	one := func(name, ty, body string) string {
		return defn(name, `{"name":"a","ty":"`+ty+`"}`, `"`+ty+`"`, body, "")
	}
	for _, decls := range []string{
		one("id_i32", "i32", `"a"`),
		one("id_i32", "i32", `"a"`) + "," + one("id_u32", "u32", `["+","a",1]`),
		one("id_i32", "i32", `"a"`) + "," + one("id_u32", "u32", `"a"`) + "," + one("id", "i32", `"a"`),
		one("id_i32", "i32", `"a"`) + "," + one("id_u32", "i32", `"a"`),
		defn("f_bytes", `{"name":"a","ty":"bytes","brand":"b"}`, `"i32"`, `0`, "") + "," + defn("f_bytes_view", `{"name":"a","ty":"bytes_view","brand":"b"}`, `"i32"`, `0`, ""),
		defn("f_i32", `{"name":"a","ty":"i32"}`, `"i32"`, `0`, "") + "," + defn("f_u32", ``, `"i32"`, `0`, ""),
	} {
		if set, _ := suggest(t, decls); len(set.Patches) != 0 {
			t.Errorf("%s: %s", decls, set.AppendJSON(nil))
		}
	}
}
