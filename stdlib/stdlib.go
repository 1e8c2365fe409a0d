// Package stdlib holds the built-in library: modules written in X07 itself,
// module a.b.c in the file a/b/c.x07.json, embedded into the binary. The
// loader asks it before any module root. It compiles nothing and runs nothing.
//
// The files are in the canonical form and are the source: edit them, then run
// "x07 fmt". What a module or an exported function does is said in its "meta"
// object, as "doc" and as "docs" by function name; ModuleDoc reads it. What only
// those who change a module need to know is in its "notes".
package stdlib

import (
	"embed"
	"fmt"
	"io/fs"
	"sort"
	"strings"

	"x07/internal/ast"
)

const suffix = ".x07.json"

// FS holds the modules at paths such as std/bytes.x07.json.
//
//go:embed std ext
var FS embed.FS

// Modules are the ids of all built-in modules, sorted.
func Modules() []string {
	var ids []string
	// Walking an embedded tree from its own root cannot fail.
	_ = fs.WalkDir(FS, ".", func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() && strings.HasSuffix(path, suffix) {
			ids = append(ids, strings.ReplaceAll(strings.TrimSuffix(path, suffix), "/", "."))
		}
		return err
	})
	sort.Strings(ids)
	return ids
}

// Doc is the documentation of one module.
type Doc struct {
	// Module says what the module is for.
	Module string
	// Funcs says for each exported function, by full name, what it takes, what
	// it returns and with which messages it traps.
	Funcs map[string]string
}

// ModuleDoc is the documentation of built-in module id. The error wraps
// fs.ErrNotExist if there is no such module.
func ModuleDoc(id string) (Doc, error) {
	src, err := FS.ReadFile(strings.ReplaceAll(id, ".", "/") + suffix)
	if err != nil {
		return Doc{}, fmt.Errorf("built-in module %q: %w", id, err)
	}
	f, err := ast.Parse(src)
	if err != nil {
		return Doc{}, fmt.Errorf("built-in module %q: %w", id, err)
	}
	doc := Doc{Funcs: map[string]string{}}
	doc.Module, _ = f.Meta["doc"].(string)
	docs, _ := f.Meta["docs"].(map[string]any)
	for name, text := range docs {
		doc.Funcs[name], _ = text.(string)
	}
	return doc, nil
}
