// Package wire is the agreement between the two halves of the gvisor backend:
// the host side (internal/sandbox/gvisor, which must stay free of gVisor code so
// that x07 starts fast) and the guest kernel (cmd/x07-sentry).
//
// The host starts x07-sentry with a fixed set of file descriptors (the FD…
// constants) and the argument Verb, writes one Boot document to FDBoot and closes it.
// x07-sentry answers with Status documents, one JSON object per line, on
// FDStatus. Both sides are trusted; nothing the guest writes ever reaches these
// two descriptors.
package wire

// Verb is the only argument of x07-sentry. It carries the version of this
// agreement: a program of another version ends with ExitForeign, as it does
// without the argument.
const Verb = "boot-1"

// ExitForeign is the exit code of an x07-sentry that was not started by x07, or by
// another version of it. It is not 2, with which a crashed Go program ends.
const ExitForeign = 78

// File descriptors that x07-sentry is started with. Descriptor 0 is /dev/null,
// 1 and 2 are x07-sentry's own diagnostics.
const (
	// FDBoot is the read end of a pipe carrying one Boot document.
	FDBoot = 3
	// FDStatus is the write end of a pipe carrying Status lines.
	FDStatus = 4
	// FDLife is the read end of a pipe whose write end only x07 holds. End of
	// file means that x07 is gone, and the sandbox ends at once.
	FDLife = 5
	// FDStdin, FDStdout and FDStderr become the guest's standard streams.
	FDStdin  = 6
	FDStdout = 7
	FDStderr = 8
	// FDExec is the static executable that becomes the guest's first process.
	FDExec = 9
	// FDHigh is inherited only to make x07-sentry's descriptor table large from the
	// start, larger than the numbers (256 and up) to which gVisor moves the guest's
	// standard streams. A process that grows its table while it has several threads
	// waits for an RCU grace period, about 10 ms. x07-sentry closes it.
	FDHigh = 300
)

// Boot says what the guest kernel shall run, and within which limits.
type Boot struct {
	// ID names the sandbox in diagnostics.
	ID string `json:"id"`
	// Platform is the gVisor platform: "systrap" or "kvm".
	Platform string `json:"platform"`
	// Args is the complete argument vector of the first process.
	Args []string `json:"args"`
	// Env is its complete environment, KEY=VALUE.
	Env []string `json:"env"`
	// Dir is its working directory inside the guest, absolute.
	Dir string `json:"dir"`
	// Mounts are the host files and directories that the guest sees.
	Mounts []Mount `json:"mounts"`
	// Limits bound what the guest may use. Zero means no limit.
	Limits Limits `json:"limits"`
	// Boundary is the second boundary, around the guest kernel itself.
	Boundary Boundary `json:"boundary"`
	// StateDir is a directory on the host, absolute and private to this sandbox.
	// Only BoundaryLandlock needs it, for the guest's mount points.
	StateDir string `json:"state_dir,omitempty"`
	// Trace writes gVisor's own log to descriptor 2. For debugging only.
	Trace bool `json:"trace,omitempty"`
}

// Boundary is what holds the guest kernel, should a guest take it over.
type Boundary string

// Boundaries. Both come with the same seccomp filter and without privileges.
const (
	// BoundaryNamespaces: namespaces of its own and an empty root file system.
	BoundaryNamespaces Boundary = "namespaces"
	// BoundaryLandlock: the host's namespaces, with Landlock denying every file
	// but the roots.
	BoundaryLandlock Boundary = "landlock"
)

// LandlockVersion is the Landlock version that BoundaryLandlock needs (Linux 6.2).
const LandlockVersion = 3

// KernelFacts are host files that the guest kernel reads while it starts. It has
// a default for each but the first.
var KernelFacts = []string{
	"/proc/sys/vm/mmap_min_addr",
	"/proc/sys/kernel/cap_last_cap",
	"/sys/devices/system/cpu/possible",
}

// Mount makes the host path Source appear at Target in the guest.
type Mount struct {
	Source   string `json:"source"`
	Target   string `json:"target"`
	Writable bool   `json:"writable"`
}

// Limits are the resource limits of one guest. Zero means no limit.
type Limits struct {
	// WallMs is the time from here to the end of the guest, milliseconds. x07 keeps
	// the deadline; the guest kernel ends a little later by itself, should x07 be
	// unable to, because it is stopped for example.
	WallMs int64 `json:"wall_ms"`
	// CPUms is processor time of all guest processes together, milliseconds.
	CPUms int64 `json:"cpu_ms"`
	// MemBytes is the memory of all guest processes and of /tmp together.
	MemBytes int64 `json:"mem_bytes"`
	// FDs is the number of open descriptors of one guest process.
	FDs int64 `json:"fds"`
	// Procs is the number of guest tasks (threads of all processes) together.
	Procs int64 `json:"procs"`
	// CoreBytes is the size of a core dump.
	CoreBytes int64 `json:"core_bytes"`
}

// Status events.
const (
	// EventStarted: the first guest process has been created.
	EventStarted = "started"
	// EventExited: the first guest process has ended; Code or Signal is set.
	EventExited = "exited"
	// EventLimit: a limit was reached and the guest is being killed; Limit names
	// the field of Limits ("mem_bytes", "cpu_ms", "wall_ms").
	EventLimit = "limit"
	// EventFailed: the sandbox could not be built; Error says why.
	EventFailed = "failed"
)

// Status is one line on FDStatus.
type Status struct {
	Event  string `json:"event"`
	Code   int    `json:"code,omitempty"`
	Signal int    `json:"signal,omitempty"`
	Limit  string `json:"limit,omitempty"`
	Error  string `json:"error,omitempty"`
	// Refused says that BoundaryNamespaces failed for want of permission.
	Refused bool `json:"refused,omitempty"`
	// Again says that the same start may succeed when tried again.
	Again bool `json:"again,omitempty"`
}
