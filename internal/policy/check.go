package policy

import (
	"fmt"
	"net/netip"
	"path"
	"slices"
	"strings"
)

// FindingKind groups what Check warns of.
type FindingKind string

// The kinds.
const (
	Contradiction FindingKind = "contradiction" // two fields disagree: something is refused that looks allowed
	DeadEntry     FindingKind = "dead"          // an entry or switch without any effect
	OverBroad     FindingKind = "broad"         // allows far more than programs need
)

// Finding is one warning about a policy that is valid.
type Finding struct {
	Kind    FindingKind `json:"kind"`
	Pointer string      `json:"pointer"`
	Message string      `json:"message"`
	Fix     string      `json:"fix"`
}

// Check looks for contradictions, dead entries and over-broad grants in a policy
// that Load accepted. An empty result does not mean that the policy is safe.
func Check(p *Policy) []Finding {
	c := checker{}
	c.files(p)
	c.network(p)
	c.database(p)
	c.environment(p)
	c.clocks(p)
	c.processes(p)
	c.rest(p)
	return c.found
}

type checker struct{ found []Finding }

func (c *checker) add(kind FindingKind, pointer, message, fix string) {
	c.found = append(c.found, Finding{kind, pointer, message, fix})
}

// when adds a finding if its condition holds.
func (c *checker) when(cond bool, kind FindingKind, pointer, message, fix string) {
	if cond {
		c.add(kind, pointer, message, fix)
	}
}

func (c *checker) files(p *Policy) {
	f := &p.FS
	if !f.Enabled {
		c.when(len(f.ReadRoots) > 0, DeadEntry, "/fs/read_roots", "fs.enabled is false, so no root is ever used", "set fs.enabled to true or empty the list")
		c.when(len(f.WriteRoots) > 0, DeadEntry, "/fs/write_roots", "fs.enabled is false, so no root is ever used", "set fs.enabled to true or empty the list")
		c.switches("fs.enabled is false", []flag{
			{"/fs/allow_mkdir", f.AllowMkdir}, {"/fs/allow_remove", f.AllowRemove}, {"/fs/allow_rename", f.AllowRename},
			{"/fs/allow_walk", f.AllowWalk}, {"/fs/allow_glob", f.AllowGlob}, {"/fs/allow_symlinks", f.AllowSymlinks},
		})
		return
	}
	c.when(len(f.ReadRoots)+len(f.WriteRoots) == 0, Contradiction, "/fs/enabled", "files are enabled but no root is listed, so every path is refused", "add a root or set fs.enabled to false")
	if len(f.WriteRoots) == 0 {
		c.switches("fs.write_roots is empty", []flag{{"/fs/allow_mkdir", f.AllowMkdir}, {"/fs/allow_remove", f.AllowRemove}, {"/fs/allow_rename", f.AllowRename}})
	}
	if len(f.ReadRoots) == 0 {
		c.switches("fs.read_roots is empty", []flag{{"/fs/allow_walk", f.AllowWalk}})
	}
	c.when(f.AllowGlob && !f.AllowWalk, Contradiction, "/fs/allow_glob", "globs need fs.allow_walk, which is false", "set fs.allow_walk to true or fs.allow_glob to false")
	c.when(!p.Threads.Enabled || p.Threads.MaxBlocking == 0, Contradiction, "/threads/max_blocking", "os.fs.read_file and os.fs.write_file need a helper thread, and none is allowed", "allow one blocking call or set fs.enabled to false")
	c.rootList("/fs/read_roots", f.ReadRoots, f.DenyHidden, false)
	c.rootList("/fs/write_roots", f.WriteRoots, f.DenyHidden, true)
}

type flag struct {
	pointer string
	on      bool
}

// switches reports the flags that are on without effect.
func (c *checker) switches(why string, flags []flag) {
	for _, f := range flags {
		c.when(f.on, DeadEntry, f.pointer, "is true without effect: "+why, "set it to false")
	}
}

