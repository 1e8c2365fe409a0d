package check

import (
	"fmt"
	"strings"

	"x07/internal/ast"
	"x07/internal/mono"
)

// reach finds the functions reachable from the entry through call heads and
// validators, and resolves the heads of c to them. It counts syntax nodes.
func (c *checker) reach() {
	seen := make(map[*mono.Func]*Func)
	var queue []*mono.Func
	add := func(m *mono.Func) *Func {
		if f := seen[m]; f != nil {
			return f
		}
		f := &Func{Name: m.Name, Module: m.Module.ID, decl: &declInfo{fn: m}}
		seen[m] = f
		queue = append(queue, m)
		c.out.Funcs = append(c.out.Funcs, f)
		return f
	}
	c.out.Solve = add(c.mono.Solve)
	for len(queue) > 0 {
		m := queue[0]
		queue = queue[1:]
		f := seen[m]
		switch m.Decl.Kind {
		case ast.Extern:
			c.refuseExtern(f)
		case ast.Defasync:
			c.failFn(f, kindUnsupported, m.Decl.Ptr,
				"defasync %q: asynchronous functions are not in this release yet; write it as a defn", f.Name)
		}
		before := c.total
		eachRoot(m.Decl, func(e *ast.Expr) {
			c.reachExpr(f, e, func(name string) {
				callee := c.mono.ByName[name]
				if callee == nil {
					return
				}
				h := c.heads[name]
				if h == nil {
					c.heads[name] = &head{form: formFunc, fn: add(callee), mono: callee}
				} else if h.form != formFunc {
					return
				}
				f.decl.calls = append(f.decl.calls, callee)
			})
			if e == m.Decl.Body {
				// Bodies come first.
				c.out.Nodes += c.total - before
			}
		})
	}
	sortFuncs(c.out.Funcs)
}

// eachRoot calls visit for the body, contract expressions and witnesses of d.
func eachRoot(d *ast.Decl, visit func(*ast.Expr)) {
	if d.Body != nil {
		visit(d.Body)
	}
	for _, clauses := range [][]ast.Clause{d.Requires, d.Ensures, d.Invariant} {
		for i := range clauses {
			visit(clauses[i].Expr)
			for _, w := range clauses[i].Witness {
				visit(w)
			}
		}
	}
}

// reachExpr reports every head and validator in e; nesting is bounded by the
// parser, which admits 127 levels.
func (c *checker) reachExpr(f *Func, e *ast.Expr, call func(name string)) {
	c.total++
	if e.Kind != ast.List {
		return
	}
	if h := e.Head(); h != "" {
		call(h)
		if casts[h] && len(e.Items) > 2 && e.Items[2].Kind == ast.Atom {
			call(e.Items[2].Text)
		}
	}
	for _, item := range e.Items {
		c.reachExpr(f, item, call)
	}
}

// casts are the heads whose second argument names a validator.
var casts = map[string]bool{
	"std.brand.cast_bytes_v1":     true,
	"std.brand.cast_view_v1":      true,
	"std.brand.cast_view_copy_v1": true,
}

// refuseExtern ends a program that reaches a foreign function.
func (c *checker) refuseExtern(f *Func) {
	if !c.caps.ffi {
		c.failFn(f, kindUnsupported, f.decl.fn.Decl.Ptr, "extern decl %q requires ffi capability; %s", f.Name, c.caps.ffiHint)
	}
	hint := "programs run as WebAssembly and cannot call C; write it in x07"
	if m := nativeModule(f.Name); m != "" {
		hint = "programs run as WebAssembly and cannot call C; use the built-in module " + m
	}
	c.failFn(f, kindUnsupported, f.decl.fn.Decl.Ptr, "extern %q is not supported: %s", f.Name, hint)
}

// visibility refuses calls into modules that are not imported or functions
// that are not exported, and internal heads outside the library.
func (c *checker) visibility() {
	for _, f := range c.out.Funcs {
		from := f.decl.fn.Module
		body := f.decl.fn.Decl.Body
		if home := moduleOf(f.Name); f != c.out.Solve && c.mono.Modules[home] == nil {
			c.failFn(f, kindTyping, f.decl.fn.Decl.Ptr, "function %q belongs to unknown module %q", f.Name, home)
		}
		c.visible(f, from, body)
	}
	for _, f := range c.out.Funcs {
		if f.decl.fn.Module.Builtin {
			continue
		}
		eachRoot(f.decl.fn.Decl, func(e *ast.Expr) {
			if at := internalHead(e); at != nil {
				c.failInternalHead(fmt.Sprintf("%q", f.Name), f.Module, at)
			}
		})
	}
}

// moduleOf is everything before the last dot of a function's name.
func moduleOf(name string) string {
	return name[:max(0, strings.LastIndexByte(name, '.'))]
}

func (c *checker) visible(f *Func, from *mono.Module, e *ast.Expr) {
	if e.Kind != ast.List {
		return
	}
	if h := c.heads[e.Head()]; h != nil && h.form == formFunc && h.mono.Module != from {
		to := h.mono.Module
		if !from.Imports[to.ID] {
			c.failFn(f, kindTyping, e.Ptr(), "call to %q requires (import %s) in module %q", h.mono.Name, to.ID, from.ID)
		}
		if !h.mono.Exported {
			c.failFn(f, kindTyping, e.Ptr(), "function %q is not exported by module %q", h.mono.Name, to.ID)
		}
	}
	for _, item := range e.Items {
		c.visible(f, from, item)
	}
}
