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

func TestReadersOverStreamsAndDatagrams(t *testing.T) {
	at := server(t, func(c net.Conn) { io.WriteString(c, "first line\nsecond") })
	program := `
(import std.net.tcp std.net.udp std.net.codec std.net.err)
(def main.all ((addr bytes_view) (buffered i32)) bytes
  (let caps (std.net.codec.caps_default_v1))
  (let doc (std.net.tcp.connect_v1 addr caps))
  (let s (std.net.tcp.connect_stream_handle_v1 doc))
  (let r (std.net.tcp.stream_reader_v1 s caps))
  (let out (vec_u8.with_capacity 32))
  (if buffered
    (begin
      (let br (bufread.new r 4))
      (for i 0 1000 (begin
        (let w (bufread.fill br))
        (if (view.len w) 0 (set i 1000))
        (set out (vec_u8.extend_bytes out w))
        (bufread.consume br (view.len w))))
      (bufread.fill br)
      0)
    (for i 0 1000 (begin
      (let b (io.read r 4))
      (if (bytes.len b) 0 (set i 1000))
      (set out (vec_u8.extend_bytes out b))
      0)))
  (set out (vec_u8.push out (+ 48 (std.net.tcp.stream_drop_v1 s))))
  (vec_u8.into_bytes out))
(def main.datagram () bytes
  (let caps (std.net.codec.caps_default_v1))
  (let any (std.net.codec.addr_ipv4_v1 127 0 0 1 0))
  (let doc (std.net.udp.bind_v1 any caps))
  (let u (std.net.udp.bind_sock_handle_v1 doc))
  (let me (std.net.udp.bind_bound_addr_v1 doc))
  (let text "ping")
  (let sent (std.net.udp.sendto_v1 u me text caps))
  (let r (std.net.udp.recv_doc_reader_v1 u caps))
  (let got (io.read r 100))
  (bytes.concat (bytes1 (+ 48 (bytes.eq (std.net.udp.recv_from_addr_v1 got) me))) (std.net.udp.recv_payload_v1 got)))
(let a ` + ipv4(at) + `)
(bytes.concat (bytes.concat (main.all a 0) (main.all a 1)) (main.datagram))
`
	both(t, netJob{program: program}, func(t *testing.T, out string, _ []policy.Denial) {
		if want := "first line\nsecond1first line\nsecond11ping"; out != want {
			t.Errorf("got %q, want %q", out, want)
		}
	})
}

func TestADeadReaderTraps(t *testing.T) {
	for program, want := range map[string]string{
		`(import std.net.tcp std.net.codec) (let caps (std.net.codec.caps_default_v1)) (let r (std.net.tcp.stream_reader_v1 9 caps)) (io.read r 1)`:                             "io.read bad iface vtable",
		`(import std.net.udp std.net.codec) (let caps (std.net.codec.caps_default_v1)) (let r (std.net.udp.recv_doc_reader_v1 9 caps)) (let b (bufread.new r 4)) (bytes.empty)`: "bufread.new bad iface vtable",
		`(let r (iface.make_v1 1 3)) (io.read r 1)`: "ext io reader unregistered vtable",
	} {
		a := build(t, program)
		for name, run := range places {
			if res, _ := run(t, a, netJob{}); res.Trap == nil || res.Trap.Message != want {
				t.Errorf("%s: %+v, want trap %q", name, res.Trap, want)
			}
		}
	}
}

func TestTheReservedHeadTraps(t *testing.T) {
	a := build(t, `(os.net.http_request "GET")`)
	off, noTCP, noDNS := allow("127.0.0.1:1"), allow("127.0.0.1:1"), allow("127.0.0.1:1")
	off.Enabled, noTCP.AllowTCP, noDNS.AllowDNS = false, false, false
	for _, c := range []struct {
		net  *policy.Net
		want string
	}{
		{nil, "os.net.http_request not implemented"},
		{allow("127.0.0.1:1"), "os.net.http_request not implemented"},
		{off, "os.net disabled by policy"},
		{noTCP, "os.net.http_request disabled by policy"},
		{noDNS, "os.net.http_request disabled by policy"},
		{allow(), "os.net.allow_hosts required"},
	} {
		for name, run := range places {
			if res, _ := run(t, a, netJob{policy: c.net}); res.Trap == nil || res.Trap.Message != c.want {
				t.Errorf("%s: %+v, want trap %q", name, res.Trap, c.want)
			}
		}
	}
}

func TestTheOldPackagesReachTheSameNetwork(t *testing.T) {
	at := echoServer(t)
	program := `
(import ext.sockets.net ext.curl.http std.net.codec std.net.tcp std.net.err)
(let caps (std.net.codec.caps_default_v1))
(let a ` + ipv4(at) + `)
(let c (ext.sockets.net.tcp_connect_v1 a caps))
(let s (std.net.tcp.connect_stream_handle_v1 c))
(let text "old")
(let sent (ext.sockets.net.tcp_stream_write_v1 s text caps))
(let got (ext.sockets.net.tcp_stream_read_v1 s 10 caps))
(let url "gopher://nowhere/")
(let req (ext.curl.http.req_get_v2 url (ext.curl.http.headers_new) 0 5 0 0 0))
(let resp (ext.curl.http.request_v2 req 100))
(bytes.concat (std.net.tcp.stream_read_payload_v1 got) (fmt.u32_to_dec (ext.curl.http.err_code resp)))
`
	both(t, netJob{program: program}, func(t *testing.T, out string, _ []policy.Denial) {
		if out != "old8" {
			t.Errorf("got %q", out)
		}
	})
}
