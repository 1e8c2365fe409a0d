package broker

import (
	"encoding/binary"
	"io"
)

// WholeFrames returns conn with yamux's frames written as a whole. yamux writes
// the head of a data frame and its body one after the other; in a guest each
// write is a costly system call, and at the other end a wake-up of its own.
// Only yamux's sending goroutine may write.
func WholeFrames(conn io.ReadWriteCloser) io.ReadWriteCloser {
	return &wholeFrames{ReadWriteCloser: conn}
}

type wholeFrames struct {
	io.ReadWriteCloser
	buf []byte // a head whose body has not come yet
}

const (
	yamuxHead = 12 // version, type, flags (2), stream (4), length (4)
	yamuxData = 0  // the type of frames that have a body
)

// Write keeps the head of a data frame until its body comes.
func (w *wholeFrames) Write(p []byte) (int, error) {
	if len(w.buf) == 0 {
		if len(p) == yamuxHead && p[1] == yamuxData && binary.BigEndian.Uint32(p[8:]) > 0 {
			w.buf = append(w.buf, p...)
			return len(p), nil
		}
		return w.ReadWriteCloser.Write(p)
	}
	w.buf = append(w.buf, p...)
	_, err := w.ReadWriteCloser.Write(w.buf)
	w.buf = w.buf[:0]
	if err != nil {
		return 0, err
	}
	return len(p), nil
}
