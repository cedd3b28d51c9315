/*
 * clock.h
 *		The clock of the benchmarks' peers.
 */
#ifndef CLOCK_H
#define CLOCK_H

#include <time.h>

/* Milliseconds on a clock that never jumps. */
static double
now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1e3 + t.tv_nsec / 1e6;
}

#endif							/* CLOCK_H */
