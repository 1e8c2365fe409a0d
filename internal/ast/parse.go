package ast

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// The schema versions that Parse accepts, oldest first.
const (
	Schema030 = "x07.x07ast@0.3.0"
	Schema040 = "x07.x07ast@0.4.0"
	Schema050 = "x07.x07ast@0.5.0"
)

// SupportedSchemas is the list of accepted versions as messages show it.
const SupportedSchemas = Schema030 + ", " + Schema040 + ", " + Schema050

// maxTypeParams is how many type parameters one function may declare.
const maxTypeParams = 1024

// ParseError says what is wrong with a document, and where.
type ParseError struct {
	Message string
	Ptr     string // RFC 6901 pointer; empty for the root and for JSON syntax
}

func (e *ParseError) Error() string { return e.Message + " at " + e.Ptr }

func errAt(ptr, format string, args ...any) error {
	return &ParseError{Message: fmt.Sprintf(format, args...), Ptr: ptr}
}

// Parse reads one document. Every error is a *ParseError. The tree shares
// nothing with src.
func Parse(src []byte) (*File, error) {
	if len(src) > MaxDocumentBytes {
		return nil, errAt("", "document is too long: %d bytes (at most %d are accepted)", len(src), MaxDocumentBytes)
	}
	if !utf8.Valid(src) {
		return nil, errAt("", "document is not valid UTF-8")
	}
	s := string(src)
	if !strings.HasPrefix(strings.TrimSpace(s), "{") {
		return nil, errAt("", "x07ast root must be an object")
	}
	if err := checkJSON(s); err != nil {
		return nil, errAt("", "%s", err.at(s))
	}
	p := &parser{s: s}
	return p.file()
}

// parser builds the tree out of text that is known to be JSON. Its methods
// take the position of a value and the pointer that names it.
type parser struct {
	s       string
	version string
	prefix  string // module id and a dot
	names   map[string]bool
	exprs   []Expr  // slab that nodes are cut from
	links   []*Expr // slab that item lists are cut from
	stack   []*Expr // items of the lists being read
}

func (p *parser) kind(pos int) byte { return p.s[pos] }

func (p *parser) str(pos int) string {
	text, _ := decodeString(p.s, pos)
	return text
}

// required finds a field that must be there; owner is the parent's pointer.
func required(fields []field, key, owner, suffix string) (int, error) {
	pos := lookup(fields, key)
	if pos < 0 {
		return 0, errAt(owner, "missing required field: %s%s", key, suffix)
	}
	return pos, nil
}

func (p *parser) requiredString(fields []field, key, owner string) (string, error) {
	pos, err := required(fields, key, owner, "")
	if err != nil {
		return "", err
	}
	if p.kind(pos) != '"' {
		return "", errAt(owner+"/"+key, "%s must be a string", key)
	}
	return p.str(pos), nil
}

// optionalString is "" and false for an absent field.
func (p *parser) optionalString(fields []field, key, owner string) (string, bool, error) {
	pos := lookup(fields, key)
	if pos < 0 {
		return "", false, nil
	}
	if p.kind(pos) != '"' {
		return "", false, errAt(owner+"/"+key, "%s must be a string", key)
	}
	return p.str(pos), true, nil
}

func checked(ptr string, err error) error {
	if err != nil {
		return &ParseError{Message: err.Error(), Ptr: ptr}
	}
	return nil
}

