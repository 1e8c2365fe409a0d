package diag

import (
	"encoding/json"
	"testing"

	"x07/internal/ast"
)

func TestAReportIsOneLineInTheDeclaredOrder(t *testing.T) {
	r := Report{
		Diagnostics: []Diagnostic{
			{Code: "X07-B", Severity: SeverityWarning, Stage: StageLint, Message: "a <b> \u2028", Loc: At("/solve")},
			{Code: "X07-A", Severity: SeverityError, Stage: StageType, Message: "m",
				Loc:     &Location{Span: &Span{Start: Position{1, 2, 3}, End: Position{4, 5, -1}, File: "f"}, Snippet: "s"},
				Notes:   []string{"n"},
				Related: []Location{{Ptr: "/decls/0"}, {Ptr: ""}},
				Data:    map[string]any{"z": 1, "a": []any{"meta", 2}},
				Quickfix: &Quickfix{Note: "do", Patch: []ast.PatchOp{
					{Op: "move", From: "/a", Path: "/b"}, {Op: "test", Path: "/b", Value: nil}, {Op: "remove", Path: "/b"}}}},
		},
		Meta: map[string]any{"inputs": []string{"f"}},
	}
	Sort(r.Diagnostics)
	want := `{"schema_version":"x07.x07diag@0.1.0","ok":false,"diagnostics":[` +
		`{"code":"X07-A","severity":"error","stage":"type","message":"m","loc":{"kind":"text","span":{"start":{"line":1,"col":2,"offset":3},"end":{"line":4,"col":5},"file":"f"},"snippet":"s"},` +
		`"notes":["n"],"related":[{"kind":"x07ast","ptr":"/decls/0"},{"kind":"x07ast","ptr":""}],"data":{"a":["meta",2],"z":1},` +
		`"quickfix":{"kind":"json_patch","patch":[{"op":"move","from":"/a","path":"/b"},{"op":"test","path":"/b","value":null},{"op":"remove","path":"/b"}],"note":"do"}},` +
		`{"code":"X07-B","severity":"warning","stage":"lint","message":"a <b> ` + "\u2028" + `","loc":{"kind":"x07ast","ptr":"/solve"}}],"meta":{"inputs":["f"]}}`
	if got := string(r.AppendJSON(nil)); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	if _, err := json.Marshal(r); err != nil {
		t.Error(err)
	}
	empty := Report{}
	if got := string(empty.AppendJSON(nil)); got != `{"schema_version":"x07.x07diag@0.1.0","ok":true,"diagnostics":[]}` {
		t.Error(got)
	}
}

func TestDiagnosticsAreOrderedByFilePointerCodeAndMessage(t *testing.T) {
	ds := []Diagnostic{
		{Code: "B", Loc: At("/b")}, {Code: "A", Loc: At("/b"), Message: "2"}, {Code: "A", Loc: At("/b"), Message: "1"},
		{Code: "Z", Loc: At("/a")}, {Code: "T", Loc: &Location{Span: &Span{}}}, {Code: "N"},
		{Code: "F", Data: map[string]any{"file": "x"}},
	}
	Sort(ds)
	var got string
	for _, d := range ds {
		got += d.Code + d.Message + " "
	}
	if got != "N T Z A1 A2 B F " {
		t.Error(got)
	}
}

func TestWithFileAddsToDataWithoutTouchingTheOriginal(t *testing.T) {
	data := map[string]any{"x": 1}
	ds := []Diagnostic{{Data: data}, {}}
	WithFile(ds, "f")
	if len(data) != 1 || ds[0].Data["file"] != "f" || ds[0].Data["x"] != 1 || ds[1].Data["file"] != "f" {
		t.Errorf("%v %v", data, ds)
	}
}
