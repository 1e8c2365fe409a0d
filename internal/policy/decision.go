package policy

import (
	"encoding/json"
	"net"
	"net/netip"
	"strconv"
	"strings"
)

// Class says what kind of rule refused an operation.
type Class uint8

// The classes of a decision.
const (
	Allowed   Class = iota // not refused
	Disabled               // the whole section is switched off
	Denied                 // a rule of the policy refuses it
	BadPath                // the path is not one that a program may name, in any world
	Hidden                 // a path segment starts with a dot
	Symlink                // the call asks to follow symbolic links
	TooLarge               // a byte ceiling
	Exhausted              // a count ceiling
	Invalid                // the request itself is malformed, in any world
)

var classNames = [...]string{"allowed", "disabled", "denied", "bad_path", "hidden", "symlink", "too_large", "exhausted", "invalid"}

// String returns the word used in audits and reports.
func (c Class) String() string { return classNames[c] }

// Decision is the answer of a Gate to one operation. It is a plain value; an
// allowing Decision costs no allocation.
type Decision struct {
	Allowed bool
	Class   Class
	// Op is the operation, such as "fs.read".
	Op Op
	// Target is what the operation was about: a path, key, host, executable.
	Target string
	// Port belongs to a host in Target; 0 when there is none.
	Port int
	// Field is the dotted policy field that decided, such as "fs.read_roots".
	// Empty in run-os, and when no field can change the answer.
	Field string
	// Code is the error code that the program sees in the error space of the
	// operation, 0 when allowed.
	Code int32
	// Trap is the text the program traps with; empty for operations that
	// report by code.
	Trap string

	patch patch
	needs need
	addr  netip.Addr
}

// WithPort returns the decision about a listener that asked for any port and
// was given this one.
func (d Decision) WithPort(port int) Decision {
	d.Port = port
	return d
}

// Addr is the address that a decision about a resolved name was about, the zero
// Addr for other decisions.
func (d Decision) Addr() netip.Addr { return d.addr }

// need is a set of fields that an operation used besides Field. Audits carry
// them so that a policy can be derived from a run in run-os.
type need uint8

const (
	needsSymlinks need = 1 << iota
	needsMkdir
	needsRename
	needsCreate
	needsMutable
)

var needNames = [...]string{"fs.allow_symlinks", "fs.allow_mkdir", "fs.allow_rename", "db.sqlite.allow_create", "db.sqlite.readonly_only"}

func (n need) list() []string {
	var names []string
	for i, name := range needNames {
		if n&(1<<i) != 0 {
			names = append(names, name)
		}
	}
	return names
}

// Place returns Target, with the port when there is one ("[::1]:80").
func (d Decision) Place() string {
	if d.Port == 0 {
		return d.Target
	}
	return net.JoinHostPort(d.Target, strconv.Itoa(d.Port))
}

// patch is how to allow what was refused: set the field, or append to it.
type patch struct {
	verb  patchVerb
	path  string // JSON Pointer below the document; defaults to Field
	value any
}

type patchVerb uint8

const (
	patchNone patchVerb = iota
	patchSet
	patchAppend
	patchRemoveItem
)

// PatchOp is one operation of a JSON Patch (RFC 6902).
type PatchOp struct {
	Op    string `json:"op"`
	Path  string `json:"path"`
	Value any    `json:"value,omitempty"`
}

// MarshalJSON writes value also when it is false, 0 or empty.
func (p PatchOp) MarshalJSON() ([]byte, error) {
	if p.Op == "remove" {
		return json.Marshal(struct {
			Op   string `json:"op"`
			Path string `json:"path"`
		}{p.Op, p.Path})
	}
	return json.Marshal(struct {
		Op    string `json:"op"`
		Path  string `json:"path"`
		Value any    `json:"value"`
	}{p.Op, p.Path, p.Value})
}

// Patch returns the JSON Patch that makes the policy allow this operation as far
// as the deciding field is concerned; several fields may have to change one
// after the other. It is nil when no policy would allow it.
func (d Decision) Patch() []PatchOp {
	if d.patch.verb == patchNone {
		return nil
	}
	path := d.patch.path
	if path == "" {
		path = "/" + strings.ReplaceAll(d.Field, ".", "/")
	}
	switch d.patch.verb {
	case patchAppend:
		return []PatchOp{{Op: "add", Path: path + "/-", Value: d.patch.value}}
	case patchRemoveItem:
		return []PatchOp{{Op: "remove", Path: path}}
	default:
		return []PatchOp{{Op: "add", Path: path, Value: d.patch.value}}
	}
}

// Op names an operation, as it appears in audits and denials.
type Op string

