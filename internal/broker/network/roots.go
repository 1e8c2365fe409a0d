package network

import (
	"bytes"
	"context"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// Where the systems keep the certificates that they trust: the first file that
// exists, then every file of the directories.
var (
	rootFiles = []string{
		"/etc/ssl/certs/ca-certificates.crt",
		"/etc/pki/tls/certs/ca-bundle.crt",
		"/etc/ssl/ca-bundle.pem",
		"/etc/pki/tls/cacert.pem",
		"/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
		"/etc/ssl/cert.pem",
		"/usr/local/etc/ssl/cert.pem",
		"/usr/local/share/certs/ca-root-nss.crt",
	}
	rootDirs = []string{"/etc/ssl/certs", "/etc/pki/tls/certs", "/usr/local/share/certs"}
)

// MaxRoots bounds a bundle of certificates, in bytes.
const MaxRoots = 4 << 20

// Roots reads the machine's certificates; SSL_CERT_FILE and SSL_CERT_DIR name
// others, as with OpenSSL.
func (d *Direct) Roots(context.Context) ([]byte, error) {
	files, dirs := rootFiles, rootDirs
	if f := os.Getenv("SSL_CERT_FILE"); f != "" {
		files = []string{f}
	}
	if f := os.Getenv("SSL_CERT_DIR"); f != "" {
		dirs = strings.Split(f, string(os.PathListSeparator))
	}
	var bundle bytes.Buffer
	for _, name := range files {
		if data, err := os.ReadFile(name); err == nil {
			keepCertificates(&bundle, data)
			break
		} else if !errors.Is(err, fs.ErrNotExist) {
			return nil, &Failure{Code: TLS, Err: fmt.Errorf("read trusted certificates: %w", err)}
		}
	}
	if bundle.Len() > 0 && os.Getenv("SSL_CERT_DIR") == "" {
		return bundle.Bytes(), nil
	}
	for _, dir := range dirs {
		entries, err := os.ReadDir(dir)
		if err != nil {
			continue // the directories are those of several systems
		}
		for _, e := range entries {
			if data, err := os.ReadFile(filepath.Join(dir, e.Name())); err == nil {
				keepCertificates(&bundle, data)
			}
		}
	}
	return bundle.Bytes(), nil
}

// keepCertificates copies the certificates of data, and nothing else that the
// file may hold.
func keepCertificates(to *bytes.Buffer, data []byte) {
	for {
		block, rest := pem.Decode(data)
		if block == nil {
			return
		}
		data = rest
		if block.Type != "CERTIFICATE" || len(block.Headers) != 0 || to.Len()+2*len(block.Bytes) > MaxRoots {
			continue
		}
		// A buffer takes every write.
		_ = pem.Encode(to, &pem.Block{Type: "CERTIFICATE", Bytes: block.Bytes})
	}
}
