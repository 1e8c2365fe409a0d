// Package engine runs artifacts. A compiled program, its input, the host
// functions it may call and its limits come in; its output, exit code, trap
// and statistics go out. The package enforces memory, fuel, CPU, wall-clock
// and output limits and never lets a fault of the program become one of the
// process; it knows no operating system call that a program could make and
// no policy.
package engine

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"time"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/experimental"

	"x07/internal/artifact"
)

// Defaults of Config fields that are zero.
const (
	DefaultMemoryBytes = 64 << 20
	DefaultOutputBytes = 1 << 20
)

// Config says how to run a program. The zero value of a field means its
// default, which for limits other than memory and output is "none".
type Config struct {
	// Input is what the program sees as input. It is copied.
	Input []byte
	// Host has the functions for the heads that the artifact imports. Env is
	// handed to them.
	Host HostTable
	Env  any
	// MaxMemoryBytes is the capacity of the program's heap. The input counts.
	MaxMemoryBytes uint64
	// MaxOutputBytes limits the program's output.
	MaxOutputBytes uint64
	// Fuel is the number of units the program may use; 0 is no limit.
	Fuel uint64
	// CPUTime limits the processor time of the program.
	CPUTime time.Duration
	// Deadline limits the wall clock.
	Deadline time.Time
	// CacheDir is where machine code is kept between runs; "" keeps none.
	CacheDir string
	// Code is machine code from CompileCode, used when it is of this program and
	// for this processor; then nothing is compiled and CacheDir is not looked at.
	// Whoever sets it vouches for it: it runs with the rights of the process.
	Code []byte
	// Workers is how many threads may compile a module that is not cached; 0
	// leaves it to the engine.
	Workers int
	// Interpret runs the module without machine code, as platforms for which
	// there is no compiler do; CacheDir and Code are not looked at.
	Interpret bool
}

// Result is the outcome of a run. Exactly one of these holds: Err is set (the
// program could not be started), Trap is set (it was stopped), or it ended.
type Result struct {
	Err    error
	Trap   *Trap
	Output []byte
	// ExitCode is 0..255: what the program set, or gave to os.process.exit.
	ExitCode int
	// Exited says that the program ended through Call.Exit, without output
	// and statistics.
	Exited bool
	// Stats are the statistics; nil after a trap or an exit.
	Stats *Stats
	// Wall is the time from the program's first instruction to its end, CPU
	// the processor time in it; Startup is what loading took before.
	Startup, Wall, CPU time.Duration
	// Precompiled says that the machine code was Config.Code.
	Precompiled bool
}

// Trap says why and where a program was stopped.
type Trap struct {
	Message string
	// Module, Func and Ptr are where in the source; empty when unknown.
	Module, Func, Ptr string
	// Status is the exit status of a process that died of this trap: 128 plus
	// a signal number.
	Status int
}

func (t *Trap) Error() string { return t.Message }

// Run runs a program to its end. ctx cancels it.
func Run(ctx context.Context, a *artifact.Artifact, cfg Config) (res Result) {
	r := &run{a: a, cfg: cfg, ctx: ctx, began: time.Now()}
	defer r.close()
	defer func() {
		// wazero and the host functions must not be able to take the process
		// down; whatever escapes them is reported as an error of the run.
		if p := recover(); p != nil {
			res = Result{Err: fmt.Errorf("run program: internal fault: %v", p)}
		}
	}()
	if err := r.prepare(); err != nil {
		var s *stop
		if errors.As(err, &s) {
			return Result{Trap: r.trapOf(s)}
		}
		return Result{Err: err}
	}
	return r.start()
}

// run is the state of one run.
type run struct {
	a     *artifact.Artifact
	cfg   Config
	ctx   context.Context
	began time.Time

	capacity uint64
	cache    wazero.CompilationCache
	code     *codeStore // nil unless Config.Code is set
	rt       wazero.Runtime
	mod      api.Module
	mem      api.Memory
	heapBase uint64

	fuel   fuel
	call   Call
	output []byte
}

func (r *run) close() {
	if r.rt != nil {
		r.rt.Close(context.Background())
	}
	if r.cache != nil {
		r.cache.Close(context.Background())
	}
}

