package net_test

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"encoding/pem"
	"fmt"
	"io"
	"log"
	stdnet "net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"x07/internal/policy"
)

// httpCaps is HttpCapsV1.
func httpCaps(follow, seconds, redirects, headerBytes, headers, body uint32) []byte {
	return cat(le(1), le(follow), le(seconds), le(redirects), le(headerBytes), le(headers), le(body))
}

var (
	plainCaps  = httpCaps(0, 5, 0, 4096, 64, 65536)
	followCaps = httpCaps(1, 5, 0, 4096, 64, 65536)
)

func table(fields ...string) []byte {
	doc := le(uint32(len(fields) / 2))
	for _, f := range fields {
		doc = append(doc, block(f)...)
	}
	return doc
}

// httpReq is HttpReqV1.
func httpReq(method uint32, url string, headers []byte, body string, caps []byte) []byte {
	return cat(le(1), le(method), block(url), block(string(headers)), block(body), block(string(caps)))
}

func get(url string, caps []byte) []byte { return httpReq(1, url, table(), "", caps) }

// response is a decoded HttpRespV2 or V3.
type response struct {
	code, version, status int
	headers               []string // name, value, name, ...
	body                  string   // or the path
	size                  int
}

func decode(t *testing.T, doc []byte) response {
	t.Helper()
	if len(doc) == 9 && doc[0] == 0 {
		return response{code: int(num(doc[1:]))}
	}
	r := response{version: int(doc[1]), status: int(num(doc[2:]))}
	n, rest := num(doc[6:]), doc[10:]
	next := func() string {
		k := num(rest)
		s := string(rest[4 : 4+k])
		rest = rest[4+k:]
		return s
	}
	for range n {
		r.headers = append(r.headers, next(), next())
	}
	r.body = next()
	if r.version == 3 {
		r.size, rest = int(num(rest)), rest[4:]
	}
	if len(rest) != 0 {
		t.Errorf("%d bytes after the response", len(rest))
	}
	return r
}

// raw serves a fixed answer to every request and keeps the requests.
func raw(t *testing.T, text string) (netip.AddrPort, chan string) {
	t.Helper()
	asked := make(chan string, 100)
	return serve(t, func(c stdnet.Conn) {
		r := bufio.NewReader(c)
		var head strings.Builder
		for {
			line, err := r.ReadString('\n')
			if err != nil {
				return
			}
			head.WriteString(line)
			if line == "\r\n" {
				break
			}
		}
		asked <- head.String()
		io.WriteString(c, text)
	}), asked
}

