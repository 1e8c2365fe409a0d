package policy

import (
	"net/netip"
	"strings"
)

// Driver names a database driver.
type Driver string

// The drivers.
const (
	SQLiteDriver   Driver = "sqlite"
	PostgresDriver Driver = "postgres"
	MySQLDriver    Driver = "mysql"
	RedisDriver    Driver = "redis"
)

// dbRules are the compiled lists of the db section.
type dbRules struct {
	section DB
	sqlite  SQLite
	net     DBNet
	paths   map[string]struct{}
	dns     map[string]struct{}
	cidrs   []netip.Prefix
	ports   []uint16
	remote  bool // some server may be reached
}

func (g *Gate) compileDB(db *DB) dbRules {
	var r dbRules
	if db == nil {
		return r
	}
	r.section = *db
	r.paths, r.dns = make(map[string]struct{}), make(map[string]struct{})
	if db.SQLite != nil {
		r.sqlite = *db.SQLite
		for _, item := range r.sqlite.AllowPaths {
			if text := trimItem(item); text != "" {
				r.paths[g.absolute(text)] = struct{}{}
			}
		}
	}
	if db.Net != nil {
		r.net = *db.Net
		for _, item := range r.net.AllowDNS {
			r.dns[trimItem(item)] = struct{}{}
		}
		for _, item := range r.net.AllowCIDRs {
			if p, err := netip.ParsePrefix(trimItem(item)); err == nil {
				r.cidrs = append(r.cidrs, p.Masked())
			}
		}
		r.ports = mergePorts(nil, r.net.AllowPorts)
	}
	d := db.Drivers
	r.remote = db.Enabled && (d.Postgres || d.MySQL || d.Redis) && len(r.ports) > 0 && (len(r.dns) > 0 || len(r.cidrs) > 0)
	return r
}

func (r *dbRules) driverOn(d Driver) bool {
	switch d {
	case SQLiteDriver:
		return r.section.Drivers.SQLite
	case PostgresDriver:
		return r.section.Drivers.Postgres
	case MySQLDriver:
		return r.section.Drivers.MySQL
	case RedisDriver:
		return r.section.Drivers.Redis
	}
	return false
}

// OpOf names opening a connection of driver d (query false) or using one.
func OpOf(d Driver, query bool) Op {
	switch {
	case d == PostgresDriver && query:
		return OpPostgresQuery
	case d == PostgresDriver:
		return OpPostgresOpen
	case d == MySQLDriver && query:
		return OpMySQLQuery
	case d == MySQLDriver:
		return OpMySQLOpen
	case d == RedisDriver && query:
		return OpRedisQuery
	case d == RedisDriver:
		return OpRedisOpen
	case query:
		return OpSQLiteQuery
	}
	return OpSQLiteOpen
}

// DBDriver is the first check of every database call; query tells calls that
// use a connection from those that open one. Refusals have code 53249.
func (g *Gate) DBDriver(d Driver, query bool) Decision {
	op := OpOf(d, query)
	switch {
	case g.open:
		return allow(op, string(d), "")
	case g.p.DB == nil:
		return refuse(op, string(d), Disabled, "db.enabled", dbPolicyDenied, patch{verb: patchSet, path: "/db", value: grantDB(d)})
	case !g.p.DB.Enabled:
		return refuse(op, string(d), Disabled, "db.enabled", dbPolicyDenied, turnOn)
	case !g.db.driverOn(d):
		return refuse(op, string(d), Denied, "db.drivers."+string(d), dbPolicyDenied, turnOn)
	}
	return allow(op, string(d), "db.enabled")
}

// grantDB is the smallest db section that switches d on.
func grantDB(d Driver) any {
	drivers := map[string]bool{}
	for _, known := range [...]Driver{SQLiteDriver, PostgresDriver, MySQLDriver, RedisDriver} {
		drivers[string(known)] = known == d
	}
	return map[string]any{"enabled": true, "drivers": drivers}
}

