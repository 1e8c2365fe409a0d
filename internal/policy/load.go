package policy

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"x07/internal/oserr"
	"x07/schemas"
)

// MaxBytes is the size above which a policy document is not even parsed. The
// largest document that the schema admits is smaller.
const MaxBytes = 8 << 20

const (
	maxDepth      = 32 // nesting of a document; the schema needs 5
	maxViolations = 50
	maxSleepMs    = 86400000
)

// LoadFile reads and checks the policy at path. It also returns the file's
// bytes, which belong to the caller.
func LoadFile(path string) (*Policy, []byte, error) {
	data, err := readCapped(path, MaxBytes)
	if err != nil {
		var tooLarge *sizeError
		if errors.As(err, &tooLarge) {
			return nil, nil, &Error{Kind: SyntaxError, File: path, Text: path + ": " + err.Error()}
		}
		return nil, nil, &Error{Kind: ReadError, File: path, Text: oserr.Cause(err).Error(), cause: err}
	}
	p, err := Load(path, data)
	return p, data, err
}

type sizeError struct{ limit int64 }

func (e *sizeError) Error() string {
	return fmt.Sprintf("expected at most %d bytes, found more; split or shorten the lists", e.limit)
}

func readCapped(path string, limit int64) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err != nil {
		return nil, err
	}
	if int64(len(data)) > limit {
		return nil, &sizeError{limit}
	}
	return data, nil
}

// Load checks a policy document, UTF-8 JSON, and returns it with the loader's
// defaults filled in. It is rejected unless it matches the schema and then the
// loader rules; the error is an *Error whose File is file.
func Load(file string, data []byte) (*Policy, error) {
	tree, duplicate, err := parse(data)
	if err != nil {
		return nil, &Error{Kind: SyntaxError, File: file, Text: err.Error()}
	}
	if err := checkSchema(file, tree); err != nil {
		return nil, err
	}
	if duplicate != "" {
		return nil, &Error{Kind: DecodeError, File: file, Text: "duplicate field at " + strconv.Quote(duplicate) + "; keep one of the two",
			Violations: []Violation{{Pointer: duplicate, Expected: "one key of this name", Found: "two", Fix: "keep one of the two"}}}
	}
	p, err := decode(file, data)
	if err != nil {
		return nil, err
	}
	if err := Validate(p); err != nil {
		if e, ok := errors.AsType[*Error](err); ok {
			e.File = file
		}
		return nil, err
	}
	return p, nil
}

func checkSchema(file string, tree any) error {
	schema, err := schemas.Compile(schemas.RunOSPolicy)
	if err != nil {
		return err
	}
	if found := schema.Validate(tree, maxViolations); len(found) > 0 {
		return &Error{Kind: SchemaError, File: file, Text: found[0].Message(), Violations: found}
	}
	return nil
}

// parse reads data into maps, slices and json.Numbers. It bounds depth, and
// returns the pointer of the first duplicate key, if any.
func parse(data []byte) (tree any, duplicate string, err error) {
	if len(data) > MaxBytes {
		return nil, "", &sizeError{MaxBytes}
	}
	if !utf8.Valid(data) {
		return nil, "", errors.New("expected UTF-8, found other bytes")
	}
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.UseNumber()
	r := treeReader{dec: dec}
	if tree, err = r.value("", 0); err != nil {
		if errors.Is(err, io.EOF) {
			err = errors.New("expected a JSON object, found the end of the document")
		}
		return nil, "", err
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return nil, "", fmt.Errorf("expected the end of the document at offset %d, found more", dec.InputOffset())
	}
	return tree, r.duplicate, nil
}

type treeReader struct {
	dec       *json.Decoder
	duplicate string
}

func (r *treeReader) value(at string, depth int) (any, error) {
	if depth > maxDepth {
		return nil, fmt.Errorf("expected at most %d levels of nesting, found more at offset %d", maxDepth, r.dec.InputOffset())
	}
	tok, err := r.dec.Token()
	if err != nil {
		return nil, err
	}
	switch tok {
	case json.Delim('['):
		list := []any{}
		for r.dec.More() {
			v, err := r.value(indexed(at, len(list)), depth+1)
			if err != nil {
				return nil, err
			}
			list = append(list, v)
		}
		_, err := r.dec.Token()
		return list, err
	case json.Delim('{'):
		obj := map[string]any{}
		for r.dec.More() {
			key, err := r.dec.Token()
			if err != nil {
				return nil, err
			}
			name := key.(string)
			below := at + "/" + schemas.EscapePointer(name)
			if _, twice := obj[name]; twice && r.duplicate == "" {
				r.duplicate = below
			}
			if obj[name], err = r.value(below, depth+1); err != nil {
				return nil, err
			}
		}
		_, err := r.dec.Token()
		return obj, err
	}
	return tok, nil
}

