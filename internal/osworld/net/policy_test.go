package net_test

import (
	"bytes"
	"fmt"
	stdnet "net"
	"net/netip"
	"strings"
	"testing"

	"x07/internal/policy"
)

// denials are what was refused, as "op target field".
func (w world) denials() []string {
	list, _ := w.audit.Denials()
	var out []string
	for _, d := range list {
		out = append(out, fmt.Sprintf("%s %s %s", d.Op, d.Target, d.Field))
	}
	return out
}

func TestThePolicyDecidesConnections(t *testing.T) {
	at := serve(t, echo)
	p := int(at.Port())
	off := func(edit func(*policy.Net)) *policy.Net {
		n := allow("127.0.0.1:"+port(at), "localhost:"+port(at))
		edit(n)
		return n
	}
	resolver := names{
		"home.test":  {answer("127.0.0.1")},
		"many.test":  {answer("10.0.0.1", "169.254.169.254", "127.0.0.1")},
		"meta.test":  {answer("169.254.169.254")},
		"mixed.test": {answer("::ffff:127.0.0.1", "::1", "fe80::1")},
		"localhost":  {answer("127.0.0.1")},
	}
	for _, c := range []struct {
		what   string
		net    *policy.Net
		host   string
		port   int
		code   int
		denied string // "" when nothing is refused
	}{
		{"a listed literal", allow("127.0.0.1:" + port(at)), "127.0.0.1", p, 0, ""},
		{"a listed network", allow("127.0.0.0/8:" + port(at)), "127.0.0.1", p, 0, ""},
		{"a listed range", allow("127.0.0.1-127.0.0.9:" + port(at)), "127.0.0.1", p, 0, ""},
		{"the name localhost", allow("localhost:" + port(at)), "localhost", p, 0, ""},
		{"a name to loopback that is listed as well", allow("home.test:"+port(at), "127.0.0.1:"+port(at)), "home.test", p, 0, ""},
		{"a name in other letters", allow("HOME.test:"+port(at), "127.0.0.1:"+port(at)), "Home.TEST", p, 0, ""},
		{"a name to loopback", allow("home.test:" + port(at)), "home.test", p, 1, "127.0.0.1:" + port(at) + " net.allow_hosts"},
		{"only the listed address of several", allow("many.test:"+port(at), "127.0.0.1:"+port(at)), "many.test", p, 0, ""},
		{"a name to the metadata service", allow("meta.test:" + port(at)), "meta.test", p, 1, "169.254.169.254:" + port(at) + " net.allow_hosts"},
		{"a name to mapped and local addresses", allow("mixed.test:" + port(at)), "mixed.test", p, 1, " net.allow_hosts"},
		{"another port", allow("127.0.0.1:1"), "127.0.0.1", p, 1, "127.0.0.1:" + port(at) + " net.allow_hosts"},
		{"another host", allow("127.0.0.2:" + port(at)), "127.0.0.1", p, 1, "net.allow_hosts"},
		{"a mapped literal", allow("127.0.0.1:" + port(at)), "::ffff:127.0.0.1", p, 1, "net.allow_hosts"},
		{"a short form of an address", allow("127.0.0.1:" + port(at)), "127.1", p, 1, "net.allow_hosts"},
		{"a name that is not listed", allow("127.0.0.1:" + port(at)), "home.test", p, 1, "net.allow_hosts"},
		{"the network switched off", off(func(n *policy.Net) { n.Enabled = false }), "127.0.0.1", p, 1, "net.enabled"},
		{"TCP switched off", off(func(n *policy.Net) { n.AllowTCP = false }), "127.0.0.1", p, 1, "net.allow_tcp"},
		{"DNS switched off", off(func(n *policy.Net) { n.AllowDNS = false }), "localhost", p, 1, "net.allow_dns"},
		{"a literal needs no DNS", off(func(n *policy.Net) { n.AllowDNS = false }), "127.0.0.1", p, 0, ""},
		{"nothing listed", allow(), "127.0.0.1", p, 1, "net.allow_hosts"},
		{"port 0", allow("127.0.0.1:" + port(at)), "127.0.0.1", 0, 1, "net.allow_hosts"},
		{"a name that is too long", allow("127.0.0.1:" + port(at)), strings.Repeat("n", 1025), p, 1, "net.allow_hosts"},
	} {
		t.Run(c.what, func(t *testing.T) {
			inBoth(t, setup{net: c.net, resolver: resolver}, func(t *testing.T, w world) {
				wantCode(t, "connect", w.Connect(bg, addrDoc(c.host, c.port), quick), c.code)
				wantCode(t, "TLS to somebody who speaks none", w.TLSConnect(bg, addrDoc(c.host, c.port), cat(le(1), le(0), le(0), le(0)), capsDoc(200, 200, 0, 0)), map[int]int{0: 7, 1: 1}[c.code])
				got := strings.Join(w.denials(), "; ")
				if (c.denied == "") != (got == "") || !strings.Contains(got, c.denied) {
					t.Errorf("denials %q, want %q", got, c.denied)
				}
			})
		})
	}
}

