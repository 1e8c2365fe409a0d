// Package image is the form of an executable that x07 bundle makes: the bundle
// runtime of the target, then a trailer with everything that it runs. A runtime
// and sections come in and a file goes out; a file comes in and a checked
// header with verified sections goes out. The package neither builds what it
// packs nor runs what it reads, and trusts no byte of a file.
//
//	runtime      the bytes of the x07-bundle-runtime of the target
//	padding      zero bytes up to a multiple of 16
//	sections     one after the other, in the order of the header
//	header       JSON: kind, name, limits, and each section's size and SHA-256
//	footer       64 bytes: where the padding begins, the length of the header,
//	             the SHA-256 of the header, magic
//
// The lengths add up to exactly the size of the file and every byte behind the
// runtime is covered by a digest or by a check, so a file that was cut, grown or
// changed there is refused. The runtime itself is what does the checking; its
// digest is in the header for tools that look at a bundle from outside.
package image

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// Version is the version of the trailer that this build writes and reads.
const Version = 1

// The kinds of images.
const (
	// KindNative runs its program in its own process, in run-os.
	KindNative = "native"
	// KindPolicy holds its program to the policy that it carries, with what the
	// operating system offers to ordinary processes around it.
	KindPolicy = "policy"
	// KindVM is the launcher of a sidecar directory.
	KindVM = "vm"
	// KindGuest is what runs inside of a guest, in a sidecar.
	KindGuest = "guest"
)

// The names of sections.
const (
	Artifact = "artifact" // the compiled program, as package artifact encodes it
	Code     = "code"     // its machine code, from engine.CompileCode
	Policy   = "policy"   // the policy document
)

// Header describes an image.
type Header struct {
	Version int    `json:"version"`
	Kind    string `json:"kind"`
	// Name is the first word of the program's arguments.
	Name  string `json:"name"`
	World string `json:"world"`
	// Compiler is the toolchain that made the image.
	Compiler string `json:"compiler"`
	Limits   Limits `json:"limits"`
	// Boundary is how a policy image is held: "os" or "none".
	Boundary string `json:"boundary,omitempty"`
	// Manifest is the SHA-256 of the sidecar's manifest, in hexadecimal.
	Manifest string    `json:"manifest,omitempty"`
	Runtime  Section   `json:"runtime"`
	Sections []Section `json:"sections"`
}

// Limits are what the command line and the profile gave when the image was
// made. Zero is no limit, except for memory, where it is the engine's default.
type Limits struct {
	Fuel        uint64 `json:"fuel,omitempty"`
	MemoryBytes uint64 `json:"memory_bytes,omitempty"`
	OutputBytes uint64 `json:"output_bytes,omitempty"`
	CPUSeconds  uint64 `json:"cpu_seconds,omitempty"`
}

// Section is a part of the file. SHA256 is in lower-case hexadecimal.
type Section struct {
	Name   string `json:"name"`
	Size   int64  `json:"size"`
	SHA256 string `json:"sha256"`
}

// Part is a section to be written.
type Part struct {
	Name string
	Data []byte
}

const (
	footerBytes = 64
	align       = 16
	maxHeader   = 64 << 10
	maxSections = 8
	maxName     = 255
	// maxSection bounds what is read into memory for one section.
	maxSection = 1 << 30
)

// magic ends every image. Its last byte differs from anything that a text
// conversion leaves alone.
var magic = [16]byte{0x7f, 'x', '0', '7', ' ', 'b', 'u', 'n', 'd', 'l', 'e', '\r', '\n', 0x1a, '\n', 0xff}

// ErrNoImage says that a file has no trailer at all.
var ErrNoImage = errors.New("the file has no X07 bundle at its end")

// ErrDamaged is wrapped by every other error about the content of a file.
var ErrDamaged = errors.New("the X07 bundle is damaged")

func damaged(format string, args ...any) error {
	return fmt.Errorf("%w: %s (make it again with x07 bundle)", ErrDamaged, fmt.Sprintf(format, args...))
}

// Encode returns the bytes of an image: the runtime, then h with parts. The
// fields Version, Runtime and Sections of h are set here. Equal arguments give
// equal bytes.
func Encode(runtime []byte, h Header, parts ...Part) ([]byte, error) {
	h.Version = Version
	h.Runtime = sectionOf("runtime", runtime)
	h.Sections = make([]Section, 0, len(parts))
	size := len(runtime)
	for _, p := range parts {
		h.Sections = append(h.Sections, sectionOf(p.Name, p.Data))
		size += len(p.Data)
	}
	if err := h.check(); err != nil {
		return nil, err
	}
	head, err := json.Marshal(h)
	if err != nil {
		return nil, err
	}
	if len(head) > maxHeader {
		return nil, fmt.Errorf("bundle header has %d bytes, at most %d are allowed", len(head), maxHeader)
	}
	out := make([]byte, 0, size+align+len(head)+footerBytes)
	out = append(out, runtime...)
	out = append(out, make([]byte, padding(int64(len(runtime))))...)
	for _, p := range parts {
		out = append(out, p.Data...)
	}
	out = append(out, head...)
	out = binary.LittleEndian.AppendUint64(out, uint64(len(runtime)))
	out = binary.LittleEndian.AppendUint64(out, uint64(len(head)))
	out = append(out, digest(head)...)
	return append(out, magic[:]...), nil
}

func sectionOf(name string, data []byte) Section {
	return Section{Name: name, Size: int64(len(data)), SHA256: hex.EncodeToString(digest(data))}
}

func padding(n int64) int64 { return -n & (align - 1) }

// Image is an opened image.
type Image struct {
	Header
	file  io.ReaderAt
	begin int64 // of the first section
}

