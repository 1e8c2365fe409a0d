// Package broker is the host's end of a guest's byte stream. It sends what is
// to be run, passes standard streams through, collects the answer, and makes
// the network connections that the guest asks for, as far as the policy allows.
// It treats everything from the guest as hostile: whatever arrives is capped,
// validated by package wire, and can waste only the guest's own budget. It
// starts and stops no guest, and trusts none.
package broker

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"time"

	"github.com/hashicorp/yamux"

	"x07/internal/engine"
	"x07/internal/guest/wire"
	"x07/internal/policy"
)

// Job is one run in a guest.
type Job struct {
	Request  wire.Request
	Artifact []byte // encoded
	Input    []byte
	// Code is machine code of the artifact, which spares the guest to make it; nil
	// or too long for the protocol: the guest compiles. It only ever goes in: what a
	// guest makes stays there.
	Code []byte
	// Stdin is read until its end or the end of the run; nil means empty.
	Stdin io.Reader
	// Stdout and Stderr receive the program's streams as they come; nil drops them.
	Stdout, Stderr io.Writer
	// Limits of what the guest may send.
	MaxStreamBytes uint64 // of stdout and stderr together; 0: no limit
	// Audit receives the guest's audit records; may be nil.
	Audit *policy.Audit
	// Accept serves a stream that the guest opened. It owns the stream. When
	// nil, such streams are refused.
	Accept func(ctx context.Context, stream net.Conn)
}

// Outcome is what a run gave.
type Outcome struct {
	wire.Response
	// Output is the program's output.
	Output []byte
}

// ErrGuestDied means that the stream ended before the answer.
var ErrGuestDied = errors.New("the guest ended without an answer")

// maxGuestStreams bounds the streams a guest may have open. Each may hold up to
// a window of bytes that nobody has read yet (256 KiB), also for a while after
// our side closed it.
const maxGuestStreams = 1024

// SessionConfig is the yamux configuration of both ends. Liveness is the job
// deadline's business, so there are no keep-alives, and a stream waits for its
// peer as long as the job lives.
func SessionConfig() *yamux.Config {
	c := yamux.DefaultConfig()
	c.EnableKeepAlive = false
	c.LogOutput = io.Discard
	c.AcceptBacklog = 64
	c.MaxStreamWindowSize = 1 << 20
	c.StreamOpenTimeout = 0
	c.StreamCloseTimeout = 10 * time.Second
	c.ConnectionWriteTimeout = time.Hour
	return c
}

// Run drives one job over the guest's stream. It returns when the answer is
// complete, the stream ends, the guest violates the protocol, or ctx ends; it
// closes conn in every case.
func Run(ctx context.Context, conn io.ReadWriteCloser, job Job) (Outcome, error) {
	session, err := yamux.Client(WholeFrames(conn), SessionConfig())
	if err != nil {
		conn.Close()
		return Outcome{}, fmt.Errorf("start guest session: %w", err)
	}
	// Closing the session unblocks every reader and writer below.
	stop := context.AfterFunc(ctx, func() { session.Close() })
	defer stop()
	defer session.Close()

	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	control, err := session.OpenStream()
	if err != nil {
		return Outcome{}, ended(ctx, err)
	}
	go acceptStreams(ctx, session, job.Accept)
	sent := make(chan error, 1)
	go func() { sent <- send(control, job) }()

	out, err := receive(control, job)
	if err != nil {
		if errors.Is(err, wire.ErrProtocol) {
			return Outcome{}, err
		}
		select {
		case serr := <-sent:
			if serr != nil && !errors.Is(serr, io.EOF) {
				err = serr
			}
		default:
		}
		return Outcome{}, ended(ctx, err)
	}
	return out, nil
}

// ended explains why the stream ended early.
func ended(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if err == io.EOF || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, yamux.ErrSessionShutdown) || errors.Is(err, yamux.ErrStreamClosed) || errors.Is(err, io.ErrClosedPipe) {
		return ErrGuestDied
	}
	return fmt.Errorf("%w: %v", ErrGuestDied, err)
}

