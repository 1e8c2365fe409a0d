package engine

import (
	"encoding/binary"
	"errors"

	"x07/internal/artifact"
)

var errUnknownScope = errors.New("program left a budget scope that it did not enter")

// Stats are the statistics of a finished run, as builtins report them.
type Stats struct {
	FuelUsed uint64
	// HeapUsed is the peak of live requested bytes, the input included.
	HeapUsed uint32
	// Counts of fixture calls.
	FSReadFileCalls, FSListDirCalls             uint64
	RROpenCalls, RRCloseCalls, RRStatsCalls     uint64
	RRNextCalls, RRNextMissCalls, RRAppendCalls uint64
	KVGetCalls, KVSetCalls                      uint64
	Sched                                       SchedStats
	Mem                                         MemStats
}

// MemStats counts allocations in requested bytes.
type MemStats struct {
	AllocCalls, ReallocCalls, FreeCalls uint64
	BytesAllocTotal, BytesFreedTotal    uint64
	LiveBytes, PeakLiveBytes            uint64
	LiveAllocs, PeakLiveAllocs          uint64
	MemcpyBytes                         uint64
}

// SchedStats counts what the scheduler did.
type SchedStats struct {
	TasksSpawned, SpawnCalls, JoinCalls, YieldCalls, SleepCalls uint64
	ChanSendCalls, ChanRecvCalls                                uint64
	CtxSwitches, WakeEvents, BlockedWaits, VirtualTimeEnd       uint64
	TraceHash                                                   uint64
}

// emptyTraceHash is the scheduler's trace hash before anything was scheduled.
const emptyTraceHash = 0x14650fb0739d0383

// stats reads the record that the program left.
func (r *run) stats(left uint32) (*Stats, int, error) {
	b, ok := r.mem.Read(artifact.StatsAddr, 9*8)
	if !ok {
		return nil, 0, errors.New("program left no statistics")
	}
	w := func(i int) uint64 { return binary.LittleEndian.Uint64(b[8*i:]) }
	m := MemStats{
		AllocCalls: w(0), ReallocCalls: w(1), BytesAllocTotal: w(2), MemcpyBytes: w(3),
		LiveBytes: w(4), PeakLiveBytes: w(5), LiveAllocs: w(6), PeakLiveAllocs: w(7),
	}
	m.FreeCalls = m.AllocCalls + m.ReallocCalls - m.LiveAllocs
	m.BytesFreedTotal = m.BytesAllocTotal - m.LiveBytes
	s := &Stats{
		FuelUsed: r.fuel.granted - uint64(left),
		HeapUsed: uint32(min(m.PeakLiveBytes+uint64(len(r.cfg.Input)), 1<<32-1)),
		Mem:      m,
	}
	s.Sched.TraceHash = emptyTraceHash
	return s, int(int64(w(8))), nil
}
