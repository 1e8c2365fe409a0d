#include "../input.h"

static int32_t parse(const uint8_t *b, uint32_t n) {
	uint32_t acc = 0, depth = 0, i = 0;
	while (i < n) {
		uint32_t c = b[i];
		if (c == '"') {
			int open = 1;
			i++;
			for (uint32_t s = i; s < n; s++) {
				if (b[s] == '\\') {
					s++;
				} else if (b[s] == '"') {
					i = s + 1;
					open = 0;
					break;
				}
			}
			if (open) return -1;
			acc++;
		} else if (c - '0' < 10) {
			uint32_t v = 0;
			for (; i < n && (uint32_t)b[i] - '0' < 10; i++) v = v * 10 + b[i] - '0';
			acc += v;
		} else {
			if (c == '{' || c == '[') {
				depth++;
			} else if (c == '}' || c == ']') {
				if (depth-- == 0) return -2;
			} else if (c == 't' || c == 'n') {
				acc += 3;
				i += 3;
			} else if (c == 'f') {
				acc += 3;
				i += 4;
			}
			i++;
		}
	}
	return depth ? -3 : (int32_t)acc;
}

int main(void) {
	uint32_t n, t = 0;
	uint8_t *b = read_input(&n);
	for (int r = 0; r < 8; r++) t += parse(b, n);
	printf("%u", t);
}
