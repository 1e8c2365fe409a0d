package guest

import (
	"fmt"
	"io"
	"net"
	"net/netip"
	"strings"
	"testing"

	"x07/internal/policy"
)

// echoServer answers each connection with what it sends, until the test ends.
func echoServer(t *testing.T) netip.AddrPort {
	t.Helper()
	return server(t, func(c net.Conn) { io.Copy(c, c) })
}

// server serves connections until the test ends.
func server(t *testing.T, serve func(net.Conn)) netip.AddrPort {
	t.Helper()
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				serve(c)
			}()
		}
	}()
	return l.Addr().(*net.TCPAddr).AddrPort()
}

const echoClient = `
(import std.net.tcp std.net.codec std.net.err std.net.io)
(def main.talk ((addr bytes_view)) bytes
  (let caps (std.net.codec.caps_default_v1))
  (let doc (std.net.tcp.connect_v1 addr caps))
  (if (std.net.err.is_err_doc_v1 doc) (return doc) 0)
  (let s (std.net.tcp.connect_stream_handle_v1 doc))
  (let sent (std.net.io.write_all_v1 s "hello" caps))
  (std.net.tcp.stream_shutdown_v1 s 1)
  (let out (vec_u8.with_capacity 16))
  (for i 0 100 (begin
    (let got (std.net.tcp.stream_read_v1 s 100 caps))
    (let body (std.net.tcp.stream_read_payload_v1 got))
    (if (bytes.len body) 0 (set i 1000))
    (set out (vec_u8.extend_bytes out body))
    0))
  (std.net.tcp.stream_drop_v1 s)
  (vec_u8.into_bytes out))
`

func ipv4(a netip.AddrPort) string {
	b := a.Addr().As4()
	return fmt.Sprintf("(std.net.codec.addr_ipv4_v1 %d %d %d %d %d)", b[0], b[1], b[2], b[3], a.Port())
}

func TestAProgramTalksToAServer(t *testing.T) {
	at := echoServer(t)
	program := echoClient + "(let a " + ipv4(at) + ")(main.talk a)"
	both(t, netJob{program: program}, func(t *testing.T, out string, _ []policy.Denial) {
		if out != "hello" {
			t.Errorf("got %q", out)
		}
	})
	both(t, netJob{program: program, policy: allow(at.String())}, func(t *testing.T, out string, denials []policy.Denial) {
		if out != "hello" || len(denials) != 0 {
			t.Errorf("got %q, %v", out, denials)
		}
	})
	both(t, netJob{program: program, policy: allow("127.0.0.1:1")}, func(t *testing.T, out string, denials []policy.Denial) {
		if !strings.HasPrefix(out, "\x00\x01\x00\x00\x00") || len(denials) != 1 || denials[0].Field != "net.allow_hosts" || denials[0].Target != at.String() {
			t.Errorf("got %q, %v", out, denials)
		}
	})
}
