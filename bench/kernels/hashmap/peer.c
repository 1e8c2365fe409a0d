/* The table of map_u32: open addressing, linear probing, key -1 reserved. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct { uint32_t mask, len, *keys, *vals; } map;

static uint32_t slot(const map *m, uint32_t k) {
	uint32_t i = (k * 2654435769u) & m->mask;
	while (m->keys[i] != UINT32_MAX && m->keys[i] != k) i = (i + 1) & m->mask;
	return i;
}

static uint32_t get(const map *m, uint32_t k, uint32_t d) {
	uint32_t i = slot(m, k);
	return m->keys[i] == k ? m->vals[i] : d;
}

static void set(map *m, uint32_t k, uint32_t v) {
	uint32_t i = slot(m, k);
	if (m->keys[i] != k) m->len++;
	m->keys[i] = k;
	m->vals[i] = v;
}

int main(void) {
	map m = {.mask = (1 << 20) - 1};
	m.keys = malloc(4 << 20);
	m.vals = calloc(1, 4 << 20);
	memset(m.keys, 0xff, 4 << 20);
	uint32_t x = 12345, sum = 0;
	for (int i = 0; i < 600000; i++) {
		x = x * 1103515245u + 12345u;
		set(&m, x >> 8, get(&m, x >> 8, 0) + 1);
	}
	x = 777;
	for (int i = 0; i < 6000000; i++) {
		x = x * 1103515245u + 12345u;
		sum += get(&m, x >> 8, 0);
	}
	printf("%u", sum + m.len);
}
