package gvisor

import "golang.org/x/sys/unix"

// auditArch is this architecture in seccomp's terms.
const auditArch = unix.AUDIT_ARCH_AARCH64
