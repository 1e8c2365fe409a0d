package ast

import (
	"errors"
	"fmt"
	"strings"
	"testing"
)

// with builds an entry document whose fields can be replaced by JSON text;
// an empty text leaves the field out.
func with(fields ...string) string {
	order := []string{"schema_version", "kind", "module_id", "imports", "decls", "solve"}
	values := map[string]string{"schema_version": `"x07.x07ast@0.5.0"`, "kind": `"entry"`, "module_id": `"main"`,
		"imports": `[]`, "decls": `[]`, "solve": `0`}
	for i := 0; i < len(fields); i += 2 {
		values[fields[i]] = fields[i+1]
	}
	var out []string
	for _, k := range order {
		if values[k] != "" {
			out = append(out, fmt.Sprintf("%q:%s", k, values[k]))
		}
	}
	return "{" + strings.Join(out, ",") + "}"
}

func decl(text string) string { return with("decls", "["+text+"]") }

// defn is a function declaration with extra or overriding fields.
func defn(more string) string {
	return decl(`{"kind":"defn","name":"main.f","params":[],"result":"i32","body":0,` + more + `}`)
}

func extern(more string) string {
	return decl(`{"kind":"extern","abi":"C","name":"main.f","params":[],"result":"void",` + more + `}`)
}

func solve(expr string) string { return with("solve", expr) }

func nested(n int) string { return strings.Repeat("[", n) + strings.Repeat("]", n) }

func manyTypeParams(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, `,{"name":"A%d"}`, i+1)
	}
	return b.String()
}

