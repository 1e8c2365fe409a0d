package cli

// The programs of new projects, as module app with the function app.solve.

// function is one defn declaration.
func function(name, result string, params []any, body any) any {
	return map[string]any{"kind": "defn", "name": name, "result": result, "params": params, "body": body}
}

func param(name, ty string) any { return map[string]any{"name": name, "ty": ty} }

// list is an expression.
func list(items ...any) []any { return items }

// appModule is the app module of a template.
func appModule(template string) []byte {
	switch template {
	case "cli":
		return cliApp()
	case "http-client":
		return httpClientApp()
	case "web-service":
		return webServiceApp()
	}
	return document("module", "app", []string{}, []any{
		export("app.solve"),
		function("app.solve", "bytes", []any{param("b", "bytes_view")}, list("view.to_bytes", "b")),
	}, nil)
}

// cliOptions are the required options of the cli template's program.
var cliOptions = [...]string{"url", "depth", "out"}

// cliApp parses its arguments (argv_v1) by a table of rows and prints what it
// was given, one line per option.
func cliApp() []byte {
	rows := `{"schema_version":"x07cli.specrows@0.1.0","app":{"name":"app"},"rows":[` +
		`["root","opt","-u","--url","url","URL","Where to start",{"required":true}],` +
		`["root","opt","-d","--depth","depth","N","How deep to go",{"required":true}],` +
		`["root","opt","-o","--out","out","PATH","Where to write",{"required":true}]]}`
	lines := list("begin", list("let", "text", list("vec_u8.with_capacity", 64)))
	for _, key := range cliOptions {
		lines = append(lines,
			list("let", key, list("bytes.lit", key)),
			list("set", "text", list("app.line", "text", list("bytes.view", "doc"), list("bytes.view", key))))
	}
	lines = append(lines, list("vec_u8.into_bytes", "text"))
	solve := list("begin",
		list("let", "rows", list("bytes.lit", rows)),
		list("let", "argv", list("view.to_bytes", "b")),
		list("let", "doc", list("ext.cli.parse_specrows", "rows", "argv")),
		list("let", "ok", list("ext.cli.is_ok", list("bytes.view", "doc"))),
		list("if", "ok", lines, list("bytes.lit", "ERROR:cli_parse")))
	line := list("begin",
		list("let", "none", list("bytes.alloc", 0)),
		list("let", "value", list("option_bytes.unwrap_or", list("ext.cli.matches_get", "doc", "key", 2), "none")),
		list("set", "text", list("vec_u8.extend_bytes", "text", "key")),
		list("set", "text", list("vec_u8.push", "text", int('='))),
		list("set", "text", list("vec_u8.extend_bytes", "text", list("bytes.view", "value"))),
		list("vec_u8.push", "text", int('\n')))
	return document("module", "app", []string{"ext.cli"}, []any{
		export("app.solve"),
		function("app.line", "vec_u8", []any{param("text", "vec_u8"), param("doc", "bytes_view"), param("key", "bytes_view")}, line),
		function("app.solve", "bytes", []any{param("b", "bytes_view")}, solve),
	}, nil)
}

// view lends a local to a call.
func view(name string) []any { return list("bytes.view", name) }

// httpClientApp fetches a page and returns its status.
func httpClientApp() []byte {
	solve := list("begin",
		list("let", "url", list("bytes.lit", "https://example.com/")),
		list("let", "response", list("std.net.http.get_v1", "url", list("std.net.http.spec.caps_default_v1"))),
		list("let", "failed", list("std.net.http.resp_is_err_v1", view("response"))),
		list("let", "status", list("std.net.http.resp_status_v1", view("response"))),
		list("if", "failed", list("bytes.lit", "ERROR:http_get"), list("fmt.u32_to_dec", "status")))
	return document("module", "app", []string{"std.net.http", "std.net.http.spec"}, []any{
		export("app.solve"),
		function("app.solve", "bytes", []any{param("b", "bytes_view")}, solve),
	}, nil)
}

