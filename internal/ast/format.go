package ast

import (
	"slices"
	"strings"
)

// Format writes f in the canonical form: keys sorted, declarations grouped by
// kind and sorted by name, no white space, one newline at the end. Two
// documents that mean the same have the same bytes.
func Format(f *File) []byte {
	b := append([]byte(nil), `{"decls":[`...)
	first := true
	sep := func() {
		if !first {
			b = append(b, ',')
		}
		first = false
	}
	if f.Kind == "module" && len(f.Exports) > 0 {
		sep()
		b = append(b, `{"kind":"export","names":`...)
		b = appendSet(b, f.Exports)
		b = append(b, '}')
	}
	for _, d := range sortedDecls(f.Decls) {
		sep()
		b = appendDecl(b, d)
	}
	b = append(b, `],"imports":`...)
	b = appendSet(b, f.Imports)
	b = append(b, `,"kind":`...)
	b = AppendCanonicalString(b, f.Kind)
	if len(f.Meta) > 0 {
		b = append(b, `,"meta":`...)
		b = AppendCanonicalJSON(b, f.Meta)
	}
	b = append(b, `,"module_id":`...)
	b = AppendCanonicalString(b, f.ModuleID)
	b = append(b, `,"schema_version":`...)
	b = AppendCanonicalString(b, f.SchemaVersion)
	if f.Solve != nil {
		b = append(b, `,"solve":`...)
		b = AppendCanonicalExpr(b, f.Solve)
	}
	return append(b, '}', '\n')
}

// declOrder is the order of the groups in the canonical form.
var declOrder = [...]int{Extern: 0, Defn: 1, Defasync: 2}

func sortedDecls(decls []*Decl) []*Decl {
	out := slices.Clone(decls)
	slices.SortStableFunc(out, func(a, b *Decl) int {
		if d := declOrder[a.Kind] - declOrder[b.Kind]; d != 0 {
			return d
		}
		return strings.Compare(a.Name, b.Name)
	})
	return out
}

// appendSet writes strings sorted and without duplicates.
func appendSet(b []byte, set []string) []byte {
	if !slices.IsSorted(set) {
		set = slices.Clone(set)
		slices.Sort(set)
	}
	b = append(b, '[')
	for i, s := range set {
		if i > 0 {
			if s == set[i-1] {
				continue
			}
			b = append(b, ',')
		}
		b = AppendCanonicalString(b, s)
	}
	return append(b, ']')
}

var kindNames = [...]string{Defn: "defn", Defasync: "defasync", Extern: "extern"}

// String is the kind as documents spell it.
func (k DeclKind) String() string { return kindNames[k] }

func appendDecl(b []byte, d *Decl) []byte {
	if d.Kind == Extern {
		b = append(b, `{"abi":"C","kind":"extern","link_name":`...)
		b = AppendCanonicalString(b, d.LinkName)
		b = append(b, `,"name":`...)
		b = AppendCanonicalString(b, d.Name)
		b = appendParams(b, d.Params)
		b = append(b, `,"result":`...)
		b = AppendCanonicalType(b, d.Result)
		return append(b, '}')
	}
	b = append(b, `{"body":`...)
	b = AppendCanonicalExpr(b, d.Body)
	b = appendClauses(b, "ensures", d.Ensures)
	b = appendClauses(b, "invariant", d.Invariant)
	b = append(b, `,"kind":"`...)
	b = append(b, d.Kind.String()...)
	b = append(b, `","name":`...)
	b = AppendCanonicalString(b, d.Name)
	b = appendParams(b, d.Params)
	b = appendClauses(b, "requires", d.Requires)
	b = append(b, `,"result":`...)
	b = AppendCanonicalType(b, d.Result)
	if d.ResultBrand != "" {
		b = append(b, `,"result_brand":`...)
		b = AppendCanonicalString(b, d.ResultBrand)
	}
	for i, tp := range d.TypeParams {
		if i == 0 {
			b = append(b, `,"type_params":[{`...)
		} else {
			b = append(b, `,{`...)
		}
		if tp.Bound != "" {
			b = append(b, `"bound":`...)
			b = AppendCanonicalString(b, tp.Bound)
			b = append(b, ',')
		}
		b = append(b, `"name":`...)
		b = AppendCanonicalString(b, tp.Name)
		b = append(b, '}')
		if i == len(d.TypeParams)-1 {
			b = append(b, ']')
		}
	}
	return append(b, '}')
}

func appendParams(b []byte, params []Param) []byte {
	b = append(b, `,"params":[`...)
	for i, p := range params {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, '{')
		if p.Brand != "" {
			b = append(b, `"brand":`...)
			b = AppendCanonicalString(b, p.Brand)
			b = append(b, ',')
		}
		b = append(b, `"name":`...)
		b = AppendCanonicalString(b, p.Name)
		b = append(b, `,"ty":`...)
		b = AppendCanonicalType(b, p.Type)
		b = append(b, '}')
	}
	return append(b, ']')
}

func appendClauses(b []byte, field string, clauses []Clause) []byte {
	for i, c := range clauses {
		if i == 0 {
			b = append(b, `,"`...)
			b = append(b, field...)
			b = append(b, `":[`...)
		} else {
			b = append(b, ',')
		}
		b = append(b, `{"expr":`...)
		b = AppendCanonicalExpr(b, c.Expr)
		if c.ID != "" {
			b = append(b, `,"id":`...)
			b = AppendCanonicalString(b, c.ID)
		}
		for j, w := range c.Witness {
			if j == 0 {
				b = append(b, `,"witness":[`...)
			} else {
				b = append(b, ',')
			}
			b = AppendCanonicalExpr(b, w)
		}
		if len(c.Witness) > 0 {
			b = append(b, ']')
		}
		b = append(b, '}')
		if i == len(clauses)-1 {
			b = append(b, ']')
		}
	}
	return b
}
