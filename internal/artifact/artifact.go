// Package artifact is what the compiler hands to the engine: a wasm module
// plus the metadata that makes it an X07 program. It encodes both into one
// file (the metadata is a custom section named "x07") and reads such files
// back, trusting nothing in them. It neither compiles nor runs.
package artifact

// ABI is the version of the contract between artifact and engine that this
// build speaks: exports, imports and the layout at StatsAddr.
const ABI = 1

// StatsAddr is where a finished program leaves its statistics: little-endian
// 64-bit words alloc_calls, realloc_calls, bytes_alloc_total, memcpy_bytes,
// live_bytes, peak_live_bytes, live_allocs, peak_live_allocs, exit code.
const StatsAddr = 512

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
	// Contracts is indexed by the number a failed contract clause reports.
	Contracts []ContractSite `json:"contracts,omitempty"`
	// Budgets is indexed by the number a budget scope reports on entry.
	Budgets []BudgetScope `json:"budgets,omitempty"`
}

// TrapSite is a place where a program can trap.
type TrapSite struct {
	Message string `json:"msg"`
	Module  string `json:"module,omitempty"`
	Func    string `json:"fn,omitempty"`
	Ptr     string `json:"ptr,omitempty"`
}

// ContractSite is a contract clause that can fail.
type ContractSite struct {
	Kind        string `json:"kind"`
	Func        string `json:"fn"`
	ClauseID    string `json:"id"`
	ClauseIndex int    `json:"index"`
	ClausePtr   string `json:"ptr"`
	// Witness are the types of the witness values, which the module stores as
	// four words each.
	Witness []string `json:"witness,omitempty"`
	// Site is the trap site of the clause.
	Site int `json:"site"`
}

// BudgetScope is the limit of a scope. Zero means no limit of that kind.
type BudgetScope struct {
	Label      string `json:"label"`
	Fuel       uint64 `json:"fuel,omitempty"`
	AllocBytes uint64 `json:"alloc_bytes,omitempty"`
	// Site is the trap site for exceeded fuel; Site+1 is that for bytes.
	Site int `json:"site"`
}