// DBQuery decides one query, exec or cmd call of a driver that made queries
// such calls before. A refusal has code 53249.
func (g *Gate) DBQuery(d Driver, queries int) Decision {
	if r := g.DBDriver(d, true); !r.Allowed || g.open {
		return r
	}
	if uint64(queries) >= uint64(g.DBLimits().Queries) {
		return refuse(OpOf(d, true), string(d), Exhausted, "db.max_queries", dbPolicyDenied, raise(queries+1, 1000000))
	}
	return allow(OpOf(d, true), string(d), "db.max_queries")
}

// DBSQLiteOpen decides opening a database file. The caller has resolved the
// symbolic links of an existing path and passes the result, absolute or
// relative to the working directory; ":memory:" is a database in memory.
func (g *Gate) DBSQLiteOpen(name string, readonly, create bool) Decision {
	var needs need
	if create {
		needs |= needsCreate
	}
	if !readonly {
		needs |= needsMutable
	}
	if r := g.DBDriver(SQLiteDriver, false); !r.Allowed || g.open {
		r.Target, r.needs = name, needs
		return r
	}
	allowed := func(field string) Decision {
		d := allow(OpSQLiteOpen, name, field)
		d.needs = needs
		return d
	}
	refused := func(field string, fix patch) Decision {
		if g.p.DB.SQLite == nil {
			fix = patch{verb: patchSet, path: "/db/sqlite", value: map[string]any{leaf(field): []string{name}}}
			if field != "db.sqlite.allow_paths" {
				fix.value = map[string]any{leaf(field): true}
			}
		}
		return refuse(OpSQLiteOpen, name, Denied, field, dbPolicyDenied, fix)
	}
	switch {
	case create && !g.db.sqlite.AllowCreate:
		return refused("db.sqlite.allow_create", turnOn)
	case g.db.sqlite.ReadonlyOnly && !readonly:
		return refused("db.sqlite.readonly_only", setTo(false))
	case name == ":memory:":
		if !g.db.sqlite.AllowInMemory {
			return refused("db.sqlite.allow_in_memory", turnOn)
		}
		return allowed("db.sqlite.allow_in_memory")
	case strings.IndexByte(name, 0) >= 0 || name == "":
		return refuse(OpSQLiteOpen, name, BadPath, "", dbPolicyDenied, patch{})
	}
	if _, ok := g.db.paths[g.absolute(name)]; !ok {
		return refused("db.sqlite.allow_paths", appendTo(len(g.db.sqlite.AllowPaths), name))
	}
	return allowed("db.sqlite.allow_paths")
}

// DBSQLitePaths returns the database files that may be opened, absolute.
func (g *Gate) DBSQLitePaths() []string {
	var paths []string
	for _, item := range g.db.sqlite.AllowPaths {
		if text := trimItem(item); text != "" {
			paths = append(paths, g.absolute(text))
		}
	}
	return paths
}

// DBConnect decides connecting to a database server. Refusals have code 53249.
// The host is compared as text; net.allow_hosts plays no part.
func (g *Gate) DBConnect(d Driver, host string, port int) Decision {
	if r := g.DBDriver(d, false); !r.Allowed || g.open {
		r.Target, r.Port = host, port
		return r
	}
	refused := func(field string, have int, value any) Decision {
		fix := appendTo(have, value)
		if g.p.DB.Net == nil {
			fix = patch{verb: patchSet, path: "/db/net", value: map[string]any{leaf(field): []any{value}}}
		}
		return at(refuse(OpOf(d, false), host, Denied, field, dbPolicyDenied, fix), port)
	}
	if p, ok := validPort(port); !ok || !hasPort(g.db.ports, p) {
		return refused("db.net.allow_ports", len(g.db.ports), port)
	}
	if _, ok := g.db.dns[host]; ok {
		return at(allow(OpOf(d, false), host, "db.net.allow_dns"), port)
	}
	addr, err := netip.ParseAddr(host)
	if err != nil || addr.Zone() != "" {
		return refused("db.net.allow_dns", len(g.db.net.AllowDNS), host)
	}
	for _, c := range g.db.cidrs {
		if c.Contains(addr) {
			return at(allow(OpOf(d, false), host, "db.net.allow_cidrs"), port)
		}
	}
	return refused("db.net.allow_cidrs", len(g.db.net.AllowCIDRs), netip.PrefixFrom(addr, addr.BitLen()).String())
}

