package ast

import (
	"fmt"
	"strings"
	"unicode"
)

// The name grammars ignore white space around a name but never strip it: a
// name with spaces is valid here and equal to no name that has none.

// CheckSymbol reports why s is not a module id or symbol: segments of
// [A-Za-z_][A-Za-z0-9_-]* between dots.
func CheckSymbol(s string) error {
	t := strings.TrimSpace(s)
	if t == "" {
		return fmt.Errorf("module_id must not be empty")
	}
	if strings.ContainsAny(t, `/\`) {
		return fmt.Errorf("invalid module_id (path separators are not allowed): %q", t)
	}
	for rest, more := t, true; more; {
		var seg string
		seg, rest, more = strings.Cut(rest, ".")
		if seg == "" {
			return fmt.Errorf("invalid module_id (empty segment): %q", t)
		}
		if !isLetter(seg[0]) && seg[0] != '_' {
			return fmt.Errorf("invalid module_id segment start (must be [A-Za-z_]): %q segment=%q", t, seg)
		}
		for i := 1; i < len(seg); i++ {
			if !isWord(seg[i]) && seg[i] != '-' {
				return fmt.Errorf("invalid module_id segment char (allowed [A-Za-z0-9_-]): %q segment=%q", t, seg)
			}
		}
	}
	return nil
}

// CheckLocalName reports why s is not a local name: [A-Za-z_][A-Za-z0-9_]*.
func CheckLocalName(s string) error {
	t := strings.TrimSpace(s)
	if t == "" {
		return fmt.Errorf("local name must be non-empty")
	}
	if !isLetter(t[0]) && t[0] != '_' {
		return fmt.Errorf("invalid local name start (must be [A-Za-z_]): %q", t)
	}
	for i := 1; i < len(t); i++ {
		if !isWord(t[i]) {
			return fmt.Errorf("invalid local name char (allowed [A-Za-z0-9_]): %q", t)
		}
	}
	return nil
}

// CheckTypeName reports why s is not a type name: [A-Za-z][A-Za-z0-9_]*.
func CheckTypeName(s string) error {
	t := strings.TrimSpace(s)
	if t == "" {
		return fmt.Errorf("type name must be non-empty")
	}
	if !isLetter(t[0]) {
		return fmt.Errorf("invalid type name start (must be [A-Za-z]): %q", t)
	}
	for i := 1; i < len(t); i++ {
		if !isWord(t[i]) {
			return fmt.Errorf("invalid type name char (allowed [A-Za-z0-9_]): %q", t)
		}
	}
	return nil
}

func isLetter(c byte) bool { return c|0x20 >= 'a' && c|0x20 <= 'z' }

func isWord(c byte) bool { return isLetter(c) || c >= '0' && c <= '9' || c == '_' }

// hasSpace reports white space of any script in an atom.
func hasSpace(s string) bool {
	for i := 0; i < len(s); i++ {
		if c := s[i]; c <= ' ' || c >= 0x80 {
			return strings.IndexFunc(s, unicode.IsSpace) >= 0
		}
	}
	return false
}
