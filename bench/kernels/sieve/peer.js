import { print } from "../input.js";
function sieve(n) {
	const s = new Uint8Array(n);
	let count = 0;
	for (let i = 2; i < n; i++) {
		if (s[i]) continue;
		count++;
		if (i < 65536) for (let j = i * i; j < n; j += i) s[j] = 1;
	}
	return count;
}
let t = 0;
for (let r = 0; r < 4; r++) t += sieve(5000000);
print(t);
