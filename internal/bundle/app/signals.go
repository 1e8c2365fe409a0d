package app

import (
	"context"
	"os"
	"os/signal"
	"sync/atomic"
	"syscall"
	"time"
)

// endings are the signals that ask a program to end.
var endings = []os.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP}

// patience is how long the program, or its guest, may take to end after that.
const patience = 2 * time.Second

// interrupt is the signal that ended a run.
type interrupt struct {
	sig atomic.Pointer[syscall.Signal]
}

// got is the signal, nil when there was none.
func (i *interrupt) got() *syscall.Signal { return i.sig.Load() }

// watchSignals returns a context that ends with the first signal that asks the
// program to end. So what the program started is ended before the process is,
// which then dies of the signal itself. A second signal, or a program that does
// not end, ends the process at once. Signals that the parent had ignored stay
// ignored, as nohup expects.
func watchSignals() (context.Context, *interrupt) {
	ctx, cancel := context.WithCancel(context.Background())
	in := &interrupt{}
	arrived := make(chan os.Signal, 2)
	for _, s := range endings {
		if !signal.Ignored(s) {
			signal.Notify(arrived, s)
		}
	}
	go func() {
		s := (<-arrived).(syscall.Signal)
		in.sig.Store(&s)
		cancel()
		select {
		case <-arrived:
		case <-time.After(patience):
		}
		os.Exit(dieOf(&s))
	}()
	return ctx, in
}

// dieOf ends the process by a signal that arrived. It returns the exit status
// that says the same, for where a signal cannot end the process, such as the
// first one of a container.
func dieOf(s *syscall.Signal) int { return dieLike(128 + int(*s)) }

// dieLike ends the process as status says: above 128 by a signal, where the
// system lets it, so that a shell sees what it would of a native program.
func dieLike(status int) int {
	if n := status - 128; n > 0 && n < 32 {
		dieBy(syscall.Signal(n))
	}
	return status
}
