package policy

import "strconv"

// EnvGet decides reading the variable key. Denials trap. A key on deny_keys is
// refused whatever allow_keys says.
func (g *Gate) EnvGet(key string) Decision {
	if g.open {
		return allow(OpEnvGet, key, "")
	}
	if !g.p.Env.Enabled {
		return refuseTrap(OpEnvGet, key, Disabled, "env.enabled", "os.env disabled by policy", turnOn)
	}
	if i, denied := g.envDeny[key]; denied {
		return refuseTrap(OpEnvGet, key, Denied, "env.deny_keys", "os.env.get key denied",
			patch{verb: patchRemoveItem, path: indexed("/env/deny_keys", i)})
	}
	if _, ok := g.envAllow[key]; !ok {
		return refuseTrap(OpEnvGet, key, Denied, "env.allow_keys", "os.env.get key not allowed", appendItem(key))
	}
	return allow(OpEnvGet, key, "env.allow_keys")
}

// EnvKeys returns the variables that are passed from the host into a guest:
// those the program may read, in policy order. Nil in run-os.
func (g *Gate) EnvKeys() []string {
	if g.open || !g.p.Env.Enabled {
		return nil
	}
	var keys []string
	for _, item := range g.p.Env.AllowKeys {
		key := trimItem(item)
		if _, denied := g.envDeny[key]; !denied && key != "" {
			keys = append(keys, key)
		}
	}
	return keys
}

// TimeUnix decides os.time.now_unix_ms. Denials trap.
func (g *Gate) TimeUnix() Decision {
	return g.clock(OpTimeUnix, "time.allow_wall_clock", 0, "os.time disabled by policy", "os.time.now_unix_ms disabled by policy")
}

// TimeInstant decides os.time.now_instant_v1; a refusal has code 300.
func (g *Gate) TimeInstant() Decision {
	return g.clock(OpTimeInstant, "time.allow_wall_clock", timeDenied, "", "")
}

// TimeMonotonic decides any reading of a monotonic clock; a refusal has code 300.
func (g *Gate) TimeMonotonic() Decision {
	return g.clock(OpTimeMonotonic, "time.allow_monotonic", timeDenied, "", "")
}

// TimeTZID decides os.time.local_tzid_v1; a refusal has code 1.
func (g *Gate) TimeTZID() Decision {
	return g.clock(OpTimeTZID, "time.allow_local_tzid", tzDenied, "", "")
}

// TimeSleep decides sleeping ms milliseconds. A refused sleep returns 0 to the
// program without sleeping; the decision has neither code nor trap. Its target
// is the number of milliseconds.
func (g *Gate) TimeSleep(ms int64) Decision {
	d := g.clock(OpTimeSleep, "time.allow_sleep", 0, "", "")
	d.Target = strconv.FormatInt(ms, 10)
	if d.Allowed && !g.open && ms > 0 && uint64(ms) > g.p.Time.MaxSleepMs {
		return refuse(OpTimeSleep, d.Target, Denied, "time.max_sleep_ms", 0, raise(ms, maxSleepMs))
	}
	return d
}

func (g *Gate) clock(op Op, field string, code int32, disabled, denied string) Decision {
	if g.open {
		return allow(op, "", "")
	}
	if !g.p.Time.Enabled {
		d := refuse(op, "", Disabled, "time.enabled", code, turnOn)
		d.Trap = disabled
		return d
	}
	var on bool
	switch field {
	case "time.allow_wall_clock":
		on = g.p.Time.AllowWallClock
	case "time.allow_monotonic":
		on = g.p.Time.AllowMonotonic
	case "time.allow_local_tzid":
		on = g.p.Time.AllowLocalTZID
	case "time.allow_sleep":
		on = g.p.Time.AllowSleep
	}
	if !on {
		d := refuse(op, "", Denied, field, code, turnOn)
		d.Trap = denied
		return d
	}
	return allow(op, "", field)
}

// Random records the reading of random bytes, which no policy restricts.
func (g *Gate) Random() Decision { return allow(OpRandom, "", "") }

// ThreadLimits is how many host threads may serve the program.
type ThreadLimits struct {
	// Workers is the most worker threads; 0 leaves the choice to the host.
	Workers int
	// Blocking is how many blocking calls may be in flight; Queue how many may
	// wait. Negative means no limit. With Blocking 0 nothing may be handed to
	// another thread.
	Blocking, Queue int
}

// Threads returns the ceilings of threads.*; a section that is switched off
// allows no helper thread.
func (g *Gate) Threads() ThreadLimits {
	if g.open {
		return ThreadLimits{Blocking: -1, Queue: -1}
	}
	t := g.p.Threads
	if !t.Enabled {
		return ThreadLimits{}
	}
	return ThreadLimits{Workers: int(t.MaxWorkers), Blocking: int(t.MaxBlocking), Queue: int(t.MaxQueue)}
}
