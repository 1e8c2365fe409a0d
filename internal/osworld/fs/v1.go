package fs

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"math"
	"os"
	"path"
	"strconv"
	"syscall"
	"time"

	"x07/internal/policy"
)

// call is one v1 call between its decision and its record.
type call struct {
	f     *FS
	dec   policy.FSDecision
	start time.Time
}

// begin decodes the capability document and asks the gate.
func (f *FS) begin(op policy.Op, name string, capsDoc []byte) (call, caps, int32) {
	c, ok := decodeCaps(capsDoc)
	if !ok {
		return call{}, c, codeBadCaps
	}
	d := f.door.Gate.FS(op, name, c.flags)
	if !d.Allowed {
		f.door.Refused(d.Decision)
		return call{}, c, d.Code
	}
	return call{f, d, f.door.Start()}, c, 0
}

// done records the effect.
func (c call) done(n int) { c.f.door.Done(c.dec.Decision, int64(n), c.start, 0) }

// fail records and returns the code of a system error.
func (c call) fail(err error) int32 {
	code := codeOf(err)
	if !c.f.escaped(c.dec.Decision, err) {
		c.f.door.Done(c.dec.Decision, 0, c.start, code)
	}
	return code
}

// over records and returns a ceiling that was met. A ceiling that the call set
// itself, below the policy's, is no refusal of the policy.
func (c call) over(field string, limit, policyLimit uint32, need uint64, code int32) int32 {
	if limit == policyLimit {
		c.f.door.Refused(c.f.door.Gate.FSCeiling(c.dec.Op, c.dec.Path, field, need))
	}
	return code
}

// ReadAll is os.fs.read_all_v1. The code is 0 when the contents are valid.
func (f *FS) ReadAll(ctx context.Context, name string, capsDoc []byte) ([]byte, int32) {
	c, k, code := f.begin(policy.OpFSRead, name, capsDoc)
	if code != 0 {
		return nil, code
	}
	t, rel, err := f.locate(c.dec, false)
	if err != nil {
		return nil, c.fail(err)
	}
	file, info, err := openNow(t, rel)
	if err != nil {
		return nil, c.fail(err)
	}
	defer file.Close()
	if info.IsDir() {
		return nil, codeIsDir
	}
	limit := f.door.Gate.FSMaxRead(k.maxRead)
	tooLarge := func(size int64) int32 {
		return c.over("fs.max_read_bytes", limit, f.door.Gate.FSMaxRead(0), uint64(size), codeTooLarge)
	}
	if info.Size() > int64(limit) {
		return nil, tooLarge(info.Size())
	}
	var data []byte
	if mayWait(info) {
		data, err = patiently(ctx, func() ([]byte, error) { return readSlowly(t, rel, limit) })
	} else {
		data, err = readUpTo(file, info.Size(), limit)
	}
	switch {
	case errors.Is(err, errOverLimit):
		return nil, tooLarge(int64(limit) + 1)
	case err != nil:
		return nil, c.fail(err)
	}
	c.done(len(data))
	return data, 0
}

var errOverLimit = errors.New("more bytes than the limit")

// readSlowly opens name so that reading waits, and reads it to the end.
func readSlowly(t tree, name string, limit uint32) ([]byte, error) {
	file, err := t.OpenFile(name, os.O_RDONLY, 0)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	return readUpTo(file, 0, limit)
}

// readUpTo reads r to its end, which is expected after size bytes, and fails
// with errOverLimit when there are more than limit.
func readUpTo(r io.Reader, size int64, limit uint32) ([]byte, error) {
	data := make([]byte, 0, min(size, int64(limit))+1)
	for {
		if len(data) == cap(data) {
			data = append(data, 0)[:len(data)]
		}
		n, err := r.Read(data[len(data):cap(data)])
		data = data[:len(data)+n]
		if int64(len(data)) > int64(limit) {
			return nil, errOverLimit
		}
		if err == io.EOF {
			return data, nil
		}
		if err != nil {
			return nil, err
		}
	}
}

// WriteAll is os.fs.write_all_v1: the number of bytes written, or a code.
func (f *FS) WriteAll(ctx context.Context, name string, data, capsDoc []byte) (n, code int32) {
	c, k, code := f.begin(policy.OpFSWrite, name, capsDoc)
	if code != 0 {
		return 0, code
	}
	if limit := f.door.Gate.FSMaxWrite(k.maxWrite); uint64(len(data)) > uint64(limit) {
		return 0, c.over("fs.max_write_bytes", limit, f.door.Gate.FSMaxWrite(0), uint64(len(data)), codeTooLarge)
	}
	t, rel, code := c.prepare(k)
	if code != 0 {
		return 0, code
	}
	var err error
	if k.has(policy.FlagAtomic) && !isLone(t) {
		err = writeAtomically(t, rel, data)
	} else {
		err = writeInPlace(ctx, t, rel, data, os.O_CREATE|os.O_TRUNC)
	}
	if err != nil {
		return 0, c.fail(err)
	}
	c.done(len(data))
	return int32(len(data)), 0
}

