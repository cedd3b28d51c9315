/*
 * age.c
 *		How long 100ms keeps the events of a session, and saying that it has
 *		none any more.
 *
 * A list of events is empty for a session that is too old as for one in which
 * nothing happened.  To tell the two apart costs a request, so a statement that
 * finds many sessions empty looks at the first of them, the second, the fourth
 * and so on, until it has found one that is too old.
 */
#include "postgres.h"

#include "access/xact.h"
#include "utils/builtins.h"

#include "age.h"
#include "call.h"
#include "json.h"
#include "scalar.h"

/* The API keeps events that long. */
#define EVENT_LIFE (30 * USECS_PER_DAY)

/* Milliseconds that a look may take. */
#define LONGEST_LOOK 5000

static TimestampTz noted_statement = 0;

void
hms_age_note(TimestampTz ended)
{
	TimestampTz kept_since = GetCurrentStatementStartTimestamp() - EVENT_LIFE;

	if (ended >= kept_since || noted_statement == GetCurrentStatementStartTimestamp())
		return;
	noted_statement = GetCurrentStatementStartTimestamp();
	ereport(NOTICE,
			(errmsg("sessions that ended before %s have no events any more",
					timestamptz_to_str(kept_since)),
			 errdetail("100ms keeps events for 30 days."),
			 errhint("A mirror keeps them: hms_create_mirror, hms_sync.")));
}

/* Is this one of the empty sessions of the statement that are looked at? */
static bool
is_looked_at(void)
{
	static TimestampTz counted_statement = 0;
	static uint32 count = 0;

	if (counted_statement != GetCurrentStatementStartTimestamp())
		count = 0;
	counted_statement = GetCurrentStatementStartTimestamp();
	count++;
	return noted_statement != counted_statement && (count & (count - 1)) == 0;
}

/* When the session of this answer ended; DT_NOEND: it has not, or who knows. */
static TimestampTz
read_end(const HmsExchange *answer)
{
	TimestampTz ended = DT_NOEND;
	TimestampTz at;
	HmsJsonReader reader;
	HmsJsonReader session;
	HmsJsonValue key;
	HmsJsonValue value;
	size_t		len;

	if (hms_json_begin(&reader, answer->data, answer->len) ||
		!hms_json_enter(&reader, HMS_JSON_OBJECT, &session))
		return DT_NOEND;
	while (hms_json_pair(&session, &key, &value))
	{
		if (hms_json_equals(&key, "active", strlen("active")) &&
			value.type == HMS_JSON_TRUE)
			return DT_NOEND;
		if (hms_json_equals(&key, "updated_at", strlen("updated_at")) &&
			value.type == HMS_JSON_STRING &&
			hms_timestamp_of(hms_json_text(&value, &len), &at) && IS_VALID_TIMESTAMP(at))
			ended = at;
	}
	return session.fault ? DT_NOEND : ended;
}

void
hms_age_look(HmsAccount *account, const char *session_id)
{
	HmsArg		arg = {.type = TEXTOID, .value = CStringGetTextDatum(session_id)};
	HmsRequest *request;
	HmsCall    *call;
	int64		until = hms_clock_ms() + LONGEST_LOOK;

	if (!is_looked_at() || hms_request_holds_dots(session_id))
		return;
	request = hms_request_build(account, hms_endpoint("hms_session"), &arg, 1);
	call = hms_call_create(request, hms_auth_create(request));
	hms_call_start(call, hms_request_url(request, 0, 0, NULL, 0));
	while (!hms_call_ended(call))
	{
		if (call->state == HMS_CALL_BACKING_OFF || hms_clock_ms() >= until)
			return;
		hms_transport_wait(until);
	}
	if (call->state == HMS_CALL_SUCCEEDED)
		hms_age_note(read_end(call->exchange));
}
