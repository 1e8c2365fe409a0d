package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"path/filepath"
	"strings"
	"time"

	"x07/internal/artifact"
	"x07/internal/compile"
	"x07/internal/engine"
	"x07/internal/guest"
	"x07/internal/hostlib"
	"x07/internal/osworld"
	"x07/internal/policy"
	"x07/internal/project"
	"x07/internal/report"
	"x07/internal/sandbox"
)

// finished is a run that came to an end, wherever it ran.
type finished struct {
	// output is what the program returned; exitCode is 0..255.
	output   []byte
	exitCode int
	// exited says that the program ended itself without output and statistics.
	exited bool
	trap   *engine.Trap
	// stats is the statistics object, nil after a trap or an exit.
	stats json.RawMessage
	// stdout and stderr are what the program wrote, as far as it was kept.
	stdout, stderr   []byte
	outFull, errFull bool // more was written than kept
	denials          []policy.Denial
	sandbox          *report.Sandbox // nil outside run-os-sandboxed
}

// child describes the run as the framed executable's parent would have seen it.
func (f *finished) child(maxOutput uint64) report.Child {
	c := report.Child{ExitStatus: f.exitCode, Stdout: f.stdout, Stderr: f.stderr, StdoutTruncated: f.outFull, StderrTruncated: f.errFull}
	switch {
	case f.trap != nil:
		c.ExitStatus = f.trap.Status
		c.Signal = max(0, f.trap.Status-128)
		c.TimedOut = f.trap.Message == "timed out"
		if !c.TimedOut && !strings.HasPrefix(f.trap.Message, "terminated by signal ") {
			c.Stderr = append(endLine(c.Stderr), f.trap.Message+"\n"...)
		}
	case f.exited:
	default:
		c.Stdout = append(c.Stdout, report.Frame(f.output)...)
		c.Stderr = append(endLine(c.Stderr), append(f.stats, '\n')...)
	}
	if limit := 4 + maxOutput + 1; uint64(len(c.Stdout)) > limit {
		c.Stdout, c.StdoutTruncated = c.Stdout[:limit], true
	}
	if len(c.Stderr) > maxStderr {
		c.Stderr, c.StderrTruncated = c.Stderr[:maxStderr], true
	}
	return c
}

// seconds is a limit that was given in seconds. What is beyond a century is
// a century: the type of durations ends not far behind.
func seconds(n uint64) time.Duration {
	const century = 100 * 366 * 24 * 60 * 60
	return time.Duration(min(n, century)) * time.Second
}

// endLine is text with its last line ended, so that what follows is a line.
func endLine(text []byte) []byte {
	if n := len(text); n > 0 && text[n-1] != '\n' {
		return append(text, '\n')
	}
	return text
}

// runInProcess runs a program in this process: in run-os, where nothing stands
// between it and the machine, or held to its policy by the gate alone.
func runInProcess(ctx context.Context, j *job, s streams, art *artifact.Artifact) (*finished, error) {
	stdout := &capped{limit: 4 + j.output + 1}
	stderr := &capped{limit: maxStderr}
	g := guest.Job{
		Artifact:       art,
		Input:          j.input,
		Fuel:           j.fuel,
		MaxMemoryBytes: j.memory,
		MaxOutputBytes: j.output,
		CPUTime:        seconds(j.cpuSeconds),
		World:          osworld.Config{Audit: j.audit, WorkDir: j.workDir, Stdin: j.stdin, Stdout: stdout, Stderr: stderr, OwnsProcess: true, LookupEnv: j.lookupEnv},
	}
	if j.raw {
		g.World.Stdout, g.World.Stderr = s.out, s.err
	}
	if dir := compile.DefaultCacheDir(); dir != "" {
		g.CacheDir = filepath.Join(dir, "native")
	}
	if g.CPUTime > 0 {
		g.Deadline = time.Now().Add(g.CPUTime + time.Second)
	}
	if p := j.policy.Policy; p != nil {
		g.World.Gate = policy.FromPolicy(p, policy.Options{WorkDir: j.workDir})
		g.CPUTime = time.Duration((p.Limits.CPUMs+999)/1000) * time.Second
		g.Deadline = time.Now().Add(time.Duration(max(p.Limits.WallMs, 1)) * time.Millisecond)
	}
	run := guest.Run
	if !project.IsOSWorld(j.world) {
		run = runPure
	}
	res := run(ctx, g)
	if res.Err != nil {
		return nil, fmt.Errorf("run the program: %w", res.Err)
	}
	fin := finishedFrom(j, res, stdout, stderr)
	fin.denials, _ = j.audit.Denials()
	if j.policy.Policy != nil {
		fin.sandbox = &report.Sandbox{Backend: sandbox.KindNone.String(), Isolation: "policy only, no boundary"}
	}
	return fin, nil
}

