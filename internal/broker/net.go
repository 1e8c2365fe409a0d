package broker

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/netip"
	"sync"
	"time"

	"x07/internal/broker/network"
	"x07/internal/guest/wire"
	"x07/internal/policy"
)

// NetConfig says what a guest's network streams may reach.
type NetConfig struct {
	// Gate is made from the policy on the host. What the guest decided counts for
	// nothing. Nil allows all, which is only right for a guest in run-os.
	Gate *policy.Gate
	// Audit records what the guest's own gate should have refused; may be nil.
	Audit *policy.Audit
	// Resolver resolves names; nil is the system's.
	Resolver network.Resolver
	// MaxSockets bounds the guest's open sockets; 0 means DefaultSockets.
	MaxSockets int
	// MaxBytes bounds what the guest's connections carry, both ways together;
	// 0 is no bound. Beyond it connections break.
	MaxBytes int64
}

// DefaultSockets is how many sockets a guest may have open on the host.
const DefaultSockets = 768

const (
	// A guest must say what it wants soon after it opened a stream.
	requestTime = 10 * time.Second
	// maxOffers is how many connections of a listener wait to be claimed.
	maxOffers = 128
	copyBytes = 32 << 10
)

// Network returns the Accept function of a Job: it serves the network streams
// of one guest. Every operation is decided here again, by the host's gate.
func Network(c NetConfig) func(ctx context.Context, stream net.Conn) {
	if c.MaxSockets == 0 {
		c.MaxSockets = DefaultSockets
	}
	b := &netBroker{
		net:    network.New(network.Config{Gate: c.Gate, Resolver: c.Resolver, MaxSockets: c.MaxSockets}),
		audit:  c.Audit,
		offers: map[uint32]offered{},
		max:    c.MaxBytes,
	}
	return b.serve
}

// netBroker is the network of one guest.
type netBroker struct {
	net   *network.Direct
	audit *policy.Audit
	max   int64

	mu     sync.Mutex
	offers map[uint32]offered // accepted, not claimed yet
	nextID uint32
	moved  int64 // bytes so far
}

// offered is a connection that a listener accepted.
type offered struct {
	conn network.Conn
	by   network.Listener
}

// serve answers one stream. It owns the stream; when it returns, everything
// that it opened is closed.
func (b *netBroker) serve(ctx context.Context, stream net.Conn) {
	defer stream.Close()
	stop := network.WakeOnEnd(ctx, stream.SetDeadline)
	defer stop()
	if err := stream.SetReadDeadline(time.Now().Add(requestTime)); err != nil {
		return
	}
	in := wire.NewReader(bufio.NewReaderSize(stream, 4<<10))
	t, p, err := in.Next()
	var req wire.NetRequest
	if err != nil || t != wire.FrameNetRequest || wire.ParseNetDocument(p, &req) != nil || req.Check() != nil {
		return
	}
	// The end of ctx may have come before this: its deadline must stand.
	if stream.SetReadDeadline(time.Time{}) != nil || ctx.Err() != nil {
		return
	}
	switch req.Op {
	case wire.NetLookup:
		b.lookup(ctx, stream, req)
	case wire.NetDial:
		b.dial(ctx, stream, in, req)
	case wire.NetListen:
		b.listen(ctx, stream, in, req)
	case wire.NetClaim:
		b.claim(ctx, stream, in, req)
	case wire.NetBind:
		b.bind(ctx, stream, in, req)
	case wire.NetRoots:
		b.roots(ctx, stream)
	}
}

// answer sends what came of a request, and reports whether it went well.
func (b *netBroker) answer(stream net.Conn, a wire.NetAnswer, err error) bool {
	a = b.failed(a, err)
	return wire.WriteNetDocument(stream, wire.FrameNetAnswer, a) == nil && err == nil
}

// failed puts the error into an answer. A refusal that the guest's own gate
// would have made as well is recorded here: a guest that asks nevertheless does
// not run our gate.
func (b *netBroker) failed(a wire.NetAnswer, err error) wire.NetAnswer {
	if err == nil {
		return a
	}
	a.Code = int32(network.CodeOf(err))
	var f *network.Failure
	if errors.As(err, &f) && f.Code == network.Denied {
		if addr := f.Decision.Addr(); addr.IsValid() {
			a.Refused = addr.String()
		} else {
			b.audit.Deny(f.Decision)
		}
	}
	return a
}

func (b *netBroker) lookup(ctx context.Context, stream net.Conn, req wire.NetRequest) {
	addrs, err := b.net.Lookup(ctx, req.Host, req.Port)
	var a wire.NetAnswer
	for _, addr := range addrs {
		a.Addrs = append(a.Addrs, addr.String())
	}
	b.answer(stream, a, err)
}

