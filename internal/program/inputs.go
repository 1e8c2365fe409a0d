package program

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"os"
	"syscall"
)

// Inputs identifies what a loaded program was made from: two loads with the
// same options and equal inputs give the same program. Built-in modules are
// not listed; they are part of the binary.
type Inputs struct {
	// Files are the files that were read, in the order of reading.
	Files []FileHash `json:"files"`
	// Absent are absolute paths that were asked for a module and had none. A
	// file that appears there later may change what a program means.
	Absent []string `json:"absent,omitempty"`
}

// FileHash is one file and the hash of its bytes.
type FileHash struct {
	// Path is absolute and clean.
	Path string `json:"path"`
	// SHA256 is in lower-case hexadecimal.
	SHA256 string `json:"sha256"`
}

func (in *Inputs) add(path string, src []byte) string {
	sum := Hash(src)
	in.Files = append(in.Files, FileHash{path, sum})
	return sum
}

// Current reports whether every file still has its hash and every absent path
// still has no file: whether loading again would give the same program.
func (in Inputs) Current() bool {
	for _, f := range in.Files {
		src, err := readFile(f.Path, maxModuleBytes)
		if err != nil || Hash(src) != f.SHA256 {
			return false
		}
	}
	for _, p := range in.Absent {
		if info, err := os.Stat(p); err == nil && !info.IsDir() || err != nil && !missing(err) {
			return false
		}
	}
	return true
}

// Hash is the SHA-256 of b in lower-case hexadecimal.
func Hash(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

func isNotDir(err error) bool { return errors.Is(err, syscall.ENOTDIR) }
