package policy

import (
	"fmt"
	"strings"
)

const mib = 1 << 20

// template is one row of the table of starting points.
type template struct {
	name   string
	notes  string
	limits Limits
	fs     FS
	net    bool // enabled, with DNS and TCP, but no host yet
	env    []string
	wall   bool   // wall clock
	sleep  uint64 // longest sleep in milliseconds; 0: no sleeping
	native bool   // unsafe and foreign functions
	spawn  bool   // child processes from deps/x07/
	db     *DB
}

func limits(cpu, wall, mem, fds, procs uint64) Limits {
	return Limits{CPUMs: cpu, WallMs: wall, MemBytes: mem * mib, FDs: fds, Procs: procs}
}

// projectFiles are the file rules of templates that work on a project.
func projectFiles(glob bool, readMiB, writeMiB, entries, depth uint32, writeRoots ...string) FS {
	return FS{
		Enabled: true, ReadRoots: []string{"."}, WriteRoots: writeRoots, DenyHidden: true,
		AllowMkdir: true, AllowRename: true, AllowWalk: true, AllowGlob: glob,
		MaxReadBytes: readMiB * mib, MaxWriteBytes: writeMiB * mib, MaxEntries: entries, MaxDepth: depth,
	}
}

func templates() []template {
	noFiles := FS{ReadRoots: []string{}, WriteRoots: []string{}, DenyHidden: true}
	db := func(connect uint32, drivers Drivers) *DB {
		return &DB{
			Enabled: true, Drivers: drivers, MaxLiveConns: 8, MaxQueries: 10000,
			ConnectTimeoutMs: connect, QueryTimeoutMs: 30000,
			MaxSQLBytes: mib, MaxRows: 100000, MaxRespBytes: 16 * mib,
		}
	}
	sqlite := db(2000, Drivers{SQLite: true})
	sqlite.SQLite = &SQLite{AllowPaths: []string{"out/app.sqlite"}, AllowCreate: true, AllowInMemory: true}
	postgres := db(5000, Drivers{Postgres: true})
	postgres.Net = &DBNet{AllowDNS: []string{}, AllowCIDRs: []string{}, AllowPorts: []uint16{}, RequireTLS: true, RequireVerify: true}

	return []template{
		{
			name:   "cli",
			notes:  "A command-line program: reads the project, writes below out/, no network, no child processes. Add roots with --allow-read-root and --allow-write-root.",
			limits: limits(60000, 120000, 512, 128, 16),
			fs:     projectFiles(true, 64, 64, 50000, 64, "out"),
			wall:   true,
		},
		{
			name:   "http-client",
			notes:  "A program that calls HTTP services: reads the project, writes below out/. No host is listed yet; add each with --allow-host HOST:PORT or in net.allow_hosts.",
			limits: limits(180000, 300000, 1024, 256, 32),
			fs:     projectFiles(false, 64, 256, 20000, 32, "out"),
			net:    true, wall: true, sleep: 5000, native: true,
		},
		{
			name:   "web-service",
			notes:  "A server: reads the project and the variables PORT, HOST and LOG_LEVEL, writes below out/. List the address it listens on, and the hosts it calls, in net.allow_hosts.",
			limits: limits(180000, 600000, 1024, 512, 64),
			fs:     projectFiles(true, 64, 128, 50000, 64, "out"),
			net:    true, env: []string{"PORT", "HOST", "LOG_LEVEL"}, wall: true, sleep: 1000, native: true,
		},
		{
			name:   "fs-tool",
			notes:  "A tool that rewrites source files: reads the project, writes below src/ and out/, large files allowed, no network.",
			limits: limits(90000, 180000, 512, 256, 16),
			fs:     projectFiles(true, 256, 256, 200000, 128, "src", "out"),
			wall:   true,
		},
		{
			name:   "sqlite-app",
			notes:  "A program with a database of its own in out/app.sqlite. Other database files go into db.sqlite.allow_paths, each by its exact path.",
			limits: limits(120000, 300000, 1024, 256, 32),
			fs:     projectFiles(true, 128, 256, 100000, 64, "out"),
			wall:   true, native: true, db: sqlite,
		},
		{
			name:   "postgres-client",
			notes:  "A program that talks to PostgreSQL over verified TLS. No server is listed yet; add its host to db.net.allow_dns or allow_cidrs and its port to db.net.allow_ports.",
			limits: limits(120000, 300000, 1024, 256, 32),
			fs:     projectFiles(true, 64, 64, 50000, 64, "out"),
			wall:   true, native: true, db: postgres,
		},
		{
			name:   "worker",
			notes:  "A worker that computes on its input: no files, no network, no clock but sleeping and the monotonic one.",
			limits: limits(300000, 300000, 1024, 64, 16),
			fs:     noFiles,
			sleep:  5000,
		},
		{
			name:   "worker-parallel",
			notes:  "A worker that starts the helper executables below deps/x07/: no files, no network. Other executables go into process.allow_execs.",
			limits: limits(300000, 300000, 1024, 128, 1024),
			fs:     noFiles,
			sleep:  5000, spawn: true,
		},
	}
}

// Templates returns the names of the templates, in their documented order.
func Templates() []string {
	var names []string
	for _, t := range templates() {
		names = append(names, t.name)
	}
	return names
}

// FromTemplate returns the policy of a template. An empty id means the
// template's own, "sandbox.<name>.base".
func FromTemplate(name, id string) (*Policy, error) {
	for _, t := range templates() {
		if t.name == name {
			return t.policy(id), nil
		}
	}
	return nil, usage("unknown policy template %q: expected one of %s", name, strings.Join(Templates(), ", "))
}

func (t *template) policy(id string) *Policy {
	if id == "" {
		id = fmt.Sprintf("sandbox.%s.base", t.name)
	}
	p := &Policy{
		SchemaVersion: SchemaVersion, PolicyID: id, Notes: t.notes,
		Limits:   t.limits,
		FS:       t.fs,
		Net:      Net{Enabled: t.net, AllowDNS: t.net, AllowTCP: t.net, AllowHosts: []Host{}},
		DB:       t.db,
		Env:      Env{Enabled: t.env != nil, AllowKeys: append([]string{}, t.env...), DenyKeys: []string{}},
		Time:     Time{Enabled: true, AllowMonotonic: true, AllowWallClock: t.wall, AllowSleep: t.sleep > 0, MaxSleepMs: t.sleep},
		Language: Language{AllowUnsafe: t.native, AllowFFI: t.native},
		Threads:  Threads{Enabled: true, MaxBlocking: 4, MaxQueue: 1024},
		Process: Process{
			Enabled: true, AllowExit: true, KillOnDrop: true, KillTree: true,
			AllowExecs: []string{}, AllowExecPrefixes: []string{}, AllowArgsRegexLite: []string{}, AllowEnvKeys: []string{}, AllowCwdRoots: []string{},
			MaxExeBytes: 4096, MaxArgs: 64, MaxArgBytes: 4096, MaxEnv: 64, MaxEnvKeyBytes: 256, MaxEnvValBytes: 4096,
			MaxStdoutBytes: 10 * mib, MaxStderrBytes: 10 * mib, MaxTotalBytes: 16 * mib, MaxStdinBytes: mib,
		},
	}
	if t.spawn {
		p.Process.AllowSpawn, p.Process.AllowExec = true, true
		p.Process.AllowExecPrefixes = []string{"deps/x07/"}
		p.Process.MaxLive, p.Process.MaxSpawns, p.Process.MaxRuntimeMs = 16, 64, 60000
	}
	return p
}
