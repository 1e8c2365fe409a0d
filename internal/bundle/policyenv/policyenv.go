// Package policyenv is a policy as environment variables, the form in which
// bundles of X07 0.1 carried it. A policy comes in, names and values go out, in
// the order that reports list them. Nothing is decided by them here: the gate
// reads the policy itself. They exist for programs that look at them.
package policyenv

import (
	"strconv"
	"strings"

	"x07/internal/policy"
)

// Keys are the names of all variables, in order.
func Keys() []string {
	keys := make([]string, len(table))
	for i, v := range table {
		keys[i] = v.key
	}
	return keys
}

// Of returns the variables of a policy. Numbers are decimal, truth values 1 and
// 0, lists are joined with semicolons and lists of ports with commas.
func Of(p *policy.Policy) map[string]string {
	q := *p
	if q.DB == nil {
		q.DB = &policy.DB{}
	}
	db := *q.DB
	if db.SQLite == nil {
		db.SQLite = &policy.SQLite{ReadonlyOnly: true}
	}
	if db.Net == nil {
		db.Net = &policy.DBNet{}
	}
	q.DB = &db
	out := make(map[string]string, len(table))
	for _, v := range table {
		out[v.key] = v.value(&q)
	}
	return out
}

type value = func(*policy.Policy) string

func truth(get func(*policy.Policy) bool) value {
	return func(p *policy.Policy) string {
		if get(p) {
			return "1"
		}
		return "0"
	}
}

func num[T uint32 | uint64](get func(*policy.Policy) T) value {
	return func(p *policy.Policy) string { return strconv.FormatUint(uint64(get(p)), 10) }
}

func list(get func(*policy.Policy) []string) value {
	return func(p *policy.Policy) string { return strings.Join(get(p), ";") }
}

func ports(l []uint16) string {
	words := make([]string, len(l))
	for i, n := range l {
		words[i] = strconv.Itoa(int(n))
	}
	return strings.Join(words, ",")
}

func hosts(p *policy.Policy) string {
	words := make([]string, len(p.Net.AllowHosts))
	for i, h := range p.Net.AllowHosts {
		words[i] = strings.TrimSpace(h.Host) + ":" + ports(h.Ports)
	}
	return strings.Join(words, ";")
}

func always(s string) value { return func(*policy.Policy) string { return s } }

