// Package osworld is what a program in an OS world can reach: files, the
// environment, clocks, random numbers, standard streams, child processes and
// the network.
//
// A gate, a place in the file system and the streams of the run come in; a
// table of host functions for the engine goes out. Every effect asks the gate
// and is recorded in the audit, in run-os, where the gate allows all, as in
// run-os-sandboxed. When the run is over, Close ends what the program left
// behind. The package knows no syntax, compiles nothing and runs nothing.
package osworld

import (
	"encoding/binary"
	"fmt"
	"io"
	"maps"
	"os"
	"time"

	"x07/internal/broker/network"
	"x07/internal/engine"
	"x07/internal/osworld/clock"
	"x07/internal/osworld/effect"
	"x07/internal/osworld/env"
	"x07/internal/osworld/fs"
	"x07/internal/osworld/net"
	"x07/internal/osworld/process"
	"x07/internal/osworld/random"
	"x07/internal/osworld/stdio"
	"x07/internal/policy"
)

// Config says what a World is made of.
type Config struct {
	// Gate decides every effect. Nil is the gate of run-os.
	Gate *policy.Gate
	// Audit records every effect; nil records nothing.
	Audit *policy.Audit
	// WorkDir is the program's working directory, the root of its project, as an
	// absolute path of this side. Empty means the process's own.
	WorkDir string
	// LookupEnv answers for the environment; nil is the process's own.
	LookupEnv func(key string) (value string, set bool)
	// Stdin, Stdout and Stderr are the streams behind os.stdio. A nil Stdin is
	// empty; writing to a nil Stdout or Stderr is an error of the call.
	Stdin          io.Reader
	Stdout, Stderr io.Writer
	// Now is the wall clock, Rand the source of random bytes; nil are the
	// machine's.
	Now  func() time.Time
	Rand io.Reader
	// Network is the network; nil is this machine's, behind Gate.
	Network network.Network
	// OwnsProcess says that this process exists for one run. Descendants of its
	// children that left their process group are then found and ended as well.
	OwnsProcess bool
}

// World is the operating system of one run.
type World struct {
	files   *fs.FS
	env     *env.Env
	clock   *clock.Clock
	tzdb    *clock.TZDB
	random  *random.Source
	streams *stdio.Stdio
	procs   *process.Table
	net     *net.Net
	door    effect.Door
}

// New makes the world of a run. The caller closes it when the run is over.
func New(c Config) (*World, error) {
	if c.Gate == nil {
		c.Gate = policy.AllowAll()
	}
	if c.WorkDir == "" {
		dir, err := os.Getwd()
		if err != nil {
			return nil, fmt.Errorf("find the working directory: %w", err)
		}
		c.WorkDir = dir
	}
	if c.LookupEnv == nil {
		c.LookupEnv = os.LookupEnv
	}
	if c.Network == nil {
		c.Network = network.New(network.Config{Gate: c.Gate})
	}
	door := effect.Door{Gate: c.Gate, Audit: c.Audit}
	files := fs.New(door, c.WorkDir)
	return &World{
		files:   files,
		net:     net.New(door, c.Network, files),
		env:     env.New(door, c.LookupEnv),
		clock:   clock.New(door, c.Now),
		tzdb:    clock.NewTZDB(),
		random:  random.New(door, c.Rand),
		streams: stdio.New(c.Stdin, c.Stdout, c.Stderr),
		procs:   process.New(process.Config{Door: door, WorkDir: c.WorkDir, OwnsProcess: c.OwnsProcess}),
		door:    door,
	}, nil
}

// Files is the file capability, for the capabilities that reach files for a
// program in other ways (HTTP file URLs, databases).
func (w *World) Files() *fs.FS { return w.files }

// Streams is the standard streams. Who writes the program's result to standard
// output flushes them first.
func (w *World) Streams() *stdio.Stdio { return w.streams }

// Leaks is what a program had not released when its run ended.
type Leaks struct {
	Writers  int // streaming writers
	Children int // running children
	Sockets  int // streams, listeners and datagram sockets
}

// Close flushes standard output, kills and waits for every child, and closes
// every socket and file. It is called when the program no longer runs; more calls do nothing.
func (w *World) Close() Leaks {
	w.streams.FlushStdout()
	return Leaks{Children: w.procs.Close(), Sockets: w.net.Close(), Writers: w.files.Close()}
}

// HostTable returns the host functions of every head of the world.
func (w *World) HostTable() engine.HostTable {
	table := engine.HostTable{}
	for _, heads := range []engine.HostTable{w.fileHeads(), w.envHeads(), w.timeHeads(), w.streamHeads(), w.randomHeads(), w.processHeads(), w.net.Heads()} {
		maps.Copy(table, heads)
	}
	return table
}

// PureHeads returns the host functions of the heads that are spelled os. but
// exist in every world, since they reach nothing: the time zone database.
func PureHeads() engine.HostTable { return tzdbHeads(clock.NewTZDB()) }

// Argv encodes the words of a command line as argv_v1, the input of a program
// that reads its arguments: their number, then length and bytes of each.
func Argv(words []string) []byte {
	doc := binary.LittleEndian.AppendUint32(nil, uint32(len(words)))
	for _, word := range words {
		doc = binary.LittleEndian.AppendUint32(doc, uint32(len(word)))
		doc = append(doc, word...)
	}
	return doc
}
