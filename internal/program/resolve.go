package program

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"x07/internal/oserr"
)

// find locates and reads module id: built-in library, then module roots; for
// the std.world.* adapters of an OS world the other way round.
func (l *loader) find(id string) (*Module, error) {
	rel := ModuleFile(id)
	rootsFirst := IsOSWorld(l.opts.World) && strings.HasPrefix(id, "std.world.")
	steps := []func(id, rel string) (*Module, error){l.builtin, l.fromRoots}
	if rootsFirst {
		steps[0], steps[1] = steps[1], steps[0]
	}
	for _, step := range steps {
		if m, err := step(id, rel); m != nil || err != nil {
			return m, err
		}
	}
	if len(l.roots) == 0 {
		return nil, parseErr("unknown module: %s", quote(id))
	}
	return nil, parseErr("unknown module: %s (searched: %s)", quote(id), rel)
}

// builtin is module id of the built-in library, nil if it has none.
func (l *loader) builtin(id, rel string) (*Module, error) {
	if l.opts.Builtin == nil || !fs.ValidPath(rel) {
		return nil, nil
	}
	src, err := fs.ReadFile(l.opts.Builtin, rel)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, parseErr("read module %s of the built-in library: %v", quote(id), err)
	}
	return &Module{ID: id, Path: rel, Source: src, Builtin: true}, nil
}

// fromRoots is module id of the one module root that has it, nil if none has.
func (l *loader) fromRoots(id, rel string) (*Module, error) {
	var found []string
	for _, root := range l.roots {
		path := filepath.Join(root, filepath.FromSlash(rel))
		info, err := os.Stat(path)
		switch {
		case err == nil && !info.IsDir():
			found = append(found, path)
		case err == nil || missing(err):
			l.inputs.Absent = append(l.inputs.Absent, path)
		default:
			// A directory that may not be searched could hide the module; to
			// call it absent would make the answer depend on permissions.
			return nil, parseErr("read module %s: %s: %v", quote(id), path, oserr.Cause(err))
		}
	}
	switch len(found) {
	case 0:
		return nil, nil
	case 1:
	default:
		for i, p := range found {
			found[i] = quote(p)
		}
		return nil, parseErr("module %s is ambiguous across roots: [%s]", quote(id), strings.Join(found, ", "))
	}
	path := found[0]
	src, err := readFile(path, maxModuleBytes)
	if err != nil {
		return nil, parseErr("read module %s: %s: %v", quote(id), path, err)
	}
	sum := l.inputs.add(path, src)
	if want, ok := l.opts.Locked[path]; ok && want != sum {
		return nil, parseErr("module %s: %s has SHA-256 %s but the lockfile demands %s (hint: run `x07 pkg lock`)", quote(id), path, sum, want)
	}
	return &Module{ID: id, Path: path, Source: src}, nil
}

// cleanRoots makes roots absolute and drops repetitions, keeping the order.
func cleanRoots(roots []string) []string {
	out := make([]string, 0, len(roots))
	seen := make(map[string]bool, len(roots))
	for _, r := range roots {
		if r = absolute(r); !seen[r] {
			seen[r] = true
			out = append(out, r)
		}
	}
	return out
}

// missing reports whether err says that nothing has that name.
func missing(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || isNotDir(err)
}

// fileType names what is not a regular file.
func fileType(m fs.FileMode) string {
	switch {
	case m.IsDir():
		return "directory"
	case m&fs.ModeNamedPipe != 0:
		return "named pipe"
	case m&fs.ModeSocket != 0:
		return "socket"
	case m&fs.ModeDevice != 0:
		return "device"
	}
	return "special file"
}
