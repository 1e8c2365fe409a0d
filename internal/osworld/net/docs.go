package net

import (
	"encoding/binary"
	"net/netip"
	"strings"
	"time"

	"x07/internal/broker/network"
)

// The documents of std.net. Numbers are little-endian.

func u32(b []byte) uint32 { return binary.LittleEndian.Uint32(b) }

func putU32(b []byte, v uint32) []byte { return binary.LittleEndian.AppendUint32(b, v) }

func putBytes(b, data []byte) []byte { return append(putU32(b, uint32(len(data))), data...) }

// errDoc is NetErrDocV1.
func errDoc(code network.Code) []byte {
	return putU32(putU32([]byte{0}, uint32(code)), 0)
}

// okDoc begins a success document: tag 1, version 1, reserved.
func okDoc(capacity int) []byte { return append(make([]byte, 0, 4+capacity), 1, 1, 0, 0) }

// numDoc is a success document with one number: a handle, a count, event bits.
func numDoc(v uint32) []byte { return putU32(okDoc(4), v) }

// boundDoc is a handle with an address.
func boundDoc(h int32, a netip.AddrPort) []byte {
	return putBytes(putU32(okDoc(36), uint32(h)), addrDoc(a))
}

// dnsDoc is DnsLookupDocV1.
func dnsDoc(addrs []netip.Addr, port uint16) []byte {
	doc := putU32(okDoc(4+32*len(addrs)), uint32(len(addrs)))
	for _, a := range addrs {
		doc = putBytes(doc, addrDoc(netip.AddrPortFrom(a, port)))
	}
	return doc
}

const (
	tagIPv4 = 1
	tagIPv6 = 2
	tagDNS  = 3
)

// maxName is the longest host name, in bytes.
const maxName = 1024

// addrDoc is NetAddrV1 of an IP address.
func addrDoc(a netip.AddrPort) []byte {
	tag := uint32(tagIPv6)
	if a.Addr().Is4() {
		tag = tagIPv4
	}
	doc := putU32(putU32(putU32(make([]byte, 0, 28), 1), tag), uint32(a.Port()))
	return append(doc, a.Addr().AsSlice()...)
}

// place is a parsed NetAddrV1: an address, or a name.
type place struct {
	addr netip.Addr
	name string // set for a DNS address
	port uint16
}

// host is the place as the gate wants it.
func (p place) host() string {
	if p.name != "" {
		return p.name
	}
	return p.addr.String()
}

// parseAddr reads NetAddrV1. Names may be longer than maxName: that is told
// after the policy was asked.
func parseAddr(doc []byte) (place, bool) {
	if len(doc) < 12 || u32(doc) != 1 || u32(doc[8:]) > 65535 {
		return place{}, false
	}
	p := place{port: uint16(u32(doc[8:]))}
	body := doc[12:]
	switch u32(doc[4:]) {
	case tagIPv4:
		if len(body) != 4 {
			return place{}, false
		}
		p.addr = netip.AddrFrom4([4]byte(body))
	case tagIPv6:
		if len(body) != 16 {
			return place{}, false
		}
		p.addr = netip.AddrFrom16([16]byte(body))
	case tagDNS:
		if len(body) < 5 || uint64(u32(body)) != uint64(len(body)-4) {
			return place{}, false
		}
		p.name = string(body[4:])
		if strings.IndexByte(p.name, 0) >= 0 {
			return place{}, false
		}
	default:
		return place{}, false
	}
	return p, true
}

// parseBind reads the address to bind and the caps of a call.
func parseBind(addr, caps []byte) (netip.AddrPort, bool) {
	_, ok := parseCaps(caps)
	p, valid := parseAddr(addr)
	if !ok || !valid || p.name != "" {
		return netip.AddrPort{}, false
	}
	return netip.AddrPortFrom(p.addr, p.port), true
}

// validName reports whether a program may name a host so.
func validName(name string) bool {
	return len(name) >= 1 && len(name) <= maxName && strings.IndexByte(name, 0) < 0
}

// caps are the effective limits of a call.
type caps struct {
	connect, io time.Duration
	read, write int
}

const (
	capsLen     = 24
	defaultMs   = 30_000
	maxMs       = 600_000
	defaultData = 1 << 20
	maxData     = 64 << 20
)

var defaultCaps = caps{connect: defaultMs * time.Millisecond, io: defaultMs * time.Millisecond, read: defaultData, write: defaultData}

// parseCaps reads NetCapsV1. A short document means the defaults.
func parseCaps(doc []byte) (caps, bool) {
	if len(doc) < capsLen {
		return defaultCaps, true
	}
	if len(doc) != capsLen || u32(doc) != 1 {
		return caps{}, false
	}
	valid := true
	field := func(at int, usual, limit uint32) uint32 {
		v := u32(doc[at:])
		if v == 0 {
			v = usual
		}
		valid = valid && v <= limit
		return v
	}
	c := caps{
		connect: time.Duration(field(4, defaultMs, maxMs)) * time.Millisecond,
		io:      time.Duration(field(8, defaultMs, maxMs)) * time.Millisecond,
		read:    int(field(12, defaultData, maxData)),
		write:   int(field(16, defaultData, maxData)),
	}
	return c, valid
}

func (c caps) ioDeadline() time.Time { return time.Now().Add(c.io) }
