// Package random gives a program random bytes of the system's generator. It
// never falls back to anything that could be predicted.
package random

import (
	"crypto/rand"
	"encoding/binary"
	"io"

	"x07/internal/osworld/effect"
)

// The error codes. Every policy allows random numbers, so "disabled" (60201) and
// "denied" (60202) never occur.
const (
	codeBadCaps int32 = 60204
	codeBadArg  int32 = 60205
	codeIO      int32 = 60215
)

// maxPerCall is the most bytes that one call returns.
const maxPerCall = 65536

// Source is the random capability of one run.
type Source struct {
	door effect.Door
	r    io.Reader
}

// New returns a source that reads r; nil is the system's generator.
func New(door effect.Door, r io.Reader) *Source {
	if r == nil {
		r = rand.Reader
	}
	return &Source{door: door, r: r}
}

// limits decodes RandCapsV1: 12 bytes of version 1, most bytes per call (0: the
// built-in limit), and flags.
func limits(caps []byte) (limit, flags uint32, ok bool) {
	if len(caps) != 12 || binary.LittleEndian.Uint32(caps) != 1 {
		return 0, 0, false
	}
	limit = binary.LittleEndian.Uint32(caps[4:])
	if limit == 0 || limit > maxPerCall {
		limit = maxPerCall
	}
	return limit, binary.LittleEndian.Uint32(caps[8:]), true
}

// Bytes is os.rand.bytes_v1: exactly n random bytes, or a code.
func (s *Source) Bytes(n int32, caps []byte) ([]byte, int32) {
	limit, flags, ok := limits(caps)
	switch {
	case !ok:
		return nil, codeBadCaps
	case n < 0:
		return nil, codeBadArg
	case flags != 0:
		return nil, codeBadCaps
	case uint32(n) > limit:
		return nil, codeBadArg
	}
	return s.read(int(n))
}

// U64 is os.rand.u64_v1: 8 random bytes, or a code.
func (s *Source) U64(caps []byte) ([]byte, int32) {
	limit, flags, ok := limits(caps)
	switch {
	case !ok, flags != 0:
		return nil, codeBadCaps
	case limit < 8:
		return nil, codeBadArg
	}
	return s.read(8)
}

func (s *Source) read(n int) ([]byte, int32) {
	d := s.door.Gate.Random()
	start := s.door.Start()
	data := make([]byte, n)
	if _, err := io.ReadFull(s.r, data); err != nil {
		s.door.Done(d, 0, start, codeIO)
		return nil, codeIO
	}
	s.door.Done(d, int64(n), start, 0)
	return data, 0
}
