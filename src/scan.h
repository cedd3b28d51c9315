/*
 * scan.h
 *		Rows of 100ms in a query: the plan node that reads them.
 */
#ifndef HMS_SCAN_H
#define HMS_SCAN_H

#include "postgres.h"

/* Have the planner use the node wherever _hms_rows stands in FROM. */
extern void hms_scan_init(void);

#endif							/* HMS_SCAN_H */
