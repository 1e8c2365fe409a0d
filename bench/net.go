package main

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"
)

// net measures the HTTP client, in run-os and through a guest's broker, against
// net/http, and the example web service under load against a Go server that
// answers on one goroutine as well.
func (b *bench) net() error {
	worlds := []string{"os"}
	if runtime.GOOS == "linux" {
		worlds = append(worlds, "sandbox")
	}
	if err := b.fetches(worlds); err != nil {
		return err
	}
	fmt.Println()
	return b.service(worlds)
}

// fetches measures GETs of a small and a large body, each on a connection of
// its own.
func (b *bench) fetches(worlds []string) error {
	bodies := map[string][]byte{"/small": make([]byte, 1024), "/large": make([]byte, 16<<20)}
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		return err
	}
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { w.Write(bodies[r.URL.Path]) })}
	go server.Serve(l)
	defer server.Close()
	policy := filepath.Join(b.tmp, "net-policy.json")
	init := exec.Command(filepath.Join(b.bin, "x07"), "policy", "init", "--template", "http-client", "--emit", "policy")
	text, err := init.Output()
	if err != nil {
		return fmt.Errorf("policy init: %w", err)
	}
	host := fmt.Sprintf(`"allow_hosts": [{"host": "127.0.0.1", "ports": [%d]}]`, l.Addr().(*net.TCPAddr).Port)
	listed := strings.Replace(string(text), `"allow_hosts": []`, host, 1)
	if listed == string(text) {
		listed = strings.Replace(string(text), `"allow_hosts":[]`, host, 1)
	}
	if err := os.WriteFile(policy, []byte(listed), 0o644); err != nil {
		return err
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	fmt.Println("| GET on a connection of its own | net/http | run-os | ratio | in the guest | ratio |\n| --- | ---: | ---: | ---: | ---: | ---: |")
	for _, c := range []struct {
		name, path string
		few, many  int
	}{{"1 KiB", "/small", 10, 510}, {"16 MiB", "/large", 1, 9}} {
		url := "http://" + l.Addr().String() + c.path
		start := time.Now()
		n := c.many - c.few
		for range n {
			resp, err := client.Get(url)
			if err != nil {
				return err
			}
			if _, err := io.ReadAll(resp.Body); err != nil {
				return err
			}
			resp.Body.Close()
		}
		peer := time.Since(start) / time.Duration(n)
		fmt.Printf("| %s | %s |", c.name, us(peer))
		for _, world := range worlds {
			args := []string{filepath.Join(b.bin, "x07"), "run", "--raw", "--program", "bench/net/get.x07.json", "--max-memory-bytes", "536870912"}
			if world == "sandbox" {
				args = append(args, "--world", "run-os-sandboxed", "--policy", policy)
			} else {
				args = append(args, "--world", "run-os")
			}
			var cmds []command
			for _, k := range []int{c.few, c.many} {
				in := filepath.Join(b.tmp, fmt.Sprintf("get-%d", k))
				if err := os.WriteFile(in, fmt.Appendf(nil, "%d %s", k, url), 0o644); err != nil {
					return err
				}
				cmds = append(cmds, command{name: "x07 " + world, argv: append(slices.Clone(args), "--input", in)})
			}
			times, outs, err := b.race(cmds...)
			if err != nil {
				return err
			}
			if want := fmt.Sprint(c.many * len(bodies[c.path])); outs[1] != want {
				return fmt.Errorf("x07 %s fetched %q bytes, want %s", world, outs[1], want)
			}
			took := (times[1] - times[0]) / time.Duration(n)
			fmt.Printf(" %s | %.2f |", us(took), ratio(took, peer))
		}
		fmt.Println()
	}
	return nil
}

// service loads the example web service: a bounded number of clients, each
// request on a connection of its own.
func (b *bench) service(worlds []string) error {
	const requests, clients = 4000, 8
	fmt.Printf("%d requests of %d clients at a time\n\n| server | requests/s | ratio | p50 | p99 | lost |\n| --- | ---: | ---: | ---: | ---: | ---: |\n", requests, clients)
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		return err
	}
	go oneAtATime(l)
	peer := load("http://"+l.Addr().String()+"/health", requests, clients)
	l.Close()
	peer.print("Go, one connection at a time", peer)
	for _, world := range worlds {
		cmd := exec.Command(filepath.Join(b.bin, "x07"), "run", "--raw", "--project", "examples/web-service", "--profile", world, "--", fmt.Sprint(requests+requests/4))
		out, err := cmd.StdoutPipe()
		if err != nil {
			return err
		}
		if err := cmd.Start(); err != nil {
			return err
		}
		line, err := bufio.NewReader(out).ReadString('\n')
		if err != nil {
			return fmt.Errorf("web-service in %s: %q: %w", world, line, err)
		}
		url := strings.TrimSpace(strings.TrimPrefix(line, "listening on ")) + "health"
		load(url, requests/4, clients) // warms up
		load(url, requests, clients).print("web-service, "+world, peer)
		if err := cmd.Wait(); err != nil {
			return fmt.Errorf("web-service in %s: %w", world, err)
		}
	}
	return nil
}

// oneAtATime is the least that a Go server can do: it reads a request, answers,
// and closes the connection, then takes the next.
func oneAtATime(l net.Listener) {
	for {
		c, err := l.Accept()
		if err != nil {
			return
		}
		if _, err := http.ReadRequest(bufio.NewReader(c)); err == nil {
			io.WriteString(c, "HTTP/1.1 200 OK\r\ncontent-length: 3\r\nconnection: close\r\ncontent-type: text/html; charset=utf-8\r\n\r\nok\n")
		}
		c.Close()
	}
}

// loaded is what a load gave.
type loaded struct {
	rate     float64 // per second
	p50, p99 time.Duration
	lost     int
}

func (l loaded) print(name string, peer loaded) {
	fmt.Printf("| %s | %.0f | %.2f | %s | %s | %d |\n", name, l.rate, l.rate/peer.rate, us(l.p50), us(l.p99), l.lost)
}

// load sends requests from a number of clients and waits for all answers.
func load(url string, requests, clients int) loaded {
	var (
		mu    sync.Mutex
		times []time.Duration
		wg    sync.WaitGroup
		res   loaded
	)
	start := time.Now()
	for range clients {
		wg.Go(func() {
			c := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: 30 * time.Second}
			for range requests / clients {
				begin := time.Now()
				resp, err := c.Get(url)
				ok := err == nil && resp.StatusCode == 200
				if err == nil {
					body, err := io.ReadAll(resp.Body)
					resp.Body.Close()
					ok = ok && err == nil && string(body) == "ok\n"
				}
				mu.Lock()
				times = append(times, time.Since(begin))
				if !ok {
					res.lost++
				}
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	res.rate = float64(requests) / time.Since(start).Seconds()
	slices.Sort(times)
	res.p50, res.p99 = times[len(times)/2], times[len(times)*99/100]
	return res
}
