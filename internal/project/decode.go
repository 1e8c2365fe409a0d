package project

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"unicode/utf8"

	"x07/internal/oserr"
)

// maxDocumentBytes bounds every JSON document of this package.
const maxDocumentBytes = 16 << 20

// readFile reads a regular file of at most maxDocumentBytes. The error is the
// cause alone; callers name the path.
func readFile(path string) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, oserr.Cause(err)
	}
	if !info.Mode().IsRegular() {
		return nil, errors.New("expected a regular file")
	}
	if info.Size() > maxDocumentBytes {
		return nil, fmt.Errorf("file has %d bytes, more than the %d allowed", info.Size(), maxDocumentBytes)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, oserr.Cause(err)
	}
	return b, nil
}

// object is a JSON object being taken apart. The first defect sticks, so a
// decoder reads member after member and asks for err once. A repeated member
// counts with its last value; unknown members are ignored. encoding/json alone
// would not do: it matches member names without regard to case.
type object struct {
	at      string // what the object is, such as profiles["os"]
	members map[string]json.RawMessage
	err     *error
}

// decodeObject opens the document src.
func decodeObject(src []byte) (object, error) {
	o := object{err: new(error)}
	if !utf8.Valid(src) {
		return o, errors.New("document is not UTF-8")
	}
	if err := json.Unmarshal(src, &o.members); err != nil {
		var te *json.UnmarshalTypeError
		if errors.As(err, &te) {
			return o, fmt.Errorf("expected an object, found %s", te.Value)
		}
		return o, err
	}
	if o.members == nil {
		return o, errors.New("expected an object, found null")
	}
	return o, nil
}

func (o object) fail(name, format string, args ...any) {
	if *o.err == nil {
		*o.err = fmt.Errorf("%s: %s", o.field(name), fmt.Sprintf(format, args...))
	}
}

func (o object) field(name string) string {
	if o.at == "" {
		return name
	}
	return o.at + "." + name
}

// member is the raw value of name, nil when it is absent. Null counts as
// absent for optional members.
func (o object) member(name string, required bool) json.RawMessage {
	raw, ok := o.members[name]
	if !required && bytes.Equal(raw, []byte("null")) {
		return nil
	}
	if !ok && required {
		o.fail(name, "missing required member")
	}
	return raw
}

// str is a trimmed string member, "" when absent.
func (o object) str(name string, required bool) string {
	raw := o.member(name, required)
	if raw == nil {
		return ""
	}
	var s *string
	if json.Unmarshal(raw, &s) != nil || s == nil {
		o.fail(name, "expected a string, found %s", kind(raw))
		return ""
	}
	return strings.TrimSpace(*s)
}

func (o object) strs(name string, required bool) []string {
	raw := o.member(name, required)
	if raw == nil {
		return nil
	}
	var list []*string
	if err := json.Unmarshal(raw, &list); err != nil || list == nil {
		o.fail(name, "expected an array of strings")
		return nil
	}
	out := make([]string, len(list))
	for i, s := range list {
		if s == nil {
			o.fail(name, "expected an array of strings, found null at index %d", i)
			return nil
		}
		out[i] = strings.TrimSpace(*s)
	}
	return out
}

func (o object) boolean(name string) *bool {
	raw := o.member(name, false)
	if raw == nil {
		return nil
	}
	var b bool
	if json.Unmarshal(raw, &b) != nil {
		o.fail(name, "expected true or false, found %s", kind(raw))
		return nil
	}
	return &b
}

// uint is a member that is an integer from 0 to 2^64-1, nil when absent.
func (o object) uint(name string) *uint64 {
	raw := o.member(name, false)
	if raw == nil {
		return nil
	}
	n, err := strconv.ParseUint(string(raw), 10, 64)
	if err != nil {
		o.fail(name, "expected an integer from 0 to 18446744073709551615, found %s", kind(raw))
		return nil
	}
	return &n
}

