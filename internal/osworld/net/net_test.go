package net_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	stdnet "net"
	"net/netip"
	"strings"
	"testing"
	"time"
)

func TestMalformedArgumentsAreCode2(t *testing.T) {
	at := serve(t, echo)
	inBoth(t, setup{}, func(t *testing.T, w world) {
		good := addrDoc("127.0.0.1", int(at.Port()))
		badCaps := [][]byte{
			cat(le(2), make([]byte, 20)), append(bytes.Clone(quick), 0),
			capsDoc(600_001, 0, 0, 0), capsDoc(0, 600_001, 0, 0), capsDoc(0, 0, 64<<20+1, 0), capsDoc(0, 0, 0, 64<<20+1),
		}
		for _, c := range badCaps {
			wantCode(t, fmt.Sprintf("connect with caps %x", c), w.Connect(bg, good, c), 2)
			wantCode(t, "lookup", w.Lookup(bg, "localhost", 1, c), 2)
			wantCode(t, "listen", w.Listen(bg, good, c), 2)
			wantCode(t, "bind", w.Bind(bg, good, c), 2)
			wantCode(t, "tls", w.TLSConnect(bg, good, nil, c), 2)
		}
		for _, a := range [][]byte{
			nil, good[:15], append(bytes.Clone(good), 0), cat(le(2), good[4:]), cat(le(1), le(4), good[8:]), cat(le(1), le(0), good[8:]),
			cat(le(1), le(1), le(65536), good[12:]), cat(le(1), le(3), le(1), le(0)), cat(le(1), le(3), le(1), block("a\x00b")),
			cat(le(1), le(3), le(1), le(5), []byte("abc")), cat(le(1), le(3), le(1), le(1<<31), []byte("abc")), cat(le(1), le(2), le(1), make([]byte, 15)),
			addrDoc(strings.Repeat("n", 1025), 1),
		} {
			wantCode(t, fmt.Sprintf("connect to %.40x", a), w.Connect(bg, a, quick), 2)
		}
		wantCode(t, "listening on a name", w.Listen(bg, addrDoc("localhost", 0), quick), 2)
		wantCode(t, "binding a name", w.Bind(bg, addrDoc("localhost", 0), quick), 2)
		for _, name := range []string{"", "a\x00", strings.Repeat("n", 1025)} {
			wantCode(t, "lookup", w.Lookup(bg, name, 80, quick), 2)
		}
		wantCode(t, "lookup for port 0", w.Lookup(bg, "localhost", 0, quick), 2)
		wantCode(t, "lookup for port 65536", w.Lookup(bg, "localhost", 65536, quick), 2)
		for _, h := range []int32{0, -1, 1, 4096, 4097, 1 << 30} {
			wantCode(t, "read", w.Read(bg, h, 1, quick), 2)
			wantCode(t, "write", w.Write(bg, h, nil, quick), 2)
			wantCode(t, "wait", w.Wait(bg, h, 1, 0), 2)
			wantCode(t, "accept", w.Accept(bg, h, quick), 2)
			wantCode(t, "receive", w.ReceiveFrom(bg, h, 1, quick), 2)
			wantCode(t, "send", w.SendTo(bg, h, good, nil, quick), 2)
			if w.Shutdown(h, 1)+w.CloseStream(h)+w.DropStream(h)+w.CloseListener(h)+w.DropListener(h)+w.CloseSocket(h)+w.DropSocket(h) != 0 {
				t.Errorf("a status of handle %d is not 0", h)
			}
		}
		s := handleOf(t, "connect", w.Connect(bg, good, nil))
		wantCode(t, "a negative wait", w.Wait(bg, s, 1, -1), 2)
		wantCode(t, "accept on a stream", w.Accept(bg, s, quick), 2)
		if w.DropListener(s)+w.DropSocket(s)+w.Shutdown(s, 3) != 0 {
			t.Error("a stream was taken for something else")
		}
		for _, cfg := range [][]byte{{0}, cat(le(2), le(1), le(0), le(0)), cat(le(1), le(2), le(0), le(0)), cat(le(1), le(1), le(0), le(1)), cat(le(1), le(1), block("a\x00"), le(0)), cat(le(1), le(1), le(9), le(0))} {
			wantCode(t, fmt.Sprintf("TLS configuration %x", cfg), w.TLSConnect(bg, good, cfg, quick), 2)
		}
		wantCode(t, "verifying nobody", w.TLSConnect(bg, good, nil, quick), 2)
	})
}

