package schemas

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/big"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// A Violation is one place where a document breaks its schema.
type Violation struct {
	// Pointer is the JSON Pointer of the offending value; "" is the whole document.
	Pointer string
	// Keyword is the schema keyword that failed, SchemaPath the JSON Pointer
	// of that keyword in the schema.
	Keyword, SchemaPath string
	// Expected and Found describe both sides in words, Fix what to do.
	Expected, Found, Fix string
}

// Message returns the violation as one line without its place.
func (v Violation) Message() string {
	return fmt.Sprintf("expected %s, found %s", v.Expected, v.Found)
}

// A Schema is a compiled schema. It is immutable.
//
// The keywords of our own schemas are understood, with the meaning that draft
// 2020-12 gives them; compiling a schema with any other keyword fails, so no
// rule can be skipped in silence. The general validator library checks this
// one in the tests but is not linked into the commands: it compiles the meta
// schemas of every draft when a process starts, which costs milliseconds.
type Schema struct {
	kind                 string
	constant             any
	hasConstant          bool
	minimum, maximum     *big.Rat
	minLength, maxLength int
	maxItems             int
	pattern              *regexp.Regexp
	items                *Schema
	required             []string
	closed               bool
	properties           map[string]*Schema
	names                []string
	composed
}

// Compile compiles the schema of the documents whose schema_version is version.
func Compile(version string) (*Schema, error) {
	doc, err := Document(version)
	if err != nil {
		return nil, err
	}
	dec := json.NewDecoder(bytes.NewReader(doc))
	dec.UseNumber()
	var tree any
	if err := dec.Decode(&tree); err != nil {
		return nil, fmt.Errorf("schema %s: %w", version, err)
	}
	s, err := compile(tree)
	if err != nil {
		return nil, fmt.Errorf("schema %s: %w", version, err)
	}
	return s, nil
}

// compile compiles a whole schema document.
func compile(tree any) (*Schema, error) {
	s, err := compileAt(tree, "")
	if err != nil {
		return nil, err
	}
	return s, s.link(s.defs)
}

// compileAt compiles the schema at path, a JSON Pointer in the whole document.
func compileAt(tree any, path string) (*Schema, error) {
	if open, ok := tree.(bool); ok {
		return &Schema{minLength: -1, maxLength: -1, maxItems: -1, composed: composed{path: path, never: !open}}, nil
	}
	obj, ok := tree.(map[string]any)
	if !ok {
		return nil, fmt.Errorf("expected an object, found %s", describe(tree))
	}
	s := &Schema{minLength: -1, maxLength: -1, maxItems: -1, composed: composed{path: path}}
	for keyword, v := range obj {
		if err := s.set(keyword, v); err != nil {
			return nil, fmt.Errorf("keyword %s: %w", keyword, err)
		}
	}
	for name := range s.properties {
		s.names = append(s.names, name)
	}
	slices.Sort(s.names)
	return s, nil
}

func (s *Schema) set(keyword string, v any) (err error) {
	switch keyword {
	case "$schema", "$id", "title", "description", "default":
	case "type":
		s.kind, err = as[string](v)
		if !slices.Contains([]string{"object", "array", "string", "integer", "boolean"}, s.kind) {
			return fmt.Errorf("unsupported type %q", s.kind)
		}
	case "const":
		s.constant, err = as[string](v)
		s.hasConstant = true
	case "minimum":
		s.minimum, err = rational(v)
	case "maximum":
		s.maximum, err = rational(v)
	case "minLength":
		s.minLength, err = count(v)
	case "maxLength":
		s.maxLength, err = count(v)
	case "maxItems":
		s.maxItems, err = count(v)
	case "pattern":
		var text string
		if text, err = as[string](v); err == nil {
			s.pattern, err = regexp.Compile(text)
		}
	case "items":
		s.items, err = compileAt(v, s.path+"/items")
	case "required":
		var list []any
		if list, err = as[[]any](v); err != nil {
			return err
		}
		for _, item := range list {
			name, err := as[string](item)
			if err != nil {
				return err
			}
			s.required = append(s.required, name)
		}
	case "additionalProperties":
		var open bool
		if open, err = as[bool](v); err == nil && open {
			return fmt.Errorf("only false is supported")
		}
		s.closed = true
	case "properties":
		var props map[string]any
		if props, err = as[map[string]any](v); err != nil {
			return err
		}
		s.properties = make(map[string]*Schema, len(props))
		for name, sub := range props {
			if s.properties[name], err = compileAt(sub, s.path+"/properties/"+EscapePointer(name)); err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
		}
	default:
		return s.compose(keyword, v)
	}
	return err
}

