package policy

import (
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"x07/internal/oserr"
)

// hostSpec is one --allow-host or --deny-host value.
type hostSpec struct {
	host  string
	all   bool // deny only: every port
	ports []uint16
}

// hostSpecs are the values of one kind, merged per host.
type hostSpecs map[string]*hostSpec

func (s hostSpecs) add(spec hostSpec) {
	have, ok := s[spec.host]
	if !ok {
		s[spec.host] = &spec
		return
	}
	have.all = have.all || spec.all
	have.ports = mergePorts(have.ports, spec.ports)
	if have.all {
		have.ports = nil
	}
}

// sorted returns the specs in byte order of their hosts.
func (s hostSpecs) sorted() []*hostSpec {
	list := make([]*hostSpec, 0, len(s))
	for _, spec := range s {
		list = append(list, spec)
	}
	slices.SortFunc(list, func(a, b *hostSpec) int { return strings.Compare(a.host, b.host) })
	return list
}

const badPorts = "Expected HOST:PORTS (ports are 1..65535)."

func badShape(deny bool) error {
	if deny {
		return usage("Expected HOST:PORTS (ports are 1..65535 or *).: Expected HOST:PORTS.")
	}
	return usage("%s: Expected HOST:PORTS.", badPorts)
}

func parseHostSpec(text string, deny bool) (hostSpec, error) {
	host, ports, ok := splitHostSpec(strings.TrimSpace(text))
	if !ok || !utf8.ValidString(text) {
		return hostSpec{}, badShape(deny)
	}
	spec := hostSpec{host: lowerASCII(host)}
	switch {
	case host == "":
		return spec, usage("host must be non-empty")
	case len(host) > 255:
		return spec, usage("host must be <= 255 chars")
	case strings.ContainsAny(host, " \t\r\n\v\f;"):
		return spec, usage("host must not contain whitespace or semicolons")
	}
	if ports == "*" {
		if !deny {
			return spec, usage("Expected HOST:PORTS (ports are 1..65535; '*' is only valid for --deny-host).")
		}
		spec.all = true
		return spec, nil
	}
	for item := range strings.SplitSeq(ports, ",") {
		n, err := strconv.ParseUint(strings.TrimPrefix(strings.TrimSpace(item), "+"), 10, 16)
		if err != nil {
			return spec, usage("%s", badPorts)
		}
		if n == 0 {
			return spec, usage("ports are 1..65535")
		}
		spec.ports = append(spec.ports, uint16(n))
	}
	if spec.ports = mergePorts(nil, spec.ports); len(spec.ports) > 64 {
		return spec, usage("ports list would exceed 64 entries")
	}
	return spec, nil
}

// splitHostSpec cuts at the last colon, or behind a leading "[host]".
func splitHostSpec(text string) (host, ports string, ok bool) {
	if rest, bracketed := strings.CutPrefix(text, "["); bracketed {
		host, rest, ok = strings.Cut(rest, "]")
		if ok {
			ports, ok = strings.CutPrefix(rest, ":")
		}
		host, ports = strings.TrimSpace(host), strings.TrimSpace(ports)
		return host, ports, ok && ports != ""
	}
	i := strings.LastIndexByte(text, ':')
	if i < 0 {
		return "", "", false
	}
	host, ports = strings.TrimSpace(text[:i]), strings.TrimSpace(text[i+1:])
	return host, ports, host != "" && ports != ""
}

// maxHostFile bounds a host list, in bytes.
const maxHostFile = 1 << 20

// collectHosts reads the files, relative to root, and then the flags.
func collectHosts(root string, files, flags []string, deny bool) (hostSpecs, error) {
	specs := hostSpecs{}
	for _, name := range files {
		path := name
		if !filepath.IsAbs(path) {
			path = filepath.Join(root, name)
		}
		data, err := readCapped(path, maxHostFile)
		if err != nil {
			return nil, usage("read: %s: %s", path, oserr.Cause(err).Error())
		}
		if !utf8.Valid(data) {
			return nil, usage("host spec file must be utf-8: %s", path)
		}
		for line := range strings.Lines(string(data)) {
			line, _, _ = strings.Cut(line, "#")
			if line = strings.TrimSpace(line); line == "" {
				continue
			}
			spec, err := parseHostSpec(line, deny)
			if err != nil {
				return nil, err
			}
			specs.add(spec)
		}
	}
	for _, flag := range flags {
		spec, err := parseHostSpec(flag, deny)
		if err != nil {
			return nil, err
		}
		specs.add(spec)
	}
	return specs, nil
}

// sameHost is a form of a host in which two spellings of one address are equal,
// so that a deny reaches it however the policy wrote it.
func sameHost(host string) string {
	text := unbracket(lowerASCII(strings.TrimSpace(host)))
	switch kind, s := parseHost(text); {
	case kind == hostAddr:
		return s.lo.String()
	case kind == hostSpan && s.prefix.IsValid():
		return s.prefix.String()
	case kind == hostSpan:
		return fmt.Sprintf("%s-%s", s.lo, s.hi)
	}
	return text
}
