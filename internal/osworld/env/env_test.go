package env_test

import (
	"testing"

	"x07/internal/osworld/effect"
	"x07/internal/osworld/env"
	"x07/internal/policy"
)

func lookup(key string) (string, bool) {
	v, ok := map[string]string{"A": "1", "EMPTY": "", "SECRET": "s"}[key]
	return v, ok
}

func TestRunOSReadsAnyVariable(t *testing.T) {
	e := env.New(effect.Door{Gate: policy.AllowAll()}, lookup)
	for key, want := range map[string]string{"A": "1", "EMPTY": "", "UNSET": "", "": "", "A=1": "", "SECRET": "s"} {
		if got, err := e.Get(key); err != nil || string(got) != want {
			t.Errorf("%s: %q, %v", key, got, err)
		}
	}
	if _, err := e.Get("a\x00"); err == nil || err.Error() != "os.env.get key contains NUL" {
		t.Errorf("NUL: %v", err)
	}
	if got, err := env.New(effect.Door{Gate: policy.AllowAll()}, nil).Get("A"); err != nil || len(got) != 0 {
		t.Errorf("without an environment: %q, %v", got, err)
	}
}

func TestAPolicyListsWhatMayBeRead(t *testing.T) {
	gate := func(e policy.Env) effect.Door {
		return effect.Door{Gate: policy.FromPolicy(&policy.Policy{Env: e}, policy.Options{})}
	}
	e := env.New(gate(policy.Env{Enabled: true, AllowKeys: []string{"A", "SECRET", "UNSET"}, DenyKeys: []string{"SECRET"}}), lookup)
	if got, err := e.Get("A"); err != nil || string(got) != "1" {
		t.Errorf("A: %q, %v", got, err)
	}
	if got, err := e.Get("UNSET"); err != nil || len(got) != 0 {
		t.Errorf("UNSET: %q, %v", got, err)
	}
	for key, want := range map[string]string{"SECRET": "os.env.get key denied", "EMPTY": "os.env.get key not allowed", "a": "os.env.get key not allowed"} {
		if _, err := e.Get(key); err == nil || err.Error() != want {
			t.Errorf("%s: %v, want %s", key, err, want)
		}
	}
	if _, err := env.New(gate(policy.Env{AllowKeys: []string{"A"}}), lookup).Get("A"); err == nil || err.Error() != "os.env disabled by policy" {
		t.Errorf("disabled: %v", err)
	}
}
