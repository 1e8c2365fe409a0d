package net_test

import (
	"context"
	"encoding/binary"
	"io"
	stdnet "net"
	"net/netip"
	"os"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/yamux"

	"x07/internal/broker"
	"x07/internal/broker/network"
	"x07/internal/guest"
	"x07/internal/osworld/effect"
	"x07/internal/osworld/fs"
	"x07/internal/osworld/net"
	"x07/internal/policy"
)

// world is a network capability under test, and where it runs.
type world struct {
	*net.Net
	audit *policy.Audit
	dir   string
}

type setup struct {
	net      *policy.Net // nil for run-os
	resolver network.Resolver
	edit     func(*policy.Policy)
	maxBytes int64
	maxConns int
}

// inBoth runs a test with the network of this process, and with that of a guest
// whose streams a broker serves. Afterwards nothing may be left: neither
// goroutines nor descriptors.
func inBoth(t *testing.T, s setup, test func(t *testing.T, w world)) {
	for _, place := range []string{"in process", "through the broker"} {
		t.Run(place, func(t *testing.T) {
			checkLeaks(t)
			dir := t.TempDir()
			gate := policy.AllowAll()
			var hostGate *policy.Gate
			if s.net != nil {
				gate = gateOf(t, s, dir)
				hostGate = gateOf(t, s, dir)
			}
			audit := policy.NewAudit(nil)
			var n network.Network = network.New(network.Config{Gate: gate, Resolver: s.resolver, MaxSockets: s.maxConns})
			if place != "in process" {
				n = throughBroker(t, broker.NetConfig{Gate: hostGate, Resolver: s.resolver, MaxBytes: s.maxBytes, MaxSockets: s.maxConns}, gate)
			}
			door := effect.Door{Gate: gate, Audit: audit}
			files := fs.New(door, dir)
			w := world{net.New(door, n, files), audit, dir}
			defer files.Close()
			defer w.Close()
			test(t, w)
		})
	}
}

// throughBroker is a guest's network whose host is this process too.
func throughBroker(t testing.TB, c broker.NetConfig, inside *policy.Gate) network.Network {
	t.Helper()
	a, b := stdnet.Pipe()
	host, err := yamux.Client(a, broker.SessionConfig())
	if err != nil {
		t.Fatal(err)
	}
	session, err := yamux.Server(b, broker.SessionConfig())
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	serve := broker.Network(c)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			s, err := host.AcceptStream()
			if err != nil {
				return
			}
			go serve(ctx, s)
		}
	}()
	t.Cleanup(func() {
		cancel()
		session.Close()
		host.Close()
		<-done
	})
	return guest.Network(func(context.Context) (stdnet.Conn, error) { return session.OpenStream() }, inside)
}

func gateOf(t *testing.T, s setup, dir string) *policy.Gate {
	t.Helper()
	p, err := policy.FromTemplate("http-client", "")
	if err != nil {
		t.Fatal(err)
	}
	p.Net = *s.net
	p.FS.ReadRoots, p.FS.WriteRoots = []string{"."}, []string{"out"}
	if s.edit != nil {
		s.edit(p)
	}
	if p, err = policy.Load("test", policy.Render(p)); err != nil {
		t.Fatal(err)
	}
	return policy.FromPolicy(p, policy.Options{WorkDir: dir})
}

// allow is a net section with everything on and these hosts, "host:port,port".
func allow(hosts ...string) *policy.Net {
	n := &policy.Net{Enabled: true, AllowDNS: true, AllowTCP: true, AllowUDP: true, AllowHosts: []policy.Host{}}
	for _, h := range hosts {
		i := strings.LastIndexByte(h, ':')
		e := policy.Host{Host: h[:i]}
		for _, p := range strings.Split(h[i+1:], ",") {
			v, err := strconv.ParseUint(p, 10, 16)
			if err != nil {
				panic(err)
			}
			e.Ports = append(e.Ports, uint16(v))
		}
		n.AllowHosts = append(n.AllowHosts, e)
	}
	return n
}

