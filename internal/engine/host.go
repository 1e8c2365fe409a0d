package engine

import "context"

// HostFunc implements one builtin head outside the module. It reads its
// arguments from and writes its result to the Call, exactly once.
type HostFunc func(c *Call)

// HostTable maps a head such as "os.fs.read_file" to its implementation.
type HostTable map[string]HostFunc

// Call is one call of a host function. The flat ABI is:
//
//	arguments  i32 -> one word; bytes and bytes_view -> (ptr, len)
//	results    i32          -> Ret
//	           bytes        -> RetBytes
//	           result_i32   -> RetOK / RetErr
//	           result_bytes -> RetOKBytes / RetErr
//	           option_bytes -> RetSome / RetNone
//
// Bytes that a host function returns are copied into the program's memory by
// the caller after the function has returned; the function keeps no reference
// to argument bytes, which are only valid during the call.
type Call struct {
	Ctx context.Context
	// Env is what the embedder attached to this run (the OS world's state).
	Env any

	words   []uint64 // arguments, then results
	arg     int
	memory  func(ptr, n uint32) []byte
	pending []byte
	status  [2]uint32
}
