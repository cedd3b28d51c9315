/*
 * call.c
 *		One call of the API: an exchange, repeated when that is safe.
 *
 * A read may be repeated.  A write is repeated only when it certainly did not
 * happen: no byte of it was sent, or it was answered 401, 403 or 429.
 */
#include "postgres.h"

#include <math.h>

#include "miscadmin.h"
#include "utils/memutils.h"

#include "call.h"
#include "compat.h"
#include "errors.h"
#include "settings.h"
#include "stats.h"
#include "token.h"

/*
 * The first wait before a repetition (ms), doubled each time: long enough for
 * a restarted proxy, short enough not to be noticed; each wait is that time
 * less up to half of it by chance, so that backends do not come back together.
 */
#define FIRST_BACK_OFF 200

/* Seconds that a token lives which is signed for one call, its repetitions and their waits. */
#define AUTH_TOKEN_LIFE (10 * SECS_PER_MINUTE)

/* --- life -------------------------------------------------------------------- */

/* The token leaves no trace when its context goes. */
static void
release_auth(void *arg)
{
	HmsAuth    *auth = arg;

	if (auth->token)
		explicit_bzero(auth->token, strlen(auth->token));
}

/* An auth token that lives as long as its call may take. */
static char *
sign_auth_token(const HmsAccount *account, const HmsClaims *who)
{
	HmsClaims	claims = *who;

	claims.issued_at = hms_epoch_now() - HMS_TOKEN_SKEW;
	claims.not_before = claims.issued_at;
	claims.expires_at = claims.not_before + AUTH_TOKEN_LIFE;
	return hms_token_sign(account, &claims, NULL);
}

/* Take a token for this walk: the account's, or one of its own. */
static void
take_token(HmsAuth *auth)
{
	MemoryContext old = MemoryContextSwitchTo(GetMemoryChunkContext(auth));
	char	   *token = auth->claims ? sign_auth_token(auth->account, auth->claims) :
		pstrdup(hms_token_management(auth->account));

	MemoryContextSwitchTo(old);
	if (auth->token)
		explicit_bzero(auth->token, strlen(auth->token));
	auth->token = token;
}

HmsAuth *
hms_auth_create(const HmsRequest *request)
{
	HmsAuth    *auth = palloc0(sizeof(HmsAuth));
	MemoryContextCallback *callback = palloc0(sizeof(MemoryContextCallback));

	callback->func = release_auth;
	callback->arg = auth;
	MemoryContextRegisterResetCallback(CurrentMemoryContext, callback);
	auth->account = request->account;
	auth->claims = request->claims;
	take_token(auth);
	return auth;
}

HmsCall *
hms_call_create(const HmsRequest *request, HmsAuth *auth)
{
	HmsCall    *call = palloc0(sizeof(HmsCall));

	call->request = request;
	call->auth = auth;
	call->exchange = hms_exchange_create();
	call->exchange->method = request->endpoint->method;
	call->exchange->body = request->body;
	call->exchange->ca_file = request->account->items[HMS_CA_FILE];
	return call;
}

static void
send_request(HmsCall *call)
{
	if (call->error_context)
		MemoryContextReset(call->error_context);
	call->error = NULL;
	call->secrets = NULL;
	call->sendings++;
	call->exchange->url = call->url;
	call->exchange->token = call->auth ? call->auth->token : NULL;
	call->state = HMS_CALL_WAITING;
	hms_exchange_start(call->exchange);
}

void
hms_call_start(HmsCall *call, char *url)
{
	if (call->url)
		pfree(call->url);
	call->url = url;
	call->attempts = 0;
	call->sendings = 0;
	call->renewed = false;
	call->refused_wait = -1;
	send_request(call);
}

/* The path of a URL: what its query holds may open the file to anybody. */
static char *
path_of(const char *url)
{
	const char *host = strstr(url, "://");
	const char *path = host ? host + strlen("://") : url;

	path += strcspn(path, "/?#");
	return pnstrdup(path, strcspn(path, "?#"));
}

