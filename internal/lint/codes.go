package lint

import (
	"sync"

	"x07/internal/diag"
)

// Code describes one diagnostic that this package can make.
type Code struct {
	Code     string
	Severity diag.Severity
	Stage    diag.Stage
	Trigger  string // what in a program causes it
	Fixable  bool   // a quickfix may come with it
}

// Codes is the table of all diagnostics of lint and the local typechecker.
// Callers must not change it.
func Codes() []Code { return codes }

const (
	isError   = diag.SeverityError
	isWarning = diag.SeverityWarning
)

var codes = []Code{
	{"X07-AST-0001", isError, diag.StageParse, "an entry file without solve", false},
	{"X07-ARITY-IF-0001", isError, diag.StageLint, "if without exactly 3 arguments", false},
	{"X07-ARITY-FOR-0001", isError, diag.StageLint, "for without exactly 4 arguments", true},
	{"X07-ARITY-BEGIN-0001", isError, diag.StageLint, "begin without an expression", false},
	{"X07-ARITY-UNSAFE-0001", isError, diag.StageLint, "unsafe without an expression", false},
	{"X07-ARITY-LET-0001", isError, diag.StageLint, "let or set without exactly 2 arguments", true},
	{"X07-ARITY-RETURN-0001", isError, diag.StageLint, "return without exactly 1 argument", false},
	{"X07-UNSAFE-0001", isWarning, diag.StageLint, "an unsafe block with more than 16 expressions", false},
	{"X07-BORROW-0001", isError, diag.StageLint, "a view of a value that has no name", true},
	{"X07-MOVE-0001", isError, diag.StageLint, "bytes.concat of one identifier with itself", true},
	{"X07-MOVE-0002", isError, diag.StageLint, "bytes.view of one identifier in the condition and in a branch of an if", true},
	{"X07-WORLD-0001", isError, diag.StageLint, "an import of std.fs, std.rr or std.kv in a world without it", true},
	{"X07-WORLD-OS-0001", isError, diag.StageLint, "an import of std.os.* in a solve world", true},
	{"X07-WORLD-OS-0002", isError, diag.StageLint, "an OS head in a solve world", false},
	{"X07-WORLD-FS-0001", isError, diag.StageLint, "a file head in a world without files", false},
	{"X07-WORLD-RR-0001", isError, diag.StageLint, "a request/response head in a world without it", false},
	{"X07-WORLD-KV-0001", isError, diag.StageLint, "a key/value head in a world without it", false},
	{"X07-WORLD-UNSAFE-0001", isError, diag.StageLint, "an unsafe head in a world without unsafe code", false},
	{"X07-WORLD-UNSAFE-0002", isError, diag.StageLint, "a raw pointer in a signature in a world without unsafe code", false},
	{"X07-WORLD-FFI-0001", isError, diag.StageLint, "an extern declaration in a world without foreign functions", false},
	{"X07-GENERICS-0001", isError, diag.StageLint, "a type variable that type_params does not declare", true},
	{"X07-GENERICS-0002", isWarning, diag.StageLint, "a type parameter that nothing mentions", true},
	{"X07-TYPE-0001", isError, diag.StageType, "an identifier that is not bound", false},
	{"X07-TYPE-CALL-0001", isError, diag.StageType, "a call of a function that the module does not have", false},
	{"X07-TYPE-CALL-0002", isError, diag.StageType, "an argument of another type than the parameter", false},
	{"X07-TYPE-CALL-0003", isError, diag.StageType, "a wrong number of arguments or type arguments", false},
	{"X07-TYPE-RET-0001", isError, diag.StageType, "a result of another type than declared", false},
	{"X07-TYPE-IF-0001", isError, diag.StageType, "a condition that is not i32", false},
	{"X07-TYPE-IF-0002", isError, diag.StageType, "branches of different types", false},
	{"X07-TYPE-SET-0001", isError, diag.StageType, "set of a local that is not bound", false},
	{"X07-TYPE-SET-0002", isError, diag.StageType, "set to a value of another type", false},
	{"X07-TYPE-UNIFY-0001", isError, diag.StageType, "two types that must be the same and are not", false},
	{"X07-TAPP-INFER-0001", isError, diag.StageType, "a generic call without tapp whose type arguments are unclear", false},
	{"X07-TAPP-ELAB-0001", isError, diag.StageRewrite, "a generic call without tapp whose type arguments are clear", true},
	{"X07-CONTRACT-0001", isError, diag.StageType, "a contract clause that is not i32", false},
	{"X07-CONTRACT-0002", isError, diag.StageType, "a contract expression that could do more than compute a value", false},
	{"X07-CONTRACT-0003", isError, diag.StageType, "__result outside of ensures", false},
	{"X07-CONTRACT-0004", isError, diag.StageType, "a binding named __result in a function with contracts", false},
	{"X07-CONTRACT-0005", isError, diag.StageType, "a witness of a type that a report cannot show", false},
}

var codeIndex = sync.OnceValue(func() map[string]*Code {
	byName := make(map[string]*Code, len(codes))
	for i := range codes {
		byName[codes[i].Code] = &codes[i]
	}
	return byName
})

// classify gives a diagnostic the severity and stage of its row.
func classify(d diag.Diagnostic) diag.Diagnostic {
	row := codeIndex()[d.Code]
	d.Severity, d.Stage = row.Severity, row.Stage
	return d
}
