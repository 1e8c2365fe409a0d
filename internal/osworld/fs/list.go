package fs

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"slices"
	"strings"
	"unicode/utf8"

	"x07/internal/policy"
)

// ListDir is os.fs.list_dir_sorted_text_v1: the sorted names in a directory,
// each followed by LF (a single LF when there are none), or a code.
func (f *FS) ListDir(name string, capsDoc []byte) ([]byte, int32) {
	c, k, code := f.begin(policy.OpFSList, name, capsDoc)
	if code != 0 {
		return nil, code
	}
	t, rel, code := c.directory()
	if code != 0 {
		return nil, code
	}
	list := newListing(c, k)
	err := eachEntry(t, rel, func(e fs.DirEntry) error {
		return list.add(e.Name())
	})
	return list.finish(err)
}

// directory finds the directory that a call lists.
func (c call) directory() (tree, string, int32) {
	t, rel, err := c.f.locate(c.dec, false)
	if err != nil {
		return nil, "", c.fail(err)
	}
	info, err := t.Stat(rel)
	switch {
	case err != nil:
		return nil, "", c.fail(err)
	case !info.IsDir():
		return nil, "", codeNotDir
	}
	return t, rel, 0
}

// batch is how many entries are read from a directory at a time, so that an
// endless directory costs no more memory than the limit on names.
const batch = 1024

// eachEntry calls visit for every entry of a directory, in the system's order.
func eachEntry(t tree, name string, visit func(fs.DirEntry) error) error {
	dir, err := t.OpenFile(name, os.O_RDONLY, 0)
	if err != nil {
		return err
	}
	defer dir.Close()
	for {
		entries, err := dir.ReadDir(batch)
		for _, e := range entries {
			if err := visit(e); err != nil {
				return err
			}
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// listing gathers names up to the limit on entries.
type listing struct {
	call   call
	names  []string
	bytes  int
	limit  uint32
	hidden bool // names with a dot at the start of a segment count
}

var errTooMany = errors.New("more names than the limit")

func newListing(c call, k caps) *listing {
	return &listing{
		call:   c,
		limit:  c.f.door.Gate.FSMaxEntries(k.maxEntries),
		hidden: !c.f.door.Gate.DenyHidden(),
	}
}

// add takes a name, unless it is not UTF-8 or hidden names are denied.
func (l *listing) add(name string) error {
	if !utf8.ValidString(name) {
		return nil
	}
	if !l.hidden && (strings.HasPrefix(name, ".") || strings.Contains(name, "/.")) {
		return nil
	}
	if uint64(len(l.names)) >= uint64(l.limit) {
		return errTooMany
	}
	l.names = append(l.names, name)
	l.bytes += len(name) + 1
	return nil
}

// finish writes the names as text. err is what ended the gathering.
func (l *listing) finish(err error) ([]byte, int32) {
	gate := l.call.f.door.Gate
	switch {
	case errors.Is(err, errTooMany):
		need := uint64(l.limit) + 1
		return nil, l.call.over("fs.max_entries", l.limit, gate.FSMaxEntries(0), need, codeTooMany)
	case err != nil:
		return nil, l.call.fail(err)
	}
	if len(l.names) == 0 {
		l.call.done(1)
		return []byte{'\n'}, 0
	}
	slices.Sort(l.names)
	text := make([]byte, 0, l.bytes)
	for _, name := range l.names {
		text = append(append(text, name...), '\n')
	}
	l.call.done(len(text))
	return text, 0
}

// WalkGlob is os.fs.walk_glob_sorted_text_v1: the sorted paths below root that
// match glob and are not directories, as ListDir writes them, or a code. It ends
// early with ctx.
func (f *FS) WalkGlob(ctx context.Context, root string, globText []byte, capsDoc []byte) ([]byte, int32) {
	c, k, code := f.begin(policy.OpFSWalk, root, capsDoc)
	if code != 0 {
		return nil, code
	}
	t, rel, code := c.directory()
	if code != 0 {
		return nil, code
	}
	pattern, err := compileGlob(globText)
	if err != nil {
		return nil, codeBadPath
	}
	if d := f.door.Gate.FSSymlinks(policy.OpFSWalk, root, k.flags); !d.Allowed {
		f.door.Refused(d)
		return nil, d.Code
	}
	w := walk{
		ctx: ctx, tree: t, top: rel, glob: pattern, list: newListing(c, k),
		follow: k.has(policy.FlagSymlinks), depth: f.door.Gate.FSMaxDepth(k.maxDepth),
	}
	info, err := t.Stat(rel)
	if err != nil {
		return nil, c.fail(err)
	}
	err = w.directory(".", 0, []os.FileInfo{info})
	switch {
	case errors.Is(err, errTooDeep):
		return nil, c.over("fs.max_depth", w.depth, f.door.Gate.FSMaxDepth(0), uint64(w.depth)+1, codeTooDeep)
	case errors.Is(err, errTooMany), err == nil, isEscape(err):
		return w.list.finish(err)
	}
	return nil, codeIO
}

// walk is one depth-first traversal.
type walk struct {
	ctx    context.Context // ends the walk early
	tree   tree
	top    string // the root of the walk in tree
	glob   *glob
	list   *listing
	follow bool
	depth  uint32
}

var (
	errTooDeep = errors.New("deeper than the limit")
	errLoop    = errors.New("a symbolic link leads back to a directory above it")
)

// directory walks the directory at rel, which lies depth levels below the root
// of the walk. above are the directories from the root to this one, among which
// a followed link must not lead.
func (w *walk) directory(rel string, depth uint32, above []os.FileInfo) error {
	if err := w.ctx.Err(); err != nil {
		return err
	}
	return eachEntry(w.tree, join(w.top, rel), func(e fs.DirEntry) error {
		if depth >= w.depth {
			return errTooDeep
		}
		name := join(rel, e.Name())
		isDir := e.IsDir()
		var info os.FileInfo
		if w.follow && e.Type()&fs.ModeSymlink != 0 {
			var err error
			if info, err = w.tree.Stat(join(w.top, name)); err != nil {
				return err
			}
			if isDir = info.IsDir(); isDir && slices.ContainsFunc(above, func(a os.FileInfo) bool { return os.SameFile(a, info) }) {
				return errLoop
			}
		}
		if !isDir {
			if !w.glob.match(name) {
				return nil
			}
			return w.list.add(name)
		}
		below := above
		if w.follow {
			if info == nil {
				var err error
				if info, err = e.Info(); err != nil {
					return err
				}
			}
			below = append(above[:len(above):len(above)], info)
		}
		return w.directory(name, depth+1, below)
	})
}

// join appends a slash-separated relative path to another.
func join(dir, name string) string {
	switch {
	case dir == ".":
		return name
	case name == ".":
		return dir
	}
	return dir + "/" + name
}
