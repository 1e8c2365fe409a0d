package sandbox

import (
	"context"
	"errors"
	"strings"
	"testing"
)

// env is a fake environment.
type env map[string]string

func (e env) lookup(key string) (string, bool) { v, ok := e[key]; return v, ok }

const failsClosed = `run-os-sandboxed defaults to sandbox_backend=vm and fails closed; effective sandbox backend is %

fix:
  - use a VM backend: --sandbox-backend=vm (default), or
  - explicitly accept weaker isolation: --i-accept-weaker-isolation (or set X07_I_ACCEPT_WEAKER_ISOLATION=1)`

func TestResolveFollowsFlagThenEnvironmentThenWorld(t *testing.T) {
	osClosed, noneClosed := strings.Replace(failsClosed, "%", "Os", 1), strings.Replace(failsClosed, "%", "None", 1)
	for _, c := range []struct {
		name   string
		world  string
		flag   string
		accept bool
		env    env
		want   Kind
		err    string
		code   int
	}{
		{name: "the sandboxed world defaults to vm", world: WorldRunOSSandboxed, want: KindVM},
		{name: "run-os defaults to none", world: WorldRunOS, want: KindNone},
		{name: "the environment decides without a flag", world: WorldRunOSSandboxed, accept: true, env: env{EnvBackend: " NaTive "}, want: KindOS},
		{name: "auto on the command line overrides the environment", world: WorldRunOSSandboxed, flag: "auto", env: env{EnvBackend: "os"}, want: KindVM},
		{name: "auto in the environment is the default", world: WorldRunOSSandboxed, env: env{EnvBackend: "AUTO"}, want: KindVM},
		{name: "a value that is not Unicode is unset", world: WorldRunOSSandboxed, env: env{EnvBackend: "\xff", EnvAccept: "\xff"}, want: KindVM},
		{name: "os needs acceptance", world: WorldRunOSSandboxed, flag: "os", err: osClosed, code: 2},
		{name: "native is os", world: WorldRunOSSandboxed, flag: "native", err: osClosed, code: 2},
		{name: "none needs acceptance", world: WorldRunOSSandboxed, env: env{EnvBackend: "none"}, err: noneClosed, code: 2},
		{name: "acceptance by flag", world: WorldRunOSSandboxed, flag: "none", accept: true, want: KindNone},
		{name: "acceptance by environment", world: WorldRunOSSandboxed, flag: "os", env: env{EnvAccept: " YES "}, want: KindOS},
		{name: "refusal by environment", world: WorldRunOSSandboxed, flag: "os", env: env{EnvAccept: "0"}, err: osClosed, code: 2},
		{name: "acceptance does not change the default", world: WorldRunOSSandboxed, accept: true, want: KindVM},
		{name: "run-os takes os without acceptance", world: WorldRunOS, flag: "os", want: KindOS},
		{name: "run-os has no vm", world: WorldRunOS, flag: "vm", err: "sandbox_backend=vm is only supported for --world run-os-sandboxed", code: 1},
		{name: "run-os has no vm from the environment either", world: WorldRunOS, env: env{EnvBackend: "vm"}, err: "sandbox_backend=vm is only supported for --world run-os-sandboxed", code: 1},
		{name: "the flag is case-sensitive", world: WorldRunOSSandboxed, flag: "VM", err: `invalid value "VM" for --sandbox-backend (expected one of: auto, vm, os, none)`, code: 2},
		{name: "a wrong variable fails", world: WorldRunOSSandboxed, env: env{EnvBackend: " Foo "}, err: `invalid environment variable X07_SANDBOX_BACKEND=" Foo ": invalid sandbox backend "foo" (expected one of: auto, vm, os, none)`, code: 2},
		{name: "an empty variable fails", world: WorldRunOSSandboxed, env: env{EnvBackend: ""}, err: `invalid environment variable X07_SANDBOX_BACKEND="": invalid sandbox backend "" (expected one of: auto, vm, os, none)`, code: 2},
		{name: "a wrong variable fails even when the flag decides", world: WorldRunOSSandboxed, flag: "vm", env: env{EnvBackend: "x"}, err: `invalid environment variable X07_SANDBOX_BACKEND="x": invalid sandbox backend "x" (expected one of: auto, vm, os, none)`, code: 2},
		{name: "a misspelt acceptance fails", world: WorldRunOSSandboxed, accept: true, env: env{EnvAccept: " True "}, err: `invalid environment variable X07_I_ACCEPT_WEAKER_ISOLATION="True" (expected one of: 1, 0, true, false, yes, no)`, code: 2},
	} {
		d, err := Resolve(Request{World: c.world, Flag: c.flag, AcceptFlag: c.accept, LookupEnv: c.env.lookup})
		switch {
		case c.err != "" && (err == nil || err.Error() != c.err || ExitCode(err) != c.code):
			t.Errorf("%s: got error %v (exit %d), want %s (exit %d)", c.name, err, ExitCode(err), c.err, c.code)
		case c.err == "" && (err != nil || d.Kind != c.want):
			t.Errorf("%s: got %v, %v; want %v", c.name, d.Kind, err, c.want)
		}
	}
}

