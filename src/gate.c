/*
 * gate.c
 *		Whether a call of an inner function may become a request, and which.
 *
 * The functions that users call are SQL wrappers around _hms_rows and
 * _hms_call.  An inlined wrapper does not check privileges, and anybody can
 * call what it calls, so the inner functions are open to all and EXECUTE of
 * the public function is checked here.  PostgreSQL asks for it of whoever
 * starts the executor; the first row may be fetched by somebody else.
 *
 * The planner runs functions too: to estimate, it asks a stable one for its
 * value, also for EXPLAIN.  What it runs sends nothing.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/transam.h"
#include "access/xact.h"
#include "catalog/pg_language.h"
#include "catalog/pg_proc.h"
#include "executor/executor.h"
#include "executor/functions.h"
#include "lib/ilist.h"
#include "miscadmin.h"
#include "optimizer/planner.h"
#include "utils/builtins.h"
#include "utils/syscache.h"

#include "compat.h"
#include "errors.h"
#include "gate.h"
#include "served.h"

/* What to do about a missing privilege. */
#define HMS_GRANT_HINT \
	"Its owner can let a role execute it with hms_grant(role, level)."

/* How many planners are at work, one inside the other. */
static int	planning = 0;

static planner_hook_type next_planner = NULL;

/* Note that the planner is at work. */
static PlannedStmt *
plan_query(HMS_PLANNER_PARAMS)
{
	PlannedStmt *plan;

	planning++;
	PG_TRY();
	{
		plan = next_planner ? next_planner(HMS_PLANNER_ARGS) :
			standard_planner(HMS_PLANNER_ARGS);
	}
	PG_FINALLY();
	{
		planning--;
	}
	PG_END_TRY();
	return plan;
}

/* --- who began -------------------------------------------------------------------- */

/* A query that calls us, while its executor is there. */
typedef struct Started
{
	dlist_node	node;
	MemoryContext context;		/* of the executor */
	Oid			starter;		/* who was the current user when it was started */
	MemoryContextCallback end;
} Started;

static dlist_head queries = DLIST_STATIC_INIT(queries);

/* Did the executor that is being started meet a function of ours? */
static bool meets_ours = false;

/* Who began what called the function of ours that is being run, if one is. */
static Oid	caller = InvalidOid;

static ExecutorStart_hook_type next_start = NULL;
static needs_fmgr_hook_type next_needs_notice = NULL;
static fmgr_hook_type next_notice = NULL;

static void
forget_query(void *query)
{
	dlist_delete(&((Started *) query)->node);
}

/* Note who starts a query that calls us. */
static void
start_query(QueryDesc *desc, int eflags)
{
	bool		outer = meets_ours;

	meets_ours = false;
	if (next_start)
		next_start(desc, eflags);
	else
		standard_ExecutorStart(desc, eflags);
	if (meets_ours)
	{
		Started    *query = MemoryContextAlloc(desc->estate->es_query_cxt, sizeof(Started));

		query->context = desc->estate->es_query_cxt;
		query->starter = OidIsValid(caller) ? caller : GetUserId();
		query->end.func = forget_query;
		query->end.arg = query;
		dlist_push_head(&queries, &query->node);
		MemoryContextRegisterResetCallback(query->context, &query->end);
	}
	meets_ours = outer;
}

Oid
hms_gate_starter(MemoryContext context)
{
	dlist_iter	iter;

	dlist_foreach(iter, &queries)
	{
		const Started *query = dlist_container(Started, node, iter.cur);

		if (query->context == context)
			return query->starter;
	}
	return OidIsValid(caller) ? caller : GetUserId();
}

/*
 * A function is prepared to be called.  One in SQL that was not inlined, whose
 * EXECUTE PostgreSQL has just asked for, starts an executor of its own when it
 * is called, which belongs to who began the query around it: its calls are
 * noticed.  The planner would not inline what is noticed.
 */
static bool
needs_notice(Oid function)
{
	HeapTuple	tuple = function < FirstNormalObjectId ? NULL :
		SearchSysCache1(PROCOID, ObjectIdGetDatum(function));
	bool		noticed = false;

	if (HeapTupleIsValid(tuple))
	{
		Oid			language = ((Form_pg_proc) GETSTRUCT(tuple))->prolang;

		if (language == ClanguageId)
		{
			bool		isnull;
			text	   *symbol = DatumGetTextPP(SysCacheGetAttr(PROCOID, tuple,
																Anum_pg_proc_prosrc, &isnull));

			if (VARSIZE_ANY_EXHDR(symbol) > 4 && memcmp(VARDATA_ANY(symbol), "hms_", 4) == 0)
				meets_ours = true;
		}
		ReleaseSysCache(tuple);
		noticed = planning == 0 && language == SQLlanguageId && hms_served_asks(function);
		if (noticed)
			meets_ours = true;
	}
	return (next_needs_notice && next_needs_notice(function)) || noticed;
}

