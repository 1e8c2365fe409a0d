// Package oslevel is the os backend: the guest is an ordinary process of the
// host, which confines itself with what the host's kernel offers to ordinary
// processes. It is weaker than a guest kernel: a bug in the host's kernel is
// within the program's reach. It is chosen with --sandbox-backend=os and needs
// --i-accept-weaker-isolation.
//
// The package has two halves that meet over two pipes:
//
//   - Backend, on the host side, starts x07-os-runner, hands it its Rules, and
//     lets the start succeed only after the runner has reported that it applied
//     them. What Rules cannot express, it does itself: it keeps the memory and the
//     number of processes, and it kills all of them at the end.
//   - Enter, inside the runner, reads the Rules and applies them to its own
//     process for good: resource limits, no new privileges, Landlock (files and
//     TCP ports), and a seccomp filter. What this kernel cannot give is named in
//     the Report, never passed over in silence.
//
// The runner must call Enter before it touches anything the program sent.
package oslevel

import "x07/internal/sandbox"

// Rules are what a process confines itself to. The zero value denies every file,
// every program and every socket.
type Rules struct {
	// Read and Write are absolute paths of files and directories. Everything below
	// a directory is included. Write implies Read.
	Read  []string `json:"read,omitempty"`
	Write []string `json:"write,omitempty"`
	// Exec are absolute paths of programs that may be executed. Without any, the
	// process can start no other process at all.
	Exec []string `json:"exec,omitempty"`
	// Connect and Bind are TCP ports. Without any, the process can open no socket.
	Connect []uint16 `json:"connect,omitempty"`
	Bind    []uint16 `json:"bind,omitempty"`
	// Limits are resource limits, in rlimit terms; 0 means unlimited except for
	// CoreBytes.
	CPUSeconds uint64 `json:"cpu_seconds,omitempty"`
	FDs        uint64 `json:"fds,omitempty"`
	Procs      uint64 `json:"procs,omitempty"`
	CoreBytes  uint64 `json:"core_bytes,omitempty"`
}

// Report says what Enter achieved.
type Report struct {
	// Landlock is the kernel's Landlock version, 0 for none.
	Landlock int `json:"landlock"`
	// Seccomp says that the system call filter is in place.
	Seccomp bool `json:"seccomp"`
	// Missing are the protections this kernel cannot give, in plain words.
	Missing []string `json:"missing,omitempty"`
}

// RulesEnv tells the runner the descriptors of the rules and of the report:
// "<read fd>,<write fd>". Enter removes it from the environment.
const RulesEnv = "X07_OSLEVEL_FDS"

// rulesFor translates a Spec.
func rulesFor(spec sandbox.Spec) Rules {
	r := Rules{
		Exec:       spec.Exec,
		Connect:    spec.Ports.Connect,
		Bind:       spec.Ports.Bind,
		CPUSeconds: uint64((spec.Limits.CPU.Milliseconds() + 999) / 1000),
		FDs:        uint64(spec.Limits.FDs),
		Procs:      uint64(spec.Limits.Procs),
		CoreBytes:  uint64(spec.Limits.CoreBytes),
	}
	for _, m := range spec.Mounts {
		if m.Writable {
			r.Write = append(r.Write, m.Host)
		} else {
			r.Read = append(r.Read, m.Host)
		}
	}
	return r
}
