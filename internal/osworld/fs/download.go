package fs

import (
	"errors"
	"os"

	"x07/internal/policy"
)

// Download is a file that grows beside its name and takes it when it is
// complete. A file of that name stays as it is until then.
type Download struct {
	tree      tree
	file      *os.File
	name, tmp string
}

// NewDownload begins writing the file that an allowing decision names. The
// caller ends it with Commit or Abort.
func (f *FS) NewDownload(d policy.FSDecision) (*Download, error) {
	t, name, err := f.locate(d, true)
	if err != nil {
		return nil, err
	}
	if info, err := t.Stat(name); err == nil && info.IsDir() {
		return nil, &os.PathError{Op: "open", Path: name, Err: errors.New("is a directory")}
	}
	w := &Download{tree: t, name: name}
	if isLone(t) {
		w.file, err = t.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, fileMode)
	} else {
		w.file, w.tmp, err = createTemp(t, name)
	}
	if err != nil {
		return nil, err
	}
	return w, nil
}

// Write appends to the file.
func (w *Download) Write(p []byte) (int, error) { return w.file.Write(p) }

// Commit closes the file and gives it its name.
func (w *Download) Commit() error {
	err := w.file.Close()
	if err == nil && w.tmp != "" {
		err = rename(w.tree, w.tmp, w.tree, w.name)
	}
	if err != nil && w.tmp != "" {
		err = errors.Join(err, w.tree.Remove(w.tmp))
	}
	return err
}

// Abort removes what was written. A root that is a single file is emptied: its
// name belongs to the policy.
func (w *Download) Abort() error {
	if w.tmp == "" {
		return errors.Join(w.file.Truncate(0), w.file.Close())
	}
	return errors.Join(w.file.Close(), w.tree.Remove(w.tmp))
}
