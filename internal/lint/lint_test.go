package lint

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"x07/internal/ast"
	"x07/internal/diag"
)

// entry is an entry program. Declarations are JSON without the outer brackets.
func entry(version, decls, solve string) string {
	return fmt.Sprintf(`{"schema_version":"x07.x07ast@%s","kind":"entry","module_id":"main","imports":[],"decls":[%s],"solve":%s}`, version, decls, solve)
}

func defn(name, params, result, body, more string) string {
	if more != "" {
		more = "," + more
	}
	return fmt.Sprintf(`{"kind":"defn","name":"main.%s","params":[%s],"result":%s,"body":%s%s}`, name, params, result, body, more)
}

func lintOf(t *testing.T, src, world string) Result {
	t.Helper()
	res, err := Source([]byte(src), world)
	if err != nil {
		t.Fatalf("%v\n%s", err, src)
	}
	return res
}

// lines shows diagnostics as "code pointer: message", quickfix patches after "=>".
func lines(ds []diag.Diagnostic) []string {
	var out []string
	for _, d := range ds {
		s := fmt.Sprintf("%s %s: %s", d.Code, d.Ptr(), d.Message)
		if d.Severity != diag.SeverityError {
			s = string(d.Severity) + " " + s
		}
		if d.Quickfix != nil {
			s += " =>"
			for _, op := range d.Quickfix.Patch {
				s += " " + string(op.AppendJSON(nil))
			}
		}
		out = append(out, s)
	}
	return out
}

// A 0.3.0 document has no type checks, so that a lint can be seen alone.
func solve030(solve string) string { return entry("0.3.0", "", solve) }