func TestAnAddressIsCheckedWhenItIsUsed(t *testing.T) {
	at := serve(t, echo)
	// The name led to a listed address when it was looked up, and leads to
	// another when it is used.
	resolver := names{}
	inBoth(t, setup{net: allow("turn.test:"+port(at), "127.0.0.1:"+port(at)), resolver: resolver}, func(t *testing.T, w world) {
		resolver["turn.test"] = [][]netip.Addr{answer("127.0.0.1"), answer("127.0.0.2")}
		wantCode(t, "lookup", w.Lookup(bg, "turn.test", int32(at.Port()), quick), 0)
		wantCode(t, "connect", w.Connect(bg, addrDoc("turn.test", int(at.Port())), quick), 1)
	})
}

func TestLookupsTellOnlyAllowedAddresses(t *testing.T) {
	resolver := names{"many.test": {answer("10.0.0.1", "127.0.0.1", "93.184.216.34", "::1")}, "inner.test": {answer("192.168.1.1")}}
	inBoth(t, setup{net: allow("many.test:80", "inner.test:80"), resolver: resolver}, func(t *testing.T, w world) {
		want := cat([]byte{1, 1, 0, 0}, le(1), block(string(addrDoc("93.184.216.34", 80))))
		if doc := w.Lookup(bg, "many.test", 80, quick); !bytes.Equal(doc, want) {
			t.Errorf("got %x, want %x", doc, want)
		}
		wantCode(t, "a name to a private network", w.Lookup(bg, "inner.test", 80, quick), 1)
		wantCode(t, "another port", w.Lookup(bg, "many.test", 81, quick), 1)
		wantCode(t, "another name", w.Lookup(bg, "other.test", 80, quick), 1)
	})
	none := allow("many.test:80")
	none.AllowDNS = false
	inBoth(t, setup{net: none, resolver: resolver}, func(t *testing.T, w world) {
		wantCode(t, "lookup", w.Lookup(bg, "many.test", 80, quick), 1)
		if got := strings.Join(w.denials(), ";"); !strings.HasSuffix(got, "net.allow_dns") {
			t.Errorf("denials %q", got)
		}
	})
}

// freePorts are ports of loopback that nobody uses.
func freePorts(t *testing.T, n int) []int {
	t.Helper()
	var ports []int
	for range n {
		l, err := stdnet.Listen("tcp4", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		ports = append(ports, l.Addr().(*stdnet.TCPAddr).Port)
	}
	return ports
}

func TestListenersAndSocketsNeedTheirAddressOnTheList(t *testing.T) {
	p := freePorts(t, 2)
	listed := allow(fmt.Sprintf("127.0.0.1:%d,%d", p[0], p[1]))
	inBoth(t, setup{net: listed}, func(t *testing.T, w world) {
		for _, bind := range []func([]byte) []byte{
			func(a []byte) []byte { return w.Listen(bg, a, quick) },
			func(a []byte) []byte { return w.Bind(bg, a, quick) },
		} {
			wantCode(t, "a port that is not listed", bind(addrDoc("127.0.0.1", 1)), 1)
			wantCode(t, "all interfaces", bind(addrDoc("0.0.0.0", p[0])), 1)
			wantCode(t, "another address", bind(addrDoc("127.0.0.2", 0)), 1)
			wantCode(t, "a listed port", bind(addrDoc("127.0.0.1", p[0])), 0)
			// Port 0 means one of the listed ports that is free.
			if doc := bind(addrDoc("127.0.0.1", 0)); code(doc) != 0 || boundPort(doc) != p[1] {
				t.Errorf("port 0: %x, want port %d", doc, p[1])
			}
			wantCode(t, "no listed port is free", bind(addrDoc("127.0.0.1", 0)), 6)
		}
	})
	listed.AllowUDP = false
	inBoth(t, setup{net: listed}, func(t *testing.T, w world) {
		wantCode(t, "UDP switched off", w.Bind(bg, addrDoc("127.0.0.1", p[0]), quick), 1)
		if got := strings.Join(w.denials(), ";"); !strings.HasSuffix(got, "net.allow_udp") {
			t.Errorf("denials %q", got)
		}
	})
}

func TestDatagramsGoOnlyWhereTheListAllows(t *testing.T) {
	p := freePorts(t, 2)
	resolver := names{"meta.test": {answer("169.254.169.254")}, "me.test": {answer("127.0.0.1")}}
	listed := allow(fmt.Sprintf("127.0.0.1:%d,%d", p[0], p[1]), fmt.Sprintf("meta.test:%d", p[1]), fmt.Sprintf("me.test:%d", p[1]))
	inBoth(t, setup{net: listed, resolver: resolver}, func(t *testing.T, w world) {
		s := handleOf(t, "bind", w.Bind(bg, addrDoc("127.0.0.1", p[0]), quick))
		wantCode(t, "a listed place", w.SendTo(bg, s, addrDoc("127.0.0.1", p[1]), []byte("x"), quick), 0)
		wantCode(t, "a listed name", w.SendTo(bg, s, addrDoc("me.test", p[1]), []byte("x"), quick), 0)
		wantCode(t, "another port", w.SendTo(bg, s, addrDoc("127.0.0.1", 9), []byte("x"), quick), 1)
		wantCode(t, "a name to the metadata service", w.SendTo(bg, s, addrDoc("meta.test", p[1]), []byte("x"), quick), 1)
		wantCode(t, "another name", w.SendTo(bg, s, addrDoc("other.test", p[1]), []byte("x"), quick), 1)
		wantCode(t, "a name that is too long", w.SendTo(bg, s, addrDoc(strings.Repeat("n", 1025), p[1]), []byte("x"), quick), 1)
	})
}
