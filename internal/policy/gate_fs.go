package policy

import (
	"math"
	"path"
	"strings"
	"unicode/utf8"
)

// FSFlags are the flags of a file call's capability document.
type FSFlags uint32

// The flags; others are ignored.
const (
	FlagSymlinks      FSFlags = 1
	FlagHidden        FSFlags = 2 // never lifts fs.deny_hidden
	FlagCreateParents FSFlags = 4
	FlagOverwrite     FSFlags = 8
	FlagAtomic        FSFlags = 16
)

// Built-in ceilings of the file API, used where the policy says 0 and in run-os.
const (
	DefaultReadBytes  = 16777216
	DefaultWriteBytes = 16777216
	DefaultEntries    = 10000
	DefaultDepth      = 64
)

// FSDecision is a Decision about a path, and where the path is to be opened.
type FSDecision struct {
	Decision
	// Path is the path relative to the working directory, without "." segments
	// (absolute for file URLs).
	Path string
	// Root is the index of the root that admits the path, into ReadRoots or
	// WriteRoots; -1 in run-os, where Path is opened as it is.
	Root int
	// Rel is the path below that root, "." when the path names the root itself
	// (a root may be a file). Opening Rel beneath the root, without leaving it
	// by a symbolic link, is the caller's part.
	Rel string
}

// fsRule is the row of one file operation: what it needs before its path is
// looked at, in order.
type fsRule struct {
	write         bool
	needs         [2]fsSwitch
	parents       bool // the flags CreateParents and Atomic need mkdir and rename
	symlinksFirst bool // the symlink flag is tested before the path
	symlinksLast  bool // ... after the path
}

type fsSwitch struct {
	field string
	on    func(*FS) bool
}

var (
	needMkdir  = fsSwitch{"fs.allow_mkdir", func(f *FS) bool { return f.AllowMkdir }}
	needRemove = fsSwitch{"fs.allow_remove", func(f *FS) bool { return f.AllowRemove }}
	needRename = fsSwitch{"fs.allow_rename", func(f *FS) bool { return f.AllowRename }}
	needWalk   = fsSwitch{"fs.allow_walk", func(f *FS) bool { return f.AllowWalk }}
	needGlob   = fsSwitch{"fs.allow_glob", func(f *FS) bool { return f.AllowGlob }}
)

func fsRuleOf(op Op) fsRule {
	switch op {
	case OpFSRead:
		return fsRule{symlinksLast: true}
	case OpFSWrite, OpFSOpenWrite:
		return fsRule{write: true, parents: true, symlinksFirst: true}
	case OpFSMkdirs:
		return fsRule{write: true, needs: [2]fsSwitch{needMkdir}, symlinksFirst: true}
	case OpFSRemoveFile, OpFSRemoveDir:
		return fsRule{write: true, needs: [2]fsSwitch{needRemove}, symlinksFirst: true}
	case OpFSRename:
		return fsRule{write: true, needs: [2]fsSwitch{needRename}, symlinksFirst: true}
	case OpFSList:
		return fsRule{needs: [2]fsSwitch{needWalk}, symlinksFirst: true}
	case OpFSWalk:
		return fsRule{needs: [2]fsSwitch{needWalk, needGlob}}
	case OpFSStat:
		return fsRule{symlinksFirst: true}
	}
	return fsRule{write: true}
}

