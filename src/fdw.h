/*
 * fdw.h
 *		Lists of 100ms as foreign tables.
 */
#ifndef HMS_FDW_H
#define HMS_FDW_H

#include "postgres.h"

#include "nodes/pathnodes.h"

#include "paths.h"
#include "reader.h"

/* Have comments go with tables that are imported. */
extern void hms_fdw_init(void);

/* What is wrong with this value of the option "endpoint"; NULL: nothing. */
extern const char *hms_fdw_endpoint_fault(const char *value);

/* The list that this base relation, a foreign table of ours, reads, or NULL. */
extern HmsList *hms_fdw_list(RelOptInfo *rel);

extern const HmsFront hms_fdw_front;

#endif							/* HMS_FDW_H */
