/*
 * scan.h
 *		Rows of 100ms in a query: the plan node that reads them.
 */
#ifndef HMS_SCAN_H
#define HMS_SCAN_H

#include "postgres.h"

#include "nodes/pathnodes.h"

#include "paths.h"

/* Have the planner use the node wherever _hms_rows stands in FROM. */
extern void hms_scan_init(void);

/* The list that this base relation, a call of _hms_rows, reads, or NULL. */
extern HmsList *hms_scan_list(PlannerInfo *root, RelOptInfo *rel);

/* That call. */
extern FuncExpr *hms_scan_call(PlannerInfo *root, RelOptInfo *rel);

#endif							/* HMS_SCAN_H */