func TestEveryParseErrorHasItsTextAndPointer(t *testing.T) {
	const types = `(expected i32, u32, bytes, bytes_view, vec_u8, option_i32, option_bytes, option_bytes_view, result_i32, result_bytes, result_bytes_view, result_result_bytes, iface, ptr_const_u8, ptr_mut_u8, ptr_const_void, ptr_mut_void, ptr_const_i32, or ptr_mut_i32)`
	for _, c := range []struct{ src, want string }{
		{``, `x07ast root must be an object at `},
		{`[]`, `x07ast root must be an object at `},
		{"\xef\xbb\xbf{}", `x07ast root must be an object at `},
		{"{\"a\":\"\xff\"}", `document is not valid UTF-8 at `},
		{`{"a"`, `EOF while parsing an object at line 1 column 4 at `},
		{`{"a":1,}`, `trailing comma at line 1 column 8 at `},
		{`{} x`, `trailing characters at line 1 column 4 at `},
		{`{"a":"` + "\n" + `"}`, `control character (\u0000-\u001F) found while parsing a string at line 1 column 7 at `},
		{`{"a":"\ud800"}`, `lone leading surrogate in hex escape at line 1 column 7 at `},
		{`{"a":"\udc00"}`, `lone trailing surrogate in hex escape at line 1 column 7 at `},
		{`{"a":"\ud800\u0041"}`, `lone leading surrogate in hex escape at line 1 column 7 at `},
		{"{\n\"a\":01}", `invalid number at line 2 column 7 at `},
		{`{"a":1e999}`, `number out of range at line 1 column 11 at `},
		{`{"a":` + nested(127) + `}`, `recursion limit exceeded at line 1 column 132 at `},
		{`{}`, `missing required field: schema_version at `},
		{with("schema_version", `1`), `schema_version must be a string at /schema_version`},
		{with("schema_version", `"v9"`), `unsupported schema_version: got "v9" (supported: x07.x07ast@0.3.0, x07.x07ast@0.4.0, x07.x07ast@0.5.0) (hint: if this comes from a dependency package, upgrade to a newer package version) at /schema_version`},
		{with("kind", ``), `missing required field: kind at `},
		{with("kind", `" lib "`), `invalid kind: expected "entry" or "module" got "lib" at /kind`},
		{with("module_id", ``), `missing required field: module_id at `},
		{with("module_id", `" "`), `module_id must not be empty at /module_id`},
		{with("module_id", `"a/b"`), `invalid module_id (path separators are not allowed): "a/b" at /module_id`},
		{with("module_id", `"a..b"`), `invalid module_id (empty segment): "a..b" at /module_id`},
		{with("module_id", `"a.1b"`), `invalid module_id segment start (must be [A-Za-z_]): "a.1b" segment="1b" at /module_id`},
		{with("module_id", `"a.b$"`), `invalid module_id segment char (allowed [A-Za-z0-9_-]): "a.b$" segment="b$" at /module_id`},
		{with("imports", ``), `missing required field: imports at `},
		{with("imports", `{}`), `imports must be an array at /imports`},
		{with("imports", `["a",1]`), `imports[1] must be a string at /imports/1`},
		{with("imports", `["a",""]`), `module_id must not be empty at /imports/1`},
		{with("decls", ``), `missing required field: decls at `},
		{with("decls", `1`), `decls must be an array at /decls`},
		{decl(`1`), `decls[0] must be an object at /decls/0`},
		{decl(`{}`), `missing required field: kind at /decls/0`},
		{decl(`{"kind":" x "}`), `unsupported decl kind: "x" at /decls/0/kind`},
		{decl(`{"kind":"export"}`), `missing required field: names at /decls/0`},
		{decl(`{"kind":"export","names":1}`), `names must be an array at /decls/0/names`},
		{decl(`{"kind":"export","names":[1]}`), `names[0] must be a string at /decls/0/names/0`},
		{decl(`{"kind":"export","names":["main.a"]},{"kind":"export","names":[]}`), `duplicate export decl at /decls/1/kind`},
		{decl(`{"kind":"defn"}`), `missing required field: name at /decls/0`},
		{defn(`"name":"other.f"`), `defn name must start with "main.", got "other.f" at /decls/0/name`},
		{decl(`{"kind":"defn","name":"main.f","params":[],"result":"i32","body":0},{"kind":"extern","name":"main.f"}`), `duplicate function name: "main.f" at /decls/1/name`},
		{defn(`"type_params":1`), `type_params must be an array at /decls/0/type_params`},
		{defn(`"type_params":[{"name":"A0"}` + manyTypeParams(1024) + `]`), `type_params has too many items (at most 1024 are accepted) at /decls/0/type_params`},
		{defn(`"type_params":[1]`), `type_params item must be an object at /decls/0/type_params/0`},
		{defn(`"type_params":[{"name":"1"}]`), `invalid local name start (must be [A-Za-z_]): "1" at /decls/0/type_params/0/name`},
		{defn(`"type_params":[{"name":"A"},{"name":"A"}]`), `duplicate type param name: "A" at /decls/0/type_params/1/name`},
		{defn(`"type_params":[{"name":"A","bound":1}]`), `bound must be a string at /decls/0/type_params/0/bound`},
		{defn(`"type_params":[{"name":"A","bound":""}]`), `type name must be non-empty at /decls/0/type_params/0/bound`},
		{defn(`"type_params":[{"name":"A","bound":"_x"}]`), `invalid type name start (must be [A-Za-z]): "_x" at /decls/0/type_params/0/bound`},
		{defn(`"type_params":[{"name":"A","bound":"x-"}]`), `invalid type name char (allowed [A-Za-z0-9_]): "x-" at /decls/0/type_params/0/bound`},
		{strings.Replace(defn(`"requires":[]`), "0.5.0", "0.4.0", 1), `requires is only supported in x07.x07ast@0.5.0 at /decls/0/requires`},
		{defn(`"ensures":1`), `ensures must be an array at /decls/0/ensures`},
		{defn(`"invariant":[1]`), `invariant clause must be an object at /decls/0/invariant/0`},
		{defn(`"requires":[{}]`), `missing required field: expr at /decls/0/requires/0`},
		{defn(`"requires":[{"expr":1,"id":1}]`), `id must be a string at /decls/0/requires/0/id`},
		{defn(`"requires":[{"expr":1,"witness":1}]`), `witness must be an array at /decls/0/requires/0/witness`},
		{defn(`"requires":[{"expr":1,"witness":["a",[]]}]`), `list expression must not be empty at /decls/0/requires/0/witness/1`},
		{decl(`{"kind":"defn","name":"main.f"}`), `missing required field: params in defn at /decls/0`},
		{decl(`{"kind":"defasync","name":"main.f","params":[]}`), `missing required field: result in defasync at /decls/0`},
		{decl(`{"kind":"defn","name":"main.f","params":[],"result":"i32"}`), `missing required field: body in defn at /decls/0`},
		{defn(`"params":1`), `defn.params must be an array at /decls/0/params`},
		{defn(`"params":[1]`), `defn.params[0] must be an object at /decls/0/params/0`},
		{defn(`"params":[{"name":"x"}]`), `missing required field: ty at /decls/0/params/0`},
		{defn(`"params":[{"name":"","ty":"i32"}]`), `local name must be non-empty at /decls/0/params/0/name`},
		{defn(`"params":[{"name":"a-b","ty":"i32"}]`), `invalid local name char (allowed [A-Za-z0-9_]): "a-b" at /decls/0/params/0/name`},
		{defn(`"params":[{"name":"input","ty":"i32"}]`), `defn arg name must not be 'input' (reserved); rename to 'data', 'payload', 'in_bytes', or 'buf' at /decls/0/params/0/name`},
		{defn(`"params":[{"name":"x","ty":"bytes","brand":1}]`), `brand must be a string at /decls/0/params/0/brand`},
		{defn(`"params":[{"name":"x","ty":"i32","brand":"b"}]`), `E_BRAND_BAD_TY: brand is not allowed on param type "i32" at /decls/0/params/0/ty`},
		{defn(`"params":[{"name":"x","ty":["t","A"],"brand":"b"}]`), `E_BRAND_BAD_TY: brand is not allowed on param type ["t","A"] at /decls/0/params/0/ty`},
		{defn(`"result_brand":1`), `result_brand must be a string at /decls/0/result_brand`},
		{defn(`"result_brand":"b"`), `E_BRAND_BAD_TY: result_brand is not allowed on result type "i32" at /decls/0/result`},
		{defn(`"result":"int"`), `unknown type: "int" ` + types + ` at /decls/0/result`},
		{defn(`"result":1`), `type must be a string or a list at /decls/0/result`},
		{defn(`"result":[]`), `type expression list must not be empty at /decls/0/result`},
		{defn(`"result":[1]`), `type expression head must be a string at /decls/0/result/0`},
		{defn(`"result":["option"]`), `type application must have at least 1 argument at /decls/0/result`},
		{defn(`"result":["t"]`), `type var expression must be ["t", <name>] at /decls/0/result`},
		{defn(`"result":["t",1]`), `type var name must be a string at /decls/0/result/1`},
		{defn(`"result":["option",["option",2]]`), `type must be a string or a list at /decls/0/result/1/1`},
		{decl(`{"kind":"extern","name":"main.f"}`), `missing required field: abi at /decls/0`},
		{extern(`"abi":"D"`), `unsupported extern abi: expected "C" got "D" at /decls/0/abi`},
		{extern(`"link_name":1`), `link_name must be a string at /decls/0/link_name`},
		{extern(`"name":"main.a-b"`), `invalid local name char (allowed [A-Za-z0-9_]): "a-b" at /decls/0/link_name`},
		{extern(`"params":[{"name":"x","ty":"bytes"}]`), `extern param has unsupported type (only i32 and raw pointers are supported) at /decls/0/params/0/ty`},
		{extern(`"result":"bytes"`), `extern result has unsupported type (only i32 and raw pointers are supported) at /decls/0/result`},
		{solve(`[]`), `list expression must not be empty at /solve`},
		{solve(`[[]]`), `list head must be an atom string at /solve/0`},
		{solve(`["a b"]`), `list head must not contain whitespace at /solve/0`},
		{solve(`["f",["g","a\u00a0b"]]`), `atom must not contain whitespace at /solve/1/1`},
		{solve(`["bytes.lit","a b","a b"]`), `atom must not contain whitespace at /solve/2`},
		{solve(`2147483648`), `number out of i32 range: 2147483648 at /solve`},
		{solve(`-2147483649`), `number out of i32 range: -2147483649 at /solve`},
		{solve(`9223372036854775808`), `number is not an i64: 9223372036854775808 at /solve`},
		{solve(`["f",1.0]`), `number is not an i64: 1.0 at /solve/1`},
		{solve(`1e3`), `number is not an i64: 1000.0 at /solve`},
		{solve(`-0`), `number is not an i64: -0.0 at /solve`},
		{solve(`null`), `unsupported JSON value in expr: null at /solve`},
		{solve(`["f",{"a":1}]`), `unsupported JSON value in expr: {"a":1} at /solve/1`},
	} {
		_, err := Parse([]byte(c.src))
		var pe *ParseError
		if !errors.As(err, &pe) {
			t.Errorf("%.200s: error is %v", c.src, err)
		} else if pe.Error() != c.want {
			t.Errorf("%.200s\ngot  %s\nwant %s", c.src, pe, c.want)
		}
	}
}

