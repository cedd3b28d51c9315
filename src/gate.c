/*
 * gate.c
 *		Whether a call of an inner function may become a request, and which.
 *
 * The functions that users call are SQL wrappers around _hms_rows and
 * _hms_call.  An inlined wrapper does not check privileges, and anybody can
 * call what it calls, so the inner functions are open to all and EXECUTE of
 * the public function is checked here.
 *
 * The planner runs functions too: to estimate, it asks a stable one for its
 * value, also for EXPLAIN.  What it runs sends nothing.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/xact.h"
#include "catalog/dependency.h"
#include "catalog/indexing.h"
#include "catalog/pg_depend.h"
#include "catalog/pg_extension.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/planner.h"
#include "utils/builtins.h"
#include "utils/catcache.h"
#include "utils/fmgroids.h"
#include "utils/hsearch.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/syscache.h"

#include "compat.h"
#include "errors.h"
#include "gate.h"

/*
 * The public functions that an endpoint serves, by the inner function that asks:
 * members of the same extension, which nobody below its owner can add to.  Those
 * that still have their own name are looked at first; a renamed one is known by
 * its body, which names the endpoint.
 */
typedef struct Served
{
	struct
	{
		Oid			function;
		const HmsEndpoint *endpoint;
	}			key;			/* must be first */
	bool		complete;		/* renamed ones too */
	int			count;
	Oid		   *functions;
} Served;

/* What to do about a missing privilege. */
#define HMS_GRANT_HINT \
	"Its owner can let a role execute it with hms_grant(role, level)."

static HTAB *served = NULL;
static MemoryContext served_context = NULL;

/* A function has changed, or an extension its members: look again. */
static void
forget_served(Datum arg pg_attribute_unused(), int cache pg_attribute_unused(),
			  uint32 hash pg_attribute_unused())
{
	served = NULL;
}

/* What a function's body is searched for. */
typedef struct BodySearch
{
	Oid			inner_schema;	/* of the functions that name endpoints */
	const HmsEndpoint *endpoint;
	int			depth;			/* of internal functions that call one another */
	bool		found;			/* the endpoint, or one that it stands in for */
	bool		others;			/* another endpoint */
} BodySearch;

#define MAX_BODY_DEPTH 4

static void search_body(Oid function, BodySearch *search);

/* Is a function of this name one that the endpoint serves? */
static bool
is_served_name(const HmsEndpoint *endpoint, const char *name)
{
	if (endpoint->serves == NULL)
		return strcmp(endpoint->name, name) == 0;
	for (int i = 0; endpoint->serves[i]; i++)
	{
		if (strcmp(endpoint->serves[i], name) == 0)
			return true;
	}
	return false;
}

/* Look for calls of inner functions in a function's body. */
static bool
search_node(Node *node, void *context)
{
	BodySearch *search = context;

	if (node == NULL)
		return false;
	if (IsA(node, Query))
		return query_tree_walker((Query *) node, search_node, context, 0);
	if (IsA(node, FuncExpr))
	{
		FuncExpr   *call = (FuncExpr *) node;
		Const	   *name = list_length(call->args) > 1 ? lsecond(call->args) : NULL;
		char	   *word;

		if (get_func_namespace(call->funcid) != search->inner_schema)
			;
		else if (name && IsA(name, Const) && name->consttype == TEXTOID &&
				 !name->constisnull && exprType(linitial(call->args)) == call->funcresulttype)
		{
			word = TextDatumGetCString(name->constvalue);

			if (strcmp(word, search->endpoint->name) == 0 ||
				is_served_name(search->endpoint, word))
				search->found = true;
			else
				search->others = true;
		}
		else if (search->depth < MAX_BODY_DEPTH)
			search_body(call->funcid, search);
	}
	return expression_tree_walker(node, search_node, context);
}

static void
search_body(Oid function, BodySearch *search)
{
	HeapTuple	tuple = SearchSysCache1(PROCOID, ObjectIdGetDatum(function));
	Datum		body;
	bool		isnull;

	if (!HeapTupleIsValid(tuple))
		return;
	body = SysCacheGetAttr(PROCOID, tuple, Anum_pg_proc_prosqlbody, &isnull);
	if (!isnull)
	{
		search->depth++;
		(void) search_node(stringToNode(TextDatumGetCString(body)), search);
		search->depth--;
	}
	ReleaseSysCache(tuple);
}

/* Members of the extension by name, unless their body says otherwise. */
static List *
served_by_name(Oid extension, const HmsEndpoint *endpoint, Oid inner_schema)
{
	const char *const own[] = {endpoint->name, NULL};
	const char *const *names = endpoint->serves ? endpoint->serves : own;
	List	   *functions = NIL;

	for (int i = 0; names[i]; i++)
	{
		CatCList   *list = SearchSysCacheList1(PROCNAMEARGSNSP, CStringGetDatum(names[i]));

		for (int j = 0; j < list->n_members; j++)
		{
			Oid			oid = ((Form_pg_proc) GETSTRUCT(&list->members[j]->tuple))->oid;
			BodySearch	search = {.inner_schema = inner_schema, .endpoint = endpoint};

			if (getExtensionOfObject(ProcedureRelationId, oid) != extension)
				continue;
			if (endpoint->serves == NULL)
				search_body(oid, &search);
			if (search.found || !search.others)
				functions = lappend_oid(functions, oid);
		}
		ReleaseCatCacheList(list);
	}
	return functions;
}

