//go:build linux

package main

import (
	"testing"

	"golang.org/x/sys/unix"
	"gvisor.dev/gvisor/pkg/abi/linux"
	"gvisor.dev/gvisor/pkg/bpf"
	"gvisor.dev/gvisor/pkg/seccomp"
	"gvisor.dev/gvisor/pkg/sentry/platform"
)

// The filter is run by gVisor's BPF interpreter, call by call.
func TestTheFilterAllowsWhatTheGuestKernelNeedsAndNothingElse(t *testing.T) {
	p, err := platform.Lookup("systrap")
	if err != nil {
		t.Fatal(err)
	}
	const controlFD = 7
	f, err := compileFilter(p, controlFD)
	if err != nil {
		t.Fatal(err)
	}
	<-f.done
	if f.err != nil {
		t.Fatal(f.err)
	}
	program, err := bpf.Compile(f.instrs, true)
	if err != nil {
		t.Fatal(err)
	}
	forbidden, err := seccomp.DefaultAction()
	if err != nil {
		t.Fatal(err)
	}
	const at = 5 // some descriptor
	cwd := uint64(1<<64 - 100)
	allow, refuse := linux.SECCOMP_RET_ALLOW, linux.SECCOMP_RET_ERRNO.WithReturnCode(uint16(unix.EPERM))
	for _, c := range []struct {
		name string
		nr   int32
		args [6]uint64
		want linux.BPFAction
	}{
		{"read", unix.SYS_READ, [6]uint64{at}, allow},
		{"open below a descriptor", unix.SYS_OPENAT, [6]uint64{at, 1, unix.O_NOFOLLOW}, allow},
		{"create below a descriptor", unix.SYS_OPENAT, [6]uint64{at, 1, unix.O_NOFOLLOW | unix.O_CREAT, 0o755}, allow},
		{"an open whose unused mode looks bad", unix.SYS_OPENAT, [6]uint64{at, 1, unix.O_NOFOLLOW, 0o6777}, allow},
		{"chmod", unix.SYS_FCHMOD, [6]uint64{at, 0o1777}, allow},
		{"mkdir", unix.SYS_MKDIRAT, [6]uint64{at, 1, 0o777}, allow},

		{"open with set-user-ID", unix.SYS_OPENAT, [6]uint64{at, 1, unix.O_NOFOLLOW | unix.O_CREAT, 0o4755}, refuse},
		{"chmod set-user-ID", unix.SYS_FCHMOD, [6]uint64{at, 0o4755}, refuse},
		{"chmod set-group-ID", unix.SYS_FCHMOD, [6]uint64{at, 0o2755}, refuse},
		{"chmod below a descriptor, set-user-ID", unix.SYS_FCHMODAT, [6]uint64{at, 1, 0o4755}, refuse},
		{"mkdir set-group-ID", unix.SYS_MKDIRAT, [6]uint64{at, 1, 0o2777}, refuse},
		{"mknod set-user-ID", unix.SYS_MKNODAT, [6]uint64{at, 1, unix.S_IFREG | 0o4755}, refuse},

		{"open from the working directory", unix.SYS_OPENAT, [6]uint64{cwd, 1, unix.O_NOFOLLOW}, forbidden},
		{"open that follows symlinks", unix.SYS_OPENAT, [6]uint64{at, 1, 0}, forbidden},
		{"open by handle", unix.SYS_OPEN_BY_HANDLE_AT, [6]uint64{at}, forbidden},
		{"socket", unix.SYS_SOCKET, [6]uint64{unix.AF_INET, unix.SOCK_STREAM}, forbidden},
		{"connect", unix.SYS_CONNECT, [6]uint64{at}, forbidden},
		{"bind", unix.SYS_BIND, [6]uint64{at}, forbidden},
		{"accept on another descriptor", unix.SYS_ACCEPT4, [6]uint64{controlFD + 1}, forbidden},
		{"execve", unix.SYS_EXECVE, [6]uint64{}, forbidden},
		{"mount", unix.SYS_MOUNT, [6]uint64{}, forbidden},
		{"unshare", unix.SYS_UNSHARE, [6]uint64{}, forbidden},
		{"setns", unix.SYS_SETNS, [6]uint64{}, forbidden},
		{"chroot", unix.SYS_CHROOT, [6]uint64{}, forbidden},
		{"bpf", unix.SYS_BPF, [6]uint64{}, forbidden},
		{"io_uring", unix.SYS_IO_URING_SETUP, [6]uint64{}, forbidden},
		{"process_vm_readv", unix.SYS_PROCESS_VM_READV, [6]uint64{}, forbidden},
	} {
		data := linux.SeccompData{Nr: c.nr, Arch: nativeAuditArch, Args: c.args}
		buf := make([]byte, data.SizeBytes())
		data.MarshalUnsafe(buf)
		got, err := bpf.Exec[bpf.NativeEndian](program, buf)
		if err != nil || linux.BPFAction(got) != c.want {
			t.Errorf("%s: got %v (%v), want %v", c.name, linux.BPFAction(got), err, c.want)
		}
	}
}
