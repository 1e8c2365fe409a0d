package osworld_test

import (
	"bytes"
	"strings"
	"testing"

	"x07/internal/engine"
	"x07/internal/osworld"
	"x07/internal/types"
)

// Heads of the database and network belong to packages of their own.
func elsewhere(head string) bool {
	return strings.HasPrefix(head, "os.db.") || strings.HasPrefix(head, "os.net.") || strings.HasPrefix(head, "__internal.")
}

func TestEveryHeadOfTheOSWorldsIsImplementedAndNothingElse(t *testing.T) {
	w, err := osworld.New(osworld.Config{WorkDir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	table, pure := w.HostTable(), osworld.PureHeads()
	for _, b := range types.Builtins() {
		if b.Gate != types.GateOS && b.Gate != types.GateFS && !strings.HasPrefix(b.Name, "os.") || elsewhere(b.Name) {
			continue
		}
		if table[b.Name] == nil {
			t.Errorf("%s is declared and not implemented", b.Name)
		}
		if (b.Gate == types.GateNone) != (pure[b.Name] != nil) {
			t.Errorf("%s: gate %v, in every world %v", b.Name, b.Gate, pure[b.Name] != nil)
		}
	}
	for _, heads := range []engine.HostTable{table, pure} {
		for head := range heads {
			if b := types.Lookup(head); b == nil || b.Impl != types.Host {
				t.Errorf("%s is implemented and not declared as a host function", head)
			}
		}
	}
}

func TestClosingFlushesStandardOutput(t *testing.T) {
	var out bytes.Buffer
	w, err := osworld.New(osworld.Config{WorkDir: t.TempDir(), Stdout: &out})
	if err != nil {
		t.Fatal(err)
	}
	w.Streams().WriteStdout([]byte("unfinished"), append([]byte{1}, make([]byte, 15)...))
	if out.Len() != 0 {
		t.Errorf("written early: %q", out.String())
	}
	if leaks := w.Close(); leaks != (osworld.Leaks{}) {
		t.Errorf("leaks %+v", leaks)
	}
	w.Close()
	if out.String() != "unfinished" {
		t.Errorf("output %q", out.String())
	}
}

func TestArgvHoldsCountLengthsAndBytes(t *testing.T) {
	if got := osworld.Argv([]string{"a", "", "bc"}); string(got) != "\x03\x00\x00\x00\x01\x00\x00\x00a\x00\x00\x00\x00\x02\x00\x00\x00bc" {
		t.Errorf("%x", got)
	}
	if got := osworld.Argv(nil); string(got) != "\x00\x00\x00\x00" {
		t.Errorf("%x", got)
	}
}

func BenchmarkNewAndClose(b *testing.B) {
	for b.Loop() {
		w, err := osworld.New(osworld.Config{WorkDir: "/"})
		if err != nil {
			b.Fatal(err)
		}
		w.HostTable()
		w.Close()
	}
}
