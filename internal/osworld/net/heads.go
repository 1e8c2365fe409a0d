package net

import "x07/internal/engine"

// Vtable is the vtable of readers over the handles of this package.
const Vtable = 2

// Heads binds the internal heads behind std.net to the capability. Each takes
// its arguments in the order of the head's parameters.
func (n *Net) Heads() engine.HostTable {
	num := func(c *engine.Call) int32 { return int32(c.I32()) }
	text := func(c *engine.Call) string { return string(c.Bytes()) }
	status := func(op func(int32) uint32) engine.HostFunc {
		return func(c *engine.Call) { c.Ret(op(num(c))) }
	}
	reader := func(op func(int32, []byte) bool) engine.HostFunc {
		return func(c *engine.Call) {
			if op(num(c), c.Bytes()) {
				c.Ret(Vtable)
				return
			}
			c.Ret(0)
		}
	}
	return engine.HostTable{
		"__internal.net.dns_lookup_v1": func(c *engine.Call) {
			c.RetBytes(n.Lookup(c.Ctx, text(c), num(c), c.Bytes()))
		},
		"__internal.net.tcp_connect_v1":  func(c *engine.Call) { c.RetBytes(n.Connect(c.Ctx, c.Bytes(), c.Bytes())) },
		"__internal.net.tls_connect_v1":  func(c *engine.Call) { c.RetBytes(n.TLSConnect(c.Ctx, c.Bytes(), c.Bytes(), c.Bytes())) },
		"__internal.net.tcp_listen_v1":   func(c *engine.Call) { c.RetBytes(n.Listen(c.Ctx, c.Bytes(), c.Bytes())) },
		"__internal.net.tcp_accept_v1":   func(c *engine.Call) { c.RetBytes(n.Accept(c.Ctx, num(c), c.Bytes())) },
		"__internal.net.stream_read_v1":  func(c *engine.Call) { c.RetBytes(n.Read(c.Ctx, num(c), num(c), c.Bytes())) },
		"__internal.net.stream_write_v1": func(c *engine.Call) { c.RetBytes(n.Write(c.Ctx, num(c), c.Bytes(), c.Bytes())) },
		"__internal.net.stream_wait_v1":  func(c *engine.Call) { c.RetBytes(n.Wait(c.Ctx, num(c), num(c), num(c))) },
		"__internal.net.stream_shutdown_v1": func(c *engine.Call) {
			c.Ret(n.Shutdown(num(c), num(c)))
		},
		"__internal.net.stream_close_v1":   status(n.CloseStream),
		"__internal.net.stream_drop_v1":    status(n.DropStream),
		"__internal.net.listener_close_v1": status(n.CloseListener),
		"__internal.net.listener_drop_v1":  status(n.DropListener),
		"__internal.net.udp_close_v1":      status(n.CloseSocket),
		"__internal.net.udp_drop_v1":       status(n.DropSocket),
		"__internal.net.stream_reader_v1":  reader(n.StreamReader),
		"__internal.net.udp_reader_v1":     reader(n.DatagramReader),
		"__internal.net.udp_bind_v1":       func(c *engine.Call) { c.RetBytes(n.Bind(c.Ctx, c.Bytes(), c.Bytes())) },
		"__internal.net.udp_sendto_v1": func(c *engine.Call) {
			c.RetBytes(n.SendTo(c.Ctx, num(c), c.Bytes(), c.Bytes(), c.Bytes()))
		},
		"__internal.net.udp_recvfrom_v1": func(c *engine.Call) { c.RetBytes(n.ReceiveFrom(c.Ctx, num(c), num(c), c.Bytes())) },
		"__internal.net.http_fetch_v1": func(c *engine.Call) {
			req, path := c.Bytes(), text(c)
			c.RetBytes(n.HTTPFetch(c.Ctx, req, path, num(c) != 0))
		},
		"__internal.net.http_request_v1": func(c *engine.Call) { c.RetBytes(n.HTTPRequest(c.Ctx, c.Bytes(), num(c))) },
		"__internal.net.http_head_v1": func(c *engine.Call) {
			status, code := n.HTTPHead(c.Ctx, text(c))
			if code != 0 {
				c.RetErr(uint32(code))
				return
			}
			c.RetOK(uint32(status))
		},
		"os.net.http_request": n.legacyHTTP,
		engine.ReadHead: func(c *engine.Call) {
			s, vtable := num(c), c.I32()
			if vtable != Vtable {
				c.RetNone()
				return
			}
			c.RetSome(n.ReadIface(c.Ctx, s, c.I32()))
		},
	}
}

// legacyHTTP is the reserved head os.net.http_request, which always traps.
func (n *Net) legacyHTTP(c *engine.Call) {
	if dec := n.door.Gate.NetHTTPHead(); !dec.Allowed {
		if err := n.door.Refused(dec); err != nil {
			c.Trap(err.Error())
		}
	}
	c.Trap("os.net.http_request not implemented")
}