func TestMalformedHTTPRequestsAreCode2(t *testing.T) {
	at, _ := raw(t, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
	url := "http://" + at.String() + "/"
	good := get(url, plainCaps)
	inBoth(t, setup{}, func(t *testing.T, w world) {
		for what, req := range map[string][]byte{
			"nothing":                  nil,
			"version 2":                cat(le(2), good[4:]),
			"a cut request":            good[:len(good)-1],
			"a request that goes on":   append(bytes.Clone(good), 0),
			"an impossible length":     cat(good[:8], le(1<<31), good[12:]),
			"GET with a body":          httpReq(1, url, table(), "x", plainCaps),
			"method 0":                 httpReq(0, url, table(), "", plainCaps),
			"method 3":                 httpReq(3, url, table(), "", plainCaps),
			"a URL with NUL":           get(url+"\x00", plainCaps),
			"a header without name":    httpReq(1, url, table("", "v"), "", plainCaps),
			"a header that breaks out": httpReq(1, url, table("a", "b\r\nc: d"), "", plainCaps),
			"a name that breaks out":   httpReq(1, url, table("a: b\r\nc", "d"), "", plainCaps),
			"a name with a blank":      httpReq(1, url, table("a b", "d"), "", plainCaps),
			"a length of its own":      httpReq(2, url, table("content-length", "5"), "abc", plainCaps),
			"an encoding of its own":   httpReq(2, url, table("transfer-encoding", "chunked"), "0\r\n\r\n", plainCaps),
			"a timeout beyond 600 s":   get(url, httpCaps(0, 601, 0, 0, 0, 0)),
			"more than 100 redirects":  get(url, httpCaps(1, 1, 101, 0, 0, 0)),
			"headers beyond 16 MiB":    get(url, httpCaps(0, 1, 0, 16<<20+1, 1, 0)),
			"more than 65535 headers":  get(url, httpCaps(0, 1, 0, 1, 65536, 0)),
		} {
			if r := decode(t, w.HTTPFetch(bg, req, "", false)); r.code != 2 {
				t.Errorf("%s: code %d", what, r.code)
			}
		}
		for _, path := range []string{"", "/abs", "a/../b", "..", ".", "a//b", "a\\b", "a\x00", ".x07_tmp", "a/.x07_b/c", "a/"} {
			if r := decode(t, w.HTTPFetch(bg, good, path, true)); r.code != 2 {
				t.Errorf("download to %q: code %d", path, r.code)
			}
		}
		// Malformed caps are the defaults, a malformed table is no headers.
		for _, req := range [][]byte{get(url, nil), get(url, []byte("short")), httpReq(1, url, []byte{9}, "", plainCaps), httpReq(1, url, table("a")[:5], "", plainCaps)} {
			if r := decode(t, w.HTTPFetch(bg, req, "", false)); r.code != 0 || r.status != 200 {
				t.Errorf("got %+v", r)
			}
		}
	})
}

func TestResponsesKeepTheirHeaderLines(t *testing.T) {
	at, asked := raw(t, "HTTP/1.1 100 Continue\r\nX-Early:  yes \r\n\r\nHTTP/1.1 418 I'm a teapot\r\nX-Test: a\r\nx-test:\tb\t\r\nContent-Length: 4\r\n\r\nbodyIGNORED")
	inBoth(t, setup{}, func(t *testing.T, w world) {
		r := decode(t, w.HTTPFetch(bg, httpReq(2, "http://me:secret@"+at.String()+"/a b?c=d e#frag", table("X-B", "2", "x-a", "1", "X-b", "1", "Accept", ""), "hello", plainCaps), "", false))
		if r.code != 0 || r.status != 418 || r.version != 2 || r.body != "body" || strings.Join(r.headers, "|") != "X-Early|yes|X-Test|a|x-test|b|Content-Length|4" {
			t.Errorf("got %+v", r)
		}
		want := "POST /a%20b?c=d%20e HTTP/1.1\r\nHost: " + at.String() + "\r\nContent-Length: 5\r\nContent-Type: application/x-www-form-urlencoded\r\nAuthorization: Basic bWU6c2VjcmV0\r\nx-a: 1\r\nx-b: 1, 2\r\n\r\n"
		if got := <-asked; got != want {
			t.Errorf("asked %q, want %q", got, want)
		}
		defer func() { <-asked }()
		if r := decode(t, w.HTTPFetch(bg, get("http://"+at.String(), httpCaps(0, 5, 0, 0, 64, 10)), "", false)); r.code != 0 || len(r.headers) != 0 {
			t.Errorf("headers were kept: %+v", r)
		}
	})
}

func TestHostileServersMeetALimit(t *testing.T) {
	long := strings.Repeat("x", 100)
	for what, c := range map[string]struct {
		text string
		code int
	}{
		"many headers":                      {"HTTP/1.1 200 OK\r\n" + strings.Repeat("A: b\r\n", 65) + "\r\n", 4},
		"large headers":                     {"HTTP/1.1 200 OK\r\n" + strings.Repeat("A: "+long+"\r\n", 45) + "\r\n", 4},
		"one endless line":                  {"HTTP/1.1 200 OK\r\nA: " + strings.Repeat(long, 20_000), 4},
		"endless interim responses":         {strings.Repeat("HTTP/1.1 103 Early\r\nA: b\r\n\r\n", 65), 4},
		"a body over its limit":             {"HTTP/1.1 200 OK\r\nContent-Length: 65537\r\n\r\n", 4},
		"an announced exabyte":              {"HTTP/1.1 200 OK\r\nContent-Length: 1152921504606846976\r\n\r\n", 4},
		"an endless body":                   {"HTTP/1.1 200 OK\r\n\r\n" + strings.Repeat(long, 1000), 4},
		"an endless chunked body":           {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + strings.Repeat("64\r\n"+long+"\r\n", 700), 4},
		"a huge chunk":                      {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nfffffffffffffff\r\n", 4},
		"no answer":                         {"", 8},
		"no HTTP":                           {"SSH-2.0-OpenSSH\r\n", 8},
		"HTTP of another age":               {"<html>", 8},
		"a cut status line":                 {"HTTP/1.1 20", 8},
		"a status of letters":               {"HTTP/1.1 abc OK\r\n\r\n", 8},
		"a status below 100":                {"HTTP/1.1 099 OK\r\n\r\n", 8},
		"cut headers":                       {"HTTP/1.1 200 OK\r\nA: b\r\n", 8},
		"a header without colon":            {"HTTP/1.1 200 OK\r\nabc\r\n\r\n", 8},
		"a folded header":                   {"HTTP/1.1 200 OK\r\nA: b\r\n c\r\n\r\n", 8},
		"a header with NUL":                 {"HTTP/1.1 200 OK\r\nA: b\x00\r\n\r\n", 8},
		"a body that is too short":          {"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc", 8},
		"two lengths":                       {"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabc", 8},
		"a negative length":                 {"HTTP/1.1 200 OK\r\nContent-Length: -3\r\n\r\nabc", 8},
		"a length of letters":               {"HTTP/1.1 200 OK\r\nContent-Length: 3, 3\r\n\r\nabc", 8},
		"a cut chunk":                       {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab", 8},
		"a chunk without end":               {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nabcd\r\n", 8},
		"a chunk size of letters":           {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n", 8},
		"an unknown encoding":               {"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n", 8},
		"two encodings":                     {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n", 8},
		"a switch of protocols":             {"HTTP/1.1 101 Switching Protocols\r\n\r\n", 8},
		"a redirect to a file":              {"HTTP/1.1 302 Found\r\nLocation: file:///etc/passwd\r\n\r\n", 8},
		"a redirect to itself":              {"HTTP/1.1 302 Found\r\nLocation: /again\r\n\r\n", 8},
		"a redirect to nonsense":            {"HTTP/1.1 302 Found\r\nLocation: http://[::1\r\n\r\n", 8},
		"a length beside chunks is no harm": {"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n\r\n", 0},
	} {
		t.Run(what, func(t *testing.T) {
			at, _ := raw(t, c.text)
			inBoth(t, setup{net: allow("127.0.0.1:" + port(at))}, func(t *testing.T, w world) {
				if r := decode(t, w.HTTPFetch(bg, get("http://"+at.String()+"/", followCaps), "", false)); r.code != c.code {
					t.Errorf("code %d, want %d", r.code, c.code)
				}
				if r := decode(t, w.HTTPFetch(bg, get("http://"+at.String()+"/", followCaps), "out", true)); r.code != c.code && r.code != 1 {
					t.Errorf("to a file: code %d, want %d", r.code, c.code)
				}
			})
		})
	}
}

func TestASlowServerMeetsTheTimeout(t *testing.T) {
	at := serve(t, func(c stdnet.Conn) {
		io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc")
		io.Copy(io.Discard, c)
	})
	inBoth(t, setup{}, func(t *testing.T, w world) {
		start := time.Now()
		if r := decode(t, w.HTTPFetch(bg, get("http://"+at.String(), httpCaps(0, 1, 0, 0, 0, 100)), "", false)); r.code != 3 {
			t.Errorf("code %d", r.code)
		}
		if took := time.Since(start); took < time.Second || took > 20*time.Second {
			t.Errorf("took %v", took)
		}
	})
}

func TestRedirectsAreAllowedHopByHop(t *testing.T) {
	other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, "other %s %q %q", r.Method, r.Header.Get("Authorization"), r.Header.Get("X-Kept"))
	}))
	defer other.Close()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/away":
			http.Redirect(w, r, other.URL, http.StatusFound)
		case "/keep":
			http.Redirect(w, r, "/end", http.StatusTemporaryRedirect)
		case "/turn":
			http.Redirect(w, r, "/end", http.StatusSeeOther)
		case "/meta":
			http.Redirect(w, r, "http://meta.test:80/latest", http.StatusFound)
		default:
			body, _ := io.ReadAll(r.Body)
			fmt.Fprintf(w, "%s %s %s", r.Method, r.URL.Path, body)
		}
	}))
	defer s.Close()
	here, there := strings.TrimPrefix(s.URL, "http://"), strings.TrimPrefix(other.URL, "http://")
	resolver := names{"meta.test": {answer("169.254.169.254")}}
	post := func(path string) []byte {
		return httpReq(2, s.URL+path, table("Authorization", "Bearer t", "X-Kept", "k"), "data", followCaps)
	}
	inBoth(t, setup{net: allow(here, there), resolver: resolver}, func(t *testing.T, w world) {
		for path, want := range map[string]string{"/keep": "POST /end data", "/turn": "GET /end ", "/away": `other GET "" "k"`} {
			if r := decode(t, w.HTTPFetch(bg, post(path), "", false)); r.code != 0 || r.body != want {
				t.Errorf("%s: %d %q, want %q", path, r.code, r.body, want)
			}
		}
		if r := decode(t, w.HTTPFetch(bg, get(s.URL+"/away", plainCaps), "", false)); r.status != 302 {
			t.Errorf("a redirect was followed without being asked: %+v", r)
		}
	})
	inBoth(t, setup{net: allow(here, "meta.test:80"), resolver: resolver}, func(t *testing.T, w world) {
		for _, path := range []string{"/away", "/meta"} {
			if r := decode(t, w.HTTPFetch(bg, post(path), "", false)); r.code != 1 {
				t.Errorf("%s: %+v", path, r)
			}
		}
		want := []string{"net.http " + there + " net.allow_hosts", "net.http 169.254.169.254:80 net.allow_hosts"}
		if got := w.denials(); strings.Join(got, ";") != strings.Join(want, ";") {
			t.Errorf("denials %q, want %q", got, want)
		}
	})
}