func (p *parser) file() (*File, error) {
	fields := scanFields(p.s, skipSpace(p.s, 0), nil)
	f := &File{}
	var err error
	if f.SchemaVersion, err = p.requiredString(fields, "schema_version", ""); err != nil {
		return nil, err
	}
	switch f.SchemaVersion {
	case Schema030, Schema040, Schema050:
		p.version = f.SchemaVersion
	default:
		return nil, errAt("/schema_version", "unsupported schema_version: got %q (supported: %s) (hint: if this comes from a dependency package, upgrade to a newer package version)", f.SchemaVersion, SupportedSchemas)
	}
	kind, err := p.requiredString(fields, "kind", "")
	if err != nil {
		return nil, err
	}
	f.Kind = strings.TrimSpace(kind)
	if f.Kind != "entry" && f.Kind != "module" {
		return nil, errAt("/kind", "invalid kind: expected \"entry\" or \"module\" got %q", f.Kind)
	}
	if f.ModuleID, err = p.requiredString(fields, "module_id", ""); err != nil {
		return nil, err
	}
	if err := checked("/module_id", CheckSymbol(f.ModuleID)); err != nil {
		return nil, err
	}
	p.prefix = f.ModuleID + "."
	pos, err := required(fields, "imports", "", "")
	if err != nil {
		return nil, err
	}
	if f.Imports, err = p.symbols(pos, "imports", "/imports"); err != nil {
		return nil, err
	}
	if pos, err = required(fields, "decls", "", ""); err != nil {
		return nil, err
	}
	if err := p.decls(pos, f); err != nil {
		return nil, err
	}
	if pos = lookup(fields, "solve"); pos >= 0 {
		if f.Solve, err = p.root(pos, "/solve"); err != nil {
			return nil, err
		}
	}
	if pos = lookup(fields, "meta"); pos >= 0 && p.kind(pos) == '{' {
		v, _ := decodeValue(p.s, pos)
		f.Meta, _ = v.(map[string]any)
	}
	return f, nil
}

// symbols reads an array of symbols as a sorted set.
func (p *parser) symbols(pos int, name, ptr string) ([]string, error) {
	if p.kind(pos) != '[' {
		return nil, errAt(ptr, "%s must be an array", name)
	}
	var out []string
	err := scanItems(p.s, pos, func(n, pos int) error {
		at := ptr + "/" + strconv.Itoa(n)
		if p.kind(pos) != '"' {
			return errAt(at, "%s[%d] must be a string", name, n)
		}
		s := p.str(pos)
		out = append(out, s)
		return checked(at, CheckSymbol(s))
	})
	slices.Sort(out)
	return slices.Compact(out), err
}

func (p *parser) decls(pos int, f *File) error {
	if p.kind(pos) != '[' {
		return errAt("/decls", "decls must be an array")
	}
	p.names = map[string]bool{}
	var fields []field
	return scanItems(p.s, pos, func(n, pos int) error {
		ptr := "/decls/" + strconv.Itoa(n)
		if p.kind(pos) != '{' {
			return errAt(ptr, "decls[%d] must be an object", n)
		}
		fields = scanFields(p.s, pos, fields[:0])
		kind, err := p.requiredString(fields, "kind", ptr)
		if err != nil {
			return err
		}
		d := &Decl{Ptr: ptr}
		switch kind = strings.TrimSpace(kind); kind {
		case "export":
			if len(f.Exports) > 0 {
				return errAt(ptr+"/kind", "duplicate export decl")
			}
			pos, err := required(fields, "names", ptr, "")
			if err != nil {
				return err
			}
			f.Exports, err = p.symbols(pos, "names", ptr+"/names")
			return err
		case "defn":
			d.Kind = Defn
		case "defasync":
			d.Kind = Defasync
		case "extern":
			d.Kind = Extern
		default:
			return errAt(ptr+"/kind", "unsupported decl kind: %q", kind)
		}
		f.Decls = append(f.Decls, d)
		return p.decl(d, kind, fields)
	})
}

