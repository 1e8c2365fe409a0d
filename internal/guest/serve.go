// Package guest is the inside of the boundary: it reads what is to be run from
// the guest's byte stream, runs it in the OS world under the policy's gate, and
// sends back streams, output and answer. The same function, Run, runs a program
// in process in run-os, so a program meets one implementation wherever it runs.
// The package is not what holds a program: the guest kernel and the broker on
// the host are, and they enforce again from outside.
package guest

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"

	"github.com/hashicorp/yamux"

	"x07/internal/broker"
	"x07/internal/guest/wire"
)

// Session is what a served job may use besides its request.
type Session struct {
	// Open opens a stream to the host, for one network operation.
	Open func(ctx context.Context) (net.Conn, error)
}

// Served is a job as it arrived in the guest.
type Served struct {
	Request  wire.Request
	Artifact []byte
	Input    []byte
	// Code is machine code of the artifact, made by the host; nil when it sent none.
	Code           []byte
	Stdin          io.Reader
	Stdout, Stderr io.Writer
	// Audit receives JSON lines; nil unless the host asked for them.
	Audit   io.Writer
	Session Session
}

// maxArtifact bounds the artifact that a host may announce.
const maxArtifact = 1 << 30

// Serve answers one job over conn. It returns when the answer is sent; an
// error means that the host is gone or broke the protocol.
func Serve(ctx context.Context, conn io.ReadWriteCloser, run func(context.Context, Served) (wire.Response, []byte)) error {
	session, err := yamux.Server(broker.WholeFrames(conn), broker.SessionConfig())
	if err != nil {
		return err
	}
	defer session.Close()
	control, err := session.AcceptStream()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	// A host that went away ends the run: nobody is left to answer.
	go func() {
		<-session.CloseChan()
		cancel()
	}()

	in := wire.NewReader(bufio.NewReaderSize(control, wire.MaxFrame))
	job, err := readJob(in)
	if err != nil {
		return err
	}
	out := &sender{w: control}
	stdin, feed := io.Pipe()
	go pumpStdin(in, feed)
	defer stdin.Close()
	job.Stdin = stdin
	job.Stdout = out.stream(wire.FrameStdout)
	job.Stderr = out.stream(wire.FrameStderr)
	if job.Request.Audit {
		job.Audit = out.stream(wire.FrameAudit)
	}
	job.Session.Open = func(context.Context) (net.Conn, error) { return session.OpenStream() }

	resp, output := run(ctx, job)
	out.mu.Lock()
	defer out.mu.Unlock()
	if err := wire.WriteAll(control, wire.FrameOutput, output); err != nil {
		return err
	}
	if err := wire.WriteDocument(control, wire.FrameResponse, resp); err != nil {
		return err
	}
	control.Close()
	<-session.CloseChan() // the host closes when it has read everything
	return nil
}

// readJob reads request, artifact, input and machine code.
func readJob(in *wire.Reader) (Served, error) {
	var job Served
	var doc wire.Document
	known := false
	for {
		t, p, err := in.Next()
		if err != nil {
			return job, err
		}
		switch {
		case t == wire.FrameRequest && !known:
			complete, err := doc.Add(p)
			if err != nil {
				return job, err
			}
			if !complete {
				continue
			}
			if err := doc.Decode(&job.Request); err != nil {
				return job, err
			}
			if v := job.Request.Version; v != wire.Version {
				return job, fmt.Errorf("%w: protocol version %d, this runner speaks %d", wire.ErrProtocol, v, wire.Version)
			}
			if job.Request.ArtifactBytes > maxArtifact || job.Request.InputBytes > maxArtifact {
				return job, fmt.Errorf("%w: %d bytes of artifact, %d of input announced", wire.ErrProtocol, job.Request.ArtifactBytes, job.Request.InputBytes)
			}
			if n := job.Request.CodeBytes; n > wire.MaxCode {
				return job, fmt.Errorf("%w: %d bytes of machine code announced, the limit is %d", wire.ErrProtocol, n, wire.MaxCode)
			}
			job.Artifact = make([]byte, 0, job.Request.ArtifactBytes)
			job.Input = make([]byte, 0, job.Request.InputBytes)
			job.Code = make([]byte, 0, job.Request.CodeBytes)
			known = true
		case t == wire.FrameArtifact && known && len(job.Artifact)+len(p) <= cap(job.Artifact):
			job.Artifact = append(job.Artifact, p...)
		case t == wire.FrameInput && known && len(job.Input)+len(p) <= cap(job.Input):
			job.Input = append(job.Input, p...)
		case t == wire.FrameCode && known && len(job.Code)+len(p) <= cap(job.Code):
			job.Code = append(job.Code, p...)
		case t == wire.FrameStart && known && job.complete():
			return job, nil
		default:
			return job, fmt.Errorf("%w: unexpected frame %q", wire.ErrProtocol, t)
		}
	}
}

// complete says whether everything that the request announced is there.
func (s *Served) complete() bool {
	r := &s.Request
	return uint64(len(s.Artifact)) == r.ArtifactBytes && uint64(len(s.Input)) == r.InputBytes && uint64(len(s.Code)) == r.CodeBytes
}

// pumpStdin feeds standard input until its end.
func pumpStdin(in *wire.Reader, feed *io.PipeWriter) {
	for {
		t, p, err := in.Next()
		if err != nil || t == wire.FrameStdinEOF {
			feed.Close()
			return
		}
		if t != wire.FrameStdin {
			feed.CloseWithError(wire.ErrProtocol)
			return
		}
		// A program that does not read only holds up its own input.
		if _, err := feed.Write(p); err != nil && !errors.Is(err, io.ErrClosedPipe) {
			return
		}
	}
}

// sender serialises frames of several writers onto the control stream.
type sender struct {
	mu sync.Mutex
	w  io.Writer
}

func (s *sender) stream(t wire.FrameType) io.Writer { return &streamWriter{s, t} }

type streamWriter struct {
	s *sender
	t wire.FrameType
}

func (w *streamWriter) Write(p []byte) (int, error) {
	w.s.mu.Lock()
	defer w.s.mu.Unlock()
	if err := wire.WriteAll(w.s.w, w.t, p); err != nil {
		return 0, err
	}
	return len(p), nil
}
