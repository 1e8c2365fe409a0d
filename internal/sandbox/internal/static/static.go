// Package static tells whether an executable needs anything besides itself. An
// open file comes in, a yes or an explained no goes out; nothing is executed.
//
// Guests have no libraries and no dynamic loader, and the guest kernel and the
// runner confine all their threads by means that the Go runtime has without cgo
// only. A build with cgo shows by the loader it asks for.
package static

import (
	"debug/elf"
	"fmt"
	"io"
	"strings"
)

// maxLoader is the longest loader name that is shown.
const maxLoader = 256

// Check returns nil for a static ELF executable. name is how an error calls it.
func Check(name string, r io.ReaderAt) error {
	f, err := elf.NewFile(r)
	if err != nil {
		return fmt.Errorf("%s is no executable of this system: %w", name, err)
	}
	for _, p := range f.Progs {
		if p.Type != elf.PT_INTERP {
			continue
		}
		loader, err := io.ReadAll(io.LimitReader(p.Open(), maxLoader))
		if err != nil {
			return fmt.Errorf("%s: read the name of its loader: %w", name, err)
		}
		return fmt.Errorf("%s is not static: it needs the loader %q, which guests do not have; build it with CGO_ENABLED=0", name, strings.TrimRight(string(loader), "\x00"))
	}
	return nil
}
