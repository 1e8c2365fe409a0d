// Package oserr takes apart the errors of package os. What comes in names an
// operation and a path; what goes out is what the operating system said, for
// messages that name the path themselves.
package oserr

import (
	"errors"
	"os"
)

// Cause is err without the operation and paths that package os adds, and err
// itself when it has none.
func Cause(err error) error {
	var pe *os.PathError
	var le *os.LinkError
	switch {
	case errors.As(err, &pe):
		return pe.Err
	case errors.As(err, &le):
		return le.Err
	}
	return err
}
