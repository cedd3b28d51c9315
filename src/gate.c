/*
 * gate.c
 *		Whether a call of an inner function may become a request, and which.
 *
 * The functions that users call are SQL wrappers around _hms_rows and
 * _hms_call.  An inlined wrapper does not check privileges, and anybody can
 * call what it calls, so the inner functions are open to all and EXECUTE of
 * the public function is checked here.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/xact.h"
#include "catalog/dependency.h"
#include "catalog/pg_proc.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/catcache.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"

#include "compat.h"
#include "errors.h"
#include "gate.h"

/* May the caller execute a function of this name that the extension made? */
static bool
may_execute_named(const char *name, Oid extension)
{
	CatCList   *list = SearchSysCacheList1(PROCNAMEARGSNSP, CStringGetDatum(name));
	bool		allowed = false;

	for (int i = 0; i < list->n_members && !allowed; i++)
	{
		Form_pg_proc function = (Form_pg_proc) GETSTRUCT(&list->members[i]->tuple);

		allowed = hms_may_execute(function->oid, GetUserId()) &&
			getExtensionOfObject(ProcedureRelationId, function->oid) == extension;
	}
	ReleaseCatCacheList(list);
	return allowed;
}

void
hms_gate_check(Oid function, const HmsEndpoint *endpoint)
{
	Oid			extension = getExtensionOfObject(ProcedureRelationId, function);
	const char *name = endpoint->name;

	if (endpoint->serves)
	{
		name = endpoint->serves[0];
		for (int i = 0; endpoint->serves[i]; i++)
		{
			if (may_execute_named(endpoint->serves[i], extension))
				return;
		}
	}
	else if (may_execute_named(name, extension))
		return;
	ereport(ERROR,
			(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
			 errmsg("permission denied for function %s", name)));
}

void
hms_gate_check_count(const char *endpoint, int nargs, bool variadic)
{
	if (nargs > HMS_MAX_PARAMS || variadic)
		ereport(ERROR,
				(errcode(HMS_ERRCODE_ARGUMENT),
				 errmsg("wrong arguments for endpoint \"%s\"", endpoint ? endpoint : "")));
}

HmsRequest *
hms_gate_request(Oid function, const char *endpoint, const HmsArg *args, int nargs)
{
	const HmsEndpoint *found;

	if (endpoint == NULL)
		ereport(ERROR,
				(errcode(HMS_ERRCODE_NULL_ARGUMENT),
				 errmsg("argument \"%s\" must not be null", "endpoint")));
	found = hms_endpoint(endpoint);
	hms_gate_check(function, found);
	if (found->method != HMS_GET)
		PreventCommandIfReadOnly(found->name);
	return hms_request_build(found, args, nargs);
}

HmsRequest *
hms_gate_request_of_call(FunctionCallInfo fcinfo, HmsArg *args)
{
	const char *endpoint = PG_ARGISNULL(1) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(1));
	int			nargs = PG_NARGS() - 2;

	hms_gate_check_count(endpoint, nargs, get_fn_expr_variadic(fcinfo->flinfo));
	for (int i = 0; i < nargs; i++)
	{
		args[i].type = get_fn_expr_argtype(fcinfo->flinfo, i + 2);
		args[i].isnull = PG_ARGISNULL(i + 2);
		args[i].value = PG_GETARG_DATUM(i + 2);
	}
	return hms_gate_request(fcinfo->flinfo->fn_oid, endpoint, args, nargs);
}
