// Package artifact is what the compiler hands to the engine: a wasm module
// plus the metadata that makes it an X07 program. It encodes both into one
// file (the metadata is a custom section named "x07") and reads such files
// back, trusting nothing in them. It neither compiles nor runs.
package artifact

// Artifact is a compiled program.
type Artifact struct {
	// Wasm is the module, without the metadata section.
	Wasm []byte
	Meta Meta
}

// Meta describes a compiled program. It is JSON in the custom section.
type Meta struct {
	// ABI is the version of the contract between artifact and engine; the
	// engine refuses any other than its own.
	ABI int `json:"abi"`
	// World is the world it was compiled for.
	World string `json:"world"`
	// Language is the language id, such as x07-core@0.2.0.
	Language string `json:"language"`
	// Compiler is our own version.
	Compiler string `json:"compiler"`
	// CompileFuel is the "fuel_used" of the compile report: AST nodes visited.
	CompileFuel uint64 `json:"compile_fuel"`
	// Heads are the host functions the module imports, sorted.
	Heads []string `json:"heads"`
	// Traps is indexed by the trap site number that the module reports.
	Traps []TrapSite `json:"traps"`
}

// TrapSite is a place where a program can trap.
type TrapSite struct {
	Message string `json:"msg"`
	Module  string `json:"module,omitempty"`
	Func    string `json:"fn,omitempty"`
	Ptr     string `json:"ptr,omitempty"`
}
