package lint

import (
	"fmt"
	"strings"

	"x07/internal/ast"
	"x07/internal/diag"
)

// Caps are the capabilities that a world gives to a program.
type Caps struct {
	FS, RR, KV, OS, Unsafe, FFI bool
}

// worlds is the table of capabilities. A sandboxed program gets unsafe and ffi
// from its policy only, which lint does not see.
var worlds = []struct {
	name string
	caps Caps
}{
	{"solve-pure", Caps{}},
	{"solve-fs", Caps{FS: true}},
	{"solve-rr", Caps{RR: true}},
	{"solve-kv", Caps{KV: true}},
	{"solve-full", Caps{FS: true, RR: true, KV: true}},
	{"run-os", Caps{FS: true, RR: true, OS: true, Unsafe: true, FFI: true}},
	{"run-os-sandboxed", Caps{FS: true, RR: true, OS: true}},
}

// Capabilities says what a world allows. An unknown world is an error.
func Capabilities(world string) (Caps, error) {
	for _, w := range worlds {
		if w.name == world {
			return w.caps, nil
		}
	}
	return Caps{}, fmt.Errorf("unknown world: %s", world)
}

// module says whether a module needs a capability, and whether it is there.
func (c Caps) module(id string) (open, gated bool) {
	switch id {
	case "std.fs":
		return c.FS, true
	case "std.rr":
		return c.RR, true
	case "std.kv":
		return c.KV, true
	}
	return true, false
}

// headGates are the lints about heads that a world closes, in check order.
var headGates = []struct {
	code    string
	what    string
	match   func(head string) bool
	open    func(Caps) bool
	needing string
}{
	{"X07-WORLD-OS-0002", "OS capability is not allowed in solve-* worlds: ", prefixes("os.", "std.os."),
		func(c Caps) bool { return c.OS }, "Use the world run-os or run-os-sandboxed."},
	{"X07-WORLD-FS-0001", "filesystem capability is not enabled in this world: ", prefixes("fs.", "std.fs."),
		func(c Caps) bool { return c.FS }, "Use a world with files: solve-fs, solve-full, run-os or run-os-sandboxed."},
	{"X07-WORLD-RR-0001", "request/response capability is not enabled in this world: ", prefixes("rr.", "std.rr."),
		func(c Caps) bool { return c.RR }, "Use a world with request/response: solve-rr, solve-full, run-os or run-os-sandboxed."},
	{"X07-WORLD-KV-0001", "key/value capability is not enabled in this world: ", prefixes("kv.", "std.kv."),
		func(c Caps) bool { return c.KV }, "Use a world with key/value: solve-kv or solve-full."},
	{"X07-WORLD-UNSAFE-0001", "unsafe capability is not enabled in this world: ", isUnsafeHead,
		func(c Caps) bool { return c.Unsafe }, unsafeNote},
}

const unsafeNote = "Unsafe code works in run-os, and in run-os-sandboxed when the policy allows it."

func prefixes(list ...string) func(string) bool {
	return func(head string) bool {
		for _, p := range list {
			if strings.HasPrefix(head, p) {
				return true
			}
		}
		return false
	}
}

func isUnsafeHead(head string) bool {
	switch head {
	case "unsafe", "addr_of", "addr_of_mut", "memcpy", "memmove", "memset",
		"bytes.as_ptr", "bytes.as_mut_ptr", "view.as_ptr", "vec_u8.as_ptr", "vec_u8.as_mut_ptr":
		return true
	}
	return strings.HasPrefix(head, "ptr.")
}

func (l *linter) world(e *ast.Expr, head string) {
	for _, g := range headGates {
		if !g.open(l.caps) && g.match(head) {
			l.add(diag.Diagnostic{Code: g.code, Message: g.what + head, Loc: diag.At(e.Ptr()), Notes: []string{g.needing}})
		}
	}
}

// signature checks the types that a declaration mentions: raw pointers and
// foreign functions against the world, type variables against type_params.
func (l *linter) signature(d *ast.Decl) {
	if d.Kind == ast.Extern && !l.caps.FFI {
		l.add(diag.Diagnostic{Code: "X07-WORLD-FFI-0001", Message: "ffi capability is not enabled in this world: extern decl " + d.Name,
			Loc: diag.At(d.Ptr + "/name"), Notes: []string{"Foreign functions work in run-os, and in run-os-sandboxed when the policy allows them."}})
	}
	check := func(t *ast.TypeRef) {
		if t == nil {
			return
		}
		if !l.caps.Unsafe && strings.HasPrefix(t.Token(), "ptr_") {
			l.add(diag.Diagnostic{Code: "X07-WORLD-UNSAFE-0002",
				Message: "unsafe capability is not enabled in this world: raw pointer type in signature of " + d.Name,
				Loc:     diag.At(t.Ptr), Notes: []string{unsafeNote}})
		}
		l.signatureVars(d, t)
	}
	for _, p := range d.Params {
		check(p.Type)
	}
	check(d.Result)
}
