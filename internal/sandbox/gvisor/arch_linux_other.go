//go:build linux && !amd64 && !arm64

package gvisor

// auditArch 0 means that the seccomp shortcut is not taken.
const auditArch = 0
