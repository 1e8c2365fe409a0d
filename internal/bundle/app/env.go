package app

import (
	"x07/internal/bundle/policyenv"
	"x07/internal/policy"
)

// policyEnvironment is the environment of a program that is held to a policy:
// the variables that describe the policy, which win, and then the caller's.
func policyEnvironment(p *policy.Policy, caller func(string) (string, bool)) func(string) (string, bool) {
	own := policyenv.Of(p)
	return func(key string) (string, bool) {
		if v, set := own[key]; set {
			return v, true
		}
		return caller(key)
	}
}
