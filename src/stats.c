/*
 * stats.c
 *		Counters of this backend's work.
 */
#include "postgres.h"

#include "stats.h"

HmsStats	hms_stats_counters;
