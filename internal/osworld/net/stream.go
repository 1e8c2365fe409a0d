package net

import (
	"context"
	"io"
	"time"

	"x07/internal/broker/network"
	"x07/internal/policy"
)

// Event bits of Wait.
const (
	readable = 1
	writable = 2
	hangup   = 4
)

// Connect is std.net.tcp.connect_v1.
func (n *Net) Connect(ctx context.Context, addrDoc, capsDoc []byte) []byte {
	caps, ok := parseCaps(capsDoc)
	p, valid := parseAddr(addrDoc)
	if !ok || !valid {
		return errDoc(network.Invalid)
	}
	conn, err := n.dial(ctx, network.Target{Op: policy.OpNetConnect, Host: p.host(), Port: int(p.port), Timeout: caps.connect})
	if err != nil {
		return n.fail(err)
	}
	return n.keep(&handle{kind: tcpStream, conn: conn, stream: conn})
}

// dial connects and records the attempt.
func (n *Net) dial(ctx context.Context, to network.Target) (network.Conn, error) {
	if len(to.Host) > maxName {
		if dec := n.door.Gate.NetConnect(to.Host, to.Port); !dec.Allowed {
			return nil, &network.Failure{Code: network.Denied, Decision: dec}
		}
		return nil, &network.Failure{Code: network.Invalid}
	}
	start := n.door.Start()
	conn, err := n.net.Dial(ctx, to)
	n.connected(to, conn, start, network.CodeOf(err))
	return conn, err
}

// keep puts a stream into the table.
func (n *Net) keep(h *handle) []byte {
	s := n.table.add(h)
	if s == 0 {
		h.close()
		return errDoc(network.Internal)
	}
	return numDoc(uint32(s))
}

// Read is std.net.tcp.stream_read_v1.
func (n *Net) Read(ctx context.Context, s, maxBytes int32, capsDoc []byte) []byte {
	h := n.table.open(s, tcpStream, tlsStream)
	if h == nil {
		return errDoc(network.Invalid)
	}
	caps, ok := parseCaps(capsDoc)
	if !ok {
		return errDoc(network.Invalid)
	}
	limit := int(min(uint32(maxBytes), uint32(caps.read)))
	if limit == 0 {
		if h.kind == tlsStream || h.peek(ctx, caps.ioDeadline()) {
			return putBytes(okDoc(4), nil)
		}
		return errDoc(network.Timeout)
	}
	doc := n.room(8 + min(limit, firstRead))
	k, err := h.read(ctx, doc[8:], caps.ioDeadline())
	if err != nil && err != io.EOF {
		return errDoc(h.code(err))
	}
	return append(putU32(append(doc[:0], 1, 1, 0, 0), uint32(k)), doc[8:8+k]...)
}

// firstRead bounds one read; a program that wants more reads again.
const firstRead = 64 << 10

// room is the buffer of a read. It is the result of the head as well: the
// engine copies it before the program calls again.
func (n *Net) room(size int) []byte {
	if cap(n.buf) < size {
		n.buf = make([]byte, max(size, 8+4096))
	}
	return n.buf[:size]
}

// read takes what is there, waiting until the deadline when there is nothing.
func (h *handle) read(ctx context.Context, buf []byte, deadline time.Time) (int, error) {
	if k := copy(buf, h.ahead); k > 0 {
		h.ahead = h.ahead[k:]
		return k, nil
	}
	if h.end != nil {
		return 0, h.end
	}
	k, err := h.receive(ctx, buf, deadline)
	if k > 0 {
		return k, nil
	}
	return 0, err
}

// receive reads from the stream until the deadline; how it ended is kept.
func (h *handle) receive(ctx context.Context, buf []byte, deadline time.Time) (int, error) {
	if err := h.stream.SetReadDeadline(deadline); err != nil {
		return 0, err
	}
	defer network.WakeOnEnd(ctx, h.stream.SetReadDeadline)()
	k, err := h.stream.Read(buf)
	if err != nil && network.CodeOf(err) != network.Timeout {
		h.end = err
	}
	return k, err
}

// code is the code of a failure of this stream: on TLS streams whatever is not
// a deadline is a failure of TLS.
func (h *handle) code(err error) network.Code {
	code := network.CodeOf(err)
	if h.kind == tlsStream && code != network.Timeout {
		return network.TLS
	}
	return code
}

