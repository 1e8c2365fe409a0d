package broker

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"testing"
	"time"

	"github.com/hashicorp/yamux"

	"x07/internal/guest/wire"
	"x07/internal/policy"
)

func gateOf(t testing.TB, hosts ...policy.Host) *policy.Gate {
	t.Helper()
	p, err := policy.FromTemplate("http-client", "")
	if err != nil {
		t.Fatal(err)
	}
	p.Net.AllowHosts = hosts
	return policy.FromPolicy(p, policy.Options{})
}

// ask opens a stream like a guest and returns the host's answer; a closed
// stream gives an error.
func ask(t *testing.T, serve func(context.Context, net.Conn), frames ...[]byte) (wire.NetAnswer, net.Conn, error) {
	t.Helper()
	host, inside := net.Pipe()
	go serve(context.Background(), host)
	t.Cleanup(func() { inside.Close() })
	go func() {
		for _, f := range frames {
			if _, err := inside.Write(f); err != nil {
				return
			}
		}
	}()
	var a wire.NetAnswer
	inside.SetReadDeadline(time.Now().Add(10 * time.Second))
	kind, p, err := wire.NewReader(inside).Next()
	if err != nil {
		return a, inside, err
	}
	if kind != wire.FrameNetAnswer {
		return a, inside, fmt.Errorf("frame %q", kind)
	}
	return a, inside, wire.ParseNetDocument(p, &a)
}

func frame(kind wire.FrameType, payload string) []byte {
	var b bytes.Buffer
	if err := wire.WriteFrame(&b, kind, []byte(payload)); err != nil {
		panic(err)
	}
	return b.Bytes()
}

func request(doc string) []byte { return frame(wire.FrameNetRequest, doc) }

func TestAGuestThatSkipsItsOwnGateMeetsTheHosts(t *testing.T) {
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	port := l.Addr().(*net.TCPAddr).Port
	audit := policy.NewAudit(nil)
	serve := Network(NetConfig{Gate: gateOf(t, policy.Host{Host: "example.com", Ports: []uint16{443}}), Audit: audit})
	for _, doc := range []string{
		fmt.Sprintf(`{"op":"dial","for":"net.connect","host":"127.0.0.1","port":%d}`, port),
		fmt.Sprintf(`{"op":"dial","for":"net.http","host":"localhost","port":%d}`, port),
		fmt.Sprintf(`{"op":"listen","host":"127.0.0.1","port":%d}`, port+1),
		`{"op":"bind","host":"127.0.0.1","port":5353}`,
		`{"op":"lookup","host":"other.test","port":443}`,
	} {
		if a, _, err := ask(t, serve, request(doc)); err != nil || a.Code != 1 {
			t.Errorf("%s: %+v, %v", doc, a, err)
		}
	}
	if denials, _ := audit.Denials(); len(denials) != 5 {
		t.Errorf("the host recorded %v", denials)
	}
	if a, _, err := ask(t, serve, request(`{"op":"claim","id":1}`)); err != nil || a.Code != 6 {
		t.Errorf("a claim of nothing: %+v, %v", a, err)
	}
}

func TestNonsenseOnAStreamClosesIt(t *testing.T) {
	serve := Network(NetConfig{Gate: gateOf(t)})
	for what, f := range map[string][]byte{
		"another frame":       frame(wire.FrameNetData, "x"),
		"no document":         request("x"),
		"an unknown member":   request(`{"op":"lookup","host":"a","port":1,"root":true}`),
		"a huge document":     request(`{"op":"lookup","host":"` + string(bytes.Repeat([]byte("a"), wire.MaxNetDocument)) + `"}`),
		"a frame beyond all":  {byte(wire.FrameNetRequest), 0xff, 0xff, 0xff, 0x7f},
		"an unknown purpose":  request(`{"op":"dial","for":"fs.read","host":"127.0.0.1","port":1}`),
		"an unknown function": request(`{"op":"shell"}`),
	} {
		if a, _, err := ask(t, serve, f); err != io.EOF {
			t.Errorf("%s: %+v, %v", what, a, err)
		}
	}
}

func TestTheEndOfTheJobEndsItsStreams(t *testing.T) {
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	serve := Network(NetConfig{})
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{}, 2)
	for _, doc := range []string{
		fmt.Sprintf(`{"op":"dial","for":"net.connect","host":"127.0.0.1","port":%d,"timeout_ms":1000}`, l.Addr().(*net.TCPAddr).Port),
		`{"op":"listen","host":"127.0.0.1"}`,
	} {
		_, _, err := ask(t, func(_ context.Context, c net.Conn) {
			serve(ctx, c)
			done <- struct{}{}
		}, request(doc))
		if err != nil {
			t.Fatal(err)
		}
	}
	cancel()
	for range 2 {
		select {
		case <-done:
		case <-time.After(10 * time.Second):
			t.Fatal("a stream outlived its job")
		}
	}
}

// FuzzStream serves whatever a guest may send after any prefix. Nothing may
// panic, and the stream is let go when the guest closes it.
func FuzzStream(f *testing.F) {
	f.Add(request(`{"op":"lookup","host":"a","port":1}`))
	f.Add(append(request(`{"op":"bind","host":"127.0.0.1"}`), frame(wire.FrameNetPacket, "\x01\x00a\x01\x00x")...))
	f.Add(append(request(`{"op":"listen","host":"127.0.0.1"}`), frame(wire.FrameNetOffer, "")...))
	gate := gateOf(f, policy.Host{Host: "127.0.0.1", Ports: []uint16{65000, 65001}})
	serve := Network(NetConfig{Gate: gate})
	f.Fuzz(func(t *testing.T, data []byte) {
		host, inside := net.Pipe()
		done := make(chan struct{})
		go func() {
			serve(context.Background(), host)
			close(done)
		}()
		go io.Copy(io.Discard, inside)
		// The host may hang up at any point.
		_, _ = inside.Write(data)
		inside.Close()
		select {
		case <-done:
		case <-time.After(10 * time.Second):
			t.Fatal("the stream was not let go")
		}
	})
}

func TestAGuestThatOpensStreamsWithoutEndLosesTheSession(t *testing.T) {
	host, inside := net.Pipe()
	guest, err := yamux.Server(inside, SessionConfig())
	if err != nil {
		t.Fatal(err)
	}
	defer guest.Close()
	done := make(chan error, 1)
	go func() {
		_, err := Run(context.Background(), host, Job{Accept: Network(NetConfig{})})
		done <- err
	}()
	opened := 0
	for ; opened < 10*maxGuestStreams; opened++ {
		s, err := guest.OpenStream()
		if err != nil {
			break
		}
		if _, err := s.Write([]byte{byte(wire.FrameNetRequest)}); err != nil {
			break
		}
	}
	select {
	case err := <-done:
		if !errors.Is(err, ErrGuestDied) {
			t.Errorf("ended with %v", err)
		}
	case <-time.After(20 * time.Second):
		t.Fatalf("%d streams did not end the session", opened)
	}
}
