package main

import "gvisor.dev/gvisor/pkg/abi/linux"

const nativeAuditArch = linux.AUDIT_ARCH_AARCH64