func TestDownloadsAppearWhenTheyAreComplete(t *testing.T) {
	at, _ := raw(t, "HTTP/1.1 200 OK\r\nX-Test: v\r\nContent-Length: 5\r\n\r\nbytes")
	cut, _ := raw(t, "HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nbytes")
	for what, n := range map[string]*policy.Net{"run-os": nil, "a policy": allow(at.String(), cut.String())} {
		t.Run(what, func(t *testing.T) {
			inBoth(t, setup{net: n}, func(t *testing.T, w world) {
				if err := os.Mkdir(filepath.Join(w.dir, "out"), 0o777); err != nil {
					t.Fatal(err)
				}
				r := decode(t, w.HTTPFetch(bg, get("http://"+at.String()+"/", plainCaps), "out/file", true))
				if r.code != 0 || r.version != 3 || r.body != "out/file" || r.size != 5 || len(r.headers) != 4 {
					t.Errorf("got %+v", r)
				}
				if data, err := os.ReadFile(filepath.Join(w.dir, "out/file")); err != nil || string(data) != "bytes" {
					t.Errorf("file %q, %v", data, err)
				}
				if r := decode(t, w.HTTPFetch(bg, get("http://"+cut.String()+"/", plainCaps), "out/cut", true)); r.code != 8 {
					t.Errorf("a cut body: %+v", r)
				}
				if entries, _ := os.ReadDir(filepath.Join(w.dir, "out")); len(entries) != 1 {
					t.Errorf("left behind: %v", entries)
				}
				wantNoDir := 8
				if n != nil {
					wantNoDir = 1
					for _, path := range []string{"elsewhere", ".hidden", "out/.hidden"} {
						if r := decode(t, w.HTTPFetch(bg, get("http://"+at.String()+"/", plainCaps), path, true)); r.code != 1 {
							t.Errorf("download to %s: %+v", path, r)
						}
					}
				}
				if r := decode(t, w.HTTPFetch(bg, get("http://"+at.String()+"/", plainCaps), "out/none/file", true)); r.code != wantNoDir {
					t.Errorf("a missing directory: %+v", r)
				}
			})
		})
	}
}

