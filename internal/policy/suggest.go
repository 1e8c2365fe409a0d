package policy

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"net/netip"
	"path"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// maxAuditLine bounds one line of an audit log, in bytes; maxDistinct the
// different grants a suggestion collects. Both keep a hostile log from costing
// more than itself.
const (
	maxAuditLine = 64 << 10
	maxDistinct  = 100000
)

// ParseAuditLine reads one line of an audit log, which may come from a guest.
func ParseAuditLine(text []byte) (AuditLine, error) {
	var line AuditLine
	if len(text) > maxAuditLine {
		return line, fmt.Errorf("expected an audit line of at most %d bytes, found %d", maxAuditLine, len(text))
	}
	dec := json.NewDecoder(strings.NewReader(string(text)))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&line); err != nil {
		return line, fmt.Errorf("expected an audit line: %w", err)
	}
	switch {
	case dec.More():
		return line, errors.New("expected one audit line, found more behind it")
	case !line.Op.Known():
		return line, fmt.Errorf("unknown operation %q", clipTarget(string(line.Op)))
	case line.Decision != "allow" && line.Decision != "deny":
		return line, fmt.Errorf(`expected the decision "allow" or "deny", found %q`, clipTarget(line.Decision))
	case len(line.Target) > maxTarget+len("…") || !utf8.ValidString(line.Target):
		return line, fmt.Errorf("expected a target of at most %d bytes of UTF-8", maxTarget)
	case line.Bytes < 0 || line.Ms < 0 || math.IsInf(line.Ms, 0):
		return line, errors.New("expected bytes and ms to be non-negative")
	case len(line.Needs) > len(needNames) || len(line.Field) > 128 || len(line.Class) > 32 || len(line.Addr) > 64:
		return line, errors.New("expected needs, field, class and addr as this program writes them")
	}
	return line, nil
}

// SuggestOptions steer Suggest.
type SuggestOptions struct {
	// Base supplies limits, ceilings, language and threads; nil means those of
	// the template "cli".
	Base *Policy
	// Exists reports whether a project-relative path exists on the host. Reads
	// of paths that exist are granted exactly; others by their nearest existing
	// directory. Nil takes successful reads to exist.
	Exists func(rel string) bool
	// IncludeDenied also grants what was refused. Leave it off for programs
	// that are not trusted: it hands them what they tried.
	IncludeDenied bool
}

// Suggestion is the outcome of Suggest.
type Suggestion struct {
	Policy *Policy
	// Bytes is the policy in canonical form.
	Bytes []byte
	// Unmet are the operations that no policy can allow, such as files named by
	// absolute paths, one line each.
	Unmet []string
}

// Suggest derives the smallest policy that allows what an audit log shows: only
// the sections, roots, hosts, keys and executables that were used. Numeric
// ceilings stay as the base has them unless a use exceeded them. Lines that
// are no audit lines are an error that says where.
func Suggest(log io.Reader, o SuggestOptions) (Suggestion, error) {
	s := newSuggester(o)
	sc := bufio.NewScanner(log)
	sc.Buffer(make([]byte, 4096), maxAuditLine+1)
	for n := 1; sc.Scan(); n++ {
		if len(strings.TrimSpace(sc.Text())) == 0 {
			continue
		}
		line, err := ParseAuditLine(sc.Bytes())
		if err != nil {
			return Suggestion{}, usage("audit line %d: %s", n, err)
		}
		if line.Decision == "allow" || o.IncludeDenied {
			s.use(line)
		}
		if s.distinct > maxDistinct {
			return Suggestion{}, usage("audit line %d: expected at most %d different targets", n, maxDistinct)
		}
	}
	if err := sc.Err(); err != nil {
		return Suggestion{}, usage("read audit log: %s", err)
	}
	return s.finish()
}

type set map[string]struct{}

