package guest

import (
	"context"
	"encoding/json"
	"io"
	"net"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"x07/internal/artifact"
	"x07/internal/broker"
	"x07/internal/broker/network"
	"x07/internal/compile"
	"x07/internal/engine"
	"x07/internal/guest/wire"
	"x07/internal/osworld"
	"x07/internal/policy"
)

// Programs in tests are written as s-expressions: the forms of x07AST with
// parentheses for brackets. A string is a bytes.lit; the first atoms may be
// (import ...) and (def name ((param type) ...) result body); the rest is solve.

type sexp struct {
	text  string
	quote bool
	list  []sexp
	isSeq bool
}

func readForms(t *testing.T, src string) []sexp {
	t.Helper()
	stack := [][]sexp{nil}
	for i := 0; i < len(src); {
		top := len(stack) - 1
		switch c := src[i]; {
		case c == ' ' || c == '\n' || c == '\t':
			i++
		case c == '(':
			stack = append(stack, nil)
			i++
		case c == ')':
			stack[top-1] = append(stack[top-1], sexp{list: stack[top], isSeq: true})
			stack = stack[:top]
			i++
		case c == '"':
			s, err := strconv.QuotedPrefix(src[i:])
			if err != nil {
				t.Fatalf("%v at %.20q", err, src[i:])
			}
			text, _ := strconv.Unquote(s)
			stack[top] = append(stack[top], sexp{text: text, quote: true})
			i += len(s)
		default:
			n := strings.IndexAny(src[i:], " \n\t()")
			if n < 0 {
				n = len(src) - i
			}
			stack[top] = append(stack[top], sexp{text: src[i : i+n]})
			i += n
		}
	}
	if len(stack) != 1 {
		t.Fatal("unbalanced parentheses")
	}
	return stack[0]
}

func (s sexp) json() any {
	switch {
	case s.isSeq:
		out := make([]any, len(s.list))
		for i, e := range s.list {
			out[i] = e.json()
		}
		return out
	case s.quote:
		return []any{"bytes.lit", s.text}
	}
	if n, err := strconv.Atoi(s.text); err == nil {
		return n
	}
	return s.text
}

func block(forms []sexp) any {
	out := []any{"begin"}
	for _, f := range forms {
		out = append(out, f.json())
	}
	return out
}

func build(t *testing.T, src string) *artifact.Artifact {
	t.Helper()
	imports, decls, body := []string{}, []any{}, []sexp{}
	for _, f := range readForms(t, src) {
		switch {
		case f.isSeq && f.list[0].text == "import":
			for _, m := range f.list[1:] {
				imports = append(imports, m.text)
			}
		case f.isSeq && f.list[0].text == "def":
			params := []any{}
			for _, p := range f.list[2].list {
				params = append(params, map[string]any{"name": p.list[0].text, "ty": p.list[1].text})
			}
			decls = append(decls, map[string]any{"kind": "defn", "name": f.list[1].text, "params": params, "result": f.list[3].text, "body": block(f.list[4:])})
		default:
			body = append(body, f)
		}
	}
	entry, err := json.Marshal(map[string]any{"schema_version": "x07.x07ast@0.5.0", "kind": "entry", "module_id": "main", "imports": imports, "decls": decls, "solve": block(body)})
	if err != nil {
		t.Fatal(err)
	}
	a, _, err := compile.Build(compile.Options{Entry: entry, EntryPath: "test", World: "run-os"})
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// job is a program with what it may do.
type netJob struct {
	program  string
	input    string
	policy   *policy.Net // nil for run-os
	workDir  string
	resolver network.Resolver
	maxBytes int64
	stdout   io.Writer
}

// places are where a program runs: in process and through the boundary.
var places = map[string]func(*testing.T, *artifact.Artifact, netJob) (engine.Result, []policy.Denial){"in process": inProcess, "in a guest": inGuest}

// both runs the job in both places, and gives each result.
func both(t *testing.T, job netJob, check func(t *testing.T, out string, denials []policy.Denial)) {
	a := build(t, job.program)
	for name, run := range places {
		t.Run(name, func(t *testing.T) {
			res, denials := run(t, a, job)
			if res.Err != nil || res.Trap != nil {
				t.Fatalf("err %v, trap %+v", res.Err, res.Trap)
			}
			check(t, string(res.Output), denials)
		})
	}
}

// policyDoc is a policy that reads and writes the working directory and has
// this net section.
func policyDoc(t *testing.T, n *policy.Net) []byte {
	t.Helper()
	p, err := policy.FromTemplate("http-client", "")
	if err != nil {
		t.Fatal(err)
	}
	p.Net = *n
	p.FS.WriteRoots = []string{"."}
	return policy.Render(p)
}

func gateOf(t *testing.T, n *policy.Net, workDir string) *policy.Gate {
	t.Helper()
	p, err := policy.Load("test", policyDoc(t, n))
	if err != nil {
		t.Fatal(err)
	}
	return policy.FromPolicy(p, policy.Options{WorkDir: workDir})
}

// allow is a net section with everything switched on and these hosts, written
// "host:port,port".
func allow(hosts ...string) *policy.Net {
	n := &policy.Net{Enabled: true, AllowDNS: true, AllowTCP: true, AllowUDP: true, AllowHosts: []policy.Host{}}
	for _, h := range hosts {
		i := strings.LastIndexByte(h, ':')
		e := policy.Host{Host: h[:i]}
		for _, p := range strings.Split(h[i+1:], ",") {
			v, err := strconv.ParseUint(p, 10, 16)
			if err != nil {
				panic(err)
			}
			e.Ports = append(e.Ports, uint16(v))
		}
		n.AllowHosts = append(n.AllowHosts, e)
	}
	return n
}

func inProcess(t *testing.T, a *artifact.Artifact, job netJob) (engine.Result, []policy.Denial) {
	var gate *policy.Gate
	if job.policy != nil {
		gate = gateOf(t, job.policy, job.workDir)
	}
	audit := policy.NewAudit(nil)
	res := Run(context.Background(), Job{Artifact: a, Input: []byte(job.input), World: osworld.Config{
		Gate: gate, Audit: audit, WorkDir: job.workDir, Stdout: job.stdout,
		Network: network.New(network.Config{Gate: gate, Resolver: job.resolver}),
	}, MaxMemoryBytes: 64 << 20})
	denials, _ := audit.Denials()
	return res, denials
}

func inGuest(t *testing.T, a *artifact.Artifact, job netJob) (engine.Result, []policy.Denial) {
	encoded, err := a.Encode()
	if err != nil {
		t.Fatal(err)
	}
	req := wire.Request{World: "run-os", MaxMemoryBytes: 64 << 20, MaxOutputBytes: 1 << 20, Root: job.workDir}
	var gate *policy.Gate
	if job.policy != nil {
		req.World, req.Policy = "run-os-sandboxed", policyDoc(t, job.policy)
		gate = gateOf(t, job.policy, job.workDir)
	}
	host, inside := net.Pipe()
	var wg sync.WaitGroup
	wg.Go(func() { Serve(context.Background(), inside, Answer) })
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	out, err := broker.Run(ctx, host, broker.Job{
		Request: req, Artifact: encoded, Input: []byte(job.input), Stdout: job.stdout,
		Accept: broker.Network(broker.NetConfig{Gate: gate, Resolver: job.resolver, MaxBytes: job.maxBytes}),
	})
	if err != nil {
		t.Fatal(err)
	}
	wg.Wait()
	return out.Result(), out.Denials
}
