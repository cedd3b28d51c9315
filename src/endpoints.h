/*
 * endpoints.h
 *		The table of endpoints: what each function asks of the API.
 */
#ifndef HMS_ENDPOINTS_H
#define HMS_ENDPOINTS_H

#include "postgres.h"

#include "row.h"
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

/* Which of the two APIs serves it. */
typedef enum HmsBase
{
	HMS_API,
	HMS_BEAM
} HmsBase;

/* HmsParam.flags */
#define HMS_REQUIRED	0x01	/* NULL and the empty string are refused */
#define HMS_NOT_EMPTY	0x02	/* the empty string is refused, NULL is not */
#define HMS_WHOLE_BODY	0x04	/* a JSON object that is the body */
#define HMS_MEMBERS		0x08	/* a JSON object whose members are the query */
#define HMS_RAW_PATH	0x10	/* the path itself */
#define HMS_NOT_SENT	0x20	/* only checked */
#define HMS_POSITIVE	0x40	/* an interval of no time or less is refused */

/*
 * One argument of the function, in their order, or, with "fixed", a value that
 * is always sent and is no argument.  A name that the path holds in braces is
 * put there; otherwise it is sent in the query of a GET, in the body of a POST.
 */
typedef struct HmsParam
{
	const char *name;
	int			flags;
	const char *fixed;			/* as on the wire */
	const char *const *unless_given;	/* sent when the argument is NULL */
} HmsParam;

#define HMS_MAX_PARAMS 12
#define HMS_MAX_NEEDS 6

typedef struct HmsEndpoint
{
	const char *name;			/* of the SQL function, or of an internal call */
	const char *doing;			/* what it does, for "could not ..." */
	HmsMethod	method;
	HmsBase		base;
	const char *path;
	HmsParam	params[HMS_MAX_PARAMS];

	/* at least one of these two arguments is given */
	const char *one_of[2];

	/* members that an object inside the body needs once it is there: "a.b" */
	const char *needs[HMS_MAX_NEEDS];

	const char *rows;			/* member with the rows; NULL: the answer is one
								 * row; "": whichever member has them */
	bool		rows_by_id;		/* they stand in a map by id */
	HmsPaging	paging;
	const HmsRowShape *shape;

	bool		missing_ok;		/* a 404 in the API's own shape is no row */

	/* the functions that it serves, when that is not just "name" */
	const char *const *serves;
} HmsEndpoint;

/* Raises when there is none of this name. */
extern const HmsEndpoint *hms_endpoint(const char *name);

#endif							/* HMS_ENDPOINTS_H */