type suggester struct {
	o        SuggestOptions
	p        *Policy
	reads    set
	writes   set
	hosts    map[string][]uint16
	env      set
	execs    set
	execEnv  set
	unmet    set
	spawns   uint64
	cwd      bool
	distinct int
}

func newSuggester(o SuggestOptions) *suggester {
	base := o.Base
	if base == nil {
		base = (&template{name: "suggested", limits: limits(60000, 120000, 512, 128, 16)}).policy("suggested")
	}
	p := *base
	p.Notes = "Derived from an audit log: the smallest policy that allows what the run used."
	p.FS = FS{DenyHidden: true, MaxReadBytes: base.FS.MaxReadBytes, MaxWriteBytes: base.FS.MaxWriteBytes, MaxEntries: base.FS.MaxEntries, MaxDepth: base.FS.MaxDepth}
	p.Net = Net{}
	p.DB = nil
	p.Env = Env{AllowKeys: []string{}, DenyKeys: append([]string{}, base.Env.DenyKeys...)}
	p.Time = Time{}
	x := base.Process
	x.Enabled, x.AllowSpawn, x.AllowExec, x.AllowExit, x.AllowCwd = false, false, false, false, false
	x.MaxLive, x.MaxSpawns = 0, 0
	x.AllowExecs, x.AllowExecPrefixes, x.AllowEnvKeys, x.AllowCwdRoots = []string{}, []string{}, []string{}, []string{}
	x.AllowArgsRegexLite = append([]string{}, x.AllowArgsRegexLite...)
	p.Process = x
	return &suggester{o: o, p: &p, reads: set{}, writes: set{}, hosts: map[string][]uint16{}, env: set{}, execs: set{}, execEnv: set{}, unmet: set{}}
}

func (s *suggester) put(to set, item string) {
	if _, ok := to[item]; !ok {
		to[item] = struct{}{}
		s.distinct++
	}
}

// impossible notes an operation that no policy admits.
func (s *suggester) impossible(line AuditLine, why string) {
	s.put(s.unmet, fmt.Sprintf("%s %s: %s", line.Op, strconv.Quote(line.Target), why))
}

func (s *suggester) use(line AuditLine) {
	section, _, _ := strings.Cut(string(line.Op), ".")
	switch section {
	case "fs":
		s.useFile(line)
	case "env":
		if strings.Contains(line.Target, ";") || trimItem(line.Target) != line.Target || line.Target == "" || utf8.RuneCountInString(line.Target) > 256 {
			s.impossible(line, "no such key can be listed")
			return
		}
		s.p.Env.Enabled = true
		s.put(s.env, line.Target)
	case "time":
		s.useClock(line)
	case "process":
		s.useProcess(line)
	case "net":
		s.useNet(line)
	case "db":
		s.useDB(line)
	}
}

func (s *suggester) useFile(line AuditLine) {
	clean, ok := cleanPath(line.Target)
	if !ok || len(clean) > 4096 || strings.Contains(clean, ";") {
		s.impossible(line, "paths in a sandbox are relative to the project, without .. and without ;")
		return
	}
	f := &s.p.FS
	f.Enabled = true
	if hasHidden(clean) {
		f.DenyHidden = false
	}
	s.useNeeds(line)
	switch line.Op {
	case OpFSReadFile, OpFSRead:
		f.MaxReadBytes = ceiling(f.MaxReadBytes, DefaultReadBytes, line.Bytes)
		s.put(s.reads, s.existing(clean, line.Code == 0))
	case OpFSStat:
		s.put(s.reads, s.existing(clean, false))
	case OpFSList:
		f.AllowWalk = true
		s.put(s.reads, s.existing(clean, line.Code == 0))
	case OpFSWalk:
		f.AllowWalk, f.AllowGlob = true, true
		s.put(s.reads, s.existing(clean, line.Code == 0))
	case OpFSWriteFile, OpFSWrite, OpFSOpenWrite:
		f.MaxWriteBytes = ceiling(f.MaxWriteBytes, DefaultWriteBytes, line.Bytes)
		s.put(s.writes, path.Dir(clean))
	case OpFSMkdirs:
		f.AllowMkdir = true
		s.put(s.writes, clean)
	case OpFSRemoveFile, OpFSRemoveDir:
		f.AllowRemove = true
		s.put(s.writes, path.Dir(clean))
	case OpFSRename:
		f.AllowRename = true
		s.put(s.writes, path.Dir(clean))
	}
}

