package conformance

import (
	"encoding/binary"
	"fmt"
	"strings"
	"testing"

	"x07/internal/artifact"
	"x07/internal/compile"
)

// Target is a world and a way to run programs in it.
type Target struct {
	// Name is unique, such as run-os or gvisor.
	Name string
	// World is the world id that programs are compiled for.
	World string
	// Run runs one program. An error means that it could not be run.
	Run func(t testing.TB, a *artifact.Artifact, input []byte) (Outcome, error)
}

// Test holds all cases that are for target's world against target, one subtest
// per group and, where something is wrong, one line per case.
//
// Most cases of a group share a program: one run gives the outputs of all that
// end normally, one more run each those of the others. A case whose shared run
// is not as demanded (it may depend on being alone, such as one that shows a
// handle number) is judged by a program and a run of its own.
func Test(t *testing.T, target Target) {
	groups, err := Load()
	if err != nil {
		t.Fatal(err)
	}
	for _, g := range groups {
		t.Run(g.Name, func(t *testing.T) {
			t.Parallel()
			packed, rest, err := g.batches(target.World)
			if err != nil {
				t.Fatal(err)
			}
			for _, b := range packed {
				rest = append(rest, b.run(t, target)...)
			}
			for _, c := range rest {
				if err := g.runAlone(t, target, c); err != nil {
					t.Errorf("%s: %v", c.Name, err)
				}
			}
		})
	}
}

// run gives the cases of b that must be judged alone.
func (b *batch) run(t testing.TB, target Target) (undecided []*Case) {
	art, _, err := compile.Build(compile.Options{Entry: b.entry, World: target.World})
	if err != nil {
		t.Logf("%d cases do not compile together: %v", len(b.cases), err)
		return b.cases
	}
	all, err := target.Run(t, art, le32(^uint32(0)))
	outputs, whole := all.Output, err == nil && all.Trap == nil && all.LiveBytes == 0
	for i, c := range b.cases {
		var o Outcome
		if c.Trap != nil {
			if o, err = target.Run(t, art, le32(uint32(i))); err != nil {
				undecided = append(undecided, c)
				continue
			}
		} else {
			if !whole || len(outputs) < 4 || uint32(len(outputs)-4) < binary.LittleEndian.Uint32(outputs) {
				undecided = append(undecided, c)
				continue
			}
			n := 4 + binary.LittleEndian.Uint32(outputs)
			o.Output, outputs = outputs[4:n], outputs[n:]
		}
		if c.verdict(o) != nil {
			undecided = append(undecided, c)
		}
	}
	return undecided
}

func (g *Group) runAlone(t testing.TB, target Target, c *Case) error {
	src, err := g.alone(c)
	if err != nil {
		return err
	}
	art, _, err := compile.Build(compile.Options{Entry: src, World: target.World})
	if err != nil {
		text, defect := compile.IsDefect(err)
		if defect && c.CompileError != nil && strings.Contains(text, *c.CompileError) {
			return nil
		}
		if c.CompileError != nil {
			return fmt.Errorf("expected the compile error %q, found %q", *c.CompileError, err)
		}
		return fmt.Errorf("compile: %w", err)
	}
	input, err := c.input()
	if err != nil {
		return err
	}
	o, err := target.Run(t, art, input)
	if err != nil {
		return err
	}
	return c.verdict(o)
}
