package policy

import "net/netip"

// NetConnect decides a TCP or TLS connection to host:port as the program named
// it, before anything is resolved. A host that is a name also needs each
// resolved address to pass NetAddr; a literal needs nothing more. Refusals
// have the network code 1.
func (g *Gate) NetConnect(host string, port int) Decision {
	return g.netHost(OpNetConnect, host, port)
}

// NetHTTP decides one hop of an HTTP request; each redirect is another hop.
func (g *Gate) NetHTTP(host string, port int) Decision { return g.netHost(OpNetHTTP, host, port) }

// NetSendTo decides the destination of a UDP datagram.
func (g *Gate) NetSendTo(host string, port int) Decision { return g.netHost(OpNetSendTo, host, port) }

// NetLookup decides looking up a name for later use with port.
func (g *Gate) NetLookup(name string, port int) Decision { return g.netHost(OpNetLookup, name, port) }

// NetAddr decides whether addr, which host was just resolved to, may be used:
// the connection must then be made to exactly this address. Loopback, private,
// link-local, multicast, metadata and similar addresses pass only when a
// literal, network or range lists them for this port, and loopback also when
// the name localhost is listed for it.
func (g *Gate) NetAddr(op Op, host string, port int, addr netip.Addr) Decision {
	addr = addr.WithZone("")
	d := at(allow(op, host, fieldHosts), port)
	d.addr = addr
	if g.open {
		d.Field = ""
		return d
	}
	if p, ok := validPort(port); ok {
		switch {
		case g.hosts.matchAddr(addr, p):
			return d
		case special(addr) == "" && g.hosts.matchName(host, p):
			return d
		case addr.IsLoopback() && g.hosts.matchName("localhost", p):
			return d
		}
	}
	text := addr.String()
	d = at(refuse(op, text, Denied, fieldHosts, netPolicyDenied, grantHost(text, port)), port)
	d.addr = addr
	return d
}

// NetListen decides listening for TCP on addr:port. With port 0 the caller must
// bind to one of the returned ports, which are those the policy lists for
// addr; otherwise the list holds just the port.
func (g *Gate) NetListen(addr netip.Addr, port int) ([]uint16, Decision) {
	return g.netBind(OpNetListen, addr, port)
}

// NetBind decides binding a UDP socket, like NetListen.
func (g *Gate) NetBind(addr netip.Addr, port int) ([]uint16, Decision) {
	return g.netBind(OpNetBind, addr, port)
}

// NetHTTPHead decides os.net.http_request. Denials trap.
func (g *Gate) NetHTTPHead() Decision {
	const disabled = "os.net.http_request disabled by policy"
	switch {
	case g.open:
		return allow(OpNetHTTP, "", "")
	case !g.p.Net.Enabled:
		return refuseTrap(OpNetHTTP, "", Disabled, "net.enabled", "os.net disabled by policy", turnOn)
	case !g.p.Net.AllowTCP:
		return refuseTrap(OpNetHTTP, "", Denied, "net.allow_tcp", disabled, turnOn)
	case !g.p.Net.AllowDNS:
		return refuseTrap(OpNetHTTP, "", Denied, "net.allow_dns", disabled, turnOn)
	case len(g.p.Net.AllowHosts) == 0:
		return refuseTrap(OpNetHTTP, "", Denied, fieldHosts, "os.net.allow_hosts required", patch{})
	}
	return allow(OpNetHTTP, "", fieldHosts)
}

// NetEnabled reports whether the policy can admit any connection, datagram or
// listener at all; a guest needs no broker otherwise.
func (g *Gate) NetEnabled() bool {
	if g.open {
		return true
	}
	return g.p.Net.Enabled && !g.hosts.empty() || g.db.remote
}

const fieldHosts = "net.allow_hosts"

// netSwitches tests net.enabled and the switch of the protocol.
func (g *Gate) netSwitches(op Op, target string) (Decision, bool) {
	var field string
	switch n := &g.p.Net; {
	case !n.Enabled:
		return refuse(op, target, Disabled, "net.enabled", netPolicyDenied, turnOn), false
	case op == OpNetLookup:
		if !n.AllowDNS {
			field = "net.allow_dns"
		}
	case op == OpNetSendTo || op == OpNetBind:
		if !n.AllowUDP {
			field = "net.allow_udp"
		}
	case !n.AllowTCP:
		field = "net.allow_tcp"
	}
	if field != "" {
		return refuse(op, target, Denied, field, netPolicyDenied, turnOn), false
	}
	return Decision{}, true
}

func (g *Gate) netHost(op Op, host string, port int) Decision {
	if g.open {
		return at(allow(op, host, ""), port)
	}
	if d, ok := g.netSwitches(op, host); !ok {
		return at(d, port)
	}
	p, ok := validPort(port)
	addr, err := netip.ParseAddr(host)
	literal := err == nil && addr.Zone() == ""
	if ok && literal && g.hosts.matchAddr(addr, p) {
		return at(allow(op, host, fieldHosts), port)
	}
	if !literal && !g.p.Net.AllowDNS {
		return at(refuse(op, host, Denied, "net.allow_dns", netPolicyDenied, turnOn), port)
	}
	if ok && !literal && g.hosts.matchName(host, p) {
		return at(allow(op, host, fieldHosts), port)
	}
	return at(refuse(op, host, Denied, fieldHosts, netPolicyDenied, grantHost(host, port)), port)
}

func (g *Gate) netBind(op Op, addr netip.Addr, port int) ([]uint16, Decision) {
	if g.open {
		return []uint16{uint16(port)}, at(allow(op, addr.String(), ""), port)
	}
	text := addr.String()
	if d, ok := g.netSwitches(op, text); !ok {
		return nil, at(d, port)
	}
	if port == 0 {
		if ports := g.hosts.portsOf(addr); len(ports) > 0 {
			return ports, allow(op, text, fieldHosts)
		}
		return nil, refuse(op, text, Denied, fieldHosts, netPolicyDenied, patch{})
	}
	if p, ok := validPort(port); ok && g.hosts.matchAddr(addr, p) {
		return []uint16{p}, at(allow(op, text, fieldHosts), port)
	}
	return nil, at(refuse(op, text, Denied, fieldHosts, netPolicyDenied, grantHost(text, port)), port)
}

func validPort(port int) (uint16, bool) { return uint16(port), port >= 1 && port <= 65535 }

func at(d Decision, port int) Decision {
	d.Port = port
	return d
}

// grantHost appends host:port to the list, when the schema admits it.
func grantHost(host string, port int) patch {
	if _, ok := validPort(port); !ok || !validHostText(host) {
		return patch{}
	}
	return appendItem(Host{Host: lowerASCII(host), Ports: []uint16{uint16(port)}})
}