// useNeeds switches on what an operation used besides its own switch.
func (s *suggester) useNeeds(line AuditLine) {
	for _, need := range line.Needs {
		switch need {
		case "fs.allow_symlinks":
			s.p.FS.AllowSymlinks = true
		case "fs.allow_mkdir":
			s.p.FS.AllowMkdir = true
		case "fs.allow_rename":
			s.p.FS.AllowRename = true
		}
	}
}

// ceiling raises a byte ceiling to what was used; 0 stands for builtin.
func ceiling(have, builtin uint32, used int64) uint32 {
	if in := max(have, 1); used <= int64(in) || have == 0 && used <= int64(builtin) {
		return have
	}
	return uint32(min(used, math.MaxUint32))
}

// existing returns clean if it exists, else the nearest directory that does: a
// root that does not exist cannot be given to a guest.
func (s *suggester) existing(clean string, went bool) string {
	if s.o.Exists == nil {
		if went {
			return clean
		}
		return path.Dir(clean)
	}
	for clean != "." && !s.o.Exists(clean) {
		clean = path.Dir(clean)
	}
	return clean
}

func (s *suggester) useClock(line AuditLine) {
	t := &s.p.Time
	t.Enabled = true
	switch line.Op {
	case OpTimeUnix, OpTimeInstant:
		t.AllowWallClock = true
	case OpTimeMonotonic:
		t.AllowMonotonic = true
	case OpTimeTZID:
		t.AllowLocalTZID = true
	case OpTimeSleep:
		ms, err := strconv.ParseUint(line.Target, 10, 64)
		if err != nil || ms > maxSleepMs {
			s.impossible(line, "a sleep lasts at most 86400000 milliseconds")
			return
		}
		t.AllowSleep = true
		t.MaxSleepMs = max(t.MaxSleepMs, ms)
	}
}

func (s *suggester) useProcess(line AuditLine) {
	x := &s.p.Process
	switch line.Op {
	case OpProcExit:
		x.Enabled, x.AllowExit = true, true
	case OpProcCwd:
		s.cwd = s.cwd || line.Target != ""
	case OpProcEnv:
		if line.Target == "" || strings.Contains(line.Target, ";") || utf8.RuneCountInString(line.Target) > 256 {
			s.impossible(line, "no such key can be listed")
			return
		}
		s.put(s.execEnv, line.Target)
	case OpProcSpawn:
		if line.Target == "" {
			return
		}
		exe := strings.TrimPrefix(line.Target, "/x07/work/")
		if strings.Contains(exe, ";") || trimItem(exe) != exe {
			s.impossible(line, "no such executable can be listed")
			return
		}
		x.Enabled, x.AllowSpawn, x.AllowExec = true, true, true
		s.spawns++
		s.put(s.execs, path.Clean(exe))
	}
}

func (s *suggester) useNet(line AuditLine) {
	host, port, ok := hostPort(line.Target)
	if !ok || !validHostText(host) {
		s.impossible(line, "a destination is a host and a port 1..65535")
		return
	}
	n := &s.p.Net
	n.Enabled = true
	switch line.Op {
	case OpNetSendTo, OpNetBind:
		n.AllowUDP = true
	case OpNetConnect, OpNetListen, OpNetHTTP:
		n.AllowTCP = true
	}
	s.grantHost(lowerASCII(host), port)
	if _, err := netip.ParseAddr(host); err == nil {
		return
	}
	n.AllowDNS = true
	addr, err := netip.ParseAddr(line.Addr)
	local := err == nil && addr.IsLoopback() && strings.EqualFold(host, "localhost")
	if err == nil && special(addr) != "" && !local {
		s.grantHost(addr.String(), port)
	}
}

