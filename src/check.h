/*
 * check.h
 *		The checks of hms_check(): is everything set up, and does it work?
 */
#ifndef HMS_CHECK_H
#define HMS_CHECK_H

#include "postgres.h"

#include "nodes/pg_list.h"

typedef struct HmsCheck
{
	const char *name;
	bool		ok;
	const char *detail;
} HmsCheck;

/*
 * List of HmsCheck, in the current memory context; makes one request for each
 * account, which are the settings and the servers that the caller may use.
 */
extern List *hms_check_all(void);

#endif							/* HMS_CHECK_H */
