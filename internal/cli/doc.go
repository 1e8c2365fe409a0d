package cli

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"x07/internal/ast"
	"x07/internal/program"
	"x07/internal/project"
	"x07/internal/report"
	"x07/internal/types"
	"x07/stdlib"
)

// docFlags are the flags of x07 doc.
type docFlags struct {
	project string
	roots   []string
	builtin bool
	query   string
}

// docAnswer is what a query came to: one of the kinds of x07.doc.report@0.1.0,
// and the text for people.
type docAnswer struct {
	result map[string]any
	text   string
}

// docFailure is a query without an answer.
type docFailure struct{ code, message string }

func (e *docFailure) Error() string { return e.message }

func docCommand(s streams, g *global) *cobra.Command {
	f := &docFlags{}
	cmd := &cobra.Command{
		Use:   "doc [flags] QUERY",
		Short: "Describe a module, a function, a builtin or a package",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return argError("expected one QUERY, got %d arguments", len(args))
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			f.query = strings.TrimSpace(args[0])
			a, err := f.answer()
			if json := cmd.Flags().Lookup("json"); json.Changed && json.Value.String() != "off" && json.Value.String() != "false" {
				return f.report(s, a, err)
			}
			if err != nil {
				return err
			}
			return output(s, g.out, []byte(a.text))
		},
	}
	fl := cmd.Flags()
	fl.StringVar(&f.project, "project", "", "project manifest, `PATH`")
	fl.StringArrayVar(&f.roots, "module-root", nil, "directory of modules, `DIR` (repeatable)")
	fl.BoolVar(&f.builtin, "builtin", false, "only look at what is built in")
	return cmd
}

// report prints the answer as x07.doc.report@0.1.0.
func (f *docFlags) report(s streams, a *docAnswer, err error) error {
	doc := map[string]any{
		"schema_version": report.DocSchema, "command": "doc", "query": f.query,
		"ok": err == nil, "exit_code": exitOK, "diagnostics_count": 0,
	}
	if err != nil {
		failure, ok := err.(*docFailure)
		if !ok {
			failure = &docFailure{"X07-DOC-RESOLVE-0001", err.Error()}
		}
		doc["exit_code"], doc["diagnostics_count"] = exitFailed, 1
		doc["diagnostics"] = []any{map[string]any{"code": failure.code, "severity": "error", "stage": "run", "message": failure.message}}
		doc["result"] = map[string]any{"kind": "error", "message": failure.message}
		if failure.code == "X07-DOC-NOTFOUND-0001" {
			doc["result"] = map[string]any{"kind": "not_found", "suggestions": f.suggestions()}
		}
	} else {
		doc["result"] = a.result
	}
	if _, err := s.out.Write(report.Canonical(doc)); err != nil {
		return fmt.Errorf("write report: %w", err)
	}
	return exitWith(doc["exit_code"].(int))
}

