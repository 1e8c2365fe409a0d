package lower_test

import (
	"fmt"
	"io/fs"
	"strings"
	"testing"

	"x07/internal/ast"
	"x07/internal/check"
	"x07/internal/codegen"
	"x07/internal/ir"
	"x07/internal/opt"
	"x07/internal/types"
	"x07/stdlib"
)

// sample is an expression of a type, to call functions with.
func sample(t types.Type) string {
	switch t {
	case types.I32:
		return `0`
	case types.Bytes:
		return `["bytes.empty"]`
	case types.BytesView:
		return `"input"`
	case types.VecU8:
		return `["vec_u8.with_capacity",0]`
	case types.Iface:
		return `["iface.make_v1",0,0]`
	case types.ResultI32, types.ResultBytes, types.ResultBytesView:
		return `["` + t.Token() + `.err",1]`
	}
	return `["` + t.Token() + `.none"]`
}

// callAll is an entry that calls every exported function of every module of
// the library that world admits.
func callAll(t *testing.T, skip func(module string) bool) []byte {
	t.Helper()
	var imports, stmts []string
	err := fs.WalkDir(stdlib.FS, ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".x07.json") {
			return err
		}
		src, err := fs.ReadFile(stdlib.FS, path)
		if err != nil {
			return err
		}
		f, err := ast.Parse(src)
		if err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		if f.Kind != "module" || skip(f.ModuleID) {
			return nil
		}
		imports = append(imports, `"`+f.ModuleID+`"`)
		exported := strings.Join(f.Exports, " ") + " "
		for _, d := range f.Decls {
			if d.Kind != ast.Defn || !strings.Contains(exported, d.Name+" ") {
				continue
			}
			args, tys := "", ""
			chosen := map[string]types.Type{}
			for _, tp := range d.TypeParams {
				chosen[tp.Name] = types.I32
				if tp.Bound == "bytes_like" {
					chosen[tp.Name] = types.BytesView
				}
				tys += `,"` + chosen[tp.Name].Token() + `"`
			}
			for _, p := range d.Params {
				ty, ok := check.TypeOf(p.Type)
				if !ok {
					ty = chosen[p.Type.Name]
				}
				if p.Brand != "" {
					return nil
				}
				args += "," + sample(ty)
			}
			call := `["` + d.Name + `"` + args + `]`
			if tys != "" {
				call = `["tapp","` + d.Name + `",["tys"` + tys + `]` + args + `]`
			}
			stmts = append(stmts, call)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return entry(strings.Join(imports, ","), "", `["begin",`+strings.Join(stmts, ",\n")+`,["bytes.empty"]]`)
}

func TestEveryFunctionOfTheLibraryCompiles(t *testing.T) {
	src := callAll(t, func(m string) bool { return m == "std.rr" || m == "std.kv" })
	p := opt.Optimise(lowered(t, src))
	if err := ir.Verify(p); err != nil {
		t.Fatal(err)
	}
	if _, err := codegen.Generate(p, codegen.Options{World: "run-os"}); err != nil {
		t.Fatal(err)
	}
}
