/*
 * paging.h
 *		How a list goes on from one page to the next: a struct of functions for
 *		each kind.
 *
 * Knows what a page says, and neither calls nor rows.
 */
#ifndef HMS_PAGING_H
#define HMS_PAGING_H

#include "postgres.h"

#include "endpoints.h"
#include "json.h"

typedef struct HmsPagingKind HmsPagingKind;

/* What a page says of the one that follows it. */
typedef struct HmsPageEnd
{
	const HmsPagingKind *kind;	/* the endpoint's, or the one that was shown */
	MemoryContext keep;			/* where its cursor lives */
	int			elements;		/* of its list, which may be fewer or more than
								 * its rows */
	int64		limit;			/* the rows that it could have held; -1: not told */
	char	   *cursor;			/* NULL: none */
	bool		has_next;
	int64		number;			/* of this page, or -1 */
	const char *fault;			/* what is wrong with it, or NULL */
} HmsPageEnd;

struct HmsPagingKind
{
	/* Take note of a member of the page; false: it says nothing of paging. */
	bool		(*note) (HmsPageEnd *end, const HmsJsonValue *key,
						 const HmsJsonValue *value);

	/* Does another page follow?  Asked when the page was read. */
	bool		(*follows) (const HmsPageEnd *end);

	/* The rows of the next smaller page that may be asked for, or 0. */
	int			(*smaller) (int limit);

	bool		by_number;		/* pages have numbers, not cursors */
	bool		cursor_is_sure; /* a cursor is enough for another page to follow */
	bool		rows_decide;	/* it is not: the page's rows are counted too */
};

extern const HmsPagingKind *hms_paging_kind(HmsPaging paging);

/* Forget what the page before said; the next one is of this kind. */
extern void hms_paging_begin(HmsPageEnd *end, const HmsPagingKind *kind);

#endif							/* HMS_PAGING_H */
