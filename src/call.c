/*
 * call.c
 *		One call of the API: an exchange, repeated when that is safe, and what
 *		its failure means in SQL.
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
#include "json.h"
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

/* A shorter text is no secret, and leaving it out would spoil any sentence. */
#define SECRET_MIN 4

/* What an answer says in the API's error shape. */
typedef struct ApiError
{
	bool		found;			/* it is in that shape */
	char	   *code;
	char	   *message;
	char	   *details;
} ApiError;

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

/* --- the API's words ----------------------------------------------------------- */

/* Does a member of this name hold secrets of the caller's? */
static bool
is_secret_member(const HmsJsonValue *key)
{
	static const char *const names[] = {
		"key", "secret", "secretKey", "password", "credentials", "headers",
		"rtmp_urls", "rtmpUrls"
	};

	for (int i = 0; i < (int) lengthof(names); i++)
	{
		if (hms_json_equals(key, names[i], strlen(names[i])))
			return true;
	}
	return false;
}

/* Put stars where this text stands in that one. */
static void
blank_out(char *text, const char *secret)
{
	size_t		len = strlen(secret);

	if (len < SECRET_MIN)
		return;
	for (char *found = strstr(text, secret); found; found = strstr(found, secret))
		memset(found, '*', len);
}

/* Blank out, in an API's text, what a body holds under the names above. */
static void
hide_secrets(char *text, const HmsJsonValue *value, bool secret)
{
	HmsJsonReader reader;
	HmsJsonValue key;
	HmsJsonValue inner;
	size_t		len;

	if (value->type == HMS_JSON_STRING && secret)
		blank_out(text, hms_json_text(value, &len));
	if (value->type != HMS_JSON_ARRAY && value->type != HMS_JSON_OBJECT)
		return;
	hms_json_open(&reader, value);
	if (value->type == HMS_JSON_ARRAY)
	{
		while (hms_json_element(&reader, &inner))
			hide_secrets(text, &inner, secret);
		return;
	}
	while (hms_json_pair(&reader, &key, &inner))
		hide_secrets(text, &inner, secret || is_secret_member(&key));
}

/*
 * A scalar of an answer as text of the server's encoding that is safe to show:
 * an API may repeat what it was sent.
 */
static char *
clean_scalar(const HmsExchange *exchange, const HmsJsonValue *value)
{
	HmsJsonValue body;
	size_t		len;
	char	   *text = hms_json_text(value, &len);

	if (exchange->body &&
		hms_json_check(exchange->body, strlen(exchange->body), &body) == NULL)
		hide_secrets(text, &body, false);
	return hms_clean_text(text, len);
}

/* The texts of an array, one after the other. */
static char *
clean_array(const HmsExchange *exchange, const HmsJsonValue *array)
{
	HmsJsonReader reader;
	HmsJsonValue element;
	StringInfoData buf;

	initStringInfo(&buf);
	hms_json_open(&reader, array);
	while (hms_json_element(&reader, &element))
	{
		if (element.type == HMS_JSON_STRING)
			appendStringInfo(&buf, "%s%s", buf.len > 0 ? "; " : "",
							 clean_scalar(exchange, &element));
	}
	return buf.data;
}

/* Read {"code", "message", "details"} where an answer has it. */
static ApiError
read_api_error(const HmsExchange *exchange)
{
	ApiError	error = {0};
	HmsJsonReader reader;
	HmsJsonValue top;
	HmsJsonValue key;
	HmsJsonValue value;

	if (exchange->outcome != HMS_ANSWERED ||
		hms_json_check(exchange->data, exchange->len, &top) != NULL ||
		top.type != HMS_JSON_OBJECT)
		return error;

	hms_json_open(&reader, &top);
	while (hms_json_pair(&reader, &key, &value))
	{
		bool		scalar = value.type == HMS_JSON_STRING ||
			value.type == HMS_JSON_NUMBER;

		if (scalar && hms_json_equals(&key, "code", strlen("code")))
			error.code = clean_scalar(exchange, &value);
		else if (value.type == HMS_JSON_STRING &&
				 hms_json_equals(&key, "message", strlen("message")))
			error.message = clean_scalar(exchange, &value);
		else if (hms_json_equals(&key, "details", strlen("details")))
		{
			if (value.type == HMS_JSON_ARRAY)
				error.details = clean_array(exchange, &value);
			else if (scalar)
				error.details = clean_scalar(exchange, &value);
		}
	}
	error.found = error.code != NULL && error.message != NULL;
	return error;
}