// Open reads and checks the trailer of a file of the given size. The error is
// ErrNoImage when the file does not end as an image does, and wraps ErrDamaged
// when it does but is none. It reads twice; sections are read when asked for.
func Open(file io.ReaderAt, size int64) (*Image, error) {
	if size < footerBytes {
		return nil, ErrNoImage
	}
	var foot [footerBytes]byte
	if _, err := file.ReadAt(foot[:], size-footerBytes); err != nil {
		return nil, fmt.Errorf("read the end of the bundle: %w", err)
	}
	if !bytes.Equal(foot[48:], magic[:]) {
		return nil, ErrNoImage
	}
	runtime, length := binary.LittleEndian.Uint64(foot[:]), binary.LittleEndian.Uint64(foot[8:])
	if length > maxHeader || int64(length) > size-footerBytes || runtime > uint64(size-footerBytes)-length {
		return nil, damaged("its footer names a runtime of %d and a header of %d bytes in a file of %d", runtime, length, size)
	}
	head := make([]byte, length)
	if _, err := file.ReadAt(head, size-footerBytes-int64(length)); err != nil {
		return nil, fmt.Errorf("read the header of the bundle: %w", err)
	}
	if !bytes.Equal(digest(head), foot[16:48]) {
		return nil, damaged("the digest of its header does not match")
	}
	im := &Image{file: file}
	dec := json.NewDecoder(bytes.NewReader(head))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&im.Header); err != nil {
		return nil, damaged("its header: %v", err)
	}
	if dec.InputOffset() != int64(length) {
		return nil, damaged("its header has %d bytes too many", int64(length)-dec.InputOffset())
	}
	if err := im.Header.check(); err != nil {
		return nil, damaged("its header: %v", err)
	}
	if im.Runtime.Size != int64(runtime) {
		return nil, damaged("its runtime has %d bytes, its header says %d", runtime, im.Runtime.Size)
	}
	im.begin = int64(runtime) + padding(int64(runtime))
	end := im.begin
	for _, s := range im.Sections {
		end += s.Size
	}
	if want := size - footerBytes - int64(length); end != want {
		return nil, damaged("its parts end at byte %d, its header begins at %d", end, want)
	}
	pad := make([]byte, im.begin-int64(runtime))
	if _, err := file.ReadAt(pad, int64(runtime)); err != nil {
		return nil, fmt.Errorf("read the bundle: %w", err)
	}
	for _, b := range pad {
		if b != 0 {
			return nil, damaged("the bytes behind its runtime are not zero")
		}
	}
	return im, nil
}

// check holds a header to its rules.
func (h *Header) check() error {
	if h.Version != Version {
		return fmt.Errorf("version %d, this build reads version %d", h.Version, Version)
	}
	want, ok := contents[h.Kind]
	if !ok {
		return fmt.Errorf("unknown kind %q", h.Kind)
	}
	if h.Name == "" || len(h.Name) > maxName {
		return fmt.Errorf("a name of %d bytes, expected 1 to %d", len(h.Name), maxName)
	}
	if (h.Kind == KindVM) != isDigest(h.Manifest) {
		return errors.New("a launcher has the digest of its manifest, and nothing else has")
	}
	if (h.Kind == KindPolicy) != (h.Boundary == "os" || h.Boundary == "none") || h.Kind != KindPolicy && h.Boundary != "" {
		return fmt.Errorf("boundary %q of kind %s", h.Boundary, h.Kind)
	}
	if len(h.Sections) > maxSections {
		return fmt.Errorf("%d sections, at most %d are allowed", len(h.Sections), maxSections)
	}
	have := map[string]bool{}
	for _, s := range append([]Section{h.Runtime}, h.Sections...) {
		if s.Size < 0 || s.Size > maxSection || !isDigest(s.SHA256) || have[s.Name] {
			return fmt.Errorf("section %q of %d bytes, with digest %q, is invalid or there twice", s.Name, s.Size, s.SHA256)
		}
		have[s.Name] = true
	}
	if h.Runtime.Name != "runtime" {
		return fmt.Errorf("runtime is named %q", h.Runtime.Name)
	}
	delete(have, "runtime")
	for name, needed := range want {
		if needed && !have[name] {
			return fmt.Errorf("a bundle of kind %s needs section %q", h.Kind, name)
		}
		delete(have, name)
	}
	for name := range have {
		return fmt.Errorf("a bundle of kind %s has no section %q", h.Kind, name)
	}
	return nil
}

// contents are the sections of each kind; true ones must be there.
var contents = map[string]map[string]bool{
	KindNative: {Artifact: true, Code: false},
	KindPolicy: {Artifact: true, Code: false, Policy: true},
	KindVM:     {},
	KindGuest:  {Artifact: true, Code: false},
}

// digest is the SHA-256 of b.
func digest(b []byte) []byte {
	sum := sha256.Sum256(b)
	return sum[:]
}

func isDigest(s string) bool {
	if len(s) != 2*sha256.Size {
		return false
	}
	for i := range len(s) {
		if c := s[i]; (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}

// Section reads a section and verifies its digest; nil if there is none of that
// name. The bytes are the caller's.
func (im *Image) Section(name string) ([]byte, error) {
	at := im.begin
	for _, s := range im.Sections {
		if s.Name != name {
			at += s.Size
			continue
		}
		b := make([]byte, s.Size)
		if _, err := im.file.ReadAt(b, at); err != nil {
			return nil, fmt.Errorf("read %s of the bundle: %w", name, err)
		}
		if hex.EncodeToString(digest(b)) != s.SHA256 {
			return nil, damaged("the digest of its %s does not match", name)
		}
		return b, nil
	}
	return nil, nil
}
