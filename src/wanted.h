/*
 * wanted.h
 *		Which columns of the rows does the query look at?
 */
#ifndef HMS_WANTED_H
#define HMS_WANTED_H

#include "postgres.h"

#include "fmgr.h"
#include "nodes/bitmapset.h"

/*
 * True when it is certain that the query, in which this call of a
 * set-returning function stands, reads nothing but the columns in *columns
 * (attribute numbers) of the rows of this composite type.
 */
extern bool hms_wanted_columns(FunctionCallInfo fcinfo, Oid row_type,
							   Bitmapset **columns);

#endif							/* HMS_WANTED_H */
