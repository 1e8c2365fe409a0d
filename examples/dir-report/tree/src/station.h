#define STATION_ROOF 1

double station_read(int sensor);
