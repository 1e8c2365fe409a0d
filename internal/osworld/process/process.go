// Package process lets a program run other programs.
//
// Request and capability documents come in; handles, result documents and
// output come out. A child is either captured, and its whole output becomes one
// document, or piped, and the program reads and writes while it runs. The gate
// decides every part of a request before anything starts.
//
// A child never outlives the run: it leads a process group that is killed as a
// whole, when its time is up, when its handle is dropped, and when the run ends.
// On Linux it also dies with the process that started it. There is one goroutine
// for all children; output stays in the pipes until the program asks, so a child
// that floods costs no more memory than its caps.
package process

import (
	"context"
	"encoding/binary"
	"errors"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"x07/internal/osworld/effect"
	"x07/internal/policy"
)

// The error codes of processes.
const (
	codeDenied      int32 = 1
	codeInvalid     int32 = 2
	codeSpawnFailed int32 = 3
	codeTimeout     int32 = 4
	codeOutputLimit int32 = 5
)

const (
	trapHandle = effect.Trap("os.process invalid handle")
	trapTaken  = effect.Trap("os.process join already taken")
)

// Config is what a Table needs to know about its run.
type Config struct {
	Door effect.Door
	// WorkDir is the program's working directory on this side, absolute. It is
	// where children start.
	WorkDir string
	// OwnsProcess says that this process exists for the run alone: whatever
	// descends from it when the table is closed is the run's, and is ended.
	OwnsProcess bool
}

// Table is the process capability of one run: its children and their handles.
// The program uses it from one goroutine; timers and Close may come from others.
type Table struct {
	door  effect.Door
	work  string
	owns  bool
	roots []policy.Root

	mu     sync.Mutex
	slots  []slot
	spawns int
	live   int
	closed bool

	// A byte in the pipe wake ends a wait: a child changed, a timer fired, or the
	// run is over.
	wakeR, wakeW int
	signals      chan os.Signal
	watcher      sync.WaitGroup
}

// slot is a place in the table. Handles carry the generation, so that a handle
// of an earlier child of the slot is recognised.
type slot struct {
	generation uint16
	child      *child
}

const maxSlots = 65535

// New returns an empty table. It costs nothing until something is spawned.
func New(c Config) *Table {
	return &Table{door: c.Door, work: c.WorkDir, owns: c.OwnsProcess, roots: c.Door.Gate.CwdRoots()}
}

// mode is how a child was started.
type mode uint8

const (
	captured mode = iota
	piped
)

// child is one spawn, successful or not.
type child struct {
	mode  mode
	dec   policy.Decision
	tree  bool // it leads a process group, which is killed with it
	limit policy.ProcessCaps
	start time.Time
	timer *time.Timer

	pid      int
	running  bool // started, and not known to have exited
	zombie   bool // exited, kept so that its process group id stays reserved
	status   int32
	finished bool
	fail     int32 // why it was or will be killed, 0 otherwise

	stdin, stdout, stderr int // our ends, -1 when closed
	in                    []byte
	out, err              []byte
	moved                 int64 // bytes read from it

	docTaken, exitTaken bool
}

// handle values: generation and slot, or an error code and no slot.
func makeHandle(generation uint16, index int) int32 {
	return int32(uint32(generation)<<16 | uint32(index+1))
}

// sentinel returns the code that a handle without a child carries.
func sentinel(h int32) (code int32, ok bool) {
	u := uint32(h)
	return int32(u >> 16), u&0xffff == 0 && u>>16 != 0
}

// child finds the child of a handle.
func (t *Table) child(h int32) (*child, int, error) {
	u := uint32(h)
	index := int(u&0xffff) - 1
	if index < 0 || index >= len(t.slots) || t.slots[index].child == nil || t.slots[index].generation != uint16(u>>16) {
		return nil, 0, trapHandle
	}
	return t.slots[index].child, index, nil
}

// errDoc is the ERR form of a result document.
func errDoc(code int32) []byte {
	doc := binary.LittleEndian.AppendUint32(make([]byte, 1, 9), uint32(code))
	return append(doc, 0, 0, 0, 0)
}

// document is the result document of a finished captured child.
func (c *child) document() []byte {
	if c.fail != 0 {
		return errDoc(c.fail)
	}
	doc := make([]byte, 2, 18+len(c.out)+len(c.err))
	doc[0], doc[1] = 1, 1
	doc = binary.LittleEndian.AppendUint32(doc, uint32(c.status))
	doc = binary.LittleEndian.AppendUint32(doc, 0)
	doc = binary.LittleEndian.AppendUint32(doc, uint32(len(c.out)))
	doc = append(doc, c.out...)
	doc = binary.LittleEndian.AppendUint32(doc, uint32(len(c.err)))
	return append(doc, c.err...)
}

// exitCode is the code of a normal exit, 128 and the signal of any other.
func exitCode(ws syscall.WaitStatus) int32 {
	switch {
	case ws.Exited():
		return int32(ws.ExitStatus())
	case ws.Signaled():
		return 128 + int32(ws.Signal())
	}
	return 1
}