func TestFileURLsAreHeldToTheReadRoots(t *testing.T) {
	for what, n := range map[string]*policy.Net{"run-os": nil, "a policy": allow()} {
		t.Run(what, func(t *testing.T) {
			inBoth(t, setup{net: n}, func(t *testing.T, w world) {
				if err := os.WriteFile(filepath.Join(w.dir, "page"), []byte("text"), 0o666); err != nil {
					t.Fatal(err)
				}
				fetch := func(url string, caps []byte) response {
					return decode(t, w.HTTPFetch(bg, get(url, caps), "", false))
				}
				base := "file://" + w.dir
				if r := fetch(base+"/page", plainCaps); r.code != 0 || r.status != 0 || r.body != "text" {
					t.Errorf("got %+v", r)
				}
				if r := fetch(base+"/page", httpCaps(0, 5, 0, 0, 0, 3)); r.code != 4 {
					t.Errorf("over the limit: %+v", r)
				}
				if r := fetch(base+"/none", plainCaps); r.code != 8 {
					t.Errorf("a missing file: %+v", r)
				}
				if r := fetch(base, plainCaps); r.code != 8 {
					t.Errorf("a directory: %+v", r)
				}
				if n == nil {
					return
				}
				for url, want := range map[string]int{
					"file:///etc/passwd": 1, base + "/.hidden": 1, base + "/../etc": 2, base + "/a%2fb": 2, base + "/a%5Cb": 2,
					"file://localhost" + w.dir + "/page": 2, "file:/" + w.dir: 2, "FILE://" + w.dir: 2, "ftp://127.0.0.1/": 2, "HTTP://127.0.0.1/": 2, "127.0.0.1": 2,
				} {
					if r := fetch(url, plainCaps); r.code != want {
						t.Errorf("%s: code %d, want %d", url, r.code, want)
					}
				}
			})
		})
	}
}

