package ast

import (
	"fmt"
	"slices"
)

// PatchOp is one operation of a JSON Patch (RFC 6902).
type PatchOp struct {
	Op   string // add, remove, replace, move, copy or test
	Path string
	From string // move and copy
	// Value is for add, replace and test: a generic JSON value, in which an
	// *Expr may stand for what it is. It must not be changed.
	Value any
}

// patchFields says which members an operation needs besides op and path.
var patchFields = map[string]struct{ from, value bool }{
	"add":     {value: true},
	"replace": {value: true},
	"test":    {value: true},
	"move":    {from: true},
	"copy":    {from: true},
	"remove":  {},
}

// DecodePatch reads a JSON Patch document, an array of operations.
func DecodePatch(src []byte) ([]PatchOp, error) {
	doc, err := DecodeJSON(src)
	if err != nil {
		return nil, err
	}
	return PatchOf(doc)
}

// PatchOf reads a JSON Patch from a generic JSON value.
func PatchOf(doc any) ([]PatchOp, error) {
	items, ok := doc.([]any)
	if !ok {
		return nil, fmt.Errorf("JSON patch must be an array of operations")
	}
	ops := make([]PatchOp, 0, len(items))
	for i, item := range items {
		obj, ok := item.(map[string]any)
		if !ok {
			return nil, fmt.Errorf("patch operation %d must be an object", i)
		}
		str := func(key string) (string, error) {
			v, has := obj[key]
			if !has {
				return "", fmt.Errorf("patch operation %d: missing field %q", i, key)
			}
			s, ok := v.(string)
			if !ok {
				return "", fmt.Errorf("patch operation %d: %q must be a string", i, key)
			}
			return s, nil
		}
		var op PatchOp
		var err error
		if op.Op, err = str("op"); err != nil {
			return nil, err
		}
		need, known := patchFields[op.Op]
		if !known {
			return nil, fmt.Errorf("patch operation %d: unknown op %q (expected add, remove, replace, move, copy or test)", i, op.Op)
		}
		if op.Path, err = str("path"); err != nil {
			return nil, err
		}
		if need.from {
			if op.From, err = str("from"); err != nil {
				return nil, err
			}
		}
		if need.value {
			v, has := obj["value"]
			if !has {
				return nil, fmt.Errorf("patch operation %d: missing field %q", i, "value")
			}
			op.Value = v
		}
		ops = append(ops, op)
	}
	return ops, nil
}

// Generic turns an operation into a generic JSON value.
func (op PatchOp) Generic() map[string]any {
	out := map[string]any{"op": op.Op, "path": op.Path}
	need := patchFields[op.Op]
	if need.from {
		out["from"] = op.From
	}
	if need.value {
		out["value"] = op.Value
	}
	return out
}

// AppendJSON appends the operation as minified JSON, op first.
func (op PatchOp) AppendJSON(b []byte) []byte {
	b = append(b, `{"op":`...)
	b = AppendCanonicalString(b, op.Op)
	need := patchFields[op.Op]
	if need.from {
		b = append(b, `,"from":`...)
		b = AppendCanonicalString(b, op.From)
	}
	b = append(b, `,"path":`...)
	b = AppendCanonicalString(b, op.Path)
	if need.value {
		b = append(b, `,"value":`...)
		b = AppendCanonicalJSON(b, op.Value)
	}
	return append(b, '}')
}

// maxCopied bounds what the copy operations of one patch may make: a copy of
// the root into itself doubles the document.
const maxCopied = 4 << 20

// countNodes counts the values that v is made of.
func countNodes(v any) int {
	n := 1
	switch v := v.(type) {
	case []any:
		for _, item := range v {
			n += countNodes(item)
		}
	case map[string]any:
		for _, item := range v {
			n += countNodes(item)
		}
	}
	return n
}

// ApplyPatch applies ops in order and returns the new document. It takes over
// doc, which may be changed even when an operation fails and the error is the
// only result. Values are copied into the document.
func ApplyPatch(doc any, ops []PatchOp) (any, error) {
	copied := 0
	for _, op := range ops {
		var err error
		if op.Op == "copy" {
			if v, err := Lookup(doc, op.From); err == nil {
				if copied += countNodes(v); copied > maxCopied {
					return nil, fmt.Errorf("patch copies more than %d values (at %q)", maxCopied, op.Path)
				}
			}
		}
		if doc, err = applyOp(doc, op); err != nil {
			return nil, err
		}
	}
	return doc, nil
}

