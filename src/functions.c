/*
 * functions.c
 *		Every SQL-callable function of the library.
 *
 * The functions that users call are SQL wrappers around _hms_rows and
 * _hms_call, which take the endpoint's name and its arguments.
 */
#include "postgres.h"

#include <math.h>

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "nodes/nodeFuncs.h"
#include "nodes/supportnodes.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"
#include "utils/lsyscache.h"
#include "utils/timestamp.h"

#include "age.h"
#include "call.h"
#include "check.h"
#include "errors.h"
#include "failure.h"
#include "gate.h"
#include "json.h"
#include "request.h"
#include "row.h"
#include "stats.h"
#include "texts.h"
#include "token.h"
#include "walk.h"

/* A token of longer life is refused: the platform accepts 90 days. */
#define MAX_TOKEN_LIFE (90 * SECS_PER_DAY)

PG_FUNCTION_INFO_V1(hms_call);
PG_FUNCTION_INFO_V1(hms_endpoints);
PG_FUNCTION_INFO_V1(hms_texts);
PG_FUNCTION_INFO_V1(hms_auth_token);
PG_FUNCTION_INFO_V1(hms_management_token);
PG_FUNCTION_INFO_V1(hms_verify_token);
PG_FUNCTION_INFO_V1(hms_note_age);
PG_FUNCTION_INFO_V1(hms_stats);
PG_FUNCTION_INFO_V1(hms_check);

/* --- endpoints ------------------------------------------------------------------- */

/* The text of a JSON object's member, or NULL. */
static char *
text_member(Jsonb *object, const char *name)
{
	JsonbValue	buffer;
	JsonbValue *value = getKeyJsonValueFromContainer(&object->root, name,
													 strlen(name), &buffer);

	return value == NULL || value->type != jbvString ? NULL :
		pnstrdup(value->val.string.val, value->val.string.len);
}

/* Refuse a write that would replace something, unless it is told to. */
static void
check_absent(const HmsRequest *request, const HmsArg *args)
{
	const HmsEndpoint *endpoint = request->endpoint;
	const HmsEndpoint *present;
	HmsArg		sought[HMS_MAX_PARAMS] = {0};
	int			count = 0;
	Jsonb	   *body = request->parsed;
	char	   *identity = NULL;
	HmsWalk    *walk;
	HmsRows    *rows;
	int			row;

	if (endpoint->present == NULL || hms_request_overwrites(endpoint, args))
		return;
	if (endpoint->identity)
	{
		identity = text_member(body, endpoint->identity);
		if (identity == NULL || identity[0] == '\0')
			return;				/* it gets a new one */
	}

	present = hms_endpoint(endpoint->present);
	for (int i = 0; present->params[i].name; i++)
	{
		const HmsArg *same = hms_request_arg(endpoint, args, present->params[i].name);

		if (same)
			sought[count] = *same;
		else
		{
			char	   *text = text_member(body, present->params[i].name);

			sought[count].type = TEXTOID;
			sought[count].isnull = text == NULL;
			sought[count].value = text ? CStringGetTextDatum(text) : (Datum) 0;
		}
		count++;
	}
	walk = hms_walk_open(hms_request_build(request->account, present, sought, count),
						 hms_row_maker(JSONBOID, NULL, NULL, NULL), false);
	while ((rows = hms_walk_next(walk, &row)) != NULL)
	{
		Jsonb	   *object = DatumGetJsonbP(hms_rows_datum(rows, row));
		char	   *name = identity ? text_member(object, endpoint->identity) : NULL;

		if (identity == NULL || (name && strcmp(name, identity) == 0))
			ereport(ERROR,
					(errcode(HMS_ERRCODE_ARGUMENT),
					 errmsg("could not %s: there is one of that name", endpoint->doing),
					 errhint("With overwrite => true it is replaced as a whole.")));
	}
}

/* Take an answer that is a sentence instead of a JSON object. */
static bool
read_sentence(const HmsExchange *answer, Datum *result)
{
	HmsJsonValue value;
	char	   *text = answer->data;
	size_t		len = answer->len;

	if (hms_json_check(text, len, &value) == NULL)
	{
		if (value.type == HMS_JSON_OBJECT)
			return false;
		if (value.type == HMS_JSON_STRING)
			text = hms_json_text(&value, &len);
	}
	*result = CStringGetTextDatum(hms_clean_text(text, len));
	return true;
}

