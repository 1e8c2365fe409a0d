package policy

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"testing"
)

// document returns a template's JSON with patches applied; values are Go values.
func document(t testing.TB, template string, edits ...PatchOp) []byte {
	t.Helper()
	p, err := FromTemplate(template, "")
	if err != nil {
		t.Fatal(err)
	}
	return applyPatch(t, Render(p), edits)
}

func put(path string, value any) PatchOp { return PatchOp{Op: "add", Path: path, Value: value} }

// applyPatch applies add and remove operations.
func applyPatch(t testing.TB, doc []byte, ops []PatchOp) []byte {
	t.Helper()
	tree, _, err := parse(doc)
	if err != nil {
		t.Fatal(err)
	}
	for _, op := range ops {
		raw, err := marshal(op.Value)
		if err != nil {
			t.Fatal(err)
		}
		value, _, err := parse(raw)
		if err != nil {
			t.Fatal(err)
		}
		if tree, err = edit(tree, strings.Split(op.Path, "/")[1:], op.Op == "remove", value); err != nil {
			t.Fatalf("%s %s: %v", op.Op, op.Path, err)
		}
	}
	return renderTree(tree)
}

func edit(tree any, at []string, remove bool, value any) (any, error) {
	if len(at) == 0 {
		return value, nil
	}
	switch v := tree.(type) {
	case map[string]any:
		if len(at) == 1 && remove {
			delete(v, at[0])
			return v, nil
		}
		child, ok := v[at[0]]
		if !ok && len(at) > 1 {
			return nil, fmt.Errorf("no %q", at[0])
		}
		changed, err := edit(child, at[1:], remove, value)
		v[at[0]] = changed
		return v, err
	case []any:
		if at[0] == "-" {
			return append(v, value), nil
		}
		i, err := strconv.Atoi(at[0])
		if err != nil || i >= len(v) {
			return nil, fmt.Errorf("no index %q", at[0])
		}
		if len(at) == 1 && remove {
			return append(v[:i:i], v[i+1:]...), nil
		}
		v[i], err = edit(v[i], at[1:], remove, value)
		return v, err
	}
	return nil, fmt.Errorf("cannot go below %T", tree)
}

func load(t testing.TB, template string, edits ...PatchOp) *Policy {
	t.Helper()
	p, err := Load("p.json", document(t, template, edits...))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func gate(t testing.TB, template string, edits ...PatchOp) *Gate {
	t.Helper()
	return FromPolicy(load(t, template, edits...), Options{WorkDir: "/work"})
}

func mustJSON(t testing.TB, v any) string {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
