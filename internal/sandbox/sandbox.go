// Package sandbox is the boundary of run-os-sandboxed: what a backend is, which
// one is used, and how a job lives and dies.
//
// What comes in: a Spec, which says which executable runs, which host files it
// sees, and within which limits. What goes out: a Guest, which is a byte stream
// to that executable and the means to stop it. What happens on the stream is the
// business of internal/guest (inside) and internal/broker (outside); this package
// never reads it.
//
// The pieces, in the order a run meets them:
//
//   - Choose picks a Backend from the command line and the environment. It fails
//     closed: no usable backend is an error, never a weaker run (select.go).
//   - NewJob gives the run an id, a directory and a deadline, after sweeping what
//     crashed runs left behind (job.go, sweep.go).
//   - Job.Start starts the guest and keeps the deadline: soft stop, grace, hard
//     kill, cleanup (deadline.go).
//
// Backends live in packages below this one: gvisor (the default on Linux) and
// oslevel (weaker). This package never trusts a guest: nothing a guest does can
// change its own limits, mounts or deadline.
package sandbox

import (
	"context"
	"io"
	"time"
)

// Backend is one way to put a boundary around a program.
//
// A Backend is immutable and safe for concurrent use.
type Backend interface {
	// Name is the backend's canonical name, as X07_VM_BACKEND spells it ("gvisor")
	// or as --sandbox-backend does ("os").
	Name() string
	// Preflight says cheaply (no process is started) whether Start can work here.
	Preflight(ctx context.Context) Status
	// Start starts a guest. The caller must call Wait on it, and Kill or Stop when
	// ctx ends; ctx bounds only the start itself. An error means that nothing is
	// left running.
	Start(ctx context.Context, spec Spec) (Guest, error)
}

// Prober is a Backend that can prove its usability by starting a guest. Probing
// costs as much as a run, so only `x07 doctor` does it.
type Prober interface {
	Probe(ctx context.Context) Status
}

// Isolation says how strong a backend's boundary is.
type Isolation string

// Strengths of isolation, strongest first.
const (
	// IsolationVM is a kernel of its own on virtual hardware.
	IsolationVM Isolation = "virtual machine"
	// IsolationKernel is an application kernel of its own: system calls of the
	// program never reach the host's kernel.
	IsolationKernel Isolation = "guest kernel"
	// IsolationContainer shares the host's kernel, confined by namespaces.
	IsolationContainer Isolation = "shared kernel, container"
	// IsolationProcess shares the host's kernel, confined by what it offers to
	// ordinary processes.
	IsolationProcess Isolation = "shared kernel, process"
)

// Status is what `x07 doctor` shows about a backend.
type Status struct {
	// Backend is the backend's name.
	Backend string `json:"backend"`
	// Isolation is the strength of its boundary.
	Isolation Isolation `json:"isolation"`
	// Usable says that Start is expected to work.
	Usable bool `json:"usable"`
	// Reason says why not; empty when Usable.
	Reason string `json:"reason,omitempty"`
	// Fix says what would make it usable; empty when Usable or unknown.
	Fix string `json:"fix,omitempty"`
	// Notes are restrictions of a usable backend, such as protections that this
	// machine's kernel cannot give.
	Notes []string `json:"notes,omitempty"`
}

// Spec is everything a guest is given. What is not listed here, the guest does
// not have.
type Spec struct {
	// ID names the guest in diagnostics; see Job.ID.
	ID string
	// Command is the argument vector of the guest's first process. Command[0] is
	// the host path of a static executable; the guest sees it as
	// /x07/bin/<base name>, whatever the mounts are.
	Command []string
	// Env is the complete environment, KEY=VALUE.
	Env []string
	// Dir is the working directory inside the guest; empty means /x07/work. In the
	// os backend, which has no file system of its own, it is a host path.
	Dir string
	// Mounts are the host files and directories that the guest sees.
	Mounts []Mount
	// Ports are what the guest may do with TCP itself. Only the os backend has a
	// network to restrict; in every other backend the guest has none.
	Ports Ports
	// Exec are absolute host paths of programs that the guest may start. Only the
	// os backend needs the list; elsewhere the mounts decide what there is to start.
	Exec []string
	// Limits are the resource limits.
	Limits Limits
	// JobDir is the job's private directory on the host, or empty. It is not
	// mounted; backends may keep state of their own in it.
	JobDir string
	// StderrBytes caps what is kept of the guest's diagnostics; 0 means 64 KiB.
	StderrBytes int
}

// Mount makes a host file or directory visible in a guest.
type Mount struct {
	// Host is an absolute host path. It must exist.
	Host string
	// Guest is an absolute, clean guest path. The os backend ignores it.
	Guest string
	// Writable mounts are read-write, others read-only.
	Writable bool
}

// Ports lists TCP ports for backends whose guests share the host's network.
type Ports struct {
	Connect []uint16
	Bind    []uint16
}

// Limits are resource limits. Zero means unlimited, except CoreBytes, where zero
// means no core dump.
type Limits struct {
	// CPU is processor time of the whole guest.
	CPU time.Duration
	// Wall is the time from the guest's start to its hard kill. Job.Start enforces
	// it; a backend that can also does, a little later, in case x07 is stopped.
	Wall time.Duration
	// MemBytes caps the memory of the whole guest, private file systems included.
	// It is a hard cap on everything inside, the runner too: callers add
	// RunnerMemBytes to what the program itself may use.
	MemBytes int64
	// FDs caps the open descriptors of each process in the guest.
	FDs int64
	// Procs caps the processes and threads of the whole guest.
	Procs int64
	// CoreBytes caps core dumps.
	CoreBytes int64
}

// RunnerMemBytes is the memory that x07-os-runner itself may need besides the
// program's.
const RunnerMemBytes = 128 << 20

// Guest is a started guest. Its methods are safe for concurrent use.
type Guest interface {
	// Stream is the byte stream to the guest's first process: what is written
	// arrives on its standard input, what it writes to its standard output is
	// read. Closing it closes both directions. Everything read is hostile.
	Stream() io.ReadWriteCloser
	// Wait blocks until the guest has ended and nothing of it is left, and says
	// how. It may be called any number of times.
	Wait() ExitStatus
	// Stop asks the guest's first process to end (SIGTERM) and kills the guest if
	// it has not ended after grace. It returns at once.
	Stop(grace time.Duration)
	// Kill ends the guest at once. Wait returns soon after.
	Kill()
}

// ExitStatus says how a guest ended.
type ExitStatus struct {
	// Code is the exit code of the guest's first process, or 128+Signal.
	Code int
	// Signal is the signal that ended it, or 0.
	Signal int
	// Limit names the policy field whose limit ended the guest, such as
	// "limits.wall_ms" or "limits.mem_bytes"; empty when none did.
	Limit string
	// Err is set when the boundary itself failed: the guest could not be built, or
	// the backend broke. The guest's own failures are not errors.
	Err error
	// Stderr is what the guest's first process wrote to its standard error, up to
	// Spec.StderrBytes. It is for diagnostics only, and hostile.
	Stderr []byte
	// CPU is the processor time used on the host, boundary included.
	CPU time.Duration
	// MaxRSSBytes is the largest resident memory of the boundary's process.
	MaxRSSBytes int64
	// Notes are protections the backend could not give, in plain words.
	Notes []string
}