func TestStreamsReadWriteWaitAndEnd(t *testing.T) {
	at := serve(t, echo)
	inBoth(t, setup{}, func(t *testing.T, w world) {
		s := handleOf(t, "connect", w.Connect(bg, addrDoc("127.0.0.1", int(at.Port())), quick))
		wantEvents := func(what string, events, ms, want int32) {
			t.Helper()
			if doc := w.Wait(bg, s, events, ms); code(doc) != 0 || int32(num(doc[4:])) != want {
				t.Errorf("%s: %x, want events %d", what, doc, want)
			}
		}
		wantEvents("nothing to read", 1, 0, 0)
		wantEvents("nothing to read for a while", 1, 20, 0)
		wantEvents("a fresh stream takes bytes", 2, 1000, 2)
		wantEvents("no event asked for", 4, 0, 0)
		wantCode(t, "read with nothing there", w.Read(bg, s, 10, capsDoc(0, 20, 0, 0)), 3)
		wantCode(t, "read of nothing with nothing there", w.Read(bg, s, 0, capsDoc(0, 20, 0, 0)), 3)
		wantCode(t, "a write over the limit", w.Write(bg, s, make([]byte, 11), capsDoc(0, 0, 0, 10)), 4)
		if doc := w.Write(bg, s, []byte("hello"), quick); code(doc) != 0 || num(doc[4:]) != 5 {
			t.Fatalf("write: %x", doc)
		}
		wantEvents("an answer", 1, 5000, 1)
		wantEvents("both", 3, 5000, 3)
		if doc := w.Read(bg, s, 0, quick); !bytes.Equal(doc, cat([]byte{1, 1, 0, 0}, le(0))) {
			t.Errorf("read of nothing: %x", doc)
		}
		var got []byte
		for len(got) < 5 {
			doc := w.Read(bg, s, -1, capsDoc(0, 5000, 2, 0)) // at most 2 at a time
			if code(doc) != 0 || num(doc[4:]) == 0 || num(doc[4:]) > 2 {
				t.Fatalf("read: %x", doc)
			}
			got = append(got, doc[8:]...)
		}
		if string(got) != "hello" {
			t.Errorf("got %q", got)
		}
		if w.Shutdown(s, 1) != 1 {
			t.Error("shutdown failed")
		}
		for range 2 {
			if doc := w.Read(bg, s, 10, quick); !bytes.Equal(doc, cat([]byte{1, 1, 0, 0}, le(0))) {
				t.Errorf("the end: %x", doc)
			}
		}
		wantEvents("the end is readable", 1, 1000, 5)
		if w.CloseStream(s) != 1 || w.CloseStream(s) != 0 {
			t.Error("close")
		}
		wantCode(t, "read after close", w.Read(bg, s, 1, quick), 2)
		if again := handleOf(t, "connect", w.Connect(bg, addrDoc("127.0.0.1", int(at.Port())), quick)); again != s+1 {
			t.Errorf("a closed handle was given away: %d", again)
		}
		if w.DropStream(s) != 1 || w.DropStream(s) != 0 {
			t.Error("drop")
		}
		if again := handleOf(t, "connect", w.Connect(bg, addrDoc("127.0.0.1", int(at.Port())), quick)); again != s {
			t.Errorf("the lowest free handle is %d, got %d", s, again)
		}
		if leaked := w.Close(); leaked != 2 {
			t.Errorf("%d sockets left open", leaked)
		}
	})
}

func TestALargeTransferArrivesWhole(t *testing.T) {
	at := serve(t, echo)
	inBoth(t, setup{}, func(t *testing.T, w world) {
		s := handleOf(t, "connect", w.Connect(bg, addrDoc("127.0.0.1", int(at.Port())), quick))
		data := bytes.Repeat([]byte("0123456789abcdef"), 1<<16)
		sent, got := 0, []byte{}
		for len(got) < len(data) {
			if sent < len(data) {
				doc := w.Write(bg, s, data[sent:min(len(data), sent+100_000)], capsDoc(0, 20, 0, 0))
				if c := code(doc); c == 0 {
					sent += int(num(doc[4:]))
				} else if c != 3 {
					t.Fatalf("write: %d", c)
				}
			}
			doc := w.Read(bg, s, 1<<20, capsDoc(0, 1000, 0, 0))
			if code(doc) != 0 || num(doc[4:]) == 0 {
				t.Fatalf("read: %x after %d of %d", doc, len(got), len(data))
			}
			got = append(got, doc[8:]...)
		}
		if !bytes.Equal(got, data) {
			t.Error("the bytes differ")
		}
	})
}

