/*
 * query.h
 *		What does the query do with the rows of a scan?
 */
#ifndef HMS_QUERY_H
#define HMS_QUERY_H

#include "postgres.h"

#include "nodes/plannodes.h"

/* How much of a scan is read by who has begun to read it. */
typedef enum HmsReads
{
	HMS_READS_SOME,				/* nobody knows */
	HMS_READS_REST,				/* all, once a second row was asked for */
	HMS_READS_ALL
} HmsReads;

/* What is certain. */
typedef struct HmsQueryUse
{
	HmsReads	reads;
	bool		once;			/* never read again with the same parameters */
} HmsQueryUse;

/* How the statement uses the rows of this node of its plan. */
extern HmsQueryUse hms_query_use(const PlannedStmt *statement, const Plan *scan);

#endif							/* HMS_QUERY_H */