func applyOp(doc any, op PatchOp) (any, error) {
	path, err := SplitPointer(op.Path)
	if err != nil {
		return nil, err
	}
	switch op.Op {
	case "add":
		return addAt(doc, path, op.Path, Clone(op.Value))
	case "replace":
		return replaceAt(doc, path, op.Path, Clone(op.Value))
	case "remove":
		return removeAt(doc, path, op.Path)
	case "test":
		got, err := Lookup(doc, op.Path)
		if err != nil {
			return nil, fmt.Errorf("test failed at %q: %w", op.Path, err)
		}
		if !Equal(got, op.Value) {
			return nil, fmt.Errorf("test failed at %q: expected %s, found %s", op.Path,
				shorten(AppendCanonicalJSON(nil, op.Value)), shorten(AppendCanonicalJSON(nil, got)))
		}
		return doc, nil
	case "copy", "move":
		from, err := SplitPointer(op.From)
		if err != nil {
			return nil, err
		}
		v, err := Lookup(doc, op.From)
		if err != nil {
			return nil, err
		}
		if op.Op == "copy" {
			return addAt(doc, path, op.Path, Clone(v))
		}
		if slices.Equal(from, path) {
			return doc, nil
		}
		if len(path) > len(from) && slices.Equal(from, path[:len(from)]) {
			return nil, fmt.Errorf("cannot move %q into its own child %q", op.From, op.Path)
		}
		if doc, err = removeAt(doc, from, op.From); err != nil {
			return nil, err
		}
		return addAt(doc, path, op.Path, v)
	}
	return nil, fmt.Errorf("unknown patch op %q (expected add, remove, replace, move, copy or test)", op.Op)
}

// edit walks to the container that holds the last token of path, lets change
// work on it, and links the result back into its parents.
func edit(node any, path []string, ptr string, change func(node any, tok string) (any, error)) (any, error) {
	if len(path) == 1 {
		return change(node, path[0])
	}
	next, ok := child(node, path[0])
	if !ok {
		return nil, fmt.Errorf("path not found: %q", ptr)
	}
	next, err := edit(next, path[1:], ptr, change)
	if err != nil {
		return nil, err
	}
	switch node := node.(type) {
	case map[string]any:
		node[path[0]] = next
	case []any:
		i, _ := arrayIndex(path[0])
		node[i] = next
	}
	return node, nil
}

func addAt(doc any, path []string, ptr string, v any) (any, error) {
	if len(path) == 0 {
		return v, nil
	}
	return edit(doc, path, ptr, func(node any, tok string) (any, error) {
		switch node := node.(type) {
		case map[string]any:
			node[tok] = v
			return node, nil
		case []any:
			if tok == "-" {
				return append(node, v), nil
			}
			i, ok := arrayIndex(tok)
			if !ok {
				return nil, fmt.Errorf("path not found: %q", ptr)
			}
			if i > len(node) {
				return nil, fmt.Errorf("array index out of bounds: index %d, length %d, path %q", i, len(node), ptr)
			}
			return slices.Insert(node, i, v), nil
		}
		return nil, fmt.Errorf("path not found: %q", ptr)
	})
}

func replaceAt(doc any, path []string, ptr string, v any) (any, error) {
	if len(path) == 0 {
		return v, nil
	}
	return edit(doc, path, ptr, func(node any, tok string) (any, error) {
		if _, ok := child(node, tok); !ok {
			return nil, fmt.Errorf("replace path not found: %q", ptr)
		}
		switch node := node.(type) {
		case map[string]any:
			node[tok] = v
		case []any:
			i, _ := arrayIndex(tok)
			node[i] = v
		}
		return node, nil
	})
}

func removeAt(doc any, path []string, ptr string) (any, error) {
	if len(path) == 0 {
		return nil, fmt.Errorf("cannot remove the document root")
	}
	return edit(doc, path, ptr, func(node any, tok string) (any, error) {
		if _, ok := child(node, tok); !ok {
			return nil, fmt.Errorf("remove path not found: %q", ptr)
		}
		switch node := node.(type) {
		case map[string]any:
			delete(node, tok)
		case []any:
			i, _ := arrayIndex(tok)
			return slices.Delete(node, i, i+1), nil
		}
		return node, nil
	})
}