/* What is kept for a function whose calls are noticed, by us or another hook. */
typedef struct Noticed
{
	bool		is_ours;
	Oid			outer;			/* the caller, outside of a call */
	Datum		next;			/* the next hook's */
} Noticed;

/* Such a function is called or returns. */
static void
notice_call(FmgrHookEventType event, FmgrInfo *function, Datum *kept)
{
	Noticed    *noticed = (Noticed *) DatumGetPointer(*kept);

	if (noticed == NULL)
	{
		noticed = MemoryContextAllocZero(function->fn_mcxt, sizeof(Noticed));
		noticed->is_ours = function->fn_addr == fmgr_sql && hms_served_asks(function->fn_oid);
		*kept = PointerGetDatum(noticed);
	}
	if (next_notice)
		next_notice(event, function, &noticed->next);
	if (!noticed->is_ours)
		return;
	if (event == FHET_START)
	{
		noticed->outer = caller;
		caller = hms_gate_starter(function->fn_mcxt);
	}
	else
		caller = noticed->outer;
}

void
hms_gate_check(Oid function, Oid role, const HmsEndpoint *endpoint)
{
	if (hms_served_may_execute(function, endpoint, role))
		return;
	ereport(ERROR,
			(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
			 errmsg("permission denied for function %s",
					endpoint->serves ? endpoint->serves[0] : endpoint->name),
			 errhint("%s", HMS_GRANT_HINT)));
}

static emit_log_hook_type next_log = NULL;

/*
 * PostgreSQL itself refuses what is called without being inlined, and what is
 * not inlined for want of EXECUTE: its error gets the same hint as ours.  The
 * name is looked for in the message, whatever language that is in.
 */
static void
add_hint(ErrorData *error)
{
	const char *name = error->message ? strstr(error->message, "hms_") : NULL;

	if (error->sqlerrcode == ERRCODE_INSUFFICIENT_PRIVILEGE && error->hint == NULL &&
		error->funcname && strcmp(error->funcname, "aclcheck_error") == 0 &&
		name && strncmp(name, "hms_internal", strlen("hms_internal")) != 0)
		error->hint = MemoryContextStrdup(error->assoc_context, HMS_GRANT_HINT);
	if (next_log)
		next_log(error);
}

void
hms_gate_init(void)
{
	next_log = emit_log_hook;
	emit_log_hook = add_hint;
	next_planner = planner_hook;
	planner_hook = plan_query;
	next_start = ExecutorStart_hook;
	ExecutorStart_hook = start_query;
	next_needs_notice = needs_fmgr_hook;
	needs_fmgr_hook = needs_notice;
	next_notice = fmgr_hook;
	fmgr_hook = notice_call;
}

void
hms_gate_check_count(const char *endpoint, int nargs, bool variadic)
{
	if (nargs > HMS_MAX_PARAMS || variadic)
		ereport(ERROR,
				(errcode(HMS_ERRCODE_ARGUMENT),
				 errmsg("wrong arguments for endpoint \"%s\"", endpoint)));
}

const HmsEndpoint *
hms_gate_endpoint(const char *name)
{
	if (name == NULL)
		ereport(ERROR,
				(errcode(HMS_ERRCODE_NULL_ARGUMENT),
				 errmsg("argument \"%s\" must not be null", "endpoint")));
	return hms_endpoint(name);
}

bool
hms_gate_open(Oid function, Oid role, const HmsEndpoint *endpoint, bool is_allowed)
{
	if (planning > 0 && endpoint->method == HMS_GET)
		return false;
	if (planning > 0)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("could not %s: the query is only being planned", endpoint->doing),
				 errhint("A function that calls %s must be VOLATILE.", endpoint->name)));
	if (!is_allowed)
		hms_gate_check(function, role, endpoint);
	if (endpoint->method != HMS_GET)
		PreventCommandIfReadOnly(endpoint->name);
	return true;
}

HmsRequest *
hms_gate_request(const FmgrInfo *function, const HmsEndpoint *endpoint,
				 const HmsArg *args, int nargs)
{
	if (!hms_gate_open(function->fn_oid, hms_gate_starter(function->fn_mcxt), endpoint, false))
		return NULL;
	return hms_request_build(hms_account_current(), endpoint, args, nargs);
}

HmsRequest *
hms_gate_request_of_call(FunctionCallInfo fcinfo, HmsArg *args)
{
	const HmsEndpoint *endpoint =
		hms_gate_endpoint(PG_ARGISNULL(1) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(1)));
	int			nargs = PG_NARGS() - 2;

	hms_gate_check_count(endpoint->name, nargs, get_fn_expr_variadic(fcinfo->flinfo));
	for (int i = 0; i < nargs; i++)
	{
		args[i].shown = NULL;
		args[i].type = get_fn_expr_argtype(fcinfo->flinfo, i + 2);
		args[i].isnull = PG_ARGISNULL(i + 2);
		args[i].value = PG_GETARG_DATUM(i + 2);
	}
	hms_request_take_args(args, nargs);
	return hms_gate_request(fcinfo->flinfo, endpoint, args, nargs);
}
