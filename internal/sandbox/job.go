package sandbox

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"x07/internal/atomicfile"
)

// cleanupTime is how long after the deadline a job may take to disappear.
const cleanupTime = 30 * time.Second

// maxGrace is the longest time between the soft stop and the hard kill.
const maxGrace = time.Second

// jobSchema is the schema_version of job.json.
const jobSchema = "x07.vm.job@0.1.0"

// Names of the files in a job directory.
const (
	jobFile  = "job.json"
	lockFile = "lock"
)

// JobOptions describe a job before it has an id.
type JobOptions struct {
	// StateRoot is the directory of job directories; it is created if missing.
	StateRoot string
	// Backend is the canonical name of the backend that will run the job.
	Backend string
	// Wall is the time from now to the hard kill (limits.wall_ms).
	Wall time.Duration
	// Phase is appended to the id: "run" for runs.
	Phase string
}

// Times are the moments of a job, from limits.wall_ms.
type Times struct {
	Created time.Time
	// Soft is when the guest is asked to end, Hard when it is killed, and Cleanup
	// when everything must be gone.
	Soft, Hard, Cleanup time.Time
	// Grace is the time between Soft and Hard for a job that is long enough.
	Grace time.Duration
}

// NewTimes computes the moments of a job of the given wall time: the grace is a
// tenth of it, at least 1 ms and at most 1 s; the soft stop never comes before
// the job's creation.
func NewTimes(created time.Time, wall time.Duration) Times {
	grace := time.Duration(min(max(wall.Milliseconds()/10, 1), maxGrace.Milliseconds())) * time.Millisecond
	hard := created.Add(wall)
	soft := hard.Add(-grace)
	if soft.Before(created) {
		soft = created
	}
	return Times{Created: created, Soft: soft, Hard: hard, Cleanup: hard.Add(cleanupTime), Grace: grace}
}

// Job is one run of a guest: an id, a private directory, and a deadline. Close it.
type Job struct {
	// ID is the run id, unique on this machine: <unix ms>-<pid>-<n>-<phase>.
	ID string
	// Dir is the job's private directory, mode 0700.
	Dir string
	// Times are the job's moments.
	Times Times

	lock *os.File
}

// jobCounter makes ids of one process differ.
var jobCounter atomic.Int64

// NewJob sweeps what crashed jobs left, then creates the job's directory. The
// directory holds a lock for as long as this process lives: that is how a later
// sweep knows whether the job's owner is gone.
func NewJob(o JobOptions) (*Job, error) {
	if o.Wall <= 0 {
		return nil, fmt.Errorf("job needs a wall time above 0, got %v", o.Wall)
	}
	if err := os.MkdirAll(o.StateRoot, 0o700); err != nil {
		return nil, fmt.Errorf("create job state directory: %w", err)
	}
	Sweep(o.StateRoot)
	now := time.Now()
	id := strconv.FormatInt(now.UnixMilli(), 10) + "-" + strconv.Itoa(os.Getpid()) + "-" + strconv.FormatInt(jobCounter.Add(1)-1, 10)
	if o.Phase != "" {
		id += "-" + o.Phase
	}
	j := &Job{ID: id, Dir: filepath.Join(o.StateRoot, id), Times: NewTimes(now, o.Wall)}
	if err := os.Mkdir(j.Dir, 0o700); err != nil {
		return nil, fmt.Errorf("create job directory: %w", err)
	}
	lock, err := lockDir(j.Dir)
	if err != nil {
		os.RemoveAll(j.Dir)
		return nil, fmt.Errorf("lock job directory: %w", err)
	}
	j.lock = lock
	if err := j.describe(o.Backend); err != nil {
		j.Close()
		return nil, fmt.Errorf("describe job: %w", err)
	}
	return j, nil
}

// jobDocument is job.json, in the order of its keys.
type jobDocument struct {
	SchemaVersion string `json:"schema_version"`
	RunID         string `json:"run_id"`
	Backend       string `json:"backend"`
	ContainerID   string `json:"container_id"`
	PID           *int   `json:"pid"`
	Created       int64  `json:"created_unix_ms"`
	Deadline      int64  `json:"deadline_unix_ms"`
	Grace         int64  `json:"grace_ms"`
	Cleanup       int64  `json:"cleanup_ms"`
	Ctr           any    `json:"ctr"`
}

func (j *Job) describe(backend string) error {
	container, err := ContainerID(j.ID)
	if err != nil {
		return err
	}
	doc, err := json.MarshalIndent(jobDocument{
		SchemaVersion: jobSchema,
		RunID:         j.ID,
		Backend:       backend,
		ContainerID:   container,
		Created:       j.Times.Created.UnixMilli(),
		Deadline:      j.Times.Hard.UnixMilli(),
		Grace:         j.Times.Grace.Milliseconds(),
		Cleanup:       cleanupTime.Milliseconds(),
	}, "", "  ")
	if err != nil {
		return err
	}
	return atomicfile.Write(filepath.Join(j.Dir, jobFile), append(doc, '\n'), 0o600)
}

