#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

static uint32_t sieve(uint32_t n) {
	uint8_t *s = calloc(1, n);
	uint32_t count = 0;
	for (uint32_t i = 2; i < n; i++) {
		if (s[i]) continue;
		count++;
		if (i < 65536)
			for (uint32_t j = i * i; j < n; j += i) s[j] = 1;
	}
	free(s);
	return count;
}

int main(void) {
	uint32_t t = 0;
	for (int r = 0; r < 4; r++) t += sieve(5000000);
	printf("%u", t);
}
