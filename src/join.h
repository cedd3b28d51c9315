/*
 * join.h
 *		A join that waits once: rows that ask 100ms for rows each.
 */
#ifndef HMS_JOIN_H
#define HMS_JOIN_H

#include "postgres.h"

#include "nodes/plannodes.h"

/* Have the planner consider the node wherever a scan depends on another row. */
extern void hms_join_init(void);

/* Is it a plan of the node? */
extern bool hms_join_owns(const Plan *plan);

#endif							/* HMS_JOIN_H */