/* _hms_call(row anyelement, endpoint text, VARIADIC "any") */
Datum
hms_call(PG_FUNCTION_ARGS)
{
	MemoryContext caller = CurrentMemoryContext;
	MemoryContext context = AllocSetContextCreate(caller, "hms call",
												  ALLOCSET_DEFAULT_SIZES);
	HmsRequest *request;
	HmsArg		args[HMS_MAX_PARAMS];
	HmsRows    *rows;
	HmsCall    *call;
	HmsJsonReader reader;
	Datum		result = (Datum) 0;
	bool		isnull = false;

	MemoryContextSwitchTo(context);
	request = hms_gate_request_of_call(fcinfo, args);
	if (request == NULL || request->nothing)
	{
		MemoryContextSwitchTo(caller);
		MemoryContextDelete(context);
		PG_RETURN_NULL();
	}
	if (request->nrooms != 1)
		ereport(ERROR,
				(errcode(HMS_ERRCODE_ARGUMENT),
				 errmsg("endpoint \"%s\" answers a list", request->endpoint->name)));
	rows = hms_rows_create(hms_row_maker_of_call(fcinfo, request->endpoint->shape));
	check_absent(request, args);
	call = hms_call_create(request, hms_auth_create(request));
	hms_call_start(call, hms_request_url(request, 0, 0, NULL, 0));
	hms_call_finish(call);
	if (call->state == HMS_CALL_FAILED)
		hms_call_raise(call);

	/* the result, and what is read for it, outlives the call's own memory */
	MemoryContextSwitchTo(caller);
	if (call->exchange->status == 204)
		isnull = true;
	else if (!request->endpoint->plain_text || !read_sentence(call->exchange, &result))
	{
		if (hms_json_begin(&reader, call->exchange->data, call->exchange->len) == NULL)
		{
			hms_rows_read(rows, &reader, NULL);
			(void) hms_json_at_end(&reader);
		}
		if (reader.fault)
			hms_call_raise_malformed(call, reader.fault);
		isnull = rows->count == 0;
		if (!isnull)
			result = hms_rows_datum(rows, 0);
	}
	MemoryContextDelete(context);
	if (isnull)
		PG_RETURN_NULL();
	return result;
}

/*
 * _hms_texts(endpoint text, id text): the rows of an asset or of a session, of
 * the type that the caller declares
 */
Datum
hms_texts(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	char	   *endpoint = text_to_cstring(PG_GETARG_TEXT_PP(0));
	char	   *id = text_to_cstring(PG_GETARG_TEXT_PP(1));
	HmsArg		arg = {.type = TEXTOID, .value = PG_GETARG_DATUM(1)};
	const HmsTexts *texts = hms_texts_of(endpoint);
	HmsRequest *request;
	MemoryContext context;
	MemoryContext old;
	TupleDesc	desc;

	if (texts == NULL)
		ereport(ERROR,
				(errcode(HMS_ERRCODE_ARGUMENT),
				 errmsg("endpoint \"%s\" answers no text", endpoint)));
	if (result == NULL || !IsA(result, ReturnSetInfo) ||
		(result->allowedModes & SFRM_Materialize) == 0 ||
		get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE ||
		!hms_texts_match(texts, desc))
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("wrong result type for endpoint \"%s\"", endpoint)));
	request = hms_gate_request(fcinfo->flinfo, hms_gate_endpoint(endpoint), &arg, 1);

	old = MemoryContextSwitchTo(result->econtext->ecxt_per_query_memory);
	result->returnMode = SFRM_Materialize;
	result->setDesc = CreateTupleDescCopy(desc);
	result->setResult =
		tuplestore_begin_heap((result->allowedModes & SFRM_Materialize_Random) != 0,
							  false, work_mem);
	MemoryContextSwitchTo(old);
	if (request == NULL)
		return (Datum) 0;

	context = AllocSetContextCreate(CurrentMemoryContext, "hms texts", ALLOCSET_DEFAULT_SIZES);
	old = MemoryContextSwitchTo(context);
	hms_texts_read(texts, request, id, result->setDesc, result->setResult);
	MemoryContextSwitchTo(old);
	MemoryContextDelete(context);
	return (Datum) 0;
}

/* Names as text[]. */
static Datum
text_array(const char *const *names, int count)
{
	Datum	   *elements = palloc(sizeof(Datum) * Max(count, 1));

	for (int i = 0; i < count; i++)
		elements[i] = CStringGetTextDatum(names[i]);
	return PointerGetDatum(construct_array(elements, count, TEXTOID, -1, false,
										   TYPALIGN_INT));
}

/*
 * _hms_endpoints(): rows (endpoint text, method text, base text, path text,
 * params text[], functions text[])
 */
