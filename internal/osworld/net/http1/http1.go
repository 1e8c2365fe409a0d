// Package http1 speaks the client's side of one HTTP/1.1 exchange over a
// connection that somebody else opened. A request comes in; status, every
// header line in the order and spelling it was received, and the body go out.
//
// It is not net/http because programs are promised the header lines as the
// server sent them, interim responses included, and exact limits on their
// bytes and number; net/http keeps a map of canonical names. One exchange uses
// one connection and is not followed by another. The package opens nothing,
// follows no redirect, decodes no content and keeps no cookie. Whatever a
// server sends, it holds at most the limits of the call in memory.
package http1

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// Field is one header line.
type Field struct{ Name, Value string }

// Request is what is asked of a server.
type Request struct {
	Method string
	// Target is the path and query, as it goes on the wire.
	Target string
	// Host is the value of the Host line.
	Host string
	// Fields are further header lines, in order. An entry replaces the default
	// line of its name, and an empty value leaves the line out.
	Fields []Field
	Body   []byte
}

// Limits bound what a server may send.
type Limits struct {
	// HeaderBytes and Headers bound the header lines that are kept, over all
	// responses of a transfer; a line costs 8 bytes more than name and value.
	// When one of them is 0, no lines are kept.
	HeaderBytes, Headers int
	// Body bounds the body, in bytes.
	Body int64
}

// Errors of an exchange. Others are those of the connection.
var (
	// ErrTooLarge: a limit was exceeded.
	ErrTooLarge = errors.New("the response exceeds a limit")
	// ErrProtocol: what came is not HTTP.
	ErrProtocol = errors.New("malformed response")
	// ErrTruncated: the connection ended before the response did.
	ErrTruncated = errors.New("the response is incomplete")
	// ErrRequest: the request cannot be written as HTTP.
	ErrRequest = errors.New("malformed request")
)

// Headers collects the header lines of a transfer.
type Headers struct {
	limits Limits
	kept   []Field
	cost   int
	raw    int // bytes of all lines
}

// NewHeaders returns a collector for the responses of one transfer.
func NewHeaders(l Limits) *Headers { return &Headers{limits: l} }

// Fields are the lines that were kept.
func (h *Headers) Fields() []Field { return h.kept }

// rawSlack is how much a server may send in lines that are not kept, in bytes.
const rawSlack = 1 << 20

// take counts raw bytes of lines.
func (h *Headers) take(n int) error {
	if h.raw += n; h.raw > h.limits.HeaderBytes+rawSlack {
		return fmt.Errorf("%w: more than %d bytes of headers", ErrTooLarge, h.limits.HeaderBytes+rawSlack)
	}
	return nil
}

// keep adds a line.
func (h *Headers) keep(f Field) error {
	if h.limits.HeaderBytes == 0 || h.limits.Headers == 0 {
		return nil
	}
	h.cost += 8 + len(f.Name) + len(f.Value)
	if h.cost > h.limits.HeaderBytes || len(h.kept) == h.limits.Headers {
		return fmt.Errorf("%w: more than %d headers or %d bytes of them", ErrTooLarge, h.limits.Headers, h.limits.HeaderBytes)
	}
	h.kept = append(h.kept, f)
	return nil
}

// defaults are the lines that a request has unless its fields say otherwise.
func (r *Request) defaults() []Field {
	lines := []Field{{"Host", r.Host}, {"Accept", "*/*"}}
	if r.Method == "POST" {
		lines = append(lines, Field{"Content-Length", strconv.Itoa(len(r.Body))}, Field{"Content-Type", "application/x-www-form-urlencoded"})
	}
	return lines
}

