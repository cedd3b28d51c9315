/*
 * stats.h
 *		Counters of this backend's work, read by hms_stats().
 */
#ifndef HMS_STATS_H
#define HMS_STATS_H

#include "postgres.h"

typedef struct HmsStats
{
	int64		requests;		/* requests handed to libcurl */
	int64		retries;		/* of them, repeated ones */
	int64		pages;			/* pages of lists read */
	int64		rows;			/* rows returned */
	int64		bytes;			/* bytes of answers, decompressed */
	int64		tokens_minted;	/* tokens signed */
	int64		usec_waited;	/* time spent waiting for answers and back-off */
	int64		windows;		/* of time that long lists were split into */
} HmsStats;

extern HmsStats hms_stats_counters;

extern void hms_stats_add(HmsStats *sum, const HmsStats *stats);

#endif							/* HMS_STATS_H */