// webServiceApp listens, sends itself one request, answers it, and returns
// the response as it came over the connection. Every step that fails names
// itself.
func webServiceApp() []byte {
	failing := func(condition any, step string) any {
		return list("if", condition, list("return", list("bytes.lit", "FAIL_"+step)), 0)
	}
	solve := list("begin",
		list("let", "caps", list("std.net.codec.caps_default_v1")),
		list("let", "addr", list("std.net.codec.addr_ipv4_v1", 127, 0, 0, 1, 30031)),
		list("let", "listening", list("std.net.tcp.listen_v1", view("addr"), view("caps"))),
		list("let", "listener", list("std.net.tcp.listen_listener_handle_v1", view("listening"))),
		failing(list("=", "listener", 0), "listen"),
		list("let", "connected", list("std.net.tcp.connect_v1", view("addr"), view("caps"))),
		list("let", "client", list("std.net.tcp.connect_stream_handle_v1", view("connected"))),
		failing(list("=", "client", 0), "connect"),
		list("let", "request", list("bytes.lit", "GET /hello HTTP/1.1\r\nHost: localhost\r\n\r\n")),
		list("let", "wrote", list("std.net.tcp.stream_write_v1", "client", view("request"), view("caps"))),
		list("let", "sent", list("std.net.tcp.stream_write_bytes_written_v1", view("wrote"))),
		failing(list("!=", "sent", list("view.len", view("request"))), "request"),
		list("let", "accepted", list("std.net.tcp.accept_v1", "listener", view("caps"))),
		list("let", "server", list("std.net.tcp.accept_stream_handle_v1", view("accepted"))),
		failing(list("=", "server", 0), "accept"),
		failing(list("=", list("app.answer", "server", view("caps")), 0), "answer"),
		list("std.net.tcp.stream_drop_v1", "server"),
		list("let", "response", list("app.read_all", "client", view("caps"))),
		list("std.net.tcp.stream_drop_v1", "client"),
		list("std.net.tcp.listener_drop_v1", "listener"),
		"response")
	answer := list("begin",
		list("let", "request", list("std.net.http.server.read_req_v1", "stream", "caps")),
		list("let", "target", list("std.net.http.server.req_target_v1", view("request"))),
		list("let", "hello", list("bytes.lit", "/hello")),
		list("let", "found", list("bytes.eq", "target", "hello")),
		list("let", "headers", list("std.net.http.spec.headers_empty_v1")),
		list("let", "body", list("if", "found", list("bytes.lit", "hello"), list("bytes.lit", "not found"))),
		list("let", "status", list("if", "found", 200, 404)),
		list("let", "wrote", list("std.net.http.server.write_response_v1", "stream", "status", view("headers"), view("body"), "caps")),
		list("std.net.tcp.stream_write_bytes_written_v1", view("wrote")))
	readAll := list("begin",
		list("let", "text", list("vec_u8.with_capacity", 256)),
		list("for", "i", 0, 64, list("begin",
			list("let", "doc", list("std.net.tcp.stream_read_v1", "stream", 4096, "caps")),
			list("let", "part", list("std.net.tcp.stream_read_payload_v1", view("doc"))),
			list("let", "n", list("view.len", view("part"))),
			list("if", list("=", "n", 0), list("return", list("vec_u8.into_bytes", "text")), 0),
			list("set", "text", list("vec_u8.extend_bytes", "text", view("part"))),
			0)),
		list("vec_u8.into_bytes", "text"))
	stream := []any{param("stream", "i32"), param("caps", "bytes_view")}
	imports := []string{"std.net.codec", "std.net.http.server", "std.net.http.spec", "std.net.tcp"}
	return document("module", "app", imports, []any{
		export("app.solve"),
		function("app.answer", "i32", stream, answer),
		function("app.read_all", "bytes", stream, readAll),
		function("app.solve", "bytes", []any{param("b", "bytes_view")}, solve),
	}, nil)
}
