package report

import "strings"

// schemaNode is a JSON Schema in the making.
type schemaNode = map[string]any

func object(required []string, props schemaNode) schemaNode {
	return schemaNode{"type": "object", "required": required, "properties": props, "additionalProperties": false}
}

func typed(name string) schemaNode          { return schemaNode{"type": name} }
func constant(v string) schemaNode          { return schemaNode{"const": v} }
func arrayOf(items schemaNode) schemaNode   { return schemaNode{"type": "array", "items": items} }
func oneOfWords(words ...string) schemaNode { return schemaNode{"enum": words} }

// SchemaOf is the JSON Schema, draft 2020-12 in canonical pretty form, of the
// document whose schema id is id: the envelope of scope, an event, or a doc
// report.
func SchemaOf(id, scope string) []byte {
	var s schemaNode
	switch id {
	case EventsSchema:
		s = eventSchema()
	case DocSchema:
		s = docSchema()
	default:
		s = envelopeSchema(id, scope)
	}
	name := strings.ReplaceAll(scope, ".", "-")
	if name == "" {
		name = "root"
	}
	s["$schema"] = "https://json-schema.org/draft/2020-12/schema"
	s["$id"] = "https://x07.io/spec/x07-tool-" + name + ".report.schema.json"
	s["title"] = id
	return CanonicalPretty(s)
}

func envelopeSchema(id, scope string) schemaNode {
	payload := object([]string{"bytes_len"}, schemaNode{"bytes_len": typed("integer"), "text": typed("string"), "base64": typed("string")})
	digest := object([]string{"path", "sha256", "bytes_len"}, schemaNode{
		"path": typed("string"), "sha256": schemaNode{"type": "string", "pattern": "^[0-9a-f]{64}$"}, "bytes_len": typed("integer")})
	diagnostic := object([]string{"code", "message", "severity", "stage"}, schemaNode{
		"code": typed("string"), "message": typed("string"), "data": typed("object"),
		"severity": oneOfWords("error", "warning", "info", "hint"),
		"stage":    oneOfWords("parse", "lint", "rewrite", "type", "lower", "codegen", "link", "run")})
	meta := object([]string{"tool", "elapsed_ms", "cwd", "argv", "inputs", "outputs", "nondeterminism"}, schemaNode{
		"tool": object([]string{"name", "version"}, schemaNode{
			"name": constant("x07"), "version": typed("string"), "git_sha": typed("string"), "rustc": typed("string")}),
		"elapsed_ms": typed("integer"), "cwd": typed("string"), "argv": arrayOf(typed("string")),
		"inputs": arrayOf(digest), "outputs": arrayOf(digest),
		"nondeterminism": object([]string{"uses_os_time", "uses_network", "uses_process"}, schemaNode{
			"uses_os_time": typed("boolean"), "uses_network": typed("boolean"), "uses_process": typed("boolean")}),
	})
	return object([]string{"schema_version", "command", "ok", "exit_code", "diagnostics", "meta", "result"}, schemaNode{
		"schema_version": constant(id), "command": constant(ToolCommand(scope)), "ok": typed("boolean"),
		"exit_code":   schemaNode{"type": "integer", "minimum": 0, "maximum": 255},
		"diagnostics": arrayOf(diagnostic), "meta": meta,
		"result": object([]string{"stdout", "stderr"}, schemaNode{
			"stdout": payload, "stderr": payload, "stdout_json": schemaNode{}, "stderr_json": schemaNode{}}),
	})
}

func eventSchema() schemaNode {
	return object([]string{"schema_version", "command", "seq", "elapsed_ms", "event", "data"}, schemaNode{
		"schema_version": constant(EventsSchema), "command": typed("string"), "seq": typed("integer"),
		"elapsed_ms": typed("integer"), "event": oneOfWords("start", "stdout_chunk", "stderr_chunk", "final_report"), "data": schemaNode{}})
}

func docSchema() schemaNode {
	return object([]string{"schema_version", "command", "query", "ok", "result", "diagnostics_count", "exit_code"}, schemaNode{
		"schema_version": constant(DocSchema), "command": constant("doc"), "query": typed("string"), "ok": typed("boolean"),
		"result": schemaNode{"type": "object", "required": []string{"kind"}, "properties": schemaNode{
			"kind": oneOfWords("builtin_form", "module", "symbol", "package", "spec", "not_found", "error")}},
		"diagnostics_count": typed("integer"), "diagnostics": arrayOf(typed("object")), "exit_code": typed("integer"),
		"hints": arrayOf(typed("string")), "meta": typed("object")})
}
