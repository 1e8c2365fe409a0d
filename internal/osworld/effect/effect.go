// Package effect is what the capability packages of the OS worlds share: the
// gate that decides an effect, the audit that records it, and the trap that
// ends the program. It performs no effect itself.
package effect

import (
	"time"

	"x07/internal/policy"
)

// Trap is an error that ends the program; its text is the trap message.
type Trap string

// Error returns the trap message.
func (t Trap) Error() string { return string(t) }

// Door is how a capability asks before it acts, and says what came of it.
// Allowed effects are recorded once, after they happened; refused ones when
// they are refused. With a nil Audit recording costs one comparison.
type Door struct {
	Gate  *policy.Gate
	Audit *policy.Audit
}

// Start returns when an effect began, or the zero time when nobody listens.
func (d *Door) Start() time.Time {
	if d.Audit == nil {
		return time.Time{}
	}
	return time.Now()
}

// Done records an effect that began at start, moved n bytes and ended with code
// (0 when it went well).
func (d *Door) Done(dec policy.Decision, n int64, start time.Time, code int32) {
	if d.Audit != nil {
		d.Audit.Record(dec, n, time.Since(start), code)
	}
}

// Refused records a refusal and returns its trap, nil when the refusal is
// reported by code.
func (d *Door) Refused(dec policy.Decision) error {
	d.Audit.Deny(dec)
	if dec.Trap == "" {
		return nil
	}
	return Trap(dec.Trap)
}