// Append appends the request as it goes on the wire. Lines that would change
// where the body ends are refused.
func (r *Request) Append(b []byte) ([]byte, error) {
	if !plain(r.Method) || !plain(r.Target) || strings.ContainsAny(r.Target, " \t") {
		return nil, fmt.Errorf("%w: method or target", ErrRequest)
	}
	own := make(map[string]bool, len(r.Fields))
	for _, f := range r.Fields {
		name := strings.ToLower(f.Name)
		switch {
		case !token(f.Name) || !plain(f.Value):
			return nil, fmt.Errorf("%w: header %.40q", ErrRequest, f.Name)
		case name == "transfer-encoding" && f.Value != "",
			name == "content-length" && f.Value != strconv.Itoa(len(r.Body)):
			return nil, fmt.Errorf("%w: header %.40q is not what the body is", ErrRequest, f.Name)
		}
		own[name] = true
	}
	b = append(b, r.Method...)
	b = append(b, ' ')
	b = append(b, r.Target...)
	b = append(b, " HTTP/1.1\r\n"...)
	for _, f := range r.defaults() {
		if !own[strings.ToLower(f.Name)] {
			b = appendLine(b, f)
		}
	}
	for _, f := range r.Fields {
		if f.Value != "" {
			b = appendLine(b, f)
		}
	}
	b = append(b, "\r\n"...)
	return append(b, r.Body...), nil
}

func appendLine(b []byte, f Field) []byte {
	b = append(b, f.Name...)
	b = append(b, ": "...)
	b = append(b, f.Value...)
	return append(b, "\r\n"...)
}

// plain reports whether text has no bytes that end a line.
func plain(s string) bool { return !strings.ContainsAny(s, "\r\n\x00") }

// token reports whether text may be a header name.
func token(s string) bool {
	for i := 0; i < len(s); i++ {
		if c := s[i]; c <= ' ' || c == ':' || c >= 0x7f {
			return false
		}
	}
	return s != ""
}

// Response is the final response of an exchange, without its body.
type Response struct {
	Status int
	// Location is the value of the last Location line.
	Location string

	chunked bool
	length  int64 // -1: until the connection ends
	lengths int   // Content-Length lines
	coded   bool  // Transfer-Encoding was present
}

// Length is the announced length of the body in bytes, -1 if there is none.
func (r *Response) Length() int64 { return r.length }

// Reader reads the responses of one connection.
type Reader struct {
	r    *bufio.Reader
	head *Headers
}

// NewReader reads responses from r and collects their lines in h.
func NewReader(r io.Reader, h *Headers) *Reader {
	return &Reader{r: bufio.NewReaderSize(r, 16<<10), head: h}
}

// Head reads responses up to the final one's body. Interim responses only leave
// their lines. method is that of the request.
func (r *Reader) Head(method string) (*Response, error) {
	for {
		resp, err := r.one(method)
		if err != nil || resp.Status >= 200 {
			return resp, err
		}
	}
}

func (r *Reader) one(method string) (*Response, error) {
	line, err := r.line()
	if err != nil {
		return nil, err
	}
	resp := &Response{length: -1}
	if resp.Status, err = parseStatus(line); err != nil {
		return nil, err
	}
	if err := r.fields(func(f Field) error { return resp.note(f) }); err != nil {
		return nil, err
	}
	switch {
	case resp.Status == 101:
		return nil, fmt.Errorf("%w: the server switched protocols", ErrProtocol)
	case method == "HEAD" || resp.Status < 200 || resp.Status == 204 || resp.Status == 304:
		resp.chunked, resp.length = false, 0
	case resp.coded && !resp.chunked:
		return nil, fmt.Errorf("%w: unknown transfer encoding", ErrProtocol)
	case resp.chunked:
		resp.length = -1
	}
	return resp, nil
}

// note takes from a header line what the exchange needs to know.
func (r *Response) note(f Field) error {
	switch strings.ToLower(f.Name) {
	case "location":
		r.Location = f.Value
	case "transfer-encoding":
		if r.coded {
			return fmt.Errorf("%w: two transfer encodings", ErrProtocol)
		}
		r.coded, r.chunked = true, strings.EqualFold(f.Value, "chunked")
	case "content-length":
		n, err := strconv.ParseUint(f.Value, 10, 62)
		if err != nil || r.lengths > 0 && int64(n) != r.length {
			return fmt.Errorf("%w: content length %.40q", ErrProtocol, f.Value)
		}
		r.length = int64(n)
		r.lengths++
	}
	return nil
}

