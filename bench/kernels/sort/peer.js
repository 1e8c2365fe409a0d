import { print } from "../input.js";
function merge(src, dst, lo, mid, hi) {
	let i = lo, j = mid;
	for (let k = lo; k < hi; k++) {
		if (i < mid && (j >= hi || src[i] <= src[j])) dst[k] = src[i++];
		else dst[k] = src[j++];
	}
}
function pass(src, dst, n, width) {
	for (let lo = 0; lo < n;) {
		const mid = Math.min(lo + width, n), hi = Math.min(mid + width, n);
		merge(src, dst, lo, mid, hi);
		lo = hi;
	}
}
const n = 1000000, a = new Uint32Array(n), b = new Uint32Array(n);
let x = 42, h = 0, width = 1;
for (let i = 0; i < n; i++) a[i] = x = (Math.imul(x, 1103515245) + 12345) >>> 0;
for (let p = 0; p < 10; p++) {
	pass(a, b, n, width);
	width *= 2;
	pass(b, a, n, width);
	width *= 2;
}
for (let i = 0; i < n; i++) h = (Math.imul(h, 31) + a[i]) | 0;
print(h);
