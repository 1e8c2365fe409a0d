package policy

import (
	"net/netip"
	"slices"
	"strings"
)

// hostTable is net.allow_hosts, compiled: names by exact text, addresses by
// value, networks and ranges in order.
type hostTable struct {
	names map[string][]uint16     // lower-case name to sorted ports
	addrs map[netip.Addr][]uint16 // literal to sorted ports
	spans []span
}

// span is a CIDR or an inclusive range of addresses of one family.
type span struct {
	lo, hi netip.Addr
	prefix netip.Prefix // set for a CIDR
	ports  []uint16
}

func (s *span) contains(a netip.Addr) bool {
	if s.prefix.IsValid() {
		return s.prefix.Contains(a)
	}
	return s.lo.Is4() == a.Is4() && s.lo.Compare(a) <= 0 && a.Compare(s.hi) <= 0
}

func compileHosts(list []Host) hostTable {
	t := hostTable{names: make(map[string][]uint16), addrs: make(map[netip.Addr][]uint16)}
	for _, h := range list {
		text := unbracket(strings.TrimSpace(h.Host))
		switch kind, s := parseHost(text); kind {
		case hostAddr:
			t.addrs[s.lo] = mergePorts(t.addrs[s.lo], h.Ports)
		case hostSpan:
			s.ports = mergePorts(nil, h.Ports)
			t.spans = append(t.spans, s)
		case hostName:
			name := lowerASCII(text)
			t.names[name] = mergePorts(t.names[name], h.Ports)
		}
	}
	return t
}

type hostKind uint8

const (
	hostName hostKind = iota
	hostAddr
	hostSpan
	hostBad // looks like a network or a range and is none: matches nothing
)

// parseHost tells what an entry is. A range that does not parse is a name, for
// names may hold "-".
func parseHost(text string) (hostKind, span) {
	if base, bits, ok := strings.Cut(text, "/"); ok {
		p, err := netip.ParsePrefix(unbracket(base) + "/" + bits)
		if err != nil {
			return hostBad, span{}
		}
		return hostSpan, span{prefix: p.Masked()}
	}
	if a, err := netip.ParseAddr(text); err == nil && a.Zone() == "" {
		return hostAddr, span{lo: a}
	}
	if lo, hi, ok := strings.Cut(text, "-"); ok {
		a, errA := netip.ParseAddr(unbracket(strings.TrimSpace(lo)))
		b, errB := netip.ParseAddr(unbracket(strings.TrimSpace(hi)))
		if errA == nil && errB == nil && a.Zone() == "" && b.Zone() == "" {
			if a.Is4() != b.Is4() {
				return hostBad, span{}
			}
			if b.Less(a) {
				a, b = b, a
			}
			return hostSpan, span{lo: a, hi: b}
		}
	}
	return hostName, span{}
}

// matchName reports whether the name:port pair is listed.
func (t *hostTable) matchName(name string, port uint16) bool {
	ports, ok := t.names[name]
	if !ok {
		var buf [255]byte
		if len(name) > len(buf) {
			return false
		}
		for i := 0; i < len(name); i++ {
			buf[i] = name[i]
			if 'A' <= name[i] && name[i] <= 'Z' {
				buf[i] += 'a' - 'A'
			}
		}
		ports = t.names[string(buf[:len(name)])]
	}
	return hasPort(ports, port)
}

// matchAddr reports whether a literal, network or range lists addr:port.
func (t *hostTable) matchAddr(addr netip.Addr, port uint16) bool {
	if hasPort(t.addrs[addr], port) {
		return true
	}
	for i := range t.spans {
		if s := &t.spans[i]; s.contains(addr) && hasPort(s.ports, port) {
			return true
		}
	}
	return false
}

// portsOf returns the ports that are listed for addr, sorted.
func (t *hostTable) portsOf(addr netip.Addr) []uint16 {
	ports := slices.Clone(t.addrs[addr])
	for i := range t.spans {
		if t.spans[i].contains(addr) {
			ports = mergePorts(ports, t.spans[i].ports)
		}
	}
	return ports
}

