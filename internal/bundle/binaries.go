package bundle

import (
	"bytes"
	"debug/buildinfo"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
)

// The binaries that bundles are made of, by file name.
const (
	Runtime = "x07-bundle-runtime"
	Kernel  = "x07-sentry"
)

// EnvBinaries names a directory with the binaries of targets, in directories
// such as linux-amd64, as make dist builds them.
const EnvBinaries = "X07_BUNDLE_TARGETS"

// Target is what an executable is made for, in Go's names.
type Target struct{ OS, Arch string }

// String is the target as --target takes it.
func (t Target) String() string { return t.OS + "/" + t.Arch }

// Host is the target of this process.
func Host() Target { return Target{runtime.GOOS, runtime.GOARCH} }

// Targets are all that bundles can be made for.
var targets = [...]Target{
	{"linux", "amd64"}, {"linux", "arm64"},
	{"darwin", "arm64"}, {"darwin", "amd64"},
	{"freebsd", "amd64"},
}

// ParseTarget reads os/arch; "" is this machine.
func ParseTarget(s string) (Target, error) {
	if s == "" {
		return Host(), nil
	}
	var known []string
	for _, t := range targets {
		if t.String() == s {
			return t, nil
		}
		known = append(known, t.String())
	}
	return Target{}, fmt.Errorf("unsupported --target %q (expected one of: %s)", s, strings.Join(known, ", "))
}

// Binaries is where binaries of targets are looked for.
type Binaries struct {
	// Dirs are directories of binaries for this machine, in order.
	Dirs []string
	// TargetDirs are directories of directories such as linux-amd64, in order.
	TargetDirs []string
}

// FindBinaries looks next to the running executable and, for other targets, in
// the directories that make dist fills: next to the executable's directory, or
// dist beside it. lookup reads the environment.
func FindBinaries(lookup func(string) (string, bool)) Binaries {
	var b Binaries
	if dir, set := lookup(EnvBinaries); set && filepath.IsAbs(dir) {
		b.TargetDirs = append(b.TargetDirs, dir)
	}
	exe, err := os.Executable()
	if err != nil {
		return b
	}
	if real, err := filepath.EvalSymlinks(exe); err == nil {
		exe = real
	}
	dir := filepath.Dir(exe)
	b.Dirs = append(b.Dirs, dir)
	b.TargetDirs = append(b.TargetDirs, dir, filepath.Dir(dir), filepath.Join(filepath.Dir(dir), "dist"))
	return b
}

// Read reads the binary of a name for a target, and checks that it is one: the
// right program, statically linked, for this operating system and architecture.
func (b Binaries) Read(name string, t Target) ([]byte, error) {
	var places []string
	if t == Host() {
		for _, d := range b.Dirs {
			places = append(places, filepath.Join(d, name))
		}
	}
	for _, d := range b.TargetDirs {
		places = append(places, filepath.Join(d, t.OS+"-"+t.Arch, name))
	}
	for _, p := range places {
		data, err := os.ReadFile(p)
		if os.IsNotExist(err) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("read %s: %w", name, err)
		}
		if err := check(data, name, t); err != nil {
			return nil, fmt.Errorf("%s: %w", p, err)
		}
		return data, nil
	}
	return nil, fmt.Errorf("missing %s for %s: looked at %s (install it next to x07, or run make dist in the source of x07 and set %s to the absolute path of its dist directory)", name, t, strings.Join(places, ", "), EnvBinaries)
}

// check compares what a binary says of itself with what is wanted.
func check(data []byte, name string, t Target) error {
	info, err := buildinfo.Read(bytes.NewReader(data))
	if err != nil {
		return fmt.Errorf("not a binary of X07: %w", err)
	}
	if filepath.Base(info.Path) != name {
		return fmt.Errorf("it is %s, expected %s", info.Path, name)
	}
	have := map[string]string{}
	for _, s := range info.Settings {
		have[s.Key] = s.Value
	}
	if got := (Target{have["GOOS"], have["GOARCH"]}); got != t {
		return fmt.Errorf("it is for %s, expected %s", got, t)
	}
	if have["CGO_ENABLED"] == "1" {
		return fmt.Errorf("it may need shared libraries: build it with CGO_ENABLED=0 (make does)")
	}
	return nil
}
