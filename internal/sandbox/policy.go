package sandbox

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"x07/internal/policy"
)

// GuestWork is the program's working directory inside a guest; relative roots
// appear below it.
const GuestWork = "/x07/work"

// What x07-os-runner needs for itself, besides what the policy gives the program:
// descriptors of the stream and of the Go runtime, and its threads.
const (
	RunnerFDs   = 64
	RunnerProcs = 64
)

// LimitsFor turns a policy's limits into a guest's: the policy's numbers are the
// program's, so what the runner itself needs comes on top.
func LimitsFor(l policy.Limits) Limits {
	out := Limits{
		CPU:      time.Duration(l.CPUMs) * time.Millisecond,
		Wall:     time.Duration(l.WallMs) * time.Millisecond,
		MemBytes: int64(l.MemBytes) + RunnerMemBytes,
		FDs:      int64(l.FDs) + RunnerFDs,
		Procs:    int64(l.Procs) + RunnerProcs,
	}
	if l.CoreDumps {
		out.CoreBytes = out.MemBytes
	}
	return out
}

// MountsFor turns a policy's file roots into mounts. Relative roots are taken from
// base, an absolute host directory, and appear at the same place below GuestWork;
// absolute roots appear where they are. Roots are mounted whether or not
// fs.enabled is set. A missing write root is created; a missing read root is an
// error. A path that is both is writable. The result is sorted by guest path, so
// that parents come first.
func MountsFor(f policy.FS, base string) ([]Mount, error) {
	byGuest := make(map[string]Mount)
	for _, root := range f.ReadRoots {
		m, err := mountFor(root, base)
		if err != nil {
			return nil, err
		}
		if _, err := os.Stat(m.Host); err != nil {
			if errors.Is(err, fs.ErrNotExist) {
				return nil, fmt.Errorf("root does not exist: %s", m.Host)
			}
			return nil, fmt.Errorf("read root: %w", err)
		}
		byGuest[m.Guest] = m
	}
	for _, root := range f.WriteRoots {
		m, err := mountFor(root, base)
		if err != nil {
			return nil, err
		}
		if _, err := os.Stat(m.Host); errors.Is(err, fs.ErrNotExist) {
			if err := os.MkdirAll(m.Host, 0o755); err != nil {
				return nil, fmt.Errorf("create write_root dir: %s: %w", m.Host, err)
			}
		} else if err != nil {
			return nil, fmt.Errorf("write root: %w", err)
		}
		m.Writable = true
		byGuest[m.Guest] = m
	}
	out := make([]Mount, 0, len(byGuest))
	for _, m := range byGuest {
		out = append(out, m)
	}
	slices.SortFunc(out, func(a, b Mount) int { return cmp.Compare(a.Guest, b.Guest) })
	return out, nil
}

// guestOwn are guest paths that belong to the guest's own kernel. A root there
// would put the host's processes and devices into the guest.
var guestOwn = []string{"/proc", "/sys", "/dev"}

func mountFor(root, base string) (Mount, error) {
	m := Mount{Host: filepath.Clean(root), Guest: path.Clean(filepath.ToSlash(root))}
	if !filepath.IsAbs(root) {
		m = Mount{Host: filepath.Join(base, root), Guest: path.Join(GuestWork, filepath.ToSlash(root))}
	}
	if m.Guest == "/" {
		return m, fmt.Errorf("root %q would be the guest's whole file system: list the directories that the program needs", root)
	}
	for _, own := range guestOwn {
		if m.Guest == own || strings.HasPrefix(m.Guest, own+"/") {
			return m, fmt.Errorf("root %q cannot be mounted: %s belongs to the guest's own kernel", root, own)
		}
	}
	return m, nil
}
