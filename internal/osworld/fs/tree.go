package fs

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"x07/internal/policy"
)

// tree is a part of the file system in which names are slash-separated and
// relative. *os.Root is the tree that no name leaves; hostTree is the whole
// file system.
type tree interface {
	OpenFile(name string, flag int, perm os.FileMode) (*os.File, error)
	Stat(name string) (os.FileInfo, error)
	Lstat(name string) (os.FileInfo, error)
	MkdirAll(name string, perm os.FileMode) error
	Remove(name string) error
	RemoveAll(name string) error
}

// hostTree is the file system seen from base: relative names lie below it, and
// nothing keeps them there.
type hostTree struct {
	base string
}

func (h hostTree) abs(name string) string {
	if strings.HasPrefix(name, "/") || h.base == "" {
		return name
	}
	if name == "" {
		return "" // an empty path names nothing, and not the base
	}
	return h.base + "/" + name
}

func (h hostTree) OpenFile(name string, flag int, perm os.FileMode) (*os.File, error) {
	return os.OpenFile(h.abs(name), flag, perm)
}
func (h hostTree) Stat(name string) (os.FileInfo, error)  { return os.Stat(h.abs(name)) }
func (h hostTree) Lstat(name string) (os.FileInfo, error) { return os.Lstat(h.abs(name)) }
func (h hostTree) MkdirAll(name string, perm os.FileMode) error {
	return os.MkdirAll(h.abs(name), perm)
}
func (h hostTree) Remove(name string) error    { return os.Remove(h.abs(name)) }
func (h hostTree) RemoveAll(name string) error { return os.RemoveAll(h.abs(name)) }

// place is one root of the policy. A root that is a directory is held open. A
// root that is a file is held by its directory, of which it lends nothing else.
type place struct {
	work string // the program's working directory, absolute
	path string // absolute, cleaned
	dir  *os.Root
	file string // the name in dir when the root is a file, else empty
	// lent is the directory of a root that is a file where the process may not
	// open the directory itself, as behind Landlock, which grants the file only.
	lent tree

	above []*os.Root // directories lent while the root itself did not exist
}

func openPlaces(roots []policy.Root, work string) []*place {
	places := make([]*place, len(roots))
	for i, r := range roots {
		places[i] = &place{work: work, path: r.Path}
		_ = places[i].open() // a root that is missing now is opened when it is needed
	}
	return places
}

// open opens the root unless it is open. Symbolic links in the root itself are
// followed when it is opened at the start of the run.
func (p *place) open() error {
	if p.dir != nil || p.lent != nil {
		return nil
	}
	info, err := os.Stat(p.path)
	if err != nil {
		return err
	}
	if info.IsDir() {
		p.dir, err = os.OpenRoot(p.path)
		return err
	}
	real, err := filepath.EvalSymlinks(p.path)
	if err != nil {
		return err
	}
	p.file = filepath.Base(real)
	if p.dir, err = os.OpenRoot(filepath.Dir(real)); errors.Is(err, fs.ErrPermission) {
		p.lent = hostTree{filepath.Dir(real)}
		return nil
	}
	return err
}

// A want says what a call needs of a root that does not exist.
type want uint8

const (
	wantExisting want = iota // nothing: it is missing
	wantFile                 // its directory, in which it may be made as a file
	wantParents              // as wantFile, and its missing parents
	wantDir                  // the root itself, made as a directory
)

// openLate opens a root that did not exist when the run started. By now the
// program or its children may have made symbolic links, so none is followed
// below the working directory.
func (p *place) openLate(w want) (*os.Root, string, error) {
	from, rest := "/", strings.TrimPrefix(p.path, "/")
	if rel, ok := strings.CutPrefix(p.path, strings.TrimSuffix(p.work, "/")+"/"); ok {
		from, rest = p.work, rel
	}
	dir, err := os.OpenRoot(from)
	if err != nil {
		return nil, "", err
	}
	segments := strings.Split(rest, "/")
	for i, segment := range segments {
		last := i == len(segments)-1
		next, err := enter(dir, segment, w == wantDir || w == wantParents && !last)
		switch {
		case err == nil:
			dir.Close()
			dir = next
			continue
		case last && errors.Is(err, syscall.ENOTDIR):
			p.dir, p.file = dir, segment
			return p.dir, p.file, nil
		case last && errors.Is(err, syscall.ENOENT) && (w == wantFile || w == wantParents):
			p.above = append(p.above, dir)
			return dir, segment, nil
		}
		dir.Close()
		return nil, "", err
	}
	p.dir = dir
	return p.dir, "", nil
}

