package engine_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"os"
	"path/filepath"
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

func TestKeptCodeIsMadeOnceAndNotBelievedWhenDamaged(t *testing.T) {
	ctx, dir := context.Background(), t.TempDir()
	a := compile(t, echo)
	code, err := engine.CachedCode(ctx, a, dir)
	if err != nil {
		t.Fatal(err)
	}
	files, err := os.ReadDir(dir)
	if err != nil || len(files) != 1 {
		t.Fatalf("the directory holds %v, %v", files, err)
	}
	path := filepath.Join(dir, files[0].Name())
	kept, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for name, damaged := range map[string][]byte{
		"as it was": kept,
		"cut":       kept[:len(kept)-1],
		"empty":     nil,
		"changed":   append(append([]byte{}, kept[:len(kept)-1]...), kept[len(kept)-1]^1),
	} {
		if err := os.WriteFile(path, damaged, 0o600); err != nil {
			t.Fatal(err)
		}
		if got, err := engine.CachedCode(ctx, a, dir); err != nil || !bytes.Equal(got, code) {
			t.Errorf("%s: another block came back (%v)", name, err)
		}
		if now, err := os.ReadFile(path); err != nil || !bytes.Equal(now, kept) {
			t.Errorf("%s: the file was not repaired (%v)", name, err)
		}
	}
	// What lies in the file is what is given out: nothing is compiled again.
	block := []byte("another block, long enough to be one of those")
	sum := sha256.Sum256(block)
	if err := os.WriteFile(path, append(sum[:], block...), 0o600); err != nil {
		t.Fatal(err)
	}
	if got, err := engine.CachedCode(ctx, a, dir); err != nil || !bytes.Equal(got, block) {
		t.Errorf("got %q, %v; want the block in the file", got, err)
	}
}
