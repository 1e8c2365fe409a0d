// Package conformance says what X07 programs do: groups of small programs with
// their input and their exact output, trap or compile error. Files of cases
// come in; programs to compile and verdicts on what they did go out. It knows
// how to compile, and leaves running to a Target, so that the same cases are
// held against every world and every backend. README.md describes the files.
package conformance

import (
	"bytes"
	"embed"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io/fs"
	"path"
	"sort"
	"strings"
)

//go:embed */*.json
var groups embed.FS

//go:embed helpers.json
var helpers []byte

// Group is one file of cases, which share imports and declarations.
type Group struct {
	// Name is the path of the file without its suffix, such as stdlib/bytes.
	Name    string            `json:"-"`
	Imports []string          `json:"imports"`
	Decls   []json.RawMessage `json:"decls"`
	Cases   []*Case           `json:"cases"`
}

// Case is one program and what it must do. Exactly one of Solve, I32 and
// Program is the program; exactly one of the Want fields, Trap and
// CompileError is the expectation.
type Case struct {
	Name string `json:"name"`
	// Solve is an expression of type bytes, the program's output.
	Solve json.RawMessage `json:"solve"`
	// I32 is an expression of type i32, compared with WantI32.
	I32 json.RawMessage `json:"i32"`
	// Program is a whole entry document; neither imports nor declarations of
	// the group nor the helpers are added.
	Program json.RawMessage `json:"program"`
	// Imports and Decls are added to those of the group.
	Imports []string          `json:"imports"`
	Decls   []json.RawMessage `json:"decls"`
	// SchemaVersion is that of the entry document, 0.5.0 if empty.
	SchemaVersion string `json:"schema_version"`
	// Worlds are the worlds the case is for; empty is every OS world.
	Worlds []string `json:"worlds"`

	Input    string `json:"input"`     // UTF-8
	InputHex string `json:"input_hex"` // instead of Input

	Want    *string `json:"want"`     // UTF-8
	WantHex *string `json:"want_hex"` // instead of Want
	WantI32 *int32  `json:"want_i32"`
	// Trap is the exact message of the trap.
	Trap *string `json:"trap"`
	// TrapFn and TrapPtr, if not empty, are where it must have happened.
	TrapFn  string `json:"trap_fn"`
	TrapPtr string `json:"trap_ptr"`
	// CompileError must be contained in "<Kind>: <message>".
	CompileError *string `json:"compile_error"`
	// ExitCode is the exit code of the program.
	ExitCode int `json:"exit_code"`
}

// Load reads all groups, sorted by name. Cases that cannot mean anything (no
// program, two expectations, an unknown field, a repeated name) are errors.
func Load() ([]*Group, error) {
	var out []*Group
	err := fs.WalkDir(groups, ".", func(p string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(p, ".json") {
			return err
		}
		src, err := groups.ReadFile(p)
		if err != nil {
			return err
		}
		g := &Group{Name: strings.TrimSuffix(p, path.Ext(p))}
		dec := json.NewDecoder(bytes.NewReader(src))
		dec.DisallowUnknownFields()
		if err := dec.Decode(g); err != nil {
			return fmt.Errorf("%s: %w", p, err)
		}
		names := map[string]bool{}
		for _, c := range g.Cases {
			if err := c.check(); err != nil {
				return fmt.Errorf("%s: case %q: %w", p, c.Name, err)
			}
			if names[c.Name] {
				return fmt.Errorf("%s: case %q: repeated name", p, c.Name)
			}
			names[c.Name] = true
		}
		out = append(out, g)
		return nil
	})
	sort.Slice(out, func(i, j int) bool { return out[i].Name < out[j].Name })
	return out, err
}

