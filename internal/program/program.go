// Package program loads a whole X07 program. The entry document and the places
// where modules may be found come in; the entry, every module it reaches
// through imports, each after the modules it imports itself, and the identity
// of every file that was looked at go out. It never looks inside function
// bodies, except to find the intrinsics that import a library module
// implicitly, and it never decides whether a program is well typed.
//
// A module a.b.c is the file a/b/c.x07.json. The built-in library is asked
// first and always wins; then the module roots are asked, all of them, because
// a module that two roots have is an error and not a matter of order. In OS
// worlds the adapters std.world.* are the exception: module roots come first.
package program

import (
	"io/fs"
	"strings"

	"x07/internal/ast"
)

// MaxEntryBytes is the size limit of an entry document, in bytes.
const MaxEntryBytes = 65536

// maxModuleBytes bounds a module file, so that a wrong path (a disk image, a
// log) is an error and not a memory problem.
const maxModuleBytes = 64 << 20

// EntryID is the module id that entry documents must have.
const EntryID = "main"

// Program is a loaded program. Trees are shared and must not be changed.
type Program struct {
	// Entry is the entry document, its imports completed by implicit ones.
	Entry *ast.File
	// EntryModule is the same document with its source and path.
	EntryModule *Module
	// Modules are all reachable modules; a module follows those it imports.
	Modules []*Module
	// Inputs identifies everything outside the binary that the result depends on.
	Inputs Inputs
}

// Module is one loaded document.
type Module struct {
	// ID is the module id, "main" for the entry.
	ID string
	// Path is the absolute path of the file; for a built-in module its path in
	// the library, such as std/bytes.x07.json; "" for an entry given as bytes.
	Path string
	// File is the parsed document. Its imports include the implicit ones.
	File *ast.File
	// Source is the document as it was read.
	Source []byte
	// Builtin reports that the module belongs to the built-in library, and so
	// may use internal heads.
	Builtin bool
}

// Label is the name of m as messages show it: main, or the quoted module id.
func (m *Module) Label() string {
	if m.ID == EntryID {
		return EntryID
	}
	return quote(m.ID)
}

// Options says what to load and from where.
type Options struct {
	// Entry is the source of the entry document. If it is nil, EntryPath is read.
	Entry []byte
	// EntryPath is the file the entry came from, "" if there is none.
	EntryPath string
	// World is the world id; it decides where std.world.* comes from.
	World string
	// ModuleRoots are directories, asked for modules that are not built in.
	ModuleRoots []string
	// Builtin holds the built-in library at paths such as std/bytes.x07.json.
	Builtin fs.FS
	// Locked maps absolute, cleaned module paths to the hexadecimal SHA-256
	// that a lockfile demands. A file that differs is an error, so what was
	// verified is what gets compiled.
	Locked map[string]string
	// AfterParse, if set, is called for every document that is not built in,
	// right after it was parsed; AfterShape likewise after its kind, id and
	// exports were checked and before its imports are followed. Their errors
	// end the load and are returned as they are. They exist because the order
	// of passes decides which of several errors is reported.
	AfterParse, AfterShape func(*Module) error
}

// Error is a defect of the program, as compile reports show it.
type Error struct {
	// Kind is Parse, Typing, Unsupported, Budget or Internal.
	Kind string
	// Message says what is wrong and where.
	Message string
}

// Error is "<Kind>: <message>".
func (e *Error) Error() string { return e.Kind + ": " + e.Message }

// The kinds of errors this package makes itself.
const (
	kindParse  = "Parse"
	kindBudget = "Budget"
)

// IsOSWorld reports whether world is run-os or run-os-sandboxed.
func IsOSWorld(world string) bool {
	return world == "run-os" || world == "run-os-sandboxed"
}

// ModuleFile is the slash-separated path of module id below a root.
func ModuleFile(id string) string {
	return strings.ReplaceAll(id, ".", "/") + Suffix
}

// Suffix ends the name of every x07AST file.
const Suffix = ".x07.json"
