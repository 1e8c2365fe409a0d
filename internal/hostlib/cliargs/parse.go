package cliargs

import (
	"encoding/binary"
	"maps"
	"slices"
	"strings"
)

// The kinds of entries in a result document.
const (
	kindFlag   = 1 // a count of occurrences, one byte
	kindOption = 2 // the last value
	kindArg    = 3 // a positional argument
	kindList   = 4 // values in order
)

// Parse holds an argv_v1 document against a table in JSON.
func Parse(table, argv []byte) []byte {
	root, err := compile(table)
	if err != nil {
		return failure(CodeSpec, errSpec.Error(), "")
	}
	return parse(prepare(root), argv)
}

// ParseCompiled holds an argv_v1 document against a table that Compile returned.
func ParseCompiled(table, argv []byte) []byte {
	root, err := loadCompiled(table)
	if err != nil {
		return failure(CodeSpec, err.Error(), "")
	}
	return parse(prepare(root), argv)
}

// failure is the ERR form of a result document.
func failure(code uint32, message, usage string) []byte {
	doc := binary.LittleEndian.AppendUint32([]byte{0}, code)
	return appendText(appendText(doc, message), usage)
}

// words decodes argv_v1. What follows the last word is ignored.
func words(argv []byte) ([]string, bool) {
	d := decoder{rest: argv}
	n := d.u32()
	if d.bad || n >= 1<<31 {
		return nil, false
	}
	var list []string
	for ; n > 0; n-- {
		word := d.text()
		if d.bad {
			return nil, false
		}
		list = append(list, word)
	}
	return list, true
}

// match is what was found for a key.
type match struct {
	kind   byte
	count  int
	values []string
}

// matcher is one command line being read.
type matcher struct {
	*spec
	words []string // still to be read
	scope string
	found map[string]*match
	// positional arguments of root and of the subcommand
	root, sub []string
	exempt    bool // help or version was asked for
}

func parse(s *spec, argv []byte) []byte {
	list, ok := words(argv)
	if !ok {
		return failure(CodeArgs, "invalid_argv_v1", "")
	}
	m := &matcher{spec: s, words: list, scope: "root", found: map[string]*match{}}
	if len(list) > 0 && list[0] == s.app {
		m.words = list[1:]
	}
	message := m.read()
	if message == "" && !m.exempt {
		message = m.bind("root", m.root)
		if message == "" && m.scope != "root" {
			message = m.bind(m.scope, m.sub)
		}
	}
	if message != "" {
		return failure(CodeArgs, message, s.usage(m.scope, true))
	}
	return m.document()
}

// read goes through the words, and returns the message of an error.
func (m *matcher) read() string {
	options := true
	for len(m.words) > 0 {
		word := m.words[0]
		m.words = m.words[1:]
		switch {
		case options && word == "--":
			options = false
		case options && strings.HasPrefix(word, "--"):
			if message := m.long(word); message != "" {
				return message
			}
		case options && len(word) >= 2 && word[0] == '-':
			if message := m.bundle(word); message != "" {
				return message
			}
		case m.scope == "root" && m.scopes[word]:
			m.scope = word
		case m.scope == "root":
			m.root = append(m.root, word)
		default:
			m.sub = append(m.sub, word)
		}
	}
	return ""
}

// lookup finds the row that declares an option in the current scope.
func (m *matcher) lookup(name func(*entry) string, want string) *entry {
	for i := range m.rows {
		e := &m.rows[i]
		here := e.scope == m.scope || e.scope == "root" && e.global
		if here && e.kind != "arg" && name(e) == want {
			return e
		}
	}
	return nil
}

// long reads --name, --name=value or --name value.
func (m *matcher) long(word string) string {
	name, value, inline := strings.Cut(word, "=")
	e := m.lookup(func(e *entry) string { return e.long }, name)
	switch {
	case e == nil:
		return "unknown_option"
	case e.kind != "opt" && inline:
		return "unexpected_value"
	case e.kind != "opt":
		m.count(e)
		return ""
	case !inline:
		return m.next(e)
	}
	m.take(e, value)
	return ""
}

// bundle reads -abc: flags, and an option with the rest or the next word.
func (m *matcher) bundle(word string) string {
	for i := 1; i < len(word); i++ {
		e := m.lookup(func(e *entry) string { return e.short }, "-"+word[i:i+1])
		switch {
		case e == nil:
			return "unknown_option"
		case e.kind != "opt":
			m.count(e)
		case i+1 < len(word):
			m.take(e, word[i+1:])
			return ""
		default:
			return m.next(e)
		}
	}
	return ""
}

// next gives an option the next word, whatever it looks like.
func (m *matcher) next(e *entry) string {
	if len(m.words) == 0 {
		return "missing_value"
	}
	m.take(e, m.words[0])
	m.words = m.words[1:]
	return ""
}

func (m *matcher) count(e *entry) {
	m.exempt = m.exempt || e.kind != "flag"
	f := m.found[e.key]
	if f == nil || f.kind != kindFlag {
		f = &match{kind: kindFlag}
		m.found[e.key] = f
	}
	f.count = min(f.count+1, 255)
}

func (m *matcher) take(e *entry, value string) {
	f := m.found[e.key]
	if !e.multiple {
		m.found[e.key] = &match{kind: kindOption, values: []string{value}}
		return
	}
	if f == nil || f.kind != kindList {
		f = &match{kind: kindList}
		m.found[e.key] = f
	}
	f.values = append(f.values, value)
}

// bind gives the positional arguments of a scope to its rows, and checks what is
// required.
func (m *matcher) bind(scope string, args []string) string {
	for i := range m.rows {
		e := &m.rows[i]
		switch {
		case e.scope != scope:
		case e.kind == "opt" && e.required && m.found[e.key] == nil:
			return "missing_required_opt"
		case e.kind != "arg":
		case len(args) == 0 && e.required:
			return "missing_required_arg"
		case len(args) == 0:
		case e.multiple:
			m.found[e.key] = &match{kind: kindList, values: args}
			args = nil
		default:
			m.found[e.key] = &match{kind: kindArg, values: args[:1]}
			args = args[1:]
		}
	}
	if len(args) > 0 {
		return "too_many_args"
	}
	return ""
}

// document is the OK form of a result document.
func (m *matcher) document() []byte {
	doc := appendText([]byte{1}, m.scope)
	doc = binary.LittleEndian.AppendUint32(doc, uint32(len(m.found)))
	for _, key := range slices.Sorted(maps.Keys(m.found)) {
		f := m.found[key]
		doc = append(appendText(doc, key), f.kind)
		switch f.kind {
		case kindFlag:
			doc = appendText(doc, string([]byte{byte(f.count)}))
		case kindList:
			list := binary.LittleEndian.AppendUint32(nil, uint32(len(f.values)))
			for _, v := range f.values {
				list = appendText(list, v)
			}
			doc = appendText(doc, string(list))
		default:
			doc = appendText(doc, f.values[0])
		}
	}
	return doc
}