func (c *Case) check() error {
	programs, wants := 0, 0
	for _, p := range []json.RawMessage{c.Solve, c.I32, c.Program} {
		if p != nil {
			programs++
		}
	}
	for _, set := range []bool{c.Want != nil, c.WantHex != nil, c.WantI32 != nil, c.Trap != nil, c.CompileError != nil} {
		if set {
			wants++
		}
	}
	switch {
	case programs != 1:
		return fmt.Errorf("expected one of solve, i32 and program, found %d", programs)
	case wants != 1:
		return fmt.Errorf("expected one of want, want_hex, want_i32, trap and compile_error, found %d", wants)
	case c.WantI32 != nil && c.I32 == nil, c.I32 != nil && c.WantI32 == nil && c.Trap == nil && c.CompileError == nil:
		return fmt.Errorf("i32 goes with want_i32, trap or compile_error, and want_i32 with nothing else")
	case c.Program != nil && (c.Imports != nil || c.Decls != nil || c.SchemaVersion != ""):
		return fmt.Errorf("program excludes imports, decls and schema_version")
	}
	if _, err := c.input(); err != nil {
		return fmt.Errorf("input_hex: %w", err)
	}
	if _, err := c.output(); err != nil {
		return fmt.Errorf("want_hex: %w", err)
	}
	return nil
}

func (c *Case) input() ([]byte, error) {
	if c.InputHex != "" {
		return hex.DecodeString(c.InputHex)
	}
	return []byte(c.Input), nil
}

// output is what the program must output, nil if it must not end normally.
func (c *Case) output() ([]byte, error) {
	switch {
	case c.WantHex != nil:
		return hex.DecodeString(*c.WantHex)
	case c.Want != nil:
		return []byte(*c.Want), nil
	case c.WantI32 != nil:
		return le32(uint32(*c.WantI32)), nil
	}
	return nil, nil
}

func le32(x uint32) []byte { return []byte{byte(x), byte(x >> 8), byte(x >> 16), byte(x >> 24)} }

func (c *Case) runsIn(world string) bool {
	for _, w := range c.Worlds {
		if w == world {
			return true
		}
	}
	return len(c.Worlds) == 0
}

// Outcome is what a program did.
type Outcome struct {
	Output   []byte
	ExitCode int
	// Trap is nil if the program ended normally.
	Trap *string
	// TrapFn and TrapPtr are where it trapped, "" if unknown.
	TrapFn, TrapPtr string
	// LiveBytes is what it had allocated and not freed when it ended normally.
	LiveBytes uint64
}

func (o Outcome) String() string {
	if o.Trap != nil {
		return fmt.Sprintf("trap %q in %s at %s", *o.Trap, o.TrapFn, o.TrapPtr)
	}
	return fmt.Sprintf("output %s, exit code %d", show(o.Output), o.ExitCode)
}

func show(b []byte) string {
	const limit = 200
	if len(b) > limit {
		return fmt.Sprintf("%d bytes starting with %x", len(b), b[:limit])
	}
	return fmt.Sprintf("%x (%q)", b, b)
}

// verdict is nil if o is what c demands.
func (c *Case) verdict(o Outcome) error {
	if c.CompileError != nil {
		return fmt.Errorf("expected the compile error %q, but it compiled and ran: %v", *c.CompileError, o)
	}
	if c.Trap != nil {
		if o.Trap == nil || *o.Trap != *c.Trap {
			return fmt.Errorf("expected the trap %q, found %v", *c.Trap, o)
		}
		if c.TrapFn != "" && c.TrapFn != o.TrapFn || c.TrapPtr != "" && c.TrapPtr != o.TrapPtr {
			return fmt.Errorf("expected the trap in %q at %q, found it in %q at %q", c.TrapFn, c.TrapPtr, o.TrapFn, o.TrapPtr)
		}
		return nil
	}
	want, err := c.output()
	if err != nil {
		return err
	}
	if o.Trap != nil || !bytes.Equal(o.Output, want) || o.ExitCode != c.ExitCode {
		return fmt.Errorf("expected output %s, exit code %d, found %v", show(want), c.ExitCode, o)
	}
	if o.LiveBytes != 0 {
		return fmt.Errorf("the output is right, but %d bytes were not freed", o.LiveBytes)
	}
	return nil
}
