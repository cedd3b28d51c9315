/*
 * token.c
 *		What tokens say; keeps the management token of each account.
 */
#include "postgres.h"

#include <time.h>

#include "datatype/timestamp.h"
#include "mb/pg_wchar.h"
#include "utils/memutils.h"
#include "utils/uuid.h"

#include "errors.h"
#include "settings.h"
#include "stats.h"
#include "token.h"

/* A management token lives a day and is renewed this long before its end. */
#define MANAGEMENT_LIFE SECS_PER_DAY
#define RENEW_AHEAD 30

#define UUID_TEXT_LEN 36

struct HmsKeptSecret
{
	char	   *secret;			/* NULL: not read */
	int64		second;			/* when it was read */
	uint64		account;		/* whose it is, by serial number */
};

int64
hms_epoch_now(void)
{
	return (int64) time(NULL);
}

/* A random version 4 UUID as text. */
static void
random_uuid(char *text)
{
	static const char hex[] = "0123456789abcdef";
	uint8		bytes[UUID_LEN];

	if (!pg_strong_random(bytes, UUID_LEN))
		ereport(ERROR,
				(errcode(ERRCODE_INTERNAL_ERROR),
				 errmsg("could not generate random values")));
	bytes[6] = (bytes[6] & 0x0f) | 0x40;
	bytes[8] = (bytes[8] & 0x3f) | 0x80;
	for (int i = 0; i < UUID_LEN; i++)
	{
		if (i == 4 || i == 6 || i == 8 || i == 10)
			*text++ = '-';
		*text++ = hex[bytes[i] >> 4];
		*text++ = hex[bytes[i] & 0x0f];
	}
	*text = '\0';
}

/* Text in the server's encoding as UTF-8. */
static const char *
to_utf8(const char *text)
{
	return pg_server_to_any(text, strlen(text), PG_UTF8);
}

static void
clear_kept_secret(void *arg)
{
	HmsKeptSecret *kept = arg;
	char	   *secret = kept->secret;

	kept->secret = NULL;
	if (secret)
		hms_forget_text(secret);
}

HmsKeptSecret *
hms_token_keep_secret(MemoryContext context)
{
	HmsKeptSecret *kept = MemoryContextAllocZero(context, sizeof(HmsKeptSecret));
	MemoryContextCallback *callback =
		MemoryContextAllocZero(context, sizeof(MemoryContextCallback));

	callback->func = clear_kept_secret;
	callback->arg = kept;
	MemoryContextRegisterResetCallback(context, callback);
	return kept;
}

/* The secret, from where it is kept if it is still the right one. */
static char *
kept_secret(const HmsAccount *account, HmsKeptSecret *kept)
{
	int64		now = hms_epoch_now();
	MemoryContext old;

	if (kept->secret && kept->second == now &&
		kept->account == account->serial)
		return kept->secret;
	clear_kept_secret(kept);
	old = MemoryContextSwitchTo(GetMemoryChunkContext(kept));
	kept->secret = hms_account_secret(account);
	MemoryContextSwitchTo(old);
	kept->second = now;
	kept->account = account->serial;
	return kept->secret;
}

char *
hms_token_sign(const HmsAccount *account, const HmsClaims *claims,
			   HmsKeptSecret *kept)
{
	HmsClaims	utf8 = *claims;
	const char *access_key = to_utf8(hms_account_access_key(account));
	char		jti[UUID_TEXT_LEN + 1];
	char	   *secret;
	char	   *token;

	if (claims->room_id)
	{
		utf8.room_id = to_utf8(claims->room_id);
		utf8.role = to_utf8(claims->role);
		utf8.user_id = claims->user_id ? to_utf8(claims->user_id) : NULL;
	}
	random_uuid(jti);
	hms_jwt_load();

	secret = kept ? kept_secret(account, kept) : hms_account_secret(account);
	token = hms_jwt_sign(&utf8, access_key, jti, secret);
	if (kept == NULL)
		hms_forget_text(secret);
	if (token == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_OUT_OF_MEMORY),
				 errmsg("could not sign a token")));
	hms_stats_counters.tokens_minted++;
	return token;
}

static void
drop_token(HmsAccount *account)
{
	char	   *token = account->token;

	account->token = NULL;
	if (token)
		hms_forget_text(token);
}

void
hms_token_forget(HmsAccount *account, const char *refused)
{
	if (account->token && strcmp(account->token, refused) == 0)
		drop_token(account);
}

const char *
hms_token_management(HmsAccount *account)
{
	int64		now = hms_epoch_now();
	HmsClaims	claims = {0};
	char	   *token;

	if (account->token != NULL && account->token_expires_at - RENEW_AHEAD > now)
		return account->token;

	drop_token(account);
	claims.issued_at = now - HMS_TOKEN_SKEW;
	claims.not_before = claims.issued_at;
	claims.expires_at = claims.not_before + MANAGEMENT_LIFE;
	token = hms_token_sign(account, &claims, NULL);

	account->token = MemoryContextStrdup(account->context, token);
	account->token_expires_at = claims.expires_at;
	hms_forget_text(token);
	return account->token;
}

char *
hms_token_verify(const HmsAccount *account, const char *token)
{
	const char *access_key = to_utf8(hms_account_access_key(account));
	char	   *secret;
	char	   *claims;
	const char *fault;

	hms_jwt_load();
	secret = hms_account_secret(account);
	fault = hms_jwt_verify(token, access_key, secret, hms_epoch_now(), &claims);
	hms_forget_text(secret);
	if (fault)
		ereport(ERROR,
				(errcode(HMS_ERRCODE_TOKEN),
				 errmsg("token is not valid"),
				 errdetail_internal("%s", fault)));
	if (claims == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_OUT_OF_MEMORY),
				 errmsg("could not read the claims of a token")));
	return claims;
}
