// Package wire is the language that host and guest speak over a guest's byte
// stream: what is asked, what is answered, and how both are framed. It holds
// the documents, their limits and their codec, and neither end. Everything a
// guest sends is hostile until this package has checked it: each frame, each
// document and each total is capped, and a violation ends the session.
//
// The stream carries one yamux session. The host opens the control stream,
// sends a Request, the artifact, its input and perhaps its machine code, and then
// standard input as it comes; the guest sends standard output and error as they come, and last the
// program's output and a Response. Every connection that the program opens is a
// stream of its own, opened by the guest, that begins with a NetRequest.
package wire

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"x07/internal/engine"
	"x07/internal/policy"
)

// Version is the version of this protocol. Both ends are of one release; the
// guest refuses any other.
const Version = 2

// FrameType says what a frame of the control stream carries.
type FrameType byte

// Frames from the host come first in that order; Stdin and StdinEOF follow
// until the guest ends.
const (
	FrameRequest  FrameType = 'Q' // Request, JSON
	FrameArtifact FrameType = 'A' // a piece of the encoded artifact
	FrameInput    FrameType = 'I' // a piece of the program's input
	FrameCode     FrameType = 'C' // a piece of the artifact's machine code
	FrameStart    FrameType = 'S' // artifact, input and code are complete
	FrameStdin    FrameType = 'i' // a piece of standard input
	FrameStdinEOF FrameType = 'e' // no more standard input
)

// Frames from the guest.
const (
	FrameStdout   FrameType = 'o' // a piece of standard output
	FrameStderr   FrameType = 'r' // a piece of standard error
	FrameOutput   FrameType = 'O' // a piece of the program's output (solve's bytes)
	FrameAudit    FrameType = 'D' // audit records, JSON lines
	FrameResponse FrameType = 'R' // Response, JSON; the last frame
)

const (
	// MaxFrame is the largest payload of a frame, in bytes.
	MaxFrame = 64 << 10
	// MaxCode is the most machine code that a request may announce, in bytes. A
	// program with more of it is compiled in the guest.
	MaxCode = 64 << 20
	// MaxDocument is the largest Request or Response, in bytes. They may span
	// several frames of their type; the last one is shorter than MaxFrame.
	MaxDocument = 4 << 20
	// headerLen is a type byte and a little-endian 32-bit length.
	headerLen = 5
)

// Request is what a guest is asked to run.
type Request struct {
	Version int    `json:"version"`
	RunID   string `json:"run_id"`
	World   string `json:"world"`
	// Policy is the policy document; absent in run-os.
	Policy json.RawMessage `json:"policy,omitempty"`
	// Root is the working directory, where relative paths begin.
	Root string `json:"root"`
	// Env are the variables that the program may read.
	Env map[string]string `json:"env,omitempty"`
	// Limits of the run.
	Fuel           uint64 `json:"fuel,omitempty"`    // units; 0: no limit
	MaxMemoryBytes uint64 `json:"max_memory_bytes"`  // program heap
	MaxOutputBytes uint64 `json:"max_output_bytes"`  // program output
	CPUMillis      uint64 `json:"cpu_ms,omitempty"`  // 0: no limit
	WallMillis     uint64 `json:"wall_ms,omitempty"` // 0: no limit
	// ArtifactBytes, InputBytes and CodeBytes announce what the frames will carry.
	ArtifactBytes uint64 `json:"artifact_bytes"`
	InputBytes    uint64 `json:"input_bytes"`
	CodeBytes     uint64 `json:"code_bytes,omitempty"`
	// Audit asks for audit records of every effect.
	Audit bool `json:"audit,omitempty"`
}

// Response is how a run ended.
type Response struct {
	// Error is set when the program was not run: what the guest could not do.
	Error string `json:"error,omitempty"`
	// ExitCode is what the program asked for; 0 after a trap.
	ExitCode int32 `json:"exit_code"`
	// Trap is nil when the program ended normally.
	Trap *Trap `json:"trap,omitempty"`
	// Stats is the statistics object; absent after a trap.
	Stats *engine.Stats `json:"stats,omitempty"`
	// Exited says that the program ended through os.process.exit.
	Exited bool `json:"exited,omitempty"`
	// CPU, Wall and Startup are what the run took inside the guest.
	CPU     time.Duration `json:"cpu_ns"`
	Wall    time.Duration `json:"wall_ns"`
	Startup time.Duration `json:"startup_ns"`
	// Precompiled says that the machine code which came with the request was used.
	Precompiled bool `json:"precompiled,omitempty"`
	// Denials are what the gate refused, capped.
	Denials []policy.Denial `json:"denials,omitempty"`
	// Notes are restrictions that the guest could not apply.
	Notes []string `json:"notes,omitempty"`
}

