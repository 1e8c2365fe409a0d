package ast

import (
	"fmt"
	"strconv"
	"strings"
)

var (
	unescapeToken = strings.NewReplacer("~1", "/", "~0", "~")
	escapeToken   = strings.NewReplacer("~", "~0", "/", "~1")
)

// SplitPointer returns the decoded tokens of an RFC 6901 pointer; none for
// the whole document.
func SplitPointer(ptr string) ([]string, error) {
	if ptr == "" {
		return nil, nil
	}
	if ptr[0] != '/' {
		return nil, fmt.Errorf("invalid JSON pointer (must be empty or start with '/'): %q", ptr)
	}
	tokens := strings.Split(ptr[1:], "/")
	for i, t := range tokens {
		tokens[i] = unescapeToken.Replace(t)
	}
	return tokens, nil
}

// arrayIndex reads an array index as RFC 6901 spells it: digits without
// leading zeros.
func arrayIndex(tok string) (int, bool) {
	if tok == "" || len(tok) > 10 || tok[0] == '0' && len(tok) > 1 {
		return 0, false
	}
	for i := 0; i < len(tok); i++ {
		if tok[i] < '0' || tok[i] > '9' {
			return 0, false
		}
	}
	n, err := strconv.Atoi(tok)
	return n, err == nil
}

// child finds one step of a pointer in a generic JSON value.
func child(node any, tok string) (any, bool) {
	switch node := node.(type) {
	case map[string]any:
		v, ok := node[tok]
		return v, ok
	case []any:
		if i, ok := arrayIndex(tok); ok && i < len(node) {
			return node[i], true
		}
	}
	return nil, false
}

// Lookup finds what ptr names in a generic JSON value. The result is part of
// doc, not a copy.
func Lookup(doc any, ptr string) (any, error) {
	tokens, err := SplitPointer(ptr)
	if err != nil {
		return nil, err
	}
	for _, tok := range tokens {
		next, ok := child(doc, tok)
		if !ok {
			return nil, fmt.Errorf("path not found: %q", ptr)
		}
		doc = next
	}
	return doc, nil
}