// answer resolves the query in the documented order.
func (f *docFlags) answer() (*docAnswer, error) {
	q := f.query
	if q == "" {
		return nil, &docFailure{"X07-DOC-QUERY-0001", "the query is empty: expected a module, a function, a builtin or a package"}
	}
	if f.builtin {
		for _, find := range []func(string) (*docAnswer, error){formDoc, builtinHead, libraryModule, librarySymbol} {
			if a, err := find(q); a != nil || err != nil {
				return a, err
			}
		}
		return nil, &docFailure{"X07-DOC-BUILTIN-0001", "unknown builtin: " + q}
	}
	if strings.ContainsAny(q, `/\`) || strings.HasSuffix(q, program.Suffix) {
		return docFile(q)
	}
	places, packages, err := f.places()
	if err != nil {
		return nil, err
	}
	for _, find := range []func(string) (*docAnswer, error){places.module, places.symbol, libraryModule, librarySymbol, packages.find, formDoc, builtinHead} {
		if a, err := find(q); a != nil || err != nil {
			return a, err
		}
	}
	return nil, &docFailure{"X07-DOC-NOTFOUND-0001", "module/symbol not found: " + q}
}

// suggestions are up to 50 names that look like the query.
func (f *docFlags) suggestions() []any {
	out := []any{}
	add := func(name, kind string) {
		if len(out) < 50 && (strings.Contains(name, f.query) || strings.HasPrefix(f.query, name)) {
			out = append(out, map[string]any{"query": name, "kind": kind})
		}
	}
	for _, form := range coreForms {
		add(form.name, "builtin_form")
	}
	for _, b := range types.Builtins() {
		if !b.Internal {
			add(b.Name, "builtin_form")
		}
	}
	for _, id := range stdlib.Modules() {
		add(id, "module")
	}
	return out
}

// moduleDoc describes a parsed module.
type moduleDoc struct {
	id, path, source string
	root             string // of modules that come from a module root
	file             *ast.File
	text             string            // what the module is for, "" if unknown
	funcs            map[string]string // what functions do, by name
}

func (m *moduleDoc) sourceOf() map[string]any {
	src := map[string]any{"kind": m.source}
	if m.root != "" {
		src["path"] = m.root
	}
	return src
}

// answer is the whole module.
func (m *moduleDoc) answer() *docAnswer {
	var b strings.Builder
	fmt.Fprintf(&b, "module: %s\nfile: %s\n", m.id, m.path)
	if m.text != "" {
		fmt.Fprintf(&b, "about: %s\n", m.text)
	}
	exports := make([]any, 0, len(m.file.Exports))
	if len(m.file.Exports) == 0 {
		b.WriteString("exports: (none)\n")
	} else {
		b.WriteString("exports:\n")
	}
	for _, name := range m.file.Exports {
		sig := signature(m.file, name)
		exports = append(exports, sig.json())
		fmt.Fprintf(&b, "  - %s\n", sig)
	}
	return &docAnswer{
		result: map[string]any{"kind": "module", "module_id": m.id, "path": m.path, "exports": exports, "source": m.sourceOf()},
		text:   b.String(),
	}
}

// symbol is one exported function; a module that does not export it is an error.
func (m *moduleDoc) symbol(name string) (*docAnswer, error) {
	if !slices.Contains(m.file.Exports, name) {
		return nil, &docFailure{"X07-DOC-SYMBOL-0001", fmt.Sprintf("symbol not exported by %s: %s", m.id, name)}
	}
	sig := signature(m.file, name)
	text := sig.String() + "\n"
	if sig.kind != "defn" {
		text += "kind: " + sig.kind + "\n"
	}
	if doc := m.funcs[name]; doc != "" {
		text += doc + "\n"
	}
	result := map[string]any{"kind": "symbol", "symbol": name, "module_id": m.id, "path": m.path, "sig": sig.json(), "source": m.sourceOf()}
	return &docAnswer{result: result, text: text}, nil
}

// sig is a function as documentation shows it.
type sig struct {
	name, kind, result string
	params             [][2]string
}

func signature(f *ast.File, name string) sig {
	s := sig{name: name, kind: "export"}
	for _, d := range f.Decls {
		if d.Name != name {
			continue
		}
		s.kind, s.result = d.Kind.String(), "void"
		if d.Result != nil {
			s.result = typeText(d.Result)
		}
		for _, p := range d.Params {
			s.params = append(s.params, [2]string{p.Name, typeText(p.Type)})
		}
	}
	return s
}

// typeText is a type as programs write it.
func typeText(t *ast.TypeRef) string {
	if t.Name != "" && !t.Var && len(t.Args) == 0 {
		return t.Name
	}
	return t.String()
}

func (s sig) String() string {
	params := make([]string, len(s.params))
	for i, p := range s.params {
		params[i] = p[0] + ": " + p[1]
	}
	return fmt.Sprintf("%s(%s) -> %s", s.name, strings.Join(params, ", "), s.result)
}

func (s sig) json() map[string]any {
	params := make([]any, len(s.params))
	for i, p := range s.params {
		params[i] = map[string]any{"name": p[0], "ty": p[1]}
	}
	return map[string]any{"name": s.name, "kind": s.kind, "params": params, "result": s.result}
}

// builtinHead describes a head that the compiler resolves itself.
func builtinHead(q string) (*docAnswer, error) {
	b := types.Lookup(q)
	if b == nil || b.Internal {
		return nil, nil
	}
	text := builtinSignature(b) + "\n"
	if b.Doc != "" {
		text += b.Doc + "\n"
	}
	if len(b.Traps) > 0 {
		text += "traps: " + strings.Join(b.Traps, "; ") + "\n"
	}
	return &docAnswer{
		result: map[string]any{"kind": "builtin_form", "name": b.Name, "doc": strings.TrimSuffix(text, "\n"), "source": map[string]any{"kind": "builtin"}},
		text:   text,
	}, nil
}

// libraryDoc is module id of the built-in library, nil if there is none.
func libraryDoc(id string) (*moduleDoc, error) {
	if !builtinModule(id) {
		return nil, nil
	}
	src, err := stdlib.FS.ReadFile(program.ModuleFile(id))
	if err != nil {
		return nil, fmt.Errorf("read built-in module %s: %w", id, err)
	}
	file, err := ast.Parse(src)
	if err != nil {
		return nil, fmt.Errorf("read built-in module %s: %w", id, err)
	}
	doc, err := stdlib.ModuleDoc(id)
	if err != nil {
		return nil, err
	}
	return &moduleDoc{id: id, path: "<builtin>", source: "builtin", file: file, text: doc.Module, funcs: doc.Funcs}, nil
}

func libraryModule(q string) (*docAnswer, error) {
	m, err := libraryDoc(q)
	if m == nil {
		return nil, err
	}
	return m.answer(), nil
}

func librarySymbol(q string) (*docAnswer, error) {
	i := strings.LastIndexByte(q, '.')
	if i < 0 {
		return nil, nil
	}
	m, err := libraryDoc(q[:i])
	if m == nil {
		return nil, err
	}
	// A builtin of that name is described instead of a missing export.
	if !slices.Contains(m.file.Exports, q) && types.Lookup(q) != nil {
		return nil, nil
	}
	return m.symbol(q)
}

// docRoots are module roots with what kind of source each is.
type docRoots []struct{ dir, source string }

func (r docRoots) load(id string) (*moduleDoc, error) {
	for _, root := range r {
		path := filepath.Join(root.dir, filepath.FromSlash(program.ModuleFile(id)))
		if info, err := os.Stat(path); err != nil || !info.Mode().IsRegular() {
			continue
		}
		m, err := loadModuleDoc(path)
		if err != nil {
			return nil, err
		}
		m.root, m.source = root.dir, root.source
		return m, nil
	}
	return nil, nil
}

func (r docRoots) module(q string) (*docAnswer, error) {
	m, err := r.load(q)
	if m == nil {
		return nil, err
	}
	return m.answer(), nil
}

func (r docRoots) symbol(q string) (*docAnswer, error) {
	i := strings.LastIndexByte(q, '.')
	if i < 0 {
		return nil, nil
	}
	m, err := r.load(q[:i])
	if m == nil {
		return nil, err
	}
	return m.symbol(q)
}

func docFile(path string) (*docAnswer, error) {
	m, err := loadModuleDoc(path)
	if err != nil {
		return nil, err
	}
	return m.answer(), nil
}

func loadModuleDoc(path string) (*moduleDoc, error) {
	src, err := readSource(path)
	if err != nil {
		return nil, &docFailure{"X07-DOC-PATH-0001", err.Error()}
	}
	file, err := ast.Parse(src)
	if err != nil {
		return nil, &docFailure{"X07-DOC-PATH-0001", fmt.Sprintf("parse x07AST JSON: %s: %v", path, err)}
	}
	m := &moduleDoc{id: file.ModuleID, path: path, source: "filesystem", file: file, funcs: map[string]string{}}
	m.text, _ = file.Meta["doc"].(string)
	docs, _ := file.Meta["docs"].(map[string]any)
	for name, text := range docs {
		m.funcs[name], _ = text.(string)
	}
	return m, nil
}

// docPackages are the packages of a project, by name.
type docPackages map[string]*project.Package

func (p docPackages) find(q string) (*docAnswer, error) {
	name, version, pinned := strings.Cut(q, "@")
	pkg := p[name]
	if pkg == nil || pinned && pkg.Version != version {
		return nil, nil
	}
	var b strings.Builder
	fmt.Fprintf(&b, "package: %s@%s\n", pkg.Name, pkg.Version)
	if pkg.Description != "" {
		fmt.Fprintf(&b, "description: %s\n", pkg.Description)
	}
	if len(pkg.Modules) > 0 {
		b.WriteString("modules:\n")
		for _, m := range pkg.Modules {
			fmt.Fprintf(&b, "  - %s\n", m)
		}
		fmt.Fprintf(&b, "hint: x07 doc %s\n", pkg.Modules[0])
	} else if pkg.Docs != "" {
		fmt.Fprintf(&b, "docs:\n%s\n", pkg.Docs)
	}
	return &docAnswer{
		result: map[string]any{"kind": "package", "name": pkg.Name, "version": pkg.Version, "description": pkg.Description, "docs": pkg.Docs,
			"module_root": pkg.ModuleRoot, "modules": pkg.Modules, "source": map[string]any{"kind": "dependency", "package": pkg.Name + "@" + pkg.Version}},
		text: b.String(),
	}, nil
}

// places are the module roots that the query is looked up in, and the packages
// of the project.
func (f *docFlags) places() (docRoots, docPackages, error) {
	var roots docRoots
	add := func(dir, source string) { roots = append(roots, struct{ dir, source string }{dir, source}) }
	if len(f.roots) > 0 {
		for _, dir := range f.roots {
			add(dir, "filesystem")
		}
		return roots, nil, nil
	}
	dir, err := workingDir()
	if err != nil {
		return nil, nil, err
	}
	manifest := f.project
	if manifest != "" {
		manifest = project.LookUp(dir, manifest)
	} else {
		manifest = project.Discover(dir)
	}
	if manifest == "" {
		add(".", "filesystem")
		return roots, nil, nil
	}
	p, err := project.Load(manifest)
	if err != nil {
		return nil, nil, err
	}
	for _, dir := range p.OwnRoots() {
		add(dir, "project")
	}
	packages := docPackages{}
	for _, d := range p.Dependencies {
		pkg, err := p.LoadPackage(d)
		if err != nil {
			return nil, nil, err
		}
		packages[pkg.Name] = pkg
		add(filepath.Join(p.File(d.Path), filepath.FromSlash(pkg.ModuleRoot)), "dependency")
	}
	return roots, packages, nil
}