// Validate returns every violation in doc, which must have been decoded with
// json.Decoder.UseNumber, at most limit of them, in the order of the schema.
// An empty result means doc is valid.
func (s *Schema) Validate(doc any, limit int) []Violation {
	w := walker{limit: limit}
	w.check(s, doc, "")
	return w.found
}

type walker struct {
	found  []Violation
	limit  int
	schema *Schema // whose keywords are being checked
}

func (w *walker) add(pointer, keyword, expected, found, fix string) {
	if len(w.found) < w.limit {
		w.found = append(w.found, Violation{Pointer: pointer, Keyword: keyword, SchemaPath: w.schema.path + "/" + keyword, Expected: expected, Found: found, Fix: fix})
	}
}

func (w *walker) check(s *Schema, v any, at string) {
	if len(w.found) >= w.limit {
		return
	}
	if s.target != nil {
		w.check(s.target, v, at)
		return
	}
	w.schema = s
	if s.never {
		w.add(at, "not", "no value here", describe(v), "remove it")
		return
	}
	if s.kind != "" && kindOf(v, s.kind) != s.kind {
		w.add(at, "type", article(s.kind), describe(v), "write "+article(s.kind)+" here")
		return
	}
	if s.hasConstant && v != s.constant {
		want := strconv.Quote(s.constant.(string))
		w.add(at, "const", want, describe(v), "write "+want)
	}
	switch v := v.(type) {
	case string:
		w.checkString(s, v, at)
		w.checkEnum(s, v, at)
	case json.Number:
		w.checkNumber(s, v, at)
	case []any:
		if s.maxItems >= 0 && len(v) > s.maxItems {
			w.add(at, "maxItems", fmt.Sprintf("at most %d items", s.maxItems), fmt.Sprintf("%d items", len(v)), "remove items")
		}
		w.checkItems(s, v, at)
	case map[string]any:
		w.checkObject(s, v, at)
	}
	w.checkCondition(s, v, at)
}

func (w *walker) checkString(s *Schema, v, at string) {
	n := utf8.RuneCountInString(v)
	if s.minLength >= 0 && n < s.minLength {
		w.add(at, "minLength", fmt.Sprintf("at least %d characters", s.minLength), fmt.Sprintf("%d", n), "write a longer text")
	}
	if s.maxLength >= 0 && n > s.maxLength {
		w.add(at, "maxLength", fmt.Sprintf("at most %d characters", s.maxLength), fmt.Sprintf("%d", n), "write a shorter text")
	}
	if s.pattern != nil && !s.pattern.MatchString(v) {
		w.add(at, "pattern", "text matching "+s.pattern.String(), describe(v), "write text that matches")
	}
}

func (w *walker) checkNumber(s *Schema, v json.Number, at string) {
	if s.minimum == nil && s.maximum == nil {
		return
	}
	n, ok := parseNumber(string(v))
	if ok && (s.minimum == nil || n.Cmp(s.minimum) >= 0) && (s.maximum == nil || n.Cmp(s.maximum) <= 0) {
		return
	}
	keyword, bounds := "maximum", ""
	switch {
	case s.minimum == nil:
		bounds = "at most " + s.maximum.RatString()
	case s.maximum == nil:
		keyword, bounds = "minimum", "at least "+s.minimum.RatString()
	default:
		if ok && n.Cmp(s.minimum) < 0 {
			keyword = "minimum"
		}
		bounds = s.minimum.RatString() + ".." + s.maximum.RatString()
	}
	w.add(at, keyword, bounds, clip(string(v)), "write a number within "+bounds)
}

