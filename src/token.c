/*
 * token.c
 *		What tokens say; keeps the management token of each account.
 */
#include "postgres.h"

#include <math.h>
#include <sys/time.h>
#include <time.h>

#include "datatype/timestamp.h"
#include "utils/memutils.h"
#include "utils/uuid.h"

#include "encoding.h"
#include "errors.h"
#include "json.h"
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

/* Random bytes for a UUID, of which many are fetched at a time: that is slow. */
static void
random_bytes(uint8 bytes[UUID_LEN])
{
	static uint8 pool[64][UUID_LEN];
	static int	left = 0;

	if (left == 0)
	{
		if (!pg_strong_random(pool, sizeof(pool)))
			ereport(ERROR,
					(errcode(ERRCODE_INTERNAL_ERROR),
					 errmsg("could not generate random values")));
		left = lengthof(pool);
	}
	memcpy(bytes, pool[--left], UUID_LEN);
	explicit_bzero(pool[left], UUID_LEN);
}

/* A random version 4 UUID as text. */
static void
random_uuid(char *text)
{
	static const char hex[] = "0123456789abcdef";
	uint8		bytes[UUID_LEN];

	random_bytes(bytes);
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
	const char *access_key = hms_to_utf8(hms_account_access_key(account));
	char		jti[UUID_TEXT_LEN + 1];
	char	   *secret;
	char	   *token;

	if (claims->room_id)
	{
		utf8.room_id = hms_to_utf8(claims->room_id);
		utf8.role = hms_to_utf8(claims->role);
		utf8.user_id = claims->user_id ? hms_to_utf8(claims->user_id) : NULL;
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

static void refuse_token(const char *why) __attribute__((noreturn));

static void
refuse_token(const char *why)
{
	ereport(ERROR,
			(errcode(HMS_ERRCODE_TOKEN),
			 errmsg("token is not valid"),
			 errdetail_internal("%s", why)));
}

/*
 * The time in a claim, as RFC 7519 has it: a number of seconds, with a
 * fraction or an exponent or without.  False where there is no such claim.
 */
static bool
time_claim(const HmsJsonValue *value, double *seconds)
{
	char		number[64];

	if (value->start == NULL)
		return false;
	if (value->type != HMS_JSON_NUMBER || value->len >= sizeof(number))
		refuse_token("One of its times is not a number.");
	memcpy(number, value->start, value->len);
	number[value->len] = '\0';
	*seconds = strtod(number, NULL);
	if (!isfinite(*seconds))
		refuse_token("One of its times is not a number.");
	return true;
}

/* Look at what a token says, whose signature is right. */
static void
check_claims(const HmsJsonValue *claims, const char *access_key)
{
	HmsJsonReader reader;
	HmsJsonValue name;
	HmsJsonValue value;
	HmsJsonValue key = {0};
	HmsJsonValue expiry = {0};
	HmsJsonValue begin = {0};
	HmsJsonValue issue = {0};
	struct timeval clock;
	double		now;
	double		time;

	hms_json_open(&reader, claims);
	while (hms_json_pair(&reader, &name, &value))
	{
		if (hms_json_equals(&name, "access_key", strlen("access_key")))
			key = value;
		else if (hms_json_equals(&name, "exp", strlen("exp")))
			expiry = value;
		else if (hms_json_equals(&name, "nbf", strlen("nbf")))
			begin = value;
		else if (hms_json_equals(&name, "iat", strlen("iat")))
			issue = value;
	}
	if (key.start == NULL || key.type != HMS_JSON_STRING ||
		!hms_json_equals(&key, access_key, strlen(access_key)))
		refuse_token("It was made for another access key.");
	gettimeofday(&clock, NULL);
	now = clock.tv_sec + clock.tv_usec / 1e6;
	if (!time_claim(&expiry, &time))
		refuse_token("It has no expiry.");
	if (time <= now)
		refuse_token("It has expired.");
	if (time_claim(&begin, &time) && time > now)
		refuse_token("It is not valid yet.");
	(void) time_claim(&issue, &time);
}

Datum
hms_token_verify(const HmsAccount *account, const char *token)
{
	const char *access_key = hms_account_access_key(account);
	char	   *secret;
	char	   *claims;
	const char *fault;
	HmsJsonValue value;

	hms_jwt_load();
	secret = hms_account_secret(account);
	fault = hms_jwt_verify(token, secret, &claims);
	hms_forget_text(secret);
	if (fault)
		refuse_token(fault);
	if (claims == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_OUT_OF_MEMORY),
				 errmsg("could not read the claims of a token")));
	if (hms_json_check(claims, strlen(claims), &value) != NULL ||
		value.type != HMS_JSON_OBJECT)
		refuse_token("Its claims are not JSON.");
	check_claims(&value, access_key);
	return hms_json_to_jsonb(&value);
}
