package fs

import (
	"errors"
	"os"

	"x07/internal/policy"
)

// writer is a streaming writer: a file that grows call by call.
type writer struct {
	call  call
	tree  tree
	file  *os.File // nil once closed
	name  string
	tmp   string // the temporary that takes name on close; empty when in place
	left  uint32 // bytes that may still be written
	limit uint32 // bytes that might be written at first
	wrote int64
}

// StreamOpenWrite is os.fs.stream_open_write_v1: a handle above 0, or a code.
// The lowest free handle is taken.
func (f *FS) StreamOpenWrite(name string, capsDoc []byte) (handle, code int32) {
	c, k, code := f.begin(policy.OpFSOpenWrite, name, capsDoc)
	if code != 0 {
		return 0, code
	}
	slot := 0
	for slot < len(f.writers) && f.writers[slot] != nil {
		slot++
	}
	if slot >= maxWriters {
		return 0, codeUnsupported
	}
	t, rel, code := c.prepare(k)
	if code != 0 {
		return 0, code
	}
	if info, err := t.Stat(rel); err == nil && info.IsDir() {
		return 0, codeIsDir
	}
	w := &writer{call: c, tree: t, name: rel, limit: f.door.Gate.FSMaxWrite(k.maxWrite)}
	w.left = w.limit
	var err error
	switch {
	case k.has(policy.FlagAtomic) && !isLone(t):
		w.file, w.tmp, err = createTemp(t, rel)
	case k.has(policy.FlagOverwrite):
		w.file, err = t.OpenFile(rel, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, fileMode)
	default:
		w.file, err = t.OpenFile(rel, os.O_WRONLY|os.O_CREATE|os.O_EXCL, fileMode)
	}
	if err != nil {
		return 0, c.fail(err)
	}
	if slot == len(f.writers) {
		f.writers = append(f.writers, nil)
	}
	f.writers[slot] = w
	return int32(slot + 1), 0
}

// maxWriters bounds the open writers of a program; the system's own limit on
// open files is usually met first.
const maxWriters = 65536

func (f *FS) writer(handle int32) *writer {
	if handle < 1 || int(handle) > len(f.writers) {
		return nil
	}
	return f.writers[handle-1]
}

// StreamWriteAll is os.fs.stream_write_all_v1: the length of data, or a code. A
// chunk that would pass the limit is not written at all.
func (f *FS) StreamWriteAll(handle int32, data []byte) (n, code int32) {
	w := f.writer(handle)
	if w == nil || w.file == nil {
		return 0, codeBadHandle
	}
	if uint64(len(data)) > uint64(w.left) {
		need := uint64(w.limit-w.left) + uint64(len(data))
		return 0, w.call.over("fs.max_write_bytes", w.limit, f.door.Gate.FSMaxWrite(0), need, codeTooLarge)
	}
	k, err := w.file.Write(data)
	w.left -= uint32(k)
	w.wrote += int64(k)
	if err != nil {
		return 0, w.call.fail(err)
	}
	return int32(len(data)), 0
}

// StreamClose is os.fs.stream_close_v1: 1, or a code. An atomic writer takes its
// name now; when it cannot, its temporary is removed.
func (f *FS) StreamClose(handle int32) (n, code int32) {
	w := f.writer(handle)
	if w == nil {
		return 0, codeBadHandle
	}
	if w.file == nil {
		return 1, 0
	}
	err := w.file.Close()
	w.file = nil
	if w.tmp != "" {
		if err == nil {
			err = rename(w.tree, w.tmp, w.tree, w.name)
		}
		if err != nil {
			err = errors.Join(err, w.tree.Remove(w.tmp))
		}
	}
	if err != nil {
		return 0, w.call.fail(err)
	}
	w.call.done(int(w.wrote))
	return 1, 0
}

// StreamDrop is os.fs.stream_drop_v1: always 1. A writer that was not closed is
// closed; an atomic one is undone, another keeps what was written.
func (f *FS) StreamDrop(handle int32) int32 {
	w := f.writer(handle)
	if w == nil {
		return 1
	}
	if w.file != nil {
		w.file.Close()
		if w.tmp != "" {
			_ = w.tree.Remove(w.tmp)
		}
		w.call.done(int(w.wrote))
	}
	f.writers[handle-1] = nil
	return 1
}
