package network

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"sync/atomic"
	"syscall"
	"time"

	"x07/internal/policy"
)

// Resolver looks up the addresses of a name; *net.Resolver is one.
type Resolver interface {
	LookupNetIP(ctx context.Context, network, host string) ([]netip.Addr, error)
}

// MaxAddrs is how many addresses of a name are looked at.
const MaxAddrs = 64

// Config says how a Direct works. The zero value is the network of run-os.
type Config struct {
	// Gate decides; nil allows all.
	Gate *policy.Gate
	// Resolver resolves names; nil is the system's.
	Resolver Resolver
	// MaxSockets bounds the sockets that are open at a time; 0 is no bound.
	MaxSockets int
}

// Direct is the network of the machine that it runs on.
type Direct struct {
	gate     *policy.Gate
	resolver Resolver
	max      int64
	open     atomic.Int64
}

// New returns the network of this machine behind a gate.
func New(c Config) *Direct {
	d := &Direct{gate: c.Gate, resolver: c.Resolver, max: int64(c.MaxSockets)}
	if d.gate == nil {
		d.gate = policy.AllowAll()
	}
	if d.resolver == nil {
		d.resolver = net.DefaultResolver
	}
	return d
}

// Open is how many sockets are open.
func (d *Direct) Open() int { return int(d.open.Load()) }

// reserve counts a socket before it is opened.
func (d *Direct) reserve() error {
	if n := d.open.Add(1); d.max > 0 && n > d.max {
		d.open.Add(-1)
		return &Failure{Code: Internal, Err: errors.New("too many open sockets")}
	}
	return nil
}

// release undoes reserve.
func (d *Direct) release() { d.open.Add(-1) }

// Lookup resolves a name.
func (d *Direct) Lookup(ctx context.Context, name string, port int) ([]netip.Addr, error) {
	if dec := d.gate.NetLookup(name, port); !dec.Allowed {
		return nil, denied(dec)
	}
	addrs, _, err := d.resolve(ctx, policy.OpNetLookup, name, port)
	return addrs, err
}

// resolve returns the addresses of host that the gate lets pass, and the
// decisions about them. The gate has admitted host and port.
func (d *Direct) resolve(ctx context.Context, op policy.Op, host string, port int) ([]netip.Addr, []policy.Decision, error) {
	if addr, err := netip.ParseAddr(host); err == nil && addr.Zone() == "" {
		dec := d.gate.NetAddr(op, host, port, addr)
		if !dec.Allowed {
			return nil, nil, denied(dec)
		}
		return []netip.Addr{addr}, []policy.Decision{dec}, nil
	}
	found, err := d.resolver.LookupNetIP(ctx, "ip", host)
	if err != nil {
		if ctx.Err() != nil {
			return nil, nil, &Failure{Code: Timeout, Err: err}
		}
		return nil, nil, &Failure{Code: DNS, Err: err}
	}
	if len(found) == 0 {
		return nil, nil, &Failure{Code: DNS, Err: errors.New("the name has no address")}
	}
	var addrs []netip.Addr
	var decs []policy.Decision
	var refused policy.Decision
	for _, addr := range found[:min(len(found), MaxAddrs)] {
		// What is checked is what is connected to: an IPv4 address in its own
		// form, and no interface that a resolver names.
		addr = addr.Unmap().WithZone("")
		dec := d.gate.NetAddr(op, host, port, addr)
		if !dec.Allowed {
			refused = dec
			continue
		}
		addrs, decs = append(addrs, addr), append(decs, dec)
	}
	if len(addrs) == 0 {
		return nil, nil, denied(refused)
	}
	return addrs, decs, nil
}

