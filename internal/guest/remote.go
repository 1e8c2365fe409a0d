package guest

import (
	"context"
	"errors"
	"io"
	"net"
	"net/netip"
	"time"

	"x07/internal/broker/network"
	"x07/internal/guest/wire"
	"x07/internal/policy"
)

// remote is the network of a guest, which has no network device: each operation
// is a stream to the broker on the host. The gate in here is asked first, so
// that refusals are explained and recorded where the program runs; the broker
// decides.
type remote struct {
	open func(ctx context.Context) (net.Conn, error)
	gate *policy.Gate
}

// Network returns the network of a guest whose streams open opens. A nil gate
// allows all.
func Network(open func(ctx context.Context) (net.Conn, error), gate *policy.Gate) network.Network {
	if gate == nil {
		gate = policy.AllowAll()
	}
	return &remote{open: open, gate: gate}
}

// ask opens a stream with a request and reads the answer. The stream is closed
// on failure. What goes to the peer first follows the request at once.
func (r *remote) ask(ctx context.Context, req wire.NetRequest, first []byte) (net.Conn, *frames, wire.NetAnswer, error) {
	var a wire.NetAnswer
	stream, err := r.open(ctx)
	if err != nil {
		return nil, nil, a, internal(err)
	}
	stop := network.WakeOnEnd(ctx, stream.SetDeadline)
	in := &frames{stream: stream}
	err = wire.WriteNetDocument(stream, wire.FrameNetRequest, req)
	if err == nil {
		err = wire.WriteAll(stream, wire.FrameNetData, first)
	}
	if err == nil {
		var t wire.FrameType
		var p []byte
		if t, p, err = in.whole(time.Time{}); err == nil {
			if t != wire.FrameNetAnswer {
				err = wire.ErrProtocol
			} else {
				err = wire.ParseNetDocument(p, &a)
			}
		}
	}
	if !stop() {
		err = &network.Failure{Code: network.Timeout, Err: context.Cause(ctx)}
	}
	if err != nil {
		stream.Close()
		return nil, nil, a, internal(err)
	}
	return stream, in, a, nil
}

// internal is the failure of the way to the host.
func internal(err error) error {
	var f *network.Failure
	if errors.As(err, &f) {
		return err
	}
	return &network.Failure{Code: network.Internal, Err: err}
}

// refusal is the failure in an answer; nil if there is none.
func (r *remote) refusal(a wire.NetAnswer, d policy.Decision) error {
	if a.Code == 0 {
		return nil
	}
	f := &network.Failure{Code: network.Code(a.Code)}
	if f.Code == network.Denied {
		f.Decision = d
		if addr, err := netip.ParseAddr(a.Refused); err == nil {
			f.Decision = r.gate.NetAddr(d.Op, d.Target, d.Port, addr)
		}
		f.Decision.Allowed, f.Decision.Code = false, int32(network.Denied)
		if f.Decision.Class == policy.Allowed {
			f.Decision.Class = policy.Denied
		}
	}
	return f
}

// do asks for an operation that the gate decided as d.
func (r *remote) do(ctx context.Context, d policy.Decision, req wire.NetRequest, first []byte) (net.Conn, *frames, wire.NetAnswer, error) {
	if !d.Allowed {
		return nil, nil, wire.NetAnswer{}, &network.Failure{Code: network.Denied, Decision: d}
	}
	stream, in, a, err := r.ask(ctx, req, first)
	if err == nil {
		if err = r.refusal(a, d); err != nil {
			stream.Close()
		}
	}
	return stream, in, a, err
}

func (r *remote) Lookup(ctx context.Context, name string, port int) ([]netip.Addr, error) {
	stream, _, a, err := r.do(ctx, r.gate.NetLookup(name, port), wire.NetRequest{Op: wire.NetLookup, Host: name, Port: port}, nil)
	if err != nil {
		return nil, err
	}
	stream.Close()
	var addrs []netip.Addr
	for _, text := range a.Addrs {
		addr, err := netip.ParseAddr(text)
		if err != nil {
			return nil, internal(err)
		}
		addrs = append(addrs, addr)
	}
	return addrs, nil
}

