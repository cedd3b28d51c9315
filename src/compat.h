/*
 * compat.h
 *		What differs between the PostgreSQL versions that hms builds on.
 *
 * This is the only file that looks at PG_VERSION_NUM.
 */
#ifndef HMS_COMPAT_H
#define HMS_COMPAT_H

#include "postgres.h"

#include "catalog/pg_foreign_server.h"
#include "catalog/pg_proc.h"
#include "commands/explain.h"
#if PG_VERSION_NUM >= 150000
#include "common/pg_prng.h"
#endif
#if PG_VERSION_NUM >= 180000
#include "commands/explain_format.h"
#include "commands/explain_state.h"
#endif
#include "executor/executor.h"
#include "miscadmin.h"
#include "nodes/extensible.h"
#if PG_VERSION_NUM >= 190000
#include "nodes/miscnodes.h"
#endif
#include "optimizer/pathnode.h"
#include "storage/latch.h"
#include "utils/acl.h"
#include "utils/date.h"
#include "utils/guc.h"
#include "utils/guc_tables.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"
#include "utils/wait_event.h"
#if PG_VERSION_NUM >= 160000
#include "varatt.h"
#endif
#if PG_VERSION_NUM >= 180000
#include "storage/waiteventset.h"
#endif

#if PG_VERSION_NUM < 140000
#error "hms needs PostgreSQL 14 or later"
#endif

/* Reserve the prefix of our settings, so that a misspelt one is noticed. */
static inline void
hms_reserve_setting_prefix(const char *prefix)
{
#if PG_VERSION_NUM >= 150000
	MarkGUCPrefixReserved(prefix);
#else
	EmitWarningsOnPlaceholders(prefix);
#endif
}

/* All settings that there are. */
static inline struct config_generic **
hms_all_settings(int *count)
{
#if PG_VERSION_NUM >= 160000
	return get_guc_variables(count);
#else
	*count = GetNumConfigOptions();
	return get_guc_variables();
#endif
}

/* A custom path whose plan computes its target list by itself. */
#if PG_VERSION_NUM >= 150000
#define HMS_CUSTOM_PATH_PROJECTS CUSTOMPATH_SUPPORT_PROJECTION
#else
#define HMS_CUSTOM_PATH_PROJECTS 0	/* all do */
#endif

/* What a planner hook takes and hands on. */
#if PG_VERSION_NUM >= 190000
#define HMS_PLANNER_PARAMS Query *query, const char *text, int options, \
	ParamListInfo params, ExplainState *explain
#define HMS_PLANNER_ARGS query, text, options, params, explain
#else
#define HMS_PLANNER_PARAMS Query *query, const char *text, int options, \
	ParamListInfo params
#define HMS_PLANNER_ARGS query, text, options, params
#endif

/* Conditions of a custom path for a join, of which the planner looks for constant ones. */
static inline void
hms_custom_path_conditions(CustomPath *path, List *conditions)
{
#if PG_VERSION_NUM >= 170000
	path->custom_restrictinfo = conditions;
#else
	(void) path;
	(void) conditions;
#endif
}

/* May this role execute that function? */
static inline bool
hms_may_execute(Oid function, Oid role)
{
#if PG_VERSION_NUM >= 160000
	return object_aclcheck(ProcedureRelationId, function, role,
						   ACL_EXECUTE) == ACLCHECK_OK;
#else
	return pg_proc_aclcheck(function, role, ACL_EXECUTE) == ACLCHECK_OK;
#endif
}

/* May this role use that foreign server? */
static inline bool
hms_may_use_server(Oid server, Oid role)
{
#if PG_VERSION_NUM >= 160000
	return object_aclcheck(ForeignServerRelationId, server, role,
						   ACL_USAGE) == ACLCHECK_OK;
#else
	return pg_foreign_server_aclcheck(server, role, ACL_USAGE) == ACLCHECK_OK;
#endif
}

/* A path of a foreign table; its costs are filled in later. */
static inline ForeignPath *
hms_create_foreign_path(PlannerInfo *root, RelOptInfo *rel, Relids outer)
{
#if PG_VERSION_NUM >= 180000
	return create_foreignscan_path(root, rel, NULL, rel->rows, 0, 0, 0, NIL, outer,
								   NULL, NIL, NIL);
#elif PG_VERSION_NUM >= 170000
	return create_foreignscan_path(root, rel, NULL, rel->rows, 0, 0, NIL, outer,
								   NULL, NIL, NIL);
#else
	return create_foreignscan_path(root, rel, NULL, rel->rows, 0, 0, NIL, outer,
								   NULL, NIL);
#endif
}

/* Whose rights a scan of a foreign table has. */
static inline Oid
hms_user_of_scan(const ForeignScan *plan, EState *estate)
{
#if PG_VERSION_NUM >= 160000
	Oid			user = plan->checkAsUser;

	(void) estate;
#else
	Oid			user = exec_rt_fetch(plan->scan.scanrelid, estate)->checkAsUser;
#endif

	return OidIsValid(user) ? user : GetUserId();
}

/* A date or timestamp in the session's time zone; false: there is no such time. */
static inline bool
hms_timestamptz_of_date(DateADT date, TimestampTz *time)
{
#if PG_VERSION_NUM >= 190000
	ErrorSaveContext error = {.type = T_ErrorSaveContext};

	*time = date2timestamptz_safe(date, (Node *) &error);
	return !error.error_occurred;
#else
	int			overflow = 0;

	*time = date2timestamptz_opt_overflow(date, &overflow);
	return overflow == 0;
#endif
}

static inline bool
hms_timestamptz_of_timestamp(Timestamp timestamp, TimestampTz *time)
{
#if PG_VERSION_NUM >= 190000
	ErrorSaveContext error = {.type = T_ErrorSaveContext};

	*time = timestamp2timestamptz_safe(timestamp, (Node *) &error);
	return !error.error_occurred;
#else
	int			overflow = 0;

	*time = timestamp2timestamptz_opt_overflow(timestamp, &overflow);
	return overflow == 0;
#endif
}

/* A random number from 0 to less than 1. */
static inline double
hms_random(void)
{
#if PG_VERSION_NUM >= 150000
	return pg_prng_double(&pg_global_prng_state);
#else
	return (double) random() / ((double) RAND_MAX + 1);
#endif
}

/* A wait event set that lives as long as the backend. */
static inline WaitEventSet *
hms_create_wait_event_set(int nevents)
{
#if PG_VERSION_NUM >= 170000
	return CreateWaitEventSet(NULL, nevents);
#else
	return CreateWaitEventSet(TopMemoryContext, nevents);
#endif
}

/* What pg_stat_activity shows while a backend waits for 100ms. */
static inline uint32
hms_wait_event(void)
{
#if PG_VERSION_NUM >= 170000
	static uint32 wait_event = 0;

	if (wait_event == 0)
		wait_event = WaitEventExtensionNew("HmsRequest");
	return wait_event;
#else
	return PG_WAIT_EXTENSION;
#endif
}

#endif							/* HMS_COMPAT_H */
