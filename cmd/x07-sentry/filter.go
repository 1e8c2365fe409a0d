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

// compileFilter starts compiling. controlFD is the control server's descriptor,
// which the rules name. A platform whose rules depend on more than is known now
// gets none: gVisor then compiles and installs the filter itself.
func compileFilter(p platform.Constructor, controlFD int) *filter {
	infos := p.PrecompiledSeccompInfo()
	if len(infos) != 1 || len(infos[0].Variables()) != 0 {
		return nil
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
	return f
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
