/*
 * query.h
 *		What does the query do with the rows?
 */
#ifndef HMS_QUERY_H
#define HMS_QUERY_H

#include "postgres.h"

#include "fmgr.h"
#include "nodes/bitmapset.h"

/* What is certain; all false when nothing is. */
typedef struct HmsQueryUse
{
	bool		columns_known;	/* it reads no columns but ... */
	Bitmapset  *columns;		/* ... these attribute numbers */
	bool		reads_all;		/* once it has read a row it reads all */
} HmsQueryUse;

/*
 * How the query, in which this call of a set-returning function stands, uses
 * the rows; they are of the call's result type.
 */
extern HmsQueryUse hms_query_use(FunctionCallInfo fcinfo);

#endif							/* HMS_QUERY_H */
