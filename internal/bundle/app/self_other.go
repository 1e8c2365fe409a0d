//go:build !linux

package app

import "os"

// openSelf opens the running executable.
func openSelf() (*os.File, error) {
	path, err := os.Executable()
	if err != nil {
		return nil, err
	}
	return os.Open(path)
}