func (r *remote) Dial(ctx context.Context, to network.Target) (network.Conn, error) {
	d := r.gate.NetConnect(to.Host, to.Port)
	if to.Op == policy.OpNetHTTP {
		d = r.gate.NetHTTP(to.Host, to.Port)
	}
	stream, in, a, err := r.do(ctx, d, wire.NetRequest{Op: wire.NetDial, For: to.Op, Host: to.Host, Port: to.Port, TimeoutMS: to.Timeout.Milliseconds()}, to.First)
	if err != nil {
		return nil, err
	}
	c := &remoteConn{stream: stream, in: in, local: address(a.Local), remote: address(a.Remote)}
	c.checked = r.gate.NetAddr(to.Op, to.Host, to.Port, c.remote.Addr())
	return c, nil
}

func (r *remote) Listen(ctx context.Context, at netip.AddrPort) (network.Listener, error) {
	_, d := r.gate.NetListen(at.Addr(), int(at.Port()))
	stream, in, a, err := r.do(ctx, d, wire.NetRequest{Op: wire.NetListen, Host: at.Addr().String(), Port: int(at.Port())}, nil)
	if err != nil {
		return nil, err
	}
	return &remoteListener{r: r, stream: stream, in: in, local: address(a.Local)}, nil
}

func (r *remote) Bind(ctx context.Context, at netip.AddrPort) (network.Packets, error) {
	_, d := r.gate.NetBind(at.Addr(), int(at.Port()))
	stream, in, a, err := r.do(ctx, d, wire.NetRequest{Op: wire.NetBind, Host: at.Addr().String(), Port: int(at.Port())}, nil)
	if err != nil {
		return nil, err
	}
	return &remotePackets{r: r, stream: stream, in: in, local: address(a.Local)}, nil
}

func (r *remote) Roots(ctx context.Context) ([]byte, error) {
	stream, in, a, err := r.ask(ctx, wire.NetRequest{Op: wire.NetRoots}, nil)
	if err != nil {
		return nil, err
	}
	defer stream.Close()
	if a.Code != 0 {
		return nil, &network.Failure{Code: network.Code(a.Code)}
	}
	defer network.WakeOnEnd(ctx, stream.SetDeadline)()
	var pem []byte
	for len(pem) <= network.MaxRoots {
		t, p, err := in.whole(time.Time{})
		if err != nil {
			return nil, internal(err)
		}
		if t != wire.FrameNetPEM {
			break
		}
		pem = append(pem, p...)
	}
	return pem, nil
}

// address parses what the host says a socket is bound to.
func address(s string) netip.AddrPort {
	a, err := netip.ParseAddrPort(s)
	if err != nil {
		return netip.AddrPort{}
	}
	return netip.AddrPortFrom(a.Addr().Unmap().WithZone(""), a.Port())
}

// remoteListener is a listener on the host.
type remoteListener struct {
	r      *remote
	stream net.Conn
	in     *frames
	local  netip.AddrPort
}

func (l *remoteListener) Addr() netip.AddrPort { return l.local }

func (l *remoteListener) Close() error { return l.stream.Close() }

func (l *remoteListener) Accept(ctx context.Context, deadline time.Time) (network.Conn, error) {
	defer network.WakeOnEnd(ctx, l.stream.SetReadDeadline)()
	t, p, err := l.in.whole(until(ctx, deadline))
	if err != nil {
		return nil, network.Fail(err)
	}
	if t == wire.FrameNetFailure {
		return nil, failure(p)
	}
	offer, err := wire.ParseNetOffer(p)
	if t != wire.FrameNetOffer || err != nil {
		return nil, internal(wire.ErrProtocol)
	}
	stream, in, a, err := l.r.ask(ctx, wire.NetRequest{Op: wire.NetClaim, ID: offer.ID}, nil)
	if err != nil {
		return nil, err
	}
	// The host may offer another one.
	err = wire.WriteFrame(l.stream, wire.FrameNetOffer, nil)
	if a.Code != 0 {
		err = &network.Failure{Code: network.Code(a.Code)}
	}
	if err != nil {
		stream.Close()
		return nil, internal(err)
	}
	return &remoteConn{stream: stream, in: in, local: l.local, remote: offer.Peer}, nil
}

// until is a deadline that has already passed when ctx has ended: WakeOnEnd may
// have set it before the call's own was.
func until(ctx context.Context, deadline time.Time) time.Time {
	if ctx.Err() != nil {
		return time.Unix(1, 0)
	}
	return deadline
}

