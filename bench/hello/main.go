// Command hello is the static executable that benchmarks run in guests. Without
// arguments it says hello. "read FILE N" reads FILE N times, "run PROGRAM N"
// runs PROGRAM N times; both print the nanoseconds that one took.
package main

import (
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"time"
)

func main() {
	if len(os.Args) < 4 {
		os.Stdout.WriteString("hello\n")
		return
	}
	n, err := strconv.Atoi(os.Args[3])
	start := time.Now()
	for i := 0; i < n && err == nil; i++ {
		switch os.Args[1] {
		case "read":
			_, err = os.ReadFile(os.Args[2])
		case "run":
			err = exec.Command(os.Args[2]).Run()
		default:
			err = fmt.Errorf("expected read or run, found %q", os.Args[1])
		}
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "hello:", err)
		os.Exit(1)
	}
	fmt.Print(int(time.Since(start)) / n)
}