// fake is a backend with a scripted preflight.
type fake struct {
	name   string
	reason string
}

func (f fake) Name() string { return f.name }

func (f fake) Preflight(context.Context) Status {
	return Status{Backend: f.name, Usable: f.reason == "", Reason: f.reason, Fix: "mend " + f.name}
}

func (f fake) Start(context.Context, Spec) (Guest, error) { return nil, errors.New("not started") }

func TestSelectFindsTheBackendOrSaysWhyNot(t *testing.T) {
	works := func(names ...string) []Backend {
		var out []Backend
		for _, name := range []string{"gvisor", "firecracker-ctr", "vz", "apple-container", "podman", "docker", "os"} {
			f := fake{name: name, reason: "it is broken"}
			for _, n := range names {
				if n == name {
					f.reason = ""
				}
			}
			out = append(out, f)
		}
		return out
	}
	for _, c := range []struct {
		name     string
		goos     string
		vm       string
		accept   bool
		backends []Backend
		want     string
		err      string // a part of the message
	}{
		{name: "Linux uses the embedded guest kernel", goos: "linux", backends: works("gvisor"), want: "gvisor"},
		{name: "Linux prefers firecracker where it works", goos: "linux", backends: works("gvisor", "firecracker-ctr"), want: "firecracker-ctr"},
		{name: "a named backend is used", goos: "linux", vm: " GVISOR ", backends: works("gvisor", "firecracker-ctr"), want: "gvisor"},
		{name: "an alias is used", goos: "linux", vm: "firecracker", backends: works("firecracker-ctr"), want: "firecracker-ctr"},
		{name: "a named backend that is broken is an error, not another backend", goos: "linux", vm: "firecracker-ctr", backends: works("gvisor"), err: "backend firecracker-ctr cannot be used here: it is broken\n\nfix:\n  - mend firecracker-ctr"},
		{name: "nothing works", goos: "linux", backends: works("os", "podman"), accept: true, err: "no supported VM backend found on Linux\n\nwhy:\n  - firecracker-ctr: it is broken (fix: mend firecracker-ctr)\n  - gvisor: it is broken (fix: mend gvisor)"},
		{name: "an unknown name", goos: "linux", vm: "Xen", backends: works("gvisor"), err: `invalid X07_VM_BACKEND="Xen" (expected one of: gvisor, apple-container, vz, docker, podman, firecracker-ctr)`},
		{name: "a name of another system", goos: "linux", vm: "vz", backends: works("vz"), err: "unsupported X07_VM_BACKEND=vz on Linux"},
		{name: "containers on Linux need acceptance", goos: "linux", vm: "podman", backends: works("podman"), err: "fails closed"},
		{name: "containers on Linux with acceptance", goos: "linux", vm: "podman", accept: true, backends: works("podman"), want: "podman"},
		{name: "macOS prefers Apple's container", goos: "darwin", backends: works("apple-container", "vz"), want: "apple-container"},
		{name: "macOS falls to vz", goos: "darwin", backends: works("vz", "docker"), want: "vz"},
		{name: "macOS uses containers only with acceptance", goos: "darwin", backends: works("docker"), err: "no supported VM backend found on macOS\n\nfix:\n  - install the signed"},
		{name: "macOS with acceptance", goos: "darwin", accept: true, backends: works("docker"), want: "docker"},
		{name: "gvisor is not for macOS", goos: "darwin", vm: "gvisor", backends: works("gvisor"), err: "unsupported X07_VM_BACKEND=gvisor on macOS"},
		{name: "other systems", goos: "freebsd", backends: works("gvisor"), err: "VM backend is not supported on this platform"},
	} {
		e := env{}
		if c.vm != "" {
			e[EnvVMBackend] = c.vm
		}
		d := Decision{Kind: KindVM, Accepted: c.accept, lookup: e.lookup}
		b, err := d.selectFor(t.Context(), c.backends, c.goos)
		switch {
		case c.err != "":
			if b != nil && err == nil || err == nil || !strings.Contains(err.Error(), c.err) || ExitCode(err) != 1 {
				t.Errorf("%s: got %v, error %v; want %q", c.name, b, err, c.err)
			}
		case err != nil || b.Name() != c.want:
			t.Errorf("%s: got %v, error %v; want %s", c.name, b, err, c.want)
		}
	}
}

func TestABackendOutsideThisBuildIsNeverUsable(t *testing.T) {
	a := Absent{Backend: "vz", Fix: "use gvisor"}
	st := a.Preflight(t.Context())
	if st.Usable || st.Reason == "" || st.Fix == "" {
		t.Errorf("got %+v", st)
	}
	if _, err := a.Start(t.Context(), Spec{}); err == nil {
		t.Error("it started")
	}
}