func TestPlacesInURLs(t *testing.T) {
	at, _ := raw(t, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
	noTCP := allow(at.String())
	noTCP.AllowTCP = false
	for _, c := range []struct {
		net  *policy.Net
		url  string
		code int
	}{
		{allow(at.String()), "http://" + at.String(), 0},
		{allow(at.String()), "http://127.0.0.1:99999/", 2},
		{allow(at.String()), "http://127.0.0.1:x/", 2},
		{allow(at.String()), "http://127.0.0.1:/", 2},
		{allow(at.String()), "http:///path", 2},
		{allow(at.String()), "http://127.0.0.1/", 1},
		{allow(at.String()), "http://user@evil.test:80@" + at.String() + "/", 0},
		{allow(at.String(), "none.test:80"), "http://none.test/", 1},
		{noTCP, "http://127.0.0.1:x/", 1},
		{nil, "http://127.0.0.1:99999/", 8},
		{nil, "gopher://127.0.0.1/", 8},
		{nil, "http://none.test/", 5},
		{nil, "nonsense", 8},
	} {
		inBoth(t, setup{net: c.net, resolver: names{}}, func(t *testing.T, w world) {
			if r := decode(t, w.HTTPFetch(bg, get(c.url, plainCaps), "", false)); r.code != c.code {
				t.Errorf("%s: code %d, want %d", c.url, r.code, c.code)
			}
		})
	}
}

func TestTLSVerifiesTheNameThatWasAsked(t *testing.T) {
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, "secret of "+r.Host) }))
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	s.StartTLS()
	defer s.Close()
	at := s.Listener.Addr().(*stdnet.TCPAddr).AddrPort()
	resolver := names{"example.com": {answer("127.0.0.1")}, "other.test": {answer("127.0.0.1")}}
	cert := filepath.Join(t.TempDir(), "roots.pem")
	block := &pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw}
	if err := os.WriteFile(cert, pem.EncodeToMemory(block), 0o666); err != nil {
		t.Fatal(err)
	}
	t.Setenv("SSL_CERT_FILE", cert)
	p := int(at.Port())
	cfg := func(verify uint32, sni string) []byte {
		return cat(le(1), le(verify), le(uint32(len(sni))), []byte(sni), le(0))
	}
	inBoth(t, setup{net: allow("example.com:"+port(at), "other.test:"+port(at), "127.0.0.1:"+port(at)), resolver: resolver}, func(t *testing.T, w world) {
		wantCode(t, "the name of the certificate", w.TLSConnect(bg, addrDoc("example.com", p), nil, quick), 0)
		wantCode(t, "another name", w.TLSConnect(bg, addrDoc("other.test", p), nil, quick), 7)
		wantCode(t, "another name, not verified", w.TLSConnect(bg, addrDoc("other.test", p), cfg(0, ""), quick), 0)
		wantCode(t, "the address in the certificate", w.TLSConnect(bg, addrDoc("127.0.0.1", p), cfg(1, "[127.0.0.1]"), quick), 0)
		wantCode(t, "an address with a name", w.TLSConnect(bg, addrDoc("127.0.0.1", p), cfg(1, "example.com"), quick), 0)
		if r := decode(t, w.HTTPFetch(bg, get("https://example.com:"+port(at)+"/", plainCaps), "", false)); r.body != "secret of example.com:"+port(at) {
			t.Errorf("got %+v", r)
		}
		if r := decode(t, w.HTTPFetch(bg, get("https://other.test:"+port(at)+"/", plainCaps), "", false)); r.code != 7 {
			t.Errorf("got %+v", r)
		}
		h := handleOf(t, "connect", w.TLSConnect(bg, addrDoc("example.com", p), nil, quick))
		wantCode(t, "read nothing at once", w.Read(bg, h, 0, quick), 0)
		wantCode(t, "nothing to read", w.Read(bg, h, 1, capsDoc(0, 20, 0, 0)), 3)
		w.Write(bg, h, []byte("GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"), quick)
		if doc := w.Wait(bg, h, 1, 5000); code(doc) != 0 || num(doc[4:])&1 == 0 {
			t.Errorf("wait: %x", doc)
		}
		first := w.Read(bg, h, 1, quick)
		if code(first) != 0 || string(first[8:]) != "H" {
			t.Fatalf("read: %x", first)
		}
		if doc := w.Wait(bg, h, 1, 0); num(doc[4:])&1 == 0 {
			t.Error("decrypted bytes are not readable")
		}
		var got bytes.Buffer
		for {
			doc := w.Read(bg, h, 1000, quick)
			if code(doc) != 0 {
				t.Fatalf("read: %d", code(doc))
			}
			if len(doc) == 8 {
				break
			}
			got.Write(doc[8:])
		}
		if !strings.HasSuffix(got.String(), "secret of h") {
			t.Errorf("got %q", got.String())
		}
		if w.Shutdown(h, 1) != 0 || w.DropStream(h) != 1 {
			t.Error("status of a TLS stream")
		}
	})
}

