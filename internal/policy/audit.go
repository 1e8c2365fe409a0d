package policy

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode"
	"unicode/utf8"
)

// Denial is one refused operation, as reports show it. Equal denials are one,
// with a count.
type Denial struct {
	Op     Op        `json:"op"`
	Target string    `json:"target"`
	Class  string    `json:"class"`
	Field  string    `json:"field"`
	Patch  []PatchOp `json:"patch,omitempty"`
	Count  int       `json:"count"`
}

// String says in one line what was refused and which field of the policy did
// it. Without a field no policy would have allowed it, and it says what is wrong.
func (d Denial) String() string {
	switch {
	case d.Field != "":
		return fmt.Sprintf("denied by the policy: %s %s (%s)", d.Op, d.Target, d.Field)
	case d.Class == BadPath.String():
		return fmt.Sprintf("refused: %s %s (expected a relative path that names something, without .., \\ and empty parts)", d.Op, d.Target)
	}
	return fmt.Sprintf("refused: %s %s (%s)", d.Op, d.Target, d.Class)
}

// AuditLine is one line of an audit log: one effect of the program.
type AuditLine struct {
	Op       Op     `json:"op"`
	Target   string `json:"target"`
	Decision string `json:"decision"` // "allow" or "deny"
	Class    string `json:"class,omitempty"`
	Field    string `json:"field"`
	// Bytes is how much was read, written, sent or received; Ms how long it
	// took; Code the error that an allowed operation met, in its own error space.
	Bytes int64   `json:"bytes"`
	Ms    float64 `json:"ms"`
	Code  int32   `json:"code,omitempty"`
	// Needs are further fields the operation used, whatever the decision.
	Needs []string `json:"needs,omitempty"`
	// Addr is the address a name was connected to.
	Addr string `json:"addr,omitempty"`
}

// MaxDenials is how many different denials an Audit keeps; the others are counted.
const MaxDenials = 64

// maxTarget is how much of a target is kept, in bytes: a program chooses it.
// Escaping makes four of one byte at most.
const (
	maxTarget  = 1024
	maxPrinted = 4*maxTarget + len("…")
)

// Audit records decisions. A nil *Audit records nothing, so that callers need
// no check. It is safe for concurrent use.
type Audit struct {
	mu      sync.Mutex
	w       *bufio.Writer
	close   io.Closer
	err     error
	index   map[denialKey]int
	denials []Denial
	dropped int
}

type denialKey struct {
	op            Op
	target, field string
}

// NewAudit returns a recorder that keeps denials and writes one JSON line per
// effect to w, which may be nil. The caller closes w after Close.
func NewAudit(w io.Writer) *Audit {
	a := &Audit{index: make(map[denialKey]int)}
	if w != nil {
		a.w = bufio.NewWriterSize(w, 32<<10)
	}
	return a
}

// OpenAudit returns a recorder that writes to the file path, which it creates or
// empties. The log is written as the run goes, in whole lines, so that what a
// killed run did stays known; a log is the one file that must not appear only
// when all went well.
func OpenAudit(path string) (*Audit, error) {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o644)
	if err != nil {
		return nil, fmt.Errorf("open audit log: %w", err)
	}
	a := NewAudit(f)
	a.close = f
	return a, nil
}