func (p *parser) decl(d *Decl, kind string, fields []field) error {
	var err error
	if d.Name, err = p.requiredString(fields, "name", d.Ptr); err != nil {
		return err
	}
	if err := checked(d.Ptr+"/name", CheckSymbol(d.Name)); err != nil {
		return err
	}
	if !strings.HasPrefix(d.Name, p.prefix) {
		return errAt(d.Ptr+"/name", "%s name must start with %q, got %q", kind, p.prefix, d.Name)
	}
	if p.names[d.Name] {
		return errAt(d.Ptr+"/name", "duplicate function name: %q", d.Name)
	}
	p.names[d.Name] = true
	if d.Kind == Extern {
		return p.extern(d, fields)
	}
	if err := p.typeParams(d, fields); err != nil {
		return err
	}
	for _, c := range [...]struct {
		name string
		to   *[]Clause
	}{{"requires", &d.Requires}, {"ensures", &d.Ensures}, {"invariant", &d.Invariant}} {
		if *c.to, err = p.clauses(d, fields, c.name); err != nil {
			return err
		}
	}
	if err := p.params(d, kind, fields); err != nil {
		return err
	}
	pos, err := required(fields, "result", d.Ptr, " in "+kind)
	if err != nil {
		return err
	}
	if d.Result, err = p.typeRef(pos, d.Ptr+"/result"); err != nil {
		return err
	}
	brand, has, err := p.optionalString(fields, "result_brand", d.Ptr)
	if err != nil {
		return err
	}
	if has {
		if err := checked(d.Ptr+"/result_brand", CheckSymbol(brand)); err != nil {
			return err
		}
		if !brandable(d.Result) {
			return errAt(d.Ptr+"/result", "E_BRAND_BAD_TY: result_brand is not allowed on result type %s", d.Result)
		}
		d.ResultBrand = brand
	}
	if pos, err = required(fields, "body", d.Ptr, " in "+kind); err != nil {
		return err
	}
	d.Body, err = p.root(pos, d.Ptr+"/body")
	return err
}

func (p *parser) extern(d *Decl, fields []field) error {
	abi, err := p.requiredString(fields, "abi", d.Ptr)
	if err != nil {
		return err
	}
	if abi = strings.TrimSpace(abi); abi != "C" {
		return errAt(d.Ptr+"/abi", "unsupported extern abi: expected \"C\" got %q", abi)
	}
	link, has, err := p.optionalString(fields, "link_name", d.Ptr)
	if err != nil {
		return err
	}
	if !has {
		link = d.Name[strings.LastIndexByte(d.Name, '.')+1:]
	}
	if err := checked(d.Ptr+"/link_name", CheckLocalName(link)); err != nil {
		return err
	}
	d.LinkName = link
	if err := p.params(d, "extern", fields); err != nil {
		return err
	}
	for i, param := range d.Params {
		if !foreignType(param.Type) {
			return errAt(d.Ptr+"/params/"+strconv.Itoa(i)+"/ty", "extern param has unsupported type (only i32 and raw pointers are supported)")
		}
	}
	pos, err := required(fields, "result", d.Ptr, " in extern")
	if err != nil {
		return err
	}
	if p.kind(pos) == '"' && strings.TrimSpace(p.str(pos)) == "void" {
		return nil
	}
	if d.Result, err = p.typeRef(pos, d.Ptr+"/result"); err != nil {
		return err
	}
	if !foreignType(d.Result) {
		return errAt(d.Ptr+"/result", "extern result has unsupported type (only i32 and raw pointers are supported)")
	}
	return nil
}

func (p *parser) typeParams(d *Decl, fields []field) error {
	pos := lookup(fields, "type_params")
	if pos < 0 {
		return nil
	}
	ptr := d.Ptr + "/type_params"
	if p.kind(pos) != '[' {
		return errAt(ptr, "type_params must be an array")
	}
	return scanItems(p.s, pos, func(n, pos int) error {
		at := ptr + "/" + strconv.Itoa(n)
		if p.kind(pos) != '{' {
			return errAt(at, "type_params item must be an object")
		}
		if n >= maxTypeParams {
			return errAt(ptr, "type_params has too many items (at most %d are accepted)", maxTypeParams)
		}
		fields := scanFields(p.s, pos, nil)
		var tp TypeParam
		var err error
		if tp.Name, err = p.requiredString(fields, "name", at); err != nil {
			return err
		}
		if err := checked(at+"/name", CheckLocalName(tp.Name)); err != nil {
			return err
		}
		if slices.ContainsFunc(d.TypeParams, func(o TypeParam) bool { return o.Name == tp.Name }) {
			return errAt(at+"/name", "duplicate type param name: %q", tp.Name)
		}
		bound, has, err := p.optionalString(fields, "bound", at)
		if err != nil {
			return err
		}
		if has {
			if err := checked(at+"/bound", CheckTypeName(bound)); err != nil {
				return err
			}
		}
		tp.Bound = bound
		d.TypeParams = append(d.TypeParams, tp)
		return nil
	})
}