func TestWhatLooksWrongButIsAllowedParses(t *testing.T) {
	for _, src := range []string{
		with("kind", `" entry "`),
		with("module_id", `" main"`),
		with("solve", ``),
		with("decls", `[{"kind":"export","names":[]},{"kind":"export","names":["x.y"]}]`),
		defn(`"params":[{"name":"x","ty":"i32"},{"name":"x","ty":"bytes"}]`),
		defn(`"params":[{"name":"x","ty":["result",["result","bytes"]],"brand":"b.c-d"}]`),
		defn(`"result":"bytes","result_brand":"b"`),
		defn(`"result":["pair",["t","A"],["t","B"]]`),
		extern(`"result":" void "`),
		extern(`"abi":" C ","result":"u32"`),
		solve(`""`), solve(`["bytes.lit",""]`), solve(`["bytes.lit"]`), solve(`["bytes.lit",1]`), solve(`["t","A","B"]`),
		solve(`-2147483648`), solve(`["","x"]`), solve(`["f","\ud83d\ude00"]`),
		`{"solve":[],` + with()[1:len(with())-1] + `,"unknown":{"deep":` + nested(120) + `},"meta":7}`,
		`{"meta":` + nested(126) + `,` + with()[1:],
	} {
		f, err := Parse([]byte(src))
		if err != nil {
			t.Errorf("%.200s: %v", src, err)
			continue
		}
		again, err := Parse(Format(f))
		if err != nil {
			t.Errorf("%.200s: canonical form: %v", src, err)
		} else if string(Format(again)) != string(Format(f)) {
			t.Errorf("%.200s: not idempotent", src)
		}
	}
}

func TestNumbersInMetaAreWrittenShortest(t *testing.T) {
	for in, want := range map[string]string{
		"1": "1", "-1": "-1", "-0": "-0.0", "0.0": "0.0", "1.0": "1.0", "1e3": "1000.0", "1.50": "1.5", "1E400": "1E400",
		"18446744073709551615": "18446744073709551615", "18446744073709551616": "1.8446744073709552e19",
		"1e15": "1000000000000000.0", "1e16": "1e16", "123456789012345680": "123456789012345680", "0.00001": "0.00001",
		"0.000001": "1e-6", "1.5e-7": "1.5e-7", "1e-5": "0.00001", "1.25e300": "1.25e300", "-9223372036854775809": "-9.223372036854776e18",
	} {
		if got := canonicalNumber(in); got != want {
			t.Errorf("%s becomes %s, want %s", in, got, want)
		}
	}
}
