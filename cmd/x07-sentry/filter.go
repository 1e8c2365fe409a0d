//go:build linux

package main

import (
	"fmt"

	"gvisor.dev/gvisor/pkg/abi/linux"
	"gvisor.dev/gvisor/pkg/bpf"
	"gvisor.dev/gvisor/pkg/seccomp"
	"gvisor.dev/gvisor/pkg/sentry/platform"
	"gvisor.dev/gvisor/runsc/boot/filter/config"
)

// filter is gVisor's own seccomp filter for the guest kernel, the same rules that
// gVisor would install by itself, compiled while the kernel is being built: the
// compilation takes 5 ms, as long as the building.
type filter struct {
	done   chan struct{}
	instrs []bpf.Instruction
	err    error
}

// filteredPlatform is the platform whose rules are known before it exists. The
// filter of another platform is left to gVisor.
const filteredPlatform = "systrap"

// compileFilter starts compiling. controlFD is the control server's descriptor,
// which the rules name.
func compileFilter(controlFD int) (*filter, error) {
	constructor, err := platform.Lookup(filteredPlatform)
	if err != nil {
		return nil, fmt.Errorf("look up platform: %w", err)
	}
	infos := constructor.PrecompiledSeccompInfo()
	if len(infos) != 1 {
		return nil, fmt.Errorf("platform %s has %d sets of seccomp rules, want 1", filteredPlatform, len(infos))
	}
	f := &filter{done: make(chan struct{})}
	go func() {
		defer close(f.done)
		opts := config.Options{Platform: infos[0], HostFilesystem: true, ControllerFD: uint32(controlFD)}
		options := config.SeccompOptions(opts)
		allow, deny := config.Rules(opts)
		f.instrs, _, f.err = seccomp.BuildProgram([]seccomp.RuleSet{
			{Rules: deny, Action: options.DefaultAction},
			{Rules: allow, Action: linux.SECCOMP_RET_ALLOW},
		}, options)
	}()
	return f, nil
}

// install puts the filter on every thread of this process.
func (f *filter) install() error {
	<-f.done
	if f.err != nil {
		return fmt.Errorf("compile seccomp filter: %w", f.err)
	}
	if err := seccomp.SetFilter(f.instrs); err != nil {
		return fmt.Errorf("install seccomp filter: %w", err)
	}
	return nil
}
