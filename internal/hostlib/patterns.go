package hostlib

import (
	"encoding/binary"
	"hash/fnv"

	"x07/internal/engine"
	"x07/internal/hostlib/regex"
)

// maxPatterns bounds the compiled patterns that one run may hold.
const maxPatterns = 10_000

// patterns is the table behind compiled pattern documents; the handle in a
// document is an index into it plus one.
type patterns struct {
	list []*regex.Regexp
}

const docLen = 18

// doc is the compiled document: 1, "X7RG", 1, handle, opts, FNV-1a of the pattern.
func doc(handle, opts uint32, pattern []byte) []byte {
	h := fnv.New32a()
	h.Write(pattern)
	b := append(make([]byte, 0, docLen), 1, 'X', '7', 'R', 'G', 1)
	b = binary.LittleEndian.AppendUint32(b, handle)
	b = binary.LittleEndian.AppendUint32(b, opts)
	return binary.LittleEndian.AppendUint32(b, h.Sum32())
}

func errorDoc(code, pos uint32) []byte {
	b := binary.LittleEndian.AppendUint32([]byte{0}, code)
	return binary.LittleEndian.AppendUint32(b, pos)
}

func (p *patterns) bind(t engine.HostTable) {
	t["regex.compile_opts_v1"] = func(c *engine.Call) {
		pattern := c.Bytes()
		c.RetBytes(p.compile(pattern, c.I32()))
	}
	t["regex.exec_from_v1"] = func(c *engine.Call) {
		p.exec(c, func(r *regex.Regexp, text []byte) []byte {
			s, e, ok := find(r, text, int32(c.I32()))
			return matchDoc(s, e, ok)
		})
	}
	t["regex.exec_caps_from_v1"] = func(c *engine.Call) {
		p.exec(c, func(r *regex.Regexp, text []byte) []byte {
			s, e, ok := find(r, text, int32(c.I32()))
			return capturesDoc(r, text, s, e, ok)
		})
	}
	t["regex.find_all_x7sl_v1"] = func(c *engine.Call) {
		p.exec(c, func(r *regex.Regexp, text []byte) []byte {
			var s slices
			each(r, text, int32(c.I32()), func(from, to int) { s.add(from, to) })
			return s.doc()
		})
	}
	t["regex.split_v1"] = func(c *engine.Call) {
		p.exec(c, func(r *regex.Regexp, text []byte) []byte {
			limit := int32(c.I32())
			if limit > 0 {
				limit-- // that many segments need one separator less
				if limit == 0 {
					limit = -1
				}
			}
			var s slices
			last := 0
			if limit >= 0 {
				each(r, text, limit, func(from, to int) {
					s.add(last, from)
					last = to
				})
			}
			s.add(last, len(text))
			return s.doc()
		})
	}
	t["regex.replace_all_v1"] = func(c *engine.Call) {
		p.exec(c, func(r *regex.Regexp, text []byte) []byte {
			repl := c.Bytes()
			var out []byte
			last := 0
			each(r, text, int32(c.I32()), func(from, to int) {
				out = append(append(out, text[last:from]...), repl...)
				last = to
			})
			return append(out, text[last:]...)
		})
	}
}

func (p *patterns) compile(pattern []byte, opts uint32) []byte {
	if len(p.list) >= maxPatterns {
		return errorDoc(regex.CodeTooBig, 0)
	}
	r, err := regex.Compile(pattern, opts)
	if err != nil {
		e := err.(*regex.Error)
		return errorDoc(e.Code, e.Pos)
	}
	p.list = append(p.list, r)
	return doc(uint32(len(p.list)), opts, pattern)
}

// exec reads the compiled document and the text, and returns what f makes of
// them; an error document is passed on, anything else that is not a compiled
// document of this run is code 10.
func (p *patterns) exec(c *engine.Call, f func(r *regex.Regexp, text []byte) []byte) {
	d, text := c.Bytes(), c.Bytes()
	if len(d) > 0 && d[0] == 0 {
		c.RetBytes(append([]byte(nil), d...))
		return
	}
	r := p.lookup(d)
	if r == nil {
		c.RetBytes(errorDoc(regex.CodeBadDoc, 0))
		return
	}
	c.RetBytes(f(r, text))
}

func (p *patterns) lookup(d []byte) *regex.Regexp {
	if len(d) != docLen || string(d[:6]) != "\x01X7RG\x01" {
		return nil
	}
	h := binary.LittleEndian.Uint32(d[6:])
	if h == 0 || int(h) > len(p.list) {
		return nil
	}
	return p.list[h-1]
}

// find is one search; a start behind the text never matches.
func find(r *regex.Regexp, text []byte, start int32) (s, e int, ok bool) {
	from := max(int(start), 0)
	if from > len(text) {
		return 0, 0, false
	}
	return r.Find(text, from)
}

// each calls f for the matches in order, at most limit if that is positive.
// After an empty match the search goes on one byte further.
func each(r *regex.Regexp, text []byte, limit int32, f func(from, to int)) {
	for from, n := 0, int32(0); from <= len(text) && (limit <= 0 || n < limit); n++ {
		s, e, ok := r.Find(text, from)
		if !ok {
			return
		}
		f(s, e)
		from = e
		if s == e {
			from = e + 1
		}
	}
}

func matchDoc(s, e int, ok bool) []byte {
	b := []byte{1, 0}
	if ok {
		b[1] = 1
	}
	b = binary.LittleEndian.AppendUint32(b, uint32(s))
	return binary.LittleEndian.AppendUint32(b, uint32(e))
}

func capturesDoc(r *regex.Regexp, text []byte, s, e int, ok bool) []byte {
	b := matchDoc(s, e, ok)
	b = binary.LittleEndian.AppendUint32(b, uint32(r.Groups()))
	var caps []int
	if ok {
		caps = r.Captures(text, s, e)
	}
	for i := 2; i < 2*r.Groups()+2; i++ {
		v := uint32(0xffffffff)
		if ok && caps[i] >= 0 && caps[i^1] >= 0 {
			v = uint32(caps[i])
		}
		b = binary.LittleEndian.AppendUint32(b, v)
	}
	return b
}

// slices builds an X7SL list of (start, length) pairs.
type slices struct {
	pairs []byte
	n     uint32
}

func (s *slices) add(from, to int) {
	s.pairs = binary.LittleEndian.AppendUint32(s.pairs, uint32(from))
	s.pairs = binary.LittleEndian.AppendUint32(s.pairs, uint32(to-from))
	s.n++
}

func (s *slices) doc() []byte {
	b := append([]byte("X7SL"), 1, 0, 0, 0)
	b = binary.LittleEndian.AppendUint32(b, s.n)
	return append(b, s.pairs...)
}
