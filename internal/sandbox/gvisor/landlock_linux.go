package gvisor

import (
	"fmt"
	"os"
	"path/filepath"

	ll "github.com/landlock-lsm/go-landlock/landlock/syscall"
	"golang.org/x/sys/unix"

	"x07/internal/sandbox/gvisor/skeleton"
	"x07/internal/sandbox/gvisor/wire"
)

// This file is the second boundary for machines where an ordinary user may not
// have namespaces of his own. The thread that is about to execute x07-sentry
// enters a Landlock domain, which x07-sentry then starts in: the domain denies
// every file but the roots, every TCP port, and signals and abstract sockets of
// processes outside.

// Landlock rights over roots. Nothing in them may be executed: the guest kernel
// runs the guest's programs, the host's kernel never does.
const (
	readRights  = ll.AccessFSReadFile | ll.AccessFSReadDir
	writeRights = readRights | ll.AccessFSWriteFile | ll.AccessFSTruncate | ll.AccessFSRefer |
		ll.AccessFSRemoveDir | ll.AccessFSRemoveFile | ll.AccessFSMakeDir | ll.AccessFSMakeReg |
		ll.AccessFSMakeSym | ll.AccessFSMakeFifo
	fileRights = ll.AccessFSReadFile | ll.AccessFSWriteFile | ll.AccessFSTruncate
	// fsRights are all rights of version 3, the lowest that will do.
	fsRights = writeRights | ll.AccessFSExecute | ll.AccessFSMakeChar | ll.AccessFSMakeSock | ll.AccessFSMakeBlock
)

// domain is a prepared Landlock rule set.
type domain struct{ fd int }

// newDomain makes the guest's root directory in stateDir and the rules for one
// x07-sentry. Paths are resolved now; what they mean later does not matter.
func newDomain(sentry string, boot *wire.Boot) (*domain, error) {
	stateDir, mounts := boot.StateDir, boot.Mounts
	version, err := ll.LandlockGetABIVersion()
	if err != nil || version < wire.LandlockVersion {
		return nil, fmt.Errorf("this kernel has Landlock version %d, version %d is needed", version, wire.LandlockVersion)
	}
	attr := ll.RulesetAttr{HandledAccessFS: fsRights}
	if version >= 4 {
		attr.HandledAccessNet = ll.AccessNetBindTCP | ll.AccessNetConnectTCP
	}
	if version >= 5 {
		attr.HandledAccessFS |= ll.AccessFSIoctlDev
	}
	if version >= 6 {
		attr.Scoped = ll.ScopeAbstractUnixSocket | ll.ScopeSignal
	}
	fd, err := ll.LandlockCreateRuleset(&attr, 0)
	if err != nil {
		return nil, fmt.Errorf("make Landlock rules: %w", err)
	}
	d := &domain{fd: fd}
	points := make([]skeleton.Point, 0, len(mounts))
	for _, m := range mounts {
		rights := uint64(readRights)
		if m.Writable {
			rights = writeRights
		}
		isDir, err := d.allow(m.Source, rights)
		if err != nil {
			d.close()
			return nil, fmt.Errorf("mount %s at %s: %w", m.Source, m.Target, err)
		}
		points = append(points, skeleton.Point{Path: m.Target, Dir: isDir})
	}
	if err := skeleton.Make(stateDir, points); err != nil {
		d.close()
		return nil, fmt.Errorf("build guest root: %w", err)
	}
	needed := map[string]uint64{
		filepath.Join(stateDir, skeleton.Dir): readRights,
		sentry:                                ll.AccessFSReadFile | ll.AccessFSExecute,
		wire.KernelFacts[0]:                   ll.AccessFSReadFile,
	}
	if boot.Platform == "kvm" {
		needed["/dev/kvm"] = ll.AccessFSReadFile | ll.AccessFSWriteFile | attr.HandledAccessFS&ll.AccessFSIoctlDev
	}
	for path, rights := range needed {
		if _, err := d.allow(path, rights); err != nil {
			d.close()
			return nil, fmt.Errorf("allow %s: %w", path, err)
		}
	}
	for _, path := range wire.KernelFacts[1:] {
		_, _ = d.allow(path, ll.AccessFSReadFile) // optional
	}
	return d, nil
}

// allow adds a rule for the file or directory at path, and says which it is.
func (d *domain) allow(path string, rights uint64) (isDir bool, err error) {
	fd, err := unix.Open(path, unix.O_PATH|unix.O_CLOEXEC, 0)
	if err != nil {
		return false, err
	}
	defer unix.Close(fd)
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return false, err
	}
	isDir = st.Mode&unix.S_IFMT == unix.S_IFDIR
	if !isDir {
		rights &= fileRights | ll.AccessFSExecute | ll.AccessFSIoctlDev
	}
	rule := ll.PathBeneathAttr{AllowedAccess: rights, ParentFd: fd}
	return isDir, os.NewSyscallError("landlock_add_rule", ll.LandlockAddPathBeneathRule(d.fd, &rule, 0))
}

// enter puts the calling thread into the domain, for good.
func (d *domain) enter() error {
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return fmt.Errorf("set no_new_privs: %w", err)
	}
	if err := ll.LandlockRestrictSelf(d.fd, 0); err != nil {
		return fmt.Errorf("enter Landlock domain: %w", err)
	}
	return nil
}

func (d *domain) close() { unix.Close(d.fd) }
