/*
 * endpoints.h
 *		The table of endpoints: what each function asks of the API.
 */
#ifndef HMS_ENDPOINTS_H
#define HMS_ENDPOINTS_H

#include "postgres.h"

#include "keys.h"
#include "row.h"
#include "rules.h"
#include "transport.h"

/* How a list goes on to its next page. */
typedef enum HmsPaging
{
	HMS_ONE_PAGE,
	HMS_PAGE_BY_LAST,			/* "last" -> start; ends with a short page too */
	HMS_PAGE_BY_NEXT,			/* "next" -> start; ends with an empty one only */
	HMS_PAGE_BY_NUMBER,			/* page=1, 2, ... while pagination.has_next */
	HMS_PAGE_AS_ANSWERED		/* whichever of them the answer shows */
} HmsPaging;

/* Which of the APIs serves it. */
typedef enum HmsBase
{
	HMS_API,					/* hms.api_url */
	HMS_BEAM,					/* hms.beam_url: legacy Beam and rooms */
	HMS_POLICY					/* hms.policy_url: legacy templates */
} HmsBase;

/* HmsParam.flags */
#define HMS_REQUIRED	0x01	/* NULL and the empty string are refused */
#define HMS_NOT_EMPTY	0x02	/* the empty string or, in a body, array is
								 * refused, NULL is not */
#define HMS_WHOLE_BODY	0x04	/* a JSON object that is the body */
#define HMS_MEMBERS		0x08	/* a JSON object whose members are the query */
#define HMS_RAW_PATH	0x10	/* the path itself */
#define HMS_NOT_SENT	0x20	/* only looked at */
#define HMS_POSITIVE	0x40	/* an interval of no time or less is refused */
#define HMS_ARRAY		0x80	/* the whole body is an array, not an object */
#define HMS_PAIRED		0x100	/* one of two arrays, room_id and session_id: a
								 * list is walked for each pair */
#define HMS_IN_QUERY	0x200	/* in the query also of a POST */
#define HMS_IN_TOKEN	0x400	/* a claim of an auth token, which the endpoint
								 * takes instead of a management token */
#define HMS_REPEATED	0x800	/* an array is a repeated key */
#define HMS_NO_ARGUMENT 0x1000	/* not of the function: conditions alone give
								 * it; behind all arguments */

#define HMS_ID			0x2000	/* it names what is asked for: NULL, unless the
								 * argument was left out, names nothing; in a
								 * write it is refused */

/* Which rows a parameter lets through, by one of their columns. */
typedef enum HmsFilterKind
{
	HMS_NO_FILTER,
	HMS_EQUAL,					/* those with this value */
	HMS_FROM,					/* from this time on */
	HMS_UNTIL					/* until this time */
} HmsFilterKind;

/*
 * One argument of the function, in their order, or, with "fixed", a value that
 * is always sent and is no argument.  A name that the path holds in braces is
 * put there; otherwise it is sent in the query of a GET, in the body of a POST.
 */
typedef struct HmsParam
{
	const char *name;
	const char *wire;			/* its name there, when that is another */
	int			flags;
	const char *fixed;			/* as on the wire */
	const char *const *unless_given;	/* sent when the argument is NULL */
	HmsFilterKind filter;		/* what it does to rows, where a condition on */
	const char *column;			/* this column may take its place */
} HmsParam;

#define HMS_MAX_PARAMS 12

StaticAssertDecl(HMS_MAX_PARAMS + 2 <= FUNC_MAX_ARGS,
				 "a function has the arguments of an endpoint behind a row and a name");

/* An error that the API tells by a number of its own, and what it means. */
typedef struct HmsErrorCode
{
	int			code;			/* 0 ends the list */
	const char *meaning;		/* for "could not ...: meaning" */
} HmsErrorCode;

typedef struct HmsEndpoint
{
	const char *name;			/* of the SQL function, or of an internal call */
	const char *doing;			/* what it does, for "could not ..." */
	HmsMethod	method;
	HmsBase		base;
	const char *path;
	HmsParam	params[HMS_MAX_PARAMS + 1];	/* the last one has no name */

	/* at least one of these two arguments is given; else this is the hint */
	const char *one_of[2];
	const char *one_of_hint;

	bool		warn_name;		/* the first argument is a room's id: warn where
								 * that looks like a name */

	const HmsRule *rules;		/* what the body must hold, or NULL */
	const HmsKeys *keys;		/* what it may hold, as far as is known, or NULL */

	/*
	 * A write that replaces what is there.  Unless its argument "overwrite" is
	 * true, the endpoint "present" is asked first, with the arguments and the
	 * body's members of the same names, and a row of it whose "identity" is
	 * that of the body (NULL: any row) refuses the write.
	 */
	const char *present;
	const char *identity;

	const char *rows;			/* member with the rows; NULL: the answer is one
								 * row; "": whichever member has them */
	bool		rows_by_id;		/* they stand in a map by id */
	HmsPaging	paging;
	const char *time;			/* the list comes newest first by this member,
								 * and arguments "after" and "before", both
								 * inclusive, filter by it; NULL: it does not */
	int			max_page;		/* rows of a page at most, when not 100 */
	const HmsRowShape *shape;

	bool		missing_ok;		/* a 404 in the API's own shape is no row */
	bool		fades;			/* events: old sessions have none any more, which
								 * is said of a session that has none */
	bool		plain_text;		/* the answer may be a sentence, not JSON */
	const HmsErrorCode *codes;	/* its own errors, in answers of any status */

	/* the functions that it serves, when that is not just "name" */
	const char *const *serves;

	double		expected;		/* rows that an account has, for the planner; of
								 * lists that is 1000 when it is 0 */

	/* as a foreign table: its name and its rows' type */
	const char *table;
	const char *row;
	const char *writers;		/* functions that change what it shows, or NULL */
	bool		enabled_rooms;	/* a list of all rooms is one of enabled ones */
} HmsEndpoint;

/* Raises when there is none of this name. */
extern const HmsEndpoint *hms_endpoint(const char *name);

/* The endpoints one after another, NULL after the last. */
extern const HmsEndpoint *hms_endpoint_at(int index);

/* An argument's name in the path, query or body. */
extern const char *hms_param_wire(const HmsParam *param);

#endif							/* HMS_ENDPOINTS_H */
