package engine

// grown is a linear memory on the Go heap, for when address space cannot be
// reserved.
type grown struct{ b []byte }

func (g *grown) Reallocate(size uint64) []byte {
	if size > uint64(cap(g.b)) {
		b := make([]byte, size, size+size/4)
		copy(b, g.b)
		g.b = b
	}
	g.b = g.b[:size]
	return g.b
}

func (g *grown) Free() { g.b = nil }
