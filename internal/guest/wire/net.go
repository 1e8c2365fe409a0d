package wire

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"net/netip"
	"strings"

	"x07/internal/policy"
)

// Frames of a network stream. The guest opens the stream with a NetRequest, the
// host answers with a NetAnswer, and what follows depends on the operation:
// dial and claim carry data both ways, a listener announces connections, a
// datagram socket carries datagrams and the results of sending them. The
// stream's end ends the operation.
const (
	FrameNetRequest FrameType = 'n' // NetRequest, JSON
	FrameNetAnswer  FrameType = 'a' // NetAnswer, JSON
	FrameNetData    FrameType = 'd' // bytes of a connection
	FrameNetEnd     FrameType = 'f' // no more bytes from this side
	FrameNetFailure FrameType = 'x' // the connection or socket broke; a code byte
	FrameNetOffer   FrameType = 'c' // a listener has a connection: NetOffer
	FrameNetPacket  FrameType = 'g' // a datagram: NetPacket
	FrameNetSent    FrameType = 's' // what came of a datagram: NetAnswer, JSON
	FrameNetPEM     FrameType = 'p' // a piece of the trusted certificates
)

// MaxNetDocument is the largest NetRequest or NetAnswer, in bytes.
const MaxNetDocument = 16 << 10

// NetOp says what a stream is for.
type NetOp string

// The operations.
const (
	NetDial   NetOp = "dial"
	NetLookup NetOp = "lookup"
	NetListen NetOp = "listen"
	NetClaim  NetOp = "claim" // take a connection that a listener offered
	NetBind   NetOp = "bind"
	NetRoots  NetOp = "roots"
)

// NetRequest opens a network stream.
type NetRequest struct {
	Op NetOp `json:"op"`
	// For is what a connection is for, net.connect or net.http.
	For policy.Op `json:"for,omitempty"`
	// Host and Port are the destination, or the address to bind.
	Host string `json:"host,omitempty"`
	Port int    `json:"port,omitempty"`
	// TimeoutMS bounds a dial per address.
	TimeoutMS int64 `json:"timeout_ms,omitempty"`
	// ID is the connection to claim.
	ID uint32 `json:"id,omitempty"`
}

// maxTimeoutMS is the longest wait that a capability document may ask for.
const maxTimeoutMS = 600_000

// maxHost is the longest name that a program may use, in bytes.
const maxHost = 1024

// Check validates a request that came out of a guest.
func (r *NetRequest) Check() error {
	bad := func(what string) error {
		return fmt.Errorf("%w: network request %.20q with %s", ErrProtocol, r.Op, what)
	}
	if len(r.Host) > maxHost || strings.IndexByte(r.Host, 0) >= 0 {
		return bad("a malformed host")
	}
	if r.Port < 0 || r.Port > 65535 {
		return bad("a malformed port")
	}
	if r.TimeoutMS < 0 || r.TimeoutMS > maxTimeoutMS {
		return bad("a malformed timeout")
	}
	switch r.Op {
	case NetDial:
		if r.For != policy.OpNetConnect && r.For != policy.OpNetHTTP {
			return bad("an unknown purpose")
		}
	case NetListen, NetBind:
		if _, err := netip.ParseAddr(r.Host); err != nil {
			return bad("an address that is none")
		}
	case NetLookup, NetClaim, NetRoots:
	default:
		return bad("an unknown operation")
	}
	return nil
}

// NetAnswer is what came of a NetRequest.
type NetAnswer struct {
	// Code is 0, or the error code that the program sees.
	Code int32 `json:"code"`
	// Local and Remote are the addresses of a socket, "ip:port".
	Local  string `json:"local,omitempty"`
	Remote string `json:"remote,omitempty"`
	// Addrs are the addresses of a name.
	Addrs []string `json:"addrs,omitempty"`
	// Refused is the address that the policy refused, when a name led there.
	Refused string `json:"refused,omitempty"`
}

// NetOffer announces an accepted connection.
type NetOffer struct {
	ID   uint32
	Peer netip.AddrPort
}

// NetPacket is a datagram with the other side's place: an address from the
// host, a host and port from the guest.
type NetPacket struct {
	Host    string
	Port    uint16
	Payload []byte
}

// MaxPacket is the largest payload of a NetPacket, in bytes.
const MaxPacket = 65507

// Append appends the encoded offer.
func (o NetOffer) Append(b []byte) []byte {
	b = binary.LittleEndian.AppendUint32(b, o.ID)
	return append(b, o.Peer.String()...)
}

// ParseNetOffer decodes an offer.
func ParseNetOffer(b []byte) (NetOffer, error) {
	if len(b) < 4 {
		return NetOffer{}, fmt.Errorf("%w: offer of %d bytes", ErrProtocol, len(b))
	}
	peer, err := netip.ParseAddrPort(string(b[4:]))
	if err != nil {
		return NetOffer{}, fmt.Errorf("%w: offer: %v", ErrProtocol, err)
	}
	return NetOffer{ID: binary.LittleEndian.Uint32(b), Peer: peer}, nil
}

// Append appends the encoded packet: length and text of the host, port, payload.
func (p NetPacket) Append(b []byte) []byte {
	b = binary.LittleEndian.AppendUint16(b, uint16(len(p.Host)))
	b = append(b, p.Host...)
	b = binary.LittleEndian.AppendUint16(b, p.Port)
	return append(b, p.Payload...)
}

// ParseNetPacket decodes a packet. The payload shares b.
func ParseNetPacket(b []byte) (NetPacket, error) {
	bad := func() (NetPacket, error) {
		return NetPacket{}, fmt.Errorf("%w: malformed datagram of %d bytes", ErrProtocol, len(b))
	}
	if len(b) < 4 {
		return bad()
	}
	n := int(binary.LittleEndian.Uint16(b))
	if n > maxHost || len(b) < 4+n || len(b)-4-n > MaxPacket {
		return bad()
	}
	host := string(b[2 : 2+n])
	if strings.IndexByte(host, 0) >= 0 {
		return bad()
	}
	return NetPacket{Host: host, Port: binary.LittleEndian.Uint16(b[2+n:]), Payload: b[4+n:]}, nil
}

// WriteNetDocument writes a NetRequest or NetAnswer as one frame.
func WriteNetDocument(w io.Writer, t FrameType, v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return err
	}
	if len(b) > MaxNetDocument {
		return fmt.Errorf("network document of %d bytes is larger than %d", len(b), MaxNetDocument)
	}
	return WriteFrame(w, t, b)
}

// ParseNetDocument decodes the payload of such a frame into v; unknown members
// are a violation.
func ParseNetDocument(b []byte, v any) error {
	if len(b) > MaxNetDocument {
		return fmt.Errorf("%w: network document of %d bytes", ErrProtocol, len(b))
	}
	dec := json.NewDecoder(bytes.NewReader(b))
	dec.DisallowUnknownFields()
	if err := dec.Decode(v); err != nil {
		return fmt.Errorf("%w: %v", ErrProtocol, err)
	}
	if _, err := dec.Token(); err != io.EOF {
		return fmt.Errorf("%w: data after the document", ErrProtocol)
	}
	return nil
}
