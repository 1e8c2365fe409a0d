package sandbox

import (
	"context"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"x07/internal/policy"
)

func TestTimesFollowTheWallTime(t *testing.T) {
	created := time.UnixMilli(1_000_000)
	for _, c := range []struct{ wall, grace, soft int64 }{
		{1, 1, 0}, {9, 1, 8}, {500, 50, 450}, {9_999, 999, 9_000}, {10_000, 1_000, 9_000}, {600_000, 1_000, 599_000},
	} {
		got := NewTimes(created, time.Duration(c.wall)*time.Millisecond)
		if got.Grace.Milliseconds() != c.grace || got.Soft.Sub(created).Milliseconds() != c.soft ||
			got.Hard.Sub(created).Milliseconds() != c.wall || got.Cleanup.Sub(got.Hard) != 30*time.Second {
			t.Errorf("wall %d ms: got %+v", c.wall, got)
		}
	}
}

func newJob(t *testing.T, root string, wall time.Duration) *Job {
	t.Helper()
	job, err := NewJob(JobOptions{StateRoot: root, Backend: "gvisor", Wall: wall, Phase: "run"})
	if err != nil {
		t.Fatal(err)
	}
	return job
}

func TestAJobHasAPrivateDirectoryThatCloseRemoves(t *testing.T) {
	root := filepath.Join(t.TempDir(), "state", "jobs")
	job := newJob(t, root, time.Minute)
	info, err := os.Stat(job.Dir)
	if err != nil || info.Mode().Perm() != 0o700 {
		t.Fatalf("directory: %v, %v", info, err)
	}
	data, err := os.ReadFile(filepath.Join(job.Dir, "job.json"))
	if err != nil {
		t.Fatal(err)
	}
	var doc jobDocument
	if err := json.Unmarshal(data, &doc); err != nil {
		t.Fatal(err)
	}
	if doc.SchemaVersion != "x07.vm.job@0.1.0" || doc.RunID != job.ID || doc.ContainerID != "x07-"+job.ID ||
		doc.Backend != "gvisor" || doc.Deadline-doc.Created != 60_000 || doc.Grace != 1_000 || doc.Cleanup != 30_000 {
		t.Errorf("job.json: got %s", data)
	}
	if err := job.Close(); err != nil {
		t.Fatal(err)
	}
	if left, _ := os.ReadDir(root); len(left) != 0 {
		t.Errorf("left: %v", left)
	}
}

func TestASweepTakesDeadJobsAndLeavesLivingOnesAndStrangers(t *testing.T) {
	root := t.TempDir()
	alive, dead := newJob(t, root, time.Minute), newJob(t, root, time.Minute)
	defer alive.Close()
	// A crash closes the lock and nothing else.
	dead.lock.Close()
	os.MkdirAll(filepath.Join(root, "a-stranger", "dir"), 0o755)
	os.WriteFile(filepath.Join(root, "file"), nil, 0o644)
	half := filepath.Join(root, "half-made")
	os.Mkdir(half, 0o700)
	lock := filepath.Join(half, lockFile)
	os.WriteFile(lock, nil, 0o600)
	os.Chtimes(lock, time.Time{}, time.Now().Add(-time.Hour))

	Sweep(root)
	var names []string
	left, _ := os.ReadDir(root)
	for _, e := range left {
		names = append(names, e.Name())
	}
	want := alive.ID + " a-stranger file"
	if got := strings.Join(names, " "); got != want {
		t.Errorf("left %q, want %q", got, want)
	}
}

func TestJobsOfOneProcessDoNotMeet(t *testing.T) {
	root := t.TempDir()
	var mu sync.Mutex
	seen := make(map[string]bool)
	var all sync.WaitGroup
	for range 20 {
		all.Add(1)
		go func() {
			defer all.Done()
			job, err := NewJob(JobOptions{StateRoot: root, Backend: "gvisor", Wall: time.Minute})
			if err != nil {
				t.Error(err)
				return
			}
			defer job.Close()
			if _, err := os.Stat(filepath.Join(job.Dir, "job.json")); err != nil {
				t.Error(err)
			}
			mu.Lock()
			defer mu.Unlock()
			if seen[job.ID] {
				t.Errorf("id %s twice", job.ID)
			}
			seen[job.ID] = true
		}()
	}
	all.Wait()
}

// scripted is a guest that ends when it is told to, and counts how.
type scripted struct {
	stops, kills chan struct{}
	done         chan struct{}
	onStop       bool // ends when asked to
	end          sync.Once
}

func newScripted(onStop bool) *scripted {
	return &scripted{stops: make(chan struct{}, 9), kills: make(chan struct{}, 9), done: make(chan struct{}), onStop: onStop}
}

func (s *scripted) Stream() io.ReadWriteCloser { return nil }

