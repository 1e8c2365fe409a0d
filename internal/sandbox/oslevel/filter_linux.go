package oslevel

import (
	"fmt"
	"os"
	"slices"

	seccomp "github.com/elastic/go-seccomp-bpf"
	"github.com/elastic/go-seccomp-bpf/arch"
	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"
)

// denied are system calls that no program of ours needs and that widen what can
// be attacked in the host's kernel, or reach other processes.
var denied = []string{
	// Other processes.
	"ptrace", "process_vm_readv", "process_vm_writev", "process_madvise", "pidfd_getfd", "kcmp",
	"move_pages", "migrate_pages",
	// Mounts, namespaces and roots.
	"mount", "umount2", "pivot_root", "chroot", "unshare", "setns", "open_tree", "move_mount",
	"fsopen", "fsconfig", "fsmount", "fspick", "mount_setattr", "swapon", "swapoff", "quotactl", "quotactl_fd",
	// Handles open files without walking a path.
	"name_to_handle_at", "open_by_handle_at", "fanotify_init", "fanotify_mark",
	// The kernel itself.
	"bpf", "perf_event_open", "userfaultfd", "io_uring_setup", "io_uring_enter", "io_uring_register",
	"init_module", "finit_module", "delete_module", "kexec_load", "kexec_file_load", "syslog",
	"acct", "reboot", "settimeofday", "clock_settime", "clock_adjtime", "adjtimex", "sethostname", "setdomainname",
	"add_key", "request_key", "keyctl", "lookup_dcookie", "vhangup", "nfsservctl", "personality",
	"iopl", "ioperm", "modify_ldt", "lsm_set_self_attr",
	// Shared memory, queues and semaphores of the host.
	"shmget", "shmat", "shmctl", "shmdt", "semget", "semop", "semctl", "semtimedop",
	"msgget", "msgsnd", "msgrcv", "msgctl",
	"mq_open", "mq_unlink", "mq_timedsend", "mq_timedreceive", "mq_notify", "mq_getsetattr",
	// Devices.
	"mknod", "mknodat",
}

// deniedWithoutNamespace are denied to a process that is not the first of a
// process namespace of its own: there the process group is how everything is
// killed at the end. A namespace ends with its first process, whatever groups
// its children made. (A program's children need groups of their own, so without
// a namespace none can be started.)
var deniedWithoutNamespace = []string{"setsid", "setpgid"}

// deniedWithoutExec are denied to a process that may start no other.
var deniedWithoutExec = []string{"execve", "execveat", "fork", "vfork"}

// deniedWithoutPorts are denied to a process that may use no port. socketpair
// stays: it reaches nobody.
var deniedWithoutPorts = []string{"socket", "connect", "bind", "listen", "accept", "accept4"}

