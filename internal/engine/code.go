package engine

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"reflect"
	"unsafe"

	"github.com/tetratelabs/wazero"

	"x07/internal/artifact"
)

// Machine code that was made earlier travels as one block: the key under which
// the compiler looks it up, which covers the module, the version of the
// compiler and the features of the processor, and then the compiler's own
// serialised form. A block whose key is not the one asked for is not used.
const codeKeyBytes = 32

// CompileCode compiles an artifact for this machine's processor and returns the
// block that Config.Code takes. Equal artifacts give equal blocks on equal
// processors. Nothing of the program runs.
func CompileCode(ctx context.Context, a *artifact.Artifact) ([]byte, error) {
	keep := &codeStore{}
	cache, err := keep.attach()
	if err != nil {
		return nil, err
	}
	defer cache.Close(ctx)
	rt := wazero.NewRuntimeWithConfig(ctx, runtimeConfig(0, false).WithCompilationCache(cache))
	defer rt.Close(ctx)
	m, err := rt.CompileModule(ctx, a.Wasm)
	if err != nil {
		return nil, fmt.Errorf("compile program: %w", err)
	}
	defer m.Close(ctx)
	if keep.block == nil {
		return nil, ErrNoCompiler
	}
	return keep.block, nil
}

// ErrNoCompiler is returned where programs are interpreted.
var ErrNoCompiler = errors.New("this platform has no compiler to machine code")

// codeStore is a compilation cache of one entry in memory. A program's module
// is the only one that is ever looked up: host modules are not cached.
type codeStore struct {
	block []byte
	used  bool // the entry was asked for and given
}

// attach returns a compilation cache that keeps its entry in s. The library
// lets a cache live in a directory only; its own type can hold any, which is
// set here as the one thing this package reaches into. When that field changes
// its form this is an error, and programs are compiled when they start.
func (s *codeStore) attach() (wazero.CompilationCache, error) {
	cache := wazero.NewCompilationCache()
	v := reflect.ValueOf(cache)
	if v.Kind() != reflect.Pointer || v.Elem().Kind() != reflect.Struct {
		return nil, errForeignCache
	}
	field := v.Elem().FieldByName("fileCache")
	if !field.IsValid() || field.Kind() != reflect.Interface || !reflect.TypeOf(s).Implements(field.Type()) {
		return nil, errForeignCache
	}
	reflect.NewAt(field.Type(), unsafe.Pointer(field.UnsafeAddr())).Elem().Set(reflect.ValueOf(s))
	return cache, nil
}

var errForeignCache = errors.New("the engine's compilation cache has another form than this build knows")

// Get implements the library's cache.
func (s *codeStore) Get(key [codeKeyBytes]byte) (io.ReadCloser, bool, error) {
	if len(s.block) < codeKeyBytes || !bytes.Equal(s.block[:codeKeyBytes], key[:]) {
		return nil, false, nil
	}
	s.used = true
	return io.NopCloser(bytes.NewReader(s.block[codeKeyBytes:])), true, nil
}

// Add implements the library's cache.
func (s *codeStore) Add(key [codeKeyBytes]byte, content io.Reader) error {
	b, err := io.ReadAll(content)
	if err != nil {
		return err
	}
	s.block = append(append(make([]byte, 0, codeKeyBytes+len(b)), key[:]...), b...)
	return nil
}

// Delete implements the library's cache: the entry is of another version.
func (s *codeStore) Delete([codeKeyBytes]byte) error {
	s.block, s.used = nil, false
	return nil
}
