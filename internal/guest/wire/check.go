package wire

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"x07/internal/policy"
)

// What a Response may hold at most. Anything larger did not come from our own
// runner.
const (
	maxText  = 64 << 10 // one message: a contract trap carries its witnesses
	maxName  = 4 << 10  // module, function, pointer
	maxNotes = 64
)

// Check validates a Response that came out of a guest: lengths, characters and
// combinations. Text is printable UTF-8, so that a report or a terminal that
// shows it cannot be made to do anything else.
func (r *Response) Check() error {
	if err := checkText("error", r.Error, maxText); err != nil {
		return err
	}
	if r.ExitCode < 0 || r.ExitCode > 255 || r.CPU < 0 || r.Wall < 0 || r.Startup < 0 {
		return fmt.Errorf("%w: exit code %d, cpu %v, wall %v, startup %v", ErrProtocol, r.ExitCode, r.CPU, r.Wall, r.Startup)
	}
	if t := r.Trap; t != nil {
		for _, f := range []struct {
			name, text string
			limit      int
		}{{"trap.message", t.Message, maxText}, {"trap.module", t.Module, maxName}, {"trap.fn", t.Func, maxName}, {"trap.ptr", t.Ptr, maxName}} {
			if err := checkText(f.name, f.text, f.limit); err != nil {
				return err
			}
		}
		if r.Stats != nil {
			return fmt.Errorf("%w: statistics after a trap", ErrProtocol)
		}
	}
	if len(r.Notes) > maxNotes {
		return fmt.Errorf("%w: %d notes", ErrProtocol, len(r.Notes))
	}
	for _, n := range r.Notes {
		if err := checkText("note", n, maxText); err != nil {
			return err
		}
	}
	var err error
	if r.Denials, err = policy.CheckDenials(r.Denials); err != nil {
		return fmt.Errorf("%w: %v", ErrProtocol, err)
	}
	return nil
}

func checkText(what, s string, limit int) error {
	if len(s) > limit {
		return fmt.Errorf("%w: %s of %d bytes, the limit is %d", ErrProtocol, what, len(s), limit)
	}
	if !utf8.ValidString(s) || strings.ContainsFunc(s, func(r rune) bool { return r < 0x20 && r != '\n' && r != '\t' || r == 0x7f }) {
		return fmt.Errorf("%w: %s has control characters", ErrProtocol, what)
	}
	return nil
}