/* What an answer's code means, where the endpoint has errors of its own. */
static const HmsErrorCode *
own_error(const HmsCall *call)
{
	const HmsErrorCode *own = call->request->endpoint->codes;
	ApiError	error;

	if (own == NULL)
		return NULL;
	error = read_api_error(call->exchange);
	if (error.code == NULL)
		return NULL;
	while (own->code != 0 && strcmp(error.code, psprintf("%d", own->code)) != 0)
		own++;
	return own->code == 0 ? NULL : own;
}

bool
hms_call_is_missing(const HmsCall *call)
{
	ApiError	error;

	if (call->exchange->outcome != HMS_ANSWERED || call->exchange->status != 404)
		return false;
	error = read_api_error(call->exchange);
	return error.found && strcmp(error.code, "404") == 0;
}

/* --- repeating ------------------------------------------------------------------- */

/* The seconds that an answer asks to wait, or -1. */
static int64
asked_wait(const HmsExchange *exchange)
{
	static const char phrase[] = "retry after ";
	ApiError	error;
	const char *found;

	if (exchange->retry_after >= 0)
		return exchange->retry_after;
	if (exchange->status != 429)
		return -1;
	error = read_api_error(exchange);
	found = error.message ? strstr(error.message, phrase) : NULL;
	if (found == NULL && error.details)
		found = strstr(error.details, phrase);
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
	asked = asked_wait(call->exchange);
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

		if (exchange->outcome == HMS_ANSWERED &&
			exchange->status >= 200 && exchange->status < 300)
			call->state = own_error(call) ? HMS_CALL_FAILED : HMS_CALL_SUCCEEDED;
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

/* --- failures --------------------------------------------------------------------- */

static const char *
method_name(HmsMethod method)
{
	switch (method)
	{
		case HMS_GET:
			return "GET";
		case HMS_POST:
			return "POST";
		case HMS_DELETE:
			return "DELETE";
	}
	return "";
}

/* Method and path, for DETAIL. */
static char *
target(const HmsCall *call)
{
	return psprintf("%s %s", method_name(call->exchange->method),
					hms_clean_text(call->request->path, strlen(call->request->path)));
}

/* A write whose answer did not come may have been carried out. */
static const char *
doubt(const HmsCall *call)
{
	return call->exchange->method != HMS_GET && call->exchange->sent ?
		"The request was sent and may have been carried out; look before you repeat it." :
		NULL;
}

char *
hms_call_reason(const HmsCall *call)
{
	const HmsExchange *exchange = call->exchange;
	ApiError	error;

	switch (exchange->outcome)
	{
		case HMS_ANSWERED:
			error = read_api_error(exchange);
			if (error.message && error.message[0])
				return error.message;
			return psprintf("HTTP status %d", exchange->status);
		case HMS_NOT_CONNECTED:
		case HMS_CONNECT_TIMED_OUT:
			return "no connection to 100ms";
		case HMS_TIMED_OUT:
			return "no complete answer from 100ms in time";
		case HMS_BROKEN:
			return "connection to 100ms was lost";
		case HMS_GARBAGE:
			return "the answer is not HTTP";
		case HMS_TOO_LARGE:
			return "the answer is too large";
		case HMS_NO_MEMORY:
			return "out of memory";
	}
	return "";
}

/* What a person can do about an HTTP status. */
static const char *
status_hint(const HmsCall *call)
{
	int			status = call->exchange->status;

	if (status >= 300 && status < 400)
		return "A redirect is not followed.";
	if (call->auth == NULL && (status == 401 || status == 403))
		return "The link may have expired; ask 100ms for a new one.";
	if (status == 401 && OidIsValid(call->auth->account->server))
		return psprintf("Check the user mapping on server \"%s\", and that this machine's clock is right; SELECT * FROM hms_check() looks at each.",
						call->auth->account->server_name);
	if (status == 401)
		return "Check \"hms.access_key\" and the secret, and that the server's clock is right; SELECT * FROM hms_check() looks at each.";
	if (status == 403)
		return "The account may lack this permission, or the room may be disabled.";
	if (call->refused_wait >= 0)
		return psprintf("It asks to wait %lld s, longer than \"hms.max_retry_wait\" allows.",
						(long long) ((call->refused_wait + 999) / 1000));
	if (status >= 500)
		return doubt(call);
	return NULL;
}

/* Raise the error that an answer is. */
static void
raise_status(const HmsCall *call)
{
	int			status = call->exchange->status;
	ApiError	error = read_api_error(call->exchange);
	const HmsErrorCode *own = own_error(call);
	const char *hint = status_hint(call);

	/* an error that came as success is a bad request all the same */
	if (own)
		ereport(ERROR,
				(errcode(HMS_ERRCODE_HTTP(status < 400 ? 400 : status)),
				 errmsg("could not %s: %s", call->request->endpoint->doing, own->meaning),
				 errdetail_internal("Error code %d with HTTP status %d for %s. %s",
									own->code, status, target(call),
									error.message ? error.message : ""),
				 hint ? errhint("%s", hint) : 0));
	ereport(ERROR,
			(errcode(HMS_ERRCODE_HTTP(status)),
			 errmsg("could not %s: %s", call->request->endpoint->doing,
					hms_call_reason(call)),
			 errdetail_internal("HTTP status %d for %s.%s%s", status, target(call),
								error.details && error.details[0] ? " " : "",
								error.details ? error.details : ""),
			 hint ? errhint("%s", hint) : 0));
}

/* What makes an answer short enough. */
static const char *
size_hint(const HmsCall *call)
{
	if (call->exchange->max_size > 0)
		return psprintf("At most %zu bytes are accepted here.", call->exchange->max_size);
	if (call->rows > 0)
		return psprintf("A page of %d rows is the smallest that is asked for (setting \"hms.page_size\"); setting \"hms.max_response_size\" is the longest answer that is accepted.",
						call->rows);
	return "Setting \"hms.max_response_size\" is the longest answer that is accepted.";
}

void
hms_call_raise(const HmsCall *call)
{
	const HmsExchange *exchange = call->exchange;
	const char *doing = call->request->endpoint->doing;
	const char *reason = hms_call_reason(call);
	char	   *words = hms_clean_text(exchange->error, strlen(exchange->error));
	int			code = HMS_ERRCODE_CONNECTION_LOST;
	const char *hint = doubt(call);

	/* a backend that is told to stop says that, not what followed from it */
	CHECK_FOR_INTERRUPTS();

	switch (exchange->outcome)
	{
		case HMS_ANSWERED:
			raise_status(call);
			break;
		case HMS_NOT_CONNECTED:
			code = HMS_ERRCODE_NO_CONNECTION;
			break;
		case HMS_CONNECT_TIMED_OUT:
			code = HMS_ERRCODE_NO_CONNECTION;
			hint = "Setting \"hms.connect_timeout\" is the longest time to connect.";
			break;
		case HMS_TIMED_OUT:
			hint = psprintf("Setting \"hms.timeout\" is the longest time that a request may take.%s%s",
							hint ? " " : "", hint ? hint : "");
			break;
		case HMS_BROKEN:
			break;
		case HMS_GARBAGE:
			code = HMS_ERRCODE_MALFORMED;
			break;
		case HMS_TOO_LARGE:
			code = HMS_ERRCODE_MALFORMED;
			hint = size_hint(call);
			break;
		case HMS_NO_MEMORY:
			code = ERRCODE_OUT_OF_MEMORY;
			break;
	}
	ereport(ERROR,
			(errcode(code),
			 errmsg("could not %s: %s", doing, reason),
			 errdetail_internal("%s: %s.", target(call), words),
			 hint ? errhint("%s", hint) : 0));
}

void
hms_call_raise_malformed(const HmsCall *call, const char *why)
{
	const char *hint = doubt(call);

	ereport(ERROR,
			(errcode(HMS_ERRCODE_MALFORMED),
			 errmsg("could not %s: the answer is not what the API promises",
					call->request->endpoint->doing),
			 errdetail_internal("HTTP status %d for %s: %s.",
								call->exchange->status, target(call), why),
			 hint ? errhint("%s", hint) : 0));
}