// prepare loads the module and places the input.
func (r *run) prepare() error {
	m := &r.a.Meta
	if m.ABI != artifact.ABI {
		return fmt.Errorf("artifact has ABI version %d, this engine runs version %d: compile the program again", m.ABI, artifact.ABI)
	}
	for _, h := range m.Heads {
		if r.cfg.Host[h] == nil {
			return fmt.Errorf("the program calls %q, which world %q does not provide", h, m.World)
		}
	}
	r.capacity = r.cfg.MaxMemoryBytes
	if r.capacity == 0 {
		r.capacity = DefaultMemoryBytes
	}
	if r.capacity < 32 {
		return &stop{trap: "heap too small", site: -1}
	}
	r.capacity = min(r.capacity&^15, 1<<32-wasmPage)
	input := uint64(len(r.cfg.Input))
	if input > 0 && max(32, 16+(input+15)&^15) > r.capacity {
		return &stop{trap: msgOOM, site: -1}
	}

	// Twice the capacity: room for what the placement of blocks wastes. Pages
	// that are never touched cost nothing.
	pages := min((2*r.capacity+uint64(len(r.a.Wasm)))/wasmPage+64, 65536)
	rc := runtimeConfig(uint32(pages), r.cfg.Interpret)
	if c := r.openCache(); c != nil {
		r.cache = c
		rc = rc.WithCompilationCache(c)
	}
	ctx := experimental.WithMemoryAllocator(r.ctx, experimental.MemoryAllocatorFunc(allocate))
	workers := r.cfg.Workers
	if workers == 0 && len(r.a.Wasm) > largeModule {
		workers = runtime.GOMAXPROCS(0)
	}
	if workers > 1 {
		ctx = experimental.WithCompilationWorkers(ctx, workers)
	}
	r.rt = wazero.NewRuntimeWithConfig(ctx, rc)
	compiled, err := r.rt.CompileModule(ctx, r.a.Wasm)
	if err != nil {
		return fmt.Errorf("load program: %w", err)
	}
	if err := r.link(ctx, compiled); err != nil {
		return fmt.Errorf("load program: %w", err)
	}
	r.mod, err = r.rt.InstantiateModule(ctx, compiled, wazero.NewModuleConfig().WithName("").WithStartFunctions())
	if err != nil {
		return fmt.Errorf("load program: %w", err)
	}
	r.mem = r.mod.Memory()
	base := r.mod.ExportedGlobal("heap_base")
	entry := r.mod.ExportedFunction("run")
	if r.mem == nil || base == nil || entry == nil {
		return errors.New("load program: module lacks one of the exports memory, heap_base, run")
	}
	if d := entry.Definition(); len(d.ParamTypes()) != 4 || len(d.ResultTypes()) != 1 {
		return errors.New("load program: export run has another type than this engine calls")
	}
	r.heapBase = base.Get() & (1<<32 - 1)
	if end := r.heapBase + input; end > uint64(r.mem.Size()) {
		if _, ok := r.mem.Grow(uint32((end - uint64(r.mem.Size()) + wasmPage - 1) / wasmPage)); !ok {
			return &stop{trap: msgOOM, site: -1}
		}
	}
	if !r.mem.Write(uint32(r.heapBase), r.cfg.Input) {
		return errors.New("load program: heap_base lies outside of the memory")
	}
	return nil
}

// runtimeConfig is how modules are compiled and run; pages is the most memory,
// which does not change the code.
func runtimeConfig(pages uint32, interpret bool) wazero.RuntimeConfig {
	rc := wazero.NewRuntimeConfig()
	if interpret {
		rc = wazero.NewRuntimeConfigInterpreter()
	}
	rc = rc.WithDebugInfoEnabled(false)
	if pages > 0 {
		rc = rc.WithMemoryLimitPages(pages)
	}
	return rc
}

// openCache is where machine code comes from; nil when it has to be made. A
// cache that cannot be used costs time, not the run.
func (r *run) openCache() wazero.CompilationCache {
	if r.cfg.Interpret {
		return nil
	}
	if len(r.cfg.Code) > 0 {
		r.code = &codeStore{block: r.cfg.Code}
		if c, err := r.code.attach(); err == nil {
			return c
		}
	}
	if r.cfg.CacheDir != "" {
		if c, err := wazero.NewCompilationCacheWithDir(r.cfg.CacheDir); err == nil {
			return c
		}
	}
	return nil
}

const (
	wasmPage = 65536
	// largeModule is the size in bytes from which compiling on several threads
	// pays.
	largeModule = 64 << 10
	msgOOM      = "out of memory"
)

// start calls the program.
func (r *run) start() Result {
	capacity := r.capacity
	if n := uint64(len(r.cfg.Input)); n > 0 {
		capacity -= max(32, 16+(n+15)&^15)
	}
	ctx, cancel := r.ctx, context.CancelFunc(func() {})
	if d := r.cfg.Deadline; !d.IsZero() {
		ctx, cancel = context.WithDeadline(ctx, d)
	}
	defer cancel()
	r.call = Call{Ctx: ctx, Env: r.cfg.Env, memory: r.view}
	unlock := r.fuel.begin(r)
	defer unlock()
	started := time.Now()
	res := Result{Startup: started.Sub(r.began), Precompiled: r.code != nil && r.code.used}
	stack := [4]uint64{r.heapBase, uint64(len(r.cfg.Input)), capacity, r.fuel.first()}
	err := r.mod.ExportedFunction("run").CallWithStack(r.ctx, stack[:])
	res.Wall, res.CPU = time.Since(started), r.fuel.cpuUsed()
	if err != nil {
		var s *stop
		switch {
		case !errors.As(err, &s):
			res.Trap = faultOf(err)
		case s.exit:
			res.Exited, res.ExitCode = true, exitCode(s.code)
		case s.err != nil:
			res.Err = s.err
		default:
			res.Trap = r.trapOf(s)
		}
		return res
	}
	stats, code, err := r.stats(uint32(stack[0]))
	if err != nil {
		res.Err = err
		return res
	}
	res.Output, res.Stats, res.ExitCode = r.output, stats, exitCode(code)
	return res
}

func exitCode(code int) int {
	if code < 0 || code > 255 {
		return 255
	}
	return code
}

// view is a window into the program's memory; a window outside of it ends the
// run, as reading there would.
func (r *run) view(ptr, n uint32) []byte {
	b, ok := r.mem.Read(ptr, n)
	if !ok {
		panic(&stop{trap: signal(sigSegv), status: 128 + sigSegv, site: r.call.site()})
	}
	return b
}