func (s *suggester) grantHost(host string, port uint16) {
	if !hasPort(s.hosts[host], port) {
		s.hosts[host] = mergePorts(s.hosts[host], []uint16{port})
		s.distinct++
	}
}

func hostPort(target string) (string, uint16, bool) {
	host, text, err := net.SplitHostPort(target)
	if err != nil {
		return "", 0, false
	}
	port, err := strconv.ParseUint(text, 10, 16)
	return host, uint16(port), err == nil && port != 0
}

func (s *suggester) useDB(line AuditLine) {
	d := s.p.DB
	if d == nil {
		d = &DB{}
		if s.o.Base != nil && s.o.Base.DB != nil {
			*d = *s.o.Base.DB
			d.Drivers, d.SQLite, d.Net = Drivers{}, nil, nil
		}
		d.Enabled = true
		s.p.DB = d
	}
	driver := Driver(strings.Split(string(line.Op), ".")[1])
	switch driver {
	case SQLiteDriver:
		d.Drivers.SQLite = true
	case PostgresDriver:
		d.Drivers.Postgres = true
	case MySQLDriver:
		d.Drivers.MySQL = true
	case RedisDriver:
		d.Drivers.Redis = true
	}
	if strings.HasSuffix(string(line.Op), ".query") {
		return
	}
	if driver == SQLiteDriver {
		s.useSQLite(d, line)
		return
	}
	host, port, ok := hostPort(line.Target)
	if !ok || strings.Contains(host, ";") || host == "" {
		s.impossible(line, "a server is a host and a port")
		return
	}
	if d.Net == nil {
		d.Net = &DBNet{AllowDNS: []string{}, AllowCIDRs: []string{}, AllowPorts: []uint16{}, RequireTLS: true, RequireVerify: true}
		if s.o.Base != nil && s.o.Base.DB != nil && s.o.Base.DB.Net != nil {
			d.Net.RequireTLS, d.Net.RequireVerify = s.o.Base.DB.Net.RequireTLS, s.o.Base.DB.Net.RequireVerify
		}
	}
	if !slices.Contains(d.Net.AllowDNS, host) && len(d.Net.AllowDNS) < 256 {
		d.Net.AllowDNS = append(d.Net.AllowDNS, host)
		slices.Sort(d.Net.AllowDNS)
	}
	if d.Net.AllowPorts = mergePorts(d.Net.AllowPorts, []uint16{port}); len(d.Net.AllowPorts) > 256 {
		d.Net.AllowPorts = d.Net.AllowPorts[:256]
	}
}

func (s *suggester) useSQLite(d *DB, line AuditLine) {
	if d.SQLite == nil {
		d.SQLite = &SQLite{AllowPaths: []string{}, ReadonlyOnly: true}
	}
	if slices.Contains(line.Needs, "db.sqlite.allow_create") {
		d.SQLite.AllowCreate = true
	}
	if slices.Contains(line.Needs, "db.sqlite.readonly_only") {
		d.SQLite.ReadonlyOnly = false
	}
	switch {
	case line.Target == ":memory:":
		d.SQLite.AllowInMemory = true
	case line.Target == "" || strings.ContainsAny(line.Target, ";\x00"):
		s.impossible(line, "no such file can be listed")
	case !slices.Contains(d.SQLite.AllowPaths, line.Target) && len(d.SQLite.AllowPaths) < 256:
		d.SQLite.AllowPaths = append(d.SQLite.AllowPaths, line.Target)
		slices.Sort(d.SQLite.AllowPaths)
	}
}

