#include <stdio.h>
#include <stdint.h>

static uint32_t fib(uint32_t n) { return (int32_t)n < 2 ? n : fib(n - 1) + fib(n - 2); }

int main(void) {
	volatile uint32_t n = 35;
	printf("%u", fib(n));
}
