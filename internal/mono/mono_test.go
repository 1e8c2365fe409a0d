package mono_test

import (
	"encoding/json"
	"strings"
	"testing"

	"x07/internal/ast"
	"x07/internal/mono"
	"x07/internal/program"
)

func specialise(t *testing.T, decls, solve string) *mono.Program {
	t.Helper()
	f, err := ast.Parse([]byte(`{"schema_version":"x07.x07ast@0.4.0","kind":"entry","module_id":"main","imports":[],"decls":[` +
		decls + `],"solve":` + solve + `}`))
	if err != nil {
		t.Fatal(err)
	}
	p, err := mono.Specialise(&program.Program{Entry: f})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

const identity = `{"kind":"defn","name":"main.id","type_params":[{"name":"A"}],"params":[{"name":"x","ty":["t","A"]}],"result":["t","A"],"body":"x"}`

func TestSpecialisationsAreNamedByTheirTypes(t *testing.T) {
	p := specialise(t, identity, `["tapp","main.id",["tys",["option","i32"]],["tapp","main.id","i32",1]]`)
	// The hashes are the first four bytes of SHA-256 of ["i32"] and [["option","i32"]].
	want := []string{"main.id__x07_mono_v1__option_i32__h", "main.id__x07_mono_v1__i32__hf2f42f90"}
	if len(p.Funcs) != 2 {
		t.Fatalf("%d functions, want 2", len(p.Funcs))
	}
	for i, f := range p.Funcs {
		if !strings.HasPrefix(f.Name, want[i]) || p.ByName[f.Name] != f || f.Generic != "main.id" {
			t.Errorf("function %d is %q of %q, want %q", i, f.Name, f.Generic, want[i])
		}
	}
	if got := string(ast.AppendCanonicalExpr(nil, p.Solve.Decl.Body)); got !=
		`["`+p.Funcs[0].Name+`",["`+p.Funcs[1].Name+`",1]]` {
		t.Errorf("solve is %s", got)
	}
}

func TestRewrittenNodesKeepThePointersOfTheSource(t *testing.T) {
	p := specialise(t, identity, `["tapp","main.id",["tys","bytes"],["fmt.u32_to_dec",["ty.cmp","i32",1,2]]]`)
	value := p.Solve.Decl.Body.Items[1]
	if got := value.Ptr(); got != "/solve/3" {
		t.Errorf("the argument is at %s, want /solve/3", got)
	}
	if got := value.Items[1].Ptr(); got != "/solve/3/1" {
		t.Errorf("the intrinsic is at %s, want /solve/3/1", got)
	}
}

func TestTreesWithoutGenericsAreShared(t *testing.T) {
	f, err := ast.Parse([]byte(`{"schema_version":"x07.x07ast@0.4.0","kind":"entry","module_id":"main","imports":[],"decls":[],"solve":["begin",["bytes.empty"]]}`))
	if err != nil {
		t.Fatal(err)
	}
	p, err := mono.Specialise(&program.Program{Entry: f})
	if err != nil {
		t.Fatal(err)
	}
	if p.Solve.Decl.Body != f.Solve {
		t.Error("the tree was copied")
	}
}

func TestTheMapListsWhatWasSpecialisedAndWhere(t *testing.T) {
	p := specialise(t, identity+`,{"kind":"defn","name":"main.dead","params":[],"result":"i32","body":["tapp","main.id",["tys","i32"],7]}`,
		`["tapp","main.id",["tys","bytes"],["bytes.empty"]]`)
	var doc struct {
		SchemaVersion string `json:"schema_version"`
		Stats         struct {
			Generics int `json:"generic_functions_defined"`
			Emitted  int `json:"specializations_emitted"`
			Sites    int `json:"tapp_sites_total"`
		}
		Items []struct {
			Generic  string
			TypeArgs []string `json:"type_args"`
			Sites    []struct{ Caller, Ptr string }
		}
	}
	if err := json.Unmarshal(p.Map.Document("1.2.3"), &doc); err != nil {
		t.Fatal(err)
	}
	if doc.SchemaVersion != "x07.mono.map@0.1.0" || doc.Stats.Generics != 1 || doc.Stats.Emitted != 2 || doc.Stats.Sites != 2 {
		t.Errorf("document %+v", doc)
	}
	if len(doc.Items) != 2 || doc.Items[0].TypeArgs[0] != "bytes" || doc.Items[0].Sites[0].Ptr != "/solve" ||
		doc.Items[1].TypeArgs[0] != "i32" || doc.Items[1].Sites[0].Caller != "main.dead" {
		t.Errorf("items %+v", doc.Items)
	}
}

func TestTooManySpecialisationsAreRefused(t *testing.T) {
	// Every call adds one of two letters to a type, in every combination.
	decls := `{"kind":"defn","name":"main.f","type_params":[{"name":"A"}],"params":[],"result":"i32","body":
		["+",["tapp","main.f",["tys",["p",["t","A"]]]],["tapp","main.f",["tys",["q",["t","A"]]]]]}`
	f, err := ast.Parse([]byte(`{"schema_version":"x07.x07ast@0.4.0","kind":"entry","module_id":"main","imports":[],"decls":[` +
		decls + `],"solve":["fmt.u32_to_dec",["tapp","main.f",["tys","i32"]]]}`))
	if err != nil {
		t.Fatal(err)
	}
	_, err = mono.Specialise(&program.Program{Entry: f})
	if err == nil || !strings.HasPrefix(err.Error(), "Budget: X07-TY-0106: monomorphization explosion: max_specializations=4096") {
		t.Errorf("got %v", err)
	}
}
