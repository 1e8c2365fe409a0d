package net

import (
	"context"
	"encoding/base64"
	"slices"
	"strings"

	"x07/internal/broker/network"
	"x07/internal/osworld/net/http1"
)

// httpRequest is a parsed request document, of either form.
type httpRequest struct {
	version byte // of the response: 1 has no headers
	method  uint32
	head    bool // HEAD instead of method
	url     string
	fields  []http1.Field
	body    []byte
	toFile  bool
	path    string

	follow                     bool
	timeout, redirects         uint32
	maxHeaderBytes, maxHeaders uint32
	maxBody                    uint32
}

const (
	methodGet  = 1
	methodPost = 2

	defaultSeconds   = 30
	maxSeconds       = 600
	defaultRedirects = 5
	maxRedirects     = 100
	maxHeaderBytes   = 16 << 20
	maxHeaders       = 65535
)

// verb is the method as HTTP has it.
func (r *httpRequest) verb() string {
	switch {
	case r.head:
		return "HEAD"
	case r.method == methodPost:
		return "POST"
	}
	return "GET"
}

// hops is how many redirects are followed.
func (r *httpRequest) hops() int {
	if r.redirects == 0 {
		return defaultRedirects
	}
	return int(r.redirects)
}

// valid makes the checks that come before the policy.
func (r *httpRequest) valid() bool {
	if r.toFile && r.path == "" || r.method != methodGet && r.method != methodPost || strings.IndexByte(r.url, 0) >= 0 {
		return false
	}
	for _, f := range r.fields {
		if f.Name == "" || strings.ContainsAny(f.Name+f.Value, "\x00\r\n") {
			return false
		}
	}
	if r.timeout > maxSeconds || r.redirects > maxRedirects || r.maxHeaderBytes > maxHeaderBytes || r.maxHeaders > maxHeaders {
		return false
	}
	return !r.toFile || safePath(r.path)
}

// safePath reports whether a download may have this name.
func safePath(p string) bool {
	if strings.ContainsAny(p, "\x00\\") {
		return false
	}
	for _, segment := range strings.Split(p, "/") {
		if segment == "" || segment == "." || segment == ".." || strings.HasPrefix(segment, ".x07_") {
			return false
		}
	}
	return true
}

// cursor reads a document front to back. After a failure it stays failed.
type cursor struct {
	rest []byte
	bad  bool
}

func (c *cursor) take(n uint32) []byte {
	if c.bad || uint64(n) > uint64(len(c.rest)) {
		c.bad = true
		return nil
	}
	b := c.rest[:n]
	c.rest = c.rest[n:]
	return b
}

func (c *cursor) num() uint32 {
	if b := c.take(4); b != nil {
		return u32(b)
	}
	return 0
}

func (c *cursor) byte() byte {
	if b := c.take(1); b != nil {
		return b[0]
	}
	return 0
}

// block is a length and that many bytes. A length of 2^31 or more is malformed.
func (c *cursor) block() []byte {
	n := c.num()
	if n >= 1<<31 {
		c.bad = true
	}
	return c.take(n)
}

// parseHTTPRequest reads HttpReqV1.
func parseHTTPRequest(doc []byte) (httpRequest, bool) {
	c := cursor{rest: doc}
	version := c.num()
	r := httpRequest{version: 2, method: c.num(), url: string(c.block())}
	table := c.block()
	r.body = slices.Clone(c.block())
	caps := c.block()
	if c.bad || version != 1 || len(c.rest) > 0 {
		return httpRequest{}, false
	}
	r.fields = canonical(table)
	field := func(at int, usual uint32) uint32 {
		if len(caps) < 28 || u32(caps) != 1 || u32(caps[at:]) >= 1<<31 {
			return usual
		}
		return u32(caps[at:])
	}
	r.follow = field(4, 0) != 0
	r.timeout = field(8, defaultSeconds)
	r.redirects = field(12, 0)
	r.maxHeaderBytes = field(16, 4096)
	r.maxHeaders = field(20, 64)
	r.maxBody = field(24, 65536)
	return r, true
}

// readTable reads a HeaderTable; ok is false when it is malformed.
func readTable(table []byte) (fields []http1.Field, ok bool) {
	c := cursor{rest: table}
	n := c.num()
	for i := uint32(0); i < n && !c.bad; i++ {
		name := string(c.block())
		fields = append(fields, http1.Field{Name: name, Value: string(c.block())})
	}
	return fields, !c.bad && n < 1<<31
}

// canonical is a table with names in lower case, sorted by name and value, and
// the values of equal names joined. A malformed table is empty.
func canonical(table []byte) []http1.Field {
	fields, ok := readTable(table)
	if !ok {
		return nil
	}
	for i := range fields {
		fields[i].Name = lowerASCII(fields[i].Name)
	}
	slices.SortFunc(fields, func(a, b http1.Field) int {
		if c := strings.Compare(a.Name, b.Name); c != 0 {
			return c
		}
		return strings.Compare(a.Value, b.Value)
	})
	var out []http1.Field
	for _, f := range fields {
		if k := len(out) - 1; k >= 0 && out[k].Name == f.Name {
			out[k].Value += ", " + f.Value
			continue
		}
		out = append(out, f)
	}
	return out
}

func lowerASCII(s string) string {
	b := []byte(s)
	for i, c := range b {
		if 'A' <= c && c <= 'Z' {
			b[i] = c + 'a' - 'A'
		}
	}
	return string(b)
}

func basicAuth(user, password string) string {
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(user+":"+password))
}

// HTTPRequest is ext.curl.http.request_v1 and request_v2: a request document of
// version 1, 2 or 3.
func (n *Net) HTTPRequest(ctx context.Context, doc []byte, maxBody int32) []byte {
	c := cursor{rest: doc}
	r := httpRequest{version: c.byte(), method: uint32(c.byte()), url: string(c.block()), timeout: defaultSeconds}
	count := c.num()
	for i := uint32(0); i < count && !c.bad; i++ {
		name := string(c.block())
		r.fields = append(r.fields, http1.Field{Name: name, Value: string(c.block())})
	}
	r.body = slices.Clone(c.block())
	if r.version >= 2 {
		r.follow = c.num()&1 != 0
		r.timeout, r.redirects, r.maxHeaderBytes, r.maxHeaders = c.num(), c.num(), c.num(), c.num()
	}
	if r.version == 3 {
		r.toFile, r.path = true, string(c.block())
	}
	if c.bad || len(c.rest) > 0 || r.version < 1 || r.version > 3 || maxBody < 0 {
		return errDoc(network.Invalid)
	}
	r.maxBody = uint32(maxBody)
	return n.transfer(ctx, r)
}

// HTTPHead is ext.curl.http.head: the status of a URL, redirects followed, or a
// network error code.
func (n *Net) HTTPHead(ctx context.Context, url string) (status int32, code int32) {
	r := httpRequest{version: 2, method: methodGet, head: true, url: url, follow: true, timeout: defaultSeconds}
	doc := n.transfer(ctx, r)
	if doc[0] == 0 {
		return 0, int32(u32(doc[1:]))
	}
	return int32(u32(doc[2:])), 0
}
