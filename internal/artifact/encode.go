package artifact

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
)

// The file is the module followed by one custom section "x07": the SHA-256 of
// everything before the section, then the metadata as JSON.

// MaxSize is the size in bytes of the largest file that Decode looks at.
const MaxSize = 256 << 20

const (
	sectionName = "x07"
	maxSites    = 1 << 22
)

var magic = []byte("\x00asm\x01\x00\x00\x00")

// ErrNotArtifact is wrapped by every error of Decode.
var ErrNotArtifact = errors.New("not an X07 artifact")

// Encode writes the artifact as one file. The slice is the caller's.
func (a *Artifact) Encode() ([]byte, error) {
	meta, err := json.Marshal(&a.Meta)
	if err != nil {
		return nil, fmt.Errorf("encode artifact: %w", err)
	}
	sum := sha256.Sum256(a.Wasm)
	body := make([]byte, 0, len(sectionName)+1+len(sum)+len(meta))
	body = append(body, byte(len(sectionName)))
	body = append(body, sectionName...)
	body = append(body, sum[:]...)
	body = append(body, meta...)
	out := make([]byte, 0, len(a.Wasm)+6+len(body))
	out = append(out, a.Wasm...)
	out = append(out, 0)
	out = binary.AppendUvarint(out, uint64(len(body)))
	return append(out, body...), nil
}

// Decode reads a file that Encode wrote, from any source. The artifact's
// slices share b. It verifies the frame, the checksum and that the metadata is
// consistent; whether the module is valid wasm is found when it is loaded.
func Decode(b []byte) (*Artifact, error) {
	if len(b) > MaxSize {
		return nil, fmt.Errorf("%w: %d bytes, at most %d are allowed", ErrNotArtifact, len(b), MaxSize)
	}
	if !bytes.HasPrefix(b, magic) {
		return nil, fmt.Errorf("%w: it does not begin as a WebAssembly module", ErrNotArtifact)
	}
	at := len(magic)
	for at < len(b) {
		start := at
		id := b[at]
		n, w := binary.Uvarint(b[at+1:])
		if w <= 0 || w > 5 || n > uint64(len(b)-at-1-w) {
			return nil, fmt.Errorf("%w: section at byte %d does not end within the file", ErrNotArtifact, start)
		}
		body := b[at+1+w:][:n]
		at += 1 + w + int(n)
		if id != 0 || !bytes.HasPrefix(body, append([]byte{byte(len(sectionName))}, sectionName...)) {
			continue
		}
		if at != len(b) {
			return nil, fmt.Errorf("%w: its %q section at byte %d is not the last one", ErrNotArtifact, sectionName, start)
		}
		return decode(b[:start:start], body[1+len(sectionName):])
	}
	return nil, fmt.Errorf("%w: it is a WebAssembly module without a section %q", ErrNotArtifact, sectionName)
}

func decode(wasm, section []byte) (*Artifact, error) {
	if len(section) < sha256.Size {
		return nil, fmt.Errorf("%w: its metadata is cut off", ErrNotArtifact)
	}
	if sum := sha256.Sum256(wasm); !bytes.Equal(sum[:], section[:sha256.Size]) {
		return nil, fmt.Errorf("%w: its checksum does not match; the file is damaged", ErrNotArtifact)
	}
	a := &Artifact{Wasm: wasm}
	if err := json.Unmarshal(section[sha256.Size:], &a.Meta); err != nil {
		return nil, fmt.Errorf("%w: metadata: %w", ErrNotArtifact, err)
	}
	if err := a.Meta.verify(); err != nil {
		return nil, fmt.Errorf("%w: metadata: %w", ErrNotArtifact, err)
	}
	return a, nil
}

// verify checks what the engine relies on.
func (m *Meta) verify() error {
	if m.ABI != ABI {
		return fmt.Errorf("ABI version %d, this build runs version %d: compile the program again", m.ABI, ABI)
	}
	if len(m.Traps) > maxSites || len(m.Contracts) > maxSites || len(m.Budgets) > maxSites {
		return fmt.Errorf("more than %d trap sites, contracts or budgets", maxSites)
	}
	for i, h := range m.Heads {
		if h == "" || i > 0 && m.Heads[i-1] >= h {
			return fmt.Errorf("heads are not sorted and unique at %d", i)
		}
	}
	for i, c := range m.Contracts {
		if c.Site < 0 || c.Site >= len(m.Traps) {
			return fmt.Errorf("contract %d has trap site %d of %d", i, c.Site, len(m.Traps))
		}
	}
	for i, s := range m.Budgets {
		if s.Site < 0 || s.Site+1 >= len(m.Traps) {
			return fmt.Errorf("budget %d has trap site %d of %d", i, s.Site, len(m.Traps))
		}
	}
	return nil
}
