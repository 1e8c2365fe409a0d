package stdlib

import (
	"embed"
	"io/fs"
	"strings"
)

// osTree holds, below the directory os, the modules std.world.* as the OS
// worlds have them.
//
//go:embed os
var osTree embed.FS

// For returns the built-in library of a world: FS, except that in an OS world
// the adapters std.world.* reach the operating system instead of fixtures.
func For(osWorld bool) fs.FS {
	if osWorld {
		return overlay{}
	}
	return FS
}

// overlay is FS with osTree before it.
type overlay struct{}

func (overlay) Open(name string) (fs.File, error) { return pick(name).Open(actual(name)) }

func (overlay) ReadFile(name string) ([]byte, error) { return pick(name).ReadFile(actual(name)) }

// pick returns the tree that has name in an OS world.
func pick(name string) embed.FS {
	if actual(name) != name {
		return osTree
	}
	return FS
}

// actual returns where a name lies in its tree.
func actual(name string) string {
	if strings.HasPrefix(name, "std/world/") {
		if f, err := osTree.Open("os/" + name); err == nil {
			f.Close()
			return "os/" + name
		}
	}
	return name
}
