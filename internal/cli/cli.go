// Package cli is the commands that people and agents type. Arguments and the
// standard streams come in; every question a command leaves open (target,
// profile, world, policy, limits) is answered here, the packages that do the
// work are called, and their reports and an exit status go out. It has no
// opinion on programs, policies or documents of its own: a rule that is not
// about flags belongs elsewhere.
//
// Starting must cost next to nothing, because a warm run takes milliseconds:
// nothing is read, compiled or looked up before a command asks for it.
package cli

import (
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"
)

// Exit codes that commands share.
const (
	exitOK       = 0
	exitFailed   = 1 // the command did its work and reports a failure
	exitUsage    = 2 // it could not do its work
	exitSchema   = 3 // a policy violates its schema
	exitReported = 20
	// exitInterrupted is what a shell reports of a command that Ctrl-C ended.
	exitInterrupted = 130
)

// streams are the standard streams of a command.
type streams struct {
	in       io.Reader
	out, err io.Writer
}

// exit ends a command with a code; everything there is to say has been said.
type exit int

func (e exit) Error() string { return fmt.Sprintf("exit status %d", int(e)) }

// exitWith is nil for success.
func exitWith(code int) error {
	if code == exitOK {
		return nil
	}
	return exit(code)
}

// usageError is a mistake in the arguments that cobra did not find itself.
type usageError struct{ msg string }

func (e *usageError) Error() string { return e.msg }

func usagef(format string, args ...any) error { return &usageError{fmt.Sprintf(format, args...)} }

// Main runs the x07 command with the arguments after argv[0] and returns its
// exit code.
func Main(argv []string) int {
	s := streams{os.Stdin, os.Stdout, os.Stderr}
	m := scanMachine(argv[1:], os.Getenv(toolChildEnv) != "")
	if m.takesOver() {
		return m.run(s, argv)
	}
	return dispatch(s, newRoot(s), m.plainArgs())
}

// dispatch runs cmd and turns its error into a message and an exit code.
func dispatch(s streams, cmd *cobra.Command, args []string) int {
	cmd.SetArgs(args)
	cmd.SetIn(s.in)
	cmd.SetOut(s.out)
	cmd.SetErr(s.err)
	ran, err := cmd.ExecuteC()
	if err == nil {
		return exitOK
	}
	var code exit
	if errors.As(err, &code) {
		return int(code)
	}
	var flag *flagError
	if errors.As(err, &flag) {
		fmt.Fprintf(s.err, "error: %v\n\nusage: %s\n\nfor more information, try '--help'\n", flag.err, ran.UseLine())
		return exitUsage
	}
	fmt.Fprintln(s.err, err)
	return exitUsage
}

// elsewhere says what to do instead of a command that does not exist, where
// that can be known from its name.
func elsewhere(name string) string {
	switch {
	case strings.HasSuffix(name, ".x07.json"):
		return "to run this program: x07 run --program " + name
	case name == "pkg":
		return `this release resolves locked packages but manages none; a project without dependencies has the lockfile {"schema_version":"x07.lock@0.2.0","dependencies":[]}`
	case slices.Contains(otherCommands[:], name):
		return "X07 has it, but this release does not"
	}
	return ""
}

// otherCommands are the commands of X07 that this toolchain does not have.
var otherCommands = [...]string{"arch", "bench", "cli", "diag", "mcp", "review", "rr", "schema", "sm", "test", "trust", "verify"}

// flagError is an error of the argument parser; it is shown with the usage.
type flagError struct{ err error }

func (e *flagError) Error() string { return e.err.Error() }

// argError is a flagError with a message.
func argError(format string, args ...any) error {
	return &flagError{fmt.Errorf(format, args...)}
}

// noArgs refuses positional arguments. To a command that only groups others
// they are the name of one that does not exist.
func noArgs(cmd *cobra.Command, args []string) error {
	switch {
	case len(args) == 0:
		return nil
	case !cmd.HasAvailableSubCommands():
		return argError("unexpected argument %q", args[0])
	}
	if hint := elsewhere(args[0]); hint != "" {
		return argError("unknown command %q: %s", args[0], hint)
	}
	cmd.SuggestionsMinimumDistance = 2
	names := cmd.SuggestionsFor(args[0])
	if len(names) > 0 {
		return argError("unknown command %q: did you mean %q?", args[0], names[0])
	}
	for _, sub := range cmd.Commands() {
		if sub.IsAvailableCommand() {
			names = append(names, sub.Name())
		}
	}
	return argError("unknown command %q: expected one of %s", args[0], strings.Join(names, ", "))
}
