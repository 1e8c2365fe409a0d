package net

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"strconv"
	"strings"
	"time"

	"x07/internal/broker/network"
	"x07/internal/osworld/fs"
	"x07/internal/osworld/net/http1"
	"x07/internal/policy"
)

// transfer is one HTTP request of a program, redirects included.
type transfer struct {
	n      *Net
	req    httpRequest
	heads  *http1.Headers
	status int
	limit  int64 // of the body, in bytes
	// Where the body goes.
	body bytes.Buffer
	file *fs.Download
	size int64
	// fault is the first error of writing the file.
	fault error
}

// HTTPFetch is std.net.http.client.fetch_v1, and fetch_to_file_v1 when toFile
// is set.
func (n *Net) HTTPFetch(ctx context.Context, doc []byte, path string, toFile bool) []byte {
	req, ok := parseHTTPRequest(doc)
	if !ok || req.method == methodGet && len(req.body) > 0 {
		return errDoc(network.Invalid)
	}
	req.path, req.toFile = path, toFile
	return n.transfer(ctx, req)
}

// transfer validates a request, performs it, and makes the response document.
func (n *Net) transfer(ctx context.Context, req httpRequest) []byte {
	if !req.valid() {
		return errDoc(network.Invalid)
	}
	t := &transfer{n: n, req: req, limit: int64(req.maxBody)}
	t.heads = http1.NewHeaders(http1.Limits{HeaderBytes: int(req.maxHeaderBytes), Headers: int(req.maxHeaders), Body: t.limit})
	seconds := req.timeout
	if seconds == 0 {
		seconds = defaultSeconds
	}
	ctx, cancel := context.WithTimeout(ctx, time.Duration(seconds)*time.Second)
	defer cancel()
	err := t.run(ctx)
	if err == nil && t.file != nil {
		if err = t.file.Commit(); err != nil {
			err = &network.Failure{Code: network.Internal, Err: err}
		}
	} else if t.file != nil {
		err = errors.Join(err, t.file.Abort())
	}
	if err != nil {
		return n.fail(t.coded(err))
	}
	return t.document()
}

// coded gives an error of a transfer its code.
func (t *transfer) coded(err error) error {
	var f *network.Failure
	switch {
	case t.fault != nil:
		return &network.Failure{Code: network.Internal, Err: t.fault}
	case errors.As(err, &f):
		return f
	case errors.Is(err, http1.ErrTooLarge):
		return &network.Failure{Code: network.TooLarge, Err: err}
	case errors.Is(err, http1.ErrRequest):
		return &network.Failure{Code: network.Invalid, Err: err}
	case network.CodeOf(err) == network.Timeout:
		return &network.Failure{Code: network.Timeout, Err: err}
	}
	return &network.Failure{Code: network.Internal, Err: err}
}

// run opens the output and follows the request to its last response.
func (t *transfer) run(ctx context.Context) error {
	u, err := t.n.parseURL(t.req.url)
	if err != nil {
		return err
	}
	if u.Scheme == "file" {
		return t.readFile(u)
	}
	if t.req.toFile {
		// Who may not connect creates no file.
		if dec := t.n.door.Gate.NetHTTP(u.Hostname(), portOf(u)); !dec.Allowed {
			return &network.Failure{Code: network.Denied, Decision: dec}
		}
		if err := t.open(); err != nil {
			return err
		}
	}
	hops := 0
	out := http1.Request{Method: t.req.verb(), Fields: t.req.fields, Body: t.req.body}
	for {
		next, err := t.hop(ctx, u, &out)
		if err != nil || next == "" {
			return err
		}
		if hops++; hops > t.req.hops() {
			return fmt.Errorf("more than %d redirects", t.req.hops())
		}
		to, err := u.Parse(next)
		if err != nil {
			return err
		}
		if to.Scheme != "http" && to.Scheme != "https" {
			return fmt.Errorf("a redirect to scheme %.20q", to.Scheme)
		}
		if to.Scheme != u.Scheme || to.Host != u.Host {
			out.Fields = withoutSecrets(out.Fields)
		}
		u = to
	}
}

// open begins the output file.
func (t *transfer) open() error {
	dec := t.n.door.Gate.FSDownload(t.req.path)
	if !dec.Allowed {
		return &network.Failure{Code: network.Denied, Decision: dec.Decision}
	}
	if t.n.door.Gate.Enforcing() {
		t.limit = min(t.limit, int64(t.n.door.Gate.FSMaxWrite(0)))
		t.heads = http1.NewHeaders(http1.Limits{HeaderBytes: int(t.req.maxHeaderBytes), Headers: int(t.req.maxHeaders), Body: t.limit})
	}
	file, err := t.n.files.NewDownload(dec)
	if err != nil {
		if t.n.door.Gate.Enforcing() {
			return &network.Failure{Code: network.Denied, Decision: refusedBySystem(dec.Decision)}
		}
		return &network.Failure{Code: network.Internal, Err: err}
	}
	t.file = file
	return nil
}

// refusedBySystem is the decision about a path below a root that cannot be
// opened there.
func refusedBySystem(d policy.Decision) policy.Decision {
	d.Allowed, d.Class, d.Code = false, policy.Denied, int32(network.Denied)
	return d
}

