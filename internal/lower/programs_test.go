package lower_test

// programs are small programs whose output shows that ownership, control flow
// and the heads without a runtime mean what the language says.
var programs = []struct{ name, imports, decls, solve, input, want string }{
	{name: "echo", solve: `["view.to_bytes","input"]`, input: "hello", want: "hello"},
	{name: "let, set and for", solve: `["begin",["let","s",0],["for","i",0,10,["set","s",["+","s","i"]]],["fmt.u32_to_dec","s"]]`, want: "45"},
	{name: "push in place", solve: `["begin",["let","v",["vec_u8.with_capacity",0]],
		["for","i",0,["view.len","input"],["set","v",["vec_u8.push","v",["+",1,["view.get_u8","input","i"]]]]],["vec_u8.into_bytes","v"]]`, input: "HAL", want: "IBM"},
	{name: "calls borrow buffers as views", decls: `{"kind":"defn","name":"main.n","params":[{"name":"v","ty":"bytes_view"}],"result":"i32","body":["view.len","v"]}`,
		solve: `["begin",["let","b",["bytes.lit","four"]],["let","a",["main.n","b"]],["let","c",["main.n",["bytes.lit","five5"]]],
		["fmt.u32_to_dec",["+",["*",10,"a"],"c"]]]`, want: "45"},
	{name: "out of bounds traps", solve: `["fmt.u32_to_dec",["view.get_u8","input",9]]`, input: "x", want: "trap: view.get_u8 oob"},
	{name: "the worked example", decls: `
		{"kind":"defn","name":"main.tail","params":[{"name":"v","ty":"bytes_view"},{"name":"n","ty":"i32"}],"result":"result_bytes_view",
		 "body":["begin",["let","len",["view.len","v"]],
		  ["if",["<u","len","n"],["return",["result_bytes_view.err",1]],0],
		  ["result_bytes_view.ok",["view.slice","v",["-","len","n"],"n"]]]},
		{"kind":"defn","name":"main.run","params":[{"name":"v","ty":"bytes_view"}],"result":"result_i32",
		 "body":["begin",["let","t",["try",["main.tail","v",2]]],["result_i32.ok",["view.get_u8","t",0]]]}`,
		solve: `["begin",["let","buf",["view.to_bytes","input"]],
		 ["let","r",["main.run","buf"]],
		 ["let","out",["vec_u8.with_capacity",1]],
		 ["set","out",["vec_u8.push","out",["result_i32.unwrap_or","r",33]]],
		 ["vec_u8.into_bytes","out"]]`, input: "abc", want: "b"},
}