func failure(p []byte) error {
	if len(p) != 1 || p[0] == 0 || p[0] > byte(network.Internal) {
		return internal(wire.ErrProtocol)
	}
	return &network.Failure{Code: network.Code(p[0]), Err: errors.New("the connection broke")}
}

// remotePackets is a datagram socket on the host.
type remotePackets struct {
	r      *remote
	stream net.Conn
	in     *frames
	local  netip.AddrPort
	// queue are datagrams that came while SendTo waited for its result.
	queue []wire.NetPacket
	held  int // bytes in queue
	fault error
}

// maxHeld bounds the bytes of waiting datagrams; more are lost, as datagrams may be.
const maxHeld = 1 << 20

func (u *remotePackets) Addr() netip.AddrPort { return u.local }

func (u *remotePackets) Close() error { return u.stream.Close() }

func (u *remotePackets) SendTo(ctx context.Context, host string, port int, payload []byte, deadline time.Time) error {
	d := u.r.gate.NetSendTo(host, port)
	if !d.Allowed {
		return &network.Failure{Code: network.Denied, Decision: d}
	}
	frame := wire.NetPacket{Host: host, Port: uint16(port), Payload: payload}.Append(nil)
	if len(payload) > wire.MaxPacket || len(frame) > wire.MaxFrame {
		return &network.Failure{Code: network.Connect, Err: errors.New("the datagram is too large")}
	}
	if err := wire.WriteFrame(u.stream, wire.FrameNetPacket, frame); err != nil {
		return internal(err)
	}
	// The deadline of an earlier ReceiveFrom has nothing to say here.
	if err := u.stream.SetReadDeadline(time.Time{}); err != nil {
		return internal(err)
	}
	defer network.WakeOnEnd(ctx, u.stream.SetReadDeadline)()
	for {
		// The host bounds the sending itself; its result must not be left behind.
		t, p, err := u.in.whole(until(ctx, time.Time{}))
		if err != nil {
			return network.Fail(err)
		}
		if t != wire.FrameNetSent {
			if err := u.keep(t, p); err != nil {
				return err
			}
			continue
		}
		var a wire.NetAnswer
		if err := wire.ParseNetDocument(p, &a); err != nil {
			return internal(err)
		}
		return u.r.refusal(a, d)
	}
}

// keep puts a datagram aside for ReceiveFrom.
func (u *remotePackets) keep(t wire.FrameType, p []byte) error {
	switch t {
	case wire.FrameNetFailure:
		u.fault = failure(p)
		return nil
	case wire.FrameNetPacket:
		packet, err := wire.ParseNetPacket(p)
		if err != nil {
			return internal(err)
		}
		if u.held += len(packet.Payload) + 64; u.held > maxHeld {
			u.held -= len(packet.Payload) + 64
			return nil
		}
		packet.Payload = append([]byte(nil), packet.Payload...)
		u.queue = append(u.queue, packet)
		return nil
	}
	return internal(wire.ErrProtocol)
}

func (u *remotePackets) ReceiveFrom(ctx context.Context, buf []byte, deadline time.Time) (int, netip.AddrPort, error) {
	defer network.WakeOnEnd(ctx, u.stream.SetReadDeadline)()
	for {
		if len(u.queue) > 0 {
			p := u.queue[0]
			u.queue = u.queue[1:]
			u.held -= len(p.Payload) + 64
			addr, err := netip.ParseAddr(p.Host)
			if err != nil {
				return 0, netip.AddrPort{}, internal(err)
			}
			copy(buf, p.Payload)
			return len(p.Payload), netip.AddrPortFrom(addr, p.Port), nil
		}
		if err := u.fault; err != nil {
			u.fault = nil
			return 0, netip.AddrPort{}, err
		}
		t, p, err := u.in.whole(until(ctx, deadline))
		if err != nil {
			return 0, netip.AddrPort{}, network.Fail(err)
		}
		if err := u.keep(t, p); err != nil {
			return 0, netip.AddrPort{}, err
		}
	}
}

// errGone is reported for a stream that the host closed.
var errGone = &network.Failure{Code: network.Connect, Err: io.ErrUnexpectedEOF}