func (s *suggester) finish() (Suggestion, error) {
	p := s.p
	p.FS.ReadRoots = smallestRoots(s.reads)
	p.FS.WriteRoots = smallestRoots(s.writes)
	p.Env.AllowKeys = s.clip(s.env, 256, "variable")
	p.Env.DenyKeys = slices.DeleteFunc(p.Env.DenyKeys, func(k string) bool { _, used := s.env[trimItem(k)]; return used })
	p.Net.AllowHosts = s.hostList()
	if x := &p.Process; x.AllowSpawn {
		x.AllowExecs = s.clip(s.execs, 256, "executable")
		x.AllowEnvKeys = s.clip(s.execEnv, 256, "variable")
		x.MaxSpawns = min(s.spawns, 1024)
		// A log does not tell how many children ran at once.
		x.MaxLive = x.MaxSpawns
		if s.o.Base != nil && s.o.Base.Process.MaxLive != 0 {
			x.MaxLive = min(x.MaxSpawns, s.o.Base.Process.MaxLive)
		}
		if x.MaxRuntimeMs == 0 {
			x.MaxRuntimeMs = p.Limits.WallMs
		}
		if s.cwd {
			x.AllowCwd, x.AllowCwdRoots = true, []string{"."}
		}
	}
	out := Suggestion{Bytes: Render(p), Unmet: keys(s.unmet)}
	var err error
	if out.Policy, err = Load("suggested policy", out.Bytes); err != nil {
		return Suggestion{}, fmt.Errorf("the suggested policy is not valid: %w", err)
	}
	return out, nil
}

// clip returns the items that a list of the schema can hold.
func (s *suggester) clip(items set, most int, what string) []string {
	list := keys(items)
	for len(list) > most {
		s.unmet[fmt.Sprintf("%s %q: the list holds at most %d", what, list[len(list)-1], most)] = struct{}{}
		list = list[:len(list)-1]
	}
	return list
}

func (s *suggester) hostList() []Host {
	hosts := []Host{}
	for host, ports := range s.hosts {
		hosts = append(hosts, Host{host, ports})
	}
	slices.SortFunc(hosts, func(a, b Host) int { return strings.Compare(a.Host, b.Host) })
	for i := range hosts {
		if n := len(hosts[i].Ports); n > 64 {
			s.unmet[fmt.Sprintf("host %s: %d ports used, an entry holds at most 64", hosts[i].Host, n)] = struct{}{}
			hosts[i].Ports = hosts[i].Ports[:64]
		}
	}
	if len(hosts) > 256 {
		s.unmet[fmt.Sprintf("%d hosts used, the list holds at most 256", len(hosts))] = struct{}{}
		hosts = hosts[:256]
	}
	return hosts
}

func keys(s set) []string {
	list := make([]string, 0, len(s))
	for k := range s {
		list = append(list, k)
	}
	slices.Sort(list)
	return list
}

// smallestRoots drops the places that lie below another one; when more are left
// than the list holds, the deepest make room for the directories they are in.
func smallestRoots(places set) []string {
	list := outermost(keys(places))
	for len(list) > 128 {
		deepest := 0
		for _, p := range list {
			deepest = max(deepest, strings.Count(p, "/"))
		}
		for i, p := range list {
			if strings.Count(p, "/") == deepest {
				list[i] = path.Dir(p)
			}
		}
		slices.Sort(list)
		list = outermost(slices.Compact(list))
	}
	return list
}

// outermost returns the sorted places that lie below no other.
func outermost(sorted []string) []string {
	in := make(set, len(sorted))
	for _, p := range sorted {
		in[p] = struct{}{}
	}
	if _, all := in["."]; all {
		return []string{"."}
	}
	out := []string{}
	for _, p := range sorted {
		covered := false
		for dir := path.Dir(p); dir != "." && dir != "/" && !covered; dir = path.Dir(dir) {
			_, covered = in[dir]
		}
		if !covered {
			out = append(out, p)
		}
	}
	return out
}