func TestEveryLintFindsItsCauseAndOffersItsFix(t *testing.T) {
	sixteen := strings.Repeat(`,0`, 17)
	for _, c := range []struct {
		name, world, src string
		want             []string
	}{
		{"a clean program", "run-os", solve030(`["bytes.alloc",0]`), nil},
		{"no solve", "run-os", `{"schema_version":"x07.x07ast@0.5.0","kind":"entry","module_id":"main","imports":[],"decls":[]}`,
			[]string{`X07-AST-0001 /solve: entry file must contain /solve`}},
		{"if", "run-os", solve030(`["if",1,2]`), []string{`X07-ARITY-IF-0001 /solve: if expects 3 args; got 2`}},
		{"for with two bodies", "run-os", solve030(`["begin",["for","i",0,3,1,2],["bytes.alloc",0]]`),
			[]string{`X07-ARITY-FOR-0001 /solve/1: for expects 4 args; got 5 => {"op":"replace","path":"/solve/1","value":["for","i",0,3,["begin",1,2]]}`}},
		{"short for", "run-os", solve030(`["for","i",0]`), []string{`X07-ARITY-FOR-0001 /solve: for expects 4 args; got 2`}},
		{"begin", "run-os", solve030(`["begin"]`), []string{`X07-ARITY-BEGIN-0001 /solve: begin expects at least 1 expression`}},
		{"unsafe", "run-os", solve030(`["unsafe"]`), []string{`X07-ARITY-UNSAFE-0001 /solve: unsafe expects at least 1 expression`}},
		{"large unsafe", "run-os", solve030(`["unsafe"` + sixteen + `]`), []string{`warning X07-UNSAFE-0001 /solve: unsafe block is large: 17 expressions`}},
		{"let with a body", "run-os", solve030(`["let","x",1,["f","x"]]`),
			[]string{`X07-ARITY-LET-0001 /solve: let expects 2 args; got 3 => {"op":"replace","path":"/solve","value":["begin",["let","x",1],["f","x"]]}`}},
		{"set with a body", "run-os", solve030(`["set","x",1,2,3]`),
			[]string{`X07-ARITY-LET-0001 /solve: set expects 2 args; got 4 => {"op":"replace","path":"/solve","value":["begin",["set","x",1],2,3]}`}},
		{"short let", "run-os", solve030(`["let","x"]`), []string{`X07-ARITY-LET-0001 /solve: let expects 2 args; got 1`}},
		{"return", "run-os", solve030(`["return"]`), []string{`X07-ARITY-RETURN-0001 /solve: return expects 1 arg; got 0`}},
		{"borrow at the root", "run-os", solve030(`["bytes.view",["f"]]`),
			[]string{"X07-BORROW-0001 /solve/1: bytes.view requires an identifier owner (bind the value to a local with `let` first)" +
				` => {"op":"replace","path":"/solve","value":["begin",["let","_x07_tmp_borrow_solve",["f"]],["bytes.view","_x07_tmp_borrow_solve"]]}`}},
		{"borrow in a block", "run-os", solve030(`["begin",1,["g",["bytes.subview",["f"],0,1]]]`),
			[]string{"X07-BORROW-0001 /solve/2/1/1: bytes.subview requires an identifier owner (bind the value to a local with `let` first)" +
				` => {"op":"replace","path":"/solve/2/1","value":["bytes.subview","_x07_tmp_borrow_solve_2_1",0,1]}` +
				` {"op":"add","path":"/solve/2","value":["let","_x07_tmp_borrow_solve_2_1",["f"]]}`}},
		{"borrow in a branch", "run-os", solve030(`["begin",["if",1,["g",["vec_u8.as_view",["f"]]],0]]`),
			[]string{"X07-BORROW-0001 /solve/1/2/1/1: vec_u8.as_view requires an identifier owner (bind the value to a local with `let` first)"}},
		{"borrow without a block", "run-os", solve030(`["g",["bytes.view",["f"]]]`),
			[]string{"X07-BORROW-0001 /solve/1/1: bytes.view requires an identifier owner (bind the value to a local with `let` first)"}},
		{"borrow of a name bound in the statement", "run-os", solve030(`["begin",["let","y",["begin",["let","o",1],["bytes.view",["f","o"]]]]]`),
			[]string{"X07-BORROW-0001 /solve/1/2/2/1: bytes.view requires an identifier owner (bind the value to a local with `let` first)"}},
		{"concat", "run-os", solve030(`["bytes.concat","x","x"]`),
			[]string{`X07-MOVE-0001 /solve/2: bytes.concat uses the same identifier twice => {"op":"replace","path":"/solve","value":["bytes.concat",["view.to_bytes",["bytes.view","x"]],"x"]}`}},
		{"view in condition and branch", "run-os", solve030(`["if",["view.len",["bytes.view","x"]],["g",["bytes.view","x"]],0]`),
			[]string{`X07-MOVE-0002 /solve: if uses bytes.view of the same identifier in condition and branch => {"op":"replace","path":"/solve","value":` +
				`["begin",["let","_x07_tmp_copy",["view.to_bytes",["bytes.view","x"]]],["if",["view.len",["bytes.view","_x07_tmp_copy"]],["g",["bytes.view","x"]],0]]}`}},
		{"forbidden module", "run-os", `{"schema_version":"x07.x07ast@0.3.0","kind":"module","module_id":"m","imports":["std.kv","std.vec"],"decls":[]}`,
			[]string{`X07-WORLD-0001 /imports: program imports modules not allowed in this world => {"op":"replace","path":"/imports","value":["std.vec"]}`}},
		{"OS module", "solve-pure", `{"schema_version":"x07.x07ast@0.3.0","kind":"module","module_id":"m","imports":["std.os.fs","std.vec"],"decls":[]}`,
			[]string{`X07-WORLD-OS-0001 /imports: std.os.* modules are not allowed in solve-* worlds => {"op":"replace","path":"/imports","value":["std.vec"]}`}},
		{"heads of closed capabilities", "solve-pure", solve030(`["begin",["os.env.get"],["std.os.env.get"],["fs.read"],["std.rr.next_v1"],["kv.get"],["ptr.null"],["unsafe",0]]`),
			[]string{
				`X07-WORLD-OS-0002 /solve/1: OS capability is not allowed in solve-* worlds: os.env.get`,
				`X07-WORLD-OS-0002 /solve/2: OS capability is not allowed in solve-* worlds: std.os.env.get`,
				`X07-WORLD-FS-0001 /solve/3: filesystem capability is not enabled in this world: fs.read`,
				`X07-WORLD-RR-0001 /solve/4: request/response capability is not enabled in this world: std.rr.next_v1`,
				`X07-WORLD-KV-0001 /solve/5: key/value capability is not enabled in this world: kv.get`,
				`X07-WORLD-UNSAFE-0001 /solve/6: unsafe capability is not enabled in this world: ptr.null`,
				`X07-WORLD-UNSAFE-0001 /solve/7: unsafe capability is not enabled in this world: unsafe`,
			}},
		{"extern and raw pointers", "run-os-sandboxed", entry("0.3.0", `{"kind":"extern","abi":"C","name":"main.e","params":[{"name":"p","ty":"ptr_mut_u8"}],"result":"void"}`, `"input"`),
			[]string{
				`X07-WORLD-FFI-0001 /decls/0/name: ffi capability is not enabled in this world: extern decl main.e`,
				`X07-WORLD-UNSAFE-0002 /decls/0/params/0/ty: unsafe capability is not enabled in this world: raw pointer type in signature of main.e`,
			}},
		{"undeclared type variables", "run-os", entry("0.3.0", defn("f", `{"name":"x","ty":["t","A"]},{"name":"y","ty":["option",["t","A"]]}`, `"i32"`, `["ty.eq",["t","B"],1,1]`, `"type_params":[{"name":"C"}]`), `["tapp","main.f","i32",1]`),
			[]string{
				`X07-GENERICS-0001 /decls/0/body/1: undefined type var: "B" => {"op":"add","path":"/decls/0/type_params/-","value":{"name":"B"}}`,
				`X07-GENERICS-0001 /decls/0/params/0/ty: undefined type var: "A" (not declared in type_params of main.f) => {"op":"add","path":"/decls/0/type_params/-","value":{"name":"A"}}`,
				`X07-GENERICS-0001 /decls/0/params/1/ty/1: undefined type var: "A" (not declared in type_params of main.f)`,
				`warning X07-GENERICS-0002 /decls/0/type_params/0/name: unused type param: "C"`,
			}},
		{"undeclared type variable of a plain function", "run-os", entry("0.3.0", defn("f", ``, `["t","A"]`, `0`, ``), `"input"`),
			[]string{`X07-GENERICS-0001 /decls/0/result: undefined type var: "A" (not declared in type_params of main.f) => {"op":"add","path":"/decls/0/type_params","value":[{"name":"A"}]}`}},
		{"unused type parameter", "run-os", entry("0.3.0", defn("f", ``, `"i32"`, `0`, `"type_params":[{"name":"A"}]`), `"input"`),
			[]string{`warning X07-GENERICS-0002 /decls/0/type_params/0/name: unused type param: "A" => {"op":"remove","path":"/decls/0/type_params/0"}`}},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := lines(lintOf(t, c.src, c.world).Diagnostics)
			if !slices.Equal(got, c.want) {
				t.Errorf("got\n  %s\nwant\n  %s", strings.Join(got, "\n  "), strings.Join(c.want, "\n  "))
			}
		})
	}
}