// AppendAll is os.fs.append_all_v1: it adds data to the end of a file, which is
// made when it is missing. The flags Overwrite and Atomic mean nothing here.
func (f *FS) AppendAll(ctx context.Context, name string, data, capsDoc []byte) (n, code int32) {
	c, k, code := f.begin(policy.OpFSWrite, name, capsDoc)
	if code != 0 {
		return 0, code
	}
	if limit := f.door.Gate.FSMaxWrite(k.maxWrite); uint64(len(data)) > uint64(limit) {
		return 0, c.over("fs.max_write_bytes", limit, f.door.Gate.FSMaxWrite(0), uint64(len(data)), codeTooLarge)
	}
	k.flags |= policy.FlagOverwrite
	t, rel, code := c.prepare(k)
	if code != 0 {
		return 0, code
	}
	if info, err := t.Stat(rel); err == nil && info.IsDir() {
		return 0, codeIsDir
	}
	if err := writeInPlace(ctx, t, rel, data, os.O_CREATE|os.O_APPEND); err != nil {
		return 0, c.fail(err)
	}
	c.done(len(data))
	return int32(len(data)), 0
}

// prepare does what precedes every write: missing parents are made when the
// call asks for it, and what exists is refused unless it asks to overwrite.
func (c call) prepare(k caps) (tree, string, int32) {
	parents := k.has(policy.FlagCreateParents)
	w := wantFile
	if parents {
		w = wantParents
	}
	t, rel, err := c.f.locateFor(c.dec, w)
	if err != nil {
		return nil, "", c.fail(err)
	}
	if dir := path.Dir(rel); parents && dir != "." && dir != "/" {
		if err := t.MkdirAll(dir, dirMode); err != nil {
			return nil, "", c.failMaking(t, dir, err)
		}
	}
	if !k.has(policy.FlagOverwrite) {
		info, err := t.Stat(rel)
		switch {
		case err == nil && info.IsDir():
			return nil, "", codeIsDir
		case err == nil:
			return nil, "", codeAlreadyExists
		case isEscape(err):
			return nil, "", c.fail(err)
		}
	}
	return t, rel, 0
}

// failMaking returns the code of a failure to make the directory dir. Packages
// of the system disagree about what a file in the way is called.
func (c call) failMaking(t tree, dir string, err error) int32 {
	if errors.Is(err, syscall.ENOTDIR) || errors.Is(err, syscall.EEXIST) {
		return codeIO
	}
	return c.fail(err)
}

func isLone(t tree) bool {
	_, ok := t.(lone)
	return ok
}

// writeAtomically writes data to a new file beside name and renames it over name.
func writeAtomically(t tree, name string, data []byte) error {
	file, tmp, err := createTemp(t, name)
	if err != nil {
		return err
	}
	_, err = file.Write(data)
	if err == nil {
		// A file system without fsync still renames atomically.
		_ = file.Sync()
	}
	if err = errors.Join(err, file.Close()); err == nil {
		err = rename(t, tmp, t, name)
	}
	if err != nil {
		_ = t.Remove(tmp)
	}
	return err
}

// createTemp creates the first <name>.x07_tmp_<k> that does not exist.
func createTemp(t tree, name string) (file *os.File, tmp string, err error) {
	for k := uint64(0); ; k++ {
		tmp = name + ".x07_tmp_" + strconv.FormatUint(k, 10)
		file, err = t.OpenFile(tmp, os.O_WRONLY|os.O_CREATE|os.O_EXCL, fileMode)
		if !errors.Is(err, syscall.EEXIST) {
			return file, tmp, err
		}
	}
}

// Mkdirs is os.fs.mkdirs_v1: 1, or a code.
func (f *FS) Mkdirs(name string, capsDoc []byte) (n, code int32) {
	c, _, code := f.begin(policy.OpFSMkdirs, name, capsDoc)
	if code != 0 {
		return 0, code
	}
	t, rel, err := f.locateFor(c.dec, wantDir)
	if err != nil {
		return 0, c.fail(err)
	}
	if info, err := t.Stat(rel); err == nil {
		if !info.IsDir() {
			return 0, codeAlreadyExists
		}
	} else if err := t.MkdirAll(rel, dirMode); err != nil {
		return 0, c.failMaking(t, rel, err)
	}
	c.done(0)
	return 1, 0
}

