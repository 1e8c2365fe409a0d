package project

import (
	"os"
	"path/filepath"
	"strings"
)

// Discover looks for a manifest in dir and then in each parent: x07.json, else
// the only *.x07project.json of the directory. It returns "" when there is
// none. A relative dir is walked up through its own components only, so the
// search never leaves the working directory; an absolute one is walked up to
// the root of the file system.
func Discover(dir string) string {
	for ok := true; ok; dir, ok = parent(dir) {
		if p := filepath.Join(dir, ManifestName); isFile(p) {
			return p
		}
		if p := onlyProjectFile(dir); p != "" {
			return p
		}
	}
	return ""
}

// LookUp resolves name for reading: an absolute path is used as it is, a
// relative one is tried in dir and then in each parent of dir. Without a hit
// it is name itself.
func LookUp(dir, name string) string {
	if filepath.IsAbs(name) {
		return name
	}
	for ok := true; ok; dir, ok = parent(dir) {
		p := filepath.Join(dir, name)
		if _, err := os.Stat(p); err == nil {
			return p
		}
	}
	return name
}

// parent is the directory above dir, textually; ok is false above "" and
// above the root of a file system.
func parent(dir string) (up string, ok bool) {
	if dir == "" {
		return "", false
	}
	vol := filepath.VolumeName(dir)
	rest := strings.TrimRight(dir[len(vol):], string(filepath.Separator))
	if rest == "" {
		return "", false
	}
	i := strings.LastIndexByte(rest, filepath.Separator)
	if i < 0 {
		return vol, true
	}
	if i == 0 {
		return vol + string(filepath.Separator), true
	}
	return vol + strings.TrimRight(rest[:i], string(filepath.Separator)), true
}

// onlyProjectFile is the regular file *.x07project.json of dir if there is
// exactly one.
func onlyProjectFile(dir string) string {
	list := dir
	if list == "" {
		list = "."
	}
	entries, err := os.ReadDir(list)
	if err != nil {
		return ""
	}
	found := ""
	for _, e := range entries {
		if !strings.HasSuffix(e.Name(), ".x07project.json") || !isFile(filepath.Join(dir, e.Name())) {
			continue
		}
		if found != "" {
			return ""
		}
		found = filepath.Join(dir, e.Name())
	}
	return found
}

func isFile(p string) bool {
	info, err := os.Stat(p)
	return err == nil && info.Mode().IsRegular()
}
