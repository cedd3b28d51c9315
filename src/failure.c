/*
 * failure.c
 *		What the failure of a call means in SQL: SQLSTATE, message, detail, hint.
 */
#include "postgres.h"

#include "miscadmin.h"

#include "errors.h"
#include "failure.h"
#include "redact.h"

/* Digits of an id of 100ms; a name has seldom that many, and only those. */
#define ROOM_ID_LEN 24

/* Method and path, for DETAIL. */
static char *
target(HmsCall *call)
{
	return psprintf("%s %s", hms_method_name(call->exchange->method),
					hms_secrets_clean(hms_call_secrets(call), call->request->path,
									  strlen(call->request->path)));
}

/* A write whose answer did not come may have been carried out. */
static const char *
doubt(HmsCall *call)
{
	return call->exchange->method != HMS_GET && call->exchange->sent ?
		"The request was sent and may have been carried out; look before you repeat it." :
		NULL;
}

const char *
hms_call_reason(HmsCall *call)
{
	const HmsExchange *exchange = call->exchange;
	const HmsApiError *error;

	switch (exchange->outcome)
	{
		case HMS_ANSWERED:
			error = hms_call_error(call);
			if (error->message && error->message[0])
				return error->message;
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

/* How often it was tried, where that was more than once. */
static const char *
tries(HmsCall *call)
{
	return call->sendings > 1 ? psprintf(" (tried %d times)", call->sendings) : "";
}

char *
hms_call_words(HmsCall *call)
{
	const HmsExchange *exchange = call->exchange;

	return hms_secrets_clean(hms_call_secrets(call), exchange->error,
							 strlen(exchange->error));
}

/*
 * The room that the request names by something which is no id of 100ms, or
 * NULL.  Nothing that a path or query holds is more than one of its parts, so
 * that this is at its place, percent-encoded.
 */
static char *
room_by_name(HmsCall *call)
{
	static const char mark[] = "room_id=";
	const char *path = call->request->path;
	const char *pattern = call->request->endpoint->path;
	const char *found = NULL;
	size_t		len;

	while (pattern && found == NULL && *pattern && *path)
	{
		if (strncmp(pattern, "{room_id}", 9) == 0)
			found = path;
		else if (*pattern == '{')
		{
			pattern += strcspn(pattern, "}") + 1;
			path += strcspn(path, "/");
		}
		else if (*pattern++ != *path++)
			break;
	}
	if (found == NULL)
	{
		const char *query = strchr(call->url, '?');

		for (found = query ? strstr(query, mark) : NULL; found; found = strstr(found + 1, mark))
		{
			if (found[-1] == '?' || found[-1] == '&')
				break;
		}
		if (found == NULL)
			return NULL;
		found += strlen(mark);
	}
	len = strcspn(found, "/?&#");
	if (len == 0 || (len == ROOM_ID_LEN && strspn(found, "0123456789abcdefABCDEF") >= len))
		return NULL;
	return pnstrdup(found, len);
}

/* What a person can do about an HTTP status. */
static const char *
status_hint(HmsCall *call)
{
	int			status = call->exchange->status;
	char	   *room = status == 400 || status == 404 ? room_by_name(call) : NULL;

	if (room && strchr(room, '%') == NULL)
		return psprintf("An id has %d hexadecimal digits; \"%s\" may be the room's name: SELECT id FROM hms_rooms('%s').",
						ROOM_ID_LEN, hms_clean_text(room, strlen(room)),
						hms_clean_text(room, strlen(room)));
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
raise_status(HmsCall *call)
{
	int			status = call->exchange->status;
	const HmsApiError *error = hms_call_error(call);
	const HmsErrorCode *own = hms_call_own_error(call);
	const char *hint = status_hint(call);

	/* an error that came as success is a bad request all the same */
	if (own)
		ereport(ERROR,
				(errcode(HMS_ERRCODE_HTTP(status < 400 ? 400 : status)),
				 errmsg("could not %s: %s%s", call->request->endpoint->doing, own->meaning,
						tries(call)),
				 errdetail_internal("Error code %d with HTTP status %d for %s. %s",
									own->code, status, target(call),
									error->message ? error->message : ""),
				 hint ? errhint("%s", hint) : 0));
	ereport(ERROR,
			(errcode(HMS_ERRCODE_HTTP(status)),
			 errmsg("could not %s: %s%s", call->request->endpoint->doing,
					hms_call_reason(call), tries(call)),
			 errdetail_internal("HTTP status %d for %s.%s%s", status, target(call),
								error->details && error->details[0] ? " " : "",
								error->details ? error->details : ""),
			 hint ? errhint("%s", hint) : 0));
}

/* What makes an answer short enough. */
static const char *
size_hint(HmsCall *call)
{
	if (call->exchange->max_size > 0)
		return psprintf("At most %zu bytes are accepted here.", call->exchange->max_size);
	if (call->rows > 0)
		return psprintf("A page of %d rows is the smallest that is asked for (setting \"hms.page_size\"); setting \"hms.max_response_size\" is the longest answer that is accepted.",
						call->rows);
	return "Setting \"hms.max_response_size\" is the longest answer that is accepted.";
}

void
hms_call_raise(HmsCall *call)
{
	const HmsExchange *exchange = call->exchange;
	const char *doing = call->request->endpoint->doing;
	const char *reason = hms_call_reason(call);
	char	   *words = hms_call_words(call);
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
			 errmsg("could not %s: %s%s", doing, reason, tries(call)),
			 errdetail_internal("%s: %s.", target(call), words),
			 hint ? errhint("%s", hint) : 0));
}

void
hms_call_raise_malformed(HmsCall *call, const char *why)
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