// Write takes body bytes for the file or for memory.
func (t *transfer) Write(p []byte) (int, error) {
	t.size += int64(len(p))
	if t.file == nil {
		return t.body.Write(p)
	}
	k, err := t.file.Write(p)
	if err != nil {
		t.fault = err
	}
	return k, err
}

// ReadFrom takes body bytes without a buffer between, as io.Copy wants it.
func (t *transfer) ReadFrom(r io.Reader) (int64, error) {
	if t.file == nil {
		k, err := t.body.ReadFrom(r)
		t.size += k
		return k, err
	}
	return io.Copy(writerOnly{t}, r)
}

// writerOnly hides that a transfer can read.
type writerOnly struct{ io.Writer }

// hop performs one request and returns where a redirect leads, "" for the last
// response.
func (t *transfer) hop(ctx context.Context, u *url.URL, out *http1.Request) (next string, err error) {
	start := t.n.door.Start()
	before := t.size
	deadline, _ := ctx.Deadline()
	out.Target, out.Host = targetOf(u), hostOf(u)
	msg, err := withAuthority(out, u).Append(nil)
	if err != nil {
		return "", err
	}
	to := network.Target{Op: policy.OpNetHTTP, Host: u.Hostname(), Port: portOf(u), Timeout: max(time.Until(deadline), time.Millisecond)}
	if u.Scheme == "http" && len(msg) <= network.MaxFirst {
		to.First, msg = msg, nil
	}
	conn, err := t.n.net.Dial(ctx, to)
	if err != nil {
		t.n.connected(to, nil, start, network.CodeOf(err))
		// Under a policy, a name that does not resolve is not an allowed one.
		if network.CodeOf(err) == network.DNS && t.n.door.Gate.Enforcing() {
			return "", &network.Failure{Code: network.Denied, Err: err}
		}
		return "", err
	}
	defer func() {
		conn.Close()
		t.n.door.Done(conn.Checked(), t.size-before, start, int32(codeOrZero(t, err)))
	}()
	if err := conn.SetDeadline(deadline); err != nil {
		return "", err
	}
	defer network.WakeOnEnd(ctx, conn.SetDeadline)()
	var stream net.Conn = conn
	if u.Scheme == "https" {
		s, err := t.n.secure(ctx, conn, tlsConfig{verify: true, name: u.Hostname()}, deadline)
		if err != nil {
			return "", err
		}
		if err := conn.SetDeadline(deadline); err != nil {
			return "", err
		}
		stream = s
	}
	return t.exchange(stream, msg, out)
}

// believed bounds the memory that an announced length gets in advance, in bytes.
const believed = 4 << 20

func codeOrZero(t *transfer, err error) network.Code {
	if err == nil {
		return 0
	}
	return network.CodeOf(t.coded(err))
}

// exchange sends the request, if it was not sent yet, and reads the response.
func (t *transfer) exchange(stream net.Conn, msg []byte, out *http1.Request) (next string, err error) {
	if len(msg) > 0 {
		// A server may answer and close before it has read everything: its answer
		// counts, and if there is none, reading fails as well.
		_, err := stream.Write(msg)
		if err != nil && network.CodeOf(err) == network.Timeout {
			return "", err
		}
	}
	in := http1.NewReader(stream, t.heads)
	resp, err := in.Head(out.Method)
	if err != nil {
		return "", err
	}
	t.status = resp.Status
	if t.req.follow && resp.Location != "" {
		switch resp.Status {
		case 301, 302, 303:
			if out.Method == "POST" {
				out.Method, out.Body, out.Fields = "GET", nil, withoutContent(out.Fields)
			}
			return resp.Location, nil
		case 307, 308:
			return resp.Location, nil
		}
	}
	if t.file == nil {
		// What a server announces is believed up to a size that costs nothing.
		t.body.Grow(int(max(0, min(resp.Length(), t.limit, believed))) + bytes.MinRead)
	}
	_, err = in.Body(resp, t)
	return "", err
}

// withAuthority adds the credentials of a URL, unless the request has its own.
func withAuthority(out *http1.Request, u *url.URL) *http1.Request {
	if u.User == nil {
		return out
	}
	for _, f := range out.Fields {
		if strings.EqualFold(f.Name, "authorization") {
			return out
		}
	}
	with := *out
	password, _ := u.User.Password()
	with.Fields = append([]http1.Field{{Name: "Authorization", Value: basicAuth(u.User.Username(), password)}}, out.Fields...)
	return &with
}

// withoutSecrets are the lines that another server may see.
func withoutSecrets(fields []http1.Field) []http1.Field {
	return without(fields, "authorization", "cookie", "host")
}

// withoutContent are the lines of a request without body.
func withoutContent(fields []http1.Field) []http1.Field {
	return without(fields, "content-length", "content-type", "content-encoding", "content-language")
}

func without(fields []http1.Field, names ...string) []http1.Field {
	var kept []http1.Field
next:
	for _, f := range fields {
		for _, name := range names {
			if strings.EqualFold(f.Name, name) {
				continue next
			}
		}
		kept = append(kept, f)
	}
	return kept
}

