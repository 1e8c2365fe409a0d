package cli

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"x07/internal/guest"
	"x07/internal/sandbox/oslevel"
)

// guestMain is x07-os-runner inside a guest: it confines itself where the
// backend relies on that, and then answers one job over standard input and
// output.
func guestMain() int {
	if _, err := oslevel.Enter(); err != nil {
		fmt.Fprintln(os.Stderr, "x07-os-runner: confine:", err)
		return exitUsage
	}
	// A soft stop ends the program, and what it came to is still told.
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	conn := guestConn{Reader: os.Stdin, Writer: os.Stdout, close: func() error { os.Stdin.Close(); return os.Stdout.Close() }}
	if err := guest.Serve(ctx, conn, guest.Answer); err != nil {
		fmt.Fprintln(os.Stderr, "x07-os-runner:", err)
		return exitUsage
	}
	return exitOK
}

// guestConn is standard input and output as one stream.
type guestConn struct {
	io.Reader
	io.Writer
	close func() error
}

func (c guestConn) Close() error { return c.close() }