// Close removes the job's directory. The guest must have ended.
func (j *Job) Close() error {
	err := os.RemoveAll(j.Dir)
	if j.lock != nil {
		err = errors.Join(err, j.lock.Close())
	}
	return err
}

// ContainerID returns the name that container backends give to a run.
func ContainerID(runID string) (string, error) {
	id := "x07-" + runID
	switch {
	case runID == "":
		return "", errors.New("container id is empty")
	case len(id) > 128:
		return "", errors.New("container id must be <= 128 bytes")
	}
	for _, c := range id {
		switch {
		case c > 127:
			return "", errors.New("container id must be ASCII")
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '_', c == '.', c == '-':
		default:
			return "", fmt.Errorf("container id contains invalid character '%c'", c)
		}
	}
	return id, nil
}

// Start starts the job's guest and keeps its deadline: at Times.Soft the guest is
// asked to end, at Times.Hard it is killed. When ctx ends first, the guest is
// stopped the same way, with the same grace. Start fills Spec.ID, Spec.JobDir and
// Spec.Limits.Wall.
func (j *Job) Start(ctx context.Context, b Backend, spec Spec) (Guest, error) {
	spec.ID, spec.JobDir, spec.Limits.Wall = j.ID, j.Dir, time.Until(j.Times.Hard)
	startCtx, cancel := context.WithDeadline(ctx, j.Times.Hard)
	defer cancel()
	g, err := b.Start(startCtx, spec)
	if err != nil {
		if !time.Now().Before(j.Times.Hard) {
			err = fmt.Errorf("limits.wall_ms (%v) was over before the guest had started: %w", j.Times.Hard.Sub(j.Times.Created), err)
		}
		return nil, err
	}
	t := &timedGuest{Guest: g, done: make(chan struct{})}
	go t.keepDeadline(ctx, j.Times)
	go func() {
		t.status = g.Wait()
		close(t.done)
	}()
	return t, nil
}

// timedGuest is a guest with a deadline.
type timedGuest struct {
	Guest
	done   chan struct{}
	status ExitStatus // set before done is closed

	mu      sync.Mutex
	expired bool
}

// keepDeadline returns when the guest has ended.
func (t *timedGuest) keepDeadline(ctx context.Context, times Times) {
	timer := time.NewTimer(time.Until(times.Soft))
	defer timer.Stop()
	grace := times.Grace
	select {
	case <-t.done:
		return
	case <-ctx.Done():
	case <-timer.C:
		grace = time.Until(times.Hard)
		t.mu.Lock()
		t.expired = true
		t.mu.Unlock()
	}
	// Stop kills after the grace by itself; the timer here only makes sure that a
	// backend that does not is no way out.
	t.Guest.Stop(max(grace, 0))
	timer.Reset(max(grace, 0))
	select {
	case <-t.done:
	case <-timer.C:
		t.Guest.Kill()
	}
}

// Wait implements Guest.
func (t *timedGuest) Wait() ExitStatus {
	<-t.done
	st := t.status
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.expired && st.Limit == "" {
		st.Limit = "limits.wall_ms"
		if st.Signal == 9 {
			st.Err = nil
		}
	}
	return st
}

// Sweep removes the directories of jobs whose owner is gone. It never disturbs a
// job that is still owned, and reports nothing: what it cannot remove now, a
// later sweep will. Guests of dead owners are dead already: every backend ties
// them to the life of the process that started them.
func Sweep(root string) {
	entries, err := os.ReadDir(root)
	if err != nil {
		return
	}
	for _, e := range entries {
		dir := filepath.Join(root, e.Name())
		if !e.IsDir() || !isJob(dir) {
			continue
		}
		lock, err := tryLockDir(dir)
		if err != nil {
			continue
		}
		os.RemoveAll(dir)
		lock.Close()
	}
}

// newJobAge is how old a directory without job.json must be before a sweep takes
// it for the remains of a crash rather than a job being created.
const newJobAge = time.Minute

// isJob says whether dir is, or began to be, a job directory. Anything else in
// the state directory is not ours to remove.
func isJob(dir string) bool {
	if _, err := os.Lstat(filepath.Join(dir, jobFile)); err == nil {
		return true
	}
	info, err := os.Lstat(filepath.Join(dir, lockFile))
	if errors.Is(err, fs.ErrNotExist) {
		return false
	}
	return err == nil && time.Since(info.ModTime()) > newJobAge
}
