package guest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"x07/internal/broker"
	"x07/internal/engine"
	"x07/internal/guest/wire"
)

// drive runs a job against a guest that answers with run.
func drive(t *testing.T, job broker.Job, run func(context.Context, Served) (wire.Response, []byte)) (broker.Outcome, error) {
	t.Helper()
	host, inside := net.Pipe()
	done := make(chan error, 1)
	go func() { done <- Serve(context.Background(), inside, run) }()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	out, err := broker.Run(ctx, host, job)
	select {
	case <-done:
	case <-ctx.Done():
		t.Fatal("the guest's end did not finish")
	}
	return out, err
}

func TestAJobCrossesTheBoundaryAndItsStreamsComeBack(t *testing.T) {
	artifact := bytes.Repeat([]byte("artifact"), 50_000)
	input := bytes.Repeat([]byte("i"), wire.MaxFrame)
	var stdout, stderr bytes.Buffer
	out, err := drive(t, broker.Job{
		Request:  wire.Request{RunID: "r1", World: "run-os", MaxOutputBytes: 1 << 20},
		Artifact: artifact, Input: input,
		Stdin: strings.NewReader("typed"), Stdout: &stdout, Stderr: &stderr,
	}, func(ctx context.Context, s Served) (wire.Response, []byte) {
		if !bytes.Equal(s.Artifact, artifact) || !bytes.Equal(s.Input, input) || s.Request.RunID != "r1" {
			return wire.Response{Error: "wrong job"}, nil
		}
		typed, _ := io.ReadAll(s.Stdin)
		fmt.Fprintf(s.Stdout, "got %s", typed)
		io.WriteString(s.Stderr, "warned")
		return wire.Response{ExitCode: 7, Wall: 3}, bytes.Repeat([]byte("o"), 200_000)
	})
	if err != nil || out.Error != "" || out.ExitCode != 7 || len(out.Output) != 200_000 {
		t.Fatalf("%v, %+v, %d bytes", err, out.Response, len(out.Output))
	}
	if stdout.String() != "got typed" || stderr.String() != "warned" {
		t.Fatalf("streams: %q, %q", &stdout, &stderr)
	}
}

func TestMachineCodeTravelsWithTheJob(t *testing.T) {
	a := build(t, `(bytes.lit ran)`)
	encoded, err := a.Encode()
	if err != nil {
		t.Fatal(err)
	}
	code, err := engine.CompileCode(context.Background(), a)
	if err != nil {
		t.Skip(err)
	}
	for _, c := range []struct {
		name string
		code []byte
		used bool
	}{
		{"its own", code, true},
		{"none", nil, false},
		{"another program's", append([]byte{code[0] ^ 1}, code[1:]...), false},
		{"more than the protocol carries", make([]byte, wire.MaxCode+1), false},
	} {
		out, err := drive(t, broker.Job{
			Request: wire.Request{World: "run-os", MaxOutputBytes: 100}, Artifact: encoded, Code: c.code,
		}, Answer)
		if err != nil || string(out.Output) != "ran" || out.Precompiled != c.used {
			t.Errorf("code %s: %v, output %q, used %v, %s", c.name, err, out.Output, out.Precompiled, out.Error)
		}
	}
}

func TestAnAnswerDoesNotWaitForStandardInput(t *testing.T) {
	never, w := io.Pipe()
	defer w.Close()
	out, err := drive(t, broker.Job{Stdin: never}, func(context.Context, Served) (wire.Response, []byte) {
		return wire.Response{ExitCode: 1}, nil
	})
	if err != nil || out.ExitCode != 1 {
		t.Fatal(err, out)
	}
}

func TestAGuestThatSendsTooMuchOrNonsenseIsRefused(t *testing.T) {
	chatty := func(ctx context.Context, s Served) (wire.Response, []byte) {
		for i := 0; i < 100; i++ {
			if _, err := s.Stdout.Write(make([]byte, 1000)); err != nil {
				break
			}
		}
		return wire.Response{}, nil
	}
	if _, err := drive(t, broker.Job{MaxStreamBytes: 5000}, chatty); !errors.Is(err, wire.ErrProtocol) {
		t.Errorf("a flood of output: %v", err)
	}
	tooLong := func(context.Context, Served) (wire.Response, []byte) { return wire.Response{}, make([]byte, 11) }
	if _, err := drive(t, broker.Job{Request: wire.Request{MaxOutputBytes: 10}}, tooLong); !errors.Is(err, wire.ErrProtocol) {
		t.Errorf("output over its limit: %v", err)
	}
	sly := func(context.Context, Served) (wire.Response, []byte) {
		return wire.Response{Error: "\x1b]0;owned\x07"}, nil
	}
	if _, err := drive(t, broker.Job{}, sly); !errors.Is(err, wire.ErrProtocol) {
		t.Errorf("terminal escapes: %v", err)
	}
}

func TestAGuestThatDiesOrNeverAnswersEndsTheRun(t *testing.T) {
	host, inside := net.Pipe()
	inside.Close()
	if _, err := broker.Run(context.Background(), host, broker.Job{}); !errors.Is(err, broker.ErrGuestDied) {
		t.Errorf("a dead guest: %v", err)
	}

	host, inside = net.Pipe()
	go func() { // reads everything, answers nothing, not even the session's own frames
		io.Copy(io.Discard, inside)
	}()
	cause := errors.New("deadline")
	ctx, cancel := context.WithCancelCause(context.Background())
	time.AfterFunc(50*time.Millisecond, func() { cancel(cause) })
	if _, err := broker.Run(ctx, host, broker.Job{Stdin: strings.NewReader("x")}); !errors.Is(err, cause) {
		t.Errorf("a silent guest: %v", err)
	}

	host, inside = net.Pipe()
	go func() { // garbage instead of a session
		inside.Write(bytes.Repeat([]byte{0xff}, 100))
		io.Copy(io.Discard, inside)
	}()
	if _, err := broker.Run(context.Background(), host, broker.Job{}); err == nil {
		t.Error("garbage was accepted")
	}
}
