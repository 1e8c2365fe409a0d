package fs

import (
	"encoding/binary"
	"errors"
	"syscall"

	"x07/internal/policy"
)

// The error codes of the v1 calls.
const (
	codePolicyDeny    int32 = 60001
	codeDisabled      int32 = 60002
	codeBadPath       int32 = 60003
	codeBadCaps       int32 = 60004
	codeBadHandle     int32 = 60005
	codeNotFound      int32 = 60010
	codeAlreadyExists int32 = 60011
	codeNotDir        int32 = 60012
	codeIsDir         int32 = 60013
	codePermission    int32 = 60014
	codeIO            int32 = 60015
	codeTooLarge      int32 = 60016
	codeTooMany       int32 = 60017
	codeTooDeep       int32 = 60018
	codeSymlinkDenied int32 = 60019
	codeUnsupported   int32 = 60020
)

// codeOf maps an error of the system to a code.
func codeOf(err error) int32 {
	if isEscape(err) {
		return codePolicyDeny
	}
	var errno syscall.Errno
	if !errors.As(err, &errno) {
		return codeIO
	}
	if errors.Is(errno, errors.ErrUnsupported) {
		return codeUnsupported
	}
	switch errno {
	case syscall.ENOENT:
		return codeNotFound
	case syscall.EEXIST:
		return codeAlreadyExists
	case syscall.EACCES, syscall.EPERM:
		return codePermission
	}
	return codeIO
}

// caps is FsCapsV1, the limits and flags of one call.
type caps struct {
	maxRead, maxWrite, maxEntries, maxDepth uint32
	flags                                   policy.FSFlags
}

// decodeCaps reads the 24 bytes: version 1, four limits, flags. Unknown flags
// are ignored.
func decodeCaps(doc []byte) (caps, bool) {
	if len(doc) != 24 || binary.LittleEndian.Uint32(doc) != 1 {
		return caps{}, false
	}
	at := func(i int) uint32 { return binary.LittleEndian.Uint32(doc[i:]) }
	return caps{at(4), at(8), at(12), at(16), policy.FSFlags(at(20))}, true
}

func (c caps) has(flag policy.FSFlags) bool { return c.flags&flag != 0 }
