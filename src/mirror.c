/*
 * mirror.c
 *		What the mirror needs of the library: rows made from JSON that is here
 *		already, and the proof that a webhook comes from 100ms.
 *
 * Neither sends a request, so neither asks for a privilege.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "common/hmac.h"
#include "common/sha2.h"
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
#include "settings.h"

PG_FUNCTION_INFO_V1(hms_rows_of);
PG_FUNCTION_INFO_V1(hms_check_webhook);

/* --- rows ---------------------------------------------------------------------- */

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

/* --- webhooks -------------------------------------------------------------------- */

/* Are they equal?  Takes as long wherever they differ. */
static bool
same_bytes(const char *a, size_t alen, const char *b, size_t blen)
{
	volatile unsigned char differs = alen != blen;

	for (size_t i = 0; i < alen; i++)
		differs |= (unsigned char) a[i] ^ (unsigned char) b[blen ? i % blen : 0];
	return differs == 0;
}

/*
 * The header of this name in any case, as palloc'd text; NULL when there is
 * none.
 */
static char *
header_of(Jsonb *headers, const char *name)
{
	JsonbIterator *it;
	JsonbIteratorToken token;
	JsonbValue	value;

	if (headers == NULL || !JB_ROOT_IS_OBJECT(headers))
		return NULL;
	it = JsonbIteratorInit(&headers->root);
	(void) JsonbIteratorNext(&it, &value, true);	/* the object's beginning */
	while ((token = JsonbIteratorNext(&it, &value, true)) == WJB_KEY)
	{
		bool		wanted = value.val.string.len == (int) strlen(name) &&
			pg_strncasecmp(value.val.string.val, name, value.val.string.len) == 0;

		token = JsonbIteratorNext(&it, &value, true);
		if (wanted && token == WJB_VALUE && value.type == jbvString)
			return pnstrdup(value.val.string.val, value.val.string.len);
	}
	return NULL;
}

/* HMAC-SHA256 as lower-case hex. */
static void
sign(const char *key, const char *text, char hex[PG_SHA256_DIGEST_LENGTH * 2 + 1])
{
	uint8		digest[PG_SHA256_DIGEST_LENGTH];
	pg_hmac_ctx *ctx = pg_hmac_create(PG_SHA256);

	if (ctx == NULL ||
		pg_hmac_init(ctx, (const uint8 *) key, strlen(key)) < 0 ||
		pg_hmac_update(ctx, (const uint8 *) text, strlen(text)) < 0 ||
		pg_hmac_final(ctx, digest, sizeof(digest)) < 0)
	{
		pg_hmac_free(ctx);
		ereport(ERROR,
				(errcode(ERRCODE_INTERNAL_ERROR),
				 errmsg("could not compute the signature of a webhook")));
	}
	pg_hmac_free(ctx);
	hex[hex_encode((const char *) digest, sizeof(digest), hex)] = '\0';
}

/* Is the signature that of this body, by the key of our settings? */
static bool
signature_holds(const char *signature, const char *body)
{
	char		hex[PG_SHA256_DIGEST_LENGTH * 2 + 1];
	char	   *lower = pstrdup(signature);

	for (char *p = lower; *p; p++)
		*p = pg_ascii_tolower((unsigned char) *p);
	if (hms_webhook_key[0] != '\0')
		sign(hms_webhook_key, body, hex);
	else
	{
		char	   *secret = hms_settings_secret();

		sign(secret, body, hex);
		hms_forget_text(secret);
	}
	return same_bytes(lower, strlen(lower), hex, strlen(hex));
}

static void
refuse_webhook(const char *why, const char *hint)
{
	ereport(ERROR,
			(errcode(HMS_ERRCODE_TOKEN),
			 errmsg("the webhook does not prove that it comes from 100ms"),
			 errdetail_internal("%s", why),
			 hint ? errhint("%s", hint) : 0));
}

/* _hms_check_webhook(headers jsonb, body text): raises 28000, or returns true */
Datum
hms_check_webhook(PG_FUNCTION_ARGS)
{
	Jsonb	   *headers = PG_ARGISNULL(0) ? NULL : PG_GETARG_JSONB_P(0);
	char	   *body = NULL;
	char	   *signature = header_of(headers, "x-100ms-signature");

	if (!PG_ARGISNULL(1))
	{
		body = text_to_cstring(PG_GETARG_TEXT_PP(1));
		body = pg_server_to_any(body, strlen(body), PG_UTF8);
	}
	if (hms_webhook_secret[0] != '\0')
	{
		char	   *shown = header_of(headers, hms_webhook_header);

		if (shown == NULL)
			refuse_webhook("It has not the header that setting \"hms.webhook_header\" names.",
						   NULL);
		if (!same_bytes(shown, strlen(shown),
						hms_webhook_secret, strlen(hms_webhook_secret)))
			refuse_webhook("Its header has not the value of setting \"hms.webhook_secret\".",
						   NULL);
	}
	if (signature == NULL && hms_webhook_key[0] != '\0')
		refuse_webhook("It is not signed, and setting \"hms.webhook_key\" is set.", NULL);
	if (signature &&
		(body == NULL || !signature_holds(signature, body)))
		refuse_webhook("Its signature is not that of the body.",
					   "The signature is of the request's body byte by byte: pass it as argument \"body\". Its key is \"hms.webhook_key\", or the app secret where that is empty.");
	PG_RETURN_BOOL(true);
}
