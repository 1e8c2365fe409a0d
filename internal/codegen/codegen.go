// Package codegen turns an IR program into an artifact: a wasm module and its
// metadata. The module is complete in itself: the allocator, vectors, maps,
// readers and text conversion that the program uses are emitted into it as
// small wasm functions (the files rt_*.go), and what a program does not use is
// not there. The package decides nothing about ownership or types; it trusts
// the IR.
//
// # Values
//
// A value is the words that package types lists, each in a wasm local or on
// the operand stack. Functions take and return words. Owned memory is a block
// of the allocator (rt_alloc.go); a value of length zero (capacity, for
// vec_u8) owns nothing. An err or none value has length word 0, so that one
// test of that word says whether there is something to free.
//
// # Ownership at a builtin
//
// An owned argument that is an OpGet (or OpAsView of one) is read in place and
// stays with its owner, whatever the builtin does. Any other owned argument is
// given away: the builtin keeps it, passes it on or frees it. An argument of
// mode Borrow, NamedOwner or InPlace that is an OpGet or OpTake is read after
// the other arguments have been evaluated.
//
// # Fuel
//
// A function that consumes fuel has one more parameter and one more result:
// what is left of the current slice, kept in a local in between. A straight
// piece of code subtracts its whole cost once and calls the engine when the
// result is negative (fuel.go). Functions with one fixed cost, known when they
// are called, have neither; the caller pays.
//
// # Traps
//
// Every place that can trap has a number, its site. The module passes it to
// the import x07.trap, which does not return. A runtime function that can
// trap takes the site of its caller; one that can trap for several reasons
// takes the first of consecutive sites.
package codegen

import (
	"fmt"
	"sort"

	"x07/internal/artifact"
	"x07/internal/ir"
	"x07/internal/wasm"
)

// Options are the facts about a program that its IR does not carry.
type Options struct {
	World       string // world id, such as run-os
	Language    string // language id
	Compiler    string // our version
	CompileFuel uint64 // AST nodes visited
}

// Generate compiles prog. An error means that the IR uses a builtin that the
// code generator does not know, or is malformed.
func Generate(prog *ir.Program, opt Options) (a *artifact.Artifact, err error) {
	g := &gen{
		prog:  prog,
		m:     &wasm.Module{},
		funcs: make([]*wasm.Func, len(prog.Funcs)),
		lits:  map[string]uint32{},
		sites: siteTable{index: map[string]int32{}},
		plans: newPlanner(prog),
		heads: map[string]*wasm.Func{},
		rt:    map[string]*wasm.Func{},

		emitters: emitters(),
	}
	defer func() {
		if r := recover(); r != nil {
			bad, ok := r.(*malformed)
			if !ok {
				panic(r)
			}
			a, err = nil, fmt.Errorf("generate code for %s: %s", bad.fn, bad.what)
		}
	}()
	g.declareImports()
	for i, f := range prog.Funcs {
		g.declare(ir.FuncID(i), f)
	}
	for i, f := range prog.Funcs {
		g.define(ir.FuncID(i), f)
	}
	g.defineRun()
	meta := artifact.Meta{
		ABI:         artifact.ABI,
		World:       opt.World,
		Language:    opt.Language,
		Compiler:    opt.Compiler,
		CompileFuel: opt.CompileFuel,
		Traps:       g.sites.list,
		Contracts:   g.contracts,
		Budgets:     g.budgets,
	}
	for h := range g.heads {
		meta.Heads = append(meta.Heads, h)
	}
	sort.Strings(meta.Heads)
	return &artifact.Artifact{Wasm: g.m.Encode(), Meta: meta}, nil
}

// malformed is the panic value for IR that cannot be compiled; Generate turns
// it into an error.
type malformed struct{ fn, what string }

// gen is the state of one compilation.
type gen struct {
	prog  *ir.Program
	m     *wasm.Module
	funcs []*wasm.Func // by FuncID
	plans *planner

	// Imports from "x07".
	trap, refill, output *wasm.Func

	// rt holds the runtime functions emitted so far, by name; heads the
	// imported host functions.
	rt       map[string]*wasm.Func
	emitters map[string]emitter
	heads    map[string]*wasm.Func

	vars      vars
	sites     siteTable
	contracts []artifact.ContractSite
	budgets   []artifact.BudgetScope
	// exits are emitted before the statistics are written: they free what the
	// program holds through handles.
	exits []func(f *wasm.Func)

	lits map[string]uint32
	data []byte

	// Handle tables, nil until the program uses them.
	maps, vecs, hashes, readers, bufreads, scratches *table
}

