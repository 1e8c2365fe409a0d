/* glibc's matcher, which is leftmost-longest as regex.* is. */
#define _GNU_SOURCE
#include "../input.h"
#include <regex.h>

int main(void) {
	uint32_t n, count = 0;
	uint8_t *b = read_input(&n);
	regex_t re;
	regmatch_t m;
	if (regcomp(&re, "[a-z]+=[0-9]+ms status=5[0-9][0-9]", REG_EXTENDED)) return 1;
	for (uint32_t at = 0; at <= n;) {
		m.rm_so = at;
		m.rm_eo = n;
		if (regexec(&re, (char *)b, 1, &m, REG_STARTEND)) break;
		count++;
		at = m.rm_eo > m.rm_so ? m.rm_eo : m.rm_eo + 1;
	}
	printf("%u", count);
}