func (t *hostTable) empty() bool { return len(t.names) == 0 && len(t.addrs) == 0 && len(t.spans) == 0 }

func hasPort(sorted []uint16, port uint16) bool {
	_, ok := slices.BinarySearch(sorted, port)
	return ok
}

func mergePorts(have, add []uint16) []uint16 {
	all := append(slices.Clone(have), add...)
	slices.Sort(all)
	return slices.Compact(all)
}

func unbracket(s string) string {
	if len(s) >= 2 && s[0] == '[' && s[len(s)-1] == ']' {
		return s[1 : len(s)-1]
	}
	return s
}

func lowerASCII(s string) string {
	b := []byte(s)
	for i, c := range b {
		if 'A' <= c && c <= 'Z' {
			b[i] = c + 'a' - 'A'
		}
	}
	return string(b)
}

// reserved are the networks a name must not lead to unless the policy lists the
// address itself: behind them are the host, its neighbours and the services
// that hand out credentials to machines.
var reserved = [...]struct {
	net  netip.Prefix
	what string
}{
	{netip.MustParsePrefix("0.0.0.0/8"), "unspecified"},
	{netip.MustParsePrefix("10.0.0.0/8"), "private"},
	{netip.MustParsePrefix("100.64.0.0/10"), "shared"},
	{netip.MustParsePrefix("127.0.0.0/8"), "loopback"},
	{netip.MustParsePrefix("169.254.0.0/16"), "link-local"},
	{netip.MustParsePrefix("172.16.0.0/12"), "private"},
	{netip.MustParsePrefix("192.0.0.0/24"), "special-purpose"},
	{netip.MustParsePrefix("192.168.0.0/16"), "private"},
	{netip.MustParsePrefix("198.18.0.0/15"), "benchmarking"},
	{netip.MustParsePrefix("224.0.0.0/4"), "multicast"},
	{netip.MustParsePrefix("240.0.0.0/4"), "reserved"},
	{netip.MustParsePrefix("168.63.129.16/32"), "metadata"},
	{netip.MustParsePrefix("::/128"), "unspecified"},
	{netip.MustParsePrefix("::1/128"), "loopback"},
	{netip.MustParsePrefix("fc00::/7"), "private"},
	{netip.MustParsePrefix("fe80::/10"), "link-local"},
	{netip.MustParsePrefix("fec0::/10"), "site-local"},
	{netip.MustParsePrefix("ff00::/8"), "multicast"},
}

// carriers are the IPv6 networks whose addresses hold an IPv4 address that
// traffic ends up at, with the offset of its first byte.
var carriers = [...]struct {
	net netip.Prefix
	at  int
}{
	{netip.MustParsePrefix("::ffff:0:0/96"), 12},
	{netip.MustParsePrefix("::ffff:0:0:0/96"), 12},
	{netip.MustParsePrefix("::/96"), 12},
	{netip.MustParsePrefix("64:ff9b::/96"), 12},
	{netip.MustParsePrefix("2002::/16"), 2},
}

// special names what is special about an address; "" for an ordinary one.
func special(a netip.Addr) string {
	for i := range reserved {
		if reserved[i].net.Contains(a) {
			return reserved[i].what
		}
	}
	if a.Is4() {
		return ""
	}
	raw := a.As16()
	for _, c := range carriers {
		// Prefix.Contains never matches an IPv4-mapped address.
		if c.net.Contains(a) || a.Is4In6() && c.net.Addr().Is4In6() {
			return special(netip.AddrFrom4([4]byte(raw[c.at : c.at+4])))
		}
	}
	// Network-specific NAT64 prefixes and Teredo carry addresses of their own.
	if nat64Local.Contains(a) || teredo.Contains(a) {
		return "translated"
	}
	return ""
}

var (
	nat64Local = netip.MustParsePrefix("64:ff9b:1::/48")
	teredo     = netip.MustParsePrefix("2001::/32")
)
