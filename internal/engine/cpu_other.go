//go:build !linux

package engine

import "time"

// threadCPU is the processor time that the calling thread has used. Where the
// system has no such clock the wall clock stands in for it: it never shows
// less.
func threadCPU() time.Duration { return time.Since(processStart) }

var processStart = time.Now()