// readFile serves a file URL.
func (t *transfer) readFile(u *url.URL) error {
	gate := t.n.door.Gate
	dec := gate.FSFileURL(u.Path)
	if !dec.Allowed {
		code := network.Code(dec.Code)
		return &network.Failure{Code: code, Decision: dec.Decision}
	}
	if t.req.toFile {
		if err := t.open(); err != nil {
			return err
		}
	}
	if gate.Enforcing() {
		t.limit = min(t.limit, int64(gate.FSMaxRead(0)))
	}
	start := t.n.door.Start()
	file, err := t.n.files.OpenForRead(dec)
	if err != nil {
		return &network.Failure{Code: network.Internal, Err: err}
	}
	defer file.Close()
	if info, err := file.Stat(); err != nil || !info.Mode().IsRegular() {
		return &network.Failure{Code: network.Internal, Err: errors.New("not a regular file")}
	}
	k, err := io.Copy(t, io.LimitReader(file, t.limit+1))
	if err == nil && k > t.limit {
		err = http1.ErrTooLarge
	}
	t.n.door.Done(dec.Decision, k, start, int32(codeOrZero(t, err)))
	return err
}

// document is the response document.
func (t *transfer) document() []byte {
	fields := t.heads.Fields()
	doc := make([]byte, 0, 64+t.body.Len())
	doc = append(doc, 1, 2)
	if t.req.toFile {
		doc[1] = 3
	} else if t.req.version == 1 {
		doc[1] = 1
	}
	doc = putU32(putU32(doc, uint32(t.status)), uint32(len(fields)))
	for _, f := range fields {
		doc = putBytes(putBytes(doc, []byte(f.Name)), []byte(f.Value))
	}
	if t.req.toFile {
		return putU32(putBytes(doc, []byte(t.req.path)), uint32(t.size))
	}
	return putBytes(doc, t.body.Bytes())
}

// parseURL reads a URL. Under a policy only three schemes exist, and a
// malformed place is the program's mistake; elsewhere it is a failed transfer.
func (n *Net) parseURL(text string) (*url.URL, error) {
	bad := &network.Failure{Code: network.Internal, Err: fmt.Errorf("malformed URL %.100q", text)}
	gate := n.door.Gate
	if gate.Enforcing() {
		bad.Code = network.Invalid
	}
	scheme, rest, ok := strings.Cut(text, "://")
	if !gate.Enforcing() {
		scheme = strings.ToLower(scheme)
	}
	if !ok || scheme != "http" && scheme != "https" && scheme != "file" {
		return nil, bad
	}
	if scheme == "file" {
		return n.parseFileURL(rest, bad)
	}
	u, err := url.Parse(text)
	if err == nil && u.Hostname() != "" && portOf(u) >= 0 && !strings.HasSuffix(u.Host, ":") {
		return u, nil
	}
	// The switches come before the place.
	if d := gate.NetHTTP("invalid", 0); !d.Allowed && d.Field != "net.allow_hosts" {
		return nil, &network.Failure{Code: network.Denied, Decision: d}
	}
	return nil, bad
}

// parseFileURL takes the path of a file URL: as it is under a policy, decoded
// elsewhere.
func (n *Net) parseFileURL(rest string, bad error) (*url.URL, error) {
	enforcing := n.door.Gate.Enforcing()
	if enforcing {
		if d := n.door.Gate.FSFileURL("/"); !d.Allowed && d.Class == policy.Disabled {
			return nil, &network.Failure{Code: network.Denied, Decision: d.Decision}
		}
	} else {
		rest = strings.TrimPrefix(rest, "localhost")
		decoded, err := url.PathUnescape(rest)
		if err != nil {
			return nil, bad
		}
		rest = decoded
	}
	escaped := strings.ToLower(rest)
	if !strings.HasPrefix(rest, "/") || enforcing && (strings.Contains(escaped, "%2f") || strings.Contains(escaped, "%5c")) {
		return nil, bad
	}
	return &url.URL{Scheme: "file", Path: rest}, nil
}

// portOf is the port of a URL; -1 when it is none.
func portOf(u *url.URL) int {
	switch p := u.Port(); {
	case p != "":
		n, err := strconv.Atoi(p)
		if err != nil || n > 65535 {
			return -1
		}
		return n
	case u.Scheme == "https":
		return 443
	}
	return 80
}

// hostOf is the Host line of a URL: without the port that the scheme has anyway.
func hostOf(u *url.URL) string {
	if u.Scheme == "http" && u.Port() == "80" || u.Scheme == "https" && u.Port() == "443" {
		return u.Host[:strings.LastIndexByte(u.Host, ':')]
	}
	return u.Host
}

// targetOf is the request target of a URL.
func targetOf(u *url.URL) string {
	target := u.EscapedPath()
	if !strings.HasPrefix(target, "/") {
		target = "/" + target
	}
	if u.RawQuery != "" || u.ForceQuery {
		target += "?" + strings.NewReplacer(" ", "%20", "\t", "%09").Replace(u.RawQuery)
	}
	return target
}
