package cli

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"x07/internal/types"
	"x07/stdlib"
)

func guideCommand(s streams, g *global) *cobra.Command {
	return &cobra.Command{
		Use:   "guide",
		Short: "Print the guide",
		Args:  noArgs,
		RunE: func(*cobra.Command, []string) error {
			return output(s, g.out, []byte(guide()))
		},
	}
}

// guide is the language reference: the written part, then the tables of heads
// and library modules that the compiler itself uses.
func guide() string {
	var b strings.Builder
	b.WriteString(guideText)
	b.WriteString("\n## Core forms\n\n")
	for _, f := range coreForms {
		fmt.Fprintf(&b, "- `%s`: %s.\n", f.shape, f.doc)
	}
	b.WriteString("\n## Builtins\n\nA head that is none of the core forms above is one of these, or a function.\n")
	family := ""
	for _, bi := range types.Builtins() {
		if bi.Internal {
			continue
		}
		if f := familyOf(bi.Name); f != family {
			family = f
			fmt.Fprintf(&b, "\n### %s\n\n", family)
		}
		fmt.Fprintf(&b, "- `%s`", builtinSignature(bi))
		if bi.Doc != "" {
			fmt.Fprintf(&b, ": %s.", strings.TrimSuffix(bi.Doc, "."))
		}
		if len(bi.Traps) > 0 {
			fmt.Fprintf(&b, " Traps: `%s`.", strings.Join(bi.Traps, "`, `"))
		}
		b.WriteByte('\n')
	}
	b.WriteString("\n## Library modules\n\nImport a module to call what it exports; `x07 doc MODULE` lists its functions.\n\n")
	for _, id := range stdlib.Modules() {
		doc, err := stdlib.ModuleDoc(id)
		if err != nil || doc.Module == "" {
			fmt.Fprintf(&b, "- `%s`\n", id)
			continue
		}
		fmt.Fprintf(&b, "- `%s`: %s\n", id, doc.Module)
	}
	return b.String()
}

// familyOf is the first part of a dotted head, "operators" for the others.
func familyOf(head string) string {
	i := strings.LastIndexByte(head, '.')
	if i <= 0 {
		return "operators"
	}
	return head[:i]
}

// builtinSignature is a head with its parameters as the guide shows them.
func builtinSignature(b *types.Builtin) string {
	params := make([]string, len(b.Params))
	for i, p := range b.Params {
		params[i] = paramText(p)
	}
	result := b.Result.Token()
	if result == "" {
		result = strings.ToLower(b.Result.String())
	}
	return fmt.Sprintf("%s(%s) -> %s", b.Name, strings.Join(params, ", "), result)
}

func paramText(p types.Param) string {
	t := p.Type.Token()
	switch p.Mode {
	case types.Borrow:
		t = "&" + t
	case types.AnyView:
		t = "bytes|bytes_view"
	case types.AnyViewOrVec:
		t = "bytes|bytes_view|vec_u8"
	case types.Atom:
		t = "atom"
	case types.AnyPtr:
		t = "pointer"
	case types.ReaderSource:
		t = "bytes|bytes_view|vec_u8"
	}
	if p.Name == "" {
		return t
	}
	return p.Name + ": " + t
}

const guideText = `# Language Guide (x07AST JSON)

An X07 program is one JSON document (` + "`*.x07.json`" + `). This is the whole of ` + "`cat`" + `:

` + "```json" + `
{"decls":[],"imports":[],"kind":"entry","module_id":"main","schema_version":"x07.x07ast@0.5.0","solve":["view.to_bytes","input"]}
` + "```" + `

Run it: ` + "`printf hello | x07 run --raw --program cat.x07.json --stdin`" + `. Without ` + "`--raw`" + `, ` + "`x07 run`" + ` prints a JSON report; ` + "`x07 run --report wrapped`" + ` adds what was run.

## Documents

- ` + "`kind`" + ` is ` + "`entry`" + ` (a program, ` + "`module_id`" + ` ` + "`main`" + `, with ` + "`solve`" + `) or ` + "`module`" + ` (a library, with an ` + "`export`" + ` declaration).
- ` + "`imports`" + ` lists module ids. Module ` + "`a.b`" + ` is the file ` + "`a/b.x07.json`" + ` under a module root of the project; built-in modules win.
- ` + "`decls`" + ` holds ` + "`{\"kind\":\"export\",\"names\":[…]}`" + ` and functions: ` + "`{\"kind\":\"defn\",\"name\":\"main.f\",\"params\":[{\"name\":\"x\",\"ty\":\"i32\"}],\"result\":\"i32\",\"body\":EXPR}`" + `. A function's name starts with its module id and a dot.
- ` + "`solve`" + ` is evaluated with ` + "`input: bytes_view`" + ` and gives ` + "`bytes`" + `, the program's output.

## Expressions

- An integer is an ` + "`i32`" + `. A string is the name of a local. A list is ` + "`[HEAD, ARG, …]`" + `.
- Text: ` + "`[\"bytes.lit\",\"any text\"]`" + ` is ` + "`bytes`" + `.
- Comparisons are signed (` + "`<`" + `) or unsigned (` + "`<u`" + `) and give 0 or 1. Arithmetic wraps.

## Types and ownership

` + "`i32`" + ` (` + "`u32`" + ` is the same bits), ` + "`bytes`" + ` (owned), ` + "`bytes_view`" + ` (a window), ` + "`vec_u8`" + ` (a growing buffer), ` + "`option_*`" + ` and ` + "`result_*`" + ` of these.

An owned value has one owner. Passing ` + "`bytes`" + ` or ` + "`vec_u8`" + ` where it is taken by value moves it; using it afterwards is an error. A view borrows from its owner, which must be a named local that lives longer: ` + "`[\"let\",\"b\",…]`" + ` first, then ` + "`[\"bytes.view\",\"b\"]`" + `. Growing a vector returns it: ` + "`[\"set\",\"v\",[\"vec_u8.push\",\"v\",65]]`" + `.

## Worlds

` + "`run-os`" + ` reaches files, environment, time, processes and the network. ` + "`run-os-sandboxed`" + ` is the same, held to a policy file, inside a guest kernel: ` + "`x07 policy init --template cli`" + `, then ` + "`x07 run --profile sandbox`" + `.

## When it does not compile

The error names the kind, the function and often a pointer into the document. ` + "`x07 lint --input FILE`" + ` reports what it finds with patches, ` + "`x07 fix --input FILE --write`" + ` applies them, ` + "`x07 ast get --in FILE --ptr POINTER`" + ` shows a node.
`
