// Package fs is the file capability of the OS worlds.
//
// Paths and capability documents come in as the program wrote them; contents,
// listings, codes and traps go out. Every call asks the gate first. In run-os a
// path is opened as it is, relative to the working directory. Under a policy
// the gate names the root that admits a path, and the call happens beneath that
// root, which was opened once: no "..", no symbolic link and no race between
// check and use leads out of it.
//
// The package never follows a link out of a root, never leaves a temporary file
// behind, and never reads more than the limits of policy and call.
package fs

import (
	"os"

	"x07/internal/osworld/effect"
	"x07/internal/policy"
)

// FS is the file capability of one run. It is used by one goroutine at a time.
type FS struct {
	door    effect.Door
	work    hostTree
	read    []*place
	write   []*place
	writers []*writer
}

// New opens the file capability. workDir is where the program's working
// directory lies on this side. Roots that do not exist yet are opened when they
// are first needed.
func New(door effect.Door, workDir string) *FS {
	f := &FS{door: door, work: hostTree{base: workDir}}
	if door.Gate.Enforcing() {
		f.read = openPlaces(door.Gate.ReadRoots(), door.Gate.WorkDir())
		f.write = openPlaces(door.Gate.WriteRoots(), door.Gate.WorkDir())
	}
	return f
}

// Close drops every writer that is still open, with its temporary file, and
// closes the roots. It returns how many writers the program had left open.
func (f *FS) Close() (leaked int) {
	for i, w := range f.writers {
		if w != nil {
			leaked++
			f.StreamDrop(int32(i + 1))
		}
	}
	f.writers = nil
	for _, p := range append(f.read, f.write...) {
		p.close()
	}
	f.read, f.write = nil, nil
	return leaked
}

// OpenForRead opens the file that an allowing decision about reading names. It
// is how other capabilities (HTTP file URLs, databases) reach files.
func (f *FS) OpenForRead(d policy.FSDecision) (*os.File, error) {
	t, name, err := f.locate(d, false)
	if err != nil {
		return nil, err
	}
	return t.OpenFile(name, os.O_RDONLY, 0)
}

// CreateForWrite creates or truncates the file that an allowing decision about
// writing names.
func (f *FS) CreateForWrite(d policy.FSDecision) (*os.File, error) {
	t, name, err := f.locate(d, true)
	if err != nil {
		return nil, err
	}
	return t.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, fileMode)
}

const (
	fileMode = 0o666
	dirMode  = 0o777
)
