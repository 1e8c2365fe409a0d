#include "../input.h"

static uint32_t fnv1a(const uint8_t *b, uint32_t n, uint32_t h) {
	for (uint32_t i = 0; i < n; i++) h = (h ^ b[i]) * 16777619u;
	return h;
}

int main(void) {
	uint32_t n, h = 2166136261u;
	uint8_t *b = read_input(&n);
	for (int r = 0; r < 100; r++) h = fnv1a(b, n, h);
	printf("%u", h);
}
