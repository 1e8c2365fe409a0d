package engine

import "golang.org/x/sys/unix"

// The reservation must not count as memory in use.
const mapFlags = unix.MAP_NORESERVE
