package fs

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"slices"
	"strings"

	"x07/internal/osworld/effect"
	"x07/internal/policy"
)

// The heads fs.read, fs.open_read and fs.list_dir are those of the fixture
// worlds. In an OS world they work on the real working directory, in every case
// with the safe-path rule, and ask the gate like any other file call.

// Read is fs.read, fs.read_async and fs.open_read, which head says: the whole
// file, or a trap.
func (f *FS) Read(ctx context.Context, head, path string) ([]byte, error) {
	if !safe(path) {
		return nil, effect.Trap(head + " unsafe path")
	}
	data, err := f.ReadFile(ctx, path)
	var trap effect.Trap
	if !errors.As(err, &trap) {
		return data, err
	}
	switch reason, own := strings.CutPrefix(string(trap), "os.fs.read_file "); {
	case !own:
		return nil, trap // switched off by the policy
	case head == "fs.open_read", reason == "hidden path denied":
		return nil, effect.Trap(head + " open failed")
	default:
		return nil, effect.Trap(head + " " + reason)
	}
}

// ListNames is fs.list_dir: the sorted names in a directory, each followed by
// LF, without those that start with ".x07_".
func (f *FS) ListNames(path string) ([]byte, error) {
	if !safe(path) {
		return nil, effect.Trap("fs.list_dir unsafe path")
	}
	d := f.door.Gate.FS(policy.OpFSList, path, 0)
	if !d.Allowed {
		f.door.Refused(d.Decision)
		return nil, effect.Trap("fs.list_dir open failed")
	}
	c := call{f, d, f.door.Start()}
	limit := f.door.Gate.FSMaxEntries(0)
	var names []string
	t, rel, err := f.locate(d, false)
	if err == nil {
		err = eachEntry(t, rel, func(e fs.DirEntry) error {
			if strings.HasPrefix(e.Name(), ".x07_") || f.door.Gate.DenyHidden() && strings.HasPrefix(e.Name(), ".") {
				return nil
			}
			names = append(names, e.Name())
			if f.door.Gate.Enforcing() && uint64(len(names)) > uint64(limit) {
				return errTooMany
			}
			return nil
		})
	}
	switch {
	case errors.Is(err, errTooMany):
		c.over("fs.max_entries", limit, limit, uint64(limit)+1, codeTooMany)
		return nil, effect.Trap("fs.list_dir output too large")
	case err != nil:
		c.fail(err)
		return nil, effect.Trap("fs.list_dir open failed")
	}
	slices.Sort(names)
	var text bytes.Buffer
	for _, name := range names {
		text.WriteString(name)
		text.WriteByte('\n')
	}
	c.done(text.Len())
	return text.Bytes(), nil
}

// safe is the rule for paths: relative, and no segment that is empty, ".", ".."
// or starts with ".x07_".
func safe(path string) bool {
	if path == "" || strings.ContainsAny(path, "\\\x00") {
		return false
	}
	for _, segment := range strings.Split(path, "/") {
		if segment == "" || segment == "." || segment == ".." || strings.HasPrefix(segment, ".x07_") {
			return false
		}
	}
	return true
}
