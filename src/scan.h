/*
 * scan.h
 *		Rows of 100ms in a query: the plan node that reads them.
 */
#ifndef HMS_SCAN_H
#define HMS_SCAN_H

#include "postgres.h"

#include "nodes/pathnodes.h"

#include "reader.h"

/* Have the planner use the node wherever _hms_rows stands in FROM. */
extern void hms_scan_init(void);

/* Is it a path to the node? */
extern bool hms_scan_owns(const Path *path);

/*
 * What a plan keeps to read the relation, whose filters come from these
 * conditions: expressions for the planner to look into, and the rest; and back,
 * when the executor starts: raises for who may not execute the function.
 */
extern List *hms_scan_to_plan(PlannerInfo *root, RelOptInfo *rel, List *conditions,
							  List **exprs);
extern void hms_scan_reading(HmsReading *reading, List *private, List *exprs);

/*
 * Note the type of the function's rows, and which of its columns those of the
 * scan's tuple are, whose first ones are none.  A composite type may have
 * changed since the query was planned.
 */
extern void hms_scan_columns(HmsReading *reading, List *targets, int first);

#endif							/* HMS_SCAN_H */