// send writes the job and then standard input. It may outlive the run when
// Stdin blocks; the reader is then left to the process's end.
func send(control net.Conn, job Job) error {
	w := bufio.NewWriterSize(control, wire.MaxFrame)
	req := job.Request
	req.Version = wire.Version
	req.ArtifactBytes = uint64(len(job.Artifact))
	req.InputBytes = uint64(len(job.Input))
	code := job.Code
	if len(code) > wire.MaxCode {
		code = nil
	}
	req.CodeBytes = uint64(len(code))
	if err := wire.WriteDocument(w, wire.FrameRequest, req); err != nil {
		return err
	}
	if err := wire.WriteAll(w, wire.FrameArtifact, job.Artifact); err != nil {
		return err
	}
	if err := wire.WriteAll(w, wire.FrameInput, job.Input); err != nil {
		return err
	}
	if err := wire.WriteAll(w, wire.FrameCode, code); err != nil {
		return err
	}
	if err := wire.WriteFrame(w, wire.FrameStart, nil); err != nil {
		return err
	}
	if err := w.Flush(); err != nil {
		return err
	}
	if job.Stdin != nil {
		buf := make([]byte, wire.MaxFrame)
		for {
			n, err := job.Stdin.Read(buf)
			if werr := wire.WriteAll(control, wire.FrameStdin, buf[:n]); werr != nil {
				return werr
			}
			if err != nil {
				break
			}
		}
	}
	return wire.WriteFrame(control, wire.FrameStdinEOF, nil)
}

// receive reads frames until the Response is complete and valid.
func receive(control io.Reader, job Job) (Outcome, error) {
	var out Outcome
	var doc wire.Document
	var audit auditLines
	var streamed uint64
	r := wire.NewReader(bufio.NewReaderSize(control, wire.MaxFrame))
	for {
		t, p, err := r.Next()
		if err != nil {
			return out, err
		}
		switch t {
		case wire.FrameStdout, wire.FrameStderr:
			streamed += uint64(len(p))
			if job.MaxStreamBytes > 0 && streamed > job.MaxStreamBytes {
				return out, fmt.Errorf("%w: more than %d bytes of standard output and error", wire.ErrProtocol, job.MaxStreamBytes)
			}
			w := job.Stdout
			if t == wire.FrameStderr {
				w = job.Stderr
			}
			if w != nil {
				w.Write(p) // a closed pipe on our side is the reader's choice, not the guest's fault
			}
		case wire.FrameOutput:
			if uint64(len(out.Output)+len(p)) > job.Request.MaxOutputBytes {
				return out, fmt.Errorf("%w: more than %d bytes of output", wire.ErrProtocol, job.Request.MaxOutputBytes)
			}
			out.Output = append(out.Output, p...)
		case wire.FrameAudit:
			if err := audit.add(p, job.Audit); err != nil {
				return out, err
			}
		case wire.FrameResponse:
			complete, err := doc.Add(p)
			if err != nil {
				return out, err
			}
			if !complete {
				continue
			}
			if err := doc.Decode(&out.Response); err != nil {
				return out, err
			}
			return out, out.Response.Check()
		default:
			return out, fmt.Errorf("%w: frame type %#x", wire.ErrProtocol, byte(t))
		}
	}
}

// acceptStreams serves the streams that the guest opens, a bounded number at a
// time, until the session ends.
func acceptStreams(ctx context.Context, session *yamux.Session, serve func(context.Context, net.Conn)) {
	slots := make(chan struct{}, maxGuestStreams)
	for {
		s, err := session.AcceptStream()
		if err != nil {
			return
		}
		// Our runner closes what it opened. A guest that opens streams faster than
		// they can end wants the host's memory: it loses all of them.
		if session.NumStreams() > maxGuestStreams+64 {
			session.Close()
			return
		}
		select {
		case slots <- struct{}{}:
		default:
			s.Close()
			continue
		}
		if serve == nil {
			s.Close()
			<-slots
			continue
		}
		go func() {
			defer func() { <-slots }()
			serve(ctx, s)
		}()
	}
}

// Result is the outcome in the engine's terms, for callers that treat runs in
// process and in guests alike.
func (o Outcome) Result() engine.Result {
	r := engine.Result{
		Output:   o.Output,
		ExitCode: int(o.ExitCode),
		Exited:   o.Exited,
		Stats:    o.Stats,
		CPU:      o.CPU,
		Wall:     o.Wall,
		Startup:  o.Startup,

		Precompiled: o.Precompiled,
	}
	if o.Error != "" {
		r.Err = errors.New(o.Error)
	}
	if t := o.Trap; t != nil {
		r.Trap = &engine.Trap{Message: t.Message, Module: t.Module, Func: t.Func, Ptr: t.Ptr, Status: t.Status}
	}
	return r
}
