package engine

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"strings"
)

// contractFail: (number of the clause, address of the witness values) ends
// the run with the line that describes the clause.
func (r *run) contractFail(stack []uint64) {
	n, at := int(uint32(stack[0])), uint32(stack[1])
	if n >= len(r.a.Meta.Contracts) {
		panic(&stop{err: fmt.Errorf("program failed unknown contract clause %d", n)})
	}
	c := r.a.Meta.Contracts[n]
	var b strings.Builder
	b.WriteString(`X07T_CONTRACT_V1 {"contract_kind":`)
	quote(&b, c.Kind)
	b.WriteString(`,"fn":`)
	quote(&b, c.Func)
	b.WriteString(`,"clause_id":`)
	quote(&b, c.ClauseID)
	fmt.Fprintf(&b, `,"clause_index":%d,"clause_ptr":`, c.ClauseIndex)
	quote(&b, c.ClausePtr)
	b.WriteString(`,"witness":[`)
	for i, ty := range c.Witness {
		if i > 0 {
			b.WriteByte(',')
		}
		raw, ok := r.mem.Read(at+uint32(16*i), 16)
		if !ok {
			panic(&stop{err: fmt.Errorf("program reported witnesses outside of its memory")})
		}
		var w [4]uint32
		for j := range w {
			w[j] = binary.LittleEndian.Uint32(raw[4*j:])
		}
		r.witness(&b, ty, w)
	}
	b.WriteString("]}")
	panic(&stop{trap: b.String(), site: c.Site})
}

func (r *run) witness(b *strings.Builder, ty string, w [4]uint32) {
	fmt.Fprintf(b, `{"ty":"%s",`, ty)
	switch ty {
	case "bytes", "bytes_view":
		r.content(b, w[0], w[1])
	case "result_i32":
		result(b, w[0] != 0, w[1], func() { fmt.Fprintf(b, `"ok_i32":%d`, int32(w[1])) })
	case "result_bytes", "result_bytes_view":
		result(b, w[0] != 0, w[1], func() {
			b.WriteString(`"ok":{`)
			r.content(b, w[1], w[2])
			b.WriteByte('}')
		})
	case "result_result_bytes":
		result(b, w[0] != 0, w[1], func() {
			b.WriteString(`"ok":{`)
			result(b, w[1] != 0, w[2], func() {
				b.WriteString(`"ok":{`)
				r.content(b, w[2], w[3])
				b.WriteByte('}')
			})
			b.WriteByte('}')
		})
	default:
		fmt.Fprintf(b, `"value_i32":%d`, int32(w[0]))
	}
	b.WriteByte('}')
}

func result(b *strings.Builder, ok bool, code uint32, payload func()) {
	if !ok {
		fmt.Fprintf(b, `"tag":"err","err_code_u32":%d`, code)
		return
	}
	b.WriteString(`"tag":"ok",`)
	payload()
}

// content writes the first 256 bytes of a value.
func (r *run) content(b *strings.Builder, ptr, n uint32) {
	shown := min(n, 256)
	raw, _ := r.mem.Read(ptr, shown)
	truncated := 0
	if n > shown {
		truncated = 1
	}
	fmt.Fprintf(b, `"len":%d,"hex":"%s","truncated":%d`, n, hex.EncodeToString(raw), truncated)
}

// quote writes s as a JSON string with the escapes of the contract line.
func quote(b *strings.Builder, s string) {
	b.WriteByte('"')
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '"' || c == '\\':
			b.WriteByte('\\')
			b.WriteByte(c)
		case c == '\n':
			b.WriteString(`\n`)
		case c == '\r':
			b.WriteString(`\r`)
		case c == '\t':
			b.WriteString(`\t`)
		case c < 0x20:
			fmt.Fprintf(b, `\u%04x`, c)
		default:
			b.WriteByte(c)
		}
	}
	b.WriteByte('"')
}
