package policy

import (
	"encoding/json"
	"errors"
	"fmt"

	"x07/schemas"
)

// Violation is one place where a document breaks a rule: its JSON Pointer, what
// was expected and found there, and what to do.
type Violation = schemas.Violation

// ErrorKind says which gate a policy document did not pass.
type ErrorKind uint8

// The kinds, in the order of the checks.
const (
	ReadError   ErrorKind = iota // the file could not be read; exit 2
	SyntaxError                  // not JSON, too large, too deep; exit 3
	SchemaError                  // breaks the schema; exit 3
	DecodeError                  // JSON that no loader reads, such as duplicate keys; exit 2
	RuleError                    // breaks a loader rule; exit 2
	UsageError                   // overrides or arguments that cannot be applied; exit 2
)

// Error is why a policy was not accepted.
type Error struct {
	Kind ErrorKind
	// File is the document's path as the caller gave it; may be empty.
	File string
	// Text is the message after the prefix that the kind has.
	Text string
	// Violations hold the places. Read and usage errors have none.
	Violations []Violation

	cause error
}

// Error returns the message chain that goes to stderr.
func (e *Error) Error() string {
	switch e.Kind {
	case ReadError:
		return fmt.Sprintf("read policy: %s: %s", e.File, e.Text)
	case DecodeError:
		return fmt.Sprintf("parse policy JSON: %s: %s", e.File, e.Text)
	case RuleError:
		return "invalid policy: " + e.Text
	case SchemaError:
		v := e.Violations[0]
		more := ""
		if n := len(e.Violations) - 1; n > 0 {
			more = fmt.Sprintf(" (and %d more)", n)
		}
		return fmt.Sprintf("policy does not match its schema: %s: %s at %q: %s%s", e.File, v.Message(), v.Pointer, v.Fix, more)
	case SyntaxError:
		return "parse policy JSON: " + e.Text
	}
	return e.Text
}

// Unwrap returns what the operating system said, for read errors.
func (e *Error) Unwrap() error { return e.cause }

// ExitCode returns the exit status that the error has: 3 for documents that the
// schema validator rejects, otherwise 2.
func (e *Error) ExitCode() int {
	if e.Kind == SyntaxError || e.Kind == SchemaError {
		return 3
	}
	return 2
}

// ExitCode returns the exit status of an error of this package: that of the
// *Error in its chain, else 2.
func ExitCode(err error) int {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.ExitCode()
	}
	return 2
}

// Diagnostics returns the x07diag document of an error with exit status 3, one
// compact line with its newline; nil for other errors.
func (e *Error) Diagnostics() []byte {
	type diagnostic struct {
		Code     string `json:"code"`
		Severity string `json:"severity"`
		Stage    string `json:"stage"`
		Message  string `json:"message"`
	}
	report := struct {
		SchemaVersion string       `json:"schema_version"`
		OK            bool         `json:"ok"`
		Diagnostics   []diagnostic `json:"diagnostics"`
	}{SchemaVersion: "x07.x07diag@0.1.0"}
	add := func(message string) {
		report.Diagnostics = append(report.Diagnostics, diagnostic{"X07-POLICY-SCHEMA-0001", "error", "parse", message})
	}
	switch e.Kind {
	case SyntaxError:
		add("parse policy JSON: " + e.Text)
	case SchemaError:
		for _, v := range e.Violations {
			add(fmt.Sprintf("%s (%s)", v.Message(), v.Pointer))
		}
	default:
		return nil
	}
	return append(compact(report), '\n')
}

// compact marshals a value of this package, which cannot fail, without HTML escapes.
func compact(v any) []byte {
	b, err := marshal(v)
	if err != nil {
		panic(fmt.Sprintf("policy: marshal %T: %v", v, err))
	}
	return b
}

func usage(format string, args ...any) error {
	return &Error{Kind: UsageError, Text: fmt.Sprintf(format, args...)}
}

var _ json.Marshaler = PatchOp{}
