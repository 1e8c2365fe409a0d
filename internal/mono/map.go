package mono

import (
	"cmp"
	"encoding/json"
	"slices"

	"x07/internal/ast"
)

// maxSites is how many calls of a specialisation the map lists.
const maxSites = 8

// Map says which specialisations a program needs. It is written as a document
// of schema x07.mono.map@0.1.0.
type Map struct {
	InputSchemaVersion string
	Generics           int // generic functions defined
	Sites              int // tapp calls
	Items              []Item
}

// Item is one specialisation.
type Item struct {
	Generic     string
	TypeArgs    string // a JSON array
	Specialized string
	DefModule   string
	Sites       []Site // the first few calls
}

// Site is one call.
type Site struct {
	Caller       string
	CallerModule string
	Ptr          string
}

func (x *expander) makeMap(schema string) Map {
	m := Map{InputSchemaVersion: schema, Sites: x.sites}
	for _, f := range x.generics {
		if len(f.Decl.TypeParams) > 0 {
			m.Generics++
		}
	}
	for _, sp := range x.order {
		m.Items = append(m.Items, Item{
			Generic: sp.generic.Name, TypeArgs: sp.json, Specialized: sp.fn.Name,
			DefModule: sp.fn.Module.ID, Sites: sp.sites,
		})
	}
	slices.SortFunc(m.Items, func(a, b Item) int {
		return cmp.Or(cmp.Compare(a.Generic, b.Generic), cmp.Compare(a.TypeArgs, b.TypeArgs))
	})
	return m
}

// Document is the map as canonical JSON without a final newline.
func (m *Map) Document(toolVersion string) []byte {
	items := make([]any, len(m.Items))
	for i, it := range m.Items {
		var args any
		if err := json.Unmarshal([]byte(it.TypeArgs), &args); err != nil {
			args = []any{}
		}
		o := map[string]any{
			"generic": it.Generic, "type_args": args,
			"specialized": it.Specialized, "def_module": it.DefModule,
		}
		if len(it.Sites) > 0 {
			sites := make([]any, len(it.Sites))
			for j, s := range it.Sites {
				sites[j] = map[string]any{"caller": s.Caller, "caller_module": s.CallerModule, "ptr": s.Ptr}
			}
			o["sites"] = sites
		}
		items[i] = o
	}
	return ast.AppendCanonicalJSON(nil, map[string]any{
		"schema_version":       "x07.mono.map@0.1.0",
		"tool":                 "x07c",
		"tool_version":         toolVersion,
		"input_schema_version": m.InputSchemaVersion,
		"entry_module":         "main",
		"limits":               map[string]any{"max_specializations": MaxSpecializations, "max_depth": MaxTypeDepth},
		"stats": map[string]any{
			"generic_functions_defined": m.Generics,
			"specializations_emitted":   len(m.Items),
			"tapp_sites_total":          m.Sites,
		},
		"items": items,
	})
}