func (p *parser) clauses(d *Decl, fields []field, name string) ([]Clause, error) {
	pos := lookup(fields, name)
	if pos < 0 {
		return nil, nil
	}
	ptr := d.Ptr + "/" + name
	if p.version != Schema050 {
		return nil, errAt(ptr, "%s is only supported in %s", name, Schema050)
	}
	if p.kind(pos) != '[' {
		return nil, errAt(ptr, "%s must be an array", name)
	}
	d.HasContracts = true
	var out []Clause
	err := scanItems(p.s, pos, func(n, pos int) error {
		at := ptr + "/" + strconv.Itoa(n)
		if p.kind(pos) != '{' {
			return errAt(at, "%s clause must be an object", name)
		}
		fields := scanFields(p.s, pos, nil)
		var c Clause
		pos, err := required(fields, "expr", at, "")
		if err != nil {
			return err
		}
		if c.Expr, err = p.root(pos, at+"/expr"); err != nil {
			return err
		}
		if c.ID, _, err = p.optionalString(fields, "id", at); err != nil {
			return err
		}
		if pos = lookup(fields, "witness"); pos >= 0 {
			if p.kind(pos) != '[' {
				return errAt(at+"/witness", "witness must be an array")
			}
			err = scanItems(p.s, pos, func(n, pos int) error {
				e, err := p.root(pos, at+"/witness/"+strconv.Itoa(n))
				c.Witness = append(c.Witness, e)
				return err
			})
		}
		out = append(out, c)
		return err
	})
	return out, err
}

func (p *parser) params(d *Decl, kind string, fields []field) error {
	pos, err := required(fields, "params", d.Ptr, " in "+kind)
	if err != nil {
		return err
	}
	ptr := d.Ptr + "/params"
	if p.kind(pos) != '[' {
		return errAt(ptr, "%s.params must be an array", kind)
	}
	return scanItems(p.s, pos, func(n, pos int) error {
		at := ptr + "/" + strconv.Itoa(n)
		if p.kind(pos) != '{' {
			return errAt(at, "%s.params[%d] must be an object", kind, n)
		}
		fields := scanFields(p.s, pos, nil)
		var param Param
		var err error
		if param.Name, err = p.requiredString(fields, "name", at); err != nil {
			return err
		}
		if err := checked(at+"/name", CheckLocalName(param.Name)); err != nil {
			return err
		}
		if strings.TrimSpace(param.Name) == "input" {
			return errAt(at+"/name", "%s arg name must not be 'input' (reserved); rename to 'data', 'payload', 'in_bytes', or 'buf'", kind)
		}
		pos, err = required(fields, "ty", at, "")
		if err != nil {
			return err
		}
		if param.Type, err = p.typeRef(pos, at+"/ty"); err != nil {
			return err
		}
		brand, has, err := p.optionalString(fields, "brand", at)
		if err != nil {
			return err
		}
		if has {
			if err := checked(at+"/brand", CheckSymbol(brand)); err != nil {
				return err
			}
			if !brandable(param.Type) {
				return errAt(at+"/ty", "E_BRAND_BAD_TY: brand is not allowed on param type %s", param.Type)
			}
			param.Brand = brand
		}
		d.Params = append(d.Params, param)
		return nil
	})
}