// systemRoots are directories of the machine, not of a program.
var systemRoots = [...]string{"/", "/bin", "/boot", "/dev", "/etc", "/home", "/lib", "/proc", "/root", "/run", "/sbin", "/sys", "/tmp", "/usr", "/var", "/Users", "/System", "/Library", "/private"}

func (c *checker) rootList(pointer string, roots []string, denyHidden, write bool) {
	g := &Gate{workDir: "/x07/work"}
	cleaned := make([]string, len(roots))
	for i, text := range roots {
		cleaned[i] = g.absolute(trimItem(text))
	}
	for i, text := range roots {
		at := indexed(pointer, i)
		text = trimItem(text)
		if text == "" {
			c.add(DeadEntry, at, "is blank and names no place", "remove it")
			continue
		}
		if j := slices.IndexFunc(cleaned[:i], func(r string) bool { return r == cleaned[i] }); j >= 0 {
			c.add(DeadEntry, at, fmt.Sprintf("names the same place as item %d", j), "remove it")
		} else if j := slices.IndexFunc(cleaned, func(r string) bool { _, ok := below(r, cleaned[i]); return ok && r != cleaned[i] }); j >= 0 {
			c.add(DeadEntry, at, fmt.Sprintf("lies below item %d (%q), which allows it already", j, roots[j]), "remove one of the two")
		}
		_, inside := below(g.workDir, cleaned[i])
		_, above := below(cleaned[i], g.workDir)
		clean := path.Clean(text)
		switch {
		case strings.HasPrefix(text, "/") && (slices.Contains(systemRoots[:], clean) || strings.HasPrefix(clean, "/proc/") || strings.HasPrefix(clean, "/sys/") || strings.HasPrefix(clean, "/dev/") || strings.HasPrefix(clean, "/etc/")):
			c.add(OverBroad, at, fmt.Sprintf("%q is a directory of the machine", text), "name the directory the program needs")
		case above && cleaned[i] != g.workDir:
			c.add(OverBroad, at, fmt.Sprintf("%q reaches above the project", text), "name a directory of the project, or an absolute one")
		case !strings.HasPrefix(text, "/") && !inside:
			c.add(DeadEntry, at, fmt.Sprintf("%q lies outside the project, and program paths are relative to the project", text), "name a directory of the project")
		case write && cleaned[i] == g.workDir:
			c.add(OverBroad, at, "lets the program rewrite the whole project, its manifest and its policy included", `name a directory such as "out"`)
		}
		if denyHidden && inside && cleaned[i] != g.workDir && hasHidden(cleaned[i]) {
			c.add(Contradiction, at, "has a hidden segment, and fs.deny_hidden refuses every path below it", "choose another directory or set fs.deny_hidden to false")
		}
	}
}

func (c *checker) network(p *Policy) {
	n := &p.Net
	if !n.Enabled {
		c.when(len(n.AllowHosts) > 0, DeadEntry, "/net/allow_hosts", "net.enabled is false, so no host is ever reached", "set net.enabled to true or empty the list")
		c.switches("net.enabled is false", []flag{{"/net/allow_dns", n.AllowDNS}, {"/net/allow_tcp", n.AllowTCP}, {"/net/allow_udp", n.AllowUDP}})
		return
	}
	c.when(len(n.AllowHosts) == 0, Contradiction, "/net/allow_hosts", "the network is enabled but no host is listed, so every destination is refused", "add hosts or set net.enabled to false")
	c.when(len(n.AllowHosts) > 0 && !n.AllowTCP && !n.AllowUDP && !n.AllowDNS, Contradiction, "/net", "hosts are listed but neither TCP, UDP nor DNS is allowed", "set net.allow_tcp to true")
	seen := map[string]int{}
	for i, h := range n.AllowHosts {
		at := indexed("/net/allow_hosts", i) + "/host"
		same := sameHost(h.Host)
		if j, twice := seen[same]; twice {
			c.add(DeadEntry, at, fmt.Sprintf("repeats the host of item %d", j), "merge the ports into one entry")
		} else {
			seen[same] = i
		}
		kind, s := parseHost(unbracket(strings.TrimSpace(h.Host)))
		switch {
		case kind == hostBad:
			c.add(DeadEntry, at, fmt.Sprintf("%q is neither a network nor a range of one family and matches nothing", h.Host), "write ADDRESS/BITS or LOW-HIGH")
		case kind == hostSpan:
			c.spans(at, h.Host, s)
		case kind == hostAddr:
			c.when(special(s.lo) == "link-local" || special(s.lo) == "metadata", OverBroad, at, fmt.Sprintf("%q is where machines hand out their credentials", h.Host), "remove it")
		case strings.Contains(h.Host, "*"):
			c.add(DeadEntry, at, "names have no wildcards, so this matches nothing", "list each name")
		case strings.Contains(h.Host, "://"):
			c.add(DeadEntry, at, "is a URL, not a host", "write the host name alone")
		case !n.AllowDNS:
			c.add(Contradiction, at, "is a name, and net.allow_dns is false", "set net.allow_dns to true or list addresses")
		}
	}
}

