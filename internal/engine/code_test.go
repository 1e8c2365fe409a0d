package engine_test

import (
	"bytes"
	"context"
	"testing"

	"x07/internal/engine"
)

func TestCodeMadeAheadIsUsedForItsOwnProgramOnly(t *testing.T) {
	ctx := context.Background()
	a := compile(t, echo)
	code, err := engine.CompileCode(ctx, a)
	if err != nil {
		t.Fatal(err)
	}
	if again, err := engine.CompileCode(ctx, a); err != nil || !bytes.Equal(code, again) {
		t.Errorf("compiled twice, the code differs (%v)", err)
	}
	r := engine.Run(ctx, a, engine.Config{Input: []byte("in"), Code: code})
	if string(r.Output) != "in" || !r.Precompiled {
		t.Errorf("with its code: output %q, precompiled %v, %v", r.Output, r.Precompiled, r.Err)
	}
	other := compile(t, `(lit "other")`)
	for name, block := range map[string][]byte{
		"of another program": code,
		"for another key":    append([]byte{code[0] ^ 1}, code[1:]...),
		"cut to nothing":     code[:5],
	} {
		run := other
		if name != "of another program" {
			run = a
		}
		r := engine.Run(ctx, run, engine.Config{Input: []byte("other"), Code: block})
		if string(r.Output) != "other" || r.Precompiled || r.Err != nil {
			t.Errorf("code %s: output %q, precompiled %v, %v", name, r.Output, r.Precompiled, r.Err)
		}
	}
}
