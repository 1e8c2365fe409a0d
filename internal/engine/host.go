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
	// Ctx ends with the run: when its deadline passes or it is cancelled. A
	// function that waits must stop waiting then.
	Ctx context.Context
	// Env is what the embedder attached to this run (the OS world's state).
	Env any

	words   []uint64 // arguments, then results
	arg     int
	memory  func(ptr, n uint32) []byte
	pending []byte
	status  [2]uint32
}

// I32 is the next argument, of type i32, as its bit pattern.
func (c *Call) I32() uint32 {
	w := uint32(c.words[c.arg])
	c.arg++
	return w
}

// Bytes is the next argument, of type bytes or bytes_view. The slice shares
// the program's memory: it is valid until the host function returns and must
// not be changed.
func (c *Call) Bytes() []byte {
	p := c.I32()
	n := c.I32()
	if n == 0 {
		return nil
	}
	return c.memory(p, n)
}

// Ret is the result of a head that returns i32.
func (c *Call) Ret(v uint32) { c.status = [2]uint32{v, 0} }

// RetBytes is the result of a head that returns bytes. b is not changed, and
// not kept beyond the call of the head.
func (c *Call) RetBytes(b []byte) {
	c.pending = b
	c.status = [2]uint32{uint32(len(b)), 0}
}

// RetOK is the ok result of a head that returns result_i32, or the some of
// option_i32.
func (c *Call) RetOK(v uint32) { c.status = [2]uint32{1, v} }

// RetErr is the err result of a head that returns result_i32 or result_bytes.
func (c *Call) RetErr(code uint32) { c.status = [2]uint32{0, code} }

// RetOKBytes is the ok result of a head that returns result_bytes.
func (c *Call) RetOKBytes(b []byte) {
	c.pending = b
	c.status = [2]uint32{1, uint32(len(b))}
}

// RetSome is the some result of a head that returns option_bytes.
func (c *Call) RetSome(b []byte) { c.RetOKBytes(b) }

// RetNone is the none result of option_bytes and option_i32.
func (c *Call) RetNone() { c.status = [2]uint32{} }

// Trap ends the run with a trap of this text at the call's place in the
// source. It does not return.
func (c *Call) Trap(message string) {
	panic(&stop{trap: message, site: c.site()})
}

// Exit ends the run at once with this exit code, without output or
// statistics. It does not return.
func (c *Call) Exit(code int) { panic(&stop{exit: true, code: code, site: -1}) }

// site is the trap site of the call, which is its last word.
func (c *Call) site() int { return int(uint32(c.words[len(c.words)-1])) }
