package ast

import "fmt"

// PatchsetVersion is the schema_version of a patchset.
const PatchsetVersion = "x07.patchset@0.1.0"

// Patchset is a set of JSON Patches to files.
type Patchset struct {
	Patches []FilePatch
}

// FilePatch is the JSON Patch of one file. Path is as written, relative to a
// root that the reader of the set chooses and must keep it under.
type FilePatch struct {
	Path  string
	Patch []PatchOp
	Note  string
}

// DecodePatchset reads a patchset document.
func DecodePatchset(src []byte) (Patchset, error) {
	doc, err := DecodeJSON(src)
	if err != nil {
		return Patchset{}, err
	}
	obj, ok := doc.(map[string]any)
	if !ok {
		return Patchset{}, fmt.Errorf("patchset must be an object")
	}
	if v, _ := obj["schema_version"].(string); v != PatchsetVersion {
		return Patchset{}, fmt.Errorf("schema_version must be %q, found %s", PatchsetVersion, shorten(AppendCanonicalJSON(nil, obj["schema_version"])))
	}
	items, ok := obj["patches"].([]any)
	if !ok {
		return Patchset{}, fmt.Errorf("patches must be an array")
	}
	var out Patchset
	for i, item := range items {
		obj, ok := item.(map[string]any)
		if !ok {
			return Patchset{}, fmt.Errorf("patches[%d] must be an object", i)
		}
		var p FilePatch
		if p.Path, ok = obj["path"].(string); !ok || p.Path == "" {
			return Patchset{}, fmt.Errorf("patches[%d].path must be a non-empty string", i)
		}
		if note, has := obj["note"]; has {
			if p.Note, ok = note.(string); !ok {
				return Patchset{}, fmt.Errorf("patches[%d].note must be a string", i)
			}
		}
		if p.Patch, err = PatchOf(obj["patch"]); err != nil {
			return Patchset{}, fmt.Errorf("patches[%d].patch: %w", i, err)
		}
		out.Patches = append(out.Patches, p)
	}
	return out, nil
}

// AppendJSON appends the patchset as canonical JSON without a newline.
func (s Patchset) AppendJSON(b []byte) []byte {
	patches := []any{}
	for _, p := range s.Patches {
		ops := []any{}
		for _, op := range p.Patch {
			ops = append(ops, op.Generic())
		}
		obj := map[string]any{"path": p.Path, "patch": ops}
		if p.Note != "" {
			obj["note"] = p.Note
		}
		patches = append(patches, obj)
	}
	return AppendCanonicalJSON(b, map[string]any{"schema_version": PatchsetVersion, "patches": patches})
}