// FS decides one v1 file call, after its capability document was decoded. The
// order of the checks is that of the call. For OpFSWalk the symlink flag is
// tested later, by FSSymlinks, when the glob is known to be valid. Codes are
// those of the file API (60001, 60002, 60003, 60019).
func (g *Gate) FS(op Op, name string, flags FSFlags) FSDecision {
	rule := fsRuleOf(op)
	if !g.open {
		for _, need := range rule.needs {
			if need.on != nil && !need.on(&g.p.FS) {
				return fsRefuse(refuse(op, name, Denied, need.field, fsPolicyDeny, turnOn))
			}
		}
		if rule.symlinksFirst {
			if d := g.FSSymlinks(op, name, flags); !d.Allowed {
				return fsRefuse(d)
			}
		}
		if rule.parents && flags&FlagCreateParents != 0 && !g.p.FS.AllowMkdir {
			return fsRefuse(refuse(op, name, Denied, needMkdir.field, fsPolicyDeny, turnOn))
		}
		if rule.parents && flags&FlagAtomic != 0 && !g.p.FS.AllowRename {
			return fsRefuse(refuse(op, name, Denied, needRename.field, fsPolicyDeny, turnOn))
		}
	}
	d := g.fsPath(op, name, rule.write)
	if d.Allowed && rule.symlinksLast {
		if s := g.FSSymlinks(op, name, flags); !s.Allowed {
			return fsRefuse(s)
		}
	}
	if flags&FlagSymlinks != 0 {
		d.needs |= needsSymlinks
	}
	if rule.parents && flags&FlagCreateParents != 0 {
		d.needs |= needsMkdir
	}
	if rule.parents && flags&FlagAtomic != 0 {
		d.needs |= needsRename
	}
	return d
}

// FSRename decides a rename: the first refusal of source and destination counts.
func (g *Gate) FSRename(src, dst string, flags FSFlags) (from, to FSDecision) {
	if from = g.FS(OpFSRename, src, flags); !from.Allowed {
		return from, from
	}
	return from, g.fsPath(OpFSRename, dst, true)
}

// FSSymlinks decides whether a call may ask for symbolic links to be followed.
func (g *Gate) FSSymlinks(op Op, name string, flags FSFlags) Decision {
	if g.open || flags&FlagSymlinks == 0 || g.p.FS.AllowSymlinks {
		return allow(op, name, "fs.allow_symlinks")
	}
	return refuse(op, name, Symlink, "fs.allow_symlinks", fsSymlinkDenied, turnOn)
}

// fsPath is the path enforcement of the v1 calls: disabled, syntax, hidden, roots.
func (g *Gate) fsPath(op Op, name string, write bool) FSDecision {
	if !g.open && !g.p.FS.Enabled {
		return fsRefuse(refuse(op, name, Disabled, "fs.enabled", fsDisabled, turnOn))
	}
	clean, ok := cleanPath(name)
	if !ok {
		return fsRefuse(refuse(op, name, BadPath, "", fsBadPath, patch{}))
	}
	if g.open {
		return FSDecision{Decision: allow(op, clean, ""), Path: clean, Root: -1, Rel: clean}
	}
	if g.p.FS.DenyHidden && hasHidden(clean) {
		return fsRefuse(refuse(op, clean, Hidden, "fs.deny_hidden", fsPolicyDeny, setTo(false)))
	}
	return g.fsRoots(op, clean, write)
}

// fsRoots finds the first root that holds clean, relative to the working directory.
func (g *Gate) fsRoots(op Op, clean string, write bool) FSDecision {
	roots, field := g.read, "fs.read_roots"
	if write {
		roots, field = g.write, "fs.write_roots"
	}
	for i := range roots {
		if rel, ok := roots[i].find(clean); ok {
			return FSDecision{Decision: allow(op, clean, field), Path: clean, Root: i, Rel: rel}
		}
	}
	return fsRefuse(refuse(op, clean, Denied, field, fsPolicyDeny, appendItem(grantRoot(op, clean))))
}

// grantRoot returns the smallest root that allows op on clean again: the file
// itself when it is only read, the directory that would hold it when it is made.
func grantRoot(op Op, clean string) string {
	switch op {
	case OpFSWriteFile, OpFSWrite, OpFSOpenWrite, OpFSRename, OpFSRemoveFile, OpFSRemoveDir, OpFSMkdirs:
		return path.Dir(clean)
	}
	return clean
}

func fsRefuse(d Decision) FSDecision { return FSDecision{Decision: d, Root: -1} }

// FSReadFile decides os.fs.read_file. In run-os every path passes as it is; in a
// sandbox it must be a safe relative path below a read root. Denials trap.
func (g *Gate) FSReadFile(name string) FSDecision {
	return g.fsRaw(OpFSReadFile, name, false)
}

