// Package sidecar is the directory next to a VM bundle: what a guest needs, and
// the manifest that pins it. The files' bytes come in and a manifest goes out;
// a directory and the manifest's digest come in and files that are exactly the
// ones pinned go out. The digest of the manifest is in the launcher, so nothing
// in the directory can be exchanged, not even together with the manifest. The
// package starts nothing.
package sidecar

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"strings"
)

// Suffix is what the directory's name has behind the launcher's.
const Suffix = ".vm"

// The files, relative to the directory.
const (
	ManifestFile = "manifest.json"
	Policy       = "policy.json"
	Payload      = "payload"         // a guest image: the runner and the program
	Kernel       = "deps/x07-sentry" // the embedded guest kernel
)

// Schema is the schema_version of the manifests that this build writes and
// reads. Version 0.2.0 pinned a container image instead of files.
const Schema = "x07.vm.bundle.manifest@0.3.0"

// Manifest says what a sidecar consists of. Its members are in the order of the
// document.
type Manifest struct {
	SchemaVersion string `json:"schema_version"`
	// Backend is "auto": the backend is selected at every start.
	Backend string `json:"backend"`
	// Platform is what the files are executables of.
	Platform Platform `json:"platform"`
	// GuestImage names the embedded guest kernel, GuestDigest pins it:
	// "sha256:" and 64 hexadecimal digits.
	GuestImage  string `json:"guest_image"`
	GuestDigest string `json:"guest_digest"`
	Payload     string `json:"payload"`
	// Workdir is the program's working directory inside of the guest.
	Workdir string `json:"workdir"`
	Policy  string `json:"policy"`
	// Files are all files of the directory but the manifest, sorted by path.
	Files []File `json:"files"`
}

// Platform is an operating system and architecture, as Go names them.
type Platform struct {
	OS   string `json:"os"`
	Arch string `json:"arch"`
}

// File pins one file.
type File struct {
	Path   string `json:"path"` // relative to the directory, with slashes
	Size   int64  `json:"size"`
	SHA256 string `json:"sha256"` // 64 hexadecimal digits
}

const (
	maxManifest = 64 << 10
	maxFiles    = 64
	maxFile     = 1 << 30
	maxPolicy   = 16 << 20
	hexDigits   = "0123456789abcdef"
)

// ErrAltered is wrapped by every error about a sidecar that is not the one that
// the launcher was made with.
var ErrAltered = errors.New("the VM bundle was altered or is incomplete")

func altered(format string, args ...any) error {
	return fmt.Errorf("%w: %s (restore it, or make the bundle again with x07 bundle)", ErrAltered, fmt.Sprintf(format, args...))
}

// Parse reads and checks a manifest.
func Parse(doc []byte) (*Manifest, error) {
	m := &Manifest{}
	dec := json.NewDecoder(bytes.NewReader(doc))
	var version struct {
		SchemaVersion string `json:"schema_version"`
	}
	if err := json.Unmarshal(doc, &version); err != nil {
		return nil, err
	}
	if version.SchemaVersion != Schema {
		return nil, fmt.Errorf("unsupported vm bundle manifest schema_version: %q, expected %q", version.SchemaVersion, Schema)
	}
	dec.DisallowUnknownFields()
	if err := dec.Decode(m); err != nil {
		return nil, err
	}
	return m, m.check()
}

// check holds a manifest to its rules: each path stays inside of the directory,
// and what the launcher needs is pinned.
func (m *Manifest) check() error {
	if m.Backend != "auto" {
		return fmt.Errorf("backend is %q, expected \"auto\"", m.Backend)
	}
	if m.Payload != Payload || m.Policy != Policy {
		return fmt.Errorf("payload is %q and policy %q, expected %q and %q", m.Payload, m.Policy, Payload, Policy)
	}
	if !path.IsAbs(m.Workdir) || path.Clean(m.Workdir) != m.Workdir {
		return fmt.Errorf("workdir is %q, expected an absolute, clean path", m.Workdir)
	}
	if len(m.Files) > maxFiles {
		return fmt.Errorf("%d files, at most %d are allowed", len(m.Files), maxFiles)
	}
	have := map[string]string{}
	for i, f := range m.Files {
		switch {
		case i > 0 && m.Files[i-1].Path >= f.Path:
			return fmt.Errorf("files are not sorted and unique at %q", f.Path)
		case !filepath.IsLocal(f.Path) || path.Clean(f.Path) != f.Path || strings.ContainsRune(f.Path, '\\') || f.Path == ManifestFile:
			return fmt.Errorf("file %q is not a clean path inside of the directory", f.Path)
		case f.Size < 0 || f.Size > maxFile || len(f.SHA256) != 64 || strings.Trim(f.SHA256, hexDigits) != "":
			return fmt.Errorf("file %q has size %d and digest %q", f.Path, f.Size, f.SHA256)
		}
		have[f.Path] = f.SHA256
	}
	for _, name := range []string{Payload, Policy, Kernel} {
		if have[name] == "" {
			return fmt.Errorf("file %q is not pinned", name)
		}
	}
	if m.GuestDigest != "sha256:"+have[Kernel] {
		return fmt.Errorf("guest_digest is %q, but %s is pinned to %q", m.GuestDigest, Kernel, have[Kernel])
	}
	return nil
}

