import { print, readInput } from "../input.js";
function fnv1a(b, h) {
	for (let i = 0; i < b.length; i++) h = Math.imul(h ^ b[i], 16777619);
	return h;
}
const b = readInput();
let h = -2128831035;
for (let r = 0; r < 100; r++) h = fnv1a(b, h);
print(h);
