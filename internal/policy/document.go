// Package policy decides what a program in an OS world may do.
//
// A policy document comes in (a JSON file in the form
// x07.run-os-policy@0.1.0); Load checks it against its schema and the loader
// rules, Derive merges command-line overrides into it, and FromPolicy compiles
// it into a Gate. Every operating-system effect of a program asks the Gate
// first and gets a Decision: allowed or not, the field that decided, the code
// or trap the program sees, and the JSON Patch that would allow it. An Audit
// keeps what was decided, and Suggest turns an audit back into the smallest
// policy that allows what was used.
//
// The package never touches what it decides about: it opens no program file,
// resolves no name, follows no symbolic link and starts no process. It reads
// and writes only policy documents, override lists and audit logs.
package policy

// SchemaVersion is the only schema_version that is accepted.
const SchemaVersion = "x07.run-os-policy@0.1.0"

// Policy is a checked policy document. Load fills absent optional fields with
// the loader's defaults. A Policy is not changed after it was built; callers
// that need another one derive it.
type Policy struct {
	SchemaVersion string   `json:"schema_version"`
	PolicyID      string   `json:"policy_id"`
	Notes         string   `json:"notes,omitempty"`
	Limits        Limits   `json:"limits"`
	FS            FS       `json:"fs"`
	Net           Net      `json:"net"`
	DB            *DB      `json:"db,omitempty"`
	Env           Env      `json:"env"`
	Time          Time     `json:"time"`
	Language      Language `json:"language"`
	Threads       Threads  `json:"threads"`
	Process       Process  `json:"process"`
}

// Limits is what the whole run may use.
type Limits struct {
	CPUMs     uint64 `json:"cpu_ms"`    // milliseconds of CPU time, 1..600000
	WallMs    uint64 `json:"wall_ms"`   // milliseconds from start to end, 1..600000
	MemBytes  uint64 `json:"mem_bytes"` // 1 MiB..16 GiB
	FDs       uint64 `json:"fds"`       // open files, 0..1024
	Procs     uint64 `json:"procs"`     // processes, 0..1024
	CoreDumps bool   `json:"core_dumps"`
}

// FS is what may be done with files. Roots are files or directories, relative
// to the working directory or absolute. A zero maximum means the built-in one.
type FS struct {
	Enabled       bool     `json:"enabled"`
	ReadRoots     []string `json:"read_roots"`
	WriteRoots    []string `json:"write_roots"`
	DenyHidden    bool     `json:"deny_hidden"`
	AllowSymlinks bool     `json:"allow_symlinks"`
	AllowMkdir    bool     `json:"allow_mkdir"`
	AllowRemove   bool     `json:"allow_remove"`
	AllowRename   bool     `json:"allow_rename"`
	AllowWalk     bool     `json:"allow_walk"`
	AllowGlob     bool     `json:"allow_glob"`
	MaxReadBytes  uint32   `json:"max_read_bytes"`
	MaxWriteBytes uint32   `json:"max_write_bytes"`
	MaxEntries    uint32   `json:"max_entries"`
	MaxDepth      uint32   `json:"max_depth"`
}

// Net is what may be reached, and where the program may listen.
type Net struct {
	Enabled    bool   `json:"enabled"`
	AllowDNS   bool   `json:"allow_dns"`
	AllowTCP   bool   `json:"allow_tcp"`
	AllowUDP   bool   `json:"allow_udp"`
	AllowHosts []Host `json:"allow_hosts"`
}

// Host is one allow_hosts entry: a DNS name, an IP literal (IPv6 with or without
// brackets), a CIDR, or an inclusive range "lo-hi", and its ports.
type Host struct {
	Host  string   `json:"host"`
	Ports []uint16 `json:"ports"`
}

// DB is what databases may be used. A zero maximum means the driver's own default.
type DB struct {
	Enabled          bool    `json:"enabled"`
	Drivers          Drivers `json:"drivers"`
	MaxLiveConns     uint32  `json:"max_live_conns"`
	MaxQueries       uint32  `json:"max_queries"`
	ConnectTimeoutMs uint32  `json:"connect_timeout_ms"`
	QueryTimeoutMs   uint32  `json:"query_timeout_ms"`
	MaxSQLBytes      uint32  `json:"max_sql_bytes"`
	MaxRows          uint32  `json:"max_rows"`
	MaxRespBytes     uint32  `json:"max_resp_bytes"`
	SQLite           *SQLite `json:"sqlite,omitempty"`
	Net              *DBNet  `json:"net,omitempty"`
}