func (b *netBroker) roots(ctx context.Context, stream net.Conn) {
	pem, err := b.net.Roots(ctx)
	if b.answer(stream, wire.NetAnswer{}, err) && wire.WriteAll(stream, wire.FrameNetPEM, pem) == nil {
		// The guest has gone if this fails, and then nobody misses it.
		_ = wire.WriteFrame(stream, wire.FrameNetEnd, nil)
	}
}

func (b *netBroker) dial(ctx context.Context, stream net.Conn, in *wire.Reader, req wire.NetRequest) {
	// A guest that gives up closes the stream; a dial is bounded by its own
	// timeouts, and what it opened is closed below.
	conn, err := b.net.Dial(ctx, network.Target{Op: req.For, Host: req.Host, Port: req.Port, Timeout: time.Duration(req.TimeoutMS) * time.Millisecond})
	if err != nil {
		b.answer(stream, wire.NetAnswer{}, err)
		return
	}
	defer conn.Close()
	if b.answer(stream, wire.NetAnswer{Local: conn.LocalAddr().String(), Remote: conn.RemoteAddr().String()}, nil) {
		b.relay(ctx, stream, in, conn)
	}
}

func (b *netBroker) claim(ctx context.Context, stream net.Conn, in *wire.Reader, req wire.NetRequest) {
	b.mu.Lock()
	conn := b.offers[req.ID].conn
	delete(b.offers, req.ID)
	b.mu.Unlock()
	if conn == nil {
		b.answer(stream, wire.NetAnswer{}, &network.Failure{Code: network.Connect})
		return
	}
	defer conn.Close()
	if b.answer(stream, wire.NetAnswer{}, nil) {
		b.relay(ctx, stream, in, conn)
	}
}

