package types

import "sync"

// Builtins lists every head of the language that the compiler itself resolves,
// subject by subject, in the order of the reference. The order means nothing
// to the compiler. Callers must not change what they get.
func Builtins() []*Builtin { return tables().all }

// Lookup finds a builtin by its exact head, nil when there is none.
func Lookup(name string) *Builtin { return tables().byName[name] }

type index struct {
	all    []*Builtin
	byName map[string]*Builtin
}

// tables joins the declared tables at the first look-up, so that a command
// which compiles nothing does not pay for it.
var tables = sync.OnceValue(func() index {
	var ix index
	groups := [...][]Builtin{
		builtinsScalar, builtinsBytes, builtinsView, builtinsVec,
		builtinsOption, builtinsBrand,
		builtinsMap, builtinsVecValue, builtinsMapValue,
		builtinsReader, builtinsWorld,
		builtinsMath, builtinsText, builtinsPointer, builtinsInternal,
		builtinsOS, builtinsNet,
	}
	n := 0
	for _, g := range groups {
		n += len(g)
	}
	ix.all = make([]*Builtin, 0, n)
	ix.byName = make(map[string]*Builtin, n)
	for _, g := range groups {
		for i := range g {
			ix.all = append(ix.all, &g[i])
			ix.byName[g[i].Name] = &g[i]
		}
	}
	return ix
})
