package ast

import (
	"slices"
	"strconv"
	"strings"
)

// typeTokens are the concrete types that a plain string can name.
var typeTokens = [...]string{
	"i32", "u32", "bytes", "bytes_view", "vec_u8", "option_i32", "option_bytes",
	"option_bytes_view", "result_i32", "result_bytes", "result_bytes_view",
	"result_result_bytes", "iface", "ptr_const_u8", "ptr_mut_u8", "ptr_const_void",
	"ptr_mut_void", "ptr_const_i32", "ptr_mut_i32",
}

// IsTypeToken reports whether s names a concrete type.
func IsTypeToken(s string) bool { return slices.Contains(typeTokens[:], s) }

// String is the type as JSON, as it is written in a document.
func (t *TypeRef) String() string {
	if t == nil {
		return `"void"`
	}
	return string(AppendCanonicalType(nil, t))
}

// Token is the concrete type that t denotes, also for the structured forms
// such as ["option","bytes"]; "" for a type variable and for an application
// that has no token.
func (t *TypeRef) Token() string {
	switch {
	case t == nil || t.Var:
		return ""
	case len(t.Args) == 0:
		return t.Name
	case len(t.Args) > 1:
		return ""
	}
	arg := t.Args[0].Token()
	switch {
	case t.Name == "option" && slices.Contains([]string{"i32", "u32", "bytes", "bytes_view"}, arg),
		t.Name == "result" && slices.Contains([]string{"i32", "u32", "bytes", "bytes_view", "result_bytes"}, arg):
		if arg == "u32" {
			arg = "i32"
		}
		return t.Name + "_" + arg
	}
	return ""
}

func brandable(t *TypeRef) bool {
	switch t.Token() {
	case "bytes", "bytes_view", "option_bytes", "option_bytes_view",
		"result_bytes", "result_bytes_view", "result_result_bytes":
		return true
	}
	return false
}

// foreignType reports whether t can cross to foreign code.
func foreignType(t *TypeRef) bool {
	tok := t.Token()
	return tok == "i32" || tok == "u32" || strings.HasPrefix(tok, "ptr_")
}

func (p *parser) typeRef(pos int, ptr string) (*TypeRef, error) {
	switch p.kind(pos) {
	case '"':
		s := p.str(pos)
		if !IsTypeToken(s) {
			last := len(typeTokens) - 1
			return nil, errAt(ptr, "unknown type: %q (expected %s, or %s)", s, strings.Join(typeTokens[:last], ", "), typeTokens[last])
		}
		return &TypeRef{Name: s, Ptr: ptr}, nil
	case '[':
	default:
		return nil, errAt(ptr, "type must be a string or a list")
	}
	var items []int
	_ = scanItems(p.s, pos, func(_, pos int) error {
		items = append(items, pos)
		return nil
	})
	if len(items) == 0 {
		return nil, errAt(ptr, "type expression list must not be empty")
	}
	if p.kind(items[0]) != '"' {
		return nil, errAt(ptr+"/0", "type expression head must be a string")
	}
	t := &TypeRef{Name: p.str(items[0]), Ptr: ptr}
	if t.Name == "t" {
		if len(items) != 2 {
			return nil, errAt(ptr, `type var expression must be ["t", <name>]`)
		}
		if p.kind(items[1]) != '"' {
			return nil, errAt(ptr+"/1", "type var name must be a string")
		}
		t.Name, t.Var = p.str(items[1]), true
		return t, checked(ptr+"/1", CheckLocalName(t.Name))
	}
	if err := checked(ptr+"/0", CheckTypeName(t.Name)); err != nil {
		return nil, err
	}
	if len(items) < 2 {
		return nil, errAt(ptr, "type application must have at least 1 argument")
	}
	for i, pos := range items[1:] {
		arg, err := p.typeRef(pos, ptr+"/"+strconv.Itoa(i+1))
		if err != nil {
			return nil, err
		}
		t.Args = append(t.Args, arg)
	}
	return t, nil
}
