// Package env reads environment variables for a program, as far as the policy
// lets it. It takes a key and returns the value; it never lists variables and
// never changes one.
package env

import (
	"strings"

	"x07/internal/osworld/effect"
)

// Env is the environment of one run: a snapshot that Lookup answers from.
type Env struct {
	door   effect.Door
	lookup func(key string) (string, bool)
}

// New returns the environment that lookup answers for. A nil lookup is an empty
// environment.
func New(door effect.Door, lookup func(key string) (string, bool)) *Env {
	if lookup == nil {
		lookup = func(string) (string, bool) { return "", false }
	}
	return &Env{door: door, lookup: lookup}
}

// Get returns the value of key, empty when it is unset. The error is an
// effect.Trap: a refusal of the policy, or a NUL in the key.
func (e *Env) Get(key string) ([]byte, error) {
	d := e.door.Gate.EnvGet(key)
	if !d.Allowed {
		return nil, e.door.Refused(d)
	}
	if strings.IndexByte(key, 0) >= 0 {
		return nil, effect.Trap("os.env.get key contains NUL")
	}
	start := e.door.Start()
	value, _ := e.lookup(key)
	if uint64(len(value)) > 1<<32-1 {
		return nil, effect.Trap("os.env.get value too large")
	}
	e.door.Done(d, int64(len(value)), start, 0)
	return []byte(value), nil
}
