package check

import (
	"x07/internal/ast"
	"x07/internal/types"
)

// Program is a checked program: everything reachable from its entry.
type Program struct {
	// Funcs are the reachable functions sorted by name, Solve among them.
	Funcs []*Func
	// Solve is the entry expression.
	Solve *Func
	// Nodes is the number of syntax nodes of the reachable bodies, the part of
	// the compile report's fuel_used that depends on reachability.
	Nodes int
}

// Func is one checked function.
type Func struct {
	// ID is its index in Program.Funcs.
	ID int
	// Name is the full name, "solve" for the entry expression.
	Name string
	// Module is the id of the document it was written in.
	Module string
	// Params are the first of Vars.
	Params []*Var
	Result types.Type
	// ResultBrand is the brand the result has, "" for none.
	ResultBrand string
	// Entry and Exit are the contract clauses in the order they run.
	Entry, Exit []*Clause
	// ResultVar is __result, nil when Exit is empty.
	ResultVar *Var
	// Body is a Block whose members include the parameters.
	Body *Node
	// Vars are all variables and temporaries; Var.ID indexes it.
	Vars []*Var

	decl   *declInfo
	state  checkState
	source borrow // what a result that is a view may borrow from
}

// Clause is one contract clause at one of its two places.
type Clause struct {
	// Kind is requires, ensures, invariant_entry or invariant_exit.
	Kind  string
	ID    string
	Index int    // within its list in the source
	Ptr   string // pointer of the expression
	// Cond is of type i32; it is a Block of its own.
	Cond *Node
	// Witness are the values to report. Each is evaluated in the scope of Vars.
	Witness *Node
}

// Var is a variable, a parameter or an anonymous temporary of one function.
type Var struct {
	// ID indexes Func.Vars.
	ID   int
	Name string // "" for a temporary
	Type types.Type
	// Addressed reports that its address is taken.
	Addressed bool

	brand  string
	full   bool
	dead   bool      // its scope has ended
	bound  *ast.Expr // of a view: the expression it got its source from
	prev   *Var      // what its name meant before
	depth  int       // of the scope that binds it
	stamp  int       // of the last walk over changes that met it, and
	slot   int       // where that walk put it
	status status
}

// Kind says what a Node does and which of its fields count.
type Kind uint8

// The kinds of nodes. "Place" means that the owner keeps the value.
const (
	Int     Kind = iota // constant Imm
	Lit                 // fresh bytes holding Text
	Input               // the program's input
	Use                 // value of Var: copied, or moved when its type is owned
	Place               // Var read in place
	Temp                // Var = Args[0], then Var read in place; Var lives to the end of its scope
	Let                 // Var = Args[0]; value Var unless Stmt
	Set                 // drop Var, Var = Args[0]; value Var unless Stmt
	Block               // Args in order; value of the last; Vars are its members
	If                  // Args[0] ? Args[1] : Args[2], both of them Blocks
	For                 // Var from Args[0] below Args[1]: Args[2], a Block
	Return              // Args[0]
	Try                 // payload of Args[0], or return its error
	Bin                 // Builtin operator Op of two Args
	Call                // Fn of Args
	Builtin             // Head of Args; a lazy argument is a Block
	Cast                // brand cast: Head, validator Fn, value Args[0]
	AddrOf              // address of Var (nil: of the input)
	Witness             // Args are the values of a clause's witnesses
)

// Node is one checked expression.
type Node struct {
	Kind Kind
	// Stmt reports that the value is not used. It is set on Let, Set, Block,
	// If, For and Return; other kinds never have an owned value there.
	Stmt bool
	// Staged, of a Call or Builtin, reports that an owned argument waits while
	// a later one is evaluated that may leave the function.
	Staged bool
	// Fuel is what evaluating the node itself costs.
	Fuel uint8
	Op   uint8 // index of an operator in Operators
	// Type is the type of the value; Never for what does not fall through.
	Type types.Type
	Imm  int32
	Src  *ast.Expr
	Var  *Var
	Fn   *Func
	Head *types.Builtin
	Text string
	// Vars of a Block are the owned variables and temporaries that end with
	// it, in order of declaration. They are dropped in reverse.
	Vars []*Var
	Args []*Node
}
