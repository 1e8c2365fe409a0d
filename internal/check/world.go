package check

import (
	"fmt"
	"strings"

	"x07/internal/types"
)

// caps is what a world lets a program do.
type caps struct {
	gates      [types.GateUnsafe + 1]bool
	unsafe     bool
	ffi        bool
	unsafeHint string
	ffiHint    string
}

type worldCaps struct {
	world                       string
	fs, rr, kv, os, unsafe, ffi bool
}

// worlds are the rows of the reference.
var worlds = [...]worldCaps{
	{world: "solve-pure"},
	{world: "solve-fs", fs: true},
	{world: "solve-rr", rr: true},
	{world: "solve-kv", kv: true},
	{world: "solve-full", fs: true, rr: true, kv: true},
	{world: "run-os", fs: true, rr: true, os: true, unsafe: true, ffi: true},
	{world: "run-os-sandboxed", fs: true, rr: true, os: true},
}

const needOSWorld = "compile with --world run-os or --world run-os-sandboxed"

// capabilities finds what a program may do under o.
func capabilities(o Options) (caps, error) {
	world := o.World
	if world == "" {
		world = "solve-pure"
	}
	for _, w := range worlds {
		if w.world != world {
			continue
		}
		c := caps{unsafe: w.unsafe, ffi: w.ffi, unsafeHint: needOSWorld, ffiHint: needOSWorld}
		if o.AllowUnsafe != nil {
			c.unsafe = *o.AllowUnsafe
		}
		if o.AllowFFI != nil {
			c.ffi = *o.AllowFFI
		}
		if w.os {
			c.unsafeHint = "unsafe is disabled (allow_unsafe=false)"
			c.ffiHint = "ffi is disabled (allow_ffi=false)"
		}
		c.gates = [...]bool{
			types.GateNone: true, types.GateFS: w.fs, types.GateRR: w.rr, types.GateKV: w.kv,
			types.GateOS: w.os, types.GateUnsafe: c.unsafe,
		}
		return c, nil
	}
	return caps{}, &Error{Kind: kindUnsupported, Message: fmt.Sprintf("unknown world: %s", o.World)}
}

// gate refuses a builtin that the world does not have.
func (f *fn) gate(b *types.Builtin) {
	if !f.c.caps.gates[b.Gate] {
		switch b.Gate {
		case types.GateOS:
			f.fail(kindUnsupported, "%s is standalone-only; %s", b.Name, needOSWorld)
		case types.GateUnsafe:
			f.fail(kindUnsupported, "%s requires unsafe capability; %s", b.Name, f.c.caps.unsafeHint)
		default:
			f.fail(kindTyping, "%s is disabled in this world", b.Name)
		}
	}
	switch b.Gate {
	case types.GateRR, types.GateKV:
		f.fail(kindUnsupported, "%s is not in this release yet: cassettes and key-value stores come later", b.Name)
	}
	if b.Yields && f.f.Name != "solve" {
		f.fail(kindUnsupported, "%s is only allowed in solve or defasync", strings.TrimPrefix(b.Name, "std."))
	}
	if b.NeedsBlock && f.unsafe == 0 {
		f.fail(kindTyping, "unsafe-required: %s", b.Name)
	}
}
