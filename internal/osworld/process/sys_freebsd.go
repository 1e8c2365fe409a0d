package process

import (
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// childAttributes puts a child into its own process group, and lets it die with
// this process.
func childAttributes(tree bool) *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: tree, Pdeathsig: syscall.SIGKILL}
}

// peekExit reports whether a child has exited, and its exit code, and leaves it
// a zombie: its process group id stays its own until it is reaped.
func peekExit(pid int) (status int32, exited bool) {
	const pPID = 0
	for {
		var ws uint32
		got, _, errno := syscall.Syscall6(unix.SYS_WAIT6, pPID, uintptr(pid), uintptr(unsafe.Pointer(&ws)), unix.WEXITED|unix.WNOHANG|unix.WNOWAIT, 0, 0)
		switch {
		case errno == syscall.EINTR:
			continue
		case errno != 0:
			return 1, true // not ours any more: somebody reaped it
		case got == 0:
			return 0, false
		}
		return exitCode(syscall.WaitStatus(ws)), true
	}
}
