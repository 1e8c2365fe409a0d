package stdio_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"x07/internal/osworld/stdio"
)

var ctx = context.Background()

func caps(read, write uint32) []byte {
	var doc []byte
	for _, v := range []uint32{1, read, write, 0} {
		doc = binary.LittleEndian.AppendUint32(doc, v)
	}
	return doc
}

func TestLinesAreCutAtTheirEnds(t *testing.T) {
	type line struct {
		text string
		code int32
	}
	for input, want := range map[string][]line{
		"":                {{"", 60121}, {"", 60121}},
		"a\nb\r\n\nlast":  {{"a", 0}, {"b", 0}, {"", 0}, {"last", 0}, {"", 60121}},
		"last\r":          {{"last", 0}, {"", 60121}},
		"\r\n":            {{"", 0}, {"", 60121}},
		"a\rb\r\r\n":      {{"a\rb\r", 0}, {"", 60121}},
		"12345678\n1\n":   {{"12345678", 0}, {"1", 0}},
		"123456789\n1\n":  {{"", 60116}, {"1", 0}},
		"1234567\r\n1\n":  {{"1234567", 0}, {"1", 0}},
		"12345678\r\n1\n": {{"", 60116}, {"1", 0}},
		"123456789":       {{"", 60116}, {"", 60121}},
	} {
		for name, r := range map[string]io.Reader{"whole": strings.NewReader(input), "byte by byte": iotest.OneByteReader(strings.NewReader(input)), "with its end": iotest.DataErrReader(strings.NewReader(input))} {
			s := stdio.New(r, nil, nil)
			for i, w := range want {
				got, code := s.ReadLine(ctx, caps(8, 0))
				if string(got) != w.text || code != w.code {
					t.Errorf("%q %s, line %d: %q %d, want %q %d", input, name, i, got, code, w.text, w.code)
				}
			}
		}
	}
}

func TestAFailingInputIsAnError(t *testing.T) {
	s := stdio.New(io.MultiReader(strings.NewReader("a\nb"), iotest.ErrReader(errors.New("gone"))), nil, nil)
	if got, code := s.ReadLine(ctx, caps(0, 0)); string(got) != "a" || code != 0 {
		t.Errorf("%q %d", got, code)
	}
	if _, code := s.ReadLine(ctx, caps(0, 0)); code != 60115 {
		t.Error(code)
	}
}

func TestWaitingForInputEndsWithTheRun(t *testing.T) {
	r, w := io.Pipe()
	defer w.Close()
	over, cancel := context.WithCancel(ctx)
	cancel()
	if _, code := stdio.New(r, nil, nil).ReadLine(over, caps(0, 0)); code != 60115 {
		t.Error(code)
	}
}

func TestStdoutHoldsBackAnUnfinishedLine(t *testing.T) {
	var out, err bytes.Buffer
	s := stdio.New(nil, &out, &err)
	for _, step := range []struct{ write, shown string }{
		{"a", ""}, {"b\nc", "ab\n"}, {"d", "ab\n"}, {"\n", "ab\ncd\n"}, {"e", "ab\ncd\n"},
	} {
		if n, code := s.WriteStdout([]byte(step.write), caps(0, 0)); int(n) != len(step.write) || code != 0 {
			t.Error(n, code)
		}
		if out.String() != step.shown {
			t.Errorf("after %q: %q", step.write, out.String())
		}
	}
	s.FlushStdout()
	if out.String() != "ab\ncd\ne" {
		t.Errorf("flushed: %q", out.String())
	}
	long := bytes.Repeat([]byte("x"), 9000)
	s.WriteStdout(long, caps(0, 0))
	if out.Len() != 7+9000 {
		t.Errorf("a long line is held back: %d", out.Len())
	}
	s.WriteStderr([]byte("now"), caps(0, 0))
	if err.String() != "now" {
		t.Errorf("stderr: %q", err.String())
	}
}

func TestWritesAreHeldToTheirCaps(t *testing.T) {
	var out bytes.Buffer
	s := stdio.New(nil, &out, &out)
	bad := caps(0, 0)
	bad[12] = 1
	for _, doc := range [][]byte{nil, make([]byte, 16), bad, append(caps(0, 0), 0)} {
		_, a := s.ReadLine(ctx, doc)
		_, b := s.WriteStdout(nil, doc)
		_, c := s.WriteStderr(nil, doc)
		if a != 60104 || b != 60104 || c != 60104 {
			t.Errorf("caps %x: %d %d %d", doc, a, b, c)
		}
	}
	if _, code := s.WriteStdout([]byte("12345"), caps(0, 4)); code != 60116 {
		t.Error(code)
	}
	if _, code := s.WriteStderr([]byte("12345"), caps(0, 4)); code != 60116 {
		t.Error(code)
	}
	if n, code := s.WriteStdout([]byte("1234"), caps(0, 4)); n != 4 || code != 0 {
		t.Error(n, code)
	}
	s.FlushStdout()
	if out.String() != "1234" {
		t.Errorf("written: %q", out.String())
	}
}

func TestStreamsThatAreNotConnectedFail(t *testing.T) {
	s := stdio.New(nil, nil, nil)
	if _, code := s.ReadLine(ctx, caps(0, 0)); code != 60121 {
		t.Error(code)
	}
	if _, code := s.WriteStdout([]byte("x\n"), caps(0, 0)); code != 60115 {
		t.Error(code)
	}
	s.WriteStdout([]byte("x"), caps(0, 0))
	if _, code := s.FlushStdout(); code != 60115 {
		t.Error(code)
	}
	if _, code := s.WriteStderr([]byte("x"), caps(0, 0)); code != 60115 {
		t.Error(code)
	}
	if _, code := s.FlushStderr(); code != 0 {
		t.Error(code)
	}
}
