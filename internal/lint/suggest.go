package lint

import (
	"slices"
	"strings"

	"x07/internal/ast"
)

// typeSuffixes end the names of functions that exist once per type, longest
// first.
var typeSuffixes = []string{"bytes_view", "bytes", "i32", "u32"}

// variant is one function of a family that differs by a type only.
type variant struct {
	decl  *ast.Decl
	token string // the type of this variant
}

// SuggestGenerics looks for families of functions that are the same but for
// one type, such as main.max_i32 and main.max_u32, and returns a patchset that
// replaces each family by one generic function and a typed wrapper per
// variant. path names the document in the patchset, which is empty when
// nothing qualifies. The patch refers to the whole document.
func SuggestGenerics(f *ast.File, path string) ast.Patchset {
	families := map[string][]variant{}
	taken := map[string]bool{}
	for _, d := range f.Decls {
		taken[d.Name] = true
		if d.Kind != ast.Defn || len(d.TypeParams) > 0 {
			continue
		}
		for _, token := range typeSuffixes {
			if base, ok := strings.CutSuffix(d.Name, "_"+token); ok {
				families[base] = append(families[base], variant{d, token})
				break
			}
		}
	}
	merged := map[string]*ast.Decl{} // by the name of a variant: its generic
	added := map[string]any{}        // by base
	for base, family := range families {
		if len(family) < 2 || taken[base] || ast.CheckSymbol(base) != nil {
			continue
		}
		if generic, ok := mergeFamily(base, family); ok {
			added[base] = generic
			for _, v := range family {
				merged[v.decl.Name] = v.decl
			}
		}
	}
	if len(added) == 0 {
		return ast.Patchset{}
	}
	doc, err := ast.DecodeJSON(ast.Format(f))
	if err != nil {
		return ast.Patchset{} // the canonical form of a tree always decodes
	}
	root := doc.(map[string]any)
	var decls []any
	for _, item := range root["decls"].([]any) {
		obj := item.(map[string]any)
		name, _ := obj["name"].(string)
		if d := merged[name]; d != nil {
			item = wrapper(d)
		}
		decls = append(decls, item)
	}
	bases := make([]string, 0, len(added))
	for base := range added {
		bases = append(bases, base)
	}
	slices.Sort(bases)
	for _, base := range bases {
		decls = append(decls, added[base])
	}
	root["decls"] = decls
	return ast.Patchset{Patches: []ast.FilePatch{{Path: path, Note: "suggested generic bases: " + strings.Join(bases, ", "),
		Patch: []ast.PatchOp{replaceOp("", canonicalDocument(root))}}}}
}

// canonicalDocument puts the declarations of a document in canonical order.
func canonicalDocument(root map[string]any) any {
	out, _, err := ast.Canonicalize(ast.AppendCanonicalJSON(nil, root))
	if err != nil {
		return root
	}
	doc, err := ast.DecodeJSON(out)
	if err != nil {
		return root
	}
	return doc
}

// wrapper is what stays of a variant: a call of the generic function.
func wrapper(d *ast.Decl) map[string]any {
	base, token := splitSuffix(d.Name)
	call := list("tapp", base, list("tys", token))
	params := []any{}
	for _, p := range d.Params {
		call = append(call, p.Name)
		params = append(params, paramObject(p.Name, p.Type.Generic(), p.Brand))
	}
	out := map[string]any{"kind": "defn", "name": d.Name, "params": params, "result": d.Result.Generic(), "body": call}
	if d.ResultBrand != "" {
		out["result_brand"] = d.ResultBrand
	}
	return out
}

func splitSuffix(name string) (base, token string) {
	for _, token := range typeSuffixes {
		if base, ok := strings.CutSuffix(name, "_"+token); ok {
			return base, token
		}
	}
	return name, ""
}

func paramObject(name string, typ any, brand string) map[string]any {
	out := map[string]any{"name": name, "ty": typ}
	if brand != "" {
		out["brand"] = brand
	}
	return out
}

