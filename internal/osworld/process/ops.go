package process

import (
	"context"
	"math"
	"syscall"

	"x07/internal/osworld/effect"
)

// RunCapture is os.process.run_capture_v1: it starts a child, waits for its end
// and returns its result document. When ctx ends first, the child is killed and
// the document says so.
func (t *Table) RunCapture(ctx context.Context, req, caps []byte) ([]byte, error) {
	h, err := t.SpawnCapture(req, caps)
	if err != nil {
		return nil, err
	}
	doc, err := t.JoinCapture(ctx, h)
	if _, ok := sentinel(h); !ok {
		t.mu.Lock()
		if _, index, err := t.child(h); err == nil {
			t.release(index)
		}
		t.mu.Unlock()
	}
	return doc, err
}

// TryJoinCapture is os.process.try_join_capture_v1: the result document of a
// captured child if it has finished.
func (t *Table) TryJoinCapture(h int32) (doc []byte, done bool, err error) {
	if code, ok := sentinel(h); ok {
		return errDoc(code), true, nil
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	c, _, err := t.child(h)
	if err != nil {
		return nil, false, err
	}
	if c.mode != captured {
		return nil, false, effect.Trap("os.process.try_join_capture_v1 invalid proc mode")
	}
	t.service()
	if !c.finished {
		return nil, false, nil
	}
	doc, err = c.take()
	return doc, true, err
}

// take hands over the document of a finished captured child, once.
func (c *child) take() ([]byte, error) {
	if c.docTaken {
		return nil, trapTaken
	}
	c.docTaken = true
	doc := c.document()
	c.out, c.err = nil, nil
	return doc, nil
}

// JoinCapture is os.process.join_capture_v1: it waits for a captured child to
// finish and returns its document. When ctx ends first, the document is that of
// a timeout.
func (t *Table) JoinCapture(ctx context.Context, h int32) ([]byte, error) {
	if code, ok := sentinel(h); ok {
		return errDoc(code), nil
	}
	t.mu.Lock()
	c, _, err := t.child(h)
	t.mu.Unlock()
	if err != nil {
		return nil, err
	}
	if c.mode != captured {
		return nil, effect.Trap("os.process.join_capture_v1 invalid proc mode")
	}
	if err := t.wait(ctx, func() bool { return c.finished }); err != nil {
		if ctx.Err() != nil {
			return errDoc(codeTimeout), nil
		}
		return nil, err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	return c.take()
}

// JoinExit is os.process.join_exit_v1: it waits until a child has exited, and
// returns 1; 0 when ctx ends first.
func (t *Table) JoinExit(ctx context.Context, h int32) (int32, error) {
	if _, ok := sentinel(h); ok {
		return 1, nil
	}
	t.mu.Lock()
	c, _, err := t.child(h)
	t.mu.Unlock()
	if err != nil {
		return 0, err
	}
	if err := t.wait(ctx, func() bool { return !c.running || c.finished }); err != nil {
		if ctx.Err() != nil {
			return 0, nil
		}
		return 0, err
	}
	return 1, nil
}

// StdoutRead is os.process.stdout_read_v1: up to most bytes of a piped child's
// output, empty when there are none now.
func (t *Table) StdoutRead(h, most int32) ([]byte, error) {
	return t.read(h, most, func(c *child) *[]byte { return &c.out }, "os.process.stdout_read_v1 invalid proc mode")
}

// StderrRead is os.process.stderr_read_v1.
func (t *Table) StderrRead(h, most int32) ([]byte, error) {
	return t.read(h, most, func(c *child) *[]byte { return &c.err }, "os.process.stderr_read_v1 invalid proc mode")
}

func (t *Table) read(h, most int32, stream func(*child) *[]byte, wrongMode effect.Trap) ([]byte, error) {
	if most <= 0 {
		return nil, nil
	}
	if _, ok := sentinel(h); ok {
		return nil, nil
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	c, _, err := t.child(h)
	if err != nil {
		return nil, err
	}
	if c.mode != piped {
		return nil, wrongMode
	}
	t.service()
	buf := stream(c)
	n := min(int(most), len(*buf))
	data := (*buf)[:n:n]
	if *buf = (*buf)[n:]; len(*buf) == 0 {
		*buf = nil
	}
	return data, nil
}

// StdinWrite is os.process.stdin_write_v1: it queues chunk for a piped child and
// returns 1, or 0 when the child no longer reads.
func (t *Table) StdinWrite(h int32, chunk []byte) (int32, error) {
	if _, ok := sentinel(h); ok {
		return 0, nil
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	c, _, err := t.child(h)
	if err != nil {
		return 0, err
	}
	if c.mode != piped {
		return 0, effect.Trap("os.process.stdin_write_v1 invalid proc mode")
	}
	t.service()
	if c.finished || c.stdin < 0 {
		return 0, nil
	}
	pending := uint64(len(c.in)) + uint64(len(chunk))
	if pending > math.MaxUint32 {
		return 0, effect.Trap("os.process.stdin_write_v1 pending overflow")
	}
	if d := t.door.Gate.ProcessStdinPending(pending); !d.Allowed {
		return 0, t.door.Refused(d)
	}
	c.in = append(c.in, chunk...)
	c.feed()
	return 1, nil
}

// StdinClose is os.process.stdin_close_v1: it closes a piped child's input and
// discards what was not sent. 1, or 0 when it was closed.
func (t *Table) StdinClose(h int32) (int32, error) {
	if _, ok := sentinel(h); ok {
		return 0, nil
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	c, _, err := t.child(h)
	if err != nil {
		return 0, err
	}
	if c.mode != piped {
		return 0, effect.Trap("os.process.stdin_close_v1 invalid proc mode")
	}
	if c.stdin < 0 {
		return 0, nil
	}
	closeFD(&c.stdin)
	c.in = nil
	return 1, nil
}

// TryWait is os.process.try_wait_v1: 1 when the child has exited.
func (t *Table) TryWait(h int32) (int32, error) {
	if _, ok := sentinel(h); ok {
		return 1, nil
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	c, _, err := t.child(h)
	if err != nil {
		return 0, err
	}
	t.service()
	if c.running && !c.finished {
		return 0, nil
	}
	return 1, nil
}

// TakeExit is os.process.take_exit_v1: the exit code of a child that has exited,
// or minus the code of what went wrong.
func (t *Table) TakeExit(h int32) (int32, error) {
	if code, ok := sentinel(h); ok {
		// The policy's refusal is the only sentinel, so this is -1.
		return -code, nil
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	c, _, err := t.child(h)
	if err != nil {
		return 0, err
	}
	neverRan := c.pid == 0
	switch {
	case c.exitTaken:
		return 0, effect.Trap("os.process.take_exit_v1 already taken")
	case c.fail != 0 && !(neverRan && c.docTaken):
		c.exitTaken = true
		return -c.fail, nil
	case neverRan, c.running:
		return 0, effect.Trap("os.process.take_exit_v1 before exit")
	}
	c.exitTaken = true
	return c.status, nil
}

// Kill is os.process.kill_v1: it sends a signal to a child, and to its group
// when the policy keeps the tree together. 1 when the system accepted it. A
// child that has exited counts as there until it is dropped.
func (t *Table) Kill(h, sig int32) (int32, error) {
	if _, ok := sentinel(h); ok {
		return 0, nil
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	c, _, err := t.child(h)
	if err != nil {
		return 0, err
	}
	if c.finished || c.pid == 0 || !c.running && !c.tree {
		return 0, nil
	}
	if c.kill(syscall.Signal(sig)) != nil {
		return 0, nil
	}
	return 1, nil
}

// Drop is os.process.drop_v1: it ends the child if it runs, with its group, and
// releases the handle; 1. Under a policy without kill_on_drop a child that has
// not finished stays, and so does its handle; 0.
func (t *Table) Drop(h int32) (int32, error) {
	if _, ok := sentinel(h); ok {
		return 0, nil
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	c, index, err := t.child(h)
	if err != nil {
		return 0, err
	}
	if !c.finished && !t.door.Gate.ProcessKillOnDrop() {
		return 0, nil
	}
	t.release(index)
	return 1, nil
}
