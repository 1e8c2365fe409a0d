// Package stdio connects a program to standard input, output and error. Bytes
// pass as they are: input is cut into lines, output is held back only from the
// last line end on. No policy restricts it.
package stdio

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
)

// The error codes. "Disabled" (60101) and "denied" (60102) never occur.
const (
	codeBadCaps  int32 = 60104
	codeIO       int32 = 60115
	codeTooLarge int32 = 60116
	codeEOF      int32 = 60121
)

const (
	maxPerCall = 16777216 // bytes of one line or write
	chunk      = 64 << 10 // bytes asked of standard input at a time
	holdBack   = 8 << 10  // bytes of an unfinished line that standard output keeps
)

// Stdio is the standard streams of one run. It is used by one goroutine at a
// time, except that an abandoned read may still be under way in the background.
type Stdio struct {
	in      io.Reader
	pending []byte // read from in, not yet returned
	inErr   error  // what in ended with
	out     io.Writer
	held    []byte // the unfinished line of standard output
	err     io.Writer
}

// New returns the streams. A nil input is empty; writing to a nil output or
// error fails.
func New(in io.Reader, out, err io.Writer) *Stdio {
	if in == nil {
		in = bytes.NewReader(nil)
	}
	return &Stdio{in: in, out: orClosed(out), err: orClosed(err)}
}

func orClosed(w io.Writer) io.Writer {
	if w == nil {
		return closed{}
	}
	return w
}

// closed is a stream that nobody is connected to.
type closed struct{}

func (closed) Write([]byte) (int, error) { return 0, errors.New("the stream is not connected") }

// limit decodes StdioCapsV1: 16 bytes of version 1, most bytes of a read and of
// a write (0: the built-in limit), and flags, which must be 0.
func limit(caps []byte, at int) (int, bool) {
	if len(caps) != 16 || binary.LittleEndian.Uint32(caps) != 1 || binary.LittleEndian.Uint32(caps[12:]) != 0 {
		return 0, false
	}
	n := binary.LittleEndian.Uint32(caps[at:])
	if n == 0 || n > maxPerCall {
		n = maxPerCall
	}
	return int(n), true
}

// ReadLine is os.stdio.read_line_v1: the next line without its LF or CRLF, or a
// code. A line longer than the limit is skipped whole. Waiting stops when ctx
// ends.
func (s *Stdio) ReadLine(ctx context.Context, caps []byte) ([]byte, int32) {
	most, ok := limit(caps, 4)
	if !ok {
		return nil, codeBadCaps
	}
	var line []byte
	tooLong, seen := false, 0
	for {
		i := bytes.IndexByte(s.pending, '\n')
		part := s.pending
		if i >= 0 {
			part = s.pending[:i]
		}
		seen += len(part)
		if tooLong = tooLong || len(line)+len(part) > most; tooLong {
			line = nil
		} else {
			line = append(line, part...)
		}
		if i >= 0 {
			s.pending = s.pending[i+1:]
			break
		}
		s.pending = nil
		if s.inErr == nil {
			s.fill(ctx)
			continue
		}
		switch {
		case !errors.Is(s.inErr, io.EOF):
			return nil, codeIO
		case seen == 0:
			return nil, codeEOF
		}
		break
	}
	if tooLong {
		return nil, codeTooLarge
	}
	if line == nil {
		line = []byte{}
	}
	return bytes.TrimSuffix(line, []byte{'\r'}), 0
}

// fill reads once from the input into pending.
func (s *Stdio) fill(ctx context.Context) {
	type answer struct {
		data []byte
		err  error
	}
	done := make(chan answer, 1)
	in := s.in
	go func() {
		data := make([]byte, chunk)
		n, err := in.Read(data)
		done <- answer{data[:n], err}
	}()
	select {
	case a := <-done:
		s.pending, s.inErr = a.data, a.err
	case <-ctx.Done():
		s.inErr = ctx.Err()
	}
}

// WriteStdout is os.stdio.write_stdout_v1: the length of data, or a code. What
// follows the last line end is held back until the next one, a flush, or until
// there is too much of it.
func (s *Stdio) WriteStdout(data, caps []byte) (n, code int32) {
	most, ok := limit(caps, 8)
	switch {
	case !ok:
		return 0, codeBadCaps
	case len(data) > most:
		return 0, codeTooLarge
	}
	now := bytes.LastIndexByte(data, '\n') + 1
	if len(s.held)+len(data)-now > holdBack {
		now = len(data)
	}
	if now > 0 {
		whole := data[:now]
		if len(s.held) > 0 {
			whole = append(s.held, whole...)
			s.held = nil
		}
		if _, err := s.out.Write(whole); err != nil {
			return 0, codeIO
		}
	}
	s.held = append(s.held, data[now:]...)
	return int32(len(data)), 0
}

// WriteStderr is os.stdio.write_stderr_v1: the length of data, or a code.
func (s *Stdio) WriteStderr(data, caps []byte) (n, code int32) {
	most, ok := limit(caps, 8)
	switch {
	case !ok:
		return 0, codeBadCaps
	case len(data) > most:
		return 0, codeTooLarge
	}
	if _, err := s.err.Write(data); err != nil {
		return 0, codeIO
	}
	return int32(len(data)), 0
}

// FlushStdout is os.stdio.flush_stdout_v1: 0, or a code. The runner calls it too,
// before it writes the program's result.
func (s *Stdio) FlushStdout() (n, code int32) {
	if len(s.held) == 0 {
		return 0, 0
	}
	held := s.held
	s.held = nil
	if _, err := s.out.Write(held); err != nil {
		return 0, codeIO
	}
	return 0, 0
}

// FlushStderr is os.stdio.flush_stderr_v1; standard error holds nothing back.
func (s *Stdio) FlushStderr() (n, code int32) { return 0, 0 }
