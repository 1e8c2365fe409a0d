package gvisor

import (
	"os"
	"unsafe"

	"golang.org/x/sys/unix"

	"x07/internal/sandbox/gvisor/wire"
)

// This file holds what makes the guest kernel start fast and nothing else; each
// piece may fail without harm.

// padded returns files such that the last one is inherited once more as wire.FDHigh.
// The numbers in between stay closed.
func padded(files []*os.File) []*os.File {
	const first = wire.FDBoot // number of files[0]
	out := make([]*os.File, wire.FDHigh-first+1)
	copy(out, files)
	out[wire.FDHigh-first] = files[len(files)-1]
	return out
}

// refuseMembarrier makes the calling thread, and what it will start, fail to
// register for expedited memory barriers. gVisor registers in a package
// initialiser, which waits for an RCU grace period, 5 to 10 ms. It does without
// when that fails: only the guest's own membarrier(2) gets slower.
//
// The thread also loses the way to gain privileges by executing a set-user-ID
// file, so it must not be used for anything else afterwards.
func refuseMembarrier() {
	const (
		offsetNr, offsetArch, offsetArg0 = 0, 4, 16
		registerPrivateExpedited         = 1 << 4
		seccompSetModeFilter             = 1
		retAllow                         = 0x7fff0000
		retErrno                         = 0x00050000
	)
	if auditArch == 0 {
		return
	}
	load := func(offset uint32) unix.SockFilter {
		return unix.SockFilter{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: offset}
	}
	// skipUnless skips the next n instructions unless the value is k.
	skipUnless := func(k uint32, n uint8) unix.SockFilter {
		return unix.SockFilter{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, Jf: n, K: k}
	}
	program := []unix.SockFilter{
		load(offsetArch),
		skipUnless(auditArch, 5),
		load(offsetNr),
		skipUnless(unix.SYS_MEMBARRIER, 3),
		load(offsetArg0),
		skipUnless(registerPrivateExpedited, 1),
		{Code: unix.BPF_RET | unix.BPF_K, K: retErrno | uint32(unix.ENOSYS)},
		{Code: unix.BPF_RET | unix.BPF_K, K: retAllow},
	}
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return
	}
	fprog := unix.SockFprog{Len: uint16(len(program)), Filter: &program[0]}
	_, _, _ = unix.Syscall(unix.SYS_SECCOMP, seccompSetModeFilter, 0, uintptr(unsafe.Pointer(&fprog)))
}