func (s *scripted) Wait() ExitStatus {
	<-s.done
	if len(s.kills) > 0 {
		return ExitStatus{Code: 137, Signal: 9}
	}
	return ExitStatus{}
}

func (s *scripted) Stop(time.Duration) {
	s.stops <- struct{}{}
	if s.onStop {
		s.end.Do(func() { close(s.done) })
	}
}

// Kill counts only when it is what ends the guest.
func (s *scripted) Kill() {
	s.end.Do(func() {
		s.kills <- struct{}{}
		close(s.done)
	})
}

// starter is a backend that starts a scripted guest.
type starter struct {
	fake
	guest *scripted
	spec  Spec
}

func (s *starter) Start(_ context.Context, spec Spec) (Guest, error) {
	s.spec = spec
	return s.guest, nil
}

func TestTheDeadlineStopsFirstAndKillsThen(t *testing.T) {
	for _, polite := range []bool{true, false} {
		job := newJob(t, t.TempDir(), 50*time.Millisecond)
		defer job.Close()
		b := &starter{guest: newScripted(polite)}
		g, err := job.Start(t.Context(), b, Spec{})
		if err != nil {
			t.Fatal(err)
		}
		st := g.Wait()
		if st.Limit != "limits.wall_ms" || len(b.guest.stops) != 1 || (len(b.guest.kills) == 1) == polite {
			t.Errorf("polite %v: got %+v, %d stops, %d kills", polite, st, len(b.guest.stops), len(b.guest.kills))
		}
		if time.Now().Before(job.Times.Soft) {
			t.Error("it ended before the soft stop was due")
		}
		if b.spec.ID != job.ID || b.spec.JobDir != job.Dir {
			t.Errorf("spec: got %+v", b.spec)
		}
	}
}

func TestACancelledRunIsStoppedAndNotBlamedOnTheDeadline(t *testing.T) {
	job := newJob(t, t.TempDir(), time.Minute)
	defer job.Close()
	ctx, cancel := context.WithCancel(t.Context())
	g, err := job.Start(ctx, &starter{guest: newScripted(true)}, Spec{})
	if err != nil {
		t.Fatal(err)
	}
	cancel()
	if st := g.Wait(); st.Limit != "" {
		t.Errorf("got %+v", st)
	}
}

func TestContainerIDsAreChecked(t *testing.T) {
	for id, want := range map[string]string{
		"":                       "container id is empty",
		"a b":                    "container id contains invalid character ' '",
		"ä":                      "container id must be ASCII",
		strings.Repeat("a", 125): "container id must be <= 128 bytes",
		strings.Repeat("a", 124): "",
		"1700000000000-12-0-run": "",
	} {
		_, err := ContainerID(id)
		if got := ""; err != nil && err.Error() != want || err == nil && want != got {
			t.Errorf("%q: got %v, want %q", id, err, want)
		}
	}
}

func TestPolicyRootsBecomeMounts(t *testing.T) {
	base := t.TempDir()
	for _, dir := range []string{"in", "both", "sub/deep"} {
		os.MkdirAll(filepath.Join(base, dir), 0o755)
	}
	got, err := MountsFor(policy.FS{ReadRoots: []string{"in", "./both", base}, WriteRoots: []string{"both", "new/out", "sub/../sub/deep"}}, base)
	if err != nil {
		t.Fatal(err)
	}
	want := []Mount{
		{Host: base, Guest: base},
		{Host: filepath.Join(base, "both"), Guest: "/x07/work/both", Writable: true},
		{Host: filepath.Join(base, "in"), Guest: "/x07/work/in"},
		{Host: filepath.Join(base, "new/out"), Guest: "/x07/work/new/out", Writable: true},
		{Host: filepath.Join(base, "sub/deep"), Guest: "/x07/work/sub/deep", Writable: true},
	}
	if len(got) != len(want) {
		t.Fatalf("got %+v", got)
	}
	for i := range want {
		if got[i] != want[i] {
			t.Errorf("mount %d: got %+v, want %+v", i, got[i], want[i])
		}
	}
	if info, err := os.Stat(filepath.Join(base, "new/out")); err != nil || !info.IsDir() {
		t.Errorf("the missing write root was not created: %v", err)
	}
	for root, want := range map[string]string{
		"missing":       "root does not exist: " + filepath.Join(base, "missing"),
		"/":             "whole file system",
		"../..":         "whole file system",
		"/proc/self":    "belongs to the guest's own kernel",
		"/dev":          "belongs to the guest's own kernel",
		"../../dev/shm": "belongs to the guest's own kernel",
	} {
		if _, err := MountsFor(policy.FS{ReadRoots: []string{root}}, base); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("root %q: got %v, want %q", root, err, want)
		}
	}
}
