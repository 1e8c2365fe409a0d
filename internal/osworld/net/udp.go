package net

import (
	"context"
	"net/netip"

	"x07/internal/broker/network"
)

// Bind is std.net.udp.bind_v1.
func (n *Net) Bind(ctx context.Context, addrDoc, capsDoc []byte) []byte {
	at, ok := parseBind(addrDoc, capsDoc)
	if !ok {
		return errDoc(network.Invalid)
	}
	start := n.door.Start()
	sock, err := n.net.Bind(ctx, at)
	if err != nil {
		return n.fail(err)
	}
	if n.door.Audit != nil {
		_, dec := n.door.Gate.NetBind(at.Addr(), int(at.Port()))
		n.door.Done(dec.WithPort(int(sock.Addr().Port())), 0, start, 0)
	}
	h := n.table.add(&handle{kind: datagrams, packet: sock})
	if h == 0 {
		sock.Close()
		return errDoc(network.Internal)
	}
	return boundDoc(h, sock.Addr())
}

// SendTo is std.net.udp.sendto_v1.
func (n *Net) SendTo(ctx context.Context, s int32, addrDoc, payload, capsDoc []byte) []byte {
	caps, ok := parseCaps(capsDoc)
	switch {
	case !ok:
		return errDoc(network.Invalid)
	case len(payload) > caps.write:
		return errDoc(network.TooLarge)
	}
	h := n.table.open(s, datagrams)
	p, valid := parseAddr(addrDoc)
	if h == nil || !valid {
		return errDoc(network.Invalid)
	}
	if len(p.name) > maxName {
		if dec := n.door.Gate.NetSendTo(p.name, int(p.port)); !dec.Allowed {
			return n.fail(&network.Failure{Code: network.Denied, Decision: dec})
		}
		return errDoc(network.Invalid)
	}
	start := n.door.Start()
	err := h.packet.SendTo(ctx, p.host(), int(p.port), payload, caps.ioDeadline())
	if code := network.CodeOf(err); code != network.Denied && n.door.Audit != nil {
		n.door.Done(n.door.Gate.NetSendTo(p.host(), int(p.port)), int64(len(payload)), start, int32(code))
	}
	if err != nil {
		return n.fail(err)
	}
	return numDoc(uint32(len(payload)))
}

// ReceiveFrom is std.net.udp.recvfrom_v1.
func (n *Net) ReceiveFrom(ctx context.Context, s, maxBytes int32, capsDoc []byte) []byte {
	caps, ok := parseCaps(capsDoc)
	h := n.table.open(s, datagrams)
	if !ok || h == nil {
		return errDoc(network.Invalid)
	}
	return n.receive(ctx, h, min(uint32(maxBytes), uint32(caps.read)), caps)
}

// receive waits for one datagram, of which at most limit bytes are kept.
func (n *Net) receive(ctx context.Context, h *handle, limit uint32, caps caps) []byte {
	buf := make([]byte, min(limit, maxDatagram))
	k, from, err := h.packet.ReceiveFrom(ctx, buf, caps.ioDeadline())
	if err != nil {
		return n.fail(err)
	}
	return datagramDoc(from, buf[:min(k, len(buf))])
}

// maxDatagram is larger than any datagram.
const maxDatagram = 1 << 16

// datagramDoc is UdpRecvDocV1.
func datagramDoc(from netip.AddrPort, payload []byte) []byte {
	return putBytes(putBytes(okDoc(36+len(payload)), addrDoc(from)), payload)
}