var table = [...]struct {
	key   string
	value value
}{
	{"X07_WORLD", always("run-os-sandboxed")},
	{"X07_OS_SANDBOXED", always("1")},
	{"X07_OS_FS", truth(func(p *policy.Policy) bool { return p.FS.Enabled })},
	{"X07_OS_NET", truth(func(p *policy.Policy) bool { return p.Net.Enabled })},
	{"X07_OS_DB", truth(func(p *policy.Policy) bool { return p.DB.Enabled })},
	{"X07_OS_ENV", truth(func(p *policy.Policy) bool { return p.Env.Enabled })},
	{"X07_OS_TIME", truth(func(p *policy.Policy) bool { return p.Time.Enabled })},
	{"X07_OS_PROC", truth(func(p *policy.Policy) bool { return p.Process.Enabled })},
	{"X07_OS_THREADS", truth(func(p *policy.Policy) bool { return p.Threads.Enabled })},
	{"X07_OS_THREADS_MAX_WORKERS", num(func(p *policy.Policy) uint64 { return p.Threads.MaxWorkers })},
	{"X07_OS_THREADS_MAX_BLOCKING", num(func(p *policy.Policy) uint64 { return p.Threads.MaxBlocking })},
	{"X07_OS_THREADS_MAX_QUEUE", num(func(p *policy.Policy) uint64 { return p.Threads.MaxQueue })},
	{"X07_OS_DENY_HIDDEN", truth(func(p *policy.Policy) bool { return p.FS.DenyHidden })},
	{"X07_OS_FS_READ_ROOTS", list(func(p *policy.Policy) []string { return p.FS.ReadRoots })},
	{"X07_OS_FS_WRITE_ROOTS", list(func(p *policy.Policy) []string { return p.FS.WriteRoots })},
	{"X07_OS_FS_ALLOW_SYMLINKS", truth(func(p *policy.Policy) bool { return p.FS.AllowSymlinks })},
	{"X07_OS_FS_ALLOW_MKDIR", truth(func(p *policy.Policy) bool { return p.FS.AllowMkdir })},
	{"X07_OS_FS_ALLOW_REMOVE", truth(func(p *policy.Policy) bool { return p.FS.AllowRemove })},
	{"X07_OS_FS_ALLOW_RENAME", truth(func(p *policy.Policy) bool { return p.FS.AllowRename })},
	{"X07_OS_FS_ALLOW_WALK", truth(func(p *policy.Policy) bool { return p.FS.AllowWalk })},
	{"X07_OS_FS_ALLOW_GLOB", truth(func(p *policy.Policy) bool { return p.FS.AllowGlob })},
	{"X07_OS_FS_MAX_READ_BYTES", num(func(p *policy.Policy) uint32 { return p.FS.MaxReadBytes })},
	{"X07_OS_FS_MAX_WRITE_BYTES", num(func(p *policy.Policy) uint32 { return p.FS.MaxWriteBytes })},
	{"X07_OS_FS_MAX_ENTRIES", num(func(p *policy.Policy) uint32 { return p.FS.MaxEntries })},
	{"X07_OS_FS_MAX_DEPTH", num(func(p *policy.Policy) uint32 { return p.FS.MaxDepth })},
	{"X07_OS_ENV_ALLOW_KEYS", list(func(p *policy.Policy) []string { return p.Env.AllowKeys })},
	{"X07_OS_ENV_DENY_KEYS", list(func(p *policy.Policy) []string { return p.Env.DenyKeys })},
	{"X07_OS_DB_SQLITE", truth(func(p *policy.Policy) bool { return p.DB.Drivers.SQLite })},
	{"X07_OS_DB_PG", truth(func(p *policy.Policy) bool { return p.DB.Drivers.Postgres })},
	{"X07_OS_DB_MYSQL", truth(func(p *policy.Policy) bool { return p.DB.Drivers.MySQL })},
	{"X07_OS_DB_REDIS", truth(func(p *policy.Policy) bool { return p.DB.Drivers.Redis })},
	{"X07_OS_DB_SQLITE_READONLY_ONLY", truth(func(p *policy.Policy) bool { return p.DB.SQLite.ReadonlyOnly })},
	{"X07_OS_DB_SQLITE_ALLOW_CREATE", truth(func(p *policy.Policy) bool { return p.DB.SQLite.AllowCreate })},
	{"X07_OS_DB_SQLITE_ALLOW_IN_MEMORY", truth(func(p *policy.Policy) bool { return p.DB.SQLite.AllowInMemory })},
	{"X07_OS_DB_SQLITE_ALLOW_PATHS", list(func(p *policy.Policy) []string { return p.DB.SQLite.AllowPaths })},
	{"X07_OS_DB_MAX_LIVE_CONNS", num(func(p *policy.Policy) uint32 { return p.DB.MaxLiveConns })},
	{"X07_OS_DB_MAX_QUERIES", num(func(p *policy.Policy) uint32 { return p.DB.MaxQueries })},
	{"X07_OS_DB_MAX_CONNECT_TIMEOUT_MS", num(func(p *policy.Policy) uint32 { return p.DB.ConnectTimeoutMs })},
	{"X07_OS_DB_MAX_QUERY_TIMEOUT_MS", num(func(p *policy.Policy) uint32 { return p.DB.QueryTimeoutMs })},
	{"X07_OS_DB_MAX_SQL_BYTES", num(func(p *policy.Policy) uint32 { return p.DB.MaxSQLBytes })},
	{"X07_OS_DB_MAX_ROWS", num(func(p *policy.Policy) uint32 { return p.DB.MaxRows })},
	{"X07_OS_DB_MAX_RESP_BYTES", num(func(p *policy.Policy) uint32 { return p.DB.MaxRespBytes })},
	{"X07_OS_DB_NET_ALLOW_DNS", list(func(p *policy.Policy) []string { return p.DB.Net.AllowDNS })},
	{"X07_OS_DB_NET_ALLOW_CIDRS", list(func(p *policy.Policy) []string { return p.DB.Net.AllowCIDRs })},
	{"X07_OS_DB_NET_ALLOW_PORTS", func(p *policy.Policy) string { return ports(p.DB.Net.AllowPorts) }},
	{"X07_OS_DB_NET_REQUIRE_TLS", truth(func(p *policy.Policy) bool { return p.DB.Net.RequireTLS })},
	{"X07_OS_DB_NET_REQUIRE_VERIFY", truth(func(p *policy.Policy) bool { return p.DB.Net.RequireVerify })},
	{"X07_OS_TIME_ALLOW_WALL_CLOCK", truth(func(p *policy.Policy) bool { return p.Time.AllowWallClock })},
	{"X07_OS_TIME_ALLOW_MONOTONIC", truth(func(p *policy.Policy) bool { return p.Time.AllowMonotonic })},
	{"X07_OS_TIME_ALLOW_SLEEP", truth(func(p *policy.Policy) bool { return p.Time.AllowSleep })},
	{"X07_OS_TIME_MAX_SLEEP_MS", num(func(p *policy.Policy) uint64 { return p.Time.MaxSleepMs })},
	{"X07_OS_TIME_ALLOW_LOCAL_TZID", truth(func(p *policy.Policy) bool { return p.Time.AllowLocalTZID })},
	{"X07_OS_PROC_ALLOW_EXIT", truth(func(p *policy.Policy) bool { return p.Process.AllowExit })},
	{"X07_OS_PROC_ALLOW_SPAWN", truth(func(p *policy.Policy) bool { return p.Process.AllowSpawn })},
	{"X07_OS_PROC_MAX_LIVE", num(func(p *policy.Policy) uint64 { return p.Process.MaxLive })},
	{"X07_OS_PROC_MAX_SPAWNS", num(func(p *policy.Policy) uint64 { return p.Process.MaxSpawns })},
	{"X07_OS_PROC_MAX_EXE_BYTES", num(func(p *policy.Policy) uint64 { return p.Process.MaxExeBytes })},
	{"X07_OS_PROC_MAX_ARGS", num(func(p *policy.Policy) uint64 { return p.Process.MaxArgs })},
	{"X07_OS_PROC_MAX_ARG_BYTES", num(func(p *policy.Policy) uint64 { return p.Process.MaxArgBytes })},
	{"X07_OS_PROC_MAX_ENV", num(func(p *policy.Policy) uint64 { return p.Process.MaxEnv })},
	{"X07_OS_PROC_MAX_ENV_KEY_BYTES", num(func(p *policy.Policy) uint64 { return p.Process.MaxEnvKeyBytes })},
	{"X07_OS_PROC_MAX_ENV_VAL_BYTES", num(func(p *policy.Policy) uint64 { return p.Process.MaxEnvValBytes })},
	{"X07_OS_PROC_MAX_RUNTIME_MS", num(func(p *policy.Policy) uint64 { return p.Process.MaxRuntimeMs })},
	{"X07_OS_PROC_MAX_STDOUT_BYTES", num(func(p *policy.Policy) uint64 { return p.Process.MaxStdoutBytes })},
	{"X07_OS_PROC_MAX_STDERR_BYTES", num(func(p *policy.Policy) uint64 { return p.Process.MaxStderrBytes })},
	{"X07_OS_PROC_MAX_TOTAL_BYTES", num(func(p *policy.Policy) uint64 { return p.Process.MaxTotalBytes })},
	{"X07_OS_PROC_MAX_STDIN_BYTES", num(func(p *policy.Policy) uint64 { return p.Process.MaxStdinBytes })},
	{"X07_OS_PROC_KILL_ON_DROP", truth(func(p *policy.Policy) bool { return p.Process.KillOnDrop })},
	{"X07_OS_PROC_KILL_TREE", truth(func(p *policy.Policy) bool { return p.Process.KillTree })},
	{"X07_OS_PROC_ALLOW_CWD", truth(func(p *policy.Policy) bool { return p.Process.AllowCwd })},
	{"X07_OS_PROC_ALLOW_CWD_ROOTS", list(func(p *policy.Policy) []string { return p.Process.AllowCwdRoots })},
	{"X07_OS_PROC_ALLOW_EXEC", truth(func(p *policy.Policy) bool { return p.Process.AllowExec })},
	{"X07_OS_PROC_ALLOW_EXECS", list(func(p *policy.Policy) []string { return p.Process.AllowExecs })},
	{"X07_OS_PROC_ALLOW_EXEC_PREFIXES", list(func(p *policy.Policy) []string { return p.Process.AllowExecPrefixes })},
	{"X07_OS_PROC_ALLOW_ARGS_REGEX_LITE", list(func(p *policy.Policy) []string { return p.Process.AllowArgsRegexLite })},
	{"X07_OS_PROC_ALLOW_ENV_KEYS", list(func(p *policy.Policy) []string { return p.Process.AllowEnvKeys })},
	{"X07_OS_NET_ALLOW_TCP", truth(func(p *policy.Policy) bool { return p.Net.AllowTCP })},
	{"X07_OS_NET_ALLOW_UDP", truth(func(p *policy.Policy) bool { return p.Net.AllowUDP })},
	{"X07_OS_NET_ALLOW_DNS", truth(func(p *policy.Policy) bool { return p.Net.AllowDNS })},
	{"X07_OS_NET_ALLOW_HOSTS", hosts},
}