// Memory below the heap: a page-zero guard that null pointers fall into, the
// record that run leaves for the engine, the allocator's lists, a buffer for
// contract witnesses, then literals.
const (
	statsAddr   = artifact.StatsAddr
	smallAddr   = 1024 // 65 list heads
	largeAddr   = 1536 // 352 list heads
	largeBits   = 2944 // 22 bitmaps
	witnessAddr = 3072 // 1 KiB
	dataAddr    = 4096
)

func (g *gen) declareImports() {
	i := wasm.I32
	g.trap = g.m.Import("x07", "trap", []wasm.ValType{i}, nil)
	g.refill = g.m.Import("x07", "refill", []wasm.ValType{i, i}, []wasm.ValType{i})
	g.output = g.m.Import("x07", "output", []wasm.ValType{i, i}, nil)
}

func i32s(n int) []wasm.ValType {
	t := make([]wasm.ValType, n)
	for i := range t {
		t[i] = wasm.I32
	}
	return t
}

func (g *gen) declare(id ir.FuncID, f *ir.Func) {
	params, results := 0, f.Result.Words()
	for _, l := range f.Locals[:f.NumParams] {
		params += l.Type.Words()
	}
	if !g.plans.of(id).fixed {
		params++
		results++
	}
	g.funcs[id] = g.m.NewFunc(f.Name, i32s(params), i32s(results))
}

// literal places s in the data segment once and returns its address.
func (g *gen) literal(s string) uint32 {
	if a, ok := g.lits[s]; ok {
		return a
	}
	a := dataAddr + uint32(len(g.data))
	g.data = append(g.data, s...)
	g.lits[s] = a
	return a
}

// defineRun emits the export "run": (input ptr, input len, heap capacity left,
// fuel slice) -> fuel left. It sets up the globals, calls solve, hands the
// output to the engine, frees everything and writes the statistics.
func (g *gen) defineRun() {
	v := &g.vars
	g.useAlloc()
	f := g.m.NewFunc("run", i32s(4), i32s(1))
	in, n, heap, fuel := f.Param(0), f.Param(1), f.Param(2), f.Param(3)
	if v.inputPtr != nil {
		f.SetG(v.inputPtr, in)
		f.SetG(v.inputLen, n)
	}
	f.SetG(v.heapFree, heap)
	f.SetG(v.brk, wasm.And(wasm.Add(wasm.Add(in, n), wasm.K(31)), wasm.K(-16)))
	f.SetG(v.high, v.brk)
	p, l := f.NewLocal(wasm.I32), f.NewLocal(wasm.I32)
	solve := g.funcs[g.prog.Solve]
	if plan := g.plans.of(g.prog.Solve); plan.fixed {
		subtract(f, fuel, plan.cost)
		f.Let(wasm.Call(solve), p, l)
	} else {
		f.Let(wasm.Call(solve, fuel), p, l, fuel)
	}
	f.When(wasm.LtS(fuel, wasm.K(0)), func() {
		site := g.sites.add(msgFuel, ir.Position{})
		f.Let(wasm.Call(g.refill, fuel, wasm.K(int64(site))), fuel)
	})
	f.Push(wasm.Call(g.output, p, l))
	f.When(l, func() { f.Push(wasm.Call(g.rtFree(), p)) })
	for i := 0; i < len(g.exits); i++ {
		g.exits[i](f)
	}
	g.storeStats(f)
	f.Return(fuel)
	g.m.Export("run", f)

	g.m.AddData(dataAddr, g.data)
	base := (dataAddr + uint32(len(g.data)) + 15) &^ 15
	if v.stack != nil {
		base = g.placeStack(base)
	}
	hb := g.m.NewGlobal(wasm.I32, int64(base))
	hb.Export = "heap_base"
	g.m.MemoryMin = (base + wasm.PageSize) / wasm.PageSize
}

// pos is the position table entry of p.
func (g *gen) pos(p ir.Pos) ir.Position {
	if p <= 0 || int(p) >= len(g.prog.Positions) {
		return ir.Position{}
	}
	return g.prog.Positions[p]
}

// siteTable numbers the trap sites.
type siteTable struct {
	list  []artifact.TrapSite
	index map[string]int32
}

// add returns the number of the site (msg, at).
func (t *siteTable) add(msg string, at ir.Position) int32 { return t.addAll(at, msg) }

// addAll returns the first of consecutive numbers for several messages at one
// place.
func (t *siteTable) addAll(at ir.Position, msgs ...string) int32 {
	key := at.Module + "\x00" + at.Func + "\x00" + at.Ptr
	for _, m := range msgs {
		key += "\x00" + m
	}
	if n, ok := t.index[key]; ok {
		return n
	}
	n := int32(len(t.list))
	for _, m := range msgs {
		t.list = append(t.list, artifact.TrapSite{Message: m, Module: at.Module, Func: at.Func, Ptr: at.Ptr})
	}
	t.index[key] = n
	return n
}

const (
	msgFuel = "fuel exhausted"
	msgOOM  = "out of memory"
)
