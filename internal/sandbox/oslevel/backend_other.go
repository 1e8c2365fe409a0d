//go:build unix && !linux

package oslevel

import (
	"context"
	"os"
	"runtime"
	"syscall"

	"x07/internal/sandbox"
)

// Preflight implements sandbox.Backend.
func (Backend) Preflight(context.Context) sandbox.Status {
	return sandbox.Status{
		Backend: sandbox.OSName, Isolation: sandbox.IsolationProcess, Usable: true,
		Notes: []string{"on " + runtime.GOOS + " only the policy checks inside the runner and resource limits hold; the kernel confines nothing"},
	}
}

// notIsolated is what is missing without namespaces.
var notIsolated = []string{
	"a kill of x07 itself does not reach the programs that the guest started",
	"limits.mem_bytes and limits.procs are kept by the runner alone",
}

func attributes(isolate bool) (*syscall.SysProcAttr, error) {
	if isolate {
		return nil, errNoNamespaces
	}
	return &syscall.SysProcAttr{Setsid: true}, nil
}

func cannotIsolate(error) bool { return false }

func maxRSS(state *os.ProcessState) int64 { return 0 }

func (g *guest) watch(bool) {}
