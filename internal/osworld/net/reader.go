package net

import (
	"context"

	"x07/internal/broker/network"
)

// StreamReader is std.net.tcp.stream_reader_v1: it sets what readers of the
// handle may do, and reports whether they will live.
func (n *Net) StreamReader(s int32, capsDoc []byte) bool {
	return n.newReader(n.table.open(s, tcpStream, tlsStream), capsDoc)
}

// DatagramReader is std.net.udp.recv_doc_reader_v1.
func (n *Net) DatagramReader(s int32, capsDoc []byte) bool {
	return n.newReader(n.table.open(s, datagrams), capsDoc)
}

func (n *Net) newReader(h *handle, capsDoc []byte) bool {
	if h == nil {
		return false
	}
	h.reader = defaultCaps
	if c, ok := parseCaps(capsDoc); ok {
		h.reader = c
	}
	return true
}

const (
	errDocLen = 9
	// datagramHead is the largest UdpRecvDocV1 without its payload.
	datagramHead = 40
)

// ReadIface is one read of a reader over a handle: at most max bytes, empty at
// the end. For a stream, the end, a deadline and any failure close the socket.
func (n *Net) ReadIface(ctx context.Context, s int32, max uint32) []byte {
	if h := n.table.open(s, datagrams); h != nil {
		switch {
		case max < errDocLen:
			return nil
		case max < datagramHead:
			return errDoc(network.TooLarge)
		}
		return n.receive(ctx, h, min(max-datagramHead, uint32(h.reader.read)), h.reader)
	}
	h := n.table.open(s, tcpStream, tlsStream)
	if h == nil || max == 0 {
		return nil
	}
	limit := int(min(max, uint32(h.reader.read)))
	buf := n.room(min(limit, firstRead))
	k, err := h.read(ctx, buf, h.reader.ioDeadline())
	if err != nil || k == 0 {
		h.close()
		return nil
	}
	return buf[:k]
}
