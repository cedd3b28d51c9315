/*
 * hms.c
 *		The library's door: magic, settings, the planner's hooks, nothing of
 *		weight.
 *
 * It also runs in the postmaster and in parallel workers, so nothing here
 * may look at a catalog or start a library that starts threads.
 */
#include "postgres.h"

#include "fmgr.h"

#include "account.h"
#include "fdw.h"
#include "gate.h"
#include "join.h"
#include "scan.h"
#include "settings.h"

PG_MODULE_MAGIC;

void		_PG_init(void);

void
_PG_init(void)
{
	hms_settings_init();
	hms_account_init();
	hms_gate_init();
	hms_scan_init();
	hms_fdw_init();
	hms_join_init();
}
