package schemas

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// composed holds the keywords with which a schema is put together out of
// others, and those of lists. A schema with a $ref has no other keyword.
type composed struct {
	path               string // JSON Pointer of the schema in its document
	never              bool   // the schema false
	enum               []string
	minItems           int
	unique             bool
	prefix             []*Schema
	defs               map[string]*Schema
	ref                string // name in $defs
	target             *Schema
	condition, yes, no *Schema
}

const defsPrefix = "#/$defs/"

// compose sets one of the keywords of composed.
func (s *Schema) compose(keyword string, v any) (err error) {
	sub := func() *Schema {
		var child *Schema
		if err == nil {
			child, err = compileAt(v, s.path+"/"+keyword)
		}
		return child
	}
	switch keyword {
	case "enum":
		s.enum, err = words(v)
	case "minItems":
		s.minItems, err = count(v)
	case "uniqueItems":
		s.unique, err = as[bool](v)
	case "prefixItems":
		var list []any
		if list, err = as[[]any](v); err != nil {
			return err
		}
		for i, item := range list {
			child, err := compileAt(item, s.path+"/prefixItems/"+strconv.Itoa(i))
			if err != nil {
				return err
			}
			s.prefix = append(s.prefix, child)
		}
	case "if":
		s.condition = sub()
	case "then":
		s.yes = sub()
	case "else":
		s.no = sub()
	case "$ref":
		var ref string
		if ref, err = as[string](v); err != nil {
			return err
		}
		name, ok := strings.CutPrefix(ref, defsPrefix)
		if !ok {
			return fmt.Errorf("expected %sNAME, found %q", defsPrefix, ref)
		}
		s.ref = name
	case "$defs":
		var defs map[string]any
		if defs, err = as[map[string]any](v); err != nil {
			return err
		}
		s.defs = make(map[string]*Schema, len(defs))
		for name, def := range defs {
			if s.defs[name], err = compileAt(def, s.path+"/$defs/"+EscapePointer(name)); err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
		}
	default:
		return fmt.Errorf("not supported")
	}
	return err
}

// link finds the targets of all references in s.
func (s *Schema) link(defs map[string]*Schema) error {
	if s == nil {
		return nil
	}
	if s.ref != "" {
		if s.target = defs[s.ref]; s.target == nil {
			return fmt.Errorf("no definition %q", s.ref)
		}
	}
	children := append([]*Schema{s.items, s.condition, s.yes, s.no}, s.prefix...)
	for _, group := range []map[string]*Schema{s.properties, s.defs} {
		for _, child := range group {
			children = append(children, child)
		}
	}
	for _, child := range children {
		if err := child.link(defs); err != nil {
			return err
		}
	}
	return nil
}

func words(v any) ([]string, error) {
	list, err := as[[]any](v)
	if err != nil {
		return nil, err
	}
	out := make([]string, len(list))
	for i, item := range list {
		if out[i], err = as[string](item); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func (w *walker) checkEnum(s *Schema, v, at string) {
	if s.enum != nil && !slices.Contains(s.enum, v) {
		want := "one of " + strings.Join(s.enum, ", ")
		w.add(at, "enum", want, describe(v), "write "+want)
	}
}

func (w *walker) checkItems(s *Schema, v []any, at string) {
	if len(v) < s.minItems {
		w.add(at, "minItems", fmt.Sprintf("at least %d items", s.minItems), fmt.Sprintf("%d", len(v)), "add items")
	}
	if s.unique {
		seen := make(map[string]bool, len(v))
		for i, item := range v {
			key, _ := json.Marshal(item)
			if seen[string(key)] {
				w.add(at+"/"+strconv.Itoa(i), "uniqueItems", "items that differ", "a second "+describe(item), "remove it")
				break
			}
			seen[string(key)] = true
		}
	}
	for i, item := range v {
		sub := s.items
		if i < len(s.prefix) {
			sub = s.prefix[i]
		}
		if sub == nil || len(w.found) >= w.limit {
			break
		}
		w.check(sub, item, at+"/"+strconv.Itoa(i))
	}
}

// checkCondition applies then or else. Only the outcome of the condition
// counts, never what it found.
func (w *walker) checkCondition(s *Schema, v any, at string) {
	if s.condition == nil {
		return
	}
	probe := walker{limit: 1}
	probe.check(s.condition, v, at)
	branch := s.yes
	if len(probe.found) > 0 {
		branch = s.no
	}
	if branch != nil {
		w.check(branch, v, at)
	}
}