// checkLeaks compares goroutines and descriptors at the test's end with now.
func checkLeaks(t *testing.T) {
	t.Helper()
	goroutines, files := runtime.NumGoroutine(), openFiles()
	t.Cleanup(func() {
		deadline := time.Now().Add(5 * time.Second)
		for runtime.NumGoroutine() > goroutines || openFiles() > files {
			if time.Now().After(deadline) {
				buf := make([]byte, 1<<20)
				t.Errorf("left behind: %d goroutines of %d, %d descriptors of %d\n%s", runtime.NumGoroutine(), goroutines, openFiles(), files, buf[:runtime.Stack(buf, true)])
				return
			}
			runtime.Gosched()
		}
	})
}

func openFiles() int {
	entries, err := os.ReadDir("/dev/fd")
	if err != nil {
		return 0
	}
	return len(entries)
}

// names resolves from a table: each look-up of a name takes the next answer,
// the last one stays.
type names map[string][][]netip.Addr

func (n names) LookupNetIP(ctx context.Context, network, host string) ([]netip.Addr, error) {
	host = strings.ToLower(host)
	answers := n[host]
	if len(answers) == 0 {
		return nil, &stdnet.DNSError{Err: "no such host", Name: host, IsNotFound: true}
	}
	if len(answers) > 1 {
		n[host] = answers[1:]
	}
	return answers[0], nil
}

func answer(addrs ...string) []netip.Addr {
	var out []netip.Addr
	for _, a := range addrs {
		out = append(out, netip.MustParseAddr(a))
	}
	return out
}

// serve accepts connections on loopback until the test ends and waits for
// their end.
func serve(t *testing.T, each func(stdnet.Conn)) netip.AddrPort {
	t.Helper()
	l, err := stdnet.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				each(c)
			}()
		}
	}()
	t.Cleanup(func() {
		l.Close()
		<-done
	})
	return l.Addr().(*stdnet.TCPAddr).AddrPort()
}

func echo(c stdnet.Conn) { io.Copy(c, c) }

// port is the port of an address as text.
func port(a netip.AddrPort) string { return strconv.Itoa(int(a.Port())) }

func le(v uint32) []byte { return binary.LittleEndian.AppendUint32(nil, v) }

func num(b []byte) uint32 { return binary.LittleEndian.Uint32(b) }

func cat(parts ...[]byte) []byte {
	var out []byte
	for _, p := range parts {
		out = append(out, p...)
	}
	return out
}

func block(b string) []byte { return cat(le(uint32(len(b))), []byte(b)) }

// addrDoc is NetAddrV1 of a host and port.
func addrDoc(host string, port int) []byte {
	a, err := netip.ParseAddr(host)
	switch {
	case err != nil:
		return cat(le(1), le(3), le(uint32(port)), block(host))
	case a.Is4():
		return cat(le(1), le(1), le(uint32(port)), a.AsSlice())
	}
	return cat(le(1), le(2), le(uint32(port)), a.AsSlice())
}

// capsDoc is NetCapsV1.
func capsDoc(connect, io, read, write uint32) []byte {
	return cat(le(1), le(connect), le(io), le(read), le(write), le(0))
}

var quick = capsDoc(5000, 5000, 0, 0)

// code is the code of an error document, 0 for a result.
func code(doc []byte) int {
	if len(doc) == 9 && doc[0] == 0 {
		return int(num(doc[1:]))
	}
	if len(doc) < 8 || doc[0] != 1 {
		return -1
	}
	return 0
}

func wantCode(t *testing.T, what string, doc []byte, want int) {
	t.Helper()
	if got := code(doc); got != want {
		t.Errorf("%s: code %d, want %d", what, got, want)
	}
}

// handleOf is the handle in a result.
func handleOf(t *testing.T, what string, doc []byte) int32 {
	t.Helper()
	if code(doc) != 0 {
		t.Fatalf("%s: code %d", what, code(doc))
	}
	return int32(num(doc[4:]))
}

// boundPort is the port of the address behind the handle.
func boundPort(doc []byte) int { return int(num(doc[20:])) }

var bg = context.Background()