func (c *checker) spans(at, text string, s span) {
	if s.prefix.IsValid() {
		bits := s.prefix.Bits()
		broad := s.prefix.Addr().Is4() && bits < 16 || s.prefix.Addr().Is6() && bits < 48
		c.when(broad, OverBroad, at, fmt.Sprintf("%q covers a large part of the address space", text), "name the hosts, or a smaller network")
		return
	}
	lo, hi := s.lo.As16(), s.hi.As16()
	broad := lo[12] != hi[12] || lo[13] != hi[13]
	if s.lo.Is6() {
		broad = [6]byte(lo[:6]) != [6]byte(hi[:6])
	}
	c.when(broad, OverBroad, at, fmt.Sprintf("%q covers a large part of the address space", text), "name the hosts, or a smaller range")
}

func (c *checker) database(p *Policy) {
	d := p.DB
	if d == nil {
		return
	}
	remote := d.Drivers.Postgres || d.Drivers.MySQL || d.Drivers.Redis
	if !d.Enabled {
		c.when(d.Drivers != Drivers{}, DeadEntry, "/db/drivers", "db.enabled is false, so no driver is ever used", "set db.enabled to true or remove the section")
		return
	}
	switch s := d.SQLite; {
	case d.Drivers.SQLite && (s == nil || len(s.AllowPaths) == 0 && !s.AllowInMemory):
		c.add(Contradiction, "/db/drivers/sqlite", "SQLite is allowed but neither a file nor :memory: is", "add the file to db.sqlite.allow_paths")
	case s != nil && !d.Drivers.SQLite:
		c.add(DeadEntry, "/db/sqlite", "db.drivers.sqlite is false, so the section has no effect", "remove it")
	case s != nil && s.ReadonlyOnly && s.AllowCreate:
		c.add(Contradiction, "/db/sqlite/allow_create", "files may be created but only opened read-only", "set one of the two to false")
	}
	n := d.Net
	if n == nil {
		c.when(remote, Contradiction, "/db/drivers", "a server driver is allowed but no server is listed", "add db.net with hosts and ports")
		return
	}
	if !remote {
		c.add(DeadEntry, "/db/net", "no server driver is allowed, so the section has no effect", "remove it")
		return
	}
	c.when(len(n.AllowPorts) == 0 || len(n.AllowDNS)+len(n.AllowCIDRs) == 0, Contradiction, "/db/net", "a server needs a listed port and a listed host or network, so every server is refused", "add to db.net.allow_ports and db.net.allow_dns")
	c.when(n.RequireVerify && !n.RequireTLS, DeadEntry, "/db/net/require_verify", "certificates are not verified without TLS", "set db.net.require_tls to true")
	c.when(!n.RequireTLS, OverBroad, "/db/net/require_tls", "passwords and data travel unencrypted", "set it to true")
	c.when(n.RequireTLS && !n.RequireVerify, OverBroad, "/db/net/require_verify", "any certificate is accepted", "set it to true")
	for i, text := range n.AllowCIDRs {
		at := indexed("/db/net/allow_cidrs", i)
		prefix, err := netip.ParsePrefix(trimItem(text))
		if err != nil {
			c.add(DeadEntry, at, fmt.Sprintf("%q is not ADDRESS/BITS and matches nothing", text), "write ADDRESS/BITS")
			continue
		}
		c.spans(at, text, span{prefix: prefix.Masked()})
	}
}