// Record notes one effect: the decision, the bytes moved, how long it took, and
// the error code that an allowed operation met (0 when it went well).
func (a *Audit) Record(d Decision, bytes int64, took time.Duration, code int32) {
	if a == nil || a.w == nil && d.Allowed {
		return
	}
	line := AuditLine{Op: d.Op, Target: clipTarget(d.Place()), Decision: "allow", Field: d.Field,
		Bytes: bytes, Ms: float64(took.Microseconds()) / 1000, Code: code, Needs: d.needs.list()}
	if d.addr.IsValid() {
		line.Addr = d.addr.String()
	}
	if !d.Allowed {
		line.Decision, line.Class, line.Code = "deny", d.Class.String(), d.Code
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if !d.Allowed {
		a.deny(d, line.Target)
	}
	a.write(line)
}

// Deny notes a refusal that cost nothing; it is Record without measurements.
func (a *Audit) Deny(d Decision) { a.Record(d, 0, 0, 0) }

// Append notes a line that another recorder wrote, such as one in a guest. The
// line must come from ParseAuditLine.
func (a *Audit) Append(line AuditLine) {
	if a == nil {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.write(line)
}

func (a *Audit) deny(d Decision, target string) {
	key := denialKey{d.Op, target, d.Field}
	if i, ok := a.index[key]; ok {
		a.denials[i].Count++
		return
	}
	if len(a.denials) == MaxDenials {
		a.dropped++
		return
	}
	a.index[key] = len(a.denials)
	a.denials = append(a.denials, Denial{Op: d.Op, Target: printable(target), Class: d.Class.String(), Field: d.Field, Patch: d.Patch(), Count: 1})
}

func (a *Audit) write(line AuditLine) {
	if a.w == nil || a.err != nil {
		return
	}
	text := append(compact(line), '\n')
	// Lines are never split between two writes: what is in the file is whole.
	if len(text) > a.w.Available() {
		a.err = a.w.Flush()
	}
	if a.err == nil {
		_, a.err = a.w.Write(text)
	}
}

// Denials returns what was refused, in order of first refusal, and how many
// refusals beyond MaxDenials different ones were left out.
func (a *Audit) Denials() (list []Denial, dropped int) {
	if a == nil {
		return nil, 0
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	return append([]Denial(nil), a.denials...), a.dropped
}

// ParseDenials reads the denials that a guest reports, a JSON array. They come
// from a side that may be hostile: more than MaxDenials, unknown operations and
// oversized texts are an error, and a patch that changes anything but the field
// that is said to have denied is dropped.
func ParseDenials(data []byte) ([]Denial, error) {
	const maxReport = MaxDenials * 8 * maxTarget
	if len(data) > maxReport {
		return nil, fmt.Errorf("expected denials of at most %d bytes, found %d", maxReport, len(data))
	}
	var list []Denial
	if err := json.Unmarshal(data, &list); err != nil {
		return nil, fmt.Errorf("expected a list of denials: %w", err)
	}
	return CheckDenials(list)
}

// CheckDenials holds a list of denials that came from a guest to what a gate
// makes. It returns the list, changed in place: patches that touch anything
// but the denied field are dropped.
func CheckDenials(list []Denial) ([]Denial, error) {
	if len(list) > MaxDenials {
		return nil, fmt.Errorf("expected at most %d denials, found %d", MaxDenials, len(list))
	}
	for i := range list {
		d := &list[i]
		if !d.Op.Known() || len(d.Target) > maxPrinted || len(d.Field) > 128 || len(d.Class) > 32 || d.Count < 1 || printable(d.Target+d.Field+d.Class) != d.Target+d.Field+d.Class {
			return nil, fmt.Errorf("denial %d is not one that a gate makes", i)
		}
		section, _, _ := strings.Cut(d.Field, ".")
		pointer := "/" + strings.ReplaceAll(d.Field, ".", "/")
		if len(d.Patch) > 1 {
			d.Patch = nil
		}
		for _, op := range d.Patch {
			// A missing section is added as a whole.
			if path := op.Path; d.Field == "" || path != pointer && !strings.HasPrefix(path, pointer+"/") && (section != "db" || !strings.HasPrefix(pointer, path+"/") || path == "") {
				d.Patch = nil
				break
			}
		}
	}
	return list, nil
}

// Close writes what is buffered and returns the first error of the log.
func (a *Audit) Close() error {
	if a == nil {
		return nil
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	err := a.err
	if a.w != nil && err == nil {
		err = a.w.Flush()
	}
	if a.close != nil {
		err = errors.Join(err, a.close.Close())
		a.close = nil
	}
	if err != nil {
		return fmt.Errorf("write audit log: %w", err)
	}
	return nil
}

func clipTarget(s string) string {
	if len(s) <= maxTarget {
		return s
	}
	return s[:maxTarget] + "…"
}

// printable is s with everything escaped that could do more to a terminal than
// show a character.
func printable(s string) string {
	if utf8.ValidString(s) && !strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsPrint(r) }) {
		return s
	}
	q := strconv.Quote(s)
	return q[1 : len(q)-1]
}
