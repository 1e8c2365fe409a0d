//go:build !cgo

package cli

// static reports that the test binary needs no C library, as the released
// binaries do not; only such a binary can be a runner.
const static = true