func TestAPeerThatResetsIsCode6(t *testing.T) {
	at := serve(t, func(c stdnet.Conn) {
		io.ReadFull(c, make([]byte, 1))
		c.(*stdnet.TCPConn).SetLinger(0)
	})
	inBoth(t, setup{}, func(t *testing.T, w world) {
		s := handleOf(t, "connect", w.Connect(bg, addrDoc("127.0.0.1", int(at.Port())), quick))
		w.Write(bg, s, []byte("xy"), quick)
		wantCode(t, "read after a reset", w.Read(bg, s, 10, quick), 6)
		wantCode(t, "write after a reset", w.Write(bg, s, []byte("more"), quick), 6)
		if doc := w.Wait(bg, s, 0, 100); code(doc) != 0 || num(doc[4:])&4 == 0 {
			t.Errorf("no hang-up: %x", doc)
		}
	})
}

func TestConnectionsThatFail(t *testing.T) {
	closed := serve(t, echo)
	l, err := stdnet.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	nobody := l.Addr().(*stdnet.TCPAddr).Port
	l.Close()
	resolver := names{"two.test": {answer("127.0.0.1", "127.0.0.2")}, "empty.test": {{}}}
	inBoth(t, setup{resolver: resolver}, func(t *testing.T, w world) {
		wantCode(t, "nobody listens", w.Connect(bg, addrDoc("127.0.0.1", nobody), quick), 6)
		wantCode(t, "nobody listens at two addresses", w.Connect(bg, addrDoc("two.test", nobody), quick), 6)
		wantCode(t, "an unknown name", w.Connect(bg, addrDoc("none.test", 80), quick), 5)
		wantCode(t, "a name without addresses", w.Connect(bg, addrDoc("empty.test", 80), quick), 5)
		wantCode(t, "looking up an unknown name", w.Lookup(bg, "none.test", 80, quick), 5)
		wantCode(t, "one address answers", w.Connect(bg, addrDoc("two.test", int(closed.Port())), quick), 0)
		wantCode(t, "an address that is taken", w.Listen(bg, addrDoc("127.0.0.1", int(closed.Port())), quick), 6)
		wantCode(t, "an address of somebody else", w.Listen(bg, addrDoc("192.0.2.1", 0), quick), 6)
		wantCode(t, "a datagram socket there", w.Bind(bg, addrDoc("192.0.2.1", 0), quick), 6)
		ctx, cancel := context.WithCancel(bg)
		cancel()
		wantCode(t, "a run that is over", w.Connect(ctx, addrDoc("127.0.0.1", int(closed.Port())), quick), 3)
		doc := w.Lookup(bg, "two.test", 80, nil)
		want := cat([]byte{1, 1, 0, 0}, le(2), block(string(addrDoc("127.0.0.1", 80))), block(string(addrDoc("127.0.0.2", 80))))
		if !bytes.Equal(doc, want) {
			t.Errorf("lookup: %x, want %x", doc, want)
		}
	})
}