// Trap is where and why a program ended abnormally.
type Trap struct {
	Message string `json:"message"`
	Module  string `json:"module,omitempty"`
	Func    string `json:"fn,omitempty"`
	Ptr     string `json:"ptr,omitempty"`
	// Status is the exit status of a process that died of this trap.
	Status int `json:"status,omitempty"`
}

// ErrProtocol marks a violation by the other end.
var ErrProtocol = errors.New("guest protocol violation")

// WriteFrame writes one frame; p must not be longer than MaxFrame.
func WriteFrame(w io.Writer, t FrameType, p []byte) error {
	buf := make([]byte, headerLen+len(p))
	buf[0] = byte(t)
	binary.LittleEndian.PutUint32(buf[1:], uint32(len(p)))
	copy(buf[headerLen:], p)
	_, err := w.Write(buf)
	return err
}

// WriteAll writes p as frames of type t, none when p is empty.
func WriteAll(w io.Writer, t FrameType, p []byte) error {
	for len(p) > 0 {
		n := min(len(p), MaxFrame)
		if err := WriteFrame(w, t, p[:n]); err != nil {
			return err
		}
		p = p[n:]
	}
	return nil
}

// WriteDocument writes v as JSON in frames of type t, the last one shorter
// than MaxFrame.
func WriteDocument(w io.Writer, t FrameType, v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return err
	}
	if len(b) > MaxDocument {
		return fmt.Errorf("document of %d bytes is larger than %d", len(b), MaxDocument)
	}
	if err := WriteAll(w, t, b); err != nil {
		return err
	}
	if len(b)%MaxFrame == 0 {
		return WriteFrame(w, t, nil)
	}
	return nil
}

// Reader reads frames from an untrusted end.
type Reader struct {
	r   io.Reader
	buf []byte
}

// NewReader reads from r, which should be buffered.
func NewReader(r io.Reader) *Reader { return &Reader{r: r, buf: make([]byte, MaxFrame)} }

// Next reads a frame. The payload is valid until the next call. At the end of
// the stream between two frames the error is io.EOF, inside one it is
// io.ErrUnexpectedEOF.
func (r *Reader) Next() (FrameType, []byte, error) {
	var h [headerLen]byte
	if _, err := io.ReadFull(r.r, h[:]); err != nil {
		return 0, nil, err
	}
	n := binary.LittleEndian.Uint32(h[1:])
	if n > MaxFrame {
		return 0, nil, fmt.Errorf("%w: frame of %d bytes, the limit is %d", ErrProtocol, n, MaxFrame)
	}
	p := r.buf[:n]
	if _, err := io.ReadFull(r.r, p); err != nil {
		if err == io.EOF {
			err = io.ErrUnexpectedEOF
		}
		return 0, nil, err
	}
	return FrameType(h[0]), p, nil
}

// Document collects the pieces of a JSON document.
type Document struct{ buf []byte }

// Add appends a piece and reports whether the document is complete.
func (d *Document) Add(p []byte) (complete bool, err error) {
	if len(d.buf)+len(p) > MaxDocument {
		return false, fmt.Errorf("%w: document larger than %d bytes", ErrProtocol, MaxDocument)
	}
	d.buf = append(d.buf, p...)
	return len(p) < MaxFrame, nil
}

// Decode decodes a complete document into v; unknown members are a violation.
func (d *Document) Decode(v any) error {
	dec := json.NewDecoder(bytes.NewReader(d.buf))
	dec.DisallowUnknownFields()
	if err := dec.Decode(v); err != nil {
		return fmt.Errorf("%w: %v", ErrProtocol, err)
	}
	if _, err := dec.Token(); err != io.EOF {
		return fmt.Errorf("%w: data after the document", ErrProtocol)
	}
	return nil
}