// decode fills a Policy that already holds the loader's defaults.
func decode(file string, data []byte) (*Policy, error) {
	p := &Policy{
		Threads: Threads{Enabled: true, MaxBlocking: 4, MaxQueue: 1024},
		Process: Process{
			MaxExeBytes: 4096, MaxArgs: 64, MaxArgBytes: 4096,
			MaxEnv: 64, MaxEnvKeyBytes: 256, MaxEnvValBytes: 4096,
			KillOnDrop: true, KillTree: true,
		},
	}
	if err := json.Unmarshal(data, p); err != nil {
		e := &Error{Kind: DecodeError, File: file, Text: err.Error()}
		if te, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
			pointer := "/" + strings.ReplaceAll(te.Field, ".", "/")
			e.Text = fmt.Sprintf("invalid type at %q: expected an integer without fraction or exponent, found %s", pointer, te.Value)
			e.Violations = []Violation{{Pointer: pointer, Expected: "an integer without fraction or exponent", Found: te.Value, Fix: "write the integer in plain digits"}}
		}
		return nil, e
	}
	for _, list := range [...]*[]string{
		&p.Process.AllowExecs, &p.Process.AllowExecPrefixes, &p.Process.AllowArgsRegexLite, &p.Process.AllowEnvKeys, &p.Process.AllowCwdRoots,
	} {
		if *list == nil {
			*list = []string{}
		}
	}
	return p, nil
}

// UnmarshalJSON applies the defaults of a section that is present.
func (s *SQLite) UnmarshalJSON(data []byte) error {
	type plain SQLite
	v := plain{AllowPaths: []string{}}
	if err := json.Unmarshal(data, &v); err != nil {
		return err
	}
	*s = SQLite(v)
	return nil
}

// UnmarshalJSON applies the defaults of a section that is present.
func (n *DBNet) UnmarshalJSON(data []byte) error {
	type plain DBNet
	v := plain{AllowDNS: []string{}, AllowCIDRs: []string{}, AllowPorts: []uint16{}, RequireTLS: true, RequireVerify: true}
	if err := json.Unmarshal(data, &v); err != nil {
		return err
	}
	*n = DBNet(v)
	return nil
}

func indexed(pointer string, i int) string { return pointer + "/" + strconv.Itoa(i) }

// Validate applies the loader rules, first failure wins. The error is an *Error
// of kind RuleError.
func Validate(p *Policy) error {
	for _, rule := range [...]func(*Policy) (field, text string){
		ruleHeader, ruleLimits, ruleProcess, ruleTime, ruleThreads, ruleSemicolons, ruleDB, ruleHosts, rulePatterns,
	} {
		if field, text := rule(p); text != "" {
			pointer := "/" + strings.NewReplacer(".", "/", "[", "/", "]", "").Replace(field)
			return &Error{Kind: RuleError, Text: "policy." + field + text,
				Violations: []Violation{{Pointer: pointer, Keyword: "rule", Expected: "a value that the rule admits", Found: "policy." + field + text, Fix: "change " + field}}}
		}
	}
	return nil
}

func ruleHeader(p *Policy) (string, string) {
	if strings.TrimSpace(p.SchemaVersion) != SchemaVersion {
		return "schema_version", fmt.Sprintf(" mismatch: expected %s got %q", SchemaVersion, p.SchemaVersion)
	}
	if strings.TrimSpace(p.PolicyID) == "" {
		return "policy_id", " must be non-empty"
	}
	return "", ""
}

type bound struct {
	field      string
	got        uint64
	least, max uint64
}

func ruleBounds(bounds ...bound) (string, string) {
	for _, b := range bounds {
		if b.got < b.least || b.got > b.max {
			return b.field, fmt.Sprintf(" must be %d..%d (got %d)", b.least, b.max, b.got)
		}
	}
	return "", ""
}

func ruleLimits(p *Policy) (string, string) {
	l := &p.Limits
	return ruleBounds(
		bound{"limits.cpu_ms", l.CPUMs, 1, 600000},
		bound{"limits.wall_ms", l.WallMs, 1, 600000},
		bound{"limits.mem_bytes", l.MemBytes, 1048576, 17179869184},
		bound{"limits.fds", l.FDs, 0, 1024},
		bound{"limits.procs", l.Procs, 0, 1024},
	)
}