// peek waits until a read would return at once, and reports whether it would.
func (h *handle) peek(ctx context.Context, deadline time.Time) bool {
	if len(h.ahead) > 0 || h.end != nil {
		return true
	}
	buf := make([]byte, 4096)
	k, _ := h.receive(ctx, buf, deadline)
	h.ahead = append(h.ahead, buf[:k]...)
	return k > 0 || h.end != nil
}

// Write is std.net.tcp.stream_write_v1.
func (n *Net) Write(ctx context.Context, s int32, data, capsDoc []byte) []byte {
	h := n.table.open(s, tcpStream, tlsStream)
	if h == nil {
		return errDoc(network.Invalid)
	}
	caps, ok := parseCaps(capsDoc)
	switch {
	case !ok:
		return errDoc(network.Invalid)
	case len(data) > caps.write:
		return errDoc(network.TooLarge)
	}
	if err := h.stream.SetWriteDeadline(caps.ioDeadline()); err != nil {
		return errDoc(h.code(err))
	}
	defer network.WakeOnEnd(ctx, h.stream.SetWriteDeadline)()
	k, err := h.stream.Write(data)
	if err != nil && (k == 0 || h.kind == tlsStream) {
		return errDoc(h.code(err))
	}
	return numDoc(uint32(k))
}

// waitStep is how often a wait that the system cannot be asked to do looks again.
const waitStep = 5 * time.Millisecond

// Wait is std.net.tcp.stream_wait_v1.
func (n *Net) Wait(ctx context.Context, s, events, timeoutMs int32) []byte {
	h := n.table.open(s, tcpStream, tlsStream)
	if h == nil || timeoutMs < 0 {
		return errDoc(network.Invalid)
	}
	deadline := time.Now().Add(time.Duration(timeoutMs) * time.Millisecond)
	for {
		bits := h.ready(ctx, events)
		left := time.Until(deadline)
		if bits != 0 || left <= 0 || ctx.Err() != nil {
			return numDoc(bits)
		}
		if events&writable == 0 && events&readable != 0 {
			h.peek(ctx, deadline)
			continue
		}
		pause := time.NewTimer(min(left, waitStep))
		select {
		case <-pause.C:
		case <-ctx.Done():
			pause.Stop()
		}
	}
}

// ready says what the stream is ready for now. Hang-up is always told.
func (h *handle) ready(ctx context.Context, events int32) (bits uint32) {
	in, out, gone := h.conn.Ready()
	if events&readable != 0 && len(h.ahead) == 0 && h.end == nil {
		switch {
		case h.kind == tlsStream:
			// TLS may hold a record that it read with an earlier one; what has
			// arrived may be less than a record.
			patience := time.Unix(1, 0)
			if in {
				patience = time.Now().Add(time.Millisecond)
			}
			h.peek(ctx, patience)
		case in:
			bits |= readable
		}
	}
	if events&readable != 0 && (len(h.ahead) > 0 || h.end != nil) {
		bits |= readable
	}
	if events&writable != 0 && out {
		bits |= writable
	}
	if gone || h.end != nil && h.end != io.EOF {
		bits |= hangup
	}
	return bits
}

// Shutdown is std.net.tcp.stream_shutdown_v1: 1 on success.
func (n *Net) Shutdown(s, how int32) uint32 {
	h := n.table.open(s, tcpStream)
	if h == nil || how < 0 || how > 2 {
		return 0
	}
	if how != 0 && h.conn.CloseWrite() != nil {
		return 0
	}
	if how != 1 {
		h.ahead, h.end = nil, io.EOF
	}
	return 1
}

// CloseStream, DropStream and their like are the status functions of handles.
func (n *Net) CloseStream(s int32) uint32   { return n.table.close(s, tcpStream, tlsStream) }
func (n *Net) DropStream(s int32) uint32    { return n.table.drop(s, tcpStream, tlsStream) }
func (n *Net) CloseListener(l int32) uint32 { return n.table.close(l, listener) }
func (n *Net) DropListener(l int32) uint32  { return n.table.drop(l, listener) }
func (n *Net) CloseSocket(s int32) uint32   { return n.table.close(s, datagrams) }
func (n *Net) DropSocket(s int32) uint32    { return n.table.drop(s, datagrams) }
