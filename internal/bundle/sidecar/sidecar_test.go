package sidecar

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

var content = map[string]string{Kernel: "the guest kernel", Payload: "the guest image", Policy: `{"policy":true}`}

func manifest() *Manifest {
	m := &Manifest{
		SchemaVersion: Schema, Backend: "auto", Platform: Platform{"linux", "amd64"},
		GuestImage: "x07-sentry", GuestDigest: "sha256:" + Digest([]byte(content[Kernel])),
		Payload: Payload, Workdir: "/x07/work", Policy: Policy,
	}
	for _, name := range []string{Kernel, Payload, Policy} {
		m.Files = append(m.Files, File{name, int64(len(content[name])), Digest([]byte(content[name]))})
	}
	return m
}

func encoded(t testing.TB, m *Manifest) []byte {
	t.Helper()
	b, err := json.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// make writes a sidecar and returns its directory and the manifest's digest.
func makeSidecar(t *testing.T) (dir, digest string) {
	t.Helper()
	dir = filepath.Join(t.TempDir(), "app.vm")
	doc := encoded(t, manifest())
	write(t, filepath.Join(dir, ManifestFile), doc)
	for name, text := range content {
		write(t, filepath.Join(dir, name), []byte(text))
	}
	return dir, Digest(doc)
}

func write(t *testing.T, path string, b []byte) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, b, 0o644); err != nil {
		t.Fatal(err)
	}
}

func TestAWholeSidecarOpens(t *testing.T) {
	dir, digest := makeSidecar(t)
	s, err := Open(dir, digest)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if string(s.PolicyBytes) != content[Policy] || s.PayloadSize != int64(len(content[Payload])) {
		t.Errorf("policy %q, payload of %d bytes", s.PolicyBytes, s.PayloadSize)
	}
	b := make([]byte, s.PayloadSize)
	if _, err := s.Payload.ReadAt(b, 0); err != nil || string(b) != content[Payload] {
		t.Errorf("payload %q, %v", b, err)
	}
}

func TestAnAlteredSidecarDoesNotOpen(t *testing.T) {
	for name, alter := range map[string]func(dir string){
		"no directory": func(dir string) { os.RemoveAll(dir) },
		"no manifest":  func(dir string) { os.Remove(filepath.Join(dir, ManifestFile)) },
		"no kernel":    func(dir string) { os.Remove(filepath.Join(dir, Kernel)) },
		"no payload":   func(dir string) { os.Remove(filepath.Join(dir, Payload)) },
		"no policy":    func(dir string) { os.Remove(filepath.Join(dir, Policy)) },
		"another policy of the same size": func(dir string) {
			write(t, filepath.Join(dir, Policy), []byte(strings.Replace(content[Policy], "true", "null", 1)))
		},
		"a kernel cut short":    func(dir string) { write(t, filepath.Join(dir, Kernel), []byte("the guest kern")) },
		"a payload that grew":   func(dir string) { write(t, filepath.Join(dir, Payload), []byte(content[Payload]+"!")) },
		"an empty manifest":     func(dir string) { write(t, filepath.Join(dir, ManifestFile), nil) },
		"a directory as kernel": func(dir string) { os.Remove(filepath.Join(dir, Kernel)); os.Mkdir(filepath.Join(dir, Kernel), 0o755) },
		"a kernel and a manifest that pins it": func(dir string) {
			m := manifest()
			m.Files[0].SHA256 = Digest([]byte("another kernel"))
			m.Files[0].Size = int64(len("another kernel"))
			m.GuestDigest = "sha256:" + m.Files[0].SHA256
			write(t, filepath.Join(dir, Kernel), []byte("another kernel"))
			write(t, filepath.Join(dir, ManifestFile), encoded(t, m))
		},
	} {
		dir, digest := makeSidecar(t)
		alter(dir)
		s, err := Open(dir, digest)
		if s != nil || !errors.Is(err, ErrAltered) {
			t.Errorf("%s: %v, %v", name, s, err)
		}
	}
}

func TestEveryChangedByteIsFound(t *testing.T) {
	dir, digest := makeSidecar(t)
	for _, name := range []string{ManifestFile, Kernel, Payload, Policy} {
		path := filepath.Join(dir, name)
		good, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for i := range good {
			b := bytes.Clone(good)
			b[i] ^= 1
			write(t, path, b)
			if s, err := Open(dir, digest); err == nil {
				s.Close()
				t.Errorf("byte %d of %s was changed and nobody noticed", i, name)
			}
		}
		write(t, path, good)
	}
	s, err := Open(dir, digest)
	if err != nil {
		t.Fatal("after all is restored:", err)
	}
	s.Close()
}

func TestManifestsThatPinTooLittleOrReachOutAreRefused(t *testing.T) {
	for name, edit := range map[string]func(m *Manifest){
		"another version":         func(m *Manifest) { m.SchemaVersion = "x07.vm.bundle.manifest@0.2.0" },
		"a named backend":         func(m *Manifest) { m.Backend = "none" },
		"another payload":         func(m *Manifest) { m.Payload = "../payload" },
		"another policy":          func(m *Manifest) { m.Policy = "other.json" },
		"a relative workdir":      func(m *Manifest) { m.Workdir = "x07/work" },
		"an unclean workdir":      func(m *Manifest) { m.Workdir = "/x07/../work" },
		"no kernel":               func(m *Manifest) { m.Files = m.Files[1:] },
		"no files":                func(m *Manifest) { m.Files = nil },
		"an unpinned guest":       func(m *Manifest) { m.GuestDigest = "sha256:" + strings.Repeat("0", 64) },
		"a path that leaves":      func(m *Manifest) { m.Files[0].Path = "../../etc/passwd" },
		"an absolute path":        func(m *Manifest) { m.Files[0].Path = "/etc/passwd" },
		"an unclean path":         func(m *Manifest) { m.Files[0].Path = "deps/./x07-sentry" },
		"the manifest itself":     func(m *Manifest) { m.Files[0].Path = ManifestFile },
		"files out of order":      func(m *Manifest) { m.Files[0], m.Files[1] = m.Files[1], m.Files[0] },
		"the same file twice":     func(m *Manifest) { m.Files = append(m.Files, m.Files[2]) },
		"a negative size":         func(m *Manifest) { m.Files[0].Size = -1 },
		"a digest in upper case":  func(m *Manifest) { m.Files[0].SHA256 = strings.ToUpper(m.Files[0].SHA256) },
		"too many files to be so": func(m *Manifest) { m.Files = make([]File, maxFiles+1) },
	} {
		m := manifest()
		edit(m)
		if _, err := Parse(encoded(t, m)); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	if _, err := Parse(encoded(t, manifest())); err != nil {
		t.Error("unchanged:", err)
	}
}

func FuzzNoManifestMakesParsingPanicOrReachOut(f *testing.F) {
	f.Add(encoded(f, manifest()))
	f.Add([]byte(`{"schema_version":"x07.vm.bundle.manifest@0.3.0","files":null}`))
	f.Add([]byte(`[]`))
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := Parse(b)
		if err != nil {
			return
		}
		for _, file := range m.Files {
			if !filepath.IsLocal(file.Path) {
				t.Fatalf("path %q leaves the directory", file.Path)
			}
		}
	})
}
