package artifact

import (
	"bytes"
	"errors"
	"reflect"
	"testing"
)

func sample() *Artifact {
	return &Artifact{
		Wasm: append(append([]byte{}, magic...), 1, 1, 0),
		Meta: Meta{ABI: ABI, World: "run-os", Language: "x07-core@0.2.0", Heads: []string{"a", "b"},
			Traps:   []TrapSite{{Message: "m", Ptr: "/solve"}, {Message: "n"}},
			Budgets: []BudgetScope{{Label: "contract", Fuel: 5}}},
	}
}

func TestWhatEncodeWritesDecodeReads(t *testing.T) {
	a := sample()
	b, err := a.Encode()
	if err != nil {
		t.Fatal(err)
	}
	got, err := Decode(b)
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(a, got) {
		t.Fatalf("got %+v, want %+v", got, a)
	}
}

func TestEveryChangedOrMissingByteIsRefused(t *testing.T) {
	b, err := sample().Encode()
	if err != nil {
		t.Fatal(err)
	}
	for i := range b {
		if _, err := Decode(b[:i]); !errors.Is(err, ErrNotArtifact) {
			t.Errorf("a file cut at byte %d is accepted: %v", i, err)
		}
	}
	// Bytes of the module and the frame; those of the JSON may spell other
	// valid metadata.
	end := bytes.Index(b, []byte(`{"abi"`))
	for i := range end {
		c := bytes.Clone(b)
		c[i] ^= 0x41
		if _, err := Decode(c); err == nil {
			t.Errorf("a file with byte %d changed is accepted", i)
		}
	}
}

func TestMetadataThatTheEngineCannotTrustIsRefused(t *testing.T) {
	for name, change := range map[string]func(m *Meta){
		"another ABI":               func(m *Meta) { m.ABI = 99 },
		"heads out of order":        func(m *Meta) { m.Heads = []string{"b", "a"} },
		"a contract without a site": func(m *Meta) { m.Contracts = []ContractSite{{Site: 7}} },
		"a budget without a site":   func(m *Meta) { m.Budgets[0].Site = 1 },
		"a negative site":           func(m *Meta) { m.Budgets[0].Site = -1 },
	} {
		a := sample()
		change(&a.Meta)
		b, err := a.Encode()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := Decode(b); !errors.Is(err, ErrNotArtifact) {
			t.Errorf("%s: accepted (%v)", name, err)
		}
	}
}

func FuzzDecode(f *testing.F) {
	b, _ := sample().Encode()
	f.Add(b)
	f.Add(magic)
	f.Add([]byte("\x00asm\x01\x00\x00\x00\x00\x04\x03x07"))
	f.Fuzz(func(t *testing.T, b []byte) {
		a, err := Decode(b)
		if err != nil {
			if !errors.Is(err, ErrNotArtifact) {
				t.Fatalf("error of another kind: %v", err)
			}
			return
		}
		c, err := a.Encode()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := Decode(c); err != nil {
			t.Fatalf("what was accepted is refused after encoding it again: %v", err)
		}
	})
}
