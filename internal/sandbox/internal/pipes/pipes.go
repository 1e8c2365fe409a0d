//go:build unix

// Package pipes holds what every backend that starts a process needs: pipes that
// do not leak, the guest's stream made of two of them, and diagnostics with a cap.
//
// Bytes of a guest pass through unread.
package pipes

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"sync"
)

// Stream is the host's end of a guest's standard input and output.
type Stream struct {
	// R reads the guest's standard output, W writes its standard input.
	R, W *os.File
}

// Read reads what the guest wrote.
func (s Stream) Read(p []byte) (int, error) { return s.R.Read(p) }

// Write writes to the guest.
func (s Stream) Write(p []byte) (int, error) { return s.W.Write(p) }

// CloseWrite signals end of file to the guest and leaves the other direction open.
func (s Stream) CloseWrite() error { return s.W.Close() }

// Close closes both directions.
func (s Stream) Close() error { return errors.Join(s.W.Close(), s.R.Close()) }

// Capture keeps the first bytes of a stream and drops the rest, so that the
// writer never blocks and never costs more than the cap.
type Capture struct {
	// Cap is the most that is kept, bytes.
	Cap int

	mu  sync.Mutex
	buf []byte
}

// Drain reads f to its end and closes it.
func (c *Capture) Drain(f *os.File) {
	defer f.Close()
	chunk := make([]byte, 8<<10)
	for {
		n, err := f.Read(chunk)
		c.mu.Lock()
		c.buf = append(c.buf, chunk[:min(n, c.Cap-len(c.buf))]...)
		c.mu.Unlock()
		if err != nil {
			return
		}
	}
}

// Bytes returns what was kept so far.
func (c *Capture) Bytes() []byte {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clip(c.buf)
}

// Set owns files until they are released: closing a Set closes what a failed or
// finished start left behind. After the first failure nothing more is opened, and
// Err says what it was.
type Set struct {
	files []*os.File
	err   error
}

// Open opens a file into the set.
func (s *Set) Open(path string, flag int) *os.File {
	if s.err != nil {
		return nil
	}
	f, err := os.OpenFile(path, flag, 0)
	if err != nil {
		s.err = err
		return nil
	}
	s.files = append(s.files, f)
	return f
}

// Pipe makes a pipe whose ends are in the set.
func (s *Set) Pipe() (r, w *os.File) {
	if s.err != nil {
		return nil, nil
	}
	r, w, err := os.Pipe()
	if err != nil {
		s.err = fmt.Errorf("make pipe: %w", err)
		return nil, nil
	}
	s.files = append(s.files, r, w)
	return r, w
}

// Err returns the first failure.
func (s *Set) Err() error { return s.err }

// Release takes files out of the set.
func (s *Set) Release(files ...*os.File) {
	s.files = slices.DeleteFunc(s.files, func(f *os.File) bool { return slices.Contains(files, f) })
}

// Close closes the files that are still in the set, and empties it.
func (s *Set) Close() {
	for _, f := range s.files {
		f.Close()
	}
	s.files = nil
}