// spend counts bytes against the guest's limit and reports whether they may go.
func (b *netBroker) spend(n int) bool {
	if b.max == 0 {
		return true
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.moved += int64(n)
	return b.moved <= b.max
}

// relay copies between stream and connection until both directions ended, the
// guest closed the stream, or ctx ended.
func (b *netBroker) relay(ctx context.Context, stream net.Conn, in *wire.Reader, conn network.Conn) {
	defer network.WakeOnEnd(ctx, conn.SetDeadline)()
	var wg sync.WaitGroup
	wg.Go(func() { b.toGuest(stream, conn) })
	b.toPeer(in, conn)
	conn.Close()
	stream.Close()
	wg.Wait()
}

// toGuest copies what the peer sends.
func (b *netBroker) toGuest(stream net.Conn, conn network.Conn) {
	buf := make([]byte, copyBytes)
	for {
		n, err := conn.Read(buf)
		if n > 0 {
			if !b.spend(n) {
				err = &network.Failure{Code: network.Internal}
			} else if werr := wire.WriteFrame(stream, wire.FrameNetData, buf[:n]); werr != nil {
				return
			}
		}
		if err == nil {
			continue
		}
		// If these fail, the guest has closed the stream.
		if code := network.CodeOf(err); errors.Is(err, io.EOF) {
			_ = wire.WriteFrame(stream, wire.FrameNetEnd, nil)
		} else {
			_ = wire.WriteFrame(stream, wire.FrameNetFailure, []byte{byte(code)})
		}
		return
	}
}

// toPeer copies what the guest sends, until it closes the stream. When the peer
// takes no more, the rest is dropped: toGuest tells the guest why.
func (b *netBroker) toPeer(in *wire.Reader, conn network.Conn) {
	broken := false
	for {
		t, p, err := in.Next()
		switch {
		case err != nil:
			return
		case t == wire.FrameNetEnd:
			if conn.CloseWrite() != nil {
				broken = true
			}
		case t != wire.FrameNetData:
			return
		case broken:
		case !b.spend(len(p)):
			return
		default:
			if _, err := conn.Write(p); err != nil {
				broken = true
				// A reader that waits learns it now.
				conn.Close()
			}
		}
	}
}

// listen binds and announces connections until the guest closes the stream.
func (b *netBroker) listen(ctx context.Context, stream net.Conn, in *wire.Reader, req wire.NetRequest) {
	addr, err := netip.ParseAddr(req.Host)
	if err != nil {
		return
	}
	l, err := b.net.Listen(ctx, netip.AddrPortFrom(addr, uint16(req.Port)))
	if err != nil {
		b.answer(stream, wire.NetAnswer{}, err)
		return
	}
	defer l.Close()
	if !b.answer(stream, wire.NetAnswer{Local: l.Addr().String()}, nil) {
		return
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	credit := make(chan struct{}, maxOffers)
	var wg sync.WaitGroup
	wg.Go(func() { b.announce(ctx, stream, l, credit) })
	// The guest gives a place back for each connection that it took.
	for {
		t, _, err := in.Next()
		if err != nil || t != wire.FrameNetOffer {
			break
		}
		select {
		case <-credit:
		default:
		}
	}
	cancel()
	l.Close()
	stream.Close()
	wg.Wait()
	b.drop(l)
}

// announce accepts connections and offers each to the guest, as far as there is
// credit. It returns when ctx ends or the guest closed the stream.
func (b *netBroker) announce(ctx context.Context, stream net.Conn, l network.Listener, credit chan<- struct{}) {
	for {
		select {
		case credit <- struct{}{}:
		case <-ctx.Done():
			return
		}
		conn, err := l.Accept(ctx, time.Time{})
		for err != nil {
			if wire.WriteFrame(stream, wire.FrameNetFailure, []byte{byte(network.CodeOf(err))}) != nil {
				return
			}
			// The machine is short of something; others may give it back.
			select {
			case <-time.After(acceptPause):
			case <-ctx.Done():
				return
			}
			conn, err = l.Accept(ctx, time.Time{})
		}
		offer := wire.NetOffer{ID: b.offer(conn, l), Peer: remote(conn)}
		if wire.WriteFrame(stream, wire.FrameNetOffer, offer.Append(nil)) != nil {
			return
		}
	}
}

// acceptPause is how long a listener waits after a failure.
const acceptPause = 100 * time.Millisecond

// offer keeps an accepted connection until it is claimed.
func (b *netBroker) offer(conn network.Conn, by network.Listener) uint32 {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.nextID++
	b.offers[b.nextID] = offered{conn, by}
	return b.nextID
}

// drop closes the connections of a listener that nobody claimed.
func (b *netBroker) drop(by network.Listener) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for id, o := range b.offers {
		if o.by == by {
			o.conn.Close()
			delete(b.offers, id)
		}
	}
}

// bind serves a datagram socket until the guest closes the stream.
func (b *netBroker) bind(ctx context.Context, stream net.Conn, in *wire.Reader, req wire.NetRequest) {
	addr, err := netip.ParseAddr(req.Host)
	if err != nil {
		return
	}
	sock, err := b.net.Bind(ctx, netip.AddrPortFrom(addr, uint16(req.Port)))
	if err != nil {
		b.answer(stream, wire.NetAnswer{}, err)
		return
	}
	defer sock.Close()
	if !b.answer(stream, wire.NetAnswer{Local: sock.Addr().String()}, nil) {
		return
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	out := &lockedStream{Conn: stream}
	var wg sync.WaitGroup
	wg.Go(func() { b.packetsToGuest(ctx, out, sock) })
	for {
		t, p, err := in.Next()
		if err != nil || t != wire.FrameNetPacket {
			break
		}
		packet, err := wire.ParseNetPacket(p)
		if err != nil || !b.spend(len(packet.Payload)) {
			break
		}
		err = sock.SendTo(ctx, packet.Host, int(packet.Port), packet.Payload, time.Now().Add(sendTime))
		if wire.WriteNetDocument(out, wire.FrameNetSent, b.failed(wire.NetAnswer{}, err)) != nil {
			break
		}
	}
	cancel()
	sock.Close()
	stream.Close()
	wg.Wait()
}

// sendTime bounds the sending of a datagram, which waits only while the
// machine's own queue is full.
const sendTime = 30 * time.Second

func (b *netBroker) packetsToGuest(ctx context.Context, out net.Conn, sock network.Packets) {
	buf := make([]byte, wire.MaxFrame)
	for {
		n, from, err := sock.ReceiveFrom(ctx, buf, time.Time{})
		if ctx.Err() != nil {
			return
		}
		if err != nil {
			if wire.WriteFrame(out, wire.FrameNetFailure, []byte{byte(network.CodeOf(err))}) != nil || errors.Is(err, net.ErrClosed) {
				return
			}
			continue
		}
		if !b.spend(n) {
			return
		}
		packet := wire.NetPacket{Host: from.Addr().String(), Port: from.Port(), Payload: buf[:min(n, wire.MaxPacket)]}
		if wire.WriteFrame(out, wire.FrameNetPacket, packet.Append(nil)) != nil {
			return
		}
	}
}

// lockedStream lets two goroutines write whole frames.
type lockedStream struct {
	net.Conn
	mu sync.Mutex
}

func (s *lockedStream) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.Conn.Write(p)
}

func remote(c net.Conn) netip.AddrPort {
	if a, ok := c.RemoteAddr().(*net.TCPAddr); ok {
		p := a.AddrPort()
		return netip.AddrPortFrom(p.Addr().Unmap().WithZone(""), p.Port())
	}
	return netip.AddrPort{}
}
