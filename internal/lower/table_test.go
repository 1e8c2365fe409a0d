package lower

import (
	"testing"

	"x07/internal/types"
)

func TestEveryLoweredBuiltinHasALowering(t *testing.T) {
	nodes := map[string]bool{ // what package check makes nodes of its own for
		"std.brand.cast_bytes_v1": true, "std.brand.cast_view_v1": true, "std.brand.cast_view_copy_v1": true,
		"addr_of": true, "addr_of_mut": true,
	}
	for _, b := range types.Builtins() {
		has := lowered(b.Name) != nil || nodes[b.Name]
		if want := b.Impl == types.Lowered; has != want {
			t.Errorf("%s: declared as lowered: %v, has a lowering: %v", b.Name, want, has)
		}
	}
}
