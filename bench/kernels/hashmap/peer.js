import { print } from "../input.js";
const mask = (1 << 20) - 1;
const keys = new Int32Array(1 << 20).fill(-1), vals = new Int32Array(1 << 20);
let len = 0;
function slot(k) {
	let i = Math.imul(k, -1640531527) & mask;
	while (keys[i] !== -1 && keys[i] !== k) i = (i + 1) & mask;
	return i;
}
function get(k, d) {
	const i = slot(k);
	return keys[i] === k ? vals[i] : d;
}
function set(k, v) {
	const i = slot(k);
	if (keys[i] !== k) len++;
	keys[i] = k;
	vals[i] = v;
}
let x = 12345, sum = 0;
for (let i = 0; i < 600000; i++) {
	x = (Math.imul(x, 1103515245) + 12345) | 0;
	set(x >>> 8, get(x >>> 8, 0) + 1);
}
x = 777;
for (let i = 0; i < 6000000; i++) {
	x = (Math.imul(x, 1103515245) + 12345) | 0;
	sum = (sum + get(x >>> 8, 0)) | 0;
}
print(sum + len);
