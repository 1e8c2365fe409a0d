package engine

import (
	"math"
	"runtime"
	"time"
)

// fuel hands out fuel in slices and checks the other limits when a slice runs
// out. The module counts its slice down in a register and calls refill when
// it is negative, so what was used is always granted minus what is left.
type fuel struct {
	limit   uint64 // of the whole run
	granted uint64
	slice   uint64
	scopes  []scope

	// Moments are times since start: reading the monotonic clock alone is half of
	// time.Now, which counts where a clock read is a system call, as in the first
	// second of a guest kernel.
	start    time.Time
	last     time.Duration // of the last refill
	deadline time.Duration // never when there is none
	cpuStart time.Duration
	// cpuNext is the earliest moment at which the processor time can be over: one
	// thread uses no more of it than passes on the clock. Asking for it is always a
	// system call.
	cpuNext time.Duration
}

const never = time.Duration(math.MaxInt64)

// scope is an open budget scope.
type scope struct {
	limit      uint64 // total use at which the scope's fuel is gone
	lowered    bool   // limit is the scope's (or an outer scope's), not the run's
	allocBytes uint64 // limit, 0 none
	allocStart uint64
	site       int
}

const (
	firstSlice = 1 << 16
	maxSlice   = 1 << 28
	// A slice should last about this long: short enough for deadlines to be
	// kept, long enough for the refill to cost nothing.
	sliceMin = 2 * time.Millisecond
	sliceMax = 10 * time.Millisecond
)

// begin starts the clocks. The program stays on one thread, whose processor
// time is its own; the returned function lets go of it.
func (f *fuel) begin(r *run) func() {
	f.limit = math.MaxUint64
	if r.cfg.Fuel > 0 {
		f.limit = r.cfg.Fuel
	}
	f.slice = firstSlice
	runtime.LockOSThread()
	f.start, f.last, f.deadline = time.Now(), 0, never
	if d := r.cfg.Deadline; !d.IsZero() {
		f.deadline = d.Sub(f.start)
	}
	f.cpuStart = threadCPU()
	return runtime.UnlockOSThread
}

func (f *fuel) cpuUsed() time.Duration { return threadCPU() - f.cpuStart }

// first is the slice that the program starts with.
func (f *fuel) first() uint64 {
	f.granted = min(f.slice, f.limit)
	return f.granted
}

// top is the scope that holds now.
func (f *fuel) top() scope {
	if n := len(f.scopes); n > 0 {
		return f.scopes[n-1]
	}
	return scope{limit: f.limit}
}

// refill: (fuel < 0, site) -> fuel.
func (r *run) refill(stack []uint64) {
	f := &r.fuel
	left := int64(int32(uint32(stack[0])))
	site := int(uint32(stack[1]))
	now := r.checkLimits(site)
	switch d := now - f.last; {
	case d < sliceMin:
		f.slice = min(f.slice*2, maxSlice)
	case d > sliceMax:
		f.slice = max(f.slice/2, firstSlice/16)
	}
	f.last = now
	s := f.top()
	var missing uint64
	if left < 0 {
		missing = uint64(-left)
	}
	available := s.limit - min(f.granted, s.limit)
	if missing > available {
		msg := "fuel exhausted"
		if s.lowered {
			msg = "X07T_BUDGET_EXCEEDED_FUEL"
		}
		panic(&stop{trap: msg, site: site})
	}
	grant := min(max(f.slice, missing), available)
	f.granted += grant
	stack[0] = uint64(uint32(int32(left + int64(grant))))
}

// tick: (site) checks the limits; long-running runtime functions call it.
func (r *run) tick(stack []uint64) { r.checkLimits(int(uint32(stack[0]))) }

// checkLimits ends the run when its time is over or it was cancelled. It returns
// the time since the start.
func (r *run) checkLimits(site int) time.Duration {
	now := time.Since(r.fuel.start)
	if now > r.fuel.deadline {
		panic(&stop{trap: "timed out", status: 128 + sigKill, site: site})
	}
	if limit := r.cfg.CPUTime; limit > 0 && now >= r.fuel.cpuNext {
		used := r.fuel.cpuUsed()
		if used > limit {
			panic(&stop{trap: signal(sigKill), status: 128 + sigKill, site: site})
		}
		r.fuel.cpuNext = now + limit - used
	}
	if r.ctx.Err() != nil {
		panic(&stop{trap: "timed out", status: 128 + sigKill, site: site})
	}
	return now
}

// budgetEnter: (fuel, number, allocated bytes) -> fuel.
func (r *run) budgetEnter(stack []uint64) {
	f := &r.fuel
	left, n, alloc := uint64(uint32(stack[0])), int(uint32(stack[1])), stack[2]
	if n >= len(r.a.Meta.Budgets) {
		panic(&stop{err: errUnknownScope})
	}
	b := r.a.Meta.Budgets[n]
	outer := f.top()
	s := scope{limit: outer.limit, lowered: outer.lowered, allocBytes: b.AllocBytes, allocStart: alloc, site: b.Site}
	used := f.granted - left
	if b.Fuel > 0 && b.Fuel < outer.limit-used {
		s.limit, s.lowered = used+b.Fuel, true
	}
	f.scopes = append(f.scopes, s)
	// What the slice has beyond the scope's limit is taken back.
	f.granted = min(f.granted, s.limit)
	stack[0] = f.granted - used
}

// budgetExit: (fuel, allocated bytes) -> fuel.
func (r *run) budgetExit(stack []uint64) {
	f := &r.fuel
	n := len(f.scopes)
	if n == 0 {
		panic(&stop{err: errUnknownScope})
	}
	s := f.scopes[n-1]
	if s.allocBytes > 0 && stack[1]-s.allocStart > s.allocBytes {
		panic(&stop{trap: "X07T_BUDGET_EXCEEDED_ALLOC_BYTES", site: s.site + 1})
	}
	f.scopes = f.scopes[:n-1]
}
