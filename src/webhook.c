/*
 * webhook.c
 *		The proof that a webhook comes from 100ms.
 *
 * It is a header with a value that only the two sides know, or a signature of
 * the body.  Without any the webhook is refused: whoever can call the function
 * could otherwise store what he likes.
 */
#include "postgres.h"

#include "common/hmac.h"
#include "common/sha2.h"
#include "fmgr.h"
#include "mb/pg_wchar.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"

#include "account.h"
#include "compat.h"
#include "errors.h"
#include "settings.h"
#include "webhook.h"

PG_FUNCTION_INFO_V1(hms_check_webhook);

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
 * The header of this name in any case, as palloc'd text.  A gateway may write
 * its value as a list of one.  NULL when there is none, and when there are
 * several: a proof may not be picked out of many.
 */
static char *
header_of(Jsonb *headers, const char *name)
{
	JsonbIterator *it;
	JsonbValue	value;
	char	   *found = NULL;
	int			count = 0;

	if (headers == NULL || !JB_ROOT_IS_OBJECT(headers))
		return NULL;
	it = JsonbIteratorInit(&headers->root);
	(void) JsonbIteratorNext(&it, &value, true);	/* the object's beginning */
	while (JsonbIteratorNext(&it, &value, true) == WJB_KEY)
	{
		bool		wanted = value.val.string.len == (int) strlen(name) &&
			pg_strncasecmp(value.val.string.val, name, value.val.string.len) == 0;

		(void) JsonbIteratorNext(&it, &value, true);
		if (!wanted)
			continue;
		count++;
		if (value.type == jbvBinary &&
			JsonContainerIsArray(value.val.binary.data) &&
			JsonContainerSize(value.val.binary.data) == 1)
			value = *getIthJsonbValueFromContainer(value.val.binary.data, 0);
		if (value.type == jbvString)
			found = pnstrdup(value.val.string.val, value.val.string.len);
	}
	return count == 1 ? found : NULL;
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

/* A setting that both sides know, without blanks around it; NULL: not set. */
static char *
shared(const char *value, const char *what)
{
	char	   *text = hms_settings_trimmed(value, what);

	return text[0] == '\0' ? NULL : text;
}

/*
 * Is the signature that of this body, by hms.webhook_key or else the secret of
 * this server ("": of the settings)?  Not by that of hms.server, which the
 * caller may set to an account of his own.
 */
static bool
signature_holds(const char *signature, const char *body, const char *server)
{
	char		hex[PG_SHA256_DIGEST_LENGTH * 2 + 1];
	char	   *lower = pstrdup(signature);
	char	   *key;

	for (char *p = lower; *p; p++)
		*p = pg_ascii_tolower((unsigned char) *p);
	key = shared(hms_webhook_key, "setting \"hms.webhook_key\"");
	if (key == NULL)
		key = hms_account_secret(server[0] ? hms_account_of_name(server) :
								 hms_account_of_settings());
	sign(key, body, hex);
	hms_forget_text(key);
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

/* The header is there and has the value that it must have. */
static void
check_header(Jsonb *headers, const char *secret)
{
	char	   *shown = header_of(headers, hms_webhook_header);

	if (shown == NULL)
		refuse_webhook("It has not the header that setting \"hms.webhook_header\" names, or has it more than once.",
					   NULL);
	if (!same_bytes(shown, strlen(shown), secret, strlen(secret)))
		refuse_webhook("Its header has not the value of setting \"hms.webhook_secret\".",
					   NULL);
}

bool
hms_webhook_is_asked(const char **proof)
{
	char	   *secret = shared(hms_webhook_secret, "setting \"hms.webhook_secret\"");
	char	   *key = shared(hms_webhook_key, "setting \"hms.webhook_key\"");

	if (secret == NULL && key == NULL && hms_webhook_unproven)
	{
		*proof = "hms.webhook_unproven is on: whatever comes without a signature is taken";
		return false;
	}
	if (secret && key)
		*proof = "the header and a signature by hms.webhook_key are asked for";
	else if (secret)
		*proof = "the header is asked for";
	else if (key)
		*proof = "a signature by hms.webhook_key is asked for";
	else
		*proof = "neither hms.webhook_secret nor hms.webhook_key is set: only what the app secret has signed is taken";
	return true;
}

/*
 * _hms_check_webhook(headers jsonb, body text, server text): raises 28000, or
 * returns true
 */
Datum
hms_check_webhook(PG_FUNCTION_ARGS)
{
	Jsonb	   *headers = PG_ARGISNULL(0) ? NULL : PG_GETARG_JSONB_P(0);
	char	   *body = NULL;
	char	   *signature = header_of(headers, "x-100ms-signature");
	char	   *secret = shared(hms_webhook_secret, "setting \"hms.webhook_secret\"");
	char	   *key = shared(hms_webhook_key, "setting \"hms.webhook_key\"");
	const char *server = PG_ARGISNULL(2) ? "" : text_to_cstring(PG_GETARG_TEXT_PP(2));

	if (!PG_ARGISNULL(1))
	{
		body = text_to_cstring(PG_GETARG_TEXT_PP(1));
		body = pg_server_to_any(body, strlen(body), PG_UTF8);
	}
	if (secret)
		check_header(headers, secret);
	if (signature == NULL && key)
		refuse_webhook("It is not signed, and setting \"hms.webhook_key\" is set.", NULL);
	if (signature &&
		(body == NULL || !signature_holds(signature, body, server)))
		refuse_webhook("Its signature is not that of the body.",
					   "The signature is of the request's body byte by byte: pass it as argument \"body\". Its key is \"hms.webhook_key\", or the app secret where that is empty.");
	if (!secret && !signature && !hms_webhook_unproven)
		ereport(ERROR,
				(errcode(HMS_ERRCODE_SETTING),
				 errmsg("no proof of webhooks is set"),
				 errhint("Set \"hms.webhook_secret\" to a value that 100ms sends in a header with each webhook, or \"hms.webhook_key\" to the key that they are signed with; \"hms.webhook_unproven\" = on takes those that prove nothing.")));
	PG_RETURN_BOOL(true);
}
