/*
 * mirror.c
 *		What the mirror needs of the library: rows made from JSON that is here
 *		already, and a door for webhooks of whichever type.  No request is sent,
 *		so no privilege is asked for.
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "fmgr.h"
#include "funcapi.h"
#include "mb/pg_wchar.h"
#include "nodes/pg_list.h"
#include "nodes/value.h"
#include "parser/parse_func.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"

#include "compat.h"
#include "encoding.h"
#include "endpoints.h"
#include "errors.h"
#include "json.h"
#include "row.h"

PG_FUNCTION_INFO_V1(hms_rows_of);
PG_FUNCTION_INFO_V1(hms_in_transaction_block);
PG_FUNCTION_INFO_V1(hms_receive_webhook);

/* An argument that holds JSON, of whichever type: its text, palloc'd. */
static char *
json_text(FunctionCallInfo fcinfo, int argument)
{
	Oid			type = get_fn_expr_argtype(fcinfo->flinfo, argument);

	switch (type)
	{
		case JSONBOID:
			{
				Jsonb	   *value = PG_GETARG_JSONB_P(argument);

				return JsonbToCString(NULL, &value->root, VARSIZE(value));
			}
		case JSONOID:
		case TEXTOID:
		case VARCHAROID:
			return text_to_cstring(PG_GETARG_TEXT_PP(argument));
		case UNKNOWNOID:
			return pstrdup(PG_GETARG_CSTRING(argument));
		default:
			ereport(ERROR,
					(errcode(ERRCODE_DATATYPE_MISMATCH),
					 errmsg("type %s holds no JSON", format_type_be(type)),
					 errhint("Give it as json, jsonb or text.")));
	}
}

/*
 * _hms_rows_of(row anyelement, endpoint text, value jsonb or text): the rows that the
 * endpoint would have made of this object, or of each one of this array;
 * endpoint NULL: one row, each column from the member of its name.
 */
Datum
hms_rows_of(PG_FUNCTION_ARGS)
{
	FuncCallContext *context;
	HmsRows    *rows;
	Datum		row;

	if (SRF_IS_FIRSTCALL())
	{
		MemoryContext old;
		const HmsRowShape *shape;

		context = SRF_FIRSTCALL_INIT();
		old = MemoryContextSwitchTo(context->multi_call_memory_ctx);
		shape = PG_ARGISNULL(1) ? NULL :
			hms_endpoint(text_to_cstring(PG_GETARG_TEXT_PP(1)))->shape;
		rows = hms_rows_create(hms_row_maker_of_call(fcinfo, shape));
		if (!PG_ARGISNULL(2))
		{
			char	   *text = json_text(fcinfo, 2);
			HmsJsonReader reader;
			const char *fault;

			text = unconstify(char *, hms_json_to_utf8(text));
			fault = hms_json_begin(&reader, text, strlen(text));

			if (fault == NULL)
			{
				if (shape && hms_json_peek(&reader) == HMS_JSON_ARRAY)
					(void) hms_rows_read_each(rows, &reader, false);
				else
					hms_rows_read(rows, &reader, NULL);
				(void) hms_json_at_end(&reader);
				fault = reader.fault;
			}
			if (fault)
				ereport(ERROR,
						(errcode(HMS_ERRCODE_ARGUMENT),
						 errmsg("no row can be made of the value: %s", fault)));
		}
		context->user_fctx = rows;
		MemoryContextSwitchTo(old);
	}
	context = SRF_PERCALL_SETUP();
	rows = context->user_fctx;
	if (context->call_cntr >= (uint64) rows->count)
		SRF_RETURN_DONE(context);
	row = hms_rows_datum(rows, (int) context->call_cntr);
	SRF_RETURN_NEXT(context, row);
}

/* in_transaction_block(): may the statement that calls this not commit? */
Datum
hms_in_transaction_block(FunctionCallInfo fcinfo pg_attribute_unused())
{
	PG_RETURN_BOOL(IsTransactionBlock());
}

/*
 * hms_receive_webhook(schema name, event "any", headers jsonb, body text): one
 * door for json, which keeps what jsonb refuses, jsonb and text.  The rest is
 * SQL: hms_internal.receive_webhook.
 */
Datum
hms_receive_webhook(PG_FUNCTION_ARGS)
{
	static const Oid types[] = {NAMEOID, TEXTOID, JSONBOID, TEXTOID};
	LOCAL_FCINFO(call, lengthof(types));
	FmgrInfo	function;
	Datum		is_new;

	fmgr_info(LookupFuncName(list_make2(makeString("hms_internal"),
										makeString("receive_webhook")),
							 lengthof(types), types, false), &function);
	InitFunctionCallInfoData(*call, &function, lengthof(types), InvalidOid, NULL, NULL);
	for (int i = 0; i < (int) lengthof(types); i++)
		call->args[i] = fcinfo->args[i];
	if (!PG_ARGISNULL(1))
		call->args[1].value = CStringGetTextDatum(json_text(fcinfo, 1));
	is_new = FunctionCallInvoke(call);
	PG_RETURN_DATUM(is_new);
}
