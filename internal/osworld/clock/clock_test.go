package clock_test

import (
	"context"
	"encoding/hex"
	"fmt"
	"testing"
	"time"

	"x07/internal/osworld/clock"
	"x07/internal/osworld/effect"
	"x07/internal/policy"
)

var ctx = context.Background()

func at(s int64, ns int64) func() time.Time { return func() time.Time { return time.Unix(s, ns) } }

func open(now func() time.Time) *clock.Clock {
	return clock.New(effect.Door{Gate: policy.AllowAll()}, now)
}

func held(p policy.Time) *clock.Clock {
	return clock.New(effect.Door{Gate: policy.FromPolicy(&policy.Policy{Time: p}, policy.Options{})}, nil)
}

func wantHex(t *testing.T, what string, got []byte, want string) {
	t.Helper()
	if hex.EncodeToString(got) != want {
		t.Errorf("%s: %x, want %s", what, got, want)
	}
}

func TestInstantsAreDurationDocuments(t *testing.T) {
	wantHex(t, "1 s 2 ns", open(at(1, 2)).NowInstant(), "0101"+"0100000000000000"+"02000000")
	wantHex(t, "before 1970", open(at(-1, 0)).NowInstant(), "0101"+"ffffffffffffffff"+"00000000")
	if ms, err := open(at(1<<32, 5e6)).NowUnixMs(); err != nil || uint32(ms) != uint32((uint64(1)<<32*1000+5)&0xffffffff) {
		t.Errorf("milliseconds wrap: %d, %v", ms, err)
	}
	wantHex(t, "zone", open(nil).LocalTZID(), "010100000000")
}

func TestAPolicySwitchesClocks(t *testing.T) {
	off := held(policy.Time{})
	if _, err := off.NowUnixMs(); err == nil || err.Error() != "os.time disabled by policy" {
		t.Error(err)
	}
	wantHex(t, "instant", off.NowInstant(), "00"+"2c010000"+"00000000")
	wantHex(t, "zone", off.LocalTZID(), "00"+"01000000")
	if off.SleepMs(ctx, 0) != 0 {
		t.Error("it slept")
	}
	on := policy.Time{Enabled: true}
	if _, err := held(on).NowUnixMs(); err == nil || err.Error() != "os.time.now_unix_ms disabled by policy" {
		t.Error(err)
	}
	wantHex(t, "instant", held(on).NowInstant(), "00"+"2c010000"+"00000000")
	on.AllowWallClock, on.AllowSleep, on.MaxSleepMs, on.AllowLocalTZID = true, true, 2, true
	c := held(on)
	if _, err := c.NowUnixMs(); err != nil {
		t.Error(err)
	}
	for ms, want := range map[int32]int32{0: 1, 1: 1, 2: 1, 3: 0, -1: 0} {
		if got := c.SleepMs(ctx, ms); got != want {
			t.Errorf("sleep %d: %d", ms, got)
		}
	}
	on.MaxSleepMs = 0
	if c := held(on); c.SleepMs(ctx, 0) != 1 || c.SleepMs(ctx, 1) != 0 {
		t.Error("max_sleep_ms 0 allows only 0")
	}
}

func TestASleepEndsWithTheRun(t *testing.T) {
	over, cancel := context.WithCancel(ctx)
	cancel()
	if open(nil).SleepMs(over, 1<<30) != 0 {
		t.Error("it slept on")
	}
}

func TestTheDatabaseHasOffsetsOfItsOwn(t *testing.T) {
	db := clock.NewTZDB()
	ok := func(offset int64) string { return fmt.Sprintf("0101%s00000000", le64(offset)) }
	for _, row := range []struct {
		zone string
		unix int64
		want string
	}{
		{"UTC", 0, ok(0)},
		{"Europe/Berlin", 1700000000, ok(3600)},
		{"Europe/Berlin", 1690000000, ok(7200)},
		{"Europe/Berlin", 4102444800 + 15778800, ok(7200)},
		{"Europe/Berlin", -1 << 40, ok(3208)}, // local mean time, before the first transition
		{"America/New_York", 1700000000, ok(-18000)},
		{"Asia/Kathmandu", 0, ok(19800)},
		{"US/Eastern", 1700000000, ok(-18000)},
		{"Mars/Olympus", 0, "006400000000000000"},
		{"", 0, "006400000000000000"},
		{"europe/berlin", 0, "006400000000000000"},
		{"UTC", 8210266876799, ok(0)},
		{"UTC", 8210266876800, "006500000000000000"},
		{"UTC", -8334601228800, ok(0)},
		{"UTC", -8334601228801, "006500000000000000"},
	} {
		wantHex(t, fmt.Sprint(row.zone, " at ", row.unix), db.Offset(row.zone, int32(row.unix), int32(row.unix>>32)), row.want)
	}
	for zone, want := range map[string]int32{"Europe/Berlin": 1, "Zulu": 1, "Europe/": 0, "Europe": 0, "../UTC": 0, "\xff": 0} {
		if got := db.IsValid(zone); got != want {
			t.Errorf("%q: %d", zone, got)
		}
	}
	if got := string(db.SnapshotID()); got != "tzdb-2025c" {
		t.Error(got)
	}
}

func le64(v int64) string {
	b := make([]byte, 8)
	for i := range b {
		b[i] = byte(uint64(v) >> (8 * i))
	}
	return hex.EncodeToString(b)
}

func BenchmarkFirstOffset(b *testing.B) {
	for b.Loop() {
		clock.NewTZDB().Offset("Europe/Berlin", 0, 0)
	}
}

func BenchmarkOffset(b *testing.B) {
	db := clock.NewTZDB()
	for b.Loop() {
		db.Offset("Europe/Berlin", 1700000000, 0)
	}
}
