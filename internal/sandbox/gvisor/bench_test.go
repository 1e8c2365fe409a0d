package gvisor

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"x07/internal/sandbox"
)

// BenchmarkHello measures the whole life of a sandboxed static hello, from Start
// to the guest being gone, and, alternating with it in the same run, the same
// executable under `runsc run` of the same gVisor version, configured alike
// (rootless when x07 is, no network, no cgroups). It reports medians and their
// ratio.
func BenchmarkHello(b *testing.B) {
	runsc, bundle := buildRunsc(b)
	be := New(Options{Sentry: sentryBin})
	var ours, theirs []float64
	var rss int64
	n := 0
	for b.Loop() {
		n++
		begin := time.Now()
		g, err := be.Start(context.Background(), sandbox.Spec{ID: "bench", Command: []string{guestBin, "hello"}, Dir: "/", Limits: sandbox.Limits{MemBytes: 256 << 20}})
		if err != nil {
			b.Fatal(err)
		}
		out, err := io.ReadAll(g.Stream())
		st := g.Wait()
		ours = append(ours, milliseconds(begin))
		if string(out) != "hello\n" || err != nil || st.Err != nil {
			b.Fatalf("got %q, %v, %+v", out, err, st)
		}
		rss = max(rss, st.MaxRSSBytes)

		begin = time.Now()
		cmd := exec.Command(runsc, "--root", filepath.Join(filepath.Dir(bundle), "state"), "--rootless", "--ignore-cgroups", "--network=none",
			"run", "-bundle", bundle, fmt.Sprintf("bench-%d-%d", os.Getpid(), n))
		text, err := cmd.Output()
		theirs = append(theirs, milliseconds(begin))
		if string(text) != "hello\n" || err != nil {
			b.Fatalf("runsc: got %q, %v", text, err)
		}
	}
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(median(ours), "x07-ms")
	b.ReportMetric(median(theirs), "runsc-ms")
	b.ReportMetric(median(ours)/median(theirs), "ratio")
	b.ReportMetric(float64(rss)/(1<<20), "sentry-peak-MiB")
}

// BenchmarkStart measures the way to the guest's first byte of output.
func BenchmarkStart(b *testing.B) {
	be := New(Options{Sentry: sentryBin})
	for b.Loop() {
		g, err := be.Start(context.Background(), sandbox.Spec{ID: "bench", Command: []string{guestBin, "sleep"}, Dir: "/"})
		if err != nil {
			b.Fatal(err)
		}
		if _, err := io.ReadFull(g.Stream(), make([]byte, 6)); err != nil {
			b.Fatal(err)
		}
		b.StopTimer()
		g.Kill()
		g.Wait()
		b.StartTimer()
	}
}

// BenchmarkWork compares the same work in a guest and on the host, alternating,
// timed inside: computing, system calls, and small files in a mount.
func BenchmarkWork(b *testing.B) {
	dir := b.TempDir()
	for _, c := range []struct{ kind, n string }{{"hash", "200"}, {"call", "20000"}, {"file", "500"}} {
		b.Run(c.kind, func(b *testing.B) {
			var inside, outside []float64
			for b.Loop() {
				g := start(b, sandbox.Spec{Command: []string{guestBin, "work", c.kind, c.n, "/x07/work"}, Dir: "/", Mounts: []sandbox.Mount{{Host: dir, Guest: "/x07/work", Writable: true}}})
				out, err := io.ReadAll(g.Stream())
				inside = append(inside, nanoseconds(b, out, err))
				out, err = exec.Command(guestBin, "work", c.kind, c.n, dir).Output()
				outside = append(outside, nanoseconds(b, out, err))
			}
			b.ReportMetric(0, "ns/op")
			b.ReportMetric(median(inside)/1e6, "guest-ms")
			b.ReportMetric(median(outside)/1e6, "host-ms")
			b.ReportMetric(median(inside)/median(outside), "ratio")
		})
	}
}

func nanoseconds(b *testing.B, out []byte, err error) float64 {
	b.Helper()
	n, convErr := strconv.ParseFloat(strings.TrimSpace(string(out)), 64)
	if err != nil || convErr != nil {
		b.Fatalf("got %q, %v", out, err)
	}
	return n
}

// BenchmarkStream measures the throughput of the stream, there and back.
func BenchmarkStream(b *testing.B) {
	g := start(b, sandbox.Spec{Command: []string{guestBin, "echo"}, Dir: "/"})
	block := make([]byte, 1<<20)
	b.SetBytes(2 * int64(len(block)))
	for b.Loop() {
		go g.Stream().Write(block)
		if _, err := io.ReadFull(g.Stream(), block); err != nil {
			b.Fatal(err)
		}
	}
}

func milliseconds(since time.Time) float64 {
	return float64(time.Since(since)) / float64(time.Millisecond)
}

func median(v []float64) float64 {
	slices.Sort(v)
	return v[len(v)/2]
}

// buildRunsc builds runsc from the module this package uses, and a bundle that
// runs the test guest's hello.
func buildRunsc(b *testing.B) (binary, bundle string) {
	b.Helper()
	dir := b.TempDir()
	binary = filepath.Join(dir, "runsc")
	cmd := exec.Command("go", "build", "-o", binary, "gvisor.dev/gvisor/runsc")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		b.Fatalf("build runsc: %v\n%s", err, out)
	}
	bundle = filepath.Join(dir, "bundle")
	rootfs := filepath.Join(bundle, "rootfs")
	if err := os.MkdirAll(rootfs, 0o755); err != nil {
		b.Fatal(err)
	}
	if err := copyFile(filepath.Join(rootfs, "testguest"), guestBin); err != nil {
		b.Fatal(err)
	}
	type m = map[string]any
	config, err := json.Marshal(m{
		"ociVersion": "1.0.0",
		"process":    m{"user": m{"uid": 0, "gid": 0}, "args": []string{"/testguest", "hello"}, "cwd": "/", "noNewPrivileges": true},
		"root":       m{"path": "rootfs", "readonly": true},
		"linux":      m{"namespaces": []m{{"type": "pid"}, {"type": "network"}, {"type": "ipc"}, {"type": "uts"}, {"type": "mount"}}},
	})
	if err != nil {
		b.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(bundle, "config.json"), config, 0o644); err != nil {
		b.Fatal(err)
	}
	return binary, bundle
}