// FSWriteFile decides os.fs.write_file of size bytes. Denials trap, except that
// no root (Code 13) and too many bytes (Code 27) are the call's errno result.
func (g *Gate) FSWriteFile(name string, size int64) FSDecision {
	d := g.fsRaw(OpFSWriteFile, name, true)
	if d.Allowed && !g.open && g.p.FS.MaxWriteBytes != 0 && size > int64(g.p.FS.MaxWriteBytes) {
		return fsRefuse(refuse(OpFSWriteFile, d.Path, TooLarge, "fs.max_write_bytes", errnoFileTooBig, raise(size, math.MaxUint32)))
	}
	return d
}

func (g *Gate) fsRaw(op Op, name string, write bool) FSDecision {
	if g.open {
		return FSDecision{Decision: allow(op, name, ""), Path: name, Root: -1, Rel: name}
	}
	trap := readTraps
	if write {
		trap = writeTraps
	}
	switch {
	case !g.p.FS.Enabled:
		return fsRefuse(refuseTrap(op, name, Disabled, "fs.enabled", "os.fs disabled by policy", turnOn))
	case !g.p.Threads.Enabled:
		return fsRefuse(refuseTrap(op, name, Disabled, "threads.enabled", trapBlocking, turnOn))
	case g.p.Threads.MaxBlocking == 0:
		return fsRefuse(refuseTrap(op, name, Disabled, "threads.max_blocking", trapBlocking, setTo(1)))
	case !safePath(name):
		return fsRefuse(refuseTrap(op, name, BadPath, "", trap.unsafe, patch{}))
	case g.p.FS.DenyHidden && hasHidden(name):
		return fsRefuse(refuseTrap(op, name, Hidden, "fs.deny_hidden", trap.hidden, setTo(false)))
	}
	d := g.fsRoots(op, name, write)
	if !d.Allowed {
		d.Code, d.Trap = trap.errno, trap.open
	}
	return d
}

const trapBlocking = "os.threads.blocking disabled by policy"

type rawTraps struct {
	unsafe, hidden, open string
	errno                int32
}

var (
	readTraps  = rawTraps{unsafe: "os.fs.read_file unsafe path", hidden: "os.fs.read_file hidden path denied", open: "os.fs.read_file open failed"}
	writeTraps = rawTraps{unsafe: "os.fs.write_file unsafe path", hidden: "os.fs.write_file hidden path denied", errno: errnoAccess}
)

// FSFileURL decides reading the absolute path of a file:/// URL for the HTTP
// client. Refusals carry the network code 1, a malformed path 2.
func (g *Gate) FSFileURL(abs string) FSDecision {
	const op = OpFSRead
	if !strings.HasPrefix(abs, "/") || strings.IndexByte(abs, 0) >= 0 || path.Clean(abs) != abs {
		return fsRefuse(refuse(op, abs, BadPath, "", netInvalid, patch{}))
	}
	if g.open {
		return FSDecision{Decision: allow(op, abs, ""), Path: abs, Root: -1, Rel: abs}
	}
	switch {
	case !g.p.FS.Enabled:
		return fsRefuse(refuse(op, abs, Disabled, "fs.enabled", netPolicyDenied, turnOn))
	case g.p.FS.DenyHidden && hasHidden(abs):
		return fsRefuse(refuse(op, abs, Hidden, "fs.deny_hidden", netPolicyDenied, setTo(false)))
	}
	for i := range g.read {
		if rel, ok := below(g.read[i].abs, abs); ok {
			return FSDecision{Decision: allow(op, abs, "fs.read_roots"), Path: abs, Root: i, Rel: rel}
		}
	}
	return fsRefuse(refuse(op, abs, Denied, "fs.read_roots", netPolicyDenied, appendItem(abs)))
}

// FSDownload decides writing an HTTP response to a file. Refusals carry the
// network code 1.
func (g *Gate) FSDownload(name string) FSDecision {
	if g.open {
		return FSDecision{Decision: allow(OpFSWrite, name, ""), Path: name, Root: -1, Rel: name}
	}
	d := g.fsPath(OpFSWrite, name, true)
	if !d.Allowed {
		d.Code = netPolicyDenied
	}
	return d
}