// enter opens the directory name in dir, which must be no symbolic link.
func enter(dir *os.Root, name string, create bool) (*os.Root, error) {
	if create {
		if err := dir.Mkdir(name, dirMode); err != nil && !errors.Is(err, syscall.EEXIST) {
			return nil, err
		}
	}
	info, err := dir.Lstat(name)
	switch {
	case err != nil:
		return nil, err
	case info.Mode()&os.ModeSymlink != 0:
		return nil, &os.PathError{Op: "open", Path: name, Err: errEscape}
	case !info.IsDir():
		return nil, &os.PathError{Op: "open", Path: name, Err: syscall.ENOTDIR}
	}
	next, err := dir.OpenRoot(name)
	if err != nil {
		return nil, err
	}
	if got, err := next.Stat("."); err != nil || !os.SameFile(info, got) {
		next.Close()
		return nil, &os.PathError{Op: "open", Path: name, Err: errEscape}
	}
	return next, nil
}

func (p *place) close() {
	if p.dir != nil {
		p.dir.Close()
	}
	for _, dir := range p.above {
		dir.Close()
	}
	p.above = nil
}

// locate returns the tree and the name in it that an allowing decision means.
func (f *FS) locate(d policy.FSDecision, write bool) (tree, string, error) {
	if write {
		return f.locateFor(d, wantFile)
	}
	return f.find(f.read, d, wantExisting)
}

// locateFor is locate for a call that writes, and may make the root itself: w is
// what it wants of a root that the path names. A root above the path is made as
// a directory when w includes parents.
func (f *FS) locateFor(d policy.FSDecision, w want) (tree, string, error) {
	if d.Rel != "." {
		if w == wantFile {
			w = wantExisting
		} else {
			w = wantDir
		}
	}
	return f.find(f.write, d, w)
}

func (f *FS) find(places []*place, d policy.FSDecision, w want) (tree, string, error) {
	if d.Root < 0 {
		return f.work, d.Rel, nil
	}
	if d.Root >= len(places) {
		return nil, "", os.ErrClosed
	}
	p := places[d.Root]
	if p.lent != nil {
		return alone(d, lone{p.lent, p.file})
	}
	dir, file := p.dir, p.file
	if dir == nil {
		var err error
		if dir, file, err = p.openLate(w); err != nil {
			return nil, "", err
		}
	}
	if file == "" {
		return dir, d.Rel, nil
	}
	return alone(d, lone{dir, file})
}

// alone locates what d means in a root that is a single file.
func alone(d policy.FSDecision, l lone) (tree, string, error) {
	if d.Rel != "." {
		return nil, "", &os.PathError{Op: "open", Path: d.Path, Err: syscall.ENOTDIR}
	}
	return l, l.file, nil
}

// lone is the tree of a root that is a single file: it has that name only, and
// the name is never followed when it is a symbolic link.
type lone struct {
	dir  tree
	file string
}

func (l lone) check(name string) error {
	if name != l.file {
		return &os.PathError{Op: "open", Path: name, Err: errEscape}
	}
	if info, err := l.dir.Lstat(name); err == nil && info.Mode()&os.ModeSymlink != 0 {
		return &os.PathError{Op: "open", Path: name, Err: errEscape}
	}
	return nil
}

func (l lone) OpenFile(name string, flag int, perm os.FileMode) (*os.File, error) {
	if err := l.check(name); err != nil {
		return nil, err
	}
	before, err := l.dir.Lstat(name)
	if err != nil {
		if !errors.Is(err, fs.ErrNotExist) || flag&os.O_CREATE == 0 {
			return nil, err
		}
		return l.dir.OpenFile(name, flag|os.O_EXCL, perm)
	}
	file, err := l.dir.OpenFile(name, flag&^os.O_TRUNC, perm)
	if err != nil {
		return nil, err
	}
	// What was opened must be what was looked at, not what a link put there since.
	after, err := file.Stat()
	if err == nil && !os.SameFile(before, after) {
		err = &os.PathError{Op: "open", Path: name, Err: errEscape}
	}
	if err == nil && flag&os.O_TRUNC != 0 {
		err = file.Truncate(0)
	}
	if err != nil {
		file.Close()
		return nil, err
	}
	return file, nil
}

func (l lone) Stat(name string) (os.FileInfo, error) { return l.Lstat(name) }
func (l lone) Lstat(name string) (os.FileInfo, error) {
	if name != l.file {
		return nil, &os.PathError{Op: "lstat", Path: name, Err: fs.ErrNotExist}
	}
	return l.dir.Lstat(name)
}

// MkdirAll succeeds: the directory of the file exists, and nothing else is in
// the tree.
func (l lone) MkdirAll(string, os.FileMode) error { return nil }
func (l lone) Remove(name string) error {
	if err := l.check(name); err != nil {
		return err
	}
	return l.dir.Remove(name)
}
func (l lone) RemoveAll(name string) error { return l.Remove(name) }

// errEscape says that a name led, or could lead, out of the tree.
var errEscape = errors.New("path escapes from its root")

// isEscape reports whether err is the refusal of a tree to be left. Package os
// has no exported value for it, so its text decides.
func isEscape(err error) bool {
	if errors.Is(err, errEscape) {
		return true
	}
	var perr *os.PathError
	if errors.As(err, &perr) {
		return strings.HasPrefix(perr.Err.Error(), "path escapes")
	}
	var lerr *os.LinkError
	return errors.As(err, &lerr) && strings.HasPrefix(lerr.Err.Error(), "path escapes")
}
