package process

import (
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// chunk is how many bytes are read from a pipe at a time.
const chunk = 64 << 10

// service makes one pass over the children: it collects exits, moves bytes
// through the pipes without waiting, and ends what has to end. The table is
// locked.
func (t *Table) service() {
	for i := range t.slots {
		if c := t.slots[i].child; c != nil && c.pid != 0 && !c.finished {
			t.serve(c)
		}
	}
}

func (t *Table) serve(c *child) {
	if c.running {
		if status, exited := peekExit(c.pid); exited {
			c.running, c.zombie, c.status = false, true, status
		}
	}
	if c.fail != 0 {
		// It was killed; it is finished once it is gone.
		if !c.running {
			t.finish(c)
		}
		return
	}
	c.feed()
	code := c.drain(&c.stdout, &c.out, c.limit.StdoutBytes)
	if code == 0 {
		code = c.drain(&c.stderr, &c.err, c.limit.StderrBytes)
	}
	done := !c.running && c.stdin < 0 && c.stdout < 0 && c.stderr < 0
	if code == 0 && !done && c.limit.TimeoutMs != 0 && time.Since(c.start) > time.Duration(c.limit.TimeoutMs)*time.Millisecond {
		code = codeTimeout
	}
	switch {
	case code != 0:
		t.condemn(c, code)
	case done:
		t.finish(c)
	}
}

// condemn kills a child for the reason code, and forgets its output.
func (t *Table) condemn(c *child, code int32) {
	c.fail = code
	_ = c.kill(syscall.SIGKILL)
	c.closePipes()
	c.out, c.err = nil, nil
	if !c.running {
		t.finish(c)
	}
}

// feed writes pending input. A captured child's input is closed behind the last
// byte; a pipe that nobody reads is closed at once, and the rest is lost.
func (c *child) feed() {
	if c.stdin < 0 {
		return
	}
	for len(c.in) > 0 {
		n, err := unix.Write(c.stdin, c.in)
		if err == unix.EINTR {
			continue
		}
		if err == unix.EAGAIN {
			return
		}
		if err != nil {
			closeFD(&c.stdin)
			c.in = nil
			return
		}
		c.in = c.in[n:]
	}
	c.in = nil
	if c.mode == captured || !c.running && ready(c.stdin, 0) {
		closeFD(&c.stdin)
	}
}

// ready reports whether a pipe has one of events, has failed, or has lost its
// other end.
func ready(fd int, events int16) bool {
	fds := []unix.PollFd{{Fd: int32(fd), Events: events}}
	n, _ := unix.Poll(fds, 0)
	return n > 0
}

// drain reads what a pipe holds into buf: once while the child runs, to the end
// after it has exited. It closes the pipe at its end. The end is noticed only
// while there is room for a byte; without room the answer is codeOutputLimit.
func (c *child) drain(fd *int, buf *[]byte, limit uint64) int32 {
	for first := true; *fd >= 0; first = false {
		room := min(limit-min(limit, uint64(len(*buf))), c.limit.TotalBytes-min(c.limit.TotalBytes, uint64(len(c.out)+len(c.err))))
		if room == 0 {
			// What this pass filled, the program may empty before the next one.
			if first && ready(*fd, unix.POLLIN) {
				return codeOutputLimit
			}
			return 0
		}
		old := len(*buf)
		*buf = grow(*buf, int(min(room, chunk)))
		n, err := unix.Read(*fd, (*buf)[old:])
		*buf = (*buf)[:old+max(n, 0)]
		switch {
		case err == unix.EINTR:
			continue
		case err == unix.EAGAIN:
			return 0
		case err != nil:
			return codeSpawnFailed
		case n == 0:
			closeFD(fd)
			return 0
		}
		c.moved += int64(n)
		if c.running {
			return 0
		}
	}
	return 0
}

// grow lengthens buf by n bytes, whatever is in them.
func grow(buf []byte, n int) []byte {
	if need := len(buf) + n; need > cap(buf) {
		bigger := make([]byte, len(buf), max(need, 2*cap(buf)))
		copy(bigger, buf)
		buf = bigger
	}
	return buf[:len(buf)+n]
}

// expire is what a child's timer does, so that its time is kept also while the
// program attends to something else.
func (t *Table) expire(c *child) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed || c.finished || c.fail != 0 {
		return
	}
	t.serve(c)
	if !c.finished && c.fail == 0 {
		t.condemn(c, codeTimeout)
	}
	wake(t.wakeW)
}
