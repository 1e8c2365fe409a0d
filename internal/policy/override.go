package policy

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"x07/internal/atomicfile"
	"x07/internal/oserr"
)

// Overrides are the policy flags of "x07 run" and "x07 bundle", as given.
type Overrides struct {
	AllowHosts, AllowHostFiles      []string
	DenyHosts, DenyHostFiles        []string
	AllowReadRoots, AllowWriteRoots []string
}

func (o *Overrides) hosts() bool {
	return len(o.AllowHosts)+len(o.AllowHostFiles)+len(o.DenyHosts)+len(o.DenyHostFiles) > 0
}

func (o *Overrides) roots() bool { return len(o.AllowReadRoots)+len(o.AllowWriteRoots) > 0 }

// Any reports whether a flag was given.
func (o *Overrides) Any() bool { return o.hosts() || o.roots() }

// Request says which policy a run asks for.
type Request struct {
	// Tool is the command's name in messages: "x07 run" or "x07 bundle".
	Tool string
	// World is the world the program runs in.
	World string
	// Root is the policy root: the project directory, else the working directory.
	Root string
	// Flag is --policy, Profile the profile's policy; relative to Root.
	Flag, Profile string
	Overrides     Overrides
}

// Resolved is the policy of a run.
type Resolved struct {
	// Policy is checked; nil in worlds without one.
	Policy *Policy
	// Base and Path are the base document and the one in force; they differ
	// when overrides made a derived document.
	Base, Path string
	// Bytes is the document in force.
	Bytes []byte
	// Notice is the line for stderr, without newline; empty when nothing was derived.
	Notice string
}

const sandboxed = "run-os-sandboxed"

// Resolve finds, checks and, with overrides, derives the policy of a run.
// Errors exit with ExitCode(err); those with status 3 have Diagnostics.
func Resolve(r Request) (Resolved, error) {
	var out Resolved
	if r.World != sandboxed {
		switch {
		case r.Overrides.Any():
			return out, usage("--allow-host/--deny-host/--allow-read-root/--allow-write-root requires run-os-sandboxed (policy-enforced OS world)")
		case r.Flag != "":
			return out, usage("--policy is only valid for --world run-os-sandboxed")
		}
		return out, nil
	}
	base := r.Flag
	if base == "" {
		base = r.Profile
	}
	if base == "" {
		return out, usage("run-os-sandboxed requires a policy file (--policy or profile policy)")
	}
	if !filepath.IsAbs(base) {
		base = filepath.Join(r.Root, base)
	}
	switch info, err := os.Stat(base); {
	case err != nil:
		return out, usage("missing policy file: %s", base)
	case !info.Mode().IsRegular():
		return out, usage("missing policy file: %s is not a regular file", base)
	}
	out.Base, out.Path = base, base
	if !r.Overrides.Any() {
		var err error
		out.Policy, out.Bytes, err = LoadFile(base)
		return out, err
	}
	data, err := readCapped(base, MaxBytes)
	if err != nil {
		return out, &Error{Kind: ReadError, File: base, Text: oserr.Cause(err).Error(), cause: err}
	}
	d, err := Derive(r.Root, base, data, r.Overrides)
	if err != nil {
		return out, err
	}
	if out.Path, err = d.write(r.Root); err != nil {
		return out, err
	}
	out.Policy, out.Bytes = d.Policy, d.Bytes
	out.Notice = r.Tool + ": using derived policy " + out.Path
	return out, nil
}

// Derived is a policy made from a base and overrides.
type Derived struct {
	Policy *Policy
	Bytes  []byte // canonical form
	Name   string // file name below .x07/policies/_generated/
}

// Derive merges overrides into the base document; deny wins over allow and over
// the base. base is the base's path, for messages and notes. Nothing is written.
func Derive(root, base string, data []byte, o Overrides) (Derived, error) {
	var none Derived
	tree, duplicate, err := parse(data)
	if err != nil {
		return none, &Error{Kind: SyntaxError, File: base, Text: err.Error()}
	}
	if err := checkSchema(base, tree); err != nil {
		return none, err
	}
	if duplicate != "" {
		_, err := Load(base, data)
		return none, err
	}
	doc := tree.(map[string]any)
	net, files := doc["net"].(map[string]any), doc["fs"].(map[string]any)
	switch {
	case o.hosts() && net["enabled"] == false:
		return none, usage("base policy disables networking (net.enabled=false)")
	case o.hosts() && net["allow_tcp"] == false:
		return none, usage("base policy forbids TCP (net.allow_tcp=false)")
	case o.roots() && files["enabled"] == false:
		return none, usage("base policy disables filesystem access (fs.enabled=false)")
	}
	allow, err := collectHosts(root, o.AllowHostFiles, o.AllowHosts, false)
	if err != nil {
		return none, err
	}
	deny, err := collectHosts(root, o.DenyHostFiles, o.DenyHosts, true)
	if err != nil {
		return none, err
	}
	read, err := parseRoots(o.AllowReadRoots)
	if err != nil {
		return none, err
	}
	write, err := parseRoots(o.AllowWriteRoots)
	if err != nil {
		return none, err
	}
	if err := deriveHosts(net, allow, deny); err != nil {
		return none, err
	}
	if err := deriveRoots(files, "read_roots", read); err != nil {
		return none, err
	}
	if err := deriveRoots(files, "write_roots", write); err != nil {
		return none, err
	}
	mark := "g" + digest(data, allow, deny, read, write)
	id := doc["policy_id"].(string)
	doc["policy_id"] = id[:min(54, len(id))] + "." + mark
	deriveNotes(doc, fmt.Sprintf("Derived by x07 run from `%s` (%s)", base, mark))
	d := Derived{Bytes: renderTree(tree), Name: id + "." + mark + ".policy.json"}
	d.Policy, err = Load(base, d.Bytes)
	return d, err
}

