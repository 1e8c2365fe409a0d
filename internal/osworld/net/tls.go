package net

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/netip"
	"strings"
	"sync"
	"time"

	"x07/internal/broker/network"
	"x07/internal/policy"
)

// tlsConfig is a parsed TlsClientCfgV1.
type tlsConfig struct {
	verify bool
	name   string // "" takes the name from a DNS address
}

// parseTLS reads TlsClientCfgV1. An empty document verifies.
func parseTLS(doc []byte) (tlsConfig, bool) {
	if len(doc) == 0 {
		return tlsConfig{verify: true}, true
	}
	if len(doc) < 16 || u32(doc) != 1 || u32(doc[4:]) > 1 {
		return tlsConfig{}, false
	}
	n := u32(doc[8:])
	if n > maxName || uint64(len(doc)) != 16+uint64(n) || u32(doc[12+n:]) != 0 {
		return tlsConfig{}, false
	}
	c := tlsConfig{verify: u32(doc[4:]) == 1, name: string(doc[12 : 12+n])}
	return c, strings.IndexByte(c.name, 0) < 0
}

// TLSConnect is std.net.tls.connect_v1.
func (n *Net) TLSConnect(ctx context.Context, addrDoc, cfgDoc, capsDoc []byte) []byte {
	caps, ok := parseCaps(capsDoc)
	p, valid := parseAddr(addrDoc)
	cfg, sound := parseTLS(cfgDoc)
	if !ok || !valid || !sound {
		return errDoc(network.Invalid)
	}
	if cfg.name == "" {
		cfg.name = p.name
	}
	cfg.name = strings.TrimSuffix(strings.TrimPrefix(cfg.name, "["), "]")
	if cfg.verify && cfg.name == "" {
		return errDoc(network.Invalid)
	}
	conn, err := n.dial(ctx, network.Target{Op: policy.OpNetConnect, Host: p.host(), Port: int(p.port), Timeout: caps.connect})
	if err != nil {
		return n.fail(err)
	}
	stream, err := n.secure(ctx, conn, cfg, time.Now().Add(caps.connect))
	if err != nil {
		conn.Close()
		return n.fail(err)
	}
	return n.keep(&handle{kind: tlsStream, conn: conn, stream: stream})
}

// secure does the handshake. The caller closes conn when it fails.
func (n *Net) secure(ctx context.Context, conn net.Conn, cfg tlsConfig, deadline time.Time) (*tls.Conn, error) {
	config := &tls.Config{MinVersion: tls.VersionTLS12, ServerName: cfg.name, InsecureSkipVerify: !cfg.verify}
	if cfg.verify {
		roots, err := n.trust.roots(ctx)
		if err != nil {
			return nil, err
		}
		config.RootCAs = roots
	}
	// An address as name: no SNI is sent, and the certificate must list the address.
	if addr, err := netip.ParseAddr(cfg.name); err == nil {
		config.ServerName = addr.String()
	}
	if err := conn.SetDeadline(deadline); err != nil {
		return nil, network.Fail(err)
	}
	defer network.WakeOnEnd(ctx, conn.SetDeadline)()
	s := tls.Client(&cutConn{conn}, config)
	if err := s.Handshake(); err != nil {
		if network.CodeOf(err) == network.Timeout {
			return nil, &network.Failure{Code: network.Timeout, Err: err}
		}
		return nil, &network.Failure{Code: network.TLS, Err: err}
	}
	return s, network.Fail(conn.SetDeadline(time.Time{}))
}

// cutConn tells TLS that the connection ended without TLS's own end, which its
// reader would otherwise take for one.
type cutConn struct{ net.Conn }

var errCut = errors.New("the connection ended without the closing record of TLS")

// Read reads from the connection.
func (c *cutConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if err == io.EOF {
		err = errCut
	}
	return n, err
}

// trust are the certificates that this run trusts, read when they are first
// needed.
type trust struct {
	net  network.Network
	once sync.Once
	pool *x509.CertPool
	err  error
}

// roots returns nil when the machine has no certificates in files: then the
// platform's own verifier decides.
func (t *trust) roots(ctx context.Context) (*x509.CertPool, error) {
	t.once.Do(func() {
		pem, err := t.net.Roots(ctx)
		if err != nil {
			t.err = &network.Failure{Code: network.TLS, Err: err}
			return
		}
		pool := x509.NewCertPool()
		if pool.AppendCertsFromPEM(pem) {
			t.pool = pool
		}
	})
	return t.pool, t.err
}