// RemoveFile is os.fs.remove_file_v1: 1, or a code. A symbolic link to a file is
// removed itself.
func (f *FS) RemoveFile(name string, capsDoc []byte) (n, code int32) {
	return f.remove(policy.OpFSRemoveFile, name, capsDoc)
}

// RemoveDirAll is os.fs.remove_dir_all_v1: 1, or a code. No symbolic link below
// the directory is followed; a link to a directory loses only the link.
func (f *FS) RemoveDirAll(name string, capsDoc []byte) (n, code int32) {
	return f.remove(policy.OpFSRemoveDir, name, capsDoc)
}

func (f *FS) remove(op policy.Op, name string, capsDoc []byte) (n, code int32) {
	c, _, code := f.begin(op, name, capsDoc)
	if code != 0 {
		return 0, code
	}
	t, rel, err := f.locate(c.dec, true)
	if err != nil {
		return 0, c.fail(err)
	}
	info, err := t.Stat(rel)
	switch {
	case err != nil:
		return 0, c.fail(err)
	case op == policy.OpFSRemoveFile && info.IsDir():
		return 0, codeIsDir
	case op == policy.OpFSRemoveDir && !info.IsDir():
		return 0, codeNotDir
	}
	if op == policy.OpFSRemoveFile {
		err = t.Remove(rel)
	} else {
		err = t.RemoveAll(rel)
	}
	if err != nil {
		return 0, c.fail(err)
	}
	c.done(0)
	return 1, 0
}

// Rename is os.fs.rename_v1: 1, or a code. It is one rename of the system; a
// symbolic link is renamed itself.
func (f *FS) Rename(src, dst string, capsDoc []byte) (n, code int32) {
	k, ok := decodeCaps(capsDoc)
	if !ok {
		return 0, codeBadCaps
	}
	from, to := f.door.Gate.FSRename(src, dst, k.flags)
	for _, d := range []policy.FSDecision{from, to} {
		if !d.Allowed {
			f.door.Refused(d.Decision)
			return 0, d.Code
		}
	}
	c := call{f, from, f.door.Start()}
	fromTree, fromName, err := f.locate(from, true)
	if err != nil {
		return 0, c.fail(err)
	}
	toTree, toName, err := f.locate(to, true)
	if err != nil {
		return 0, c.fail(err)
	}
	if err := rename(fromTree, fromName, toTree, toName); err != nil {
		return 0, c.fail(err)
	}
	f.door.Done(to.Decision, 0, c.start, 0)
	c.done(0)
	return 1, 0
}

// Stat is os.fs.stat_v1: FsStatV1, or a code. A symbolic link is described itself.
func (f *FS) Stat(name string, capsDoc []byte) ([]byte, int32) {
	c, _, code := f.begin(policy.OpFSStat, name, capsDoc)
	if code != 0 {
		return nil, code
	}
	var info os.FileInfo
	t, rel, err := f.locate(c.dec, false)
	if err == nil {
		info, err = t.Lstat(rel)
	}
	if err != nil && !errors.Is(err, syscall.ENOENT) {
		return nil, c.fail(err)
	}
	c.done(0)
	return encodeStat(info), 0
}

// The kinds of FsStatV1.
const (
	kindMissing = 0
	kindFile    = 1
	kindDir     = 2
	kindSymlink = 3
	kindOther   = 4
)

// encodeStat writes version, kind, size and modification time; a nil info is a
// path that does not exist.
func encodeStat(info os.FileInfo) []byte {
	doc := make([]byte, 16)
	put := func(at int, v uint32) { binary.LittleEndian.PutUint32(doc[at:], v) }
	put(0, 1)
	if info == nil {
		return doc
	}
	switch mode := info.Mode(); {
	case mode.IsRegular():
		put(4, kindFile)
		put(8, saturate(info.Size()))
	case mode.IsDir():
		put(4, kindDir)
	case mode&os.ModeSymlink != 0:
		put(4, kindSymlink)
	default:
		put(4, kindOther)
	}
	put(12, saturate(info.ModTime().Unix()))
	return doc
}

func saturate(n int64) uint32 {
	switch {
	case n < 0:
		return 0
	case n > math.MaxUint32:
		return math.MaxUint32
	}
	return uint32(n)
}
