package wire

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"x07/internal/policy"
)

func TestNetworkRequestsOfAHostileGuestAreRefused(t *testing.T) {
	for _, doc := range []string{
		`{}`, `{"op":"dial"}`, `{"op":"dial","for":"fs.read","host":"a","port":1}`, `{"op":"dial","for":"net.connect","host":"a","port":65536}`,
		`{"op":"dial","for":"net.connect","host":"a","port":-1}`, `{"op":"dial","for":"net.connect","host":"a\u0000b","port":1}`,
		`{"op":"dial","for":"net.connect","host":"a","port":1,"timeout_ms":600001}`, `{"op":"dial","for":"net.connect","host":"a","port":1,"timeout_ms":-1}`,
		`{"op":"listen","host":"localhost"}`, `{"op":"bind","host":""}`, `{"op":"exec"}`,
		`{"op":"lookup","host":"` + strings.Repeat("n", 1025) + `"}`, `{"op":"lookup","host":"a","extra":1}`, `{"op":"lookup"} {}`, `[]`, `nonsense`, ``,
	} {
		var r NetRequest
		err := ParseNetDocument([]byte(doc), &r)
		if err == nil {
			err = r.Check()
		}
		if !errors.Is(err, ErrProtocol) {
			t.Errorf("%.80s: %v", doc, err)
		}
	}
	good := NetRequest{Op: NetDial, For: policy.OpNetHTTP, Host: "a", Port: 65535, TimeoutMS: 600_000}
	if err := good.Check(); err != nil {
		t.Error(err)
	}
}

// FuzzNetFrames decodes what a hostile end may send; what is accepted encodes
// back to something that means the same.
func FuzzNetFrames(f *testing.F) {
	f.Add([]byte(`{"op":"dial","for":"net.connect","host":"example.com","port":443}`))
	f.Add(NetPacket{Host: "127.0.0.1", Port: 53, Payload: []byte("x")}.Append(nil))
	f.Add([]byte("\x01\x00\x00\x00127.0.0.1:80"))
	f.Fuzz(func(t *testing.T, b []byte) {
		var r, again NetRequest
		if ParseNetDocument(b, &r) == nil && r.Check() == nil {
			out, err := json.Marshal(r)
			if err != nil || ParseNetDocument(out, &again) != nil || again.Op != r.Op || again.Port != r.Port {
				t.Errorf("request %+v became %+v (%v)", r, again, err)
			}
		}
		if p, err := ParseNetPacket(b); err == nil {
			if len(p.Payload) > MaxPacket || !bytes.Equal(p.Append(nil), b) {
				t.Errorf("packet of %d bytes became %d", len(b), len(p.Append(nil)))
			}
		}
		if o, err := ParseNetOffer(b); err == nil {
			if p, err := ParseNetOffer(o.Append(nil)); err != nil || p != o {
				t.Errorf("offer %v became %v (%v)", o, p, err)
			}
		}
	})
}
