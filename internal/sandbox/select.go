package sandbox

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"unicode/utf8"
)

// Worlds that have a boundary to choose.
const (
	WorldRunOS          = "run-os"
	WorldRunOSSandboxed = "run-os-sandboxed"
)

// Environment variables of the selection.
const (
	EnvBackend   = "X07_SANDBOX_BACKEND"
	EnvAccept    = "X07_I_ACCEPT_WEAKER_ISOLATION"
	EnvVMBackend = "X07_VM_BACKEND"
)

// Kind is what --sandbox-backend chooses between.
type Kind int

// Kinds of boundary.
const (
	// KindNone is no boundary: the program runs in this process, held to its
	// policy by the gate alone.
	KindNone Kind = iota
	// KindOS is the gate plus what the kernel offers to ordinary processes.
	KindOS
	// KindVM is a guest with a kernel of its own; which one, Select finds out.
	KindVM
)

// String returns the word --sandbox-backend uses.
func (k Kind) String() string { return [...]string{"none", "os", "vm"}[k] }

// title is the word as it appears in the fail-closed message.
func (k Kind) title() string { return [...]string{"None", "Os", "Vm"}[k] }

// kinds maps the words of --sandbox-backend and X07_SANDBOX_BACKEND. "auto" is
// resolved by the world.
var kinds = map[string]Kind{"none": KindNone, "os": KindOS, "native": KindOS, "vm": KindVM}

// UsageError is a mistake in how x07 was called; the exit code is 2.
type UsageError struct{ msg string }

func (e *UsageError) Error() string { return e.msg }

// BackendError is a boundary that cannot be had here. It is reported as a VM
// failure: a runner report on standard output and exit code 1.
type BackendError struct{ msg string }

func (e *BackendError) Error() string { return e.msg }

// ExitCode returns the exit code that a selection error calls for.
func ExitCode(err error) int {
	var usage *UsageError
	if errors.As(err, &usage) {
		return 2
	}
	return 1
}

func usagef(format string, args ...any) error { return &UsageError{fmt.Sprintf(format, args...)} }

func backendf(format string, args ...any) error { return &BackendError{fmt.Sprintf(format, args...)} }

// Request is what the command line and the environment ask for.
type Request struct {
	// World is WorldRunOS or WorldRunOSSandboxed.
	World string
	// Flag is the value of --sandbox-backend, "" when it was not given.
	Flag string
	// AcceptFlag says whether --i-accept-weaker-isolation was given.
	AcceptFlag bool
	// LookupEnv reads the environment; os.LookupEnv in x07.
	LookupEnv func(key string) (value string, set bool)
}

// Decision is a resolved Request.
type Decision struct {
	// Kind is the kind of boundary to use.
	Kind Kind
	// Accepted says that weaker isolation was accepted.
	Accepted bool

	lookup func(string) (string, bool)
}

// Resolve decides the kind of boundary. It starts nothing and looks at nothing
// but the request, so that a wrong flag is reported before a wrong policy and a
// wrong policy before a missing backend. Errors are *UsageError or *BackendError.
//
// Both variables are read even when a flag decides, so a malformed value never
// passes unnoticed. There is no fallback from one kind to another.
func Resolve(r Request) (Decision, error) {
	d := Decision{lookup: r.LookupEnv}
	fromEnv, err := parseBackendEnv(r.LookupEnv)
	if err != nil {
		return d, err
	}
	accepted, err := parseAcceptEnv(r.LookupEnv)
	if err != nil {
		return d, err
	}
	d.Accepted = accepted || r.AcceptFlag

	word := "auto"
	switch {
	case r.Flag != "":
		if _, ok := kinds[r.Flag]; !ok && r.Flag != "auto" {
			return d, usagef("invalid value %q for --sandbox-backend (expected one of: auto, vm, os, none)", r.Flag)
		}
		word = r.Flag
	case fromEnv != "":
		word = fromEnv
	}
	sandboxed := r.World == WorldRunOSSandboxed
	switch {
	case word != "auto":
		d.Kind = kinds[word]
	case sandboxed:
		d.Kind = KindVM
	}
	switch {
	case !sandboxed && d.Kind == KindVM:
		return d, backendf("sandbox_backend=vm is only supported for --world run-os-sandboxed")
	case sandboxed && d.Kind != KindVM && !d.Accepted:
		return d, usagef(`run-os-sandboxed defaults to sandbox_backend=vm and fails closed; effective sandbox backend is %s

fix:
  - use a VM backend: --sandbox-backend=vm (default), or
  - explicitly accept weaker isolation: --i-accept-weaker-isolation (or set X07_I_ACCEPT_WEAKER_ISOLATION=1)`, d.Kind.title())
	}
	return d, nil
}

