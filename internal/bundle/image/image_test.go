package image

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"strings"
	"testing"
)

var (
	runtimeBytes = []byte("\x7fELF the runtime of some target")
	native       = Header{Kind: KindNative, Name: "app", World: "run-os", Limits: Limits{MemoryBytes: 64 << 20}}
	parts        = []Part{{Artifact, []byte("artifact bytes")}, {Code, []byte("machine code")}}
)

func encode(t testing.TB, h Header, p ...Part) []byte {
	t.Helper()
	b, err := Encode(runtimeBytes, h, p...)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func open(b []byte) (*Image, error) { return Open(bytes.NewReader(b), int64(len(b))) }

func TestAnImageGivesBackWhatWasPacked(t *testing.T) {
	b := encode(t, native, parts...)
	if !bytes.Equal(b, encode(t, native, parts...)) {
		t.Error("the same arguments gave different bytes")
	}
	if !bytes.HasPrefix(b, runtimeBytes) {
		t.Error("the file does not begin with the runtime")
	}
	im, err := open(b)
	if err != nil {
		t.Fatal(err)
	}
	if im.Name != "app" || im.Kind != KindNative || im.Limits != native.Limits || im.Runtime.Size != int64(len(runtimeBytes)) {
		t.Errorf("header is %+v", im.Header)
	}
	for _, p := range parts {
		if got, err := im.Section(p.Name); err != nil || !bytes.Equal(got, p.Data) {
			t.Errorf("section %s is %q, %v", p.Name, got, err)
		}
	}
	if got, err := im.Section(Policy); got != nil || err != nil {
		t.Errorf("a section that is not there is %q, %v", got, err)
	}
}

func TestAFileWithoutATrailerIsNoImage(t *testing.T) {
	for _, b := range [][]byte{nil, []byte("short"), bytes.Repeat([]byte("x"), 4096)} {
		if _, err := open(b); !errors.Is(err, ErrNoImage) {
			t.Errorf("%d bytes: %v", len(b), err)
		}
	}
}

// read opens an image and reads all of it, as a start does.
func read(b []byte) error {
	im, err := open(b)
	if err != nil {
		return err
	}
	for _, s := range im.Sections {
		if _, err := im.Section(s.Name); err != nil {
			return err
		}
	}
	return nil
}

func TestEveryChangedByteBehindTheRuntimeIsFound(t *testing.T) {
	good := encode(t, native, parts...)
	for i := len(runtimeBytes); i < len(good); i++ {
		b := bytes.Clone(good)
		b[i] ^= 0x20
		if err := read(b); err == nil {
			t.Errorf("byte %d of %d was changed and nobody noticed", i, len(b))
		}
	}
}

func TestEveryTruncationIsFound(t *testing.T) {
	good := encode(t, native, parts...)
	for n := range len(good) {
		if err := read(good[:n]); err == nil {
			t.Errorf("a file cut to %d of %d bytes is an image", n, len(good))
		}
		// Cut from the front, the footer is whole and everything else has moved.
		if n > 0 {
			if err := read(good[n:]); err == nil {
				t.Errorf("a file that lacks its first %d bytes is an image", n)
			}
		}
	}
	if err := read(append(bytes.Clone(good), 0)); err == nil {
		t.Error("a file with one more byte is an image")
	}
}

// forge replaces the header of an image and makes its digest fit.
func forge(good []byte, edit func(h map[string]any)) []byte {
	foot := len(good) - footerBytes
	n := int(binary.LittleEndian.Uint64(good[foot+8:]))
	var h map[string]any
	if err := json.Unmarshal(good[foot-n:foot], &h); err != nil {
		panic(err)
	}
	edit(h)
	head, err := json.Marshal(h)
	if err != nil {
		panic(err)
	}
	out := append(bytes.Clone(good[:foot-n]), head...)
	out = append(out, good[foot:foot+8]...)
	out = binary.LittleEndian.AppendUint64(out, uint64(len(head)))
	out = append(out, digest(head)...)
	return append(out, magic[:]...)
}

func TestForgedHeadersAreRefused(t *testing.T) {
	good := encode(t, native, parts...)
	section := func(h map[string]any, i int) map[string]any { return h["sections"].([]any)[i].(map[string]any) }
	for name, edit := range map[string]func(map[string]any){
		"a later version":             func(h map[string]any) { h["version"] = 2 },
		"an unknown kind":             func(h map[string]any) { h["kind"] = "other" },
		"an unknown member":           func(h map[string]any) { h["more"] = 1 },
		"no name":                     func(h map[string]any) { h["name"] = "" },
		"an endless name":             func(h map[string]any) { h["name"] = strings.Repeat("n", 256) },
		"a negative size":             func(h map[string]any) { section(h, 0)["size"] = -1 },
		"a size beyond the file":      func(h map[string]any) { section(h, 0)["size"] = 1 << 29 },
		"a huge size":                 func(h map[string]any) { section(h, 0)["size"] = 1 << 62 },
		"sizes that wrap around":      func(h map[string]any) { section(h, 0)["size"] = 1<<63 - 1 },
		"a digest that is none":       func(h map[string]any) { section(h, 0)["sha256"] = "abc" },
		"the same section twice":      func(h map[string]any) { section(h, 1)["name"] = Artifact },
		"a section of another kind":   func(h map[string]any) { section(h, 1)["name"] = Policy },
		"an unknown section":          func(h map[string]any) { section(h, 1)["name"] = "other" },
		"no sections":                 func(h map[string]any) { h["sections"] = []any{} },
		"a kind without its policy":   func(h map[string]any) { h["kind"] = KindPolicy; h["boundary"] = "os" },
		"a launcher with a program":   func(h map[string]any) { h["kind"] = KindVM; h["manifest"] = strings.Repeat("0", 64) },
		"a boundary in run-os":        func(h map[string]any) { h["boundary"] = "os" },
		"a manifest in run-os":        func(h map[string]any) { h["manifest"] = strings.Repeat("0", 64) },
		"a runtime of other size":     func(h map[string]any) { h["runtime"].(map[string]any)["size"] = 5 },
		"a runtime of another name":   func(h map[string]any) { h["runtime"].(map[string]any)["name"] = "x" },
		"a digest of another section": func(h map[string]any) { section(h, 0)["sha256"] = section(h, 1)["sha256"] },
	} {
		if err := read(forge(good, edit)); !errors.Is(err, ErrDamaged) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := read(forge(good, func(map[string]any) {})); err != nil {
		t.Errorf("the forger itself breaks images: %v", err)
	}
}

func TestHeadersThatCouldNotBeReadAreNotWritten(t *testing.T) {
	for name, h := range map[string]Header{
		"no kind":            {Name: "app"},
		"no name":            {Kind: KindNative},
		"no manifest digest": {Kind: KindVM, Name: "app"},
		"no boundary":        {Kind: KindPolicy, Name: "app"},
	} {
		if _, err := Encode(runtimeBytes, h, parts...); err == nil {
			t.Errorf("%s: encoded", name)
		}
	}
}

func FuzzNoFileMakesReadingPanic(f *testing.F) {
	good := encode(f, native, parts...)
	f.Add(good)
	f.Add(good[len(runtimeBytes):])
	f.Add(encode(f, Header{Kind: KindVM, Name: "l", Manifest: strings.Repeat("a", 64)}))
	f.Add(append([]byte("x"), magic[:]...))
	f.Fuzz(func(t *testing.T, b []byte) {
		im, err := open(b)
		if err != nil {
			return
		}
		var total int64
		for _, s := range im.Sections {
			total += s.Size
			data, err := im.Section(s.Name)
			if err == nil && int64(len(data)) != s.Size {
				t.Fatalf("section %s has %d bytes, its header says %d", s.Name, len(data), s.Size)
			}
		}
		if total > int64(len(b)) {
			t.Fatalf("sections of %d bytes in a file of %d", total, len(b))
		}
	})
}
