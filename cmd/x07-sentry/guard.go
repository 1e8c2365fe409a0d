//go:build linux

package main

import (
	"runtime"
	"runtime/metrics"
	"time"

	"golang.org/x/sys/unix"
	"gvisor.dev/gvisor/pkg/urpc"
	"gvisor.dev/gvisor/runsc/boot"

	"x07/internal/sandbox/gvisor/wire"
)

// guard ends the sandbox when the guest as a whole exceeds a limit that gVisor
// knows only per process, or not at all.
type guard struct {
	limits wire.Limits
	status *reporter
	// memory are the files that hold the guest's memory: that of its processes and
	// of its private file systems. Their allocated blocks are its exact size.
	memory []int
	// control asks the guest kernel for processor time.
	control *urpc.Client
	id      string
}

const (
	// minPoll and maxPoll bound the time between two looks at the memory, and
	// fillRate is the most a guest can fill in a second: the closer the limit, the
	// more often the guard looks.
	minPoll  = 2 * time.Millisecond
	maxPoll  = 100 * time.Millisecond
	fillRate = 4 << 30
	// kernelHeap is what the guest kernel needs for itself. What its heap grows by
	// beyond that (pipe buffers, file tables, garbage) is the guest's doing and
	// counts.
	kernelHeap = 16 << 20
	// cpuPoll is the time between two looks at the processor time.
	cpuPoll = 50 * time.Millisecond
)

// watchMemory never returns.
func (g *guard) watchMemory() {
	limit := g.limits.MemBytes
	for {
		room := limit - g.used()
		if room < 0 {
			// What is only not collected yet shall not end a guest.
			runtime.GC()
			if room = limit - g.used(); room < 0 {
				g.end("mem_bytes")
			}
		}
		time.Sleep(min(max(time.Duration(float64(room)/fillRate*float64(time.Second)), minPoll), maxPoll))
	}
}

// watchCPU never returns. Within one process RLIMIT_CPU is exact to the second;
// this adds up all processes, to the poll.
func (g *guard) watchCPU() {
	limit := uint64(g.limits.CPUms) * uint64(time.Millisecond)
	for {
		time.Sleep(cpuPoll)
		id, out := g.id, boot.EventOut{}
		if err := g.control.Call(boot.ContMgrEvent, &id, &out); err != nil {
			continue // the guest is ending
		}
		if out.ContainerUsage[g.id] > limit {
			g.end("cpu_ms")
		}
	}
}

// wallGrace is how long after the deadline the guard takes over from x07.
const wallGrace = time.Second

// watchWall never returns.
func (g *guard) watchWall() {
	time.Sleep(time.Duration(g.limits.WallMs)*time.Millisecond + wallGrace)
	g.end("wall_ms")
}

// end reports the limit and ends this process, and with it the pid namespace.
func (g *guard) end(limit string) {
	g.status.send(wire.Status{Event: wire.EventLimit, Limit: limit})
	unix.Exit(128 + int(unix.SIGKILL))
}

// used returns the bytes that the guest holds.
func (g *guard) used() int64 {
	total := max(heapBytes()-kernelHeap, 0)
	for _, fd := range g.memory {
		var st unix.Stat_t
		if err := unix.Fstat(fd, &st); err == nil {
			total += st.Blocks * 512
		}
	}
	return total
}

// heapBytes returns the live and not yet collected objects of this process.
func heapBytes() int64 {
	sample := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
	metrics.Read(sample)
	return int64(sample[0].Value.Uint64())
}

// fileID identifies an open file.
type fileID struct{ dev, inode uint64 }

// memoryFiles returns the memory files that are open now and were not when before
// was taken. Descriptor numbers say nothing: gVisor moves and reuses them.
func memoryFiles(before map[fileID]int) []int {
	var out []int
	for id, fd := range openMemoryFiles() {
		if _, old := before[id]; !old {
			out = append(out, fd)
		}
	}
	return out
}

// scanDescriptors is how far openMemoryFiles looks. gVisor opens its memory files
// early, and puts the standard streams at 256.
const scanDescriptors = 512

// openMemoryFiles returns a descriptor of each open file of the kernel's memory
// file system. Only those have seals to ask for.
func openMemoryFiles() map[fileID]int {
	open := make(map[fileID]int)
	for fd := range scanDescriptors {
		if _, err := unix.FcntlInt(uintptr(fd), unix.F_GET_SEALS, 0); err != nil {
			continue
		}
		var st unix.Stat_t
		if err := unix.Fstat(fd, &st); err == nil {
			open[fileID{uint64(st.Dev), st.Ino}] = fd
		}
	}
	return open
}