// mergeFamily is the generic function that every variant is a case of.
func mergeFamily(base string, family []variant) (map[string]any, bool) {
	m := merger{base: base, family: family}
	first := family[0].decl
	out := map[string]any{"kind": "defn", "name": base, "type_params": []any{map[string]any{"name": "A"}}}
	params := []any{}
	for i, p := range first.Params {
		types := make([]any, len(family))
		for j, v := range family {
			if len(v.decl.Params) != len(first.Params) || v.decl.Params[i].Name != p.Name || v.decl.Params[i].Brand != p.Brand {
				return nil, false
			}
			types[j] = v.decl.Params[i].Type.Generic()
		}
		t := m.typ(types)
		if p.Brand != "" && !isString(t) {
			m.failed = true // a type variable cannot carry a brand
		}
		params = append(params, paramObject(p.Name, t, p.Brand))
	}
	out["params"] = params
	results := make([]any, len(family))
	bodies := make([]any, len(family))
	for j, v := range family {
		if v.decl.ResultBrand != first.ResultBrand || len(v.decl.Params) != len(first.Params) {
			return nil, false
		}
		results[j], bodies[j] = v.decl.Result.Generic(), v.decl.Body.Generic()
	}
	out["result"] = m.typ(results)
	if first.ResultBrand != "" {
		if !isString(out["result"]) {
			m.failed = true
		}
		out["result_brand"] = first.ResultBrand
	}
	out["body"] = m.expr(bodies)
	for _, field := range []struct {
		name string
		of   func(*ast.Decl) []ast.Clause
	}{
		{"requires", func(d *ast.Decl) []ast.Clause { return d.Requires }},
		{"ensures", func(d *ast.Decl) []ast.Clause { return d.Ensures }},
		{"invariant", func(d *ast.Decl) []ast.Clause { return d.Invariant }},
	} {
		if clauses := m.clauses(field.of); len(clauses) > 0 {
			out[field.name] = clauses
		}
	}
	// A family without a type in common has nothing to abstract.
	return out, !m.failed && m.abstracted
}

func isString(v any) bool {
	_, ok := v.(string)
	return ok
}

// merger walks the variants of a family side by side.
type merger struct {
	base       string
	family     []variant
	abstracted bool
	failed     bool
}

func (m *merger) variable() any {
	m.abstracted = true
	return list("t", "A")
}

func same(vs []any) bool {
	for _, v := range vs[1:] {
		if !ast.Equal(vs[0], v) {
			return false
		}
	}
	return true
}

// ownTokens reports whether each variant has its own type here.
func (m *merger) ownTokens(vs []any) bool {
	for i, v := range vs {
		if s, ok := v.(string); !ok || s != m.family[i].token {
			return false
		}
	}
	return true
}

// columns splits lists of equal length into their elements; nil if they are
// not.
func columns(vs []any) [][]any {
	first, ok := vs[0].([]any)
	if !ok {
		return nil
	}
	out := make([][]any, len(first))
	for _, v := range vs {
		items, ok := v.([]any)
		if !ok || len(items) != len(first) {
			return nil
		}
		for i, item := range items {
			out[i] = append(out[i], item)
		}
	}
	return out
}

func (m *merger) fail() any {
	m.failed = true
	return nil
}

func (m *merger) typ(vs []any) any {
	switch {
	case same(vs):
		return vs[0]
	case m.ownTokens(vs):
		return m.variable()
	}
	cols := columns(vs)
	if cols == nil {
		return m.fail()
	}
	out := make([]any, len(cols))
	for i, col := range cols {
		out[i] = m.typ(col)
	}
	return out
}

func (m *merger) expr(vs []any) any {
	if same(vs) {
		return vs[0]
	}
	cols := columns(vs)
	if cols == nil {
		return m.fail()
	}
	// A variant that calls itself becomes a generic that calls itself.
	self := true
	for i, v := range cols[0] {
		self = self && v == any(m.family[i].decl.Name)
	}
	if self {
		out := list("tapp", m.base, []any{"tys", m.variable()})
		for _, col := range cols[1:] {
			out = append(out, m.expr(col))
		}
		return out
	}
	if !same(cols[0]) {
		return m.fail()
	}
	head, _ := cols[0][0].(string)
	out := []any{head}
	for i, col := range cols[1:] {
		if head == "tys" || i == 0 && strings.HasPrefix(head, "ty.") {
			out = append(out, m.typ(col))
		} else {
			out = append(out, m.expr(col))
		}
	}
	return out
}

func (m *merger) clauses(of func(*ast.Decl) []ast.Clause) []any {
	first := of(m.family[0].decl)
	for _, v := range m.family {
		if len(of(v.decl)) != len(first) {
			m.failed = true
			return nil
		}
	}
	var out []any
	for i, c := range first {
		exprs := make([]any, len(m.family))
		for j, v := range m.family {
			other := of(v.decl)[i]
			if other.ID != c.ID || len(other.Witness) != len(c.Witness) {
				m.failed = true
				return nil
			}
			exprs[j] = other.Expr.Generic()
		}
		obj := map[string]any{"expr": m.expr(exprs)}
		if c.ID != "" {
			obj["id"] = c.ID
		}
		var witness []any
		for k := range c.Witness {
			for j, v := range m.family {
				exprs[j] = of(v.decl)[i].Witness[k].Generic()
			}
			witness = append(witness, m.expr(exprs))
		}
		if witness != nil {
			obj["witness"] = witness
		}
		out = append(out, obj)
	}
	return out
}