const id = `{"kind":"defn","name":"main.id","params":[{"name":"x","ty":["t","A"]}],"result":["t","A"],"type_params":[{"name":"A"}],"body":"x"}`

func TestTheLocalTypecheckerReportsEveryKindOfError(t *testing.T) {
	f := func(body string) string {
		return entry("0.5.0", defn("f", `{"name":"a","ty":"i32"},{"name":"b","ty":"bytes"}`, `"i32"`, body, ""), `["bytes.alloc",0]`)
	}
	contract := func(field, params, result, body string) string {
		return entry("0.5.0", defn("f", params, result, body, field), `["bytes.alloc",0]`)
	}
	for _, c := range []struct {
		name, src string
		want      []string
	}{
		{"all is well", f(`["begin",["let","x",["+","a",1]],["if",["=","x",2],["return",0],["bytes.len",["bytes.view","b"]]]]`), nil},
		{"unknown identifier", f(`"zz"`), []string{`X07-TYPE-0001 /decls/0/body: unknown identifier: "zz"`}},
		{"a local ends with its block", f(`["begin",["begin",["let","x",1]],"x"]`), []string{`X07-TYPE-0001 /decls/0/body/2: unknown identifier: "x"`}},
		{"unknown callee", f(`["main.nope",1]`), []string{`X07-TYPE-CALL-0001 /decls/0/body: unknown callee: "main.nope"`}},
		{"foreign callee", f(`["std.x.y","a"]`), nil},
		{"argument type", f(`["bytes.len","b"]`), []string{`X07-TYPE-CALL-0002 /decls/0/body/1: call arg type mismatch for "bytes.len" (arg 0)`}},
		{"arity", f(`["main.f",1]`), []string{`X07-TYPE-CALL-0003 /decls/0/body: arity mismatch for "main.f": expected 2 args got 1`}},
		{"result", f(`"b"`), []string{`X07-TYPE-RET-0001 /decls/0/body: return type mismatch`}},
		{"condition", f(`["if","b",1,2]`), []string{`X07-TYPE-IF-0001 /decls/0/body/1: if condition must be i32`}},
		{"branches", f(`["begin",["if",1,"b",2],0]`), []string{`X07-TYPE-IF-0002 /decls/0/body/1: if branches mismatch`}},
		{"set of nothing", f(`["begin",["set","q",1],0]`), []string{`X07-TYPE-SET-0001 /decls/0/body/1/1: set of unknown local: "q"`}},
		{"assignment", f(`["begin",["set","a","b"],0]`), []string{`X07-TYPE-SET-0002 /decls/0/body/1/2: assignment mismatch for "a"`}},
		{"bounds", f(`["for","i","b",1,0]`), []string{`X07-TYPE-UNIFY-0001 /decls/0/body/2: unification failure`}},
		{"try", f(`["begin",["try",["main.f",1,"b"]],0]`), nil},
		{"only the first by pointer", f(`["begin",["set","a","b"],["bytes.len",1]]`), []string{`X07-TYPE-SET-0002 /decls/0/body/1/2: assignment mismatch for "a"`}},
		{"u32 is i32", entry("0.4.0", defn("f", `{"name":"a","ty":"u32"}`, `["option","i32"]`, `["begin",["+","a",1],["main.g"]]`, "")+","+defn("g", "", `"option_i32"`, `["option_i32.none"]`, ""), `["bytes.alloc",0]`), nil},
		{"missing tapp", entry("0.5.0", id, `["main.id",["bytes.alloc",1]]`),
			[]string{`X07-TAPP-ELAB-0001 /solve: insert inferred tapp for "main.id" => {"op":"test","path":"/solve","value":["main.id",["bytes.alloc",1]]} {"op":"replace","path":"/solve","value":["tapp","main.id",["tys","bytes"],["bytes.alloc",1]]}`}},
		{"missing tapp that cannot be inferred", entry("0.5.0", id, `["begin",["main.id",["std.x.y"]],["bytes.alloc",0]]`),
			[]string{`X07-TAPP-INFER-0001 /solve/1: cannot infer type args; explicit tapp required: "main.id"`}},
		{"tapp", entry("0.5.0", id, `["tapp","main.id","bytes",["bytes.alloc",0]]`), nil},
		{"tapp with a wrong argument", entry("0.5.0", id, `["begin",["tapp","main.id",["tys","i32"],"input"],["bytes.alloc",0]]`),
			[]string{`X07-TYPE-CALL-0002 /solve/1/3: call arg type mismatch for "main.id" (arg 0)`}},
		{"tapp arity", entry("0.5.0", id, `["begin",["tapp","main.id",["tys","i32","i32"],1],["bytes.alloc",0]]`),
			[]string{`X07-TYPE-CALL-0003 /solve/1: tapp arity mismatch for "main.id": expected 1 type args`}},
		{"containers", entry("0.5.0", "", `["begin",["let","v",["tapp","vec_value.with_capacity","i32",4]],["tapp","vec_value.push",["tys","i32"],"v",1],["bytes.alloc",0]]`), nil},
		{"clause type", contract(`"requires":[{"expr":"v"}]`, `{"name":"v","ty":"bytes_view"}`, `"i32"`, `0`),
			[]string{`X07-CONTRACT-0001 /decls/0/requires/0/expr: contract clause must typecheck to i32`}},
		{"impure clauses", contract(`"requires":[{"expr":["begin",["set","a",1],["main.f","a"],["tapp","main.f",["tys","i32"],"a"]]}]`, `{"name":"a","ty":"i32"}`, `"i32"`, `0`),
			[]string{
				`X07-CONTRACT-0002 /decls/0/requires/0/expr/1: contract expression is not pure: disallowed form "set"`,
				`X07-CONTRACT-0002 /decls/0/requires/0/expr/2: contract expression is not pure: disallowed call "main.f"`,
				`X07-CONTRACT-0002 /decls/0/requires/0/expr/3: contract expression is not pure: disallowed callee "main.f"`,
				`X07-TYPE-CALL-0003 /decls/0/requires/0/expr/3: tapp arity mismatch for "main.f": expected 0 type args`,
			}},
		{"result in a postcondition", contract(`"ensures":[{"expr":["=","__result",0],"witness":["__result"]}]`, ``, `"i32"`, `0`), nil},
		{"result elsewhere", contract(`"requires":[{"expr":"__result"}],"invariant":[{"expr":["=","__result",0]}]`, ``, `"i32"`, `0`),
			[]string{
				`X07-CONTRACT-0003 /decls/0/invariant/0/expr/1: "__result" is only available in ensures clauses`,
				`X07-CONTRACT-0003 /decls/0/requires/0/expr: "__result" is only available in ensures clauses`,
			}},
		{"reserved names", contract(`"requires":[{"expr":1}]`, `{"name":"__result","ty":"i32"}`, `"i32"`, `["begin",["let","__result",1],["for","__result",0,1,0],0]`),
			[]string{
				`X07-CONTRACT-0004 /decls/0/body/1/1: reserved name is not allowed here: "__result"`,
				`X07-CONTRACT-0004 /decls/0/body/2/1: reserved name is not allowed here: "__result"`,
				`X07-CONTRACT-0004 /decls/0/params/0/name: reserved name is not allowed here: "__result"`,
			}},
		{"witness types", contract(`"requires":[{"expr":1,"witness":["a","o","r"]}]`, `{"name":"a","ty":"i32"},{"name":"o","ty":"option_i32"},{"name":"r","ty":["result",["result","bytes"]]}`, `"i32"`, `0`),
			[]string{`X07-CONTRACT-0005 /decls/0/requires/0/witness/1: contract witness has unsupported type: option_i32 (allowed: i32, bytes, bytes_view, result_*)`}},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := lines(lintOf(t, c.src, "run-os").Diagnostics)
			if !slices.Equal(got, c.want) {
				t.Errorf("got\n  %s\nwant\n  %s", strings.Join(got, "\n  "), strings.Join(c.want, "\n  "))
			}
		})
	}
}

