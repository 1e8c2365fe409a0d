package compile

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"x07/internal/artifact"
	"x07/internal/atomicfile"
	"x07/internal/program"
)

// A cache keeps artifacts between runs. It has two kinds of entries, each a
// file that is written whole and renamed into place:
//
//	plan/<key>   what a build read, and the hash of the artifact it gave; the
//	             key is the hash of everything else that decides a build
//	art/<hash>   an encoded artifact, named by the hash of its bytes
//
// A plan is believed only while every file it names still has its hash, and an
// artifact only if its bytes have the hash in its name. So a damaged, truncated
// or forged entry is a miss, and two builds that write the same entry at the
// same time write the same bytes. The files belong to the user, as the sources
// do; the cache does not defend against its own owner.
type cache struct{ dir string }

type plan struct {
	Inputs   program.Inputs `json:"inputs"`
	Artifact string         `json:"artifact"`
}

// maxEntry bounds what is read from the cache.
const maxEntry = 256 << 20

// key identifies a build by its options and the compiler itself.
func key(o Options) string {
	h := sha256.New()
	e := json.NewEncoder(h)
	e.Encode(o.EntryPath)
	e.Encode(program.Hash(o.Entry))
	e.Encode(o.Entry == nil)
	e.Encode([]any{o.World, o.ModuleRoots, o.Locked, o.AllowUnsafe, o.AllowFFI, os.Getenv("X07_MAX_AST_NODES"), os.Getenv("X07_MAX_LOCALS"), os.Getenv("X07_MAX_C_BYTES")})
	e.Encode(compilerID())
	return hex.EncodeToString(h.Sum(nil))
}

// compilerID changes whenever the running executable does, so that a new
// compiler never serves an old one's output.
func compilerID() string {
	exe, err := os.Executable()
	if err != nil {
		return Version
	}
	info, err := os.Stat(exe)
	if err != nil {
		return Version
	}
	return fmt.Sprintf("%s %d %d", Version, info.Size(), info.ModTime().UnixNano())
}

// load returns the artifact of an earlier build with the same key and inputs,
// and those inputs; nil if there is none that can be trusted.
func (c cache) load(key string) (*artifact.Artifact, program.Inputs) {
	var p plan
	path := filepath.Join(c.dir, "plan", key)
	b, err := readCapped(path)
	if err != nil || json.Unmarshal(b, &p) != nil || len(p.Artifact) != 64 || !p.Inputs.Current() {
		return nil, p.Inputs
	}
	b, err = readCapped(filepath.Join(c.dir, "art", filepath.Base(p.Artifact)))
	if err != nil || program.Hash(b) != p.Artifact {
		return nil, p.Inputs
	}
	a, err := artifact.Decode(b)
	if err != nil {
		return nil, p.Inputs
	}
	// The age of a plan is the time of its last use; see trim.
	now := time.Now()
	if info, err := os.Stat(path); err == nil && now.Sub(info.ModTime()) > time.Hour {
		os.Chtimes(path, now, now)
	}
	return a, p.Inputs
}

// store keeps an artifact. Failing to is not an error of the build: the next
// one compiles again.
func (c cache) store(key string, in program.Inputs, a *artifact.Artifact) {
	b, err := a.Encode()
	if err != nil {
		return
	}
	p := plan{Inputs: in, Artifact: program.Hash(b)}
	pb, err := json.Marshal(p)
	if err != nil {
		return
	}
	if writeFile(filepath.Join(c.dir, "art", p.Artifact), b) == nil {
		writeFile(filepath.Join(c.dir, "plan", key), pb)
	}
	c.trim(time.Now())
}

// CodeDir is the directory below the cache that holds machine code for guests.
// Its entries are others' business; only their age is watched here.
const CodeDir = "code"

// keepFor is how long an entry that nobody uses stays.
const keepFor = 30 * 24 * time.Hour

// trim removes entries that have not been used for a long time, at most once a
// day. Artifacts are younger than the plans that name them, or are built anew.
func (c cache) trim(now time.Time) {
	stamp := filepath.Join(c.dir, "trimmed")
	if info, err := os.Stat(stamp); err == nil && now.Sub(info.ModTime()) < 24*time.Hour {
		return
	}
	if writeFile(stamp, nil) != nil {
		return
	}
	for _, sub := range []string{"plan", "art", CodeDir} {
		entries, _ := os.ReadDir(filepath.Join(c.dir, sub))
		for _, e := range entries {
			if info, err := e.Info(); err == nil && now.Sub(info.ModTime()) > keepFor {
				os.Remove(filepath.Join(c.dir, sub, e.Name()))
			}
		}
	}
}

func readCapped(path string) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() || info.Size() > maxEntry {
		return nil, errors.New("not a cache entry")
	}
	return os.ReadFile(path)
}

// writeFile writes path atomically; a file that has the bytes already is left
// alone.
func writeFile(path string, b []byte) error {
	if old, err := readCapped(path); err == nil && len(b) > 0 && bytes.Equal(old, b) {
		return nil
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	return atomicfile.Write(path, b, 0o600)
}

// DefaultCacheDir is the x07 directory below the user's cache directory, ""
// when the user has none; then nothing is cached.
func DefaultCacheDir() string {
	dir, err := os.UserCacheDir()
	if err != nil || !filepath.IsAbs(dir) {
		return ""
	}
	if info, err := os.Stat(dir); err == nil && !info.IsDir() || err != nil && !errors.Is(err, fs.ErrNotExist) {
		return ""
	}
	return filepath.Join(dir, "x07")
}
