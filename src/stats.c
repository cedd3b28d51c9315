/*
 * stats.c
 *		Counters of this backend's work.
 */
#include "postgres.h"

#include "stats.h"

HmsStats	hms_stats_counters;

void
hms_stats_add(HmsStats *sum, const HmsStats *stats)
{
	sum->requests += stats->requests;
	sum->retries += stats->retries;
	sum->pages += stats->pages;
	sum->rows += stats->rows;
	sum->bytes += stats->bytes;
	sum->tokens_minted += stats->tokens_minted;
	sum->usec_waited += stats->usec_waited;
	sum->windows += stats->windows;
}
