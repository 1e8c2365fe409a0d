package process

import (
	"syscall"
	"unsafe"
)

// childAttributes puts a child into its own process group.
func childAttributes(tree bool) *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: tree}
}

// siginfo is what waitid fills in.
type siginfo struct {
	signo, errno, code int32
	pid                int32
	uid                uint32
	status             int32
	_                  [104]byte
}

// peekExit reports whether a child has exited, and its exit code, and leaves it
// a zombie: its process group id stays its own until it is reaped.
func peekExit(pid int) (status int32, exited bool) {
	const (
		pPID      = 1
		wnohang   = 0x1
		wexited   = 0x4
		wnowait   = 0x20
		cldExited = 1
	)
	var info siginfo
	for {
		_, _, errno := syscall.Syscall6(syscall.SYS_WAITID, pPID, uintptr(pid), uintptr(unsafe.Pointer(&info)), wexited|wnohang|wnowait, 0, 0)
		if errno == syscall.EINTR {
			continue
		}
		if errno != 0 {
			return 1, true // not ours any more: somebody reaped it
		}
		break
	}
	switch {
	case info.pid == 0:
		return 0, false
	case info.code == cldExited:
		return info.status & 255, true
	}
	return 128 + info.status, true
}
