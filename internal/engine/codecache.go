package engine

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"

	"golang.org/x/sys/cpu"

	"x07/internal/artifact"
	"x07/internal/atomicfile"
)

// maxCodeFile bounds what is read from a cache, in bytes.
const maxCodeFile = 256 << 20

// CachedCode is CompileCode with a directory that keeps blocks between runs. A
// file is a block behind its SHA-256, and its name is a hash of the module, of
// this executable and of the processor's features; a file that is damaged, or
// belongs to something else, is made anew. It is written whole and renamed into
// place; where that fails, the next run compiles again. The directory belongs to
// the user, as the sources do: what it holds will run.
func CachedCode(ctx context.Context, a *artifact.Artifact, dir string) ([]byte, error) {
	if dir == "" {
		return CompileCode(ctx, a)
	}
	path := filepath.Join(dir, codeName(a))
	if block := readCode(path); block != nil {
		return block, nil
	}
	block, err := CompileCode(ctx, a)
	if err == nil {
		writeCode(path, block)
	}
	return block, err
}

// codeName is the file name of an artifact's block.
func codeName(a *artifact.Artifact) string {
	h := sha256.New()
	h.Write(a.Wasm)
	// The engine is part of the executable: another one may be another engine.
	if exe, err := os.Executable(); err == nil {
		if info, err := os.Stat(exe); err == nil {
			fmt.Fprintln(h, info.Size(), info.ModTime().UnixNano())
		}
	}
	fmt.Fprintln(h, runtime.GOOS, runtime.GOARCH, cpu.X86, cpu.ARM64)
	return hex.EncodeToString(h.Sum(nil))
}

// readCode returns the block in a file; nil when there is none to be trusted.
func readCode(path string) []byte {
	f, err := os.Open(path)
	if err != nil {
		return nil
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil || !info.Mode().IsRegular() || info.Size() <= sha256.Size+codeKeyBytes || info.Size() > maxCodeFile {
		return nil
	}
	data := make([]byte, info.Size())
	if _, err := io.ReadFull(f, data); err != nil {
		return nil
	}
	sum, block := data[:sha256.Size], data[sha256.Size:]
	if got := sha256.Sum256(block); !bytes.Equal(got[:], sum) {
		return nil
	}
	return block
}

// writeCode keeps a block.
func writeCode(path string, block []byte) {
	if len(block) > maxCodeFile-sha256.Size || os.MkdirAll(filepath.Dir(path), 0o700) != nil {
		return
	}
	sum := sha256.Sum256(block)
	// Without the file the next run compiles again.
	_ = atomicfile.Write(path, append(sum[:], block...), 0o600)
}
