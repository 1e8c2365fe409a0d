package guest

import (
	"encoding/binary"
	"errors"
	"io"
	"net"
	"net/netip"
	"os"
	"sync/atomic"
	"time"

	"x07/internal/broker/network"
	"x07/internal/guest/wire"
	"x07/internal/policy"
)

// frames reads the frames of a network stream. A deadline may pass in the
// middle of a frame: what arrived is kept, and the next call goes on.
type frames struct {
	stream net.Conn
	head   [5]byte
	got    int    // bytes of head
	body   []byte // of a frame that is read as a whole
	filled int
	left   int // payload bytes that the reader has not taken yet
}

// header reads the head of the next frame; then left is its payload's length.
func (f *frames) header() (wire.FrameType, error) {
	for f.got < len(f.head) {
		n, err := f.stream.Read(f.head[f.got:])
		f.got += n
		if err != nil && f.got < len(f.head) {
			if err == io.EOF {
				err = errGone
			}
			return 0, err
		}
		if f.got == len(f.head) {
			n := binary.LittleEndian.Uint32(f.head[1:])
			if n > wire.MaxFrame {
				return 0, wire.ErrProtocol
			}
			f.left = int(n)
		}
	}
	return wire.FrameType(f.head[0]), nil
}

// done ends the frame whose payload was taken.
func (f *frames) done() { f.got, f.filled = 0, 0 }

// whole reads a frame. The payload is valid until the next call. A zero deadline
// waits as long as the stream's own allows.
func (f *frames) whole(deadline time.Time) (wire.FrameType, []byte, error) {
	if !deadline.IsZero() {
		if err := f.stream.SetReadDeadline(deadline); err != nil {
			return 0, nil, err
		}
	}
	t, err := f.header()
	if err != nil {
		return 0, nil, err
	}
	if cap(f.body) < f.left+f.filled {
		f.body = append(make([]byte, 0, f.left+f.filled), f.body[:f.filled]...)
	}
	f.body = f.body[:f.left+f.filled]
	for f.left > 0 {
		n, err := f.stream.Read(f.body[f.filled:])
		f.filled += n
		f.left -= n
		if err != nil && f.left > 0 {
			if err == io.EOF {
				err = errGone
			}
			return 0, nil, err
		}
	}
	f.done()
	return t, f.body, nil
}

// remoteConn is a connection of the host. Like the program that owns it, it is
// used by one goroutine at a time.
type remoteConn struct {
	stream        net.Conn
	in            *frames
	local, remote netip.AddrPort
	checked       policy.Decision

	ahead   []byte // read by Ready, not taken yet
	end     error  // io.EOF after the peer's end, another error when it broke
	out     []byte // frame under construction
	pending []byte // of a frame that a deadline cut
	closed  bool   // for writing

	deadline atomic.Pointer[time.Time] // for reading, as it was set last
}

// maxAhead bounds what Ready and Write read ahead.
const maxAhead = 64 << 10

func (c *remoteConn) LocalAddr() net.Addr                { return net.TCPAddrFromAddrPort(c.local) }
func (c *remoteConn) RemoteAddr() net.Addr               { return net.TCPAddrFromAddrPort(c.remote) }
func (c *remoteConn) Checked() policy.Decision           { return c.checked }
func (c *remoteConn) SetWriteDeadline(t time.Time) error { return c.stream.SetWriteDeadline(t) }

// SetReadDeadline may be called while another goroutine reads.
func (c *remoteConn) SetReadDeadline(t time.Time) error {
	c.deadline.Store(&t)
	return c.stream.SetReadDeadline(t)
}

func (c *remoteConn) SetDeadline(t time.Time) error {
	return errors.Join(c.SetReadDeadline(t), c.SetWriteDeadline(t))
}

func (c *remoteConn) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	if n := copy(p, c.ahead); n > 0 {
		c.ahead = c.ahead[n:]
		return n, nil
	}
	return c.receive(p)
}

