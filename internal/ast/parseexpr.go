package ast

import "strconv"

const slabSize = 512

func (p *parser) node() *Expr {
	if len(p.exprs) == 0 {
		p.exprs = make([]Expr, slabSize)
	}
	e := &p.exprs[0]
	p.exprs = p.exprs[1:]
	return e
}

// cut copies items into a slab. The result has no spare capacity, so that an
// append by a later pass cannot reach a neighbour.
func (p *parser) cut(items []*Expr) []*Expr {
	n := len(items)
	if n > len(p.links) {
		p.links = make([]*Expr, max(n, slabSize))
	}
	out := p.links[:n:n]
	p.links = p.links[n:]
	copy(out, items)
	return out
}

// root reads the expression at pos, which the document calls ptr.
func (p *parser) root(pos int, ptr string) (*Expr, error) {
	e := p.node()
	e.Root = ptr
	p.stack = p.stack[:0]
	_, err := p.expr(e, pos)
	return e, err
}

// expr fills in e from the value at pos and returns the index after it.
func (p *parser) expr(e *Expr, pos int) (int, error) {
	switch p.s[pos] {
	case '"':
		e.Kind = Atom
		e.Text, pos = decodeString(p.s, pos)
		if hasSpace(e.Text) {
			return pos, errAt(e.Ptr(), "atom must not contain whitespace")
		}
		return pos, nil
	case '[':
		return p.list(e, pos)
	case '{', 't', 'f', 'n':
		v, _ := decodeValue(p.s, pos)
		return pos, errAt(e.Ptr(), "unsupported JSON value in expr: %s", shorten(AppendCanonicalJSON(nil, v)))
	}
	end := skipValue(p.s, pos)
	text := p.s[pos:end]
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || text == "-0" {
		return pos, errAt(e.Ptr(), "number is not an i64: %s", canonicalNumber(text))
	}
	if int64(int32(n)) != n {
		return pos, errAt(e.Ptr(), "number out of i32 range: %d", n)
	}
	e.Kind, e.Int = Int, int32(n)
	return end, nil
}

func (p *parser) list(e *Expr, pos int) (int, error) {
	e.Kind = List
	pos = skipSpace(p.s, pos+1)
	if p.s[pos] == ']' {
		return pos, errAt(e.Ptr(), "list expression must not be empty")
	}
	base := len(p.stack)
	literal := false
	for n := int32(0); ; n++ {
		item := p.node()
		item.Parent, item.Index = e, n
		p.stack = append(p.stack, item)
		switch {
		case n == 0:
			if p.s[pos] != '"' {
				return pos, errAt(item.Ptr(), "list head must be an atom string")
			}
			item.Kind = Atom
			item.Text, pos = decodeString(p.s, pos)
			if hasSpace(item.Text) {
				return pos, errAt(item.Ptr(), "list head must not contain whitespace")
			}
			literal = item.Text == "bytes.lit"
		case n == 1 && literal && p.s[pos] == '"':
			item.Kind = Text
			item.Text, pos = decodeString(p.s, pos)
		default:
			var err error
			if pos, err = p.expr(item, pos); err != nil {
				return pos, err
			}
		}
		pos = skipSpace(p.s, pos)
		if p.s[pos] == ']' {
			e.Items = p.cut(p.stack[base:])
			p.stack = p.stack[:base]
			return pos + 1, nil
		}
		pos = skipSpace(p.s, pos+1)
	}
}
