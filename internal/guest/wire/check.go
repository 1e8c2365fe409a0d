package wire

import (
	"encoding/json"
	"fmt"
	"strings"
	"unicode/utf8"

	"x07/internal/policy"
)

// What a Response may hold at most. Anything larger did not come from our own
// runner.
const (
	maxText    = 64 << 10 // one message: a contract trap carries its witnesses
	maxName    = 4 << 10  // module, function, pointer
	maxDenials = 1000
	maxNotes   = 64
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
	if len(r.Denials) > maxDenials || len(r.Notes) > maxNotes {
		return fmt.Errorf("%w: %d denials, %d notes", ErrProtocol, len(r.Denials), len(r.Notes))
	}
	for _, n := range r.Notes {
		if err := checkText("note", n, maxText); err != nil {
			return err
		}
	}
	return checkDenials(r.Denials)
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

func checkDenials(denials []policy.Denial) error {
	for _, d := range denials {
		if !d.Op.Known() || len(d.Patch) > 4 {
			return fmt.Errorf("%w: denial of %.40q", ErrProtocol, d.Op)
		}
		for _, text := range []string{d.Target, d.Class, d.Field} {
			if err := checkText("denial", text, maxName); err != nil {
				return err
			}
		}
		for _, p := range d.Patch {
			if err := checkText("denial.patch", p.Op+p.Path, maxName); err != nil {
				return err
			}
			if v, err := json.Marshal(p.Value); err != nil || len(v) > maxName {
				return fmt.Errorf("%w: denial.patch value", ErrProtocol)
			}
		}
	}
	return nil
}
