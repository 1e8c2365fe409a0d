import { print, readInput } from "../input.js";
function words(b) {
	let words = 0, inside = 0;
	for (let i = 0; i < b.length; i++) {
		const c = b[i];
		if (c === 32 || (c - 9) >>> 0 < 5) inside = 0;
		else { words += inside ^ 1; inside = 1; }
	}
	return words;
}
function lines(b) {
	let lines = 0;
	for (let i = 0; i < b.length; i++) lines += b[i] === 10 ? 1 : 0;
	return lines;
}
const b = readInput();
let total = 0;
for (let r = 0; r < 8; r++) total = (total + words(b) + lines(b)) | 0;
print(total);
