// Package ast is x07AST: the JSON documents that X07 programs are. Bytes come
// in, checked trees with JSON-pointer positions go out, and trees go back to
// bytes in the one canonical form. It also applies JSON Patches. It never
// looks at more than one document and gives no meaning to names.
package ast

import "strconv"

// File is one parsed document, an entry program or a module.
type File struct {
	SchemaVersion string
	Kind          string // "entry" or "module"
	ModuleID      string
	Imports       []string // sorted by bytes, without duplicates
	Exports       []string // sorted by bytes, without duplicates
	// Decls holds defn, defasync and extern declarations in source order.
	Decls []*Decl
	// Solve is nil when the document has none.
	Solve *Expr
	// Meta is the document's "meta" object (decoded with json.Number), nil if absent.
	Meta map[string]any
}

// DeclKind tells the three kinds of function declarations apart.
type DeclKind uint8

const (
	Defn DeclKind = iota
	Defasync
	Extern
)

// Decl is one function declaration.
type Decl struct {
	Kind        DeclKind
	Ptr         string // pointer of the declaration, such as /decls/3
	Name        string
	TypeParams  []TypeParam
	Params      []Param
	Result      *TypeRef // nil for an extern that returns void
	ResultBrand string   // "" when absent
	Requires    []Clause
	Ensures     []Clause
	Invariant   []Clause
	Body        *Expr  // nil for extern
	LinkName    string // extern only
	// HasContracts reports that a contract field is present, even if empty.
	HasContracts bool
}

// TypeParam is one type parameter of a generic function.
type TypeParam struct {
	Name  string
	Bound string // "" when absent
}

// Param is one parameter. Brand is "" when absent.
type Param struct {
	Name  string
	Type  *TypeRef
	Brand string
}

// Clause is one contract clause.
type Clause struct {
	ID      string // "" when absent
	Expr    *Expr
	Witness []*Expr
}

// TypeRef is a type as written: a token (Name set, Args empty, Var false), a
// type variable (Var true, Name its name), or an application Name of Args.
type TypeRef struct {
	Name string
	Var  bool
	Args []*TypeRef
	Ptr  string
}

// ExprKind tells the forms of an expression apart.
type ExprKind uint8

const (
	Int  ExprKind = iota // integer literal: Int
	Atom                 // identifier: Text
	List                 // application: Items, Items[0] is the head, an Atom
	Text                 // the text of bytes.lit: Text
)

// Expr is one expression node. Trees are shared by reference and must not be
// changed once built; passes build new ones. A node's pointer is derived from
// its parent chain, so that millions of nodes need no strings.
type Expr struct {
	Kind  ExprKind
	Int   int32
	Text  string
	Items []*Expr

	// Root is the pointer of a root expression, such as /solve; used when Parent is nil.
	Root   string
	Parent *Expr
	Index  int32 // position in Parent.Items
}

// Head is the head of a list, "" for anything else.
func (e *Expr) Head() string {
	if e.Kind == List && len(e.Items) > 0 && e.Items[0].Kind == Atom {
		return e.Items[0].Text
	}
	return ""
}

// Args are the items of a list after its head.
func (e *Expr) Args() []*Expr {
	if e.Kind != List || len(e.Items) == 0 {
		return nil
	}
	return e.Items[1:]
}

// Ptr is the RFC 6901 pointer of e in its document.
func (e *Expr) Ptr() string {
	var steps []int32
	for e.Parent != nil {
		steps = append(steps, e.Index)
		e = e.Parent
	}
	b := []byte(e.Root)
	for i := len(steps) - 1; i >= 0; i-- {
		b = append(b, '/')
		b = strconv.AppendInt(b, int64(steps[i]), 10)
	}
	return string(b)
}