func TestTheWorkedExampleHasTheTwoErrorsOfTheReference(t *testing.T) {
	src := `{"decls":[
 {"kind":"defn","name":"main.tail","params":[{"name":"v","ty":"bytes_view"},{"name":"n","ty":"i32"}],"result":"result_bytes_view",
  "body":["begin",["let","len",["view.len","v"]],
   ["if",["<u","len","n"],["return",["result_bytes_view.err",1]],0],
   ["result_bytes_view.ok",["view.slice","v",["-","len","n"],"n"]]]},
 {"kind":"defn","name":"main.run","params":[{"name":"v","ty":"bytes_view"}],"result":"result_i32",
  "body":["begin",["let","t",["try",["main.tail","v",2]]],["result_i32.ok",["view.get_u8","t",0]]]}],
 "imports":[],"kind":"entry","module_id":"main","schema_version":"x07.x07ast@0.5.0",
 "solve":["begin",["let","buf",["view.to_bytes","input"]],
  ["let","r",["main.run","buf"]],
  ["let","out",["vec_u8.with_capacity",1]],
  ["set","out",["vec_u8.push","out",["result_i32.unwrap_or","r",0]]],
  ["vec_u8.into_bytes","out"]]}`
	got := lines(lintOf(t, src, "run-os").Diagnostics)
	want := []string{
		`X07-TYPE-UNIFY-0001 /decls/0/body/1/2/1: unification failure`,
		`X07-TYPE-CALL-0002 /solve/2/2/1: call arg type mismatch for "main.run" (arg 0)`,
	}
	if !slices.Equal(got, want) {
		t.Errorf("got\n  %s", strings.Join(got, "\n  "))
	}
}

