#include "../input.h"

static uint32_t words(const uint8_t *b, uint32_t n) {
	uint32_t words = 0, inside = 0;
	for (uint32_t i = 0; i < n; i++) {
		uint32_t c = b[i];
		if (c == 32 || c - 9 < 5) {
			inside = 0;
		} else {
			words += inside ^ 1;
			inside = 1;
		}
	}
	return words;
}

static uint32_t lines(const uint8_t *b, uint32_t n) {
	uint32_t lines = 0;
	for (uint32_t i = 0; i < n; i++) lines += b[i] == 10;
	return lines;
}

int main(void) {
	uint32_t n, total = 0;
	uint8_t *b = read_input(&n);
	for (int r = 0; r < 8; r++) total += words(b, n) + lines(b, n);
	printf("%u", total);
}
