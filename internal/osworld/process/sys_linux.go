package process

import (
	"encoding/binary"
	"os"
	"strconv"
	"strings"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// pipe returns the read and the write end of a pipe that children do not inherit.
func pipe() (r, w int, err error) {
	var p [2]int
	err = unix.Pipe2(p[:], unix.O_CLOEXEC)
	return p[0], p[1], err
}

// childAttributes puts a child into its own process group, and lets it die with
// this process.
func childAttributes(tree bool) *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: tree, Pdeathsig: syscall.SIGKILL}
}

// peekExit reports whether a child has exited, and its exit code, and leaves it
// a zombie: its process group id stays its own until it is reaped.
func peekExit(pid int) (status int32, exited bool) {
	var info unix.Siginfo
	for {
		err := unix.Waitid(unix.P_PID, pid, &info, unix.WEXITED|unix.WNOHANG|unix.WNOWAIT, nil)
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			return 1, true // not ours any more: somebody reaped it
		}
		break
	}
	if info.Signo == 0 {
		return 0, false
	}
	// The layout of the fields for SIGCHLD: pid, uid, status, from the first
	// word after the code that is aligned for a pointer.
	raw := (*[unsafe.Sizeof(info)]byte)(unsafe.Pointer(&info))
	at := (12 + unsafe.Sizeof(uintptr(0)) - 1) &^ (unsafe.Sizeof(uintptr(0)) - 1)
	code := int32(binary.NativeEndian.Uint32(raw[at+8:]))
	const cldExited = 1
	if info.Code == cldExited {
		return code & 255, true
	}
	return 128 + code, true
}

// adoptDescendants makes orphaned descendants children of this process, or no
// longer does.
func adoptDescendants(on bool) {
	arg := uintptr(0)
	if on {
		arg = 1
	}
	_ = unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, arg, 0, 0, 0)
}

// endDescendants kills and reaps every process that descends from this one. It
// returns how many there were. Killing a parent can turn up its children, so it
// looks until there are none.
func endDescendants() (n int) {
	for range 1000 {
		pids := children()
		if len(pids) == 0 {
			return n
		}
		for _, pid := range pids {
			_ = unix.Kill(pid, unix.SIGKILL)
			for {
				if _, err := syscall.Wait4(pid, nil, 0, nil); err != syscall.EINTR {
					break
				}
			}
			n++
		}
	}
	return n
}

// children lists the processes whose parent is this one.
func children() (pids []int) {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil
	}
	self := strconv.Itoa(os.Getpid())
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		stat, err := os.ReadFile("/proc/" + e.Name() + "/stat")
		if err != nil {
			continue
		}
		// pid (name) state ppid …, and the name may hold anything.
		text := string(stat)
		fields := strings.Fields(text[strings.LastIndexByte(text, ')')+1:])
		if len(fields) > 1 && fields[1] == self {
			pids = append(pids, pid)
		}
	}
	return pids
}