// DBAddr decides whether addr, which the allowed name host resolved to, may be
// used. Database servers live on private networks, so only addresses that are
// never a server are refused: link-local (metadata services), multicast and
// unspecified ones, unless db.net.allow_cidrs holds them.
func (g *Gate) DBAddr(d Driver, host string, port int, addr netip.Addr) Decision {
	if g.open {
		return at(allow(OpOf(d, false), host, ""), port)
	}
	addr = addr.WithZone("")
	for _, c := range g.db.cidrs {
		if c.Contains(addr) {
			return at(allow(OpOf(d, false), host, "db.net.allow_cidrs"), port)
		}
	}
	switch special(addr) {
	case "", "private", "loopback", "shared", "site-local":
		return at(allow(OpOf(d, false), host, "db.net.allow_dns"), port)
	}
	text := addr.String()
	return at(refuse(OpOf(d, false), text, Denied, "db.net.allow_cidrs", dbPolicyDenied,
		appendTo(len(g.db.net.AllowCIDRs), netip.PrefixFrom(addr, addr.BitLen()).String())), port)
}

// DBUnixSocket decides connecting to a server through a unix socket, which no
// policy allows.
func (g *Gate) DBUnixSocket(d Driver, name string) Decision {
	if r := g.DBDriver(d, false); !r.Allowed || g.open {
		r.Target = name
		return r
	}
	return refuse(OpOf(d, false), name, Denied, "db.net", dbPolicyDenied, patch{})
}

// DBTLS reports whether connections must be encrypted and certificates verified.
func (g *Gate) DBTLS() (require, verify bool) {
	return g.db.net.RequireTLS, g.db.net.RequireVerify
}

// DBLimits are the ceilings of database calls. 0 means none; that happens in
// run-os only.
type DBLimits struct {
	LiveConns, Queries, ConnectTimeoutMs, QueryTimeoutMs, SQLBytes, Rows, RespBytes uint32
}

// DBLimits returns the ceilings in force, before a call's own caps narrow them.
func (g *Gate) DBLimits() DBLimits {
	if g.open {
		return DBLimits{}
	}
	s := &g.db.section
	or := func(v, builtin uint32) uint32 {
		if v == 0 {
			return builtin
		}
		return v
	}
	return DBLimits{
		LiveConns:        or(s.MaxLiveConns, 8),
		Queries:          or(s.MaxQueries, 1000),
		ConnectTimeoutMs: or(s.ConnectTimeoutMs, 30000),
		QueryTimeoutMs:   or(s.QueryTimeoutMs, 60000),
		SQLBytes:         or(s.MaxSQLBytes, 1048576),
		Rows:             or(s.MaxRows, 10000),
		RespBytes:        or(s.MaxRespBytes, 33554432),
	}
}

// DBCeiling returns the refusal of a call that met one of the ceilings: field is
// "db.max_live_conns", "db.max_sql_bytes", "db.max_rows" or "db.max_resp_bytes",
// need what it wanted. The code is 53760.
func (g *Gate) DBCeiling(d Driver, query bool, field string, need uint64) Decision {
	most := map[string]uint64{"db.max_live_conns": 1024, "db.max_sql_bytes": 10485760, "db.max_rows": 1000000, "db.max_resp_bytes": 134217728}
	return refuse(OpOf(d, query), string(d), TooLarge, field, dbTooLarge, raise(need, most[field]))
}

func leaf(field string) string { return field[strings.LastIndexByte(field, '.')+1:] }