func ruleProcess(p *Policy) (string, string) {
	x := &p.Process
	if x.AllowSpawn {
		if len(x.AllowExecs) == 0 && len(x.AllowExecPrefixes) == 0 {
			return "process.allow_execs", " or policy.process.allow_exec_prefixes must be non-empty when allow_spawn is true"
		}
		for _, b := range [...]bound{
			{field: "process.max_live", got: x.MaxLive},
			{field: "process.max_spawns", got: x.MaxSpawns},
			{field: "process.max_runtime_ms", got: x.MaxRuntimeMs},
		} {
			if b.got == 0 {
				return b.field, " must be non-zero when allow_spawn is true"
			}
		}
	}
	if x.AllowCwd && len(x.AllowCwdRoots) == 0 {
		return "process.allow_cwd_roots", " must be non-empty when allow_cwd is true"
	}
	return "", ""
}

func ruleTime(p *Policy) (string, string) {
	if p.Time.MaxSleepMs > maxSleepMs {
		return "time.max_sleep_ms", " must be <= 86400000"
	}
	return "", ""
}

func ruleThreads(p *Policy) (string, string) {
	t := &p.Threads
	return ruleBounds(
		bound{"threads.max_workers", t.MaxWorkers, 0, 256},
		bound{"threads.max_blocking", t.MaxBlocking, 0, 4096},
		bound{"threads.max_queue", t.MaxQueue, 0, 1000000},
	)
}

const noSemicolon = " is invalid: value must not contain ';'"

func semicolon(field string, list []string) (string, string) {
	if i := slices.IndexFunc(list, func(s string) bool { return strings.Contains(s, ";") }); i >= 0 {
		return fmt.Sprintf("%s[%d]", field, i), noSemicolon
	}
	return "", ""
}

func ruleSemicolons(p *Policy) (string, string) {
	for _, l := range [...]struct {
		field string
		list  []string
	}{
		{"fs.read_roots", p.FS.ReadRoots},
		{"fs.write_roots", p.FS.WriteRoots},
		{"env.allow_keys", p.Env.AllowKeys},
		{"env.deny_keys", p.Env.DenyKeys},
		{"process.allow_execs", p.Process.AllowExecs},
		{"process.allow_exec_prefixes", p.Process.AllowExecPrefixes},
		{"process.allow_env_keys", p.Process.AllowEnvKeys},
		{"process.allow_cwd_roots", p.Process.AllowCwdRoots},
	} {
		if field, text := semicolon(l.field, l.list); text != "" {
			return field, text
		}
	}
	return "", ""
}

func ruleDB(p *Policy) (string, string) {
	if p.DB == nil {
		return "", ""
	}
	if p.DB.Enabled && p.DB.Drivers == (Drivers{}) {
		return "db.drivers", " must allow at least one driver when policy.db.enabled is true"
	}
	if s := p.DB.SQLite; s != nil {
		if field, text := semicolon("db.sqlite.allow_paths", s.AllowPaths); text != "" {
			return field, text
		}
	}
	if n := p.DB.Net; n != nil {
		if field, text := semicolon("db.net.allow_dns", n.AllowDNS); text != "" {
			return field, text
		}
		if field, text := semicolon("db.net.allow_cidrs", n.AllowCIDRs); text != "" {
			return field, text
		}
		if i := slices.Index(n.AllowPorts, 0); i >= 0 {
			return fmt.Sprintf("db.net.allow_ports[%d]", i), " must be 1..65535"
		}
	}
	return "", ""
}

func ruleHosts(p *Policy) (string, string) {
	if len(p.Net.AllowHosts) > 256 {
		return "net.allow_hosts", " must have <= 256 items"
	}
	for i, h := range p.Net.AllowHosts {
		entry := fmt.Sprintf("net.allow_hosts[%d]", i)
		if text := hostProblem(strings.TrimSpace(h.Host)); text != "" {
			return entry + ".host", text
		}
		if len(h.Ports) == 0 {
			return entry + ".ports", " must be non-empty"
		}
		if len(h.Ports) > 64 {
			return entry + ".ports", " must have <= 64 items"
		}
		if j := slices.Index(h.Ports, 0); j >= 0 {
			return fmt.Sprintf("%s.ports[%d]", entry, j), " must be 1..65535"
		}
	}
	return "", ""
}

func hostProblem(host string) string {
	switch {
	case host == "":
		return " must be non-empty"
	case len(host) > 255:
		return " is too long (max 255 bytes)"
	case strings.Contains(host, ";"):
		return noSemicolon
	case strings.ContainsFunc(host, unicode.IsSpace):
		return " must not contain whitespace"
	case strings.Contains(host, "\x00"):
		return " must not contain NUL"
	}
	return ""
}

// validHostText reports whether host may stand in allow_hosts.
func validHostText(host string) bool { return hostProblem(host) == "" && utf8.ValidString(host) }

func rulePatterns(p *Policy) (string, string) {
	for i, text := range p.Process.AllowArgsRegexLite {
		if _, err := compilePattern(text); err != nil {
			return fmt.Sprintf("process.allow_args_regex_lite[%d]", i), " is invalid: " + err.Error()
		}
	}
	return "", ""
}
