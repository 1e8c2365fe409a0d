#include <stdio.h>
#include "station.h"

int main(void) {
	printf("%.1f\n", station_read(STATION_ROOF));
	return 0;
}