// The operations.
const (
	OpFSReadFile    Op = "fs.read_file"  // os.fs.read_file
	OpFSWriteFile   Op = "fs.write_file" // os.fs.write_file
	OpFSRead        Op = "fs.read"       // os.fs.read_all_v1
	OpFSWrite       Op = "fs.write"      // os.fs.write_all_v1
	OpFSOpenWrite   Op = "fs.open_write" // os.fs.stream_open_write_v1
	OpFSMkdirs      Op = "fs.mkdirs"
	OpFSRemoveFile  Op = "fs.remove_file"
	OpFSRemoveDir   Op = "fs.remove_dir"
	OpFSRename      Op = "fs.rename"
	OpFSList        Op = "fs.list"
	OpFSWalk        Op = "fs.walk"
	OpFSStat        Op = "fs.stat"
	OpEnvGet        Op = "env.get"
	OpTimeUnix      Op = "time.now_unix"    // os.time.now_unix_ms
	OpTimeInstant   Op = "time.now_instant" // os.time.now_instant_v1
	OpTimeMonotonic Op = "time.monotonic"
	OpTimeSleep     Op = "time.sleep"
	OpTimeTZID      Op = "time.local_tzid"
	OpRandom        Op = "random.bytes"
	OpProcSpawn     Op = "process.spawn"
	OpProcEnv       Op = "process.env" // a variable given to a child
	OpProcCwd       Op = "process.cwd" // a child's working directory
	OpProcStdin     Op = "process.stdin_write"
	OpProcExit      Op = "process.exit"
	OpNetLookup     Op = "net.lookup"
	OpNetConnect    Op = "net.connect" // TCP and TLS
	OpNetListen     Op = "net.listen"  // TCP
	OpNetSendTo     Op = "net.send_to" // UDP
	OpNetBind       Op = "net.bind"    // UDP
	OpNetHTTP       Op = "net.http"
	OpSQLiteOpen    Op = "db.sqlite.open"
	OpSQLiteQuery   Op = "db.sqlite.query"
	OpPostgresOpen  Op = "db.postgres.open"
	OpPostgresQuery Op = "db.postgres.query"
	OpMySQLOpen     Op = "db.mysql.open"
	OpMySQLQuery    Op = "db.mysql.query"
	OpRedisOpen     Op = "db.redis.open"
	OpRedisQuery    Op = "db.redis.query"
)

// Known reports whether op is one of the operations above.
func (op Op) Known() bool {
	switch op {
	case OpFSReadFile, OpFSWriteFile, OpFSRead, OpFSWrite, OpFSOpenWrite, OpFSMkdirs, OpFSRemoveFile, OpFSRemoveDir,
		OpFSRename, OpFSList, OpFSWalk, OpFSStat, OpEnvGet, OpTimeUnix, OpTimeInstant, OpTimeMonotonic, OpTimeSleep,
		OpTimeTZID, OpRandom, OpProcSpawn, OpProcEnv, OpProcCwd, OpProcStdin, OpProcExit, OpNetLookup, OpNetConnect,
		OpNetListen, OpNetSendTo, OpNetBind, OpNetHTTP, OpSQLiteOpen, OpSQLiteQuery, OpPostgresOpen, OpPostgresQuery,
		OpMySQLOpen, OpMySQLQuery, OpRedisOpen, OpRedisQuery:
		return true
	}
	return false
}

// Error codes that programs see, by error space.
const (
	fsPolicyDeny    = 60001
	fsDisabled      = 60002
	fsBadPath       = 60003
	fsTooLarge      = 60016
	fsTooMany       = 60017
	fsTooDeep       = 60018
	fsSymlinkDenied = 60019
	netPolicyDenied = 1
	netInvalid      = 2
	procDenied      = 1
	procInvalid     = 2
	timeDenied      = 300
	tzDenied        = 1
	dbPolicyDenied  = 53249
	dbTooLarge      = 53760
	errnoAccess     = 13
	errnoFileTooBig = 27
)

func allow(op Op, target, field string) Decision {
	return Decision{Allowed: true, Op: op, Target: target, Field: field}
}

// refuse builds the denial of op by field, with the code of op's error space.
func refuse(op Op, target string, class Class, field string, code int32, fix patch) Decision {
	return Decision{Op: op, Target: target, Class: class, Field: field, Code: code, patch: fix}
}

// refuseTrap builds the denial of an operation that traps.
func refuseTrap(op Op, target string, class Class, field, trap string, fix patch) Decision {
	return Decision{Op: op, Target: target, Class: class, Field: field, Trap: trap, patch: fix}
}

var turnOn = patch{verb: patchSet, value: true}

func setTo(value any) patch      { return patch{verb: patchSet, value: value} }
func appendItem(value any) patch { return patch{verb: patchAppend, value: value} }

// appendTo appends to an optional list of n items, which the document may lack.
func appendTo(n int, value any) patch {
	if n == 0 {
		return setTo([]any{value})
	}
	return appendItem(value)
}
