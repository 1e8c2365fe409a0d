package report

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
)

// Child is a finished program as its parent process saw it: its exit and what
// it wrote. A program that ran in process is described the same way, so that
// its report cannot differ.
type Child struct {
	// ExitStatus is the exit code, or 128 + Signal.
	ExitStatus int
	// Signal is the signal that ended it, 0 for an ordinary exit.
	Signal int
	// TimedOut reports that the wall-clock limit ended it.
	TimedOut bool
	// StdoutTruncated and StderrTruncated report that it wrote more than was kept.
	StdoutTruncated, StderrTruncated bool
	// Stdout is a frame: u32_le(n), then n output bytes. Stderr is free text;
	// its last line is the statistics after a normal end.
	Stdout, Stderr []byte
}

// Interpret reads a finished program's streams. maxOutput is the cap of the
// program's output in bytes.
func Interpret(c Child, maxOutput uint64) Solve {
	s := Solve{
		ExitStatus: c.ExitStatus,
		StdoutB64:  base64.StdEncoding.EncodeToString(c.Stdout),
		StderrB64:  base64.StdEncoding.EncodeToString(c.Stderr),
	}
	for _, end := range []struct {
		hit  bool
		trap string
	}{{c.TimedOut, "timed out"}, {c.StderrTruncated, "stderr exceeded cap"}, {c.StdoutTruncated, "stdout exceeded cap"}} {
		if end.hit {
			s.Trap = &end.trap
			return s
		}
	}
	trap := ""
	out, err := unframe(c.Stdout, maxOutput)
	s.SolveOutputB64 = base64.StdEncoding.EncodeToString(out)
	if err != nil {
		trap = err.Error()
	}
	if c.Signal != 0 {
		trap = fmt.Sprintf("terminated by signal %d", c.Signal)
	}
	last, stats := scanStderr(c.Stderr)
	if stats != nil {
		stats.addTo(&s)
	} else if c.ExitStatus == 0 && trap == "" {
		trap = "missing metrics json line on stderr"
	}
	if c.ExitStatus != 0 && last != "" {
		trap = last
	}
	if trap != "" {
		s.Trap = &trap
	}
	s.OK = c.ExitStatus == 0 && trap == ""
	return s
}

// Frame is the framed form of a program's output.
func Frame(output []byte) []byte {
	b := binary.LittleEndian.AppendUint32(make([]byte, 0, 4+len(output)), uint32(len(output)))
	return append(b, output...)
}

// unframe takes the program's output out of its frame.
func unframe(stdout []byte, maxOutput uint64) ([]byte, error) {
	if len(stdout) < 4 {
		return nil, fmt.Errorf("native stdout too short for length prefix")
	}
	n := uint64(binary.LittleEndian.Uint32(stdout))
	if n > maxOutput {
		return nil, fmt.Errorf("native output too large: %d > max_output_bytes=%d", n, maxOutput)
	}
	if uint64(len(stdout)) != 4+n {
		return nil, fmt.Errorf("native stdout length mismatch: expected %d got %d", 4+n, len(stdout))
	}
	return stdout[4:], nil
}

// Stats is the statistics line, the last line that a program's run-time writes
// to its standard error stream. Members are in the order of the line.
type Stats struct {
	FuelUsed        *uint64     `json:"fuel_used"`
	HeapUsed        *uint64     `json:"heap_used"`
	FSReadFileCalls *uint64     `json:"fs_read_file_calls"`
	FSListDirCalls  *uint64     `json:"fs_list_dir_calls"`
	RROpenCalls     *uint64     `json:"rr_open_calls"`
	RRCloseCalls    *uint64     `json:"rr_close_calls"`
	RRStatsCalls    *uint64     `json:"rr_stats_calls"`
	RRNextCalls     *uint64     `json:"rr_next_calls"`
	RRNextMissCalls *uint64     `json:"rr_next_miss_calls"`
	RRAppendCalls   *uint64     `json:"rr_append_calls"`
	KVGetCalls      *uint64     `json:"kv_get_calls"`
	KVSetCalls      *uint64     `json:"kv_set_calls"`
	SchedStats      *SchedStats `json:"sched_stats"`
	MemStats        *MemStats   `json:"mem_stats"`
	DebugStats      *DebugStats `json:"debug_stats,omitempty"`
}

// Line is the statistics line with its newline.
func (s Stats) Line() []byte { return Compact(s) }

func (s *Stats) addTo(v *Solve) {
	v.FuelUsed, v.HeapUsed = s.FuelUsed, s.HeapUsed
	v.FSReadFileCalls, v.FSListDirCalls = s.FSReadFileCalls, s.FSListDirCalls
	v.RROpenCalls, v.RRCloseCalls, v.RRStatsCalls = s.RROpenCalls, s.RRCloseCalls, s.RRStatsCalls
	v.RRNextCalls, v.RRNextMissCalls, v.RRAppendCalls = s.RRNextCalls, s.RRNextMissCalls, s.RRAppendCalls
	v.KVGetCalls, v.KVSetCalls = s.KVGetCalls, s.KVSetCalls
	v.SchedStats, v.MemStats, v.DebugStats = s.SchedStats, s.MemStats, s.DebugStats
}

// scanStderr finds the last line that is text, trimmed, and the last line that
// is a statistics object.
func scanStderr(stderr []byte) (last string, stats *Stats) {
	for rest := stderr; len(rest) > 0 && (last == "" || stats == nil); {
		var line []byte
		if i := bytes.LastIndexByte(rest, '\n'); i >= 0 {
			rest, line = rest[:i], rest[i+1:]
		} else {
			rest, line = nil, rest
		}
		line = bytes.TrimSpace(line)
		switch {
		case len(line) == 0:
		case line[0] != '{':
			if last == "" {
				last = string(bytes.ToValidUTF8(line, []byte("\uFFFD")))
			}
		case stats == nil:
			var s Stats
			if json.Unmarshal(line, &s) == nil && s != (Stats{}) {
				stats = &s
			}
		}
	}
	return last, stats
}