// receive reads bytes of the connection from the stream.
func (c *remoteConn) receive(p []byte) (int, error) {
	for c.end == nil {
		t, err := c.in.header() // at once, inside a frame
		if err != nil {
			return 0, c.fails(err)
		}
		switch t {
		case wire.FrameNetData:
			if c.in.left == 0 {
				c.in.done()
				continue
			}
			n, err := c.stream.Read(p[:min(len(p), c.in.left)])
			if c.in.left -= n; c.in.left == 0 {
				c.in.done()
			}
			if n > 0 {
				return n, nil
			}
			if err != nil {
				return 0, c.fails(err)
			}
		case wire.FrameNetEnd:
			c.end = io.EOF
		case wire.FrameNetFailure:
			_, body, err := c.in.whole(time.Time{})
			if err != nil {
				return 0, c.fails(err)
			}
			c.end = failure(body)
		default:
			c.end = internal(wire.ErrProtocol)
		}
	}
	return 0, c.end
}

// fails is the error of a read from the stream. A deadline breaks nothing, and
// is the error that everybody knows: TLS goes on after it.
func (c *remoteConn) fails(err error) error {
	if network.CodeOf(err) == network.Timeout {
		return os.ErrDeadlineExceeded
	}
	if err == io.EOF {
		err = errGone
	}
	c.end = err
	return err
}

// look reads what has arrived without waiting, up to maxAhead bytes.
func (c *remoteConn) look() {
	if c.end != nil || len(c.ahead) >= maxAhead || c.stream.SetReadDeadline(time.Unix(1, 0)) != nil {
		return
	}
	defer func() {
		// What look sets is nobody else's deadline. A stream that is closed needs none.
		if d := c.deadline.Load(); d != nil {
			_ = c.stream.SetReadDeadline(*d)
		} else {
			_ = c.stream.SetReadDeadline(time.Time{})
		}
	}()
	buf := make([]byte, 4096)
	for len(c.ahead) < maxAhead {
		n, err := c.receive(buf)
		c.ahead = append(c.ahead, buf[:n]...)
		if err != nil {
			return
		}
	}
}

// Ready looks at what has arrived. A write is taken as long as the connection
// stands: the way to the host has a buffer of its own.
func (c *remoteConn) Ready() (readable, writable, gone bool) {
	c.look()
	gone = c.end != nil && (c.end != io.EOF || c.closed)
	return len(c.ahead) > 0 || c.end != nil, !gone && !c.closed, gone
}

func (c *remoteConn) Write(p []byte) (int, error) {
	if c.closed {
		return 0, &network.Failure{Code: network.Connect, Err: net.ErrClosed}
	}
	// A broken connection is known from what the host has sent.
	if c.look(); c.end != nil && c.end != io.EOF {
		return 0, c.end
	}
	if err := c.flush(); err != nil {
		return 0, err
	}
	total := 0
	for total < len(p) {
		chunk := p[total:min(len(p), total+maxChunk)]
		c.out = append(c.out[:0], byte(wire.FrameNetData))
		c.out = binary.LittleEndian.AppendUint32(c.out, uint32(len(chunk)))
		c.out = append(c.out, chunk...)
		n, err := c.stream.Write(c.out)
		if n > 0 {
			// The frame has begun, so it will be sent as a whole.
			total += len(chunk)
			c.pending = append(c.pending[:0], c.out[n:]...)
		}
		if err != nil {
			if network.CodeOf(err) != network.Timeout {
				err = &network.Failure{Code: network.Connect, Err: err}
			}
			return total, err
		}
	}
	return total, nil
}

// maxChunk is the largest payload of a data frame that is sent, in bytes.
const maxChunk = 32 << 10

// flush sends the rest of a frame.
func (c *remoteConn) flush() error {
	for len(c.pending) > 0 {
		n, err := c.stream.Write(c.pending)
		c.pending = c.pending[n:]
		if err != nil {
			return network.Fail(err)
		}
	}
	return nil
}

// CloseWrite ends the sending direction.
func (c *remoteConn) CloseWrite() error {
	if c.closed {
		return &network.Failure{Code: network.Connect, Err: net.ErrClosed}
	}
	if err := c.flush(); err != nil {
		return err
	}
	c.closed = true
	return wire.WriteFrame(c.stream, wire.FrameNetEnd, nil)
}

// lastWords bounds the sending of what a deadline had cut when the connection
// is closed.
const lastWords = time.Second

// Close closes the connection.
func (c *remoteConn) Close() error {
	if len(c.pending) > 0 && c.stream.SetWriteDeadline(time.Now().Add(lastWords)) == nil {
		// If it does not go out in time, the peer misses the end either way.
		_ = c.flush()
	}
	return c.stream.Close()
}
