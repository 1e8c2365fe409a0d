package types

// Mode says how a builtin takes an argument.
type Mode uint8

const (
	ByValue Mode = iota // copy types are copied, owned types moved in, views passed
	// Borrow (&T): the argument is read; a named local stays usable.
	Borrow
	// AnyView (BV): bytes or bytes_view; reaches the code generator as a BytesView.
	AnyView
	// AnyViewOrVec (BVV): as AnyView, and vec_u8.
	AnyViewOrVec
	// NamedOwner (name:T): must be an identifier of type T.
	NamedOwner
	// InPlace (inplace:T): a named local is operated on in place and becomes moved.
	InPlace
	// Lazy: evaluated only when needed (the default of some unwrap_or heads).
	Lazy
	// OwnedKept: the default of option_bytes.unwrap_or, which stays usable when named.
	OwnedKept
	// Atom: a bare name that is not an expression (brand id, validator, type token).
	Atom
	// ReaderSource: bytes (moved), bytes_view (copied) or vec_u8 (moved); io.open_read_bytes.
	ReaderSource
	// AnyPtr: any raw pointer type that the head's row admits.
	AnyPtr
)

// Param is one parameter of a builtin.
type Param struct {
	Name string
	Type Type
	Mode Mode
}

// Gate is the capability of a world that a builtin needs.
type Gate uint8

const (
	GateNone   Gate = iota
	GateFS          // fs.*
	GateRR          // rr.*, std.rr.with_*
	GateKV          // kv.*
	GateOS          // os.*
	GateUnsafe      // raw pointers
)

// Impl says who implements a builtin.
type Impl uint8

const (
	// Emitted: codegen emits wasm for it (inline or a runtime function in the module).
	Emitted Impl = iota
	// Host: an imported host function, called with the flat ABI of package engine.
	Host
	// Lowered: never reaches codegen; check or lower rewrites it.
	Lowered
)

// Builtin is one head that the compiler itself resolves. The table of all of
// them is Builtins.
type Builtin struct {
	Name   string
	Params []Param
	// Result is Invalid where it depends on the arguments (ptr.cast and the like).
	Result Type
	// Brand is the brand that the result always has, "" for none.
	Brand string
	Gate  Gate
	Impl  Impl
	// NeedsBlock: only inside (unsafe ...).
	NeedsBlock bool
	// Internal: only in built-in modules and compiler-made code.
	Internal bool
	// Yields: only in solve and in defasync, where other tasks can run meanwhile.
	Yields bool
	// Shape is how errors describe the arguments, "" for their types.
	Shape string
	// Traps lists the trap texts the head can end with, "out of memory" excepted.
	// The text "" is a trap without a message.
	Traps []string
	// Allocates reports whether it can trap with "out of memory".
	Allocates bool
	// Doc is one line for the guide and `x07 doc`.
	Doc string
}