// runPure runs a program of solve-pure, which can reach nothing.
func runPure(ctx context.Context, g guest.Job) engine.Result {
	host := osworld.PureHeads()
	maps.Copy(host, hostlib.Table())
	return engine.Run(ctx, g.Artifact, engine.Config{
		Input: g.Input, Host: host, MaxMemoryBytes: g.MaxMemoryBytes, MaxOutputBytes: g.MaxOutputBytes,
		Fuel: g.Fuel, CPUTime: g.CPUTime, Deadline: g.Deadline, CacheDir: g.CacheDir,
	})
}

// finishedFrom is a run's result with the streams that were kept of it.
func finishedFrom(j *job, res engine.Result, stdout, stderr *capped) *finished {
	f := &finished{output: res.Output, exitCode: res.ExitCode, exited: res.Exited, trap: res.Trap}
	if res.Stats != nil {
		f.stats = bytes.TrimSpace(statsOf(res.Stats, j.borrowChecks).Line())
	}
	f.stdout, f.outFull = stdout.buf, stdout.full
	f.stderr, f.errFull = stderr.buf, stderr.full
	return f
}

// statsOf is the engine's statistics as reports have them.
func statsOf(s *engine.Stats, borrowChecks bool) report.Stats {
	heap := uint64(s.HeapUsed)
	out := report.Stats{
		FuelUsed: &s.FuelUsed, HeapUsed: &heap,
		FSReadFileCalls: &s.FSReadFileCalls, FSListDirCalls: &s.FSListDirCalls,
		RROpenCalls: &s.RROpenCalls, RRCloseCalls: &s.RRCloseCalls, RRStatsCalls: &s.RRStatsCalls,
		RRNextCalls: &s.RRNextCalls, RRNextMissCalls: &s.RRNextMissCalls, RRAppendCalls: &s.RRAppendCalls,
		KVGetCalls: &s.KVGetCalls, KVSetCalls: &s.KVSetCalls,
		MemStats: &report.MemStats{
			AllocCalls: s.Mem.AllocCalls, ReallocCalls: s.Mem.ReallocCalls, FreeCalls: s.Mem.FreeCalls,
			BytesAllocTotal: s.Mem.BytesAllocTotal, BytesFreedTotal: s.Mem.BytesFreedTotal,
			LiveBytes: s.Mem.LiveBytes, PeakLiveBytes: s.Mem.PeakLiveBytes,
			LiveAllocs: s.Mem.LiveAllocs, PeakLiveAllocs: s.Mem.PeakLiveAllocs, MemcpyBytes: s.Mem.MemcpyBytes,
		},
		SchedStats: &report.SchedStats{
			TasksSpawned: s.Sched.TasksSpawned, SpawnCalls: s.Sched.SpawnCalls, JoinCalls: s.Sched.JoinCalls,
			YieldCalls: s.Sched.YieldCalls, SleepCalls: s.Sched.SleepCalls,
			ChanSendCalls: s.Sched.ChanSendCalls, ChanRecvCalls: s.Sched.ChanRecvCalls,
			CtxSwitches: s.Sched.CtxSwitches, WakeEvents: s.Sched.WakeEvents, BlockedWaits: s.Sched.BlockedWaits,
			VirtualTimeEnd: s.Sched.VirtualTimeEnd, SchedTraceHash: fmt.Sprintf("0x%016x", s.Sched.TraceHash),
		},
	}
	if borrowChecks {
		out.DebugStats = &report.DebugStats{}
	}
	return out
}

// capped keeps the first bytes written to it, up to a limit, and says when
// there were more. A program that floods a stream goes on.
type capped struct {
	limit uint64
	buf   []byte
	full  bool
}

func (c *capped) Write(p []byte) (int, error) {
	room := c.limit - uint64(len(c.buf))
	if uint64(len(p)) > room {
		c.full = true
		c.buf = append(c.buf, p[:room]...)
		return len(p), nil
	}
	c.buf = append(c.buf, p...)
	return len(p), nil
}
