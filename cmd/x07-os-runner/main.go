// Command x07-os-runner compiles and runs one program in an OS world and
// prints the runner report.
package main

import (
	"os"

	"x07/internal/cli"
)

func main() { os.Exit(cli.RunnerMain(os.Args)) }
