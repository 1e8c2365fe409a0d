// Command hello is the static executable that runsc runs in the benchmark.
package main

import "os"

func main() { os.Stdout.WriteString("hello\n") }
