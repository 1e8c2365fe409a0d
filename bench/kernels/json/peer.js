import { print, readInput } from "../input.js";
function parse(b) {
	const n = b.length;
	let acc = 0, depth = 0, i = 0;
	while (i < n) {
		const c = b[i];
		if (c === 34) {
			let open = true;
			i++;
			for (let s = i; s < n; s++) {
				if (b[s] === 92) s++;
				else if (b[s] === 34) { i = s + 1; open = false; break; }
			}
			if (open) return -1;
			acc++;
		} else if ((c - 48) >>> 0 < 10) {
			let v = 0;
			for (; i < n && (b[i] - 48) >>> 0 < 10; i++) v = (Math.imul(v, 10) + b[i] - 48) | 0;
			acc = (acc + v) | 0;
		} else {
			if (c === 123 || c === 91) depth++;
			else if (c === 125 || c === 93) { if (depth-- === 0) return -2; }
			else if (c === 116 || c === 110) { acc += 3; i += 3; }
			else if (c === 102) { acc += 3; i += 4; }
			i++;
		}
	}
	return depth ? -3 : acc;
}
const b = readInput();
let t = 0;
for (let r = 0; r < 8; r++) t = (t + parse(b)) | 0;
print(t);
