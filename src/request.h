/*
 * request.h
 *		Requests built from an endpoint and SQL arguments; no I/O.
 */
#ifndef HMS_REQUEST_H
#define HMS_REQUEST_H

#include "postgres.h"

#include "catalog/pg_type.h"
#include "nodes/nodes.h"
#include "utils/jsonb.h"
#include "utils/timestamp.h"

#include "account.h"
#include "endpoints.h"
#include "token.h"

/* An argument of a SQL function. */
typedef struct HmsArg
{
	Oid			type;
	bool		isnull;
	Datum		value;
	bool		left_out;		/* it is null because the caller left it out */
	const char *shown;			/* stands for a value that is not known yet, in
								 * what EXPLAIN shows; else NULL */
} HmsArg;

/* One that is not given. */
#define HMS_NO_ARG ((HmsArg) {.type = TEXTOID, .isnull = true, .left_out = true})

/*
 * What is asked for, all percent-encoded and palloc'd.  A list over several
 * rooms is one request; hms_request_url says for which of them.
 */
typedef struct HmsRequest
{
	const HmsEndpoint *endpoint;
	HmsAccount *account;		/* whose request it is */
	const char *base;			/* its base URL */
	const char *path;
	const char *query;			/* without the question mark; may be empty */
	const char *body;			/* NULL: none */
	Jsonb	   *parsed;			/* the body, where the endpoint's rules or its
								 * "present" look at it, else NULL */
	const char **rooms;			/* room filters; one NULL: no such filter */
	const char **sessions;		/* one filter, or "", for each room, or NULL */
	int			nrooms;
	bool		room_in_path;	/* the rooms stand in the path, not in the query */
	bool		room_is_condition;	/* no argument gives the rooms */
	TimestampTz after;			/* the filter of that name; DT_NOBEGIN: none */
	const char *session_id;		/* the filter of that name, or NULL */
	bool		has_limit;		/* the caller has set the page size */
	bool		nothing;		/* an id is NULL, so there is nothing to ask for:
								 * no rooms, and no URL */
	HmsClaims  *claims;			/* of the auth token that the endpoint takes,
								 * without times; NULL: a management token */

	/*
	 * Where a condition of the query has given what the API refuses, this is
	 * asked for instead, or NULL: the same rooms by their arguments alone; and
	 * what the arguments are without the rooms, only to learn whether the API
	 * refuses that too.
	 */
	struct HmsRequest *instead[2];
} HmsRequest;

/*
 * Check the arguments and build the request in the current memory context, in
 * which the account was asked for;
 * raises 22004 or 22023 for what must not be sent.
 */
extern HmsRequest *hms_request_build(HmsAccount *account, const HmsEndpoint *endpoint,
									 const HmsArg *args, int nargs);

/* How many arguments the function has, and how many with those of conditions. */
extern int	hms_request_nargs(const HmsEndpoint *endpoint);
extern int	hms_request_nparams(const HmsEndpoint *endpoint);

/* Another room to be asked for. */
extern void hms_request_add_room(HmsRequest *request, const char *room);

/* The request as EXPLAIN shows it, relative to the base URL. */
extern char *hms_request_show(const HmsEndpoint *endpoint, const HmsArg *args);

/* Would this part of a path walk about in it? */
extern bool hms_request_holds_dots(const char *text);

/*
 * The arguments as SQL has given them: what not_given() has filled in is null
 * because it was left out.
 */
extern void hms_request_take_args(HmsArg *args, int nargs);

/* Is this expression a call of not_given()? */
extern bool hms_request_is_not_given(Node *node);

/* Is an id NULL that was not left out, so that a read finds nothing? */
extern bool hms_request_names_nothing(const HmsEndpoint *endpoint,
									  const HmsArg *args, int nargs);

/* Warn, once a statement, where a room's id looks like a name. */
extern void hms_request_warn_name(const char *room_id);

/* The argument of this name, or NULL. */
extern const HmsArg *hms_request_arg(const HmsEndpoint *endpoint,
									 const HmsArg *args, const char *name);

/* Whole seconds of an interval; a month has 30 days, a day 24 hours. */
extern int64 hms_interval_seconds(const Interval *interval);

/* Is the argument "overwrite" true? */
extern bool hms_request_overwrites(const HmsEndpoint *endpoint, const HmsArg *args);

/* The rows to ask for per page, or 0 where there are no pages. */
extern int	hms_request_limit(const HmsRequest *request);

/*
 * The URL of a page: "limit" rows (0: not sent), after this cursor or, when
 * "page" is not 0, the page of that number.
 */
extern char *hms_request_url(const HmsRequest *request, int room, int limit,
							 const char *cursor, int page);

/* The same with another value for the argument "before"; DT_NOEND: with its own. */
extern char *hms_request_window_url(const HmsRequest *request, int room, int limit,
									const char *cursor, int page, TimestampTz before);

#endif							/* HMS_REQUEST_H */
