// Package ir is the typed, structured form between checking and code
// generation. A program comes in as functions whose locals are explicit, whose
// drops and moves are explicit statements, and whose every expression has one
// type; codegen turns it into wasm without asking anything about ownership.
// The package holds the form, a printer and a verifier; it never sees a syntax
// tree and never emits code.
//
// The form is a tree, not a control-flow graph, because both its source
// (x07AST) and its target (wasm) are structured: nothing has to be
// rediscovered on the way.
package ir

import "x07/internal/types"

// Program is everything reachable from solve. It is immutable once lowered;
// passes return changed functions in place of old ones.
type Program struct {
	// Funcs are in a deterministic order; FuncID indexes it. Solve is one of them.
	Funcs []*Func
	// Solve has no parameters and returns bytes.
	Solve FuncID
	// Positions is indexed by Pos; index 0 is "no position".
	Positions []Position
}

// FuncID indexes Program.Funcs.
type FuncID int32

// LocalID indexes Func.Locals; the parameters come first.
type LocalID int32

// LabelID names an enclosing Labeled expression of the same function.
type LabelID int32

// Pos indexes Program.Positions; 0 means none.
type Pos int32

// Position is where in the source something stands: what a trap reports.
type Position struct {
	Module string // module id, "main" for the entry
	Func   string // full function name, "solve" for the entry expression
	Ptr    string // RFC 6901 pointer into the module's document
}

// Func is one monomorphic function. Locals[:NumParams] are its parameters,
// already initialised; all other locals start as the zero value of their type.
type Func struct {
	Name      string // full name, unique
	Locals    []Local
	NumParams int
	Result    types.Type
	// Body evaluates to Result, or never falls through (type Never).
	Body *Expr
	// NoInline is set for functions that must keep their own frame.
	NoInline bool
}

// Local is one variable or temporary.
type Local struct {
	Name string // source name or a temporary's name; for printing only
	Type types.Type
}

// Op says what an Expr does and which of its fields count.
type Op uint8

const (
	OpInvalid Op = iota

	// Leaves.
	OpConst // I32 constant Imm (low 32 bits)
	OpZero  // the zero value of Type
	OpLit   // fresh owned Bytes holding a copy of Data (allocates unless empty)
	OpInput // the program's input as BytesView
	OpGet   // copy of Local's words (for owned types: a read in place, ownership stays)
	OpTake  // move: Local's words, Local becomes the zero value

	// Statements; Type is types.Invalid (no value).
	OpSet  // Local = Args[0]; the old value is NOT dropped
	OpDrop // free what Local owns and make it the zero value; Local is of an owned type

	// Structure.
	OpSeq     // evaluate Args in order; value is the last one's (Type Invalid: no value); no other Arg has one
	OpDo      // evaluate Args[0] for effect and discard its words (they own nothing)
	OpIf      // Args[0] condition; Args[1], Args[2] branches of type Type, Invalid, or Never
	OpFor     // Local = Args[0]; end = Args[1] evaluated once; while Local <u end { Args[2]; Local = Local + 1 }
	OpReturn  // return Args[0] from the function; Type Never
	OpLabeled // Args[0], which OpBreak of Label may leave; Type as OpIf
	OpBreak   // leave Labeled Label with value Args[0] (no Args when it has no value); Type Never

	// Computation.
	OpBin     // Bin of Args[0], Args[1]
	OpCall    // call of Func with Args; owned arguments are moved in
	OpBuiltin // Builtin of Args, flattened as its signature says; Imm 1: the index is proven in bounds

	// Conversions that cost nothing at run time.
	OpAsView // Args[0] (BytesView, or OpGet of Bytes or VecU8) seen as BytesView
	OpField  // word Imm of Args[0], as I32
	OpPack   // Args are I32 words, Type says what they form

	// OpBudget evaluates Args[0] in a budget scope: fuel clamped to Budget.Fuel
	// and memory counters checked on leaving. Used for contract clauses.
	OpBudget
	// OpContractFail reports a failed contract clause and traps. Contract says
	// which; Args are the witness values, which are only read. Type Never.
	OpContractFail
	// OpAddrOf is the address of Local's storage, which must then live in memory.
	OpAddrOf
)

// Bin is an integer operator; all take and give I32.
type Bin uint8

const (
	Add Bin = iota
	Sub
	Mul
	DivU // divisor 0 gives 0
	RemU // divisor 0 gives the left operand
	And
	Or
	Xor
	Shl  // count & 31
	ShrU // count & 31
	Eq
	Ne
	LtS
	LeS
	GtS
	GeS
	LtU
	LeU
	GtU
	GeU
)

// Expr is one node. Which fields count is said at its Op.
type Expr struct {
	Op      Op
	Bin     Bin
	Type    types.Type
	Fuel    uint32 // units charged when evaluation of this node starts, before its Args
	Pos     Pos
	Local   LocalID
	Func    FuncID
	Label   LabelID
	Imm     int64
	Data    string
	Builtin *types.Builtin
	// Extra holds the rare payloads: *Budget, *Contract.
	Extra any
	Args  []*Expr
}

// Budget is the limit of an OpBudget scope. Zero means "no limit of this kind".
type Budget struct {
	Label      string // such as "contract"
	Fuel       uint64 // units; the scope gets min(Fuel, what is left)
	AllocBytes uint64 // checked on leaving
}

// Contract identifies a clause for its failure line.
type Contract struct {
	Kind        string // requires, ensures, invariant_entry, invariant_exit
	Func        string
	ClauseID    string
	ClauseIndex int
	ClausePtr   string
}