// object is a member that is an object; ok is false when it is absent.
func (o object) object(name string, required bool) (sub object, ok bool) {
	raw := o.member(name, required)
	if raw == nil {
		return object{}, false
	}
	return o.sub(o.field(name), raw)
}

// objects is a member that is an array of objects.
func (o object) objects(name string, required bool) []object {
	raw := o.member(name, required)
	if raw == nil {
		return nil
	}
	var list []json.RawMessage
	if json.Unmarshal(raw, &list) != nil || list == nil {
		o.fail(name, "expected an array, found %s", kind(raw))
		return nil
	}
	out := make([]object, 0, len(list))
	for i, item := range list {
		sub, ok := o.sub(fmt.Sprintf("%s[%d]", o.field(name), i), item)
		if !ok {
			return nil
		}
		out = append(out, sub)
	}
	return out
}

func (o object) sub(at string, raw json.RawMessage) (object, bool) {
	sub := object{at: at, err: o.err}
	if json.Unmarshal(raw, &sub.members) != nil || sub.members == nil {
		if *o.err == nil {
			*o.err = fmt.Errorf("%s: expected an object, found %s", at, kind(raw))
		}
		return sub, false
	}
	return sub, true
}

// kind names the JSON type of raw.
func kind(raw json.RawMessage) string {
	switch raw = bytes.TrimSpace(raw); {
	case len(raw) == 0:
		return "nothing"
	case raw[0] == '{':
		return "an object"
	case raw[0] == '[':
		return "an array"
	case raw[0] == '"':
		return "a string"
	case raw[0] == 't' || raw[0] == 'f':
		return "a boolean"
	case raw[0] == 'n':
		return "null"
	case len(raw) > 40:
		return "a number"
	}
	return "the number " + string(raw)
}

// manifestDoc is a manifest whose members have the right types and nothing
// else is known about them yet.
type manifestDoc struct {
	version string
	Manifest
}

// parseManifest reads the members of x07.json.
func parseManifest(src []byte) (*manifestDoc, error) {
	o, err := decodeObject(src)
	if err != nil {
		return nil, err
	}
	d := &manifestDoc{version: o.str("schema_version", true)}
	m := &d.Manifest
	m.World = o.str("world", true)
	m.Entry = o.str("entry", true)
	m.ModuleRoots = o.strs("module_roots", true)
	if l, ok := o.object("link", false); ok {
		m.Link = Link{Libs: l.strs("libs", false), SearchPaths: l.strs("search_paths", false), Frameworks: l.strs("frameworks", false)}
		if s := l.boolean("static"); s != nil {
			m.Link.Static = *s
		}
	}
	for _, dep := range o.objects("dependencies", false) {
		m.Dependencies = append(m.Dependencies, Dependency{dep.str("name", true), dep.str("version", true), dep.str("path", true)})
	}
	if m.Lockfile = o.str("lockfile", false); m.Lockfile == "" {
		m.Lockfile = "x07.lock.json"
	}
	m.DefaultProfile = o.str("default_profile", false)
	if profiles, ok := o.object("profiles", false); ok {
		m.HasProfiles = true
		m.Profiles = make(map[string]Profile, len(profiles.members))
		for name, raw := range profiles.members {
			p, ok := profiles.sub(fmt.Sprintf("profiles[%q]", name), raw)
			if !ok {
				break
			}
			m.Profiles[name] = parseProfile(name, p)
		}
	}
	return d, *o.err
}

func parseProfile(name string, o object) Profile {
	return Profile{
		Name:                name,
		World:               o.str("world", true),
		Policy:              o.str("policy", false),
		Runner:              o.str("runner", false),
		Input:               o.str("input", false),
		CCProfile:           o.str("cc_profile", false),
		AutoFFI:             o.boolean("auto_ffi"),
		SolveFuel:           o.uint("solve_fuel"),
		CPUTimeLimitSeconds: o.uint("cpu_time_limit_seconds"),
		MaxMemoryBytes:      o.uint("max_memory_bytes"),
		MaxOutputBytes:      o.uint("max_output_bytes"),
	}
}