// parseBackendEnv reads X07_SANDBOX_BACKEND: trimmed, in any case. It returns ""
// when the variable is unset or not Unicode.
func parseBackendEnv(lookup func(string) (string, bool)) (string, error) {
	raw, set := lookup(EnvBackend)
	if !set || !utf8.ValidString(raw) {
		return "", nil
	}
	word := strings.ToLower(strings.TrimSpace(raw))
	if _, ok := kinds[word]; !ok && word != "auto" {
		return "", usagef("invalid environment variable %s=%q: invalid sandbox backend %q (expected one of: auto, vm, os, none)", EnvBackend, raw, word)
	}
	return word, nil
}

// parseAcceptEnv reads X07_I_ACCEPT_WEAKER_ISOLATION: trimmed, exact spellings.
func parseAcceptEnv(lookup func(string) (string, bool)) (bool, error) {
	raw, set := lookup(EnvAccept)
	if !set || !utf8.ValidString(raw) {
		return false, nil
	}
	word := strings.TrimSpace(raw)
	switch word {
	case "1", "true", "TRUE", "yes", "YES":
		return true, nil
	case "0", "false", "FALSE", "no", "NO":
		return false, nil
	}
	return false, usagef("invalid environment variable %s=%q (expected one of: 1, 0, true, false, yes, no)", EnvAccept, word)
}

// OSName is the name of the oslevel backend.
const OSName = "os"

// vmBackends are the words X07_VM_BACKEND accepts, with their canonical names.
var vmBackends = map[string]string{
	"gvisor":          "gvisor",
	"firecracker-ctr": "firecracker-ctr",
	"firecracker":     "firecracker-ctr",
	"apple-container": "apple-container",
	"container":       "apple-container",
	"vz":              "vz",
	"podman":          "podman",
	"docker":          "docker",
}

// platform is how one operating system chooses a VM backend.
type platform struct {
	name string // as in messages
	// auto lists the backends that are tried in order when none is named.
	auto []string
	// weaker lists the backends that need accepted weaker isolation; they are
	// tried after auto once it is accepted, if weakerAuto says so.
	weaker     []string
	weakerAuto bool
	// named lists all backends that may be named.
	named []string
	// none is the message when no backend of auto is usable.
	none string
}

var platforms = map[string]platform{
	"linux": {
		name:   "Linux",
		auto:   []string{"firecracker-ctr", "gvisor"},
		weaker: []string{"podman", "docker"},
		named:  []string{"gvisor", "firecracker-ctr", "podman", "docker"},
		none:   "no supported VM backend found on Linux",
	},
	"darwin": {
		name:       "macOS",
		auto:       []string{"apple-container", "vz"},
		weaker:     []string{"podman", "docker"},
		weakerAuto: true,
		named:      []string{"apple-container", "vz", "podman", "docker"},
		none: `no supported VM backend found on macOS

fix:
  - install the signed x07-vz-helper helper + provide a VZ guest bundle (X07_VM_VZ_GUEST_BUNDLE), or
  - on macOS 26+: install and start Apple container, or
  - (weaker isolation) set X07_I_ACCEPT_WEAKER_ISOLATION=1 and use Docker Desktop / Podman`,
	},
}

// Select returns the backend that d calls for among backends, after its
// preflight. For KindNone it returns nil. Errors are *BackendError.
func (d Decision) Select(ctx context.Context, backends []Backend) (Backend, error) {
	return d.selectFor(ctx, backends, runtime.GOOS)
}