Datum
hms_endpoints(PG_FUNCTION_ARGS)
{
	static const char *const methods[] = {"GET", "POST", "DELETE"};
	static const char *const bases[] = {"hms.api_url", "hms.beam_url", "hms.policy_url"};
	FuncCallContext *context;
	const HmsEndpoint *endpoint;
	const char *params[HMS_MAX_PARAMS] = {NULL};
	int			nparams = 0;
	int			nfunctions = 0;
	Datum		values[6];
	bool		nulls[6] = {false};

	if (SRF_IS_FIRSTCALL())
	{
		MemoryContext old;
		TupleDesc	desc;

		context = SRF_FIRSTCALL_INIT();
		if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE ||
			desc->natts != lengthof(values))
			elog(ERROR, "unexpected result type of hms_endpoints");
		old = MemoryContextSwitchTo(context->multi_call_memory_ctx);
		context->tuple_desc = BlessTupleDesc(CreateTupleDescCopy(desc));
		MemoryContextSwitchTo(old);
	}
	context = SRF_PERCALL_SETUP();
	endpoint = hms_endpoint_at((int) context->call_cntr);
	if (endpoint == NULL)
		SRF_RETURN_DONE(context);

	for (int i = 0; endpoint->params[i].name; i++)
	{
		const HmsParam *param = &endpoint->params[i];

		if (!(param->flags & (HMS_NOT_SENT | HMS_IN_TOKEN)))
			params[nparams++] = param->flags & HMS_WHOLE_BODY ? "*" : hms_param_wire(param);
	}
	while (endpoint->serves && endpoint->serves[nfunctions])
		nfunctions++;
	values[0] = CStringGetTextDatum(endpoint->name);
	values[1] = CStringGetTextDatum(methods[endpoint->method]);
	values[2] = CStringGetTextDatum(bases[endpoint->base]);
	nulls[3] = endpoint->path == NULL;
	values[3] = nulls[3] ? (Datum) 0 : CStringGetTextDatum(endpoint->path);
	values[4] = text_array(params, nparams);
	values[5] = endpoint->serves ? text_array(endpoint->serves, nfunctions) :
		text_array(&endpoint->name, 1);
	SRF_RETURN_NEXT(context, HeapTupleGetDatum(heap_form_tuple(context->tuple_desc,
															   values, nulls)));
}

/* --- tokens ------------------------------------------------------------------------ */

/* Seconds since 1970 of a time argument. */
static int64
epoch_of(const char *name, TimestampTz time)
{
	if (TIMESTAMP_NOT_FINITE(time))
		ereport(ERROR,
				(errcode(HMS_ERRCODE_ARGUMENT),
				 errmsg("argument \"%s\" must be finite", name)));
	return (int64) floor((double) time / USECS_PER_SEC) +
		(int64) (POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE) * SECS_PER_DAY;
}

/*
 * Fill the times of a token from three arguments: valid_for interval,
 * not_before and issued_at timestamptz, the first of them at this position.
 */
static void
set_times(HmsClaims *claims, FunctionCallInfo fcinfo, int arg)
{
	int64		seconds;

	if (PG_ARGISNULL(arg))
		ereport(ERROR,
				(errcode(HMS_ERRCODE_NULL_ARGUMENT),
				 errmsg("argument \"%s\" must not be null", "valid_for")));
	seconds = hms_interval_seconds(PG_GETARG_INTERVAL_P(arg));
	if (seconds < 1 || seconds > MAX_TOKEN_LIFE)
		ereport(ERROR,
				(errcode(HMS_ERRCODE_ARGUMENT),
				 errmsg("argument \"%s\" must be between one second and 90 days",
						"valid_for")));

	claims->issued_at = PG_ARGISNULL(arg + 2) ?
		hms_epoch_now() - HMS_TOKEN_SKEW :
		epoch_of("issued_at", PG_GETARG_TIMESTAMPTZ(arg + 2));
	claims->not_before = PG_ARGISNULL(arg + 1) ? claims->issued_at :
		epoch_of("not_before", PG_GETARG_TIMESTAMPTZ(arg + 1));
	claims->expires_at = claims->not_before + seconds;
}

/* A text argument that must be there. */
static char *
given_text(FunctionCallInfo fcinfo, int arg, const char *name)
{
	if (PG_ARGISNULL(arg))
		ereport(ERROR,
				(errcode(HMS_ERRCODE_NULL_ARGUMENT),
				 errmsg("argument \"%s\" must not be null", name)));
	return text_to_cstring(PG_GETARG_TEXT_PP(arg));
}

/* The same of one that must not be empty either. */
static char *
required_text(FunctionCallInfo fcinfo, int arg, const char *name)
{
	char	   *value = given_text(fcinfo, arg, name);

	if (value[0] == '\0')
		ereport(ERROR,
				(errcode(HMS_ERRCODE_ARGUMENT),
				 errmsg("argument \"%s\" must not be empty", name)));
	return value;
}

