#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

static void merge(const uint32_t *src, uint32_t *dst, uint32_t lo, uint32_t mid, uint32_t hi) {
	uint32_t i = lo, j = mid;
	for (uint32_t k = lo; k < hi; k++) {
		if (i < mid && (j >= hi || src[i] <= src[j])) dst[k] = src[i++];
		else dst[k] = src[j++];
	}
}

static void pass(const uint32_t *src, uint32_t *dst, uint32_t n, uint32_t width) {
	for (uint32_t lo = 0; lo < n;) {
		uint32_t mid = lo + width < n ? lo + width : n;
		uint32_t hi = mid + width < n ? mid + width : n;
		merge(src, dst, lo, mid, hi);
		lo = hi;
	}
}

int main(void) {
	uint32_t n = 1000000, x = 42, h = 0, width = 1;
	uint32_t *a = calloc(n, 4), *b = calloc(n, 4);
	for (uint32_t i = 0; i < n; i++) a[i] = x = x * 1103515245u + 12345u;
	for (int p = 0; p < 10; p++) {
		pass(a, b, n, width);
		width *= 2;
		pass(b, a, n, width);
		width *= 2;
	}
	for (uint32_t i = 0; i < n; i++) h = h * 31 + a[i];
	printf("%u", h);
}
