package app

import "os"

// openSelf opens the running executable, whatever has become of its name.
func openSelf() (*os.File, error) { return os.Open("/proc/self/exe") }
