package net_test

import (
	"io"
	"log"
	stdnet "net"
	"net/http"
	"net/http/httptest"
	"testing"

	"x07/internal/broker"
	"x07/internal/broker/network"
	"x07/internal/osworld/effect"
	"x07/internal/osworld/net"
	"x07/internal/policy"
)

// benchNets are the two ways to the network.
func benchNets(b *testing.B, run func(b *testing.B, w *net.Net)) {
	gate := policy.AllowAll()
	for name, n := range map[string]func(*testing.B) network.Network{
		"in process":         func(*testing.B) network.Network { return network.New(network.Config{}) },
		"through the broker": func(b *testing.B) network.Network { return throughBroker(b, broker.NetConfig{}, gate) },
	} {
		b.Run(name, func(b *testing.B) {
			w := net.New(effect.Door{Gate: gate}, n(b), nil)
			defer w.Close()
			run(b, w)
		})
	}
}

// BenchmarkGet is one HTTP GET of 1 KiB on a connection of its own; "net/http"
// is the same with Go's client.
func BenchmarkGet(b *testing.B) {
	body := make([]byte, 1024)
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { w.Write(body) }))
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	s.Start()
	defer s.Close()
	req := get(s.URL, plainCaps)
	benchNets(b, func(b *testing.B, w *net.Net) {
		for b.Loop() {
			if doc := w.HTTPFetch(bg, req, "", false); doc[0] != 1 {
				b.Fatalf("%x", doc)
			}
		}
	})
	b.Run("net/http", func(b *testing.B) {
		c := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
		for b.Loop() {
			resp, err := c.Get(s.URL)
			if err != nil {
				b.Fatal(err)
			}
			io.Copy(io.Discard, resp.Body)
			resp.Body.Close()
		}
	})
}

// BenchmarkDownload is the throughput of a body of 16 MiB.
func BenchmarkDownload(b *testing.B) {
	body := make([]byte, 16<<20)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { w.Write(body) }))
	defer s.Close()
	req := get(s.URL, httpCaps(0, 60, 0, 4096, 64, 16<<20))
	benchNets(b, func(b *testing.B, w *net.Net) {
		b.SetBytes(int64(len(body)))
		for b.Loop() {
			if doc := w.HTTPFetch(bg, req, "", false); doc[0] != 1 {
				b.Fatalf("%x", doc)
			}
		}
	})
	b.Run("net/http", func(b *testing.B) {
		b.SetBytes(int64(len(body)))
		c := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
		for b.Loop() {
			resp, err := c.Get(s.URL)
			if err != nil {
				b.Fatal(err)
			}
			io.ReadAll(resp.Body)
			resp.Body.Close()
		}
	})
}

// BenchmarkRoundTrip is one byte there and back on an open stream; "a socket"
// is the same with Go's own.
func BenchmarkRoundTrip(b *testing.B) {
	l, err := stdnet.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	defer l.Close()
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				echo(c)
			}()
		}
	}()
	port := l.Addr().(*stdnet.TCPAddr).Port
	one := []byte{1}
	benchNets(b, func(b *testing.B, w *net.Net) {
		doc := w.Connect(bg, addrDoc("127.0.0.1", port), nil)
		s := int32(num(doc[4:]))
		for b.Loop() {
			w.Write(bg, s, one, nil)
			if doc := w.Read(bg, s, 1, nil); len(doc) != 9 {
				b.Fatalf("%x", doc)
			}
		}
	})
	b.Run("a socket", func(b *testing.B) {
		c, err := stdnet.Dial("tcp4", l.Addr().String())
		if err != nil {
			b.Fatal(err)
		}
		defer c.Close()
		buf := make([]byte, 1)
		for b.Loop() {
			c.Write(one)
			if _, err := io.ReadFull(c, buf); err != nil {
				b.Fatal(err)
			}
		}
	})
}