// Drivers switches the database drivers.
type Drivers struct {
	SQLite   bool `json:"sqlite"`
	Postgres bool `json:"postgres"`
	MySQL    bool `json:"mysql"`
	Redis    bool `json:"redis"`
}

// SQLite is which database files may be opened, and how. Paths are exact.
type SQLite struct {
	AllowPaths    []string `json:"allow_paths"`
	ReadonlyOnly  bool     `json:"readonly_only"`
	AllowCreate   bool     `json:"allow_create"`
	AllowInMemory bool     `json:"allow_in_memory"`
}

// DBNet is which database servers may be reached. Both switches are true when
// the section is present and does not set them, false when it is absent.
type DBNet struct {
	AllowDNS      []string `json:"allow_dns"`
	AllowCIDRs    []string `json:"allow_cidrs"`
	AllowPorts    []uint16 `json:"allow_ports"`
	RequireTLS    bool     `json:"require_tls"`
	RequireVerify bool     `json:"require_verify"`
}

// Env is which environment variables may be read. DenyKeys wins.
type Env struct {
	Enabled   bool     `json:"enabled"`
	AllowKeys []string `json:"allow_keys"`
	DenyKeys  []string `json:"deny_keys"`
}

// Time is which clocks may be used.
type Time struct {
	Enabled        bool   `json:"enabled"`
	AllowMonotonic bool   `json:"allow_monotonic"`
	AllowWallClock bool   `json:"allow_wall_clock"`
	AllowSleep     bool   `json:"allow_sleep"`
	MaxSleepMs     uint64 `json:"max_sleep_ms"` // milliseconds of one sleep; 0 allows only 0
	AllowLocalTZID bool   `json:"allow_local_tzid"`
}

// Language is checked when the program is compiled.
type Language struct {
	AllowUnsafe bool `json:"allow_unsafe"`
	AllowFFI    bool `json:"allow_ffi"`
}

// Threads is how many host threads may serve the program.
type Threads struct {
	Enabled     bool   `json:"enabled"`
	MaxWorkers  uint64 `json:"max_workers"`
	MaxBlocking uint64 `json:"max_blocking"`
	MaxQueue    uint64 `json:"max_queue"`
}

// Process is what child processes may be started. A zero maximum means none,
// except that allow_spawn needs max_live, max_spawns and max_runtime_ms.
type Process struct {
	Enabled            bool     `json:"enabled"`
	AllowSpawn         bool     `json:"allow_spawn"`
	AllowExec          bool     `json:"allow_exec"`
	AllowExit          bool     `json:"allow_exit"`
	MaxLive            uint64   `json:"max_live"`
	MaxSpawns          uint64   `json:"max_spawns"`
	AllowExecs         []string `json:"allow_execs"`
	AllowExecPrefixes  []string `json:"allow_exec_prefixes"`
	AllowArgsRegexLite []string `json:"allow_args_regex_lite"`
	AllowEnvKeys       []string `json:"allow_env_keys"`
	MaxExeBytes        uint64   `json:"max_exe_bytes"`
	MaxArgs            uint64   `json:"max_args"`
	MaxArgBytes        uint64   `json:"max_arg_bytes"`
	MaxEnv             uint64   `json:"max_env"`
	MaxEnvKeyBytes     uint64   `json:"max_env_key_bytes"`
	MaxEnvValBytes     uint64   `json:"max_env_val_bytes"`
	MaxRuntimeMs       uint64   `json:"max_runtime_ms"`
	MaxStdoutBytes     uint64   `json:"max_stdout_bytes"`
	MaxStderrBytes     uint64   `json:"max_stderr_bytes"`
	MaxTotalBytes      uint64   `json:"max_total_bytes"`
	MaxStdinBytes      uint64   `json:"max_stdin_bytes"`
	KillOnDrop         bool     `json:"kill_on_drop"`
	KillTree           bool     `json:"kill_tree"`
	AllowCwd           bool     `json:"allow_cwd"`
	AllowCwdRoots      []string `json:"allow_cwd_roots"`
}
