/*
 * mirror.c
 *		What the mirror needs of the library: rows made from JSON that is here
 *		already.  No request is sent, so no privilege is asked for.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "funcapi.h"
#include "mb/pg_wchar.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"

#include "compat.h"
#include "endpoints.h"
#include "errors.h"
#include "json.h"
#include "row.h"

PG_FUNCTION_INFO_V1(hms_rows_of);

/*
 * _hms_rows_of(row anyelement, endpoint text, value jsonb): the rows that the
 * endpoint would have made of this object; endpoint NULL: one row, each column
 * from the member of its name.
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
			Jsonb	   *value = PG_GETARG_JSONB_P(2);
			char	   *text = JsonbToCString(NULL, &value->root, VARSIZE(value));
			HmsJsonReader reader;
			const char *fault;

			text = pg_server_to_any(text, strlen(text), PG_UTF8);
			fault = hms_json_begin(&reader, text, strlen(text));

			if (fault == NULL)
			{
				hms_rows_read(rows, &reader, NULL);
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
