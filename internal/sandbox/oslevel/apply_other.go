//go:build !linux

package oslevel

import (
	"fmt"
	"runtime"
	"syscall"
)

// Apply confines this process as far as this operating system allows: resource
// limits only. See the Linux version.
func Apply(r Rules) (*Report, error) {
	if r.CPUSeconds > 0 {
		if err := setLimit(syscall.RLIMIT_CPU, r.CPUSeconds); err != nil {
			return nil, fmt.Errorf("set limit cpu to %d: %w", r.CPUSeconds, err)
		}
	}
	if r.FDs > 0 {
		if err := setLimit(syscall.RLIMIT_NOFILE, r.FDs); err != nil {
			return nil, fmt.Errorf("set limit fds to %d: %w", r.FDs, err)
		}
	}
	if err := setLimit(syscall.RLIMIT_CORE, r.CoreBytes); err != nil {
		return nil, fmt.Errorf("set limit core to %d: %w", r.CoreBytes, err)
	}
	return &Report{Missing: []string{
		"file roots are not enforced by the kernel (" + runtime.GOOS + " has no Landlock)",
		"TCP ports are not enforced by the kernel (" + runtime.GOOS + " has no Landlock)",
		"system calls are not filtered (" + runtime.GOOS + " has no seccomp)",
	}}, nil
}
