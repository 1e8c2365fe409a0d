package process

import (
	"errors"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"x07/internal/osworld/effect"
)

// SpawnCapture is os.process.spawn_capture_v1: it starts a child whose output
// becomes one document, and returns its handle.
func (t *Table) SpawnCapture(req, caps []byte) (int32, error) { return t.spawn(captured, req, caps) }

// SpawnPiped is os.process.spawn_piped_v1: it starts a child that the program
// talks to, and returns its handle.
func (t *Table) SpawnPiped(req, caps []byte) (int32, error) { return t.spawn(piped, req, caps) }

// spawn returns a handle in every case but a trap: that of the child, that of a
// child that was not started and carries the error document, or a sentinel.
func (t *Table) spawn(m mode, req, caps []byte) (int32, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed {
		return 0, trapHandle
	}
	if code := t.refusal(t.door.Gate.ProcessCount(t.spawns)); code != 0 {
		return code << 16, nil
	}
	index := 0
	for index < len(t.slots) && t.slots[index].child != nil {
		index++
	}
	if index >= maxSlots {
		return 0, effect.Trap("os.process handle overflow")
	}
	c := &child{mode: m, stdin: -1, stdout: -1, stderr: -1, tree: t.door.Gate.ProcessKillTree()}
	code, err := t.start(c, req, caps)
	if err != nil {
		return 0, err
	}
	if code != 0 {
		c.fail, c.finished = code, true
	}
	if index == len(t.slots) {
		t.slots = append(t.slots, slot{generation: 1})
	}
	t.slots[index].child = c
	return makeHandle(t.slots[index].generation, index), nil
}

// start takes the steps of a spawn in their order. The code is 0 when the child
// runs; the error is a trap.
func (t *Table) start(c *child, req, caps []byte) (int32, error) {
	gate := t.door.Gate
	if code := t.refusal(gate.ProcessEnabled()); code != 0 {
		return code, nil
	}
	t.spawns++
	// Children that have ended since are not live.
	t.service()
	if code := t.refusal(gate.ProcessLive(t.live)); code != 0 {
		return code, nil
	}
	var code int32
	if c.limit, code = t.decodeCaps(caps); code != 0 {
		return code, nil
	}
	r, code, err := t.decodeRequest(req)
	if code != 0 || err != nil {
		return code, err
	}
	c.dec, c.start = r.dec, time.Now()
	if err := t.listen(); err != nil {
		return codeSpawnFailed, nil
	}
	if err := t.exec(c, &r); err != nil {
		t.door.Done(c.dec, 0, c.start, codeSpawnFailed)
		return codeSpawnFailed, nil
	}
	for _, d := range r.also {
		t.door.Done(d, 0, c.start, 0)
	}
	t.live++
	c.running = true
	if c.in = r.stdin; len(c.in) == 0 && c.mode == captured {
		closeFD(&c.stdin)
	}
	c.feed()
	if ms := c.limit.TimeoutMs; ms != 0 {
		c.timer = time.AfterFunc(time.Duration(ms)*time.Millisecond, func() { t.expire(c) })
	}
	return 0, nil
}

// exec starts the program with pipes at its standard streams.
func (t *Table) exec(c *child, r *request) (err error) {
	dir, release, err := t.directory(r.cwd)
	if err != nil {
		return err
	}
	defer release()
	var ends [6]int // read and write end of each pipe
	opened := 0
	defer func() {
		// The child's ends; and ours, when it was not started.
		for i, fd := range ends[:opened] {
			if ours := i == 1 || i == 2 || i == 4; !ours || err != nil {
				unix.Close(fd)
			}
		}
	}()
	for opened < len(ends) {
		if ends[opened], ends[opened+1], err = pipe(); err != nil {
			return err
		}
		opened += 2
	}
	for _, fd := range []int{ends[1], ends[2], ends[4]} {
		if err = unix.SetNonblock(fd, true); err != nil {
			return err
		}
	}
	attr := &syscall.ProcAttr{
		Dir:   dir,
		Env:   r.env,
		Files: []uintptr{uintptr(ends[0]), uintptr(ends[3]), uintptr(ends[5])},
		Sys:   childAttributes(c.tree),
	}
	if t.owns {
		adoptDescendants(true)
	}
	if c.pid, err = syscall.ForkExec(r.exe, r.argv, attr); err != nil {
		c.pid = 0
		return err
	}
	c.stdin, c.stdout, c.stderr = ends[1], ends[2], ends[4]
	return nil
}

// directory returns the directory to start a child in. Under a policy it is
// entered beneath one of the roots for it, and held open until release.
func (t *Table) directory(cwd string) (dir string, release func(), err error) {
	release = func() {}
	switch {
	case cwd == "":
		return t.work, release, nil
	case !t.door.Gate.Enforcing():
		if strings.HasPrefix(cwd, "/") {
			return cwd, release, nil
		}
		return t.work + "/" + cwd, release, nil
	}
	for _, root := range t.roots {
		held, err := openBeneath(root.Path, cwd)
		if err != nil {
			continue
		}
		dir := held.Name()
		// The open directory itself, where the system can name it, so that
		// nothing put in its place since is entered.
		if fd := "/proc/self/fd/" + strconv.Itoa(int(held.Fd())); isDir(fd) {
			dir = fd
		}
		return dir, func() { held.Close() }, nil
	}
	return "", release, errors.New("no root for working directories has this directory")
}

// openBeneath opens the directory dir below root, without leaving root.
func openBeneath(root, dir string) (*os.File, error) {
	r, err := os.OpenRoot(root)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	f, err := r.OpenFile(dir, os.O_RDONLY|syscall.O_DIRECTORY, 0)
	if err != nil {
		return nil, err
	}
	return f, nil
}

func isDir(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}
