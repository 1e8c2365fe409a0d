package wire

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"strings"
	"testing"

	"x07/internal/engine"
	"x07/internal/policy"
)

func TestDocumentsOfAnyLengthSurviveTheFrames(t *testing.T) {
	for _, n := range []int{0, 1, MaxFrame - 200, MaxFrame, 3*MaxFrame + 7} {
		var buf bytes.Buffer
		want := Request{Version: Version, RunID: strings.Repeat("x", n), World: "run-os"}
		if err := WriteDocument(&buf, FrameRequest, want); err != nil {
			t.Fatal(err)
		}
		r := NewReader(&buf)
		var d Document
		for done := false; !done; {
			_, p, err := r.Next()
			if err != nil {
				t.Fatal(err)
			}
			if done, err = d.Add(p); err != nil {
				t.Fatal(err)
			}
		}
		var got Request
		if err := d.Decode(&got); err != nil || got.RunID != want.RunID || buf.Len() != 0 {
			t.Fatalf("n=%d: %v, %d bytes left", n, err, buf.Len())
		}
	}
	// A document whose JSON fills its last frame exactly needs an empty one behind it.
	var buf bytes.Buffer
	if err := WriteDocument(&buf, FrameRequest, strings.Repeat("x", MaxFrame-2)); err != nil {
		t.Fatal(err)
	}
	r := NewReader(&buf)
	if _, p, _ := r.Next(); len(p) != MaxFrame {
		t.Fatalf("first frame has %d bytes", len(p))
	}
	if _, p, err := r.Next(); len(p) != 0 || err != nil {
		t.Fatalf("last frame has %d bytes, %v", len(p), err)
	}
}

func TestFramesFromAHostileEndAreRefused(t *testing.T) {
	big := []byte{byte(FrameStdout), 0, 0, 0, 0}
	binary.LittleEndian.PutUint32(big[1:], MaxFrame+1)
	if _, _, err := NewReader(bytes.NewReader(big)).Next(); !errors.Is(err, ErrProtocol) {
		t.Errorf("a giant frame: %v", err)
	}
	cut := []byte{byte(FrameStdout), 9, 0, 0, 0, 'x'}
	if _, _, err := NewReader(bytes.NewReader(cut)).Next(); err != io.ErrUnexpectedEOF {
		t.Errorf("a frame cut short: %v", err)
	}
	var d Document
	var err error
	for i := 0; i <= MaxDocument/MaxFrame && err == nil; i++ {
		_, err = d.Add(make([]byte, MaxFrame))
	}
	if !errors.Is(err, ErrProtocol) {
		t.Errorf("an endless document: %v", err)
	}
	for _, text := range []string{`{"version":1,"extra":2}`, `{"version":"x"}`, `{} {}`, `[`} {
		d := Document{buf: []byte(text)}
		if err := d.Decode(new(Request)); !errors.Is(err, ErrProtocol) {
			t.Errorf("%s: %v", text, err)
		}
	}
}

func TestResponsesAreValidated(t *testing.T) {
	good := Response{Trap: &Trap{Message: "view.get_u8 oob", Ptr: "/solve/1"}, Denials: []policy.Denial{{Op: policy.OpFSRead, Target: "/etc/passwd", Class: "denied", Field: "fs.read_roots", Count: 1}}}
	if err := good.Check(); err != nil {
		t.Fatal(err)
	}
	for name, r := range map[string]Response{
		"escape sequence":     {Error: "\x1b[2J"},
		"invalid UTF-8":       {Trap: &Trap{Message: "\xff"}},
		"giant message":       {Trap: &Trap{Message: strings.Repeat("x", maxText+1)}},
		"impossible status":   {ExitCode: 256},
		"negative time":       {Wall: -1},
		"stats after a trap":  {Trap: &Trap{Message: "x"}, Stats: &engine.Stats{}},
		"unknown operation":   {Denials: []policy.Denial{{Op: "fs.format_disk", Count: 1}}},
		"flood of denials":    {Denials: make([]policy.Denial, policy.MaxDenials+1)},
		"flood of notes":      {Notes: make([]string, maxNotes+1)},
		"control characters":  {Notes: []string{"a\rb"}},
		"escapes in a target": {Denials: []policy.Denial{{Op: policy.OpFSRead, Target: "\x1b[2J", Count: 1}}},
		"giant denial target": {Denials: []policy.Denial{{Op: policy.OpFSRead, Target: strings.Repeat("x", 1<<16), Count: 1}}},
	} {
		if err := r.Check(); !errors.Is(err, ErrProtocol) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func FuzzNoBytesFromAGuestHurt(f *testing.F) {
	var buf bytes.Buffer
	WriteDocument(&buf, FrameResponse, Response{Trap: &Trap{Message: "m"}})
	f.Add(buf.Bytes())
	f.Add([]byte{'o', 1, 0, 0, 0, 'x', 'R', 2, 0, 0, 0, '{', '}'})
	f.Fuzz(func(t *testing.T, in []byte) {
		r := NewReader(bytes.NewReader(in))
		var d Document
		for {
			typ, p, err := r.Next()
			if err != nil {
				return
			}
			if typ != FrameResponse {
				continue
			}
			done, err := d.Add(p)
			if err != nil {
				return
			}
			if done {
				var resp Response
				if d.Decode(&resp) == nil {
					resp.Check()
				}
				d = Document{}
			}
		}
	})
}
