// Package backends lists the backends of this build. It is the only place that
// knows them all; commands pass the list to sandbox.Decision.Select and
// sandbox.Survey.
package backends

import (
	"x07/internal/sandbox"
	"x07/internal/sandbox/gvisor"
	"x07/internal/sandbox/oslevel"
)

// All returns every backend that X07 knows, usable here or not, in the order in
// which `x07 doctor` shows them. lookup reads the environment: os.LookupEnv in x07.
func All(lookup func(string) (string, bool)) []sandbox.Backend {
	get := func(key string) string { value, _ := lookup(key); return value }
	instead := "use the embedded guest kernel on Linux (unset " + sandbox.EnvVMBackend + ", or set it to gvisor)"
	return []sandbox.Backend{
		gvisor.New(gvisor.Options{Sentry: get(gvisor.BinaryEnv), Platform: get(gvisor.PlatformEnv)}),
		sandbox.Absent{Backend: "firecracker-ctr", Strength: sandbox.IsolationVM, Fix: instead},
		sandbox.Absent{Backend: "vz", Strength: sandbox.IsolationVM, Fix: instead},
		sandbox.Absent{Backend: "apple-container", Strength: sandbox.IsolationVM, Fix: instead},
		sandbox.Absent{Backend: "podman", Strength: sandbox.IsolationContainer, Fix: instead},
		sandbox.Absent{Backend: "docker", Strength: sandbox.IsolationContainer, Fix: instead},
		oslevel.New(),
	}
}
