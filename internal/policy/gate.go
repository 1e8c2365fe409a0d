package policy

import (
	"path"
	"strings"
)

// Gate answers whether an operation is allowed. It is immutable and safe for
// concurrent use: counts that a decision depends on (live children, queries
// made) are passed in by whoever owns them.
type Gate struct {
	open     bool // run-os: no policy
	p        *Policy
	workDir  string
	read     []root
	write    []root
	cwdRoots []root
	envAllow map[string]struct{}
	envDeny  map[string]int
	hosts    hostTable
	proc     procRules
	db       dbRules
}

// Options tells a Gate where the program runs.
type Options struct {
	// WorkDir is the program's working directory as the program's side sees it,
	// absolute and slash-separated ("/x07/work" in a guest). Relative roots,
	// paths and executables mean places below it. Empty means "/x07/work".
	WorkDir string
}

// AllowAll returns the gate of run-os: it refuses only what no world allows,
// such as a malformed path, and keeps the built-in ceilings of the file API.
func AllowAll() *Gate { return &Gate{open: true, workDir: "/"} }

// FromPolicy compiles p, which Load or Derive returned. The caller must not
// change p afterwards.
func FromPolicy(p *Policy, o Options) *Gate {
	g := &Gate{p: p, workDir: path.Clean("/" + o.WorkDir)}
	if o.WorkDir == "" {
		g.workDir = "/x07/work"
	}
	g.read = g.compileRoots(p.FS.ReadRoots)
	g.write = g.compileRoots(p.FS.WriteRoots)
	g.cwdRoots = g.compileRoots(p.Process.AllowCwdRoots)
	g.envAllow = make(map[string]struct{}, len(p.Env.AllowKeys))
	for _, k := range p.Env.AllowKeys {
		g.envAllow[trimItem(k)] = struct{}{}
	}
	g.envDeny = make(map[string]int, len(p.Env.DenyKeys))
	for i, k := range p.Env.DenyKeys {
		g.envDeny[trimItem(k)] = i
	}
	g.hosts = compileHosts(p.Net.AllowHosts)
	g.proc = g.compileProcess(&p.Process)
	g.db = g.compileDB(p.DB)
	return g
}

// Enforcing reports whether a policy is in force (run-os-sandboxed).
func (g *Gate) Enforcing() bool { return !g.open }

// Policy returns the policy in force, nil in run-os. It must not be changed.
func (g *Gate) Policy() *Policy { return g.p }

// WorkDir returns the program's working directory, absolute.
func (g *Gate) WorkDir() string { return g.workDir }

// trimItem removes the blanks around a list item, as the list transport of
// earlier releases did.
func trimItem(s string) string { return strings.Trim(s, " \t\r\n") }

// root is a place named by the policy, prepared for paths that are relative to
// the working directory.
type root struct {
	text string // as the policy has it
	abs  string // cleaned absolute path
	// A root lies below the working directory (inside is its path there), or at
	// or above it (outside is the way down), or elsewhere: then no relative
	// path reaches it.
	inside, outside string
}

func (g *Gate) compileRoot(text string) root {
	r := root{text: text, abs: g.absolute(text)}
	if rel, ok := below(r.abs, g.workDir); ok {
		r.outside = rel
	} else if rel, ok := below(g.workDir, r.abs); ok {
		r.inside = rel
	}
	return r
}

// find returns the path of rel, which is cleaned and relative to the working
// directory, below the root.
func (r *root) find(rel string) (string, bool) {
	switch {
	case r.outside == ".":
		return rel, true
	case r.outside != "":
		return r.outside + "/" + rel, true
	case r.inside != "":
		return below(r.inside, rel)
	}
	return "", false
}

// Root is a policy root for those who mount or open it.
type Root struct {
	// Text is the root as the policy has it.
	Text string
	// Path is the absolute, lexically cleaned path on the program's side.
	Path string
}

func (g *Gate) compileRoots(list []string) []root {
	roots := make([]root, 0, len(list))
	for _, item := range list {
		if text := trimItem(item); text != "" {
			roots = append(roots, g.compileRoot(text))
		}
	}
	return roots
}

// absolute makes p absolute against the working directory and cleans it.
func (g *Gate) absolute(p string) string {
	if strings.HasPrefix(p, "/") {
		return path.Clean(p)
	}
	return path.Clean(g.workDir + "/" + p)
}

// ReadRoots returns the read roots in policy order; nil in run-os.
func (g *Gate) ReadRoots() []Root { return exportRoots(g.read) }

// WriteRoots returns the write roots in policy order; nil in run-os.
func (g *Gate) WriteRoots() []Root { return exportRoots(g.write) }

// CwdRoots returns the roots below which a child's working directory may lie.
func (g *Gate) CwdRoots() []Root { return exportRoots(g.cwdRoots) }

func exportRoots(list []root) []Root {
	var out []Root
	for _, r := range list {
		out = append(out, Root{Text: r.text, Path: r.abs})
	}
	return out
}

// below reports whether abs is dir or lies under it, by whole components, and
// returns the part below ("." for dir itself).
func below(dir, abs string) (rel string, ok bool) {
	switch {
	case abs == dir:
		return ".", true
	case dir == "/":
		return abs[1:], true
	case len(abs) > len(dir) && abs[len(dir)] == '/' && strings.HasPrefix(abs, dir):
		return abs[len(dir)+1:], true
	}
	return "", false
}
