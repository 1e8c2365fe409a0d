package ast

import (
	"testing"
)

func TestAPatchChangesTheDocumentOrSaysWhyNot(t *testing.T) {
	for _, c := range []struct{ doc, patch, want, fails string }{
		{`{"a":1}`, `[{"op":"add","path":"/b","value":[1]}]`, `{"a":1,"b":[1]}`, ""},
		{`{"a":1}`, `[{"op":"add","path":"/a","value":2}]`, `{"a":2}`, ""},
		{`[1,3]`, `[{"op":"add","path":"/1","value":2},{"op":"add","path":"/-","value":4},{"op":"add","path":"/4","value":5}]`, `[1,2,3,4,5]`, ""},
		{`[1]`, `[{"op":"add","path":"/2","value":2}]`, "", `array index out of bounds: index 2, length 1, path "/2"`},
		{`[1]`, `[{"op":"add","path":"/01","value":2}]`, "", `path not found: "/01"`},
		{`{"a":1}`, `[{"op":"add","path":"/x/y","value":2}]`, "", `path not found: "/x/y"`},
		{`{"a":1}`, `[{"op":"add","path":"/a/y","value":2}]`, "", `path not found: "/a/y"`},
		{`{"a":1}`, `[{"op":"add","path":"","value":2}]`, `2`, ""},
		{`{"a":1}`, `[{"op":"replace","path":"","value":2}]`, `2`, ""},
		{`{"a":[1,2]}`, `[{"op":"replace","path":"/a/1","value":null}]`, `{"a":[1,null]}`, ""},
		{`{"a":[1,2]}`, `[{"op":"replace","path":"/a/2","value":0}]`, "", `replace path not found: "/a/2"`},
		{`{"a":[1,2]}`, `[{"op":"replace","path":"/a/-","value":0}]`, "", `replace path not found: "/a/-"`},
		{`{"a":[1,2]}`, `[{"op":"remove","path":"/a/0"}]`, `{"a":[2]}`, ""},
		{`{"a":1}`, `[{"op":"remove","path":"/b"}]`, "", `remove path not found: "/b"`},
		{`{"a":1}`, `[{"op":"remove","path":""}]`, "", `cannot remove the document root`},
		{`{"a/b":{"c~d":1}}`, `[{"op":"remove","path":"/a~1b/c~0d"}]`, `{"a/b":{}}`, ""},
		{`{"a":{"x":1},"b":2}`, `[{"op":"move","from":"/a/x","path":"/y"}]`, `{"a":{},"b":2,"y":1}`, ""},
		{`{"a":{"x":1}}`, `[{"op":"move","from":"/a","path":"/a/x"}]`, "", `cannot move "/a" into its own child "/a/x"`},
		{`{"a":{"x":1}}`, `[{"op":"move","from":"/a","path":"/a"}]`, `{"a":{"x":1}}`, ""},
		{`{"a":{"x":1}}`, `[{"op":"copy","from":"/a","path":"/b"},{"op":"add","path":"/b/y","value":2}]`, `{"a":{"x":1},"b":{"x":1,"y":2}}`, ""},
		{`{"a":1}`, `[{"op":"copy","from":"/z","path":"/b"}]`, "", `path not found: "/z"`},
		{`{"a":{"x":1,"y":[1.50]}}`, `[{"op":"test","path":"/a","value":{"y":[1.5],"x":1}}]`, `{"a":{"x":1,"y":[1.5]}}`, ""},
		{`{"a":1}`, `[{"op":"test","path":"/a","value":"1"}]`, "", `test failed at "/a": expected "1", found 1`},
		{`{"a":1}`, `[{"op":"test","path":"/b","value":1}]`, "", `test failed at "/b": path not found: "/b"`},
		{`{"a":1}`, `[{"op":"add","path":"b","value":1}]`, "", `invalid JSON pointer (must be empty or start with '/'): "b"`},
		{`1`, `{}`, "", `JSON patch must be an array of operations`},
		{`1`, `[1]`, "", `patch operation 0 must be an object`},
		{`1`, `[{"op":"nop","path":""}]`, "", `patch operation 0: unknown op "nop" (expected add, remove, replace, move, copy or test)`},
		{`1`, `[{"op":"add","path":""}]`, "", `patch operation 0: missing field "value"`},
		{`1`, `[{"op":"move","path":""}]`, "", `patch operation 0: missing field "from"`},
		{`1`, `[{"op":"remove","path":1}]`, "", `patch operation 0: "path" must be a string`},
	} {
		doc, err := DecodeJSON([]byte(c.doc))
		if err != nil {
			t.Fatal(err)
		}
		ops, err := DecodePatch([]byte(c.patch))
		if err == nil {
			doc, err = ApplyPatch(doc, ops)
		}
		switch {
		case c.fails != "":
			if err == nil || err.Error() != c.fails {
				t.Errorf("%s on %s: got %v, want %s", c.patch, c.doc, err, c.fails)
			}
		case err != nil:
			t.Errorf("%s on %s: %v", c.patch, c.doc, err)
		default:
			if got := string(AppendCanonicalJSON(nil, doc)); got != c.want {
				t.Errorf("%s on %s: got %s, want %s", c.patch, c.doc, got, c.want)
			}
		}
	}
}

func TestAValueThatWasAddedTwiceIsNotShared(t *testing.T) {
	v := []any{"x"}
	doc, err := ApplyPatch(map[string]any{}, []PatchOp{
		{Op: "add", Path: "/a", Value: v}, {Op: "add", Path: "/b", Value: v}, {Op: "add", Path: "/a/-", Value: "y"},
	})
	if err != nil {
		t.Fatal(err)
	}
	if got := string(AppendCanonicalJSON(nil, doc)); got != `{"a":["x","y"],"b":["x"]}` {
		t.Error(got)
	}
}

func TestCopiesThatDoubleTheDocumentAreStopped(t *testing.T) {
	var ops []PatchOp
	for range 64 {
		ops = append(ops, PatchOp{Op: "copy", Path: "/-"})
	}
	if _, err := ApplyPatch([]any{1, 2, 3}, ops); err == nil || err.Error() != `patch copies more than 4194304 values (at "/-")` {
		t.Errorf("got %v", err)
	}
}