/* Sign claims; the secret is kept as long as this call's FmgrInfo lives. */
static Datum
sign(const HmsClaims *claims, FunctionCallInfo fcinfo)
{
	FmgrInfo   *function = fcinfo->flinfo;

	if (function->fn_extra == NULL)
		function->fn_extra = hms_token_keep_secret(function->fn_mcxt);
	return CStringGetTextDatum(hms_token_sign(hms_account_current(), claims,
											  function->fn_extra));
}

/*
 * hms_auth_token(room_id text, role text, [user_id text,] valid_for interval,
 *				  not_before timestamptz, issued_at timestamptz)
 */
Datum
hms_auth_token(PG_FUNCTION_ARGS)
{
	HmsClaims	claims = {0};
	int			arg = 0;

	claims.room_id = required_text(fcinfo, arg++, "room_id");
	claims.role = required_text(fcinfo, arg++, "role");
	if (PG_NARGS() > 5)
		claims.user_id = given_text(fcinfo, arg++, "user_id");
	set_times(&claims, fcinfo, arg);
	hms_request_warn_name(claims.room_id);
	PG_RETURN_DATUM(sign(&claims, fcinfo));
}

/*
 * hms_management_token(valid_for interval, not_before timestamptz,
 *						issued_at timestamptz)
 */
Datum
hms_management_token(PG_FUNCTION_ARGS)
{
	HmsClaims	claims = {0};

	set_times(&claims, fcinfo, 0);
	PG_RETURN_DATUM(sign(&claims, fcinfo));
}

/* hms_verify_token(token text) */
Datum
hms_verify_token(PG_FUNCTION_ARGS)
{
	PG_RETURN_DATUM(hms_token_verify(hms_account_current(),
									 text_to_cstring(PG_GETARG_TEXT_PP(0))));
}

/* --- operation ------------------------------------------------------------------------ */

/* hms_stats(): the columns in the order of HmsStats */
Datum
hms_stats(PG_FUNCTION_ARGS)
{
	TupleDesc	desc;
	Datum		values[7];
	bool		nulls[7] = {false};
	const HmsStats *stats = &hms_stats_counters;

	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE ||
		desc->natts != lengthof(values))
		elog(ERROR, "unexpected result type of hms_stats");
	values[0] = Int64GetDatum(stats->requests);
	values[1] = Int64GetDatum(stats->retries);
	values[2] = Int64GetDatum(stats->pages);
	values[3] = Int64GetDatum(stats->rows);
	values[4] = Int64GetDatum(stats->bytes);
	values[5] = Int64GetDatum(stats->tokens_minted);
	values[6] = Float8GetDatum(stats->usec_waited / 1e6);
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(desc),
													  values, nulls)));
}

/* note_age(active boolean, ended timestamptz): true, having said what is too old */
Datum
hms_note_age(PG_FUNCTION_ARGS)
{
	if (!(PG_ARGISNULL(0) || PG_GETARG_BOOL(0)) && !PG_ARGISNULL(1))
		hms_age_note(PG_GETARG_TIMESTAMPTZ(1));
	PG_RETURN_BOOL(true);
}

/* _hms_check(): rows (check text, ok boolean, detail text) */
Datum
hms_check(PG_FUNCTION_ARGS)
{
	FuncCallContext *context;
	HmsCheck   *check;
	Datum		values[3];
	bool		nulls[3];

	if (SRF_IS_FIRSTCALL())
	{
		MemoryContext old;
		TupleDesc	desc;

		hms_gate_check(fcinfo->flinfo->fn_oid, hms_gate_starter(fcinfo->flinfo->fn_mcxt),
					   hms_endpoint("hms_check"));
		if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE ||
			desc->natts != lengthof(values))
			elog(ERROR, "unexpected result type of hms_check");
		context = SRF_FIRSTCALL_INIT();
		old = MemoryContextSwitchTo(context->multi_call_memory_ctx);
		context->tuple_desc = BlessTupleDesc(CreateTupleDescCopy(desc));
		context->user_fctx = hms_check_all();
		MemoryContextSwitchTo(old);
	}
	context = SRF_PERCALL_SETUP();
	if (context->call_cntr >= (uint64) list_length(context->user_fctx))
		SRF_RETURN_DONE(context);
	check = list_nth(context->user_fctx, (int) context->call_cntr);
	memset(nulls, false, sizeof(nulls));
	values[0] = CStringGetTextDatum(check->name);
	values[1] = BoolGetDatum(check->ok);
	values[2] = CStringGetTextDatum(check->detail);
	SRF_RETURN_NEXT(context, HeapTupleGetDatum(heap_form_tuple(context->tuple_desc,
															   values, nulls)));
}