// secretWords mark variables that usually hold credentials; loaderKeys change
// what code a process runs.
var (
	secretWords = [...]string{"SECRET", "TOKEN", "PASSWORD", "PASSWD", "CREDENTIAL", "PRIVATE_KEY", "API_KEY", "ACCESS_KEY"}
	loaderKeys  = [...]string{"LD_PRELOAD", "LD_LIBRARY_PATH", "DYLD_INSERT_LIBRARIES", "PYTHONPATH", "NODE_OPTIONS", "BASH_ENV", "PERL5LIB"}
)

func (c *checker) environment(p *Policy) {
	e := &p.Env
	c.when(!e.Enabled && len(e.AllowKeys) > 0, DeadEntry, "/env/allow_keys", "env.enabled is false, so no variable is ever read", "set env.enabled to true or empty the list")
	c.when(e.Enabled && len(e.AllowKeys) == 0, Contradiction, "/env/enabled", "variables are enabled but none is listed, so every key is refused", "add keys or set env.enabled to false")
	for i, key := range e.AllowKeys {
		at, key := indexed("/env/allow_keys", i), trimItem(key)
		upper := strings.ToUpper(key)
		c.when(slices.ContainsFunc(e.DenyKeys, func(k string) bool { return trimItem(k) == key }), Contradiction, at, fmt.Sprintf("%q is on deny_keys too, which wins", key), "remove it from one of the lists")
		c.when(slices.ContainsFunc(e.AllowKeys[:i], func(k string) bool { return trimItem(k) == key }), DeadEntry, at, "is listed twice", "remove it")
		c.when(strings.ContainsAny(key, "*?="), DeadEntry, at, "keys are compared exactly, there are no wildcards", "list each variable")
		c.when(e.Enabled && slices.ContainsFunc(secretWords[:], func(w string) bool { return strings.Contains(upper, w) }), OverBroad, at, fmt.Sprintf("%q looks like a credential; the program may send it wherever it can connect", key), "remove it if the program can do without")
	}
}

func (c *checker) clocks(p *Policy) {
	t := &p.Time
	if !t.Enabled {
		c.switches("time.enabled is false", []flag{{"/time/allow_monotonic", t.AllowMonotonic}, {"/time/allow_wall_clock", t.AllowWallClock}, {"/time/allow_sleep", t.AllowSleep}, {"/time/allow_local_tzid", t.AllowLocalTZID}})
		return
	}
	c.when(t.AllowSleep && t.MaxSleepMs == 0, Contradiction, "/time/max_sleep_ms", "sleeping is allowed, but only for 0 milliseconds", "raise it or set time.allow_sleep to false")
	c.when(!t.AllowSleep && t.MaxSleepMs > 0, DeadEntry, "/time/max_sleep_ms", "time.allow_sleep is false", "set it to 0")
	c.when(t.AllowSleep && t.MaxSleepMs > p.Limits.WallMs, DeadEntry, "/time/max_sleep_ms", "is longer than limits.wall_ms, which ends the run first", "lower it")
}

// interpreters run whatever they are given.
var interpreters = [...]string{"sh", "bash", "dash", "zsh", "env", "python", "python3", "perl", "ruby", "node", "sudo", "busybox", "xargs"}

