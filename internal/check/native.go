package check

import "strings"

// natives pairs module prefixes of packages that bind C libraries with the
// built-in module that does the same.
var natives = [...]struct{ prefix, module string }{
	{"ext.curl", "std.net.http.client"},
	{"ext.net", "std.net"},
	{"ext.db.sqlite", "std.db.sqlite"},
	{"ext.db.pg", "std.db.pg"},
	{"ext.db.mysql", "std.db.mysql"},
	{"ext.db.redis", "std.db.redis"},
	{"ext.sockets", "std.net.tcp"},
	{"ext.openssl", "std.net.tls"},
	{"ext.regex", "regex.* (a builtin)"},
	{"ext.math", "math.f64.* (a builtin)"},
}

// nativeModule names what replaces a foreign function, "" if nothing does.
func nativeModule(fn string) string {
	for _, n := range natives {
		if strings.HasPrefix(fn, n.prefix) {
			return n.module
		}
	}
	return ""
}
