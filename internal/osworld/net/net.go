// Package net is the network capability of the OS worlds: TCP, TLS, UDP, names
// and HTTP requests, as std.net.* documents them.
//
// Address, capability and request documents come in as the program wrote them;
// result and error documents go out, byte for byte as the reference has them.
// The package holds the program's table of handles. What reaches the network
// goes through a network.Network, which asks the gate and connects to the
// address that it checked: that of this machine in run-os, the broker's in a
// guest. TLS and HTTP are spoken here, on the program's side; the package opens
// no socket of its own and follows no redirect that was not allowed like a
// first request.
package net

import (
	"context"
	"errors"
	"time"

	"x07/internal/broker/network"
	"x07/internal/osworld/effect"
	"x07/internal/osworld/fs"
	"x07/internal/policy"
)

// Net is the network capability of one run. It is used by one goroutine at a
// time.
type Net struct {
	door  effect.Door
	net   network.Network
	files *fs.FS
	table handles
	trust *trust
	buf   []byte // of the read in progress
}

// New makes the network capability. The network decides with the same policy as
// door.Gate; files serve file URLs and downloads.
func New(door effect.Door, network network.Network, files *fs.FS) *Net {
	return &Net{door: door, net: network, files: files, trust: &trust{net: network}}
}

// Close closes every socket and returns how many the program had left open. It
// may be called while the program waits in a call, which then ends.
func (n *Net) Close() (leaked int) { return n.table.closeAll() }

// fail is the error document of err. A refusal of the gate is recorded.
func (n *Net) fail(err error) []byte {
	var f *network.Failure
	if errors.As(err, &f) && f.Code == network.Denied && f.Decision.Op != "" {
		// The refusals of the network are reported by code, never by a trap.
		_ = n.door.Refused(f.Decision)
	}
	return errDoc(network.CodeOf(err))
}

// Lookup is std.net.dns.lookup_v1.
func (n *Net) Lookup(ctx context.Context, name string, port int32, capsDoc []byte) []byte {
	if _, ok := parseCaps(capsDoc); !ok || !validName(name) || port < 1 || port > 65535 {
		return errDoc(network.Invalid)
	}
	start := n.door.Start()
	addrs, err := n.net.Lookup(ctx, name, int(port))
	if code := network.CodeOf(err); code != network.Denied {
		n.door.Done(n.door.Gate.NetLookup(name, int(port)), 0, start, int32(code))
	}
	if err != nil {
		return n.fail(err)
	}
	return dnsDoc(addrs, uint16(port))
}

// connected records a connection attempt that was allowed.
func (n *Net) connected(to network.Target, conn network.Conn, start time.Time, code network.Code) {
	if n.door.Audit == nil || code == network.Denied {
		return
	}
	dec := n.door.Gate.NetConnect(to.Host, to.Port)
	if to.Op == policy.OpNetHTTP {
		dec = n.door.Gate.NetHTTP(to.Host, to.Port)
	}
	if conn != nil {
		dec = conn.Checked()
	}
	n.door.Done(dec, 0, start, int32(code))
}

// Listen is std.net.tcp.listen_v1.
func (n *Net) Listen(ctx context.Context, addrDoc, capsDoc []byte) []byte {
	at, ok := parseBind(addrDoc, capsDoc)
	if !ok {
		return errDoc(network.Invalid)
	}
	start := n.door.Start()
	l, err := n.net.Listen(ctx, at)
	if err != nil {
		return n.fail(err)
	}
	if n.door.Audit != nil {
		_, dec := n.door.Gate.NetListen(at.Addr(), int(at.Port()))
		n.door.Done(dec.WithPort(int(l.Addr().Port())), 0, start, 0)
	}
	h := n.table.add(&handle{kind: listener, l: l})
	if h == 0 {
		l.Close()
		return errDoc(network.Internal)
	}
	return boundDoc(h, l.Addr())
}

// Accept is std.net.tcp.accept_v1.
func (n *Net) Accept(ctx context.Context, h int32, capsDoc []byte) []byte {
	caps, ok := parseCaps(capsDoc)
	l := n.table.open(h, listener)
	if !ok || l == nil {
		return errDoc(network.Invalid)
	}
	conn, err := l.l.Accept(ctx, caps.ioDeadline())
	if err != nil {
		return n.fail(err)
	}
	s := n.table.add(&handle{kind: tcpStream, conn: conn, stream: conn})
	if s == 0 {
		conn.Close()
		return errDoc(network.Internal)
	}
	return boundDoc(s, remoteAddr(conn))
}
