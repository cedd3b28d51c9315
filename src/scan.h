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

extern const HmsFront hms_scan_front;

#endif							/* HMS_SCAN_H */
