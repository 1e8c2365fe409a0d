// Command digest is the helper of the parallel-worker example. It reads frames
// on standard input (id and length, four bytes each, little-endian, then that
// many bytes), and answers each with one frame of the same id: the SHA-256 of
// the bytes in hexadecimal. It ends when its input does. With --check it says
// that it can run, and ends.
package main

import (
	"bufio"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
)

// maxFrame is the longest request that digest takes, in bytes.
const maxFrame = 16 << 20

func main() {
	if len(os.Args) == 2 && os.Args[1] == "--check" {
		fmt.Println("digest: ready")
		return
	}
	if err := serve(os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "digest:", err)
		os.Exit(1)
	}
}

func serve(r io.Reader, w io.Writer) error {
	in := bufio.NewReader(r)
	var head [8]byte
	for {
		if _, err := io.ReadFull(in, head[:]); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return fmt.Errorf("read a frame's head: %w", err)
		}
		size := binary.LittleEndian.Uint32(head[4:])
		if size > maxFrame {
			return fmt.Errorf("a frame of %d bytes, at most %d are taken", size, maxFrame)
		}
		sum := sha256.New()
		if _, err := io.CopyN(sum, in, int64(size)); err != nil {
			return fmt.Errorf("read a frame of %d bytes: %w", size, err)
		}
		answer := fmt.Sprintf("%x", sum.Sum(nil))
		binary.LittleEndian.PutUint32(head[4:], uint32(len(answer)))
		if _, err := w.Write(append(head[:], answer...)); err != nil {
			return fmt.Errorf("answer: %w", err)
		}
	}
}