func parseStatus(line string) (int, error) {
	rest, ok := strings.CutPrefix(line, "HTTP/1.")
	if !ok || len(rest) < 5 || rest[0] < '0' || rest[0] > '9' || rest[1] != ' ' || len(rest) > 5 && rest[5] != ' ' {
		return 0, fmt.Errorf("%w: status line %.40q", ErrProtocol, line)
	}
	n, err := strconv.Atoi(rest[2:5])
	if err != nil || n < 100 {
		return 0, fmt.Errorf("%w: status line %.40q", ErrProtocol, line)
	}
	return n, nil
}

// line reads a line without its end.
func (r *Reader) line() (string, error) {
	var line []byte
	for {
		piece, err := r.r.ReadSlice('\n')
		if terr := r.head.take(len(piece)); terr != nil {
			return "", terr
		}
		line = append(line, piece...)
		if err == bufio.ErrBufferFull {
			continue
		}
		if err == io.EOF {
			err = ErrTruncated
		}
		if err != nil {
			return "", err
		}
		break
	}
	line = line[:len(line)-1]
	if n := len(line); n > 0 && line[n-1] == '\r' {
		line = line[:n-1]
	}
	text := string(line)
	if !plain(text) {
		return "", fmt.Errorf("%w: a line with control characters", ErrProtocol)
	}
	return text, nil
}

// fields reads header lines up to the empty one.
func (r *Reader) fields(each func(Field) error) error {
	for {
		line, err := r.line()
		if err != nil || line == "" {
			return err
		}
		name, value, ok := strings.Cut(line, ":")
		if !ok || !token(name) {
			return fmt.Errorf("%w: header line %.40q", ErrProtocol, line)
		}
		f := Field{name, strings.Trim(value, " \t")}
		if err := r.head.keep(f); err != nil {
			return err
		}
		if err := each(f); err != nil {
			return err
		}
	}
}

// Body copies the body of resp, which Head returned last, to w.
func (r *Reader) Body(resp *Response, w io.Writer) (int64, error) {
	limit := r.head.limits.Body
	switch {
	case resp.chunked:
		return r.chunks(w, limit)
	case resp.length >= 0:
		if resp.length > limit {
			return 0, tooLong(limit)
		}
		n, err := io.CopyN(w, r.r, resp.length)
		if err == io.EOF {
			err = ErrTruncated
		}
		return n, err
	}
	n, err := io.Copy(w, io.LimitReader(r.r, limit+1))
	if err == nil && n > limit {
		err = tooLong(limit)
	}
	return n, err
}

func tooLong(limit int64) error {
	return fmt.Errorf("%w: more than %d bytes of body", ErrTooLarge, limit)
}

// chunks copies a chunked body and reads its trailer.
func (r *Reader) chunks(w io.Writer, limit int64) (int64, error) {
	var total int64
	for {
		line, err := r.line()
		if err != nil {
			return total, err
		}
		size, _, _ := strings.Cut(line, ";")
		n, err := strconv.ParseUint(strings.Trim(size, " \t"), 16, 62)
		if err != nil {
			return total, fmt.Errorf("%w: chunk size %.40q", ErrProtocol, line)
		}
		if n == 0 {
			return total, r.fields(func(Field) error { return nil })
		}
		if n > uint64(limit-total) {
			return total, tooLong(limit)
		}
		k, err := io.CopyN(w, r.r, int64(n))
		total += k
		if err == io.EOF {
			err = ErrTruncated
		}
		if err != nil {
			return total, err
		}
		// Size lines are no header lines: a long body has many of them.
		r.head.raw -= len(line) + 2
		if r.head.raw < 0 {
			r.head.raw = 0
		}
		end, err := r.line()
		if err != nil {
			return total, err
		}
		if end != "" {
			return total, fmt.Errorf("%w: a chunk does not end", ErrProtocol)
		}
		r.head.raw = max(0, r.head.raw-2)
	}
}
