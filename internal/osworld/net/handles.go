package net

import (
	"net"
	"net/netip"
	"sync"
	"sync/atomic"

	"x07/internal/broker/network"
)

// kind says what a handle is.
type kind uint8

const (
	tcpStream kind = iota
	tlsStream
	listener
	datagrams
)

// handle is one entry of a program's table. A closed one keeps its place until
// it is dropped.
type handle struct {
	kind   kind
	closed atomic.Bool

	conn   network.Conn // of streams
	stream net.Conn     // what is read and written: conn, or TLS over it
	ahead  []byte       // read by a wait, not taken yet
	end    error        // how reading ended: io.EOF or a failure
	l      network.Listener
	packet network.Packets
	reader caps // what readers of this handle may do
}

func (h *handle) close() {
	if h.closed.Swap(true) {
		return
	}
	// A socket that does not close is gone all the same: the program is told
	// what the call means, not what the system thinks of it.
	switch h.kind {
	case tcpStream, tlsStream:
		_ = h.stream.Close()
	case listener:
		_ = h.l.Close()
	case datagrams:
		_ = h.packet.Close()
	}
}

// maxHandles is the size of a program's table.
const maxHandles = 4096

// handles is the table. Handle h is at index h-1. The lock is for closeAll,
// which may come from another goroutine than the program's.
type handles struct {
	mu    sync.Mutex
	slots []*handle
	first int // no free slot below
	ended bool
}

// add takes the lowest free handle; 0 when the table is full.
func (t *handles) add(h *handle) int32 {
	t.mu.Lock()
	defer t.mu.Unlock()
	for t.first < len(t.slots) && t.slots[t.first] != nil {
		t.first++
	}
	if t.ended || t.first == maxHandles {
		return 0
	}
	if t.first == len(t.slots) {
		t.slots = append(t.slots, nil)
	}
	t.slots[t.first] = h
	return int32(t.first + 1)
}

// get returns the entry of a kind that the handle has, open or closed.
func (t *handles) get(n int32, kinds ...kind) *handle {
	t.mu.Lock()
	defer t.mu.Unlock()
	if n < 1 || int(n) > len(t.slots) {
		return nil
	}
	h := t.slots[n-1]
	for _, k := range kinds {
		if h != nil && h.kind == k {
			return h
		}
	}
	return nil
}

// open returns the entry when it is open.
func (t *handles) open(n int32, kinds ...kind) *handle {
	h := t.get(n, kinds...)
	if h == nil || h.closed.Load() {
		return nil
	}
	return h
}

// close closes a handle of one of the kinds: 1, or 0 when there was nothing to
// close.
func (t *handles) close(n int32, kinds ...kind) uint32 {
	h := t.open(n, kinds...)
	if h == nil {
		return 0
	}
	h.close()
	return 1
}

// drop closes a handle and frees its number.
func (t *handles) drop(n int32, kinds ...kind) uint32 {
	h := t.get(n, kinds...)
	if h == nil {
		return 0
	}
	h.close()
	t.mu.Lock()
	defer t.mu.Unlock()
	t.slots[n-1] = nil
	t.first = min(t.first, int(n-1))
	return 1
}

func (t *handles) closeAll() (leaked int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.ended = true
	for i, h := range t.slots {
		if h != nil {
			if !h.closed.Load() {
				leaked++
			}
			h.close()
			t.slots[i] = nil
		}
	}
	return leaked
}

func remoteAddr(c net.Conn) netip.AddrPort {
	if a, ok := c.RemoteAddr().(*net.TCPAddr); ok {
		p := a.AddrPort()
		return netip.AddrPortFrom(p.Addr().Unmap().WithZone(""), p.Port())
	}
	return netip.AddrPort{}
}
