//go:build unix && !freebsd

package app

import "golang.org/x/sys/unix"

func setLimit(r *unix.Rlimit, n int64) { r.Cur, r.Max = uint64(n), uint64(n) }
