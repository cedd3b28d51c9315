/*
 * request.h
 *		Requests built from an endpoint and SQL arguments; no I/O.
 */
#ifndef HMS_REQUEST_H
#define HMS_REQUEST_H

#include "postgres.h"

#include "endpoints.h"

/* An argument of a SQL function. */
typedef struct HmsArg
{
	Oid			type;
	bool		isnull;
	Datum		value;
} HmsArg;

/*
 * What is asked for, all percent-encoded and palloc'd.  A list over several
 * rooms is one request; hms_request_url says for which of them.
 */
typedef struct HmsRequest
{
	const HmsEndpoint *endpoint;
	const char *base;			/* base URL, as set when the request was built */
	const char *path;
	const char *query;			/* without the question mark; may be empty */
	const char *body;			/* NULL: none */
	const char **rooms;			/* room filters; one NULL: no such filter */
	int			nrooms;
	bool		has_limit;		/* the caller has set the page size */
} HmsRequest;

/*
 * Check the arguments and build the request in the current memory context;
 * raises 22004 or 22023 for what must not be sent.
 */
extern HmsRequest *hms_request_build(const HmsEndpoint *endpoint,
									 const HmsArg *args, int nargs);

/*
 * The URL of a page: "limit" rows (0: not sent), after this cursor or, when
 * "page" is not 0, the page of that number.
 */
extern char *hms_request_url(const HmsRequest *request, int room, int limit,
							 const char *cursor, int page);

#endif							/* HMS_REQUEST_H */
