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
	if template == "cli" {
		return cliApp()
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
