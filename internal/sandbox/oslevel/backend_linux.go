package oslevel

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"

	ll "github.com/landlock-lsm/go-landlock/landlock/syscall"
	"golang.org/x/sys/unix"

	"x07/internal/sandbox"
	"x07/internal/sandbox/internal/userns"
)

// Preflight implements sandbox.Backend. The backend itself works on any Linux;
// what this kernel lacks is in the notes.
func (Backend) Preflight(context.Context) sandbox.Status {
	st := sandbox.Status{Backend: sandbox.OSName, Isolation: sandbox.IsolationProcess, Usable: true}
	version, err := ll.LandlockGetABIVersion()
	if err != nil {
		version = 0
	}
	for v, gain := range landlockGains {
		if v > version && gain != "" {
			st.Notes = append(st.Notes, gain)
		}
	}
	return st
}

// notIsolated is what is missing when the runner has no namespaces of its own.
var notIsolated = []string{
	"a kill of x07 itself does not reach the programs that the guest started (no pid namespace)",
	"limits.procs counts all processes of this user (no user namespace)",
}

// attributes are how the runner is started. With isolate it gets user, pid and
// ipc namespaces: then its end ends all that it started, and it sees and counts
// no processes but its own. Its user and files stay what they are.
func attributes(isolate bool) (*syscall.SysProcAttr, error) {
	attr := &syscall.SysProcAttr{Setsid: true, Pdeathsig: syscall.SIGKILL}
	if !isolate {
		return attr, nil
	}
	maps, err := userns.Identity()
	if err != nil {
		return nil, err
	}
	attr.Cloneflags = unix.CLONE_NEWUSER | unix.CLONE_NEWPID | unix.CLONE_NEWIPC
	attr.UidMappings, attr.GidMappings = maps.UIDs, maps.GIDs
	return attr, nil
}

// cannotIsolate says whether a failed start is about namespaces.
func cannotIsolate(err error) bool {
	return errors.Is(err, unix.EPERM) || errors.Is(err, unix.ENOSPC) || errors.Is(err, unix.EINVAL) || errors.Is(err, unix.EACCES)
}

func maxRSS(state *os.ProcessState) int64 {
	if ru, ok := state.SysUsage().(*syscall.Rusage); ok {
		return ru.Maxrss << 10
	}
	return 0
}

const (
	minPoll = 5 * time.Millisecond
	maxPoll = 100 * time.Millisecond
	// fillRate is the most memory a process can fill in a second.
	fillRate = 8 << 30
)

// watch kills the guest when its processes together hold more memory, or are
// more, than they may. Resource limits know single processes, and do not bind
// root.
func (g *guest) watch(spawns bool) {
	page := int64(os.Getpagesize())
	for {
		bytes, tasks, err := g.usage(spawns, page)
		pause := maxPoll
		if err == nil {
			if limit := g.limits.MemBytes; limit > 0 {
				if bytes > limit {
					g.exceed("limits.mem_bytes")
				}
				pause = time.Duration(float64(limit-bytes) / fillRate * float64(time.Second))
			}
			if limit := g.limits.Procs; limit > 0 && tasks > limit {
				g.exceed("limits.procs")
			}
		}
		timer := time.NewTimer(min(max(pause, minPoll), maxPoll))
		select {
		case <-g.exited:
			timer.Stop()
			return
		case <-timer.C:
		}
	}
}

// usage adds up the resident memory and the tasks of the guest. A guest that may
// start programs is found by its session; one that may not is one process.
func (g *guest) usage(spawns bool, page int64) (bytes, tasks int64, err error) {
	session := g.cmd.Process.Pid
	if !spawns {
		return g.usageOf(session, session, page)
	}
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return 0, 0, err
	}
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		b, t, err := g.usageOf(pid, session, page)
		if err == nil {
			bytes += b
			tasks += t
		}
	}
	return bytes, tasks, nil
}

// Fields of /proc/PID/stat after the command's name, counted from 0.
const (
	statSession = 3
	statThreads = 17
	statRSS     = 21
)

// usageOf reads one process; one of another session counts nothing.
func (g *guest) usageOf(pid, session int, page int64) (mem, tasks int64, err error) {
	data, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return 0, 0, err
	}
	// The name is in parentheses and may hold any byte.
	end := bytes.LastIndexByte(data, ')')
	fields := strings.Fields(string(data[end+1:]))
	if len(fields) <= statRSS {
		return 0, 0, fmt.Errorf("process %d has a status of %d fields", pid, len(fields))
	}
	if fields[statSession] != strconv.Itoa(session) {
		return 0, 0, nil
	}
	tasks, err = strconv.ParseInt(fields[statThreads], 10, 64)
	if err != nil {
		return 0, 0, err
	}
	pages, err := strconv.ParseInt(fields[statRSS], 10, 64)
	return pages * page, tasks, err
}