HmsCall *
hms_call_file(const char *doing, const char *url, size_t max_size)
{
	HmsEndpoint *endpoint = palloc0(sizeof(HmsEndpoint));
	HmsRequest *request = palloc0(sizeof(HmsRequest));
	HmsCall    *call;
	const char *fault = hms_transport_url_fault(url);

	endpoint->doing = doing;
	endpoint->method = HMS_GET;
	request->endpoint = endpoint;
	request->account = hms_account_current();
	request->path = path_of(url);
	if (fault)
		ereport(ERROR,
				(errcode(HMS_ERRCODE_MALFORMED),
				 errmsg("could not %s: its link can't be followed", doing),
				 errdetail_internal("The link is refused: %s.", fault)));
	call = hms_call_create(request, NULL);
	call->exchange->max_size = max_size;
	hms_call_start(call, pstrdup(url));
	return call;
}

/* --- the answer ------------------------------------------------------------------- */

const HmsSecrets *
hms_call_secrets(HmsCall *call)
{
	MemoryContext old;
	HmsSecrets *secrets;

	if (call->secrets)
		return call->secrets;
	if (call->error_context == NULL)
		call->error_context = AllocSetContextCreate(GetMemoryChunkContext(call),
													"hms call error",
													ALLOCSET_SMALL_SIZES);
	old = MemoryContextSwitchTo(call->error_context);
	secrets = hms_secrets_create();
	if (call->auth)
	{
		hms_secrets_add_token(secrets, call->auth->token);
		hms_secrets_add(secrets, call->auth->account->items[HMS_ACCESS_KEY]);
		hms_secrets_add(secrets, call->auth->account->items[HMS_SECRET]);
	}
	hms_secrets_add_url(secrets, call->url, strlen(call->url));
	hms_secrets_add_body(secrets, call->exchange->body);
	MemoryContextSwitchTo(old);
	call->secrets = secrets;
	return secrets;
}

const HmsApiError *
hms_call_error(HmsCall *call)
{
	static const HmsApiError none = {0};
	const HmsExchange *exchange = call->exchange;
	const HmsSecrets *secrets;
	MemoryContext old;

	if (exchange->outcome != HMS_ANSWERED || exchange->len == 0)
		return &none;
	if (call->error == NULL)
	{
		secrets = hms_call_secrets(call);
		old = MemoryContextSwitchTo(call->error_context);
		call->error = hms_api_error_read(exchange->data, exchange->len, secrets);
		MemoryContextSwitchTo(old);
	}
	return call->error;
}

const HmsErrorCode *
hms_call_own_error(HmsCall *call)
{
	const HmsErrorCode *own = call->request->endpoint->codes;
	const char *code;

	if (own == NULL)
		return NULL;
	code = hms_call_error(call)->code;
	if (code == NULL)
		return NULL;
	while (own->code != 0 && (strspn(code, "0123456789") != strlen(code) ||
							  own->code != atoi(code)))
		own++;
	return own->code == 0 ? NULL : own;
}

bool
hms_call_is_missing(HmsCall *call)
{
	const HmsApiError *error;

	if (call->exchange->outcome != HMS_ANSWERED || call->exchange->status != 404)
		return false;
	error = hms_call_error(call);
	return error->shaped && strcmp(error->code, "404") == 0;
}

/* --- the log ---------------------------------------------------------------------- */

/*
 * One line of the server's log.  Parameters of a read are shown, as in EXPLAIN;
 * of a write nothing but its path.  Neither the statement nor the client gets
 * to see it.
 */
static void
log_request(HmsCall *call)
{
	const HmsExchange *exchange = call->exchange;
	bool		failed = exchange->outcome != HMS_ANSWERED ||
		exchange->status < 200 || exchange->status >= 300;
	const char *query = exchange->method == HMS_GET && call->auth ?
		strchr(call->url, '?') : NULL;
	char	   *path;

	if (hms_log_requests == HMS_LOG_OFF ||
		(hms_log_requests == HMS_LOG_FAILED && !failed))
		return;
	path = psprintf("%s%s", call->request->path, query ? query : "");
	ereport(LOG_SERVER_ONLY,
			(errmsg_internal("hms request: method=%s path=%s status=%d ms=%lld bytes=%zu attempt=%d%s%s",
							 hms_method_name(exchange->method),
							 hms_secrets_clean(hms_call_secrets(call), path, strlen(path)),
							 exchange->status, (long long) exchange->ms, exchange->len,
							 call->sendings,
							 exchange->outcome == HMS_ANSWERED ? "" : " failure=",
							 exchange->outcome == HMS_ANSWERED ? "" :
							 hms_outcome_name(exchange->outcome)),
			 errhidestmt(true), errhidecontext(true)));
}

/* --- repeating ------------------------------------------------------------------- */

