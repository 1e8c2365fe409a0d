// Package report makes the JSON documents that commands print: what a compile
// and a run amounted to, the same wrapped with the target it belongs to, the
// reproduction of a broken contract, and the envelope of machine output. Facts
// come in, bytes with exact member names and order go out. It runs nothing and
// decides nothing but how a finished program's streams are to be read.
package report

import (
	"encoding/base64"
	"encoding/json"
	"strings"

	"x07/internal/version"
)

// The schema versions of runner reports.
const (
	OSRunnerSchema   = "x07-os-runner.report@0.3.0"
	HostRunnerSchema = "x07-host-runner.report@0.3.0"
)

// The modes of runner reports.
const (
	ModeProgram  = "compile-run"
	ModeProject  = "project-compile-run"
	ModeArtifact = "run-os"
)

// Runner is a runner report of a compile and a run. Members are sorted.
type Runner struct {
	Compile       Compile `json:"compile"`
	ExitCode      int     `json:"exit_code"`
	Mode          string  `json:"mode"`
	SchemaVersion string  `json:"schema_version"`
	Solve         *Solve  `json:"solve"`
	World         string  `json:"world,omitempty"`
}

// Compile says how compiling went.
type Compile struct {
	// CSourceSize is the size of the generated code in bytes.
	CSourceSize     int64          `json:"c_source_size"`
	CompileError    *string        `json:"compile_error"`
	CompiledExe     *string        `json:"compiled_exe"`
	CompiledExeSize *int64         `json:"compiled_exe_size"`
	ExitStatus      int            `json:"exit_status"`
	FuelUsed        *uint64        `json:"fuel_used"`
	LangID          string         `json:"lang_id"`
	NativeRequires  NativeRequires `json:"native_requires"`
	OK              bool           `json:"ok"`
	StderrB64       string         `json:"stderr_b64"`
	StdoutB64       string         `json:"stdout_b64"`
	Trap            *string        `json:"trap"`
}

// NativeRequires lists the native backends a program's heads belong to.
type NativeRequires struct {
	Requires      []NativeRequire `json:"requires"`
	SchemaVersion string          `json:"schema_version"`
	World         string          `json:"world"`
}

// NativeRequire is one native backend and the heads used of it, sorted.
type NativeRequire struct {
	ABIMajor  int      `json:"abi_major"`
	BackendID string   `json:"backend_id"`
	Features  []string `json:"features,omitempty"`
}

// Solve says how running went. Counters are nil when the program ended
// without telling them.
type Solve struct {
	DebugStats *DebugStats `json:"debug_stats"`
	// Denials are what the policy refused, absent when nothing.
	Denials         any       `json:"denials,omitempty"`
	ExitStatus      int       `json:"exit_status"`
	FSListDirCalls  *uint64   `json:"fs_list_dir_calls"`
	FSReadFileCalls *uint64   `json:"fs_read_file_calls"`
	FuelUsed        *uint64   `json:"fuel_used"`
	HeapUsed        *uint64   `json:"heap_used"`
	KVGetCalls      *uint64   `json:"kv_get_calls"`
	KVSetCalls      *uint64   `json:"kv_set_calls"`
	MemStats        *MemStats `json:"mem_stats"`
	OK              bool      `json:"ok"`
	RRAppendCalls   *uint64   `json:"rr_append_calls"`
	RRCloseCalls    *uint64   `json:"rr_close_calls"`
	RRNextCalls     *uint64   `json:"rr_next_calls"`
	RRNextMissCalls *uint64   `json:"rr_next_miss_calls"`
	RROpenCalls     *uint64   `json:"rr_open_calls"`
	RRStatsCalls    *uint64   `json:"rr_stats_calls"`
	// Sandbox is the boundary the program ran in, absent without one.
	Sandbox        *Sandbox    `json:"sandbox,omitempty"`
	SchedStats     *SchedStats `json:"sched_stats"`
	SolveOutputB64 string      `json:"solve_output_b64"`
	StderrB64      string      `json:"stderr_b64"`
	StdoutB64      string      `json:"stdout_b64"`
	Trap           *string     `json:"trap"`
	// TrapAt is the place of the trap in the source, absent when unknown.
	TrapAt *TrapAt `json:"trap_at,omitempty"`
}

// TrapAt is the x07AST node that trapped.
type TrapAt struct {
	Fn     string `json:"fn"`
	Module string `json:"module"`
	Ptr    string `json:"ptr"`
}

// Sandbox is the boundary of a run.
type Sandbox struct {
	// Backend is its name, none when only the policy's gate held the program.
	Backend string `json:"backend"`
	// Isolation says in words how strong it is.
	Isolation string `json:"isolation"`
	// Notes are protections it could not give here.
	Notes []string `json:"notes,omitempty"`
}

// DebugStats is reported by runs with borrow checks.
type DebugStats struct {
	BorrowViolations uint64 `json:"borrow_violations"`
}