/* Members of the extension by their bodies, but no internal ones. */
static List *
served_by_body(Oid extension, const HmsEndpoint *endpoint, Oid inner_schema)
{
	List	   *functions = NIL;
	Relation	depend = table_open(DependRelationId, AccessShareLock);
	ScanKeyData keys[2];
	SysScanDesc scan;
	HeapTuple	tuple;

	ScanKeyInit(&keys[0], Anum_pg_depend_refclassid, BTEqualStrategyNumber,
				F_OIDEQ, ObjectIdGetDatum(ExtensionRelationId));
	ScanKeyInit(&keys[1], Anum_pg_depend_refobjid, BTEqualStrategyNumber,
				F_OIDEQ, ObjectIdGetDatum(extension));
	scan = systable_beginscan(depend, DependReferenceIndexId, true, NULL, 2, keys);
	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		Form_pg_depend entry = (Form_pg_depend) GETSTRUCT(tuple);
		BodySearch	search = {.inner_schema = inner_schema, .endpoint = endpoint};

		if (entry->classid != ProcedureRelationId ||
			entry->deptype != DEPENDENCY_EXTENSION ||
			get_func_namespace(entry->objid) == inner_schema)
			continue;
		search_body(entry->objid, &search);
		if (search.found)
			functions = lappend_oid(functions, entry->objid);
	}
	systable_endscan(scan);
	table_close(depend, AccessShareLock);
	return functions;
}

/* Note the functions that an endpoint serves, in memory that stays. */
static Served *
look_up_served(Oid function, const HmsEndpoint *endpoint, bool complete)
{
	static bool registered = false;
	Oid			extension = getExtensionOfObject(ProcedureRelationId, function);
	Oid			inner_schema = get_func_namespace(function);
	Served		key = {.key = {function, endpoint}};
	MemoryContext old;
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "hms gate search",
												  ALLOCSET_DEFAULT_SIZES);
	List	   *functions = NIL;
	Served	   *entry;
	ListCell   *cell;

	old = MemoryContextSwitchTo(context);
	if (OidIsValid(extension))
		functions = served_by_name(extension, endpoint, inner_schema);
	if (OidIsValid(extension) && complete)
		functions = list_concat_unique_oid(functions,
										   served_by_body(extension, endpoint, inner_schema));

	/* looking at catalogs may have made all that was known old */
	if (!registered)
	{
		CacheRegisterSyscacheCallback(PROCOID, forget_served, (Datum) 0);
		registered = true;
	}
	if (served == NULL)
	{
		HASHCTL		control = {0};

		if (served_context)
			MemoryContextReset(served_context);
		else
			served_context = AllocSetContextCreate(TopMemoryContext, "hms gate",
												   ALLOCSET_SMALL_SIZES);
		control.keysize = sizeof(key.key);
		control.entrysize = sizeof(Served);
		control.hcxt = served_context;
		served = hash_create("hms gate", 32, &control,
							 HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	}
	entry = hash_search(served, &key.key, HASH_ENTER, NULL);
	entry->complete = complete;
	entry->count = 0;
	entry->functions = MemoryContextAlloc(served_context,
										  sizeof(Oid) * Max(list_length(functions), 1));
	foreach(cell, functions)
		entry->functions[entry->count++] = lfirst_oid(cell);
	MemoryContextSwitchTo(old);
	MemoryContextDelete(context);
	return entry;
}

/* May the role execute one of these functions? */
static bool
may_execute_any(const Served *entry, Oid role)
{
	for (int i = 0; i < entry->count; i++)
	{
		if (hms_may_execute(entry->functions[i], role))
			return true;
	}
	return false;
}

bool
hms_gate_allows(Oid function, const HmsEndpoint *endpoint, Oid role)
{
	Served		key = {.key = {function, endpoint}};
	Served	   *entry = served ? hash_search(served, &key.key, HASH_FIND, NULL) : NULL;

	if (entry == NULL)
		entry = look_up_served(function, endpoint, false);
	if (may_execute_any(entry, role))
		return true;
	return !entry->complete &&
		may_execute_any(look_up_served(function, endpoint, true), role);
}

void
hms_gate_check(Oid function, const HmsEndpoint *endpoint)
{
	if (hms_gate_allows(function, endpoint, GetUserId()))
		return;
	ereport(ERROR,
			(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
			 errmsg("permission denied for function %s",
					endpoint->serves ? endpoint->serves[0] : endpoint->name),
			 errhint("%s", HMS_GRANT_HINT)));
}

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
hms_gate_open(Oid function, const HmsEndpoint *endpoint, bool is_allowed)
{
	if (planning > 0 && endpoint->method == HMS_GET)
		return false;
	if (planning > 0)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("could not %s: the query is only being planned", endpoint->doing),
				 errhint("A function that calls %s must be VOLATILE.", endpoint->name)));
	if (!is_allowed)
		hms_gate_check(function, endpoint);
	if (endpoint->method != HMS_GET)
		PreventCommandIfReadOnly(endpoint->name);
	return true;
}

HmsRequest *
hms_gate_request(Oid function, const HmsEndpoint *endpoint, const HmsArg *args, int nargs)
{
	if (!hms_gate_open(function, endpoint, false))
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
	return hms_gate_request(fcinfo->flinfo->fn_oid, endpoint, args, nargs);
}