func TestListenersAcceptInOrderAndLoseNothing(t *testing.T) {
	inBoth(t, setup{}, func(t *testing.T, w world) {
		doc := w.Listen(bg, addrDoc("127.0.0.1", 0), quick)
		l := handleOf(t, "listen", doc)
		wantCode(t, "nobody comes", w.Accept(bg, l, capsDoc(0, 20, 0, 0)), 3)
		const clients = 50
		got := make(chan string, clients)
		for i := range clients {
			go func() {
				c, err := stdnet.Dial("tcp4", fmt.Sprintf("127.0.0.1:%d", boundPort(doc)))
				if err != nil {
					got <- err.Error()
					return
				}
				defer c.Close()
				fmt.Fprintf(c, "%d", i)
				c.(*stdnet.TCPConn).CloseWrite()
				reply, _ := io.ReadAll(c)
				got <- string(reply)
			}()
		}
		for range clients {
			a := w.Accept(bg, l, quick)
			s := handleOf(t, "accept", a)
			if peer := netip.AddrFrom4([4]byte(a[24:28])); peer.String() != "127.0.0.1" || boundPort(a) == 0 {
				t.Errorf("peer %v", peer)
			}
			var in []byte
			for {
				r := w.Read(bg, s, 100, quick)
				if code(r) != 0 {
					t.Fatalf("read: %d", code(r))
				}
				if len(r) == 8 {
					break
				}
				in = append(in, r[8:]...)
			}
			w.Write(bg, s, append([]byte("hi "), in...), quick)
			w.DropStream(s)
		}
		seen := map[string]bool{}
		for range clients {
			seen[<-got] = true
		}
		for i := range clients {
			if !seen[fmt.Sprintf("hi %d", i)] {
				t.Errorf("client %d got no answer", i)
			}
		}
		if w.CloseListener(l) != 1 || w.CloseListener(l) != 0 || w.DropListener(l) != 1 || w.DropListener(l) != 0 {
			t.Error("status of a listener")
		}
		if _, err := stdnet.DialTimeout("tcp4", fmt.Sprintf("127.0.0.1:%d", boundPort(doc)), time.Second); err == nil {
			t.Log("the port was taken over by somebody else") // another process may
		}
	})
}

func TestDatagramsCarryTheirSender(t *testing.T) {
	inBoth(t, setup{resolver: names{"me.test": {answer("127.0.0.1")}}}, func(t *testing.T, w world) {
		a := w.Bind(bg, addrDoc("127.0.0.1", 0), quick)
		b := w.Bind(bg, addrDoc("127.0.0.1", 0), quick)
		ha, hb := handleOf(t, "bind", a), handleOf(t, "bind", b)
		wantCode(t, "nothing comes", w.ReceiveFrom(bg, hb, 10, capsDoc(0, 20, 0, 0)), 3)
		for i, to := range [][]byte{addrDoc("127.0.0.1", boundPort(b)), addrDoc("me.test", boundPort(b))} {
			payload := fmt.Sprintf("datagram %d", i)
			if doc := w.SendTo(bg, ha, to, []byte(payload), quick); code(doc) != 0 || int(num(doc[4:])) != len(payload) {
				t.Fatalf("send: %x", doc)
			}
			want := cat([]byte{1, 1, 0, 0}, block(string(addrDoc("127.0.0.1", boundPort(a)))), block(payload))
			if doc := w.ReceiveFrom(bg, hb, 100, quick); !bytes.Equal(doc, want) {
				t.Errorf("received %x, want %x", doc, want)
			}
		}
		w.SendTo(bg, ha, addrDoc("127.0.0.1", boundPort(b)), []byte("too long"), quick)
		if doc := w.ReceiveFrom(bg, hb, 3, quick); !bytes.HasSuffix(doc, block("too")) {
			t.Errorf("a cut datagram: %x", doc)
		}
		w.SendTo(bg, ha, addrDoc("127.0.0.1", boundPort(b)), nil, quick)
		if doc := w.ReceiveFrom(bg, hb, 3, quick); code(doc) != 0 || !bytes.HasSuffix(doc, le(0)) {
			t.Errorf("an empty datagram: %x", doc)
		}
		// Datagrams that arrive while another is sent are not lost.
		for i := range 20 {
			w.SendTo(bg, hb, addrDoc("127.0.0.1", boundPort(b)), []byte{byte(i)}, quick)
		}
		for i := range 20 {
			if doc := w.ReceiveFrom(bg, hb, 3, quick); code(doc) != 0 || doc[len(doc)-1] != byte(i) {
				t.Fatalf("datagram %d: %x", i, doc)
			}
		}
		wantCode(t, "too large for its caps", w.SendTo(bg, ha, addrDoc("127.0.0.1", 9), make([]byte, 11), capsDoc(0, 0, 0, 10)), 4)
		wantCode(t, "too large for a datagram", w.SendTo(bg, ha, addrDoc("127.0.0.1", 9), make([]byte, 66000), quick), 6)
		wantCode(t, "another family", w.SendTo(bg, ha, addrDoc("::1", 9), nil, quick), 6)
		wantCode(t, "an unknown name", w.SendTo(bg, ha, addrDoc("none.test", 9), nil, quick), 5)
		wantCode(t, "a malformed address", w.SendTo(bg, ha, nil, nil, quick), 2)
		if w.CloseSocket(ha) != 1 || w.CloseSocket(ha) != 0 || w.DropSocket(ha) != 1 || w.DropSocket(ha) != 0 {
			t.Error("status of a socket")
		}
	})
}

