// Package network opens connections, listeners and datagram sockets and looks
// up names for a program, as far as a gate allows. A destination comes in as
// the program named it; a socket that is connected to exactly the address that
// was checked goes out, or a *Failure with the code the program sees. It is the
// one place that touches the network: in run-os it runs beside the program, for
// guests it runs in the broker on the host, with the host's own gate. It never
// reads or writes what a connection carries, and never connects to an address
// that it did not ask the gate about.
package network

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"time"

	"x07/internal/policy"
)

// Network is the network as a program reaches it. All methods are safe for
// concurrent use; their errors are *Failure. Ending ctx ends the call, and
// nothing else: what was opened lives until it is closed.
type Network interface {
	// Lookup resolves a name for use with port: at least one address, those that
	// may be used, in the order of the resolver. A literal is its own address.
	Lookup(ctx context.Context, name string, port int) ([]netip.Addr, error)
	// Dial connects by TCP. Each address gets to.Timeout of its own.
	Dial(ctx context.Context, to Target) (Conn, error)
	// Listen binds a TCP listener; port 0 asks for any port that is allowed.
	Listen(ctx context.Context, at netip.AddrPort) (Listener, error)
	// Bind binds a UDP socket; port 0 as with Listen.
	Bind(ctx context.Context, at netip.AddrPort) (Packets, error)
	// Roots returns the certificates that this machine trusts, as PEM.
	Roots(ctx context.Context) ([]byte, error)
}

// Target is where a connection goes, and what for.
type Target struct {
	// Op is policy.OpNetConnect or policy.OpNetHTTP.
	Op   policy.Op
	Host string // a name, or an address without brackets
	Port int
	// Timeout bounds the attempt at one address.
	Timeout time.Duration
	// First, of at most MaxFirst bytes, is sent as soon as the connection stands,
	// which saves a guest a way to the host and back. When it cannot be sent, the
	// connection's next read or write tells.
	First []byte
}

// MaxFirst bounds Target.First, in bytes.
const MaxFirst = 16 << 10

// Conn is a TCP connection. Reading and writing may go on at the same time.
// A read that is not the end of the stream fails with a *Failure or an error
// whose Timeout method tells that the deadline passed.
type Conn interface {
	net.Conn
	// CloseWrite tells the peer that nothing more comes.
	CloseWrite() error
	// Ready reports, without waiting, whether a read would return at once and
	// whether a write would be taken, and whether the connection is gone.
	Ready() (readable, writable, gone bool)
	// Checked is the decision about the address that the connection has.
	Checked() policy.Decision
}

// Listener is a TCP listener.
type Listener interface {
	// Accept waits for a connection until the deadline.
	Accept(ctx context.Context, deadline time.Time) (Conn, error)
	// Addr is the address that is bound.
	Addr() netip.AddrPort
	Close() error
}

// Packets is a UDP socket.
type Packets interface {
	// SendTo sends one datagram to a host and port, resolving a name; addresses
	// that may be used are tried in order until one takes it.
	SendTo(ctx context.Context, host string, port int, payload []byte, deadline time.Time) error
	// ReceiveFrom waits for a datagram until the deadline. It returns the whole
	// length, which may be more than fitted into buf: the rest is lost.
	ReceiveFrom(ctx context.Context, buf []byte, deadline time.Time) (n int, from netip.AddrPort, err error)
	// Addr is the address that is bound.
	Addr() netip.AddrPort
	Close() error
}

// Code is an error code of the network, as programs see it.
type Code int32

// The codes.
const (
	Denied   Code = 1 // the policy refuses it
	Invalid  Code = 2 // malformed argument or unusable handle
	Timeout  Code = 3 // the deadline passed
	TooLarge Code = 4 // a size limit
	DNS      Code = 5 // the name did not resolve
	Connect  Code = 6 // connect, bind, send or receive failed, or the peer is gone
	TLS      Code = 7 // handshake, verification or record
	Internal Code = 8 // anything else, such as running out of sockets
)

// Failure is why an operation of the network failed.
type Failure struct {
	Code Code
	// Decision is the gate's refusal when Code is Denied.
	Decision policy.Decision
	Err      error
}

// Error says what failed.
func (f *Failure) Error() string {
	switch {
	case f.Err != nil:
		return f.Err.Error()
	case f.Code == Denied:
		return fmt.Sprintf("%s %s: denied by %s", f.Decision.Op, f.Decision.Place(), f.Decision.Field)
	}
	return fmt.Sprintf("network error %d", f.Code)
}

// Unwrap returns the error of the system.
func (f *Failure) Unwrap() error { return f.Err }

// CodeOf is the code of an error of this package, of a Conn or of a context; 0
// for nil.
func CodeOf(err error) Code {
	var f *Failure
	var t interface{ Timeout() bool }
	switch {
	case err == nil:
		return 0
	case errors.As(err, &f):
		return f.Code
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled), errors.As(err, &t) && t.Timeout():
		return Timeout
	case exhausted(err):
		return Internal
	}
	return Connect
}

// Fail makes a *Failure of err, which keeps the code it has.
func Fail(err error) error {
	var f *Failure
	if err == nil || err == io.EOF || errors.As(err, &f) {
		return err
	}
	return &Failure{Code: CodeOf(err), Err: err}
}

func denied(d policy.Decision) error { return &Failure{Code: Denied, Decision: d} }
