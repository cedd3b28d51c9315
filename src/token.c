/*
 * token.c
 *		What tokens say; keeps the backend's management token.
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

/* The cached token lives a day and is renewed this long before its end. */
#define MANAGEMENT_LIFE SECS_PER_DAY
#define RENEW_AHEAD 30

#define UUID_TEXT_LEN 36

struct HmsKeptSecret
{
	char	   *secret;			/* NULL: not read */
	int64		second;			/* when it was read */
	uint64		generation;		/* hms_credentials_generation then */
};

static char *cached_token = NULL;	/* in TopMemoryContext */
static int64 cached_expires_at;
static uint64 cached_generation;

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
kept_secret(HmsKeptSecret *kept)
{
	int64		now = hms_epoch_now();
	MemoryContext old;

	if (kept->secret && kept->second == now &&
		kept->generation == hms_credentials_generation)
		return kept->secret;
	clear_kept_secret(kept);
	old = MemoryContextSwitchTo(GetMemoryChunkContext(kept));
	kept->secret = hms_settings_secret();
	MemoryContextSwitchTo(old);
	kept->second = now;
	kept->generation = hms_credentials_generation;
	return kept->secret;
}

char *
hms_token_sign(const HmsClaims *claims, HmsKeptSecret *kept)
{
	HmsClaims	utf8 = *claims;
	const char *access_key = to_utf8(hms_settings_access_key());
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

	secret = kept ? kept_secret(kept) : hms_settings_secret();
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
drop_cached_token(void)
{
	char	   *token = cached_token;

	cached_token = NULL;
	if (token)
		hms_forget_text(token);
}

void
hms_token_forget(const char *refused)
{
	if (cached_token && strcmp(cached_token, refused) == 0)
		drop_cached_token();
}

const char *
hms_token_management(void)
{
	int64		now = hms_epoch_now();
	HmsClaims	claims = {0};
	char	   *token;

	if (cached_token != NULL &&
		cached_generation == hms_credentials_generation &&
		cached_expires_at - RENEW_AHEAD > now)
		return cached_token;

	drop_cached_token();
	claims.issued_at = now - HMS_TOKEN_SKEW;
	claims.not_before = claims.issued_at;
	claims.expires_at = claims.not_before + MANAGEMENT_LIFE;
	token = hms_token_sign(&claims, NULL);

	cached_token = MemoryContextStrdup(TopMemoryContext, token);
	cached_expires_at = claims.expires_at;
	cached_generation = hms_credentials_generation;
	hms_forget_text(token);
	return cached_token;
}

char *
hms_token_verify(const char *token)
{
	const char *access_key = to_utf8(hms_settings_access_key());
	char	   *secret;
	char	   *claims;
	const char *fault;

	hms_jwt_load();
	secret = hms_settings_secret();
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
