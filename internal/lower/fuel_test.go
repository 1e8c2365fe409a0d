package lower_test

import (
	"context"
	"testing"
	"time"

	"x07/internal/codegen"
	"x07/internal/engine"
	"x07/internal/opt"
)

func TestFuelIsOneUnitPerEvaluatedNodeLessWhatIsFree(t *testing.T) {
	for _, tc := range []struct {
		name, decls, solve string
		want               uint64
	}{
		{"a call of a builtin and its argument", "", `["view.to_bytes","input"]`, 2},
		{"statements are free, what is in them is not", "", `["begin",["let","x",1],["set","x",2],["fmt.u32_to_dec","x"]]`, 5},
		{"moving a local into another is free", "", `["begin",["let","a",["bytes.empty"]],["let","b","a"],"b"]`, 3},
		{"named owners are read for nothing", "", `["begin",["let","v",["vec_u8.with_capacity",4]],["set","v",["vec_u8.push","v",7]],["vec_u8.into_bytes","v"]]`, 6},
		{"a borrowed buffer is read for nothing", "", `["begin",["let","b",["bytes.empty"]],["fmt.u32_to_dec",["bytes.len","b"]]]`, 4},
		{"a view by name is charged", "", `["begin",["let","v","input"],["fmt.u32_to_dec",["bytes.len","v"]]]`, 5},
		{"a loop pays for its bounds once and for its body each time", "", `["begin",["for","i",0,10,["bytes.len","input"]],["bytes.empty"]]`, 24},
		{"a call is its node, its arguments and the body", `{"kind":"defn","name":"main.f","params":[{"name":"n","ty":"i32"}],"result":"i32","body":["+","n",1]}`, `["fmt.u32_to_dec",["main.f",1]]`, 6},
		{"folded constants cost one", "", `["fmt.u32_to_dec",["+",1,["*",2,3]]]`, 2},
		{"a condition that is a literal costs nothing", "", `["if",1,["bytes.empty"],["bytes.lit","x"]]`, 1},
		{"a block of one is its element", "", `["begin",["begin",["bytes.empty"]]]`, 1},
	} {
		t.Run(tc.name, func(t *testing.T) {
			a, err := codegen.Generate(opt.Optimise(lowered(t, entry("", tc.decls, tc.solve))), codegen.Options{World: "run-os"})
			if err != nil {
				t.Fatal(err)
			}
			r := engine.Run(context.Background(), a, engine.Config{Input: []byte("abc"), Deadline: time.Now().Add(20 * time.Second)})
			if r.Err != nil || r.Trap != nil {
				t.Fatal(r.Err, r.Trap)
			}
			if r.Stats.FuelUsed != tc.want {
				t.Errorf("used %d, want %d", r.Stats.FuelUsed, tc.want)
			}
		})
	}
}