// DenyHidden reports whether listings must leave out names that start with a dot.
func (g *Gate) DenyHidden() bool { return !g.open && g.p.FS.DenyHidden }

// FSMaxRead returns the most bytes one read may return, for a call whose caps
// ask for caps (0: whatever is allowed).
func (g *Gate) FSMaxRead(caps uint32) uint32 {
	return narrow(g.fsPolicy().MaxReadBytes, DefaultReadBytes, caps)
}

// FSMaxWrite returns the most bytes one write may take.
func (g *Gate) FSMaxWrite(caps uint32) uint32 {
	return narrow(g.fsPolicy().MaxWriteBytes, DefaultWriteBytes, caps)
}

// FSMaxEntries returns the most names a listing or walk may return.
func (g *Gate) FSMaxEntries(caps uint32) uint32 {
	return narrow(g.fsPolicy().MaxEntries, DefaultEntries, caps)
}

// FSMaxDepth returns the greatest depth a walk may meet.
func (g *Gate) FSMaxDepth(caps uint32) uint32 {
	return narrow(g.fsPolicy().MaxDepth, DefaultDepth, caps)
}

// FSRawReadLimit returns the size above which os.fs.read_file is refused; it is
// bounded only by a policy that sets fs.max_read_bytes.
func (g *Gate) FSRawReadLimit() (limit uint32, bounded bool) {
	m := g.fsPolicy().MaxReadBytes
	return m, m != 0
}

// FSCeiling returns the refusal of an operation that met one of the ceilings
// above: field is "fs.max_read_bytes", "fs.max_write_bytes", "fs.max_entries" or
// "fs.max_depth", need what the operation wanted. Use it when the ceiling in
// force came from FSMax…; codes are 60016, 60017 and 60018.
func (g *Gate) FSCeiling(op Op, name, field string, need uint64) Decision {
	class, code := TooLarge, int32(fsTooLarge)
	switch field {
	case "fs.max_entries":
		class, code = Exhausted, fsTooMany
	case "fs.max_depth":
		class, code = Exhausted, fsTooDeep
	}
	if g.open {
		return refuse(op, name, class, "", code, patch{})
	}
	return refuse(op, name, class, field, code, raise(need, math.MaxUint32))
}

func (g *Gate) fsPolicy() FS {
	if g.open {
		return FS{}
	}
	return g.p.FS
}

// narrow returns the smaller of policy and caps, where 0 means the built-in
// default and "as the policy says".
func narrow(policy, builtin, caps uint32) uint32 {
	if policy == 0 {
		policy = builtin
	}
	if caps == 0 {
		return policy
	}
	return min(policy, caps)
}

// raise sets a ceiling to need, when the schema admits that value.
func raise[N int64 | uint64 | int](need N, most uint64) patch {
	if need < 0 || uint64(need) > most {
		return patch{}
	}
	return setTo(need)
}

// cleanPath applies the path rules of the v1 calls, in every world, and drops
// "." segments.
func cleanPath(p string) (string, bool) {
	if p == "" || p[0] == '/' || strings.IndexByte(p, 0) >= 0 || strings.IndexByte(p, '\\') >= 0 || !utf8.ValidString(p) {
		return "", false
	}
	dots := false
	for rest, more := p, true; more; {
		var seg string
		seg, rest, more = strings.Cut(rest, "/")
		switch seg {
		case "", "..":
			return "", false
		case ".":
			dots = true
		}
	}
	if !dots {
		return p, true
	}
	clean := path.Clean(p)
	return clean, clean != "."
}

// safePath is the rule of os.fs.read_file and os.fs.write_file in a sandbox.
func safePath(p string) bool {
	if p == "" || p[0] == '/' || strings.IndexByte(p, 0) >= 0 || strings.IndexByte(p, '\\') >= 0 {
		return false
	}
	for rest, more := p, true; more; {
		var seg string
		seg, rest, more = strings.Cut(rest, "/")
		if seg == "" || seg == "." || seg == ".." || strings.HasPrefix(seg, ".x07_") {
			return false
		}
	}
	return true
}

// hasHidden reports whether a segment starts with a dot.
func hasHidden(p string) bool { return p[0] == '.' || strings.Contains(p, "/.") }
