package types_test

import (
	"strings"
	"testing"

	"x07/internal/types"
)

func TestRowsOfBuiltinsAreComplete(t *testing.T) {
	seen := map[string]bool{}
	for _, b := range types.Builtins() {
		if seen[b.Name] {
			t.Errorf("%s has two rows", b.Name)
		}
		seen[b.Name] = true
		if types.Lookup(b.Name) != b {
			t.Errorf("%s is not found by its name", b.Name)
		}
		if b.Doc == "" || strings.HasSuffix(b.Doc, ".") || strings.Contains(b.Doc, "\n") {
			t.Errorf("%s: the doc must be one line without a full stop: %q", b.Name, b.Doc)
		}
		dependent := false
		for i, p := range b.Params {
			if p.Name == "" {
				t.Errorf("%s: parameter %d has no name", b.Name, i)
			}
			switch p.Mode {
			case types.Atom, types.AnyPtr, types.ReaderSource:
				dependent = true
			case types.AnyView, types.AnyViewOrVec:
				if p.Type != types.BytesView {
					t.Errorf("%s: %s reaches the code generator as a view", b.Name, p.Name)
				}
			case types.InPlace, types.NamedOwner, types.OwnedKept:
				if !p.Type.IsOwned() {
					t.Errorf("%s: %s owns nothing", b.Name, p.Name)
				}
				if p.Mode != types.OwnedKept && i != 0 {
					t.Errorf("%s: a named owner must come first", b.Name)
				}
			default:
				if p.Type == types.Invalid {
					t.Errorf("%s: %s has no type", b.Name, p.Name)
				}
			}
		}
		if b.Result == types.Invalid && !dependent {
			t.Errorf("%s has no result", b.Name)
		}
	}
	if types.Lookup("bytes.lit") != nil || types.Lookup("no.such") != nil {
		t.Error("only builtins are found")
	}
}

func TestTypesAreFoundByTheirTokens(t *testing.T) {
	for _, tok := range []string{"i32", "bytes", "bytes_view", "vec_u8", "option_i32", "option_bytes", "option_bytes_view",
		"result_i32", "result_bytes", "result_bytes_view", "result_result_bytes", "iface", "ptr_const_u8", "ptr_mut_u8",
		"ptr_const_void", "ptr_mut_void", "ptr_const_i32", "ptr_mut_i32"} {
		ty, ok := types.ByToken(tok)
		if !ok || ty.Token() != tok {
			t.Errorf("%s is %v, %v", tok, ty, ok)
		}
	}
	if ty, ok := types.ByToken("u32"); !ok || ty != types.I32 {
		t.Errorf("u32 is %v, %v", ty, ok)
	}
	for _, tok := range []string{"", "Bytes", "never", "i64"} {
		if ty, ok := types.ByToken(tok); ok {
			t.Errorf("%q is the type %v", tok, ty)
		}
	}
}