// MemStats counts what the program's allocator did, in calls and bytes.
type MemStats struct {
	AllocCalls      uint64 `json:"alloc_calls"`
	BytesAllocTotal uint64 `json:"bytes_alloc_total"`
	BytesFreedTotal uint64 `json:"bytes_freed_total"`
	FreeCalls       uint64 `json:"free_calls"`
	LiveAllocs      uint64 `json:"live_allocs"`
	LiveBytes       uint64 `json:"live_bytes"`
	MemcpyBytes     uint64 `json:"memcpy_bytes"`
	PeakLiveAllocs  uint64 `json:"peak_live_allocs"`
	PeakLiveBytes   uint64 `json:"peak_live_bytes"`
	ReallocCalls    uint64 `json:"realloc_calls"`
}

// SchedStats counts what the task scheduler did.
type SchedStats struct {
	BlockedWaits   uint64 `json:"blocked_waits"`
	ChanRecvCalls  uint64 `json:"chan_recv_calls"`
	ChanSendCalls  uint64 `json:"chan_send_calls"`
	CtxSwitches    uint64 `json:"ctx_switches"`
	JoinCalls      uint64 `json:"join_calls"`
	SchedTraceHash string `json:"sched_trace_hash"`
	SleepCalls     uint64 `json:"sleep_calls"`
	SpawnCalls     uint64 `json:"spawn_calls"`
	TasksSpawned   uint64 `json:"tasks_spawned"`
	VirtualTimeEnd uint64 `json:"virtual_time_end"`
	WakeEvents     uint64 `json:"wake_events"`
	YieldCalls     uint64 `json:"yield_calls"`
}

// Requires is the native_requires of a program that was compiled for world and
// uses the given host heads. Heads of the core runtime add nothing.
func Requires(world string, heads []string) NativeRequires {
	r := NativeRequires{Requires: []NativeRequire{}, SchemaVersion: "x07.native-requires@0.1.0", World: world}
	for _, b := range backends {
		var used []string
		for _, h := range heads {
			if b.has(h) {
				used = append(used, h)
			}
		}
		if used != nil {
			r.Requires = append(r.Requires, NativeRequire{ABIMajor: 1, BackendID: b.id, Features: used})
		}
	}
	return r
}

// backends tells which heads belong to a separately versioned native backend,
// sorted by id.
var backends = [...]struct {
	id  string
	has func(head string) bool
}{
	{"x07.ext.fs", func(h string) bool { return strings.HasPrefix(h, "os.fs.") && strings.HasSuffix(h, "_v1") }},
	{"x07.ext.rand", func(h string) bool { return strings.HasPrefix(h, "os.rand.") }},
	{"x07.ext.stdio", func(h string) bool { return strings.HasPrefix(h, "os.stdio.") }},
	{"x07.time", func(h string) bool { return strings.HasPrefix(h, "os.time.tzdb_") }},
}

// Failed is the compile section of a program that does not compile. message
// is "<Kind>: <text>"; an unknown module gets the hint that names the command
// to find its package.
func Failed(world, message string) Compile {
	if id := UnknownModule(message); id != "" {
		message += "\n\nhint: x07 pkg provides " + id
	}
	return Compile{CompileError: &message, ExitStatus: 1, LangID: version.LanguageID, NativeRequires: Requires(world, nil)}
}

// UnknownModule is the module id of an `unknown module: "<id>"` message, ""
// when message is about something else.
func UnknownModule(message string) string {
	const marker = `unknown module: "`
	_, rest, ok := strings.Cut(message, marker)
	if !ok {
		return ""
	}
	id, _, ok := strings.Cut(rest, `"`)
	if !ok {
		return ""
	}
	return id
}

// NewRunner puts a report together. solve is nil when nothing ran; exit_code
// follows from the two sections.
func NewRunner(mode, world string, c Compile, solve *Solve) *Runner {
	r := &Runner{Compile: c, Mode: mode, SchemaVersion: OSRunnerSchema, Solve: solve, World: world}
	if !c.OK || solve != nil && (!solve.OK || solve.ExitStatus != 0) {
		r.ExitCode = 1
	}
	return r
}

// VMFailure is the report of a sandbox that could not start or broke. message
// is the outermost error message.
func VMFailure(mode, world, message string) *Runner {
	trap := "vm backend failure: " + message
	return &Runner{
		Compile: Compile{
			ExitStatus:     1,
			NativeRequires: Requires(world, nil),
			StderrB64:      base64.StdEncoding.EncodeToString([]byte(message)),
			Trap:           &trap,
		},
		ExitCode:      1,
		Mode:          mode,
		SchemaVersion: OSRunnerSchema,
		World:         world,
	}
}

// Bytes is the document: pretty, with a newline at the end.
func (r *Runner) Bytes() []byte { return Pretty(r) }

// ArtifactRun is the flat report of running a precompiled artifact: every
// member of solve at top level, sorted.
func ArtifactRun(world string, s Solve) (doc []byte, exitCode int) {
	if !s.OK || s.ExitStatus != 0 {
		exitCode = 1
	}
	var flat map[string]json.RawMessage
	if err := json.Unmarshal(marshal(s), &flat); err != nil {
		panic("report: own JSON does not parse: " + err.Error())
	}
	flat["exit_code"] = marshal(exitCode)
	flat["mode"] = marshal(ModeArtifact)
	flat["schema_version"] = marshal(OSRunnerSchema)
	flat["world"] = marshal(world)
	return CanonicalPretty(flat), exitCode
}
