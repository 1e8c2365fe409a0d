package guest

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"x07/internal/policy"
)

const getProgram = `
(import std.net.http.client std.net.http.spec)
(let caps (std.net.http.spec.caps_v1 1 10 0 8192 64 65536))
(let doc (std.net.http.client.get_v1 (view.to_bytes input) caps))
(if (std.net.http.client.resp_is_err_v1 doc) (return doc) 0)
(let out (fmt.u32_to_dec (std.net.http.client.resp_status_v1 doc)))
(set out (bytes.concat out " "))
(let key "x-test")
(set out (bytes.concat out (std.net.http.client.resp_header_get_v1 doc key)))
(set out (bytes.concat out " "))
(bytes.concat out (std.net.http.client.resp_body_v1 doc))
`

func TestAProgramFetchesAPage(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/moved":
			http.Redirect(w, r, "/page", http.StatusFound)
		default:
			w.Header().Set("X-Test", "yes")
			fmt.Fprintf(w, "%s %s", r.Method, r.URL.Path)
		}
	}))
	defer s.Close()
	at := strings.TrimPrefix(s.URL, "http://")
	for _, path := range []string{"/page", "/moved"} {
		both(t, netJob{program: getProgram, input: s.URL + path, policy: allow(at)}, func(t *testing.T, out string, _ []policy.Denial) {
			if out != "200 yes GET /page" {
				t.Errorf("got %q", out)
			}
		})
	}
}

const serveProgram = `
(import std.net.codec std.net.err std.net.tcp std.net.http.server std.net.http.spec)
(def main.say ((text bytes)) i32
  (let caps (vec_u8.with_capacity 16))
  (set caps (vec_u8.push caps 1))
  (set caps (vec_u8.extend_zeroes caps 15))
  (let done (os.stdio.write_stdout_v1 text (vec_u8.into_bytes caps)))
  (let flushed (os.stdio.flush_stdout_v1))
  0)
(def main.serve ((l i32) (count i32)) i32
  (let caps (std.net.codec.caps_default_v1))
  (for i 0 count (begin
    (let doc (std.net.tcp.accept_v1 l caps))
    (let s (std.net.tcp.accept_stream_handle_v1 doc))
    (let req (std.net.http.server.read_req_v1 s caps))
    (let bad (std.net.err.err_code_v1 req))
    (let table (std.net.http.spec.headers_empty_v1))
    (let key "x-name")
    (let body (if bad (fmt.u32_to_dec bad)
      (bytes.concat (bytes.concat (std.net.http.server.req_method_v1 req) (std.net.http.server.req_target_v1 req))
        (bytes.concat (std.net.http.server.req_header_get_v1 req key) (std.net.http.server.req_body_v1 req)))))
    (let sent (std.net.http.server.write_response_v1 s (if bad 400 200) table body caps))
    (std.net.tcp.stream_drop_v1 s)
    0))
  0)
(let caps (std.net.codec.caps_default_v1))
(let a (std.net.codec.addr_ipv4_v1 127 0 0 1 (parse.u32_dec input)))
(let doc (std.net.tcp.listen_v1 a caps))
(let failed (std.net.err.is_err_doc_v1 doc))
(if failed (return doc) 0)
(let l (std.net.tcp.listen_listener_handle_v1 doc))
(let bound (std.net.tcp.listen_bound_addr_v1 doc))
(main.say (bytes.concat (fmt.u32_to_dec (std.net.codec.addr_port_v1 bound)) "\n"))
(main.serve l 3)
(std.net.tcp.listener_drop_v1 l)
(bytes.empty)
`

// freePort is a TCP port of loopback that nobody listens on.
func freePort(t *testing.T) int {
	t.Helper()
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

func TestAProgramServesRequests(t *testing.T) {
	a := build(t, serveProgram)
	for name, run := range places {
		t.Run(name, func(t *testing.T) {
			listed := freePort(t)
			r, w := io.Pipe()
			done := make(chan struct{})
			go func() {
				defer close(done)
				// Port 0 asks for one of the listed ports.
				res, denials := run(t, a, netJob{input: "0", stdout: w, policy: allow(fmt.Sprintf("127.0.0.1:%d", listed))})
				w.Close()
				if res.Err != nil || res.Trap != nil || len(res.Output) != 0 || len(denials) != 0 {
					t.Errorf("%v %+v %q %v", res.Err, res.Trap, res.Output, denials)
				}
			}()
			line, err := bufio.NewReader(r).ReadString('\n')
			if err != nil || strings.TrimSpace(line) != fmt.Sprint(listed) {
				t.Fatalf("bound to %q (%v), the policy lists %d", line, err, listed)
			}
			go io.Copy(io.Discard, r)
			base := fmt.Sprintf("http://127.0.0.1:%d", listed)
			for _, c := range []struct{ method, body, want string }{{"GET", "", "GET/p?q=1it"}, {"POST", strings.Repeat("b", 10000), "POST/p?q=1it" + strings.Repeat("b", 10000)}} {
				req, _ := http.NewRequest(c.method, base+"/p?q=1", strings.NewReader(c.body))
				req.Header.Set("X-Name", "it")
				resp, err := http.DefaultClient.Do(req)
				if err != nil {
					t.Fatal(err)
				}
				got, _ := io.ReadAll(resp.Body)
				resp.Body.Close()
				if string(got) != c.want || resp.StatusCode != 200 {
					t.Errorf("%s: %d %.60q", c.method, resp.StatusCode, got)
				}
			}
			c, err := net.Dial("tcp4", fmt.Sprintf("127.0.0.1:%d", listed))
			if err != nil {
				t.Fatal(err)
			}
			fmt.Fprintf(c, "nonsense\r\n\r\n")
			got, _ := io.ReadAll(c)
			c.Close()
			if want := "HTTP/1.1 400 OK\r\ncontent-length: 1\r\nconnection: close\r\n\r\n2"; string(got) != want {
				t.Errorf("got %q, want %q", got, want)
			}
			<-done
		})
	}
}
