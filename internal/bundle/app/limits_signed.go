//go:build freebsd

package app

import "golang.org/x/sys/unix"

func setLimit(r *unix.Rlimit, n int64) { r.Cur, r.Max = n, n }
