package program

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"unicode/utf8"

	"x07/internal/ast"
	"x07/internal/oserr"
)

// Load loads the program that o describes. Defects of the program are *Error;
// a failure to read the entry is an ordinary error that wraps the cause.
func Load(o Options) (*Program, error) {
	l := &loader{
		opts:  o,
		state: map[string]visit{},
		roots: cleanRoots(o.ModuleRoots),
	}
	entry, err := l.entry()
	if err != nil {
		return nil, err
	}
	if err := l.follow(entry); err != nil {
		return nil, err
	}
	return &Program{Entry: entry.File, EntryModule: entry, Modules: l.modules, Inputs: l.inputs}, nil
}

// loader walks the import graph depth first. state colours the modules: a
// module that is met while it is open closes a cycle.
type loader struct {
	opts    Options
	roots   []string
	state   map[string]visit
	modules []*Module
	inputs  Inputs
}

type visit uint8

const (
	unseen visit = iota
	open
	done
)

// entry reads, parses and checks the entry document.
func (l *loader) entry() (*Module, error) {
	m := &Module{ID: EntryID, Source: l.opts.Entry}
	if l.opts.EntryPath != "" {
		m.Path = absolute(l.opts.EntryPath)
	}
	if m.Source == nil {
		if m.Path == "" {
			return nil, fmt.Errorf("read program: neither the bytes nor the path of an entry were given")
		}
		src, err := readFile(m.Path, maxModuleBytes)
		if err != nil {
			return nil, fmt.Errorf("read program: %s: %w", l.opts.EntryPath, err)
		}
		m.Source = src
	}
	if m.Path != "" {
		l.inputs.add(m.Path, m.Source)
	}
	if n := len(m.Source); n > MaxEntryBytes {
		return nil, &Error{kindBudget, fmt.Sprintf("program too large: max_source_bytes=%d got %d", MaxEntryBytes, n)}
	}
	if off := invalidUTF8(m.Source); off >= 0 {
		return nil, parseErr("program must be UTF-8: invalid byte 0x%02x at offset %d", m.Source[off], off)
	}
	if !startsObject(m.Source) {
		return nil, parseErr("program must be x07AST JSON (*.x07.json); legacy S-expr is not supported")
	}
	if err := l.parse(m); err != nil {
		return nil, err
	}
	f := m.File
	switch {
	case f.Kind != "entry":
		return nil, parseErr("main: expected kind=%q got %s", "entry", kindName(f.Kind))
	case f.ModuleID != EntryID:
		return nil, parseErr("main: entry module_id must be %q got %s", EntryID, quote(f.ModuleID))
	case f.Solve == nil:
		return nil, parseErr("main: missing solve expression")
	}
	return m, l.shaped(m)
}

// module loads module id and, before it, what it imports.
func (l *loader) module(id string) error {
	switch l.state[id] {
	case done:
		return nil
	case open:
		return parseErr("cyclic import detected at module %s", quote(id))
	}
	l.state[id] = open
	m, err := l.find(id)
	if err != nil {
		return err
	}
	if off := invalidUTF8(m.Source); off >= 0 {
		return parseErr("%s: module source must be UTF-8: invalid byte 0x%02x at offset %d", quote(id), m.Source[off], off)
	}
	if !startsObject(m.Source) {
		return parseErr("%s: module source must be x07AST JSON (*.x07.json); legacy S-expr is not supported", quote(id))
	}
	if err := l.parse(m); err != nil {
		return err
	}
	if err := checkModule(m); err != nil {
		return err
	}
	if err := l.shaped(m); err != nil {
		return err
	}
	if err := l.follow(m); err != nil {
		return err
	}
	l.state[id] = done
	l.modules = append(l.modules, m)
	return nil
}

// follow loads the imports of m in sorted order. Importing main does nothing:
// nothing of main is exported.
func (l *loader) follow(m *Module) error {
	m.File = withImplicitImports(m.File, m.ID)
	for _, id := range m.File.Imports {
		if id == EntryID {
			continue
		}
		if err := l.module(id); err != nil {
			return err
		}
	}
	return nil
}

func (l *loader) parse(m *Module) error {
	f, err := ast.Parse(m.Source)
	if err != nil {
		return parseErr("%s: %v", m.Label(), err)
	}
	m.File = f
	if l.opts.AfterParse != nil && !m.Builtin {
		return l.opts.AfterParse(m)
	}
	return nil
}

func (l *loader) shaped(m *Module) error {
	if l.opts.AfterShape != nil && !m.Builtin {
		return l.opts.AfterShape(m)
	}
	return nil
}

// checkModule holds a module document to what importing it as m.ID demands.
func checkModule(m *Module) error {
	f, id := m.File, quote(m.ID)
	switch {
	case f.Kind != "module":
		return parseErr("module %s: expected kind=%q got %s", id, "module", kindName(f.Kind))
	case f.ModuleID != m.ID:
		return parseErr("module %s: module_id mismatch in file: got %s", id, quote(f.ModuleID))
	case len(f.Exports) == 0:
		return parseErr("module %s is missing an export declaration", id)
	}
	defined := make(map[string]bool, len(f.Decls))
	for _, d := range f.Decls {
		defined[d.Name] = true
	}
	for _, name := range f.Exports {
		if len(name) <= len(m.ID) || name[:len(m.ID)] != m.ID || name[len(m.ID)] != '.' {
			return parseErr("export %s does not belong to module %s", quote(name), id)
		}
		if !defined[name] {
			return parseErr("export %s is not defined in module %s", quote(name), id)
		}
	}
	return nil
}

// kindName is the document kind as messages spell it.
func kindName(kind string) string {
	if kind == "entry" {
		return "Entry"
	}
	return "Module"
}

func parseErr(format string, args ...any) error {
	return &Error{kindParse, fmt.Sprintf(format, args...)}
}

// quote renders s as messages do: in double quotes, with backslash escapes.
func quote(s string) string { return fmt.Sprintf("%q", s) }

// invalidUTF8 is the offset of the first byte that is not UTF-8, or -1.
func invalidUTF8(b []byte) int {
	if utf8.Valid(b) {
		return -1
	}
	for i := 0; i < len(b); {
		r, n := utf8.DecodeRune(b[i:])
		if r == utf8.RuneError && n == 1 {
			return i
		}
		i += n
	}
	return -1
}

// startsObject reports whether the first character that is not white space
// opens a JSON object.
func startsObject(src []byte) bool {
	return bytes.HasPrefix(bytes.TrimLeft(src, " \t\r\n"), []byte{'{'})
}

// absolute is p made absolute and clean; p itself, cleaned, if the working
// directory is gone.
func absolute(p string) string {
	abs, err := filepath.Abs(p)
	if err != nil {
		return filepath.Clean(p)
	}
	return abs
}

// readFile reads a regular file of at most limit bytes. Devices and pipes are
// refused, because reading them may never end.
func readFile(path string, limit int64) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, oserr.Cause(err)
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("expected a regular file, found a %s", fileType(info.Mode()))
	}
	if info.Size() > limit {
		return nil, fmt.Errorf("file has %d bytes, more than the %d a document may have", info.Size(), limit)
	}
	src, err := os.ReadFile(path)
	if err != nil {
		return nil, oserr.Cause(err)
	}
	return src, nil
}