// write puts the document below root, unless an identical file is there already.
func (d *Derived) write(root string) (string, error) {
	dir := filepath.Join(root, ".x07", "policies", "_generated")
	path := filepath.Join(dir, d.Name)
	if old, err := os.ReadFile(path); err == nil && bytes.Equal(old, d.Bytes) {
		return path, nil
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", fmt.Errorf("create dir: %s: %s", dir, oserr.Cause(err).Error())
	}
	return path, atomicfile.Write(path, d.Bytes, 0o644)
}

func parseRoots(flags []string) ([]string, error) {
	var roots []string
	for _, flag := range flags {
		root := strings.TrimSpace(flag)
		switch {
		case root == "":
			return nil, usage("root path must be non-empty")
		case utf8.RuneCountInString(root) > 4096:
			return nil, usage("root path must be <= 4096 chars")
		case !utf8.ValidString(root):
			return nil, usage("root path must be UTF-8")
		}
		roots = append(roots, root)
	}
	return roots, nil
}

// deriveHosts rebuilds allow_hosts: base entries merged in their order, new
// hosts in byte order, then the denies.
func deriveHosts(net map[string]any, allow, deny hostSpecs) error {
	var order []string
	ports := map[string][]uint16{}
	add := func(host string, more []uint16) {
		if _, ok := ports[host]; !ok {
			order = append(order, host)
		}
		ports[host] = mergePorts(ports[host], more)
	}
	for _, item := range net["allow_hosts"].([]any) {
		entry := item.(map[string]any)
		var list []uint16
		for _, n := range entry["ports"].([]any) {
			port, err := strconv.ParseUint(string(n.(json.Number)), 10, 16)
			if err != nil {
				return &Error{Kind: DecodeError, Text: fmt.Sprintf("invalid port %s: expected plain digits", n)}
			}
			list = append(list, uint16(port))
		}
		add(lowerASCII(strings.TrimSpace(entry["host"].(string))), list)
	}
	for _, spec := range allow.sorted() {
		add(spec.host, spec.ports)
	}
	for _, host := range order {
		if len(ports[host]) > 64 {
			return usage("Host %s would exceed 64 allowed ports", host)
		}
	}
	if len(order) > 256 {
		return usage("Policy net.allow_hosts would exceed 256 entries")
	}
	refused := map[string]*hostSpec{}
	for _, spec := range deny.sorted() {
		same := hostSpecs{}
		if have := refused[sameHost(spec.host)]; have != nil {
			have.host = spec.host
			same.add(*have)
		}
		same.add(*spec)
		refused[sameHost(spec.host)] = same[spec.host]
	}
	names := false
	entries := []any{}
	for _, host := range order {
		left := ports[host]
		if spec := refused[sameHost(host)]; spec != nil {
			left = slices.DeleteFunc(left, func(p uint16) bool { return spec.all || slices.Contains(spec.ports, p) })
			if len(left) == 0 {
				continue
			}
		}
		names = names || strings.ContainsFunc(host, func(r rune) bool { return 'a' <= r && r <= 'z' })
		entries = append(entries, map[string]any{"host": host, "ports": numbers(left)})
	}
	net["allow_hosts"] = entries
	if names {
		net["allow_dns"] = true
	}
	return nil
}

func numbers(ports []uint16) []any {
	list := []any{}
	for _, p := range ports {
		list = append(list, json.Number(strconv.Itoa(int(p))))
	}
	return list
}

func deriveRoots(files map[string]any, key string, add []string) error {
	roots := files[key].([]any)
	for _, root := range add {
		if !slices.Contains(roots, any(root)) {
			roots = append(roots, root)
		}
	}
	if len(roots) > 128 {
		return usage("fs.%s would exceed 128 entries", key)
	}
	files[key] = roots
	return nil
}

func deriveNotes(doc map[string]any, line string) {
	notes, _ := doc["notes"].(string)
	if notes != "" {
		line = notes + "\n" + line
	}
	if len(line) <= 4096 {
		doc["notes"] = line
	}
}

// digest returns the first four bytes, in hexadecimal, of the SHA-256 of the
// base file followed by the overrides.
func digest(data []byte, allow, deny hostSpecs, read, write []string) string {
	allowed, denied := []any{}, []any{}
	for _, s := range allow.sorted() {
		allowed = append(allowed, map[string]any{"host": s.host, "ports": numbers(s.ports)})
	}
	for _, s := range deny.sorted() {
		denied = append(denied, map[string]any{"all_ports": s.all, "host": s.host, "ports": numbers(s.ports)})
	}
	h := sha256.New()
	h.Write(data)
	h.Write(compact(map[string]any{
		"allow_hosts": allowed, "deny_hosts": denied,
		"allow_read_roots": sortedSet(read), "allow_write_roots": sortedSet(write),
	}))
	return hex.EncodeToString(h.Sum(nil)[:4])
}

func sortedSet(list []string) []string {
	set := append([]string{}, list...)
	slices.Sort(set)
	return slices.Compact(set)
}