func TestAnUnknownWorldIsRefused(t *testing.T) {
	if _, err := Source([]byte(solve030("0")), "moon"); err == nil || err.Error() != "unknown world: moon" {
		t.Errorf("got %v", err)
	}
}

func TestPointersOfTypecheckReferToTheDocumentAsGiven(t *testing.T) {
	src := entry("0.5.0", defn("z", "", `"i32"`, `"nope"`, "")+","+defn("a", "", `"i32"`, `0`, ""), `["bytes.alloc",0]`)
	f, err := ast.Parse([]byte(src))
	if err != nil {
		t.Fatal(err)
	}
	if got := Typecheck(f); len(got) != 1 || got[0].Ptr() != "/decls/0/body" {
		t.Errorf("got %v", lines(got))
	}
	if got := lintOf(t, src, "run-os").Diagnostics; len(got) != 1 || got[0].Ptr() != "/decls/1/body" {
		t.Errorf("got %v", lines(got))
	}
}

func TestNamesThatSpecialFormsTakeAreNoLocals(t *testing.T) {
	src := entry("0.5.0", defn("f", `{"name":"b","ty":"bytes"}`, `"i32"`, `["begin",`+
		`["budget.scope_v1",["budget.cfg_v1",["mode","trap_v1"],["label",["bytes.lit","x"]]],["bytes.len",["bytes.view","b"]]],`+
		`["std.brand.cast_bytes_v1","a.b","main.valid","b"],["std.stream.xf.map_v1","main.m",["f","nope"]],0]`,
		`"requires":[{"expr":1}]`), `["bytes.alloc",0]`)
	f, err := ast.Parse([]byte(src))
	if err != nil {
		t.Fatal(err)
	}
	if got := lines(Typecheck(f)); !slices.Equal(got, []string{`X07-TYPE-0001 /decls/0/body/3/2/1: unknown identifier: "nope"`}) {
		t.Errorf("for the compiler: %q", got)
	}
	if got := lintOf(t, src, "run-os").Diagnostics; len(got) != 1 {
		t.Errorf("for lint: %q", lines(got))
	}
}

func TestEveryCodeHasARowAndEveryRowIsReached(t *testing.T) {
	seen := map[string]bool{}
	for _, c := range Codes() {
		if seen[c.Code] {
			t.Errorf("%s has two rows", c.Code)
		}
		seen[c.Code] = true
		if c.Trigger == "" || len(c.Code) > 64 || c.Severity == "" || c.Stage == "" {
			t.Errorf("%+v", c)
		}
	}
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	inCode, inTests := map[string]bool{}, map[string]bool{}
	for _, f := range files {
		src, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		to := inCode
		if strings.HasSuffix(f, "_test.go") {
			to = inTests
		} else if f == "codes.go" {
			continue
		}
		for _, code := range regexp.MustCompile(`X07-[A-Z]+(-[A-Z]+)*-[0-9]{4}`).FindAllString(string(src), -1) {
			to[code] = true
		}
	}
	for code := range inCode {
		if !seen[code] {
			t.Errorf("%s has no row", code)
		}
	}
	for code := range seen {
		if !inCode[code] || !inTests[code] {
			t.Errorf("%s: made %v, tested %v", code, inCode[code], inTests[code])
		}
	}
}
