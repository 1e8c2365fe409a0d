package http1

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
)

var limits = Limits{HeaderBytes: 1000, Headers: 10, Body: 1000}

// FuzzResponse reads what any server may send. Whatever it is, what is kept
// stays within the limits.
func FuzzResponse(f *testing.F) {
	for _, seed := range []string{
		"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc",
		"HTTP/1.0 404 Not Found\n\nrest",
		"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3;x=y\r\nabc\r\n0\r\nTrailer: t\r\n\r\n",
		"HTTP/1.1 302 Found\r\nLocation: /x\r\n\r\n",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		heads := NewHeaders(limits)
		in := NewReader(bytes.NewReader(data), heads)
		resp, err := in.Head("GET")
		var body bytes.Buffer
		if err == nil {
			if resp.Status < 200 || resp.Status > 999 {
				t.Errorf("status %d", resp.Status)
			}
			var n int64
			n, err = in.Body(resp, &body)
			if err == nil && (n != int64(body.Len()) || n > limits.Body) {
				t.Errorf("%d bytes told, %d written", n, body.Len())
			}
		}
		cost := 0
		for _, h := range heads.Fields() {
			cost += 8 + len(h.Name) + len(h.Value)
			if !token(h.Name) || !plain(h.Value) {
				t.Errorf("header %q: %q", h.Name, h.Value)
			}
		}
		if cost > limits.HeaderBytes || len(heads.Fields()) > limits.Headers || int64(body.Len()) > limits.Body+1 {
			t.Errorf("%d headers of %d bytes, %d bytes of body", len(heads.Fields()), cost, body.Len())
		}
	})
}

// FuzzRequest writes requests of any text: what is written has exactly one
// request in it, or is refused.
func FuzzRequest(f *testing.F) {
	f.Add("/path", "host", "name", "value", []byte("body"))
	f.Add("/ HTTP/1.1\r\nA: b", "host\r\n", "a\nb", "c\rd", []byte(nil))
	f.Fuzz(func(t *testing.T, target, host, name, value string, body []byte) {
		if strings.ContainsAny(host, "\r\n\x00") {
			return // a host comes from a parsed URL
		}
		r := Request{Method: "POST", Target: target, Host: host, Fields: []Field{{name, value}}, Body: body}
		msg, err := r.Append(nil)
		if err != nil {
			if !errors.Is(err, ErrRequest) {
				t.Errorf("error %v", err)
			}
			return
		}
		head, rest, ok := bytes.Cut(msg, []byte("\r\n\r\n"))
		if !ok || !bytes.Equal(rest, body) {
			t.Fatalf("the body does not begin where the headers end: %q", msg)
		}
		if n := bytes.Count(head, []byte("\n")); n > 5 || bytes.ContainsAny(head, "\x00") {
			t.Errorf("%d lines: %q", n+1, head)
		}
	})
}

func TestTrailersAreHeaders(t *testing.T) {
	heads := NewHeaders(limits)
	in := NewReader(strings.NewReader("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\nT: v\r\n\r\n"), heads)
	resp, err := in.Head("GET")
	if err != nil {
		t.Fatal(err)
	}
	if n, err := in.Body(resp, io.Discard); n != 1 || err != nil || len(heads.Fields()) != 2 {
		t.Errorf("%d, %v, %v", n, err, heads.Fields())
	}
}

func TestAResponseToHEADHasNoBody(t *testing.T) {
	in := NewReader(strings.NewReader("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n"), NewHeaders(limits))
	resp, err := in.Head("HEAD")
	if err != nil {
		t.Fatal(err)
	}
	if n, err := in.Body(resp, io.Discard); n != 0 || err != nil {
		t.Errorf("%d, %v", n, err)
	}
}