// listen starts the one goroutine that turns SIGCHLD into a wake-up.
func (t *Table) listen() error {
	if t.signals != nil {
		return nil
	}
	r, w, err := pipe()
	if err != nil {
		return err
	}
	if err := errors.Join(unix.SetNonblock(r, true), unix.SetNonblock(w, true)); err != nil {
		unix.Close(r)
		unix.Close(w)
		return err
	}
	t.wakeR, t.wakeW = r, w
	t.signals = make(chan os.Signal, 1)
	signal.Notify(t.signals, syscall.SIGCHLD)
	t.watcher.Add(1)
	go func() {
		defer t.watcher.Done()
		for range t.signals {
			wake(w)
		}
	}()
	return nil
}

// wake makes the other end of a wake pipe readable. A full pipe already is.
func wake(fd int) { _, _ = unix.Write(fd, []byte{0}) }

// Close kills every child that is left, with its process group, and waits for
// it. It returns how many children were still running. Calls after Close trap.
func (t *Table) Close() (leaked int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed {
		return 0
	}
	t.closed = true
	for i := range t.slots {
		if c := t.slots[i].child; c != nil {
			if c.running {
				leaked++
			}
			t.release(i)
		}
	}
	t.slots = nil
	if t.owns && t.signals != nil {
		leaked += endDescendants()
		adoptDescendants(false)
	}
	if t.signals != nil {
		signal.Stop(t.signals)
		close(t.signals)
		t.watcher.Wait()
		unix.Close(t.wakeR)
		unix.Close(t.wakeW)
	}
	return leaked
}

// release ends the child in a slot, if it runs, and frees the slot.
func (t *Table) release(index int) {
	s := &t.slots[index]
	c := s.child
	if c.timer != nil {
		c.timer.Stop()
	}
	if c.pid != 0 {
		if c.running || c.tree {
			c.kill(syscall.SIGKILL)
		}
		c.closePipes()
		c.reap()
		t.finish(c)
	}
	s.child = nil
	s.generation++
	if s.generation == 0 {
		s.generation = 1
	}
}

// kill sends a signal to the child, and to its group when it leads one.
func (c *child) kill(sig syscall.Signal) error {
	if c.tree {
		return unix.Kill(-c.pid, sig)
	}
	return unix.Kill(c.pid, sig)
}

// reap waits for a child that has been killed, or has exited.
func (c *child) reap() {
	if !c.running && !c.zombie {
		return
	}
	var ws syscall.WaitStatus
	for {
		pid, err := syscall.Wait4(c.pid, &ws, 0, nil)
		if err == syscall.EINTR {
			continue
		}
		if err == nil && pid == c.pid && c.running {
			c.status = exitCode(ws)
		}
		break
	}
	c.running, c.zombie = false, false
}

func (c *child) closePipes() {
	for _, fd := range []*int{&c.stdin, &c.stdout, &c.stderr} {
		closeFD(fd)
	}
	c.in = nil
}

func closeFD(fd *int) {
	if *fd >= 0 {
		unix.Close(*fd)
		*fd = -1
	}
}

// finish marks a child that was started as finished and records it.
func (t *Table) finish(c *child) {
	if c.finished {
		return
	}
	c.finished = true
	t.live--
	if c.timer != nil {
		c.timer.Stop()
	}
	t.door.Done(c.dec, c.moved, c.start, c.fail)
}

// wait services the children until done says so or ctx ends. done is called
// with the table locked.
func (t *Table) wait(ctx context.Context, done func() bool) error {
	var stop func() bool
	var fds []unix.PollFd
	for {
		t.mu.Lock()
		if t.closed {
			t.mu.Unlock()
			return trapHandle
		}
		t.service()
		if done() {
			t.mu.Unlock()
			if stop != nil {
				stop()
			}
			return nil
		}
		fds = t.pollSet(fds[:0])
		t.mu.Unlock()
		if stop == nil {
			fd := t.wakeW
			stop = context.AfterFunc(ctx, func() { wake(fd) })
		}
		if err := ctx.Err(); err != nil {
			stop()
			return err
		}
		if _, err := unix.Poll(fds, -1); err != nil && err != unix.EINTR && err != unix.EAGAIN {
			stop()
			return effect.Trap("os.process.poll_all poll failed")
		}
		if fds[0].Revents != 0 {
			var drain [64]byte
			for n := len(drain); n == len(drain); {
				n, _ = unix.Read(int(fds[0].Fd), drain[:])
			}
		}
	}
}

// pollSet lists what may make a service pass useful.
func (t *Table) pollSet(fds []unix.PollFd) []unix.PollFd {
	fds = append(fds, unix.PollFd{Fd: int32(t.wakeR), Events: unix.POLLIN})
	for i := range t.slots {
		c := t.slots[i].child
		if c == nil || c.finished || c.pid == 0 {
			continue
		}
		if c.stdin >= 0 {
			// Without pending bytes only the loss of the reader is of interest.
			var events int16
			if len(c.in) > 0 {
				events = unix.POLLOUT
			}
			fds = append(fds, unix.PollFd{Fd: int32(c.stdin), Events: events})
		}
		for _, fd := range []int{c.stdout, c.stderr} {
			if fd >= 0 {
				fds = append(fds, unix.PollFd{Fd: int32(fd), Events: unix.POLLIN})
			}
		}
	}
	return fds
}
