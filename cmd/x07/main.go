// Command x07 runs, checks and ships X07 programs.
package main

import (
	"os"

	"x07/internal/cli"
)

func main() { os.Exit(cli.Main(os.Args)) }