// filterFor assembles the filter. A denied call fails with EPERM; anything from
// another instruction set (32-bit calls on a 64-bit kernel) fails as well, since
// numbers mean something else there.
func filterFor(r Rules) ([]unix.SockFilter, error) {
	info, err := arch.GetInfo("")
	if err != nil {
		return nil, err
	}
	names := slices.Clone(denied)
	if os.Getpid() != 1 {
		names = append(names, deniedWithoutNamespace...)
	}
	var conditional []seccomp.NameWithConditions
	conditional = append(conditional, setIDConditions(info)...)
	if len(r.Exec) == 0 {
		names = append(names, deniedWithoutExec...)
		conditional = append(conditional, seccomp.NameWithConditions{Name: "clone", Conditions: seccomp.ArgumentConditions{
			{Argument: 0, Operation: seccomp.BitsNotSet, Value: unix.CLONE_THREAD},
		}})
	} else {
		for _, flag := range namespaceFlags {
			conditional = append(conditional, seccomp.NameWithConditions{Name: "clone", Conditions: seccomp.ArgumentConditions{
				{Argument: 0, Operation: seccomp.BitsSet, Value: flag},
			}})
		}
	}
	if len(r.Connect)+len(r.Bind) == 0 {
		names = append(names, deniedWithoutPorts...)
	} else {
		conditional = append(conditional, seccomp.NameWithConditions{Name: "socket", Conditions: seccomp.ArgumentConditions{
			{Argument: 0, Operation: seccomp.NotEqual, Value: unix.AF_INET},
			{Argument: 0, Operation: seccomp.NotEqual, Value: unix.AF_INET6},
		}}, seccomp.NameWithConditions{Name: "socket", Conditions: seccomp.ArgumentConditions{
			// Landlock knows ports of TCP only: datagrams would pass it by.
			{Argument: 1, Operation: seccomp.BitsNotSet, Value: unix.SOCK_STREAM},
		}}, seccomp.NameWithConditions{Name: "socket", Conditions: seccomp.ArgumentConditions{
			// Raw sockets have the bits of both.
			{Argument: 1, Operation: seccomp.BitsSet, Value: unix.SOCK_DGRAM},
		}}, seccomp.NameWithConditions{Name: "socket", Conditions: seccomp.ArgumentConditions{
			// Nor does it know the other stream protocols, such as MPTCP.
			{Argument: 2, Operation: seccomp.NotEqual, Value: 0},
			{Argument: 2, Operation: seccomp.NotEqual, Value: unix.IPPROTO_TCP},
		}})
	}
	// What an architecture does not have needs no denying.
	names = slices.DeleteFunc(names, func(name string) bool { _, known := info.SyscallNames[name]; return !known })
	policy := seccomp.Policy{
		DefaultAction: seccomp.ActionAllow,
		Syscalls:      []seccomp.SyscallGroup{{Names: names, NamesWithCondtions: conditional, Action: seccomp.ActionErrno}},
	}
	body, err := policy.Assemble()
	if err != nil {
		return nil, err
	}
	const nrOffset, archOffset = 0, 4
	head := []bpf.Instruction{
		bpf.LoadAbsolute{Off: archOffset, Size: 4},
		bpf.JumpIf{Cond: bpf.JumpEqual, Val: uint32(info.ID), SkipTrue: 1},
		bpf.RetConstant{Val: unix.SECCOMP_RET_ERRNO | uint32(unix.EPERM)},
		bpf.LoadAbsolute{Off: nrOffset, Size: 4},
	}
	for _, name := range opaque {
		nr, ok := info.SyscallNames[name]
		if !ok {
			return nil, fmt.Errorf("system call %s is unknown", name)
		}
		head = append(head,
			bpf.JumpIf{Cond: bpf.JumpNotEqual, Val: uint32(nr), SkipTrue: 1},
			bpf.RetConstant{Val: unix.SECCOMP_RET_ERRNO | uint32(unix.ENOSYS)})
	}
	raw, err := bpf.Assemble(append(head, body...))
	if err != nil {
		return nil, err
	}
	program := make([]unix.SockFilter, 0, len(raw))
	for _, i := range raw {
		program = append(program, unix.SockFilter{Code: i.Op, Jt: i.Jt, Jf: i.Jf, K: i.K})
	}
	return program, nil
}

// opaque are system calls that keep in memory, where a filter cannot see it, what
// decides whether they are allowed. ENOSYS makes their callers fall back to the
// older call.
var opaque = []string{"clone3", "openat2"}

// setIDConditions deny every way of giving a file a set-user-ID or set-group-ID
// bit: a file of the user who runs x07 would stay behind that gives this user's
// rights to whoever executes it.
func setIDConditions(info *arch.Info) []seccomp.NameWithConditions {
	calls := []struct {
		name  string
		mode  uint32 // argument
		flags uint32 // argument that must have O_CREAT, or 0
	}{
		{"chmod", 1, 0}, {"fchmod", 1, 0}, {"fchmodat", 2, 0}, {"fchmodat2", 2, 0},
		{"mkdir", 1, 0}, {"mkdirat", 2, 0}, {"creat", 1, 0}, {"open", 2, 1}, {"openat", 3, 2},
	}
	var out []seccomp.NameWithConditions
	for _, c := range calls {
		if _, known := info.SyscallNames[c.name]; !known {
			continue
		}
		for _, bit := range []uint64{unix.S_ISUID, unix.S_ISGID} {
			conditions := seccomp.ArgumentConditions{{Argument: c.mode, Operation: seccomp.BitsSet, Value: bit}}
			if c.flags != 0 {
				conditions = append(conditions, seccomp.Condition{Argument: c.flags, Operation: seccomp.BitsSet, Value: unix.O_CREAT})
			}
			out = append(out, seccomp.NameWithConditions{Name: c.name, Conditions: conditions})
		}
	}
	return out
}

// namespaceFlags are the flags of clone that make namespaces.
var namespaceFlags = []uint64{
	unix.CLONE_NEWUSER, unix.CLONE_NEWNS, unix.CLONE_NEWPID, unix.CLONE_NEWNET,
	unix.CLONE_NEWIPC, unix.CLONE_NEWUTS, unix.CLONE_NEWCGROUP,
}
