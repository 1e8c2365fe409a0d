package fs

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"strings"
	"syscall"

	"x07/internal/osworld/effect"
	"x07/internal/policy"
)

// ReadFile is os.fs.read_file: the whole file, or a trap. Waiting for a device
// to answer stops when ctx ends.
func (f *FS) ReadFile(ctx context.Context, path string) ([]byte, error) {
	d := f.door.Gate.FSReadFile(path)
	if !d.Allowed {
		return nil, f.door.Refused(d.Decision)
	}
	if strings.IndexByte(path, 0) >= 0 {
		return nil, effect.Trap("os.fs.read_file path contains NUL")
	}
	start := f.door.Start()
	t, name, err := f.locate(d, false)
	if err != nil {
		f.escaped(d.Decision, err)
		return nil, effect.Trap("os.fs.read_file open failed")
	}
	file, info, err := openNow(t, name)
	if err != nil {
		f.escaped(d.Decision, err)
		return nil, effect.Trap("os.fs.read_file open failed")
	}
	defer file.Close()
	switch mode := info.Mode(); {
	case mode.IsDir():
		return nil, effect.Trap("os.fs.read_file file too large")
	case mode&(os.ModeNamedPipe|os.ModeSocket) != 0:
		return nil, effect.Trap("os.fs.read_file seek failed")
	case uint64(info.Size()) > 1<<32-1:
		return nil, effect.Trap("os.fs.read_file file too large")
	}
	if limit, bounded := f.door.Gate.FSRawReadLimit(); bounded && info.Size() > int64(limit) {
		f.door.Refused(f.door.Gate.FSCeiling(d.Op, d.Path, "fs.max_read_bytes", uint64(info.Size())))
		return nil, effect.Trap("os.fs.read_file file too large")
	}
	data := make([]byte, info.Size())
	if _, err := io.ReadFull(file, data); err != nil {
		return nil, effect.Trap("os.fs.read_file short read")
	}
	f.door.Done(d.Decision, int64(len(data)), start, 0)
	return data, nil
}

// WriteFile is os.fs.write_file: 0, or the errno of the platform (1 when it gave
// none). It creates or truncates the file in place; the error is a trap.
func (f *FS) WriteFile(ctx context.Context, path string, data []byte) (int32, error) {
	d := f.door.Gate.FSWriteFile(path, int64(len(data)))
	if !d.Allowed {
		return d.Code, f.door.Refused(d.Decision)
	}
	if strings.IndexByte(path, 0) >= 0 {
		return 0, effect.Trap("os.fs.write_file path contains NUL")
	}
	start := f.door.Start()
	t, name, err := f.locate(d, true)
	if err == nil {
		err = writeInPlace(ctx, t, name, data, os.O_CREATE|os.O_TRUNC)
	}
	if err != nil {
		f.escaped(d.Decision, err)
		return errnoOf(err), nil
	}
	f.door.Done(d.Decision, int64(len(data)), start, 0)
	return 0, nil
}

// openNow opens name for reading without waiting for the other end of a pipe.
func openNow(t tree, name string) (*os.File, os.FileInfo, error) {
	file, err := t.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, nil, err
	}
	info, err := file.Stat()
	if err != nil {
		file.Close()
		return nil, nil, err
	}
	return file, info, nil
}

// writeInPlace opens name with the flags how and writes data.
func writeInPlace(ctx context.Context, t tree, name string, data []byte, how int) error {
	file, err := t.OpenFile(name, os.O_WRONLY|syscall.O_NONBLOCK|how, fileMode)
	var info os.FileInfo
	if err == nil {
		if info, err = file.Stat(); err == nil && !mayWait(info) {
			_, err = file.Write(data)
			return errors.Join(err, file.Close())
		}
		file.Close()
	}
	if err != nil && !errors.Is(err, syscall.ENXIO) {
		return err
	}
	// A pipe or a device: the write may wait for ever.
	data = bytes.Clone(data)
	_, err = patiently(ctx, func() ([]byte, error) {
		file, err := t.OpenFile(name, os.O_WRONLY|how, fileMode)
		if err != nil {
			return nil, err
		}
		_, err = file.Write(data)
		return nil, errors.Join(err, file.Close())
	})
	return err
}

// mayWait reports whether reading or writing such a file can wait for somebody.
func mayWait(info os.FileInfo) bool {
	return info.Mode()&(os.ModeNamedPipe|os.ModeSocket|os.ModeDevice|os.ModeCharDevice) != 0
}

// patiently runs op beside the program and abandons it when ctx ends. op must
// not touch the program's memory.
func patiently(ctx context.Context, op func() ([]byte, error)) ([]byte, error) {
	type answer struct {
		data []byte
		err  error
	}
	done := make(chan answer, 1)
	go func() {
		data, err := op()
		done <- answer{data, err}
	}()
	select {
	case a := <-done:
		return a.data, a.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// errnoOf returns the platform's error number, that of EACCES for a path that
// leaves its root, 1 when there is none.
func errnoOf(err error) int32 {
	var errno syscall.Errno
	switch {
	case errors.As(err, &errno) && errno != 0:
		return int32(errno)
	case isEscape(err):
		return int32(syscall.EACCES)
	}
	return 1
}

// escaped records that a symbolic link led out of the root that admitted the
// path. It reports false for other errors, which are the system's own.
func (f *FS) escaped(d policy.Decision, err error) bool {
	if !isEscape(err) {
		return false
	}
	d.Allowed, d.Class, d.Code, d.Trap = false, policy.Denied, codePolicyDeny, ""
	f.door.Refused(d)
	return true
}