/* The seconds that an answer asks to wait, or -1. */
static int64
asked_wait(HmsCall *call)
{
	static const char phrase[] = "retry after ";
	const HmsExchange *exchange = call->exchange;
	const HmsApiError *error;
	const char *found;

	if (exchange->retry_after >= 0)
		return exchange->retry_after;
	if (exchange->status != 429)
		return -1;
	error = hms_call_error(call);
	found = error->message ? strstr(error->message, phrase) : NULL;
	if (found == NULL && error->details)
		found = strstr(error->details, phrase);
	if (found == NULL)
		return -1;
	found += strlen(phrase);
	if (*found < '0' || *found > '9')
		return -1;
	return strspn(found, "0123456789") > 9 ? PG_INT32_MAX : atol(found);
}

/* May this failure pass when the request is sent again? */
static bool
may_pass(const HmsExchange *exchange)
{
	switch (exchange->outcome)
	{
		case HMS_NOT_CONNECTED:
			return !exchange->trust;
		case HMS_BROKEN:
			return true;
		case HMS_ANSWERED:
			return exchange->status == 429 || exchange->status == 500 ||
				exchange->status == 502 || exchange->status == 503 ||
				exchange->status == 504;
		default:				/* our own limits; what is malformed stays so */
			return false;
	}
}

/* Is it certain that the request had no effect? */
static bool
had_no_effect(const HmsCall *call)
{
	const HmsExchange *exchange = call->exchange;

	return exchange->method == HMS_GET ||
		!exchange->sent ||
		(exchange->outcome == HMS_ANSWERED && exchange->status == 429);
}

/* A refused token: get a new one, once. */
static bool
renew_token(HmsCall *call)
{
	HmsAuth    *auth = call->auth;

	if (auth == NULL || call->renewed || call->exchange->outcome != HMS_ANSWERED ||
		(call->exchange->status != 401 && call->exchange->status != 403))
		return false;

	/* a walk must not go on with somebody else's credentials */
	if (hms_account_has_changed(auth->account))
		return false;

	/* another request of this walk may have renewed it meanwhile */
	if (strcmp(auth->token, call->exchange->token) == 0)
	{
		hms_token_forget(auth->account, auth->token);
		take_token(auth);
	}
	call->renewed = true;
	return true;
}

/* After a failure: send again, wait first, or give up. */
static void
decide(HmsCall *call)
{
	int64		asked;
	int64		wait;

	if (renew_token(call))
	{
		hms_stats_counters.retries++;
		send_request(call);
		return;
	}
	if (call->exchange->neglected && had_no_effect(call))
	{
		/* a cursor lay idle for longer than a request may take */
		hms_stats_counters.retries++;
		send_request(call);
		return;
	}
	call->state = HMS_CALL_FAILED;
	if (!may_pass(call->exchange) || !had_no_effect(call) ||
		call->attempts >= hms_retries)
		return;

	wait = (int64) FIRST_BACK_OFF << Min(call->attempts, 20);
	wait -= (int64) (wait / 2 * hms_random());
	asked = asked_wait(call);
	if (asked >= 0)
		wait = asked * 1000;
	if (wait > hms_max_retry_wait)
	{
		call->refused_wait = wait;
		return;
	}
	call->attempts++;
	call->not_before = hms_clock_ms() + wait;
	call->state = HMS_CALL_BACKING_OFF;
}

bool
hms_call_ended(HmsCall *call)
{
	if (call->state == HMS_CALL_BACKING_OFF && hms_clock_ms() >= call->not_before)
	{
		hms_stats_counters.retries++;
		send_request(call);
	}
	/* an exchange that is sent again may be done at once */
	while (call->state == HMS_CALL_WAITING && call->exchange->done)
	{
		const HmsExchange *exchange = call->exchange;

		log_request(call);
		if (exchange->outcome == HMS_ANSWERED &&
			exchange->status >= 200 && exchange->status < 300)
			call->state = hms_call_own_error(call) ? HMS_CALL_FAILED : HMS_CALL_SUCCEEDED;
		else
			decide(call);
	}
	return call->state == HMS_CALL_SUCCEEDED || call->state == HMS_CALL_FAILED;
}

int64
hms_call_deadline(const HmsCall *call)
{
	return call->state == HMS_CALL_BACKING_OFF ? call->not_before : HMS_NO_DEADLINE;
}

void
hms_call_finish(HmsCall *call)
{
	while (!hms_call_ended(call))
		hms_transport_wait(hms_call_deadline(call));
}
