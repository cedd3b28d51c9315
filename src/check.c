/*
 * check.c
 *		The checks of hms_check(): settings, library, connection, token, clock.
 *
 * A check that fails is a row, not an error.
 */
#include "postgres.h"

#include "access/xact.h"
#include "miscadmin.h"
#include "utils/guc.h"
#include "utils/memutils.h"
#include "utils/resowner.h"
#include "utils/varlena.h"

#include "call.h"
#include "check.h"
#include "endpoints.h"
#include "errors.h"
#include "failure.h"
#include "settings.h"
#include "token.h"
#include "transport.h"
#include "webhook.h"

/* A token is valid from HMS_TOKEN_SKEW before now; past this it may not be. */
#define MAX_CLOCK_SKEW HMS_TOKEN_SKEW

static List *
add(List *checks, const char *name, bool ok, const char *detail)
{
	HmsCheck   *check = palloc(sizeof(HmsCheck));

	check->name = name;
	check->ok = ok;
	check->detail = detail;
	return lappend(checks, check);
}

/* Does this list of libraries name ours? */
static bool
lists_hms(const char *setting)
{
	char	   *list = pstrdup(GetConfigOption(setting, true, false));
	List	   *files;
	ListCell   *cell;

	if (!SplitDirectoriesString(list, ',', &files))
		return false;
	foreach(cell, files)
	{
		const char *name = last_dir_separator(lfirst(cell));

		name = name ? name + 1 : lfirst(cell);
		if (strcmp(name, "hms") == 0 || strcmp(name, "hms.so") == 0)
			return true;
	}
	return false;
}

/* Add a check of an account; a server's are named after it. */
static List *
add_of(List *checks, const HmsAccount *account, const char *name, bool ok,
	   const char *detail)
{
	return add(checks, OidIsValid(account->server) ?
			   psprintf("server %s: %s", account->server_name, name) : name,
			   ok, detail);
}

/* Why no management token can be signed, or NULL. */
static const char *
token_fault(HmsAccount *account)
{
	MemoryContext context = CurrentMemoryContext;
	ResourceOwner owner = CurrentResourceOwner;
	const char *volatile fault = NULL;

	BeginInternalSubTransaction(NULL);
	MemoryContextSwitchTo(context);
	PG_TRY();
	{
		(void) hms_token_management(account);
		ReleaseCurrentSubTransaction();
	}
	PG_CATCH();
	{
		ErrorData  *error;

		MemoryContextSwitchTo(context);
		error = CopyErrorData();
		FlushErrorState();
		RollbackAndReleaseCurrentSubTransaction();

		/* who is told to stop, or has no memory left, has not checked anything */
		if (ERRCODE_TO_CATEGORY(error->sqlerrcode) == ERRCODE_OPERATOR_INTERVENTION ||
			ERRCODE_TO_CATEGORY(error->sqlerrcode) == ERRCODE_INSUFFICIENT_RESOURCES)
			ReThrowError(error);
		fault = error->detail ? psprintf("%s (%s)", error->message, error->detail) :
			error->message;
	}
	PG_END_TRY();
	MemoryContextSwitchTo(context);
	CurrentResourceOwner = owner;
	return fault;
}

/* The checks that need an answer of the API. */
static List *
check_answer(List *checks, HmsAccount *account)
{
	HmsRequest *request = hms_request_build(account, hms_endpoint("hms_check"), NULL, 0);
	HmsCall    *call = hms_call_create(request, hms_auth_create(request));
	const HmsExchange *exchange = call->exchange;
	bool		answered;
	int64		server_time;
	int64		skew;

	hms_call_start(call, hms_request_url(request, 0, 0, NULL, 0));
	hms_call_finish(call);
	answered = exchange->outcome == HMS_ANSWERED;

	checks = add_of(checks, account, "reachable", answered,
					answered ? psprintf("%s answered", request->base) :
					psprintf("%s: %s (%s)", request->base, hms_call_reason(call),
							 hms_call_words(call)));
	if (!answered)
		return checks;
	checks = add_of(checks, account, "token accepted", call->state == HMS_CALL_SUCCEEDED,
					call->state == HMS_CALL_SUCCEEDED ? "a list of rooms was answered" :
					psprintf("HTTP status %d: %s", exchange->status, hms_call_reason(call)));
	server_time = hms_exchange_server_time(exchange);
	if (server_time < 0)
		return checks;
	skew = hms_epoch_now() - server_time;
	return add_of(checks, account, "clock", llabs(skew) <= MAX_CLOCK_SKEW,
				  psprintf("this server is %lld s %s 100ms", (long long) llabs(skew),
						   skew < 0 ? "behind" : "ahead of"));
}

/* The checks of an account; each needs what the one before it found. */
static List *
check_account(List *checks, HmsAccount *account)
{
	bool		server = OidIsValid(account->server);
	bool		has_key = account->items[HMS_ACCESS_KEY][0] != '\0';
	bool		has_file = account->items[HMS_SECRET_FILE][0] != '\0';
	const char *fault;

	checks = add_of(checks, account, server ? "access_key" : "hms.access_key",
					has_key, has_key ? "is set" : "is empty");
	if (!has_file && account->items[HMS_SECRET][0] == '\0')
		return add_of(checks, account, "secret", false, server ?
					  "the user mapping has neither secret_file nor secret" :
					  "neither hms.secret_file nor hms.secret is set");
	if (!has_key)
		return checks;
	fault = token_fault(account);
	checks = add_of(checks, account, "secret", fault == NULL, fault ? fault :
					has_file ? (server ? "is read from secret_file" :
								"is read from hms.secret_file") :
					server ? "is set by secret, which the role that is mapped can read; secret_file hides it" :
					"is set by hms.secret; hms.secret_file keeps it out of the log and the catalogs");
	return fault ? checks : check_answer(checks, account);
}

List *
hms_check_all(void)
{
	List	   *checks = NIL;
	bool		preloaded = lists_hms("shared_preload_libraries") ||
		lists_hms("session_preload_libraries");
	HmsAccount *settings = hms_account_of_settings();
	const char *proof;
	bool		proven = hms_webhook_is_asked(&proof);
	const char *fault = hms_transport_fault();
	ListCell   *cell;

	checks = add(checks, "versions", fault == NULL,
				 psprintf("hms " HMS_VERSION ", PostgreSQL %s, %s%s%s",
						  GetConfigOption("server_version", false, false),
						  hms_transport_version(), fault ? ": " : "", fault ? fault : ""));
	checks = add(checks, "preload", preloaded, preloaded ?
				 "the library is loaded when a session starts" :
				 "without session_preload_libraries = 'hms' any role can read a secret that is set before the library is loaded");
	checks = add(checks, "hms.api_url", true, settings->items[HMS_API_URL]);
	checks = add(checks, "webhook proof", proven, proof);
	if (fault)
		return checks;
	checks = check_account(checks, settings);
	foreach(cell, hms_account_servers())
		checks = check_account(checks, hms_account_of_server(lfirst_oid(cell),
															 GetUserId()));
	return checks;
}
