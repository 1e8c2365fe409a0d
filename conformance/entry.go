package conformance

import (
	"bytes"
	"encoding/json"
	"regexp"
	"sort"
)

// maxBatchBytes keeps the entry documents that hold many cases under the
// language's limit of 65536 bytes.
const maxBatchBytes = 40 << 10

// batchable reports whether c can share a program with others: it must compile
// and says nothing that only holds for a program of its own.
func (c *Case) batchable() bool {
	return c.Program == nil && c.CompileError == nil && c.Imports == nil &&
		c.SchemaVersion == "" && c.Worlds == nil && c.Input == "" && c.InputHex == "" && c.ExitCode == 0 &&
		c.TrapFn == "" && c.TrapPtr == "" && !solitary.Match(c.text())
}

// solitary finds what keeps a case alone: its input, and contracts, since a
// document that has any is checked more strictly as a whole.
var solitary = regexp.MustCompile(`"(input|requires|ensures|invariant)"`)

// text is all that c adds to a program.
func (c *Case) text() []byte {
	b := append([]byte(nil), c.expr()...)
	for _, d := range c.Decls {
		b = append(append(b, '\n'), d...)
	}
	return b
}

// renamed is text in which the functions that c declares have names that no
// other case has: those of different cases share one program.
func (c *Case) renamed(text []byte, suffix string) ([]byte, error) {
	for _, d := range c.Decls {
		var decl struct {
			Name string `json:"name"`
		}
		if err := json.Unmarshal(d, &decl); err != nil {
			return nil, err
		}
		text = bytes.ReplaceAll(text, []byte(`"`+decl.Name+`"`), []byte(`"`+decl.Name+suffix+`"`))
	}
	return text, nil
}

func (c *Case) expr() json.RawMessage {
	if c.I32 != nil {
		return c.I32
	}
	return c.Solve
}

// bytesExpr is the case's expression with its value as bytes.
func (c *Case) bytesExpr() json.RawMessage {
	if c.I32 != nil {
		return list(`"codec.write_u32_le"`, string(c.I32))
	}
	return c.Solve
}

// list is a JSON array of JSON texts.
func list(items ...string) json.RawMessage {
	var b bytes.Buffer
	b.WriteByte('[')
	for i, item := range items {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(item)
	}
	b.WriteByte(']')
	return b.Bytes()
}

type entryDoc struct {
	SchemaVersion string            `json:"schema_version"`
	Kind          string            `json:"kind"`
	ModuleID      string            `json:"module_id"`
	Imports       []string          `json:"imports"`
	Decls         []json.RawMessage `json:"decls"`
	Solve         json.RawMessage   `json:"solve"`
}

// entry is the entry document with solve and the helpers, the group's
// declarations and decls.
func (g *Group) entry(solve json.RawMessage, version string, imports []string, decls []json.RawMessage) ([]byte, error) {
	doc := entryDoc{SchemaVersion: "x07.x07ast@0.5.0", Kind: "entry", ModuleID: "main", Solve: solve}
	if version != "" {
		doc.SchemaVersion = version
	}
	doc.Imports = append(append([]string{}, g.Imports...), imports...)
	sort.Strings(doc.Imports)
	if err := json.Unmarshal(helpers, &doc.Decls); err != nil {
		return nil, err
	}
	doc.Decls = append(append(doc.Decls, g.Decls...), decls...)
	return json.Marshal(doc)
}

// alone is the entry document of one case.
func (g *Group) alone(c *Case) ([]byte, error) {
	if c.Program != nil {
		return c.Program, nil
	}
	return g.entry(c.bytesExpr(), c.SchemaVersion, c.Imports, c.Decls)
}

// batch is a program that holds many cases. Its input is a little-endian word:
// the number of the case to run, or 0xffffffff for all that must end normally,
// whose outputs it then gives in order, each after its length.
type batch struct {
	cases []*Case
	entry []byte
}

// batches packs the cases that can share programs; the others are in rest.
func (g *Group) batches(world string) (packed []*batch, rest []*Case, err error) {
	var cur []*Case
	size := 0
	flush := func() error {
		if len(cur) == 0 {
			return nil
		}
		src, err := g.batchEntry(cur)
		packed = append(packed, &batch{cases: cur, entry: src})
		cur, size = nil, 0
		return err
	}
	for _, c := range g.Cases {
		if !c.runsIn(world) {
			continue
		}
		// What a case adds besides its expression: a function, a test of its
		// number and a line that collects its output.
		n := len(c.text()) + 420
		if !c.batchable() || n > maxBatchBytes/2 {
			rest = append(rest, c)
			continue
		}
		if size+n > maxBatchBytes {
			if err := flush(); err != nil {
				return nil, nil, err
			}
		}
		cur, size = append(cur, c), size+n
	}
	return packed, rest, flush()
}

func (g *Group) batchEntry(cases []*Case) ([]byte, error) {
	solve := []string{`"begin"`, `["let","which",["codec.read_u32_le","input",0]]`, `["let","out",["vec_u8.with_capacity",0]]`}
	var decls []json.RawMessage
	var collect []string
	for i, c := range cases {
		num, err := json.Marshal(i)
		if err != nil {
			return nil, err
		}
		fn := `"main.case_` + string(num) + `"`
		own := append([]json.RawMessage{json.RawMessage(`{"kind":"defn","name":` + fn + `,"params":[],"result":"bytes","body":` + string(c.bytesExpr()) + `}`)}, c.Decls...)
		for _, d := range own {
			if d, err = c.renamed(d, "_in_"+string(num)); err != nil {
				return nil, err
			}
			decls = append(decls, d)
		}
		solve = append(solve, `["if",["=","which",`+string(num)+`],["begin",["return",[`+fn+`]],0],0]`)
		if c.Trap == nil {
			collect = append(collect, `["begin",["let","r",[`+fn+`]],["set","out",["vec_u8.extend_bytes","out",["codec.write_u32_le",["bytes.len","r"]]]],["set","out",["vec_u8.extend_bytes","out","r"]],0]`)
		}
	}
	solve = append(append(solve, collect...), `["vec_u8.into_bytes","out"]`)
	return g.entry(list(solve...), "", nil, decls)
}