func (w *walker) checkObject(s *Schema, v map[string]any, at string) {
	for _, name := range s.required {
		if _, ok := v[name]; !ok {
			w.add(at, "required", "the key "+strconv.Quote(name), "no such key", "add "+strconv.Quote(name))
		}
	}
	if s.closed {
		var unknown []string
		for name := range v {
			if _, ok := s.properties[name]; !ok {
				unknown = append(unknown, name)
			}
		}
		slices.Sort(unknown)
		for _, name := range unknown {
			w.add(at+"/"+EscapePointer(name), "additionalProperties", "one of the keys "+strings.Join(s.names, ", "),
				"the unknown key "+strconv.Quote(clip(name)), s.nameFix(name))
		}
	}
	for _, name := range s.names {
		if sub, ok := v[name]; ok {
			w.check(s.properties[name], sub, at+"/"+EscapePointer(name))
		}
	}
}

// nameFix proposes the known key that is one or two edits away.
func (s *Schema) nameFix(name string) string {
	best, bestAt := "", 3
	for _, known := range s.names {
		if d := distance(name, known); d < bestAt {
			best, bestAt = known, d
		}
	}
	if best == "" {
		return "remove it"
	}
	return "rename it to " + strconv.Quote(best) + " or remove it"
}

// distance is the edit distance of two keys, or 99 when they are too unlike to
// be worth the work.
func distance(a, b string) int {
	if len(a) > 64 || len(a)-len(b) > 2 || len(b)-len(a) > 2 {
		return 99
	}
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := 1; i <= len(a); i++ {
		diag := row[0]
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := diag
			if a[i-1] != b[j-1] {
				cost++
			}
			diag = row[j]
			row[j] = min(cost, row[j]+1, row[j-1]+1)
		}
	}
	return row[len(b)]
}

// EscapePointer escapes one key for use in a JSON Pointer.
func EscapePointer(key string) string {
	return strings.ReplaceAll(strings.ReplaceAll(key, "~", "~0"), "/", "~1")
}

// kindOf returns the schema type of v; want tells whether a whole number is
// asked for as an integer.
func kindOf(v any, want string) string {
	switch v := v.(type) {
	case nil:
		return "null"
	case bool:
		return "boolean"
	case string:
		return "string"
	case []any:
		return "array"
	case map[string]any:
		return "object"
	case json.Number:
		if n, ok := parseNumber(string(v)); want == "integer" && (!ok || !n.IsInt()) {
			return "number"
		}
		return "integer"
	}
	return "unknown"
}

// parseNumber reads a JSON number exactly. It refuses exponents that would make
// the exact value enormous: such a number is outside every range we state.
func parseNumber(text string) (*big.Rat, bool) {
	if len(text) > 64 {
		return nil, false
	}
	if i := strings.IndexAny(text, "eE"); i >= 0 {
		e, err := strconv.Atoi(text[i+1:])
		if err != nil || e > 64 || e < -64 {
			return nil, false
		}
	}
	return new(big.Rat).SetString(text)
}

func describe(v any) string {
	switch v := v.(type) {
	case nil:
		return "null"
	case bool:
		return strconv.FormatBool(v)
	case string:
		return "the string " + strconv.Quote(clip(v))
	case json.Number:
		return "the number " + clip(string(v))
	case []any:
		return "an array"
	case map[string]any:
		return "an object"
	}
	return fmt.Sprintf("%T", v)
}

func clip(s string) string {
	if len(s) <= 80 {
		return s
	}
	n := 80
	for !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n] + "…"
}

func article(kind string) string {
	if strings.ContainsRune("aeiou", rune(kind[0])) {
		return "an " + kind
	}
	return "a " + kind
}

func as[T any](v any) (T, error) {
	t, ok := v.(T)
	if !ok {
		return t, fmt.Errorf("expected %T, found %s", t, describe(v))
	}
	return t, nil
}

func rational(v any) (*big.Rat, error) {
	n, err := as[json.Number](v)
	if err != nil {
		return nil, err
	}
	r, ok := parseNumber(string(n))
	if !ok {
		return nil, fmt.Errorf("unreadable number %s", n)
	}
	return r, nil
}

func count(v any) (int, error) {
	n, err := as[json.Number](v)
	if err != nil {
		return 0, err
	}
	return strconv.Atoi(string(n))
}