// Digest is the SHA-256 of b in lower-case hexadecimal.
func Digest(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

// Sidecar is an opened directory, all of whose pinned files have been verified.
type Sidecar struct {
	Manifest *Manifest
	// PolicyBytes is the policy document.
	PolicyBytes []byte
	// Payload is the guest image, open for reading, and its size in bytes.
	Payload     *os.File
	PayloadSize int64

	dir string
}

// Path is the absolute path of a file of the directory.
func (s *Sidecar) Path(name string) string { return filepath.Join(s.dir, filepath.FromSlash(name)) }

// Close closes the payload.
func (s *Sidecar) Close() error { return s.Payload.Close() }

// Open opens the directory whose manifest has the given digest, and verifies
// every file of it. Files are read side by side: the guest kernel is large.
func Open(dir, digest string) (*Sidecar, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	s := &Sidecar{dir: dir}
	name := s.Path(ManifestFile)
	doc, err := readSmall(name, maxManifest)
	if err != nil {
		return nil, altered("read vm bundle manifest: %v", err)
	}
	if got := Digest(doc); got != digest {
		return nil, altered("%s has the digest %s, the launcher was made with %s", name, got, digest)
	}
	if s.Manifest, err = Parse(doc); err != nil {
		return nil, fmt.Errorf("parse vm bundle manifest: %s: %w", name, err)
	}
	type verified struct {
		file *os.File
		err  error
	}
	results := make([]chan verified, len(s.Manifest.Files))
	for i, f := range s.Manifest.Files {
		results[i] = make(chan verified, 1)
		go func() {
			file, err := verify(s.Path(f.Path), f)
			results[i] <- verified{file, err}
		}()
	}
	for i, f := range s.Manifest.Files {
		r := <-results[i]
		switch {
		case r.err != nil:
			err = errors.Join(err, r.err)
		case f.Path == Payload:
			s.Payload, s.PayloadSize = r.file, f.Size
			continue
		case f.Path == Policy:
			s.PolicyBytes, err = readAgain(r.file, f, err)
		}
		if r.file != nil {
			r.file.Close()
		}
	}
	if err != nil {
		if s.Payload != nil {
			s.Payload.Close()
		}
		return nil, err
	}
	return s, nil
}

// verify opens a file and compares it with its pin.
func verify(name string, f File) (*os.File, error) {
	file, err := os.Open(name)
	if err != nil {
		return nil, altered("%v", err)
	}
	info, err := file.Stat()
	switch {
	case err != nil:
		err = altered("%s: %v", name, err)
	case !info.Mode().IsRegular() || info.Size() != f.Size:
		err = altered("%s has %d bytes, the manifest pins %d", name, info.Size(), f.Size)
	default:
		h := sha256.New()
		if _, cerr := io.CopyBuffer(h, io.LimitReader(file, f.Size), make([]byte, 256<<10)); cerr != nil {
			err = altered("%s: %v", name, cerr)
		} else if got := hex.EncodeToString(h.Sum(nil)); got != f.SHA256 {
			err = altered("%s has the digest %s, the manifest pins %s", name, got, f.SHA256)
		}
	}
	if err != nil {
		file.Close()
		return nil, err
	}
	return file, nil
}

// readAgain reads a small file whose bytes are to be used, and compares what it
// read: the bytes used are the bytes verified.
func readAgain(file *os.File, f File, before error) ([]byte, error) {
	if before != nil {
		return nil, before
	}
	if f.Size > maxPolicy {
		return nil, altered("%s has %d bytes, at most %d are allowed", f.Path, f.Size, maxPolicy)
	}
	b := make([]byte, f.Size)
	if _, err := file.ReadAt(b, 0); err != nil && err != io.EOF {
		return nil, altered("%s: %v", f.Path, err)
	}
	if Digest(b) != f.SHA256 {
		return nil, altered("%s changed while it was read", f.Path)
	}
	return b, nil
}

// readSmall reads a regular file of at most limit bytes.
func readSmall(name string, limit int64) ([]byte, error) {
	info, err := os.Stat(name)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() || info.Size() > limit {
		return nil, fmt.Errorf("%s is not a regular file of at most %d bytes", name, limit)
	}
	return os.ReadFile(name)
}
