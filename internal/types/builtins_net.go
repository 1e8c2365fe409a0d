package types

// builtinsNet declares the heads behind std.net, which only built-in modules
// call. Their documents and error codes are those of the functions of std.net
// that wrap them; package osworld/net implements them.
var builtinsNet = []Builtin{
	netHead("dns_lookup_v1", Bytes, "looks up a name for a port", view("name"), num("port"), view("caps")),
	netHead("tcp_connect_v1", Bytes, "connects; a stream handle", view("addr"), view("caps")),
	netHead("tcp_listen_v1", Bytes, "listens; a listener handle and the bound address", view("addr"), view("caps")),
	netHead("tcp_accept_v1", Bytes, "waits for a connection; a stream handle and the peer", num("listener_handle"), view("caps")),
	netHead("tls_connect_v1", Bytes, "connects and does the TLS handshake; a stream handle", view("addr"), view("tls_cfg"), view("caps")),
	netHead("stream_read_v1", Bytes, "reads what has arrived", num("stream_handle"), num("max_bytes"), view("caps")),
	netHead("stream_write_v1", Bytes, "writes; the number of bytes taken", num("stream_handle"), view("data"), view("caps")),
	netHead("stream_wait_v1", Bytes, "waits for events", num("stream_handle"), num("events"), num("timeout_ms")),
	netHead("stream_shutdown_v1", I32, "ends a direction; 1 on success", num("stream_handle"), num("how")),
	netHead("stream_close_v1", I32, "closes a stream; 1 when it was open", num("stream_handle")),
	netHead("stream_drop_v1", I32, "frees a stream handle; 1 when it existed", num("stream_handle")),
	netHead("listener_close_v1", I32, "closes a listener; 1 when it was open", num("listener_handle")),
	netHead("listener_drop_v1", I32, "frees a listener handle; 1 when it existed", num("listener_handle")),
	netHead("udp_bind_v1", Bytes, "binds a datagram socket; a handle and the bound address", view("addr"), view("caps")),
	netHead("udp_sendto_v1", Bytes, "sends a datagram", num("sock_handle"), view("addr"), view("payload"), view("caps")),
	netHead("udp_recvfrom_v1", Bytes, "receives a datagram", num("sock_handle"), num("max_bytes"), view("caps")),
	netHead("udp_close_v1", I32, "closes a socket; 1 when it was open", num("sock_handle")),
	netHead("udp_drop_v1", I32, "frees a socket handle; 1 when it existed", num("sock_handle")),
	netHead("stream_reader_v1", I32, "sets the caps of readers of a stream; their vtable, 0 for a dead one", num("stream_handle"), view("caps")),
	netHead("udp_reader_v1", I32, "sets the caps of readers of a socket; their vtable, 0 for a dead one", num("sock_handle"), view("caps")),
	{Name: "__internal.io.read_v1", Params: []Param{num("data"), num("vtable"), num("max")}, Result: OptionBytes, Gate: GateOS, Impl: Host, Internal: true, Allocates: true,
		Doc: "the next chunk of a reader that the world provides; none when it provides no such reader"},
	netHead("http_fetch_v1", Bytes, "performs an HttpReqV1; the body goes to a file when to_file is not 0", view("req"), view("out_path"), num("to_file")),
	netHead("http_request_v1", Bytes, "performs a request of ext.curl.http", view("req"), num("max_body_bytes")),
	netHead("http_head_v1", ResultI32, "performs a HEAD request; the status", view("url")),
}

func netHead(name string, result Type, doc string, ps ...Param) Builtin {
	b := osHead("__internal.net."+name, result, doc, ps)
	b.Internal = true
	return b
}

func view(name string) Param { return Param{Name: name, Type: BytesView, Mode: AnyView} }

func num(name string) Param { return Param{Name: name, Type: I32} }
