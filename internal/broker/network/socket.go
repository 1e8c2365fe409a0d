package network

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"x07/internal/policy"
)

// past is a deadline that has passed: it wakes whoever waits.
var past = time.Unix(1, 0)

// tcpConn is a connection of this machine.
type tcpConn struct {
	*net.TCPConn
	owner   *Direct
	checked policy.Decision
	once    sync.Once
}

// Checked is the decision about the peer's address.
func (c *tcpConn) Checked() policy.Decision { return c.checked }

// Close closes the socket, once.
func (c *tcpConn) Close() error {
	err := net.ErrClosed
	c.once.Do(func() {
		err = c.TCPConn.Close()
		c.owner.release()
	})
	return err
}

// Ready asks the system.
func (c *tcpConn) Ready() (readable, writable, gone bool) {
	raw, err := c.TCPConn.SyscallConn()
	if err != nil {
		return false, false, true
	}
	err = raw.Control(func(fd uintptr) {
		set := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN | unix.POLLOUT}}
		if n, err := unix.Poll(set, 0); err != nil || n == 0 {
			return
		}
		got := set[0].Revents
		readable = got&(unix.POLLIN|unix.POLLHUP|unix.POLLERR) != 0
		writable = got&unix.POLLOUT != 0
		gone = got&(unix.POLLHUP|unix.POLLERR|unix.POLLNVAL) != 0
	})
	if err != nil {
		gone = true
	}
	return readable, writable, gone
}

// tcpListener is a listener of this machine.
type tcpListener struct {
	l     *net.TCPListener
	owner *Direct
	once  sync.Once
}

func (l *tcpListener) Addr() netip.AddrPort {
	return unmapPort(l.l.Addr().(*net.TCPAddr).AddrPort())
}

func (l *tcpListener) Accept(ctx context.Context, deadline time.Time) (Conn, error) {
	if err := l.l.SetDeadline(deadline); err != nil {
		return nil, Fail(err)
	}
	defer WakeOnEnd(ctx, l.l.SetDeadline)()
	if err := l.owner.reserve(); err != nil {
		return nil, err
	}
	conn, err := l.l.AcceptTCP()
	if err != nil {
		l.owner.release()
		return nil, Fail(err)
	}
	return &tcpConn{TCPConn: conn, owner: l.owner}, nil
}

func (l *tcpListener) Close() error {
	err := net.ErrClosed
	l.once.Do(func() {
		err = l.l.Close()
		l.owner.release()
	})
	return err
}

// udpSocket is a datagram socket of this machine.
type udpSocket struct {
	c     *net.UDPConn
	owner *Direct
	once  sync.Once
}

func (u *udpSocket) Addr() netip.AddrPort {
	return unmapPort(u.c.LocalAddr().(*net.UDPAddr).AddrPort())
}

func (u *udpSocket) SendTo(ctx context.Context, host string, port int, payload []byte, deadline time.Time) error {
	gate := u.owner.gate
	if dec := gate.NetSendTo(host, port); !dec.Allowed {
		return denied(dec)
	}
	addrs, _, err := u.owner.resolve(ctx, policy.OpNetSendTo, host, port)
	if err != nil {
		return err
	}
	if err := u.c.SetWriteDeadline(deadline); err != nil {
		return Fail(err)
	}
	defer WakeOnEnd(ctx, u.c.SetWriteDeadline)()
	for _, addr := range addrs {
		_, err = u.c.WriteToUDPAddrPort(payload, netip.AddrPortFrom(addr, uint16(port)))
		if err == nil {
			return nil
		}
	}
	return Fail(err)
}

func (u *udpSocket) ReceiveFrom(ctx context.Context, buf []byte, deadline time.Time) (int, netip.AddrPort, error) {
	if err := u.c.SetReadDeadline(deadline); err != nil {
		return 0, netip.AddrPort{}, Fail(err)
	}
	defer WakeOnEnd(ctx, u.c.SetReadDeadline)()
	n, from, err := u.c.ReadFromUDPAddrPort(buf)
	return n, unmapPort(from), Fail(err)
}

func (u *udpSocket) Close() error {
	err := net.ErrClosed
	u.once.Do(func() {
		err = u.c.Close()
		u.owner.release()
	})
	return err
}

// unmapPort is an address in its own family, without an interface.
func unmapPort(a netip.AddrPort) netip.AddrPort {
	return netip.AddrPortFrom(a.Addr().Unmap().WithZone(""), a.Port())
}

// WakeOnEnd lets the deadline pass when ctx ends, until the function that it
// returns is called.
func WakeOnEnd(ctx context.Context, set func(time.Time) error) (stop func() bool) {
	return context.AfterFunc(ctx, func() {
		if err := set(past); err != nil && !errors.Is(err, net.ErrClosed) {
			return // the socket is broken: whoever waits learns it from the call
		}
	})
}
