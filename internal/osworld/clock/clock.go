// Package clock tells a program the time, lets it sleep, and answers questions
// about time zones from a database of its own, so that answers do not depend on
// the machine. Clocks and sleeps ask the gate first; the database, which is
// pure data, asks nobody.
package clock

import (
	"context"
	"encoding/binary"
	"time"

	"x07/internal/osworld/effect"
)

// Clock is the time capability of one run.
type Clock struct {
	door effect.Door
	now  func() time.Time
}

// New returns a clock that reads now; nil is the machine's clock.
func New(door effect.Door, now func() time.Time) *Clock {
	if now == nil {
		now = time.Now
	}
	return &Clock{door: door, now: now}
}

// The error codes of the Offset document.
const (
	codeTZBad      = 100
	codeTZRange    = 101
	codeTZInternal = 102
)

// NowUnixMs is os.time.now_unix_ms: the low 32 bits of the Unix time in
// milliseconds. The error is a trap.
func (c *Clock) NowUnixMs() (int32, error) {
	d := c.door.Gate.TimeUnix()
	if !d.Allowed {
		return 0, c.door.Refused(d)
	}
	start := c.door.Start()
	ms := int32(c.now().UnixMilli())
	c.door.Done(d, 0, start, 0)
	return ms, nil
}

// NowInstant is os.time.now_instant_v1: a Duration document since 1970-01-01
// UTC, or its error form with code 300 when the policy refuses.
func (c *Clock) NowInstant() []byte {
	d := c.door.Gate.TimeInstant()
	if !d.Allowed {
		c.door.Refused(d)
		return durationErr(d.Code)
	}
	start := c.door.Start()
	now := c.now()
	c.door.Done(d, 0, start, 0)
	return duration(now.Unix(), uint32(now.Nanosecond()))
}

// SleepMs is os.time.sleep_ms_v1: it waits at least ms milliseconds and returns
// 1, or returns 0 at once when ms is negative or the policy refuses, and 0
// early when ctx ends.
func (c *Clock) SleepMs(ctx context.Context, ms int32) int32 {
	if ms < 0 {
		return 0
	}
	d := c.door.Gate.TimeSleep(int64(ms))
	if !d.Allowed {
		c.door.Refused(d)
		return 0
	}
	start := c.door.Start()
	if ms > 0 {
		timer := time.NewTimer(time.Duration(ms) * time.Millisecond)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-ctx.Done():
			return 0
		}
	}
	c.door.Done(d, 0, start, 0)
	return 1
}

// LocalTZID is os.time.local_tzid_v1: the local zone document, whose id is
// always empty, or its error form with code 1 when the policy refuses.
func (c *Clock) LocalTZID() []byte {
	d := c.door.Gate.TimeTZID()
	if !d.Allowed {
		c.door.Refused(d)
		return binary.LittleEndian.AppendUint32([]byte{0}, uint32(d.Code))
	}
	c.door.Done(d, 0, c.door.Start(), 0)
	return []byte{1, 1, 0, 0, 0, 0}
}

// duration encodes the OK form of a Duration document: tag 1, version 1, signed
// 64-bit seconds, nanoseconds.
func duration(secs int64, nanos uint32) []byte {
	doc := make([]byte, 2, 14)
	doc[0], doc[1] = 1, 1
	doc = binary.LittleEndian.AppendUint64(doc, uint64(secs))
	return binary.LittleEndian.AppendUint32(doc, nanos)
}

// durationErr encodes the ERR form: tag 0, code, four reserved bytes.
func durationErr(code int32) []byte {
	doc := binary.LittleEndian.AppendUint32(make([]byte, 1, 9), uint32(code))
	return append(doc, 0, 0, 0, 0)
}