// Dial connects to the first address that answers.
func (d *Direct) Dial(ctx context.Context, to Target) (Conn, error) {
	var dec policy.Decision
	switch to.Op {
	case policy.OpNetConnect:
		dec = d.gate.NetConnect(to.Host, to.Port)
	case policy.OpNetHTTP:
		dec = d.gate.NetHTTP(to.Host, to.Port)
	default:
		return nil, &Failure{Code: Invalid, Err: errors.New("a connection for " + string(to.Op))}
	}
	if !dec.Allowed {
		return nil, denied(dec)
	}
	addrs, decs, err := d.resolve(ctx, to.Op, to.Host, to.Port)
	if err != nil {
		return nil, err
	}
	var worst error
	for i, addr := range addrs {
		conn, err := d.dial(ctx, netip.AddrPortFrom(addr, uint16(to.Port)), to.Timeout)
		if err == nil {
			c := &tcpConn{TCPConn: conn, owner: d, checked: decs[i]}
			// So few bytes fit into the socket's buffer: this does not wait.
			if len(to.First) > 0 {
				_, _ = c.Write(to.First)
			}
			return c, nil
		}
		if worst == nil || graver(err, worst) {
			worst = err
		}
		if ctx.Err() != nil {
			break
		}
	}
	return nil, worst
}

// graver orders the failures at several addresses of one name: a deadline
// before a shortage before a refusal.
func graver(a, b error) bool {
	rank := map[Code]int{Timeout: 2, Internal: 1}
	return rank[CodeOf(a)] > rank[CodeOf(b)]
}

func (d *Direct) dial(ctx context.Context, to netip.AddrPort, timeout time.Duration) (*net.TCPConn, error) {
	if err := d.reserve(); err != nil {
		return nil, err
	}
	dialer := net.Dialer{Timeout: timeout, KeepAlive: -1}
	conn, err := dialer.DialContext(ctx, "tcp", to.String())
	if err != nil {
		d.release()
		return nil, Fail(err)
	}
	return conn.(*net.TCPConn), nil
}

// Listen binds the first port of those that are allowed and free.
func (d *Direct) Listen(ctx context.Context, at netip.AddrPort) (Listener, error) {
	ports, dec := d.gate.NetListen(at.Addr(), int(at.Port()))
	if !dec.Allowed {
		return nil, denied(dec)
	}
	if err := d.reserve(); err != nil {
		return nil, err
	}
	var l *net.TCPListener
	err := eachPort(at.Addr(), ports, func(at netip.AddrPort) (err error) {
		l, err = net.ListenTCP(family("tcp", at.Addr()), net.TCPAddrFromAddrPort(at))
		return err
	})
	if err != nil {
		d.release()
		return nil, err
	}
	return &tcpListener{l: l, owner: d}, nil
}

// Bind binds the first port of those that are allowed and free.
func (d *Direct) Bind(ctx context.Context, at netip.AddrPort) (Packets, error) {
	ports, dec := d.gate.NetBind(at.Addr(), int(at.Port()))
	if !dec.Allowed {
		return nil, denied(dec)
	}
	if err := d.reserve(); err != nil {
		return nil, err
	}
	var c *net.UDPConn
	err := eachPort(at.Addr(), ports, func(at netip.AddrPort) (err error) {
		c, err = net.ListenUDP(family("udp", at.Addr()), net.UDPAddrFromAddrPort(at))
		return err
	})
	if err != nil {
		d.release()
		return nil, err
	}
	return &udpSocket{c: c, owner: d}, nil
}

// family names a network of exactly one address family, so that binding "::"
// takes no IPv4 port that the gate was not asked about.
func family(proto string, a netip.Addr) string {
	if a.Is4() {
		return proto + "4"
	}
	return proto + "6"
}

func eachPort(addr netip.Addr, ports []uint16, bind func(netip.AddrPort) error) error {
	var err error
	for _, p := range ports {
		if err = bind(netip.AddrPortFrom(addr, p)); err == nil {
			return nil
		}
		if !errors.Is(err, syscall.EADDRINUSE) {
			break
		}
	}
	return Fail(err)
}

// exhausted reports whether the machine ran out of something.
func exhausted(err error) bool {
	for _, e := range []syscall.Errno{syscall.EMFILE, syscall.ENFILE, syscall.ENOBUFS, syscall.ENOMEM} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}
