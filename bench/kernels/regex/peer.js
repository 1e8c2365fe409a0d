import { print, readInput } from "../input.js";
const text = new TextDecoder("latin1").decode(readInput());
let count = 0;
for (const _ of text.matchAll(/[a-z]+=[0-9]+ms status=5[0-9][0-9]/g)) count++;
print(count);
