package cli

// coreForm is a form that the language itself defines: its arguments are not
// evaluated like those of a builtin.
type coreForm struct{ name, shape, doc string }

// coreForms are what the guide and `x07 doc` say about the core forms.
var coreForms = [...]coreForm{
	{"begin", `["begin", e1, …, en]`, "evaluates in order and gives the last value; what it binds ends with it"},
	{"let", `["let", "x", e]`, "binds a new local until the end of the enclosing begin"},
	{"set", `["set", "x", e]`, "assigns to a local; an owned value that was moved out of it comes back this way"},
	{"if", `["if", cond, then, else]`, "zero is false; both branches have one type when the value is used"},
	{"for", `["for", "i", start, end, body]`, "counts i from start up to end, end excluded, signed; gives 0"},
	{"return", `["return", e]`, "leaves the function with e"},
	{"try", `["try", e]`, "gives the payload of an ok result; an err result is returned from the function, which must return a result too"},
	{"bytes.lit", `["bytes.lit", "any text"]`, "the UTF-8 bytes of the text, as new owned bytes"},
	{"unsafe", `["unsafe", e1, …, en]`, "begin in which raw pointer operations are allowed"},
	{"tapp", `["tapp", "m.f", ["tys", T, …], arg, …]`, "calls the generic function m.f with the types T, …"},
}

// formDoc describes a core form, nil if q is none.
func formDoc(q string) (*docAnswer, error) {
	for _, f := range coreForms {
		if f.name != q {
			continue
		}
		text := f.shape + "\n" + f.doc
		return &docAnswer{
			result: map[string]any{"kind": "builtin_form", "name": f.name, "doc": text, "source": map[string]any{"kind": "builtin"}},
			text:   text + "\n",
		}, nil
	}
	return nil, nil
}
