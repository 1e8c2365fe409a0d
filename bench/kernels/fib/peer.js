import { print } from "../input.js";
function fib(n) { return n < 2 ? n : (fib(n - 1) + fib(n - 2)) | 0; }
print(fib(35));
