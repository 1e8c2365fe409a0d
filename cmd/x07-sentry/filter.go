//go:build linux

package main

import (
	"fmt"

	"golang.org/x/sys/unix"
	"gvisor.dev/gvisor/pkg/abi/linux"
	"gvisor.dev/gvisor/pkg/bpf"
	"gvisor.dev/gvisor/pkg/seccomp"
	"gvisor.dev/gvisor/pkg/sentry/platform"
	"gvisor.dev/gvisor/runsc/boot/filter/config"
)

// filter is gVisor's own seccomp filter for the guest kernel, the rules that gVisor
// would install by itself and a few more, compiled while the kernel is being built:
// the compilation takes 5 ms, as long as the building.
type filter struct {
	done   chan struct{}
	instrs []bpf.Instruction
	err    error
}

// compileFilter starts compiling. controlFD is the control server's descriptor,
// which the rules name. The platform's rules do not depend on an instance of it.
func compileFilter(p platform.Constructor, controlFD int) (*filter, error) {
	infos := p.PrecompiledSeccompInfo()
	if len(infos) != 1 {
		return nil, fmt.Errorf("the platform has %d sets of seccomp rules, want 1", len(infos))
	}
	f := &filter{done: make(chan struct{})}
	go func() {
		defer close(f.done)
		opts := config.Options{Platform: infos[0], HostFilesystem: true, ControllerFD: uint32(controlFD)}
		options := config.SeccompOptions(opts)
		allow, deny := config.Rules(opts)
		f.instrs, _, f.err = seccomp.BuildProgram([]seccomp.RuleSet{
			{Rules: deny, Action: options.DefaultAction},
			{Rules: setIDRules(), Action: linux.SECCOMP_RET_ERRNO.WithReturnCode(uint16(unix.EPERM))},
			{Rules: allow, Action: linux.SECCOMP_RET_ALLOW},
		}, options)
	}()
	return f, nil
}

// setIDRules match every way of giving a host file a set-user-ID or set-group-ID
// bit. gVisor would pass a guest's chmod on to the host, where a file of the user
// who runs x07, root perhaps, would stay behind that gives this user's rights to
// whoever executes it.
func setIDRules() seccomp.SyscallRules {
	any := seccomp.AnyValue{}
	modeAt := func(n int, before ...seccomp.ValueMatcher) seccomp.SyscallRule {
		var rules seccomp.Or
		for _, bit := range []uintptr{unix.S_ISUID, unix.S_ISGID} {
			var rule seccomp.PerArg
			copy(rule[:], before)
			for i := len(before); i < n; i++ {
				rule[i] = any
			}
			rule[n] = seccomp.MaskedEqual(bit, bit)
			rules = append(rules, rule)
		}
		return rules
	}
	creates := seccomp.MaskedEqual(unix.O_CREAT, unix.O_CREAT)
	return seccomp.MakeSyscallRules(map[uintptr]seccomp.SyscallRule{
		unix.SYS_FCHMOD:   modeAt(1),
		unix.SYS_FCHMODAT: modeAt(2),
		unix.SYS_MKDIRAT:  modeAt(2),
		unix.SYS_MKNODAT:  modeAt(2),
		unix.SYS_OPENAT:   modeAt(3, any, any, creates),
	})
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