func TestTLSThatIsCutIsCode7(t *testing.T) {
	s := httptest.NewTLSServer(nil)
	config := s.TLS.Clone()
	s.Close()
	at := serve(t, func(c stdnet.Conn) {
		server := tls.Server(c, config)
		if server.Handshake() == nil {
			server.Write([]byte("x"))
			io.ReadFull(server, make([]byte, 1))
		} // and the connection ends without saying so
	})
	noise, _ := raw(t, "")
	inBoth(t, setup{}, func(t *testing.T, w world) {
		loose := cat(le(1), le(0), le(0), le(0))
		h := handleOf(t, "connect", w.TLSConnect(bg, addrDoc("127.0.0.1", int(at.Port())), loose, quick))
		wantCode(t, "read", w.Read(bg, h, 1, quick), 0)
		w.Write(bg, h, []byte("y"), quick)
		wantCode(t, "read of a cut stream", w.Read(bg, h, 1, quick), 7)
		wantCode(t, "a server that does not answer", w.TLSConnect(bg, addrDoc("127.0.0.1", int(noise.Port())), loose, capsDoc(100, 100, 0, 0)), 3)
	})
}

func TestTheRequestsOfTheOldPackage(t *testing.T) {
	at, _ := raw(t, "HTTP/1.1 200 OK\r\nX-Test: v\r\nContent-Length: 5\r\n\r\nbytes")
	url := "http://" + at.String() + "/"
	v1 := cat([]byte{1, 1}, block(url), le(0), block(""))
	v2 := cat([]byte{2, 1}, block(url), le(1), block("A"), block("b"), block(""), le(0), le(5), le(0), le(4096), le(64))
	inBoth(t, setup{}, func(t *testing.T, w world) {
		if r := decode(t, w.HTTPRequest(bg, v1, 100)); r.code != 0 || r.version != 1 || r.body != "bytes" || len(r.headers) != 0 {
			t.Errorf("version 1: %+v", r)
		}
		if r := decode(t, w.HTTPRequest(bg, v2, 100)); r.code != 0 || r.version != 2 || r.body != "bytes" || len(r.headers) != 4 {
			t.Errorf("version 2: %+v", r)
		}
		v3 := append(cat([]byte{3}, v2[1:]), block("file")...)
		if r := decode(t, w.HTTPRequest(bg, v3, 100)); r.code != 0 || r.version != 3 || r.size != 5 {
			t.Errorf("version 3: %+v", r)
		}
		for what, doc := range map[string][]byte{"nothing": nil, "version 4": cat([]byte{4}, v2[1:]), "too long": append(bytes.Clone(v2), 0), "cut": v2[:30]} {
			if r := decode(t, w.HTTPRequest(bg, doc, 100)); r.code != 2 {
				t.Errorf("%s: %+v", what, r)
			}
		}
		if r := decode(t, w.HTTPRequest(bg, v2, -1)); r.code != 2 {
			t.Errorf("a negative limit: %+v", r)
		}
		if status, code := w.HTTPHead(bg, url); status != 200 || code != 0 {
			t.Errorf("HEAD: %d, %d", status, code)
		}
		if _, code := w.HTTPHead(bg, "nonsense"); code != 8 {
			t.Errorf("HEAD of nonsense: %d", code)
		}
	})
}

func TestLargeRequestsArriveWhole(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n, _ := io.Copy(io.Discard, r.Body)
		fmt.Fprintf(w, "%d", n)
	}))
	defer s.Close()
	inBoth(t, setup{net: allow(strings.TrimPrefix(s.URL, "http://"))}, func(t *testing.T, w world) {
		for _, n := range []int{0, 1000, 16_000, 17_000, 3_000_000} {
			if r := decode(t, w.HTTPFetch(bg, httpReq(2, s.URL, table(), strings.Repeat("b", n), plainCaps), "", false)); r.code != 0 || r.body != fmt.Sprint(n) {
				t.Errorf("%d bytes: %+v", n, r)
			}
		}
	})
}
