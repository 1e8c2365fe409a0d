package engine

import (
	"fmt"
	"runtime"
	"strings"
)

// stop is the panic value with which host functions end a run. wazero carries
// it out as an error.
type stop struct {
	trap   string // "" takes the message of the site
	status int    // 0: what an aborting process has
	site   int    // trap site, or -1
	exit   bool
	code   int
	err    error // the artifact broke its contract with the engine
}

func (s *stop) Error() string {
	switch {
	case s.err != nil:
		return s.err.Error()
	case s.exit:
		return fmt.Sprintf("exit %d", s.code)
	}
	return "trap: " + s.trap
}

// Signal numbers, which are the same on all platforms that reports know.
const (
	sigIll  = 4
	sigTrap = 5
	sigKill = 9
	sigSegv = 11
)

func signal(n int) string { return fmt.Sprintf("terminated by signal %d", n) }

// abortSignal is what ends a process that aborts.
func abortSignal() int {
	if runtime.GOARCH == "arm64" {
		return sigTrap
	}
	return sigIll
}

// trapOf completes a stop with its place.
func (r *run) trapOf(s *stop) *Trap {
	t := &Trap{Message: s.trap, Status: s.status}
	if s.site >= 0 && s.site < len(r.a.Meta.Traps) {
		site := r.a.Meta.Traps[s.site]
		t.Module, t.Func, t.Ptr = site.Module, site.Func, site.Ptr
		if t.Message == "" {
			t.Message = site.Message
		}
	}
	if t.Message == "" {
		t.Message = signal(abortSignal())
	}
	if t.Status == 0 {
		t.Status = 128 + abortSignal()
		if t.Message == signal(sigSegv) {
			t.Status = 128 + sigSegv
		}
	}
	return t
}

// faultOf turns a fault of the module itself into a trap. Only unsafe code
// and unbounded recursion get here.
func faultOf(err error) *Trap {
	text := err.Error()
	n := abortSignal()
	if strings.Contains(text, "stack overflow") || strings.Contains(text, "out of bounds memory access") {
		n = sigSegv
	}
	return &Trap{Message: signal(n), Status: 128 + n}
}
