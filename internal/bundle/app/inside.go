package app

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"x07/internal/bundle/image"
	"x07/internal/guest"
	"x07/internal/guest/wire"
	"x07/internal/sandbox/oslevel"
)

// answer serves one job over standard input and output: this process is inside
// of a guest. The artifact comes from the host's stream, the machine code from
// the image, where nobody but the image's maker could have put it.
func answer(im *image.Image) error {
	code, err := im.Section(image.Code)
	if err != nil {
		return err
	}
	if _, err := oslevel.Enter(); err != nil {
		return fmt.Errorf("confine: %w", err)
	}
	// A soft stop ends the program, and what it came to is still told.
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	err = guest.Serve(ctx, stdio{os.Stdin, os.Stdout}, func(ctx context.Context, s guest.Served) (wire.Response, []byte) {
		return guest.AnswerWith(ctx, s, code)
	})
	if err != nil {
		return fmt.Errorf("talk to the host (this is the inside of a VM bundle, which its launcher starts in a guest): %w", err)
	}
	return nil
}

// stdio is standard input and output as one stream.
type stdio struct {
	io.Reader
	io.Writer
}

// Close closes both.
func (stdio) Close() error {
	os.Stdin.Close()
	return os.Stdout.Close()
}
