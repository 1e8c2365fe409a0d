// Reads all of standard input, as an X07 program gets its input.
export function readInput() {
	const chunks = [];
	let n = 0;
	for (;;) {
		const buf = new Uint8Array(1 << 20);
		const got = Deno.stdin.readSync(buf);
		if (got === null) break;
		chunks.push(buf.subarray(0, got));
		n += got;
	}
	const all = new Uint8Array(n);
	let at = 0;
	for (const c of chunks) { all.set(c, at); at += c.length; }
	return all;
}

export function print(n) {
	Deno.stdout.writeSync(new TextEncoder().encode(String(n >>> 0)));
}
