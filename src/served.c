/*
 * served.c
 *		Which functions of the extension ask which endpoint?
 *
 * Members of the extension, whatever their name is now: nobody below its owner
 * can add one.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/dependency.h"
#include "catalog/indexing.h"
#include "catalog/namespace.h"
#include "catalog/pg_depend.h"
#include "catalog/pg_extension.h"
#include "catalog/pg_language.h"
#include "catalog/pg_namespace.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_type.h"
#include "nodes/nodeFuncs.h"
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
#include "served.h"

/*
 * The public functions that an endpoint serves, by the inner function that asks.
 * Those that still have their own name are looked at first; a renamed one is
 * known by its body, which names the endpoint.
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

/* Does this function's body ask? */
typedef struct Asking
{
	Oid			function;		/* must be first */
	bool		asks;
} Asking;

/* Both are made and forgotten together. */
static HTAB *served = NULL;
static HTAB *asking = NULL;
static MemoryContext served_context = NULL;

/* A function has changed, or an extension its members: look again. */
static void
forget_served(Datum arg pg_attribute_unused(), int cache pg_attribute_unused(),
			  uint32 hash pg_attribute_unused())
{
	served = NULL;
	asking = NULL;
}

/* Have both tables. */
static void
make_tables(void)
{
	static bool registered = false;
	HASHCTL		control = {0};

	if (!registered)
	{
		CacheRegisterSyscacheCallback(PROCOID, forget_served, (Datum) 0);
		registered = true;
	}
	if (served)
		return;
	if (served_context)
		MemoryContextReset(served_context);
	else
		served_context = AllocSetContextCreate(TopMemoryContext, "hms served",
											   ALLOCSET_SMALL_SIZES);
	control.hcxt = served_context;
	control.keysize = sizeof(Oid);
	control.entrysize = sizeof(Asking);
	asking = hash_create("hms asking", 32, &control, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	control.keysize = sizeof(((Served *) NULL)->key);
	control.entrysize = sizeof(Served);
	served = hash_create("hms served", 32, &control, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
}

/* What a function's body is searched for. */
typedef struct BodySearch
{
	Oid			inner_schema;	/* of the functions that name endpoints */
	const HmsEndpoint *endpoint;	/* NULL: any */
	int			depth;			/* of internal functions that call one another */
	bool		found;			/* the endpoint, or one that it stands in for */
	bool		others;			/* another endpoint */
	bool		library;		/* whatever the library does */
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
		else if (search->endpoint && name && IsA(name, Const) && name->consttype == TEXTOID &&
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
	else if (((Form_pg_proc) GETSTRUCT(tuple))->prolang == ClanguageId)
		search->library = true;
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
	make_tables();
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
hms_served_may_execute(Oid function, const HmsEndpoint *endpoint, Oid role)
{
	Served		key = {.key = {function, endpoint}};
	Served	   *entry = served ? hash_search(served, &key.key, HASH_FIND, NULL) : NULL;

	if (entry == NULL)
		entry = look_up_served(function, endpoint, false);
	return may_execute_any(entry, role) ||
		(!entry->complete && may_execute_any(look_up_served(function, endpoint, true), role));
}

/* Is it a member of the extension with a body that calls the library? */
static bool
look_up_asks(Oid function)
{
	BodySearch	search = {.inner_schema = get_namespace_oid("hms_internal", true)};
	Oid			extension = getExtensionOfObject(ProcedureRelationId, function);
	MemoryContext context;
	MemoryContext old;

	if (!OidIsValid(extension) || !OidIsValid(search.inner_schema) ||
		extension != getExtensionOfObject(NamespaceRelationId, search.inner_schema))
		return false;
	context = AllocSetContextCreate(CurrentMemoryContext, "hms body search",
									ALLOCSET_DEFAULT_SIZES);
	old = MemoryContextSwitchTo(context);
	search_body(function, &search);
	MemoryContextSwitchTo(old);
	MemoryContextDelete(context);
	return search.library;
}

bool
hms_served_asks(Oid function)
{
	Asking	   *entry = asking ? hash_search(asking, &function, HASH_FIND, NULL) : NULL;
	bool		asks;

	if (entry)
		return entry->asks;
	asks = look_up_asks(function);
	make_tables();
	entry = hash_search(asking, &function, HASH_ENTER, NULL);
	entry->asks = asks;
	return asks;
}
