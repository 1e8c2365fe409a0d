package guest

import (
	"fmt"
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
	var s *httptest.Server
	s = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
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
