package codegen

import "x07/internal/wasm"

// vars are the module's global variables. Each exists once something uses it.
type vars struct {
	inputPtr, inputLen *wasm.Global

	// Allocator: the end of the used heap, the highest it has ever been
	// (memory above is zero), the size of the block that ends at brk.
	brk, high, lastSize *wasm.Global
	// smallPtr..smallEnd is the piece that small blocks are cut from.
	smallPtr, smallEnd *wasm.Global
	// largeMap has a bit for each first-level class with a free block.
	largeMap *wasm.Global
	// heapFree is what is left of the heap's capacity, in bytes, unsigned.
	heapFree *wasm.Global

	// Statistics; live counts are i32, totals i64.
	allocTotal, allocCalls, reallocCalls, memcpyBytes *wasm.Global
	live, peakLive, liveAllocs, peakAllocs            *wasm.Global

	// stack is the stack pointer of locals whose address is taken.
	stack, stackEnd *wasm.Global
	// exitCode is what process.set_exit_code_v1 recorded.
	exitCode *wasm.Global
	// scratchDropped counts scratch handles that can be used again.
	scratchDropped *wasm.Global
}

func (g *gen) global(p **wasm.Global, t wasm.ValType, init int64) *wasm.Global {
	if *p == nil {
		*p = g.m.NewGlobal(t, init)
	}
	return *p
}

// input returns the globals that hold the input view.
func (g *gen) input() (ptr, n *wasm.Global) {
	return g.global(&g.vars.inputPtr, wasm.I32, 0), g.global(&g.vars.inputLen, wasm.I32, 0)
}

// storeStats writes the statistics record at statsAddr: i64 values in the
// order of artifact.Stats* offsets.
func (g *gen) storeStats(f *wasm.Func) {
	v := &g.vars
	at := wasm.K(statsAddr)
	for i, x := range []wasm.X{
		v.allocCalls, v.reallocCalls, v.allocTotal, v.memcpyBytes,
		wasm.U64(v.live), wasm.U64(v.peakLive), wasm.U64(v.liveAllocs), wasm.U64(v.peakAllocs),
	} {
		f.StOp(wasm.I64Store, at, uint32(i*8), x)
	}
	if v.exitCode != nil {
		f.StOp(wasm.I64Store, at, 64, wasm.Un(wasm.I64ExtendI32S, v.exitCode))
	}
}

// countCopy adds n (i32) to memcpy_bytes.
func (g *gen) countCopy(f *wasm.Func, n wasm.X) {
	v := g.global(&g.vars.memcpyBytes, wasm.I64, 0)
	f.SetG(v, wasm.Bi(wasm.I64Add, v, wasm.U64(n)))
}
