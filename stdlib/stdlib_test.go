package stdlib

import (
	"bytes"
	"os"
	"strings"
	"testing"

	"x07/internal/ast"
)

func parse(t *testing.T, id string) (*ast.File, []byte) {
	t.Helper()
	src, err := FS.ReadFile(strings.ReplaceAll(id, ".", "/") + suffix)
	if err != nil {
		t.Fatal(err)
	}
	f, err := ast.Parse(src)
	if err != nil {
		t.Fatalf("%s: %v", id, err)
	}
	return f, src
}

func TestEveryModuleIsInTheCanonicalForm(t *testing.T) {
	for _, id := range Modules() {
		f, src := parse(t, id)
		if !bytes.Equal(src, ast.Format(f)) {
			t.Errorf("%s: run x07 fmt", id)
		}
		if f.ModuleID != id {
			t.Errorf("%s: module_id is %s", id, f.ModuleID)
		}
	}
}

func TestEveryExportIsDocumentedAndNothingElseIs(t *testing.T) {
	for _, id := range Modules() {
		f, _ := parse(t, id)
		doc, err := ModuleDoc(id)
		if err != nil {
			t.Fatal(err)
		}
		if doc.Module == "" {
			t.Errorf("%s: no meta.doc", id)
		}
		exported := map[string]bool{}
		for _, name := range f.Exports {
			exported[name] = true
			if doc.Funcs[name] == "" {
				t.Errorf("%s: no text in meta.docs", name)
			}
		}
		for name := range doc.Funcs {
			if !exported[name] {
				t.Errorf("%s: in meta.docs but not exported", name)
			}
		}
	}
}

// The public interface is compared as text, so that a changed parameter name,
// type, bound or brand is seen, not only a missing function. The list is that
// of the library proper; the modules over the OS heads are specified by those.
func TestTheExportedSignaturesAreThePublishedOnes(t *testing.T) {
	published, err := os.ReadFile("testdata/api.txt")
	if err != nil {
		t.Fatal(err)
	}
	want, listed := map[string]bool{}, map[string]bool{}
	for _, line := range strings.Split(strings.TrimSpace(string(published)), "\n") {
		want[line] = true
		name, _, _ := strings.Cut(strings.TrimPrefix(line, "async "), "(")
		name, _, _ = strings.Cut(name, "<")
		listed[name[:strings.LastIndex(name, ".")]] = true
	}
	got := map[string]bool{}
	for _, id := range Modules() {
		if !listed[id] {
			continue
		}
		f, _ := parse(t, id)
		decls := map[string]*ast.Decl{}
		for _, d := range f.Decls {
			decls[d.Name] = d
		}
		for _, name := range f.Exports {
			d := decls[name]
			if d == nil {
				t.Errorf("%s: exported but not defined", name)
				continue
			}
			sig := signature(d)
			got[sig] = true
			if !want[sig] {
				t.Errorf("not published: %s", sig)
			}
		}
	}
	for sig := range want {
		if !got[sig] {
			t.Errorf("missing: %s", sig)
		}
	}
}

// Modules cannot share functions that they do not export, so some helpers exist
// twice; they must not drift apart.
func TestHelpersThatExistTwiceAreTheSame(t *testing.T) {
	for _, pair := range [][3]string{
		{"std.map", "std.set", "add_row row_cmp merge_rows sort_rows"},
		{"std.hash_map", "std.hash_set", "min_u merge_words sort_words"},
	} {
		texts := [2]map[string]string{}
		for i := range 2 {
			texts[i] = map[string]string{}
			f, _ := parse(t, pair[i])
			for _, d := range f.Decls {
				one := ast.Format(&ast.File{Kind: "module", Decls: []*ast.Decl{d}})
				text := strings.ReplaceAll(string(one), `"`+pair[i]+`.`, `"`)
				texts[i][strings.TrimPrefix(d.Name, pair[i]+".")] = text
			}
		}
		for _, name := range strings.Fields(pair[2]) {
			if a, b := texts[0][name], texts[1][name]; a == "" || a != b {
				t.Errorf("%s of %s and %s differ:\n%s\n%s", name, pair[0], pair[1], a, b)
			}
		}
	}
}

func signature(d *ast.Decl) string {
	var b strings.Builder
	if d.Kind == ast.Defasync {
		b.WriteString("async ")
	}
	b.WriteString(d.Name)
	for i, tp := range d.TypeParams {
		b.WriteString([]string{"<", ", "}[min(i, 1)] + tp.Name + ": " + tp.Bound)
	}
	if len(d.TypeParams) > 0 {
		b.WriteString(">")
	}
	b.WriteString("(")
	for i, p := range d.Params {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(p.Name + ": " + typeText(p.Type, p.Brand))
	}
	b.WriteString(") -> " + typeText(d.Result, d.ResultBrand))
	return b.String()
}

func typeText(t *ast.TypeRef, brand string) string {
	s := t.Name
	for i, a := range t.Args {
		s += []string{"<", ", "}[min(i, 1)] + typeText(a, "")
	}
	if len(t.Args) > 0 {
		s += ">"
	}
	if brand != "" {
		s += "@" + brand
	}
	return s
}
