/* Reads all of standard input, as an X07 program gets its input. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

static uint8_t *read_input(uint32_t *len) {
	size_t cap = 1 << 20, n = 0;
	uint8_t *b = malloc(cap);
	for (;;) {
		size_t got = fread(b + n, 1, cap - n, stdin);
		if (got == 0) break;
		n += got;
		if (n == cap) b = realloc(b, cap *= 2);
	}
	*len = n;
	return b;
}