func (d Decision) selectFor(ctx context.Context, backends []Backend, goos string) (Backend, error) {
	switch d.Kind {
	case KindNone:
		return nil, nil
	case KindOS:
		b := find(backends, OSName)
		if b == nil {
			return nil, backendf("backend os is not part of this build")
		}
		return b, preflight(ctx, b)
	}
	p, ok := platforms[goos]
	if !ok {
		return nil, backendf("VM backend is not supported on this platform")
	}
	raw, _ := d.lookup(EnvVMBackend)
	if word := strings.ToLower(strings.TrimSpace(raw)); word != "" {
		name, ok := vmBackends[word]
		if !ok {
			return nil, backendf("invalid %s=%q (expected one of: gvisor, apple-container, vz, docker, podman, firecracker-ctr)", EnvVMBackend, raw)
		}
		return d.named(ctx, backends, p, name)
	}
	candidates := p.auto
	if d.Accepted && p.weakerAuto {
		candidates = slices.Concat(p.auto, p.weaker)
	}
	var reasons []string
	for _, name := range candidates {
		b := find(backends, name)
		if b == nil {
			continue
		}
		st := b.Preflight(ctx)
		if st.Usable {
			return b, nil
		}
		reasons = append(reasons, "  - "+name+": "+explain(st))
	}
	return nil, backendf("%s\n\nwhy:\n%s", p.none, strings.Join(reasons, "\n"))
}

// named returns the backend called name, or says why it cannot be used.
func (d Decision) named(ctx context.Context, backends []Backend, p platform, name string) (Backend, error) {
	if !slices.Contains(p.named, name) {
		return nil, backendf("unsupported %s=%s on %s (expected one of: %s)", EnvVMBackend, name, p.name, strings.Join(p.named, ", "))
	}
	// macOS lets docker and podman be named without acceptance, as 0.1.17 did.
	if !d.Accepted && !p.weakerAuto && slices.Contains(p.weaker, name) {
		return nil, backendf(`%s=%s shares this machine's kernel with the program and fails closed

fix:
  - use the embedded guest kernel: unset %s, or
  - explicitly accept weaker isolation: --i-accept-weaker-isolation (or set %s=1)`, EnvVMBackend, name, EnvVMBackend, EnvAccept)
	}
	b := find(backends, name)
	if b == nil {
		return nil, backendf("backend %s is not part of this build", name)
	}
	return b, preflight(ctx, b)
}

func find(backends []Backend, name string) Backend {
	for _, b := range backends {
		if b.Name() == name {
			return b
		}
	}
	return nil
}

// preflight turns a failed preflight into an error.
func preflight(ctx context.Context, b Backend) error {
	st := b.Preflight(ctx)
	if st.Usable {
		return nil
	}
	msg := fmt.Sprintf("backend %s cannot be used here: %s", st.Backend, st.Reason)
	if st.Fix != "" {
		msg += "\n\nfix:\n  - " + st.Fix
	}
	return &BackendError{msg}
}

func explain(st Status) string {
	if st.Fix == "" {
		return st.Reason
	}
	return st.Reason + " (fix: " + st.Fix + ")"
}

// Survey returns the status of every backend, in order, for `x07 doctor`. With
// probe, usable backends that can be probed are started once.
func Survey(ctx context.Context, backends []Backend, probe bool) []Status {
	out := make([]Status, 0, len(backends))
	for _, b := range backends {
		st := b.Preflight(ctx)
		if p, ok := b.(Prober); ok && probe && st.Usable {
			st = p.Probe(ctx)
		}
		out = append(out, st)
	}
	return out
}

// Absent is a backend that is known but not part of this build. It is never
// usable; naming it gets its reason and fix.
type Absent struct {
	// Backend is the canonical name.
	Backend string
	// Strength is what it would give.
	Strength Isolation
	// Fix says what to use instead.
	Fix string
}

// Name implements Backend.
func (a Absent) Name() string { return a.Backend }

// Preflight implements Backend.
func (a Absent) Preflight(context.Context) Status {
	return Status{Backend: a.Backend, Isolation: a.Strength, Reason: "backend " + a.Backend + " is not part of this build", Fix: a.Fix}
}

// Start implements Backend. It always fails.
func (a Absent) Start(ctx context.Context, _ Spec) (Guest, error) {
	return nil, backendf("%s", a.Preflight(ctx).Reason)
}
