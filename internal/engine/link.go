package engine

import (
	"context"
	"fmt"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
)

// builtins are the functions of module "x07", which every run provides. The
// number of words is checked by wazero when the module is linked.
func (r *run) builtins() map[string]builtin {
	i, l := api.ValueTypeI32, api.ValueTypeI64
	return map[string]builtin{
		"trap":          {[]api.ValueType{i}, nil, r.trap},
		"refill":        {[]api.ValueType{i, i}, []api.ValueType{i}, r.refill},
		"output":        {[]api.ValueType{i, i}, nil, r.takeOutput},
		"take":          {[]api.ValueType{i}, nil, r.take},
		"read":          {[]api.ValueType{i, i, i, i}, []api.ValueType{i}, r.read},
		"tick":          {[]api.ValueType{i}, nil, r.tick},
		"contract_fail": {[]api.ValueType{i, i}, nil, r.contractFail},
		"budget_enter":  {[]api.ValueType{i, i, l}, []api.ValueType{i}, r.budgetEnter},
		"budget_exit":   {[]api.ValueType{i, l}, []api.ValueType{i}, r.budgetExit},
	}
}

type builtin struct {
	params, results []api.ValueType
	fn              func(stack []uint64)
}

// link provides exactly the functions that the module imports.
func (r *run) link(ctx context.Context, m wazero.CompiledModule) error {
	own := r.builtins()
	builders := map[string]wazero.HostModuleBuilder{}
	builder := func(name string) wazero.HostModuleBuilder {
		b := builders[name]
		if b == nil {
			b = r.rt.NewHostModuleBuilder(name)
			builders[name] = b
		}
		return b
	}
	for _, d := range m.ImportedFunctions() {
		module, name, _ := d.Import()
		switch module {
		case "x07":
			b, ok := own[name]
			if !ok {
				return fmt.Errorf("module imports unknown engine function %q", name)
			}
			fn := b.fn
			builder(module).NewFunctionBuilder().
				WithGoFunction(api.GoFunc(func(_ context.Context, stack []uint64) { fn(stack) }), b.params, b.results).
				Export(name)
		case "host":
			h := r.cfg.Host[name]
			if h == nil {
				return fmt.Errorf("the program calls %q, which this world does not provide", name)
			}
			results := len(d.ResultTypes())
			params := len(d.ParamTypes())
			if results > 2 || params < 1 {
				return fmt.Errorf("module imports %q with an unknown type", name)
			}
			builder(module).NewFunctionBuilder().
				WithGoFunction(api.GoFunc(func(_ context.Context, stack []uint64) {
					r.host(h, stack[:params], stack[:results])
				}), d.ParamTypes(), d.ResultTypes()).
				Export(name)
		default:
			return fmt.Errorf("module imports from unknown module %q", module)
		}
	}
	for _, b := range builders {
		if _, err := b.Instantiate(ctx); err != nil {
			return err
		}
	}
	return nil
}

// host calls a host function.
func (r *run) host(h HostFunc, args, results []uint64) {
	c := &r.call
	c.words, c.arg, c.status, c.pending = args, 0, [2]uint32{}, nil
	h(c)
	if c.Ctx.Err() != nil {
		// Whatever it waited for, the run is over.
		r.checkLimits(c.site())
	}
	for i := range results {
		results[i] = uint64(c.status[i])
	}
}

// ReadHead is the host function behind readers that are not in memory. It takes
// the two words of an iface and the largest number of bytes wanted, and returns
// some bytes, empty at the end, or none when nothing has this vtable.
const ReadHead = "__internal.io.read_v1"

// read: (data, vtable, max, site of a vtable that nobody registered) -> length
// of the bytes that take copies.
func (r *run) read(stack []uint64) {
	site := int(uint32(stack[3]))
	h := r.cfg.Host[ReadHead]
	if h == nil {
		panic(&stop{site: site})
	}
	limit := uint32(stack[2])
	var result [2]uint64
	r.host(h, []uint64{stack[0], stack[1], stack[2], stack[3]}, result[:])
	if result[0] == 0 {
		panic(&stop{site: site})
	}
	if uint32(result[1]) > limit {
		panic(&stop{trap: "ext io reader returned too many bytes", site: site})
	}
	stack[0] = result[1]
}

func (r *run) trap(stack []uint64) { panic(&stop{site: int(uint32(stack[0]))}) }

func (r *run) takeOutput(stack []uint64) {
	limit := r.cfg.MaxOutputBytes
	if limit == 0 {
		limit = DefaultOutputBytes
	}
	n := uint32(stack[1])
	if uint64(n) > limit {
		panic(&stop{trap: fmt.Sprintf("native output too large: %d > max_output_bytes=%d", n, limit), site: -1})
	}
	r.output = make([]byte, n)
	if b, ok := r.mem.Read(uint32(stack[0]), n); ok {
		copy(r.output, b)
	} else if n > 0 {
		panic(&stop{err: fmt.Errorf("program returned bytes outside of its memory")})
	}
}

// take copies the bytes that the last host function returned into memory that
// the program allocated for them.
func (r *run) take(stack []uint64) {
	b := r.call.pending
	r.call.pending = nil
	if !r.mem.Write(uint32(stack[0]), b) {
		panic(&stop{err: fmt.Errorf("program asked for host bytes outside of its memory")})
	}
}