func (c *checker) processes(p *Policy) {
	x := &p.Process
	spawns := x.Enabled && x.AllowSpawn
	if !x.Enabled {
		c.switches("process.enabled is false", []flag{{"/process/allow_spawn", x.AllowSpawn}, {"/process/allow_exec", x.AllowExec}, {"/process/allow_exit", x.AllowExit}})
	} else {
		c.when(x.AllowSpawn && !x.AllowExec, Contradiction, "/process/allow_exec", "children may be started, but no executable may be run", "set process.allow_exec to true or process.allow_spawn to false")
		c.when(x.AllowExec && !x.AllowSpawn, DeadEntry, "/process/allow_exec", "nothing runs an executable without process.allow_spawn", "set it to false")
		c.when(x.AllowSpawn && p.Limits.Procs == 0, Contradiction, "/limits/procs", "children may be started, but no process is allowed", "raise limits.procs")
		c.when(x.AllowSpawn && x.MaxRuntimeMs > p.Limits.WallMs, DeadEntry, "/process/max_runtime_ms", "is longer than limits.wall_ms, which ends the run first", "lower it")
	}
	lists := []struct {
		pointer string
		list    []string
	}{
		{"/process/allow_execs", x.AllowExecs}, {"/process/allow_exec_prefixes", x.AllowExecPrefixes},
		{"/process/allow_args_regex_lite", x.AllowArgsRegexLite}, {"/process/allow_env_keys", x.AllowEnvKeys},
	}
	if !spawns {
		for _, l := range lists {
			c.when(len(l.list) > 0, DeadEntry, l.pointer, "children may not be started, so the list is never used", "set process.allow_spawn to true or empty the list")
		}
		return
	}
	c.when(!x.AllowCwd && len(x.AllowCwdRoots) > 0, DeadEntry, "/process/allow_cwd_roots", "process.allow_cwd is false", "set it to true or empty the list")
	for i, text := range x.AllowExecs {
		c.when(slices.Contains(interpreters[:], path.Base(trimItem(text))), OverBroad, indexed("/process/allow_execs", i), fmt.Sprintf("%q runs any command it is given", text), "allow the command itself, or narrow its arguments with allow_args_regex_lite")
	}
	for i, text := range x.AllowExecPrefixes {
		at := indexed("/process/allow_exec_prefixes", i)
		switch clean := path.Clean(trimItem(text)); {
		case clean == "." || strings.HasPrefix(clean, ".."):
			c.add(OverBroad, at, fmt.Sprintf("%q covers the whole project, files the program writes included", text), "name a directory of executables")
		case slices.Contains([]string{"/", "/bin", "/sbin", "/usr", "/usr/bin", "/usr/sbin", "/usr/local", "/usr/local/bin", "/opt", "/tmp"}, clean):
			c.add(OverBroad, at, fmt.Sprintf("%q holds shells and interpreters", text), "list the executables in allow_execs")
		default:
			for _, w := range p.FS.WriteRoots {
				_, in := below("/"+path.Clean(trimItem(w)), "/"+clean)
				c.when(p.FS.Enabled && in, OverBroad, at, fmt.Sprintf("lies below the write root %q, so the program can run what it wrote", w), "move the executables out of the write roots")
			}
		}
	}
	for i, key := range x.AllowEnvKeys {
		c.when(slices.Contains(loaderKeys[:], trimItem(key)), OverBroad, indexed("/process/allow_env_keys", i), fmt.Sprintf("%q makes an allowed executable run other code", key), "remove it")
	}
	for i, text := range x.AllowArgsRegexLite {
		c.when(text == ".*", OverBroad, indexed("/process/allow_args_regex_lite", i), "matches every argument", "remove it, or write what arguments look like")
	}
}

func (c *checker) rest(p *Policy) {
	c.when(!p.Threads.Enabled && p.Threads.MaxWorkers > 0, DeadEntry, "/threads/max_workers", "threads.enabled is false", "set it to 0")
	c.when(p.Limits.FDs > 0 && p.Limits.FDs < 8, Contradiction, "/limits/fds", "a program needs a few open files to start at all", "raise it to 16 or more, or to 0 for none")
	c.when(p.Limits.CoreDumps, OverBroad, "/limits/core_dumps", "core files hold the program's whole memory", "set it to false")
}
