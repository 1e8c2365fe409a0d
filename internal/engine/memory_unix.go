//go:build linux || darwin || freebsd

package engine

import (
	"github.com/tetratelabs/wazero/experimental"
	"golang.org/x/sys/unix"
)

// mapped is a linear memory that reserves its largest size as address space
// and lets the kernel supply zeroed pages when they are touched, so that
// growing copies nothing and an idle megabyte costs nothing.
type mapped struct{ all []byte }

func allocate(capacity, limit uint64) experimental.LinearMemory {
	size := max(limit, capacity, wasmPage)
	all, err := unix.Mmap(-1, 0, int(size), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANON|mapFlags)
	if err != nil {
		return &grown{}
	}
	return &mapped{all}
}

func (m *mapped) Reallocate(size uint64) []byte {
	if size > uint64(len(m.all)) {
		return nil
	}
	return m.all[:size:len(m.all)]
}

func (m *mapped) Free() {
	if m.all != nil {
		unix.Munmap(m.all)
		m.all = nil
	}
}