func TestReadersCloseTheirStreamAtTheEnd(t *testing.T) {
	at := serve(t, func(c stdnet.Conn) { c.Write([]byte("some text")) })
	silent := serve(t, echo)
	inBoth(t, setup{}, func(t *testing.T, w world) {
		s := handleOf(t, "connect", w.Connect(bg, addrDoc("127.0.0.1", int(at.Port())), quick))
		if !w.StreamReader(s, quick) || w.StreamReader(99, nil) || w.DatagramReader(s, nil) {
			t.Error("readers of wrong handles live")
		}
		var got []byte
		if b := w.ReadIface(bg, s, 0); len(b) != 0 {
			t.Errorf("read of nothing: %q", b)
		}
		for {
			b := w.ReadIface(bg, s, 4)
			if len(b) == 0 {
				break
			}
			got = append(got, b...)
		}
		if string(got) != "some text" || len(w.ReadIface(bg, s, 4)) != 0 {
			t.Errorf("got %q", got)
		}
		if w.CloseStream(s) != 0 || w.DropStream(s) != 1 {
			t.Error("the end did not close the stream in its place")
		}
		s = handleOf(t, "connect", w.Connect(bg, addrDoc("127.0.0.1", int(silent.Port())), quick))
		w.StreamReader(s, capsDoc(0, 20, 0, 0))
		if len(w.ReadIface(bg, s, 4)) != 0 || w.CloseStream(s) != 0 {
			t.Error("a timeout did not close the stream")
		}

		b := w.Bind(bg, addrDoc("127.0.0.1", 0), quick)
		u := handleOf(t, "bind", b)
		w.DatagramReader(u, capsDoc(0, 20, 0, 0))
		wantCode(t, "nothing comes", w.ReadIface(bg, u, 100), 3)
		wantCode(t, "no room for a document", w.ReadIface(bg, u, 39), 4)
		if len(w.ReadIface(bg, u, 8)) != 0 {
			t.Error("no room for an error")
		}
		w.SendTo(bg, u, addrDoc("127.0.0.1", boundPort(b)), []byte("0123456789"), quick)
		if doc := w.ReadIface(bg, u, 44); !bytes.HasSuffix(doc, block("0123")) {
			t.Errorf("datagram %q", doc)
		}
		w.CloseSocket(u)
		if len(w.ReadIface(bg, u, 100)) != 0 {
			t.Error("a closed socket was read")
		}
	})
}

func TestBytesBeyondTheBrokersLimitBreakTheConnection(t *testing.T) {
	checkLeaks(t)
	at := serve(t, echo)
	inBoth(t, setup{net: allow("127.0.0.1:" + port(at)), maxBytes: 100}, func(t *testing.T, w world) {
		if strings.HasSuffix(t.Name(), "in_process") {
			return // the limit is the host's against guests
		}
		s := handleOf(t, "connect", w.Connect(bg, addrDoc("127.0.0.1", int(at.Port())), quick))
		w.Write(bg, s, make([]byte, 90), quick)
		if doc := w.Read(bg, s, 1, quick); code(doc) == 0 && num(doc[4:]) > 0 {
			t.Errorf("180 bytes passed a limit of 100: %x", doc)
		}
	})
}

func TestSocketsBeyondTheLimitAreCode8(t *testing.T) {
	at := serve(t, echo)
	inBoth(t, setup{maxConns: 3}, func(t *testing.T, w world) {
		for range 3 {
			handleOf(t, "connect", w.Connect(bg, addrDoc("127.0.0.1", int(at.Port())), quick))
		}
		wantCode(t, "connect", w.Connect(bg, addrDoc("127.0.0.1", int(at.Port())), quick), 8)
		wantCode(t, "listen", w.Listen(bg, addrDoc("127.0.0.1", 0), quick), 8)
		wantCode(t, "bind", w.Bind(bg, addrDoc("127.0.0.1", 0), quick), 8)
		w.DropStream(1)
		// The broker notices the end of a stream a moment later.
		var doc []byte
		for deadline := time.Now().Add(5 * time.Second); time.Now().Before(deadline); {
			if doc = w.Connect(bg, addrDoc("127.0.0.1", int(at.Port())), quick); code(doc) == 0 {
				break
			}
		}
		wantCode(t, "connect after a drop", doc, 0)
	})
}
