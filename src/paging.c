/*
 * paging.c
 *		How a list goes on from one page to the next: a struct of functions for
 *		each kind.
 *
 * What ends a list by "last": no rows, no cursor, or fewer rows than the page
 * could have held, if it says how many that is.  What was asked for does not
 * count: a server may give less and not say so.  A list by "next" ends without
 * a cursor, and not before.
 */
#include "postgres.h"

#include "paging.h"

/*
 * The smallest page that the API promises for all of its lists.  Whether it
 * refuses a smaller one or makes it larger, nobody knows.
 */
#define SMALLEST_PAGE 10

/* A cursor goes into a URL, and is kept as long as its room is walked. */
#define MAX_CURSOR_LEN (16 * 1024)

void
hms_paging_begin(HmsPageEnd *end, const HmsPagingKind *kind)
{
	end->kind = kind;
	end->elements = 0;
	end->limit = -1;
	end->cursor = NULL;
	end->has_next = false;
	end->number = -1;
	end->fault = NULL;
}

/* --- members of a page ------------------------------------------------------- */

static bool
is_named(const HmsJsonValue *key, const char *name)
{
	return hms_json_equals(key, name, strlen(name));
}

/* A whole number that is not negative, or -1. */
static int64
number_of(const HmsJsonValue *value)
{
	char		text[20];

	if (value->type != HMS_JSON_NUMBER || value->len >= sizeof(text))
		return -1;
	memcpy(text, value->start, value->len);
	text[value->len] = '\0';
	return strtoll(text, NULL, 10);
}

/* Note the rows that the page could have held. */
static bool
note_limit(HmsPageEnd *end, const HmsJsonValue *key, const HmsJsonValue *value)
{
	if (!is_named(key, "limit"))
		return false;
	end->limit = number_of(value);
	return true;
}

/* Note a cursor: a string or a number that is not empty. */
static void
note_cursor(HmsPageEnd *end, const HmsJsonValue *value)
{
	MemoryContext old;
	size_t		len;

	end->cursor = NULL;
	if (value->type == HMS_JSON_NULL)
		return;
	if (value->type != HMS_JSON_STRING && value->type != HMS_JSON_NUMBER)
	{
		end->fault = "the cursor is not text";
		return;
	}
	if (value->len > MAX_CURSOR_LEN)
	{
		end->fault = "the cursor is too long";
		return;
	}
	old = MemoryContextSwitchTo(end->keep);
	end->cursor = hms_json_text(value, &len);
	MemoryContextSwitchTo(old);
	if (len == 0)
		end->cursor = NULL;
}

/* --- one page ---------------------------------------------------------------- */

static bool
note_nothing(HmsPageEnd *end pg_attribute_unused(),
			 const HmsJsonValue *key pg_attribute_unused(),
			 const HmsJsonValue *value pg_attribute_unused())
{
	return false;
}

static bool
nothing_follows(const HmsPageEnd *end pg_attribute_unused())
{
	return false;
}

static int
none_is_smaller(int limit pg_attribute_unused())
{
	return 0;
}

static const HmsPagingKind one_page = {
	.note = note_nothing,
	.follows = nothing_follows,
	.smaller = none_is_smaller,
};

/* --- by cursor ---------------------------------------------------------------- */

/* Half a page, but not less than the smallest one. */
static int
half(int limit)
{
	return limit > SMALLEST_PAGE ? Max(limit / 2, SMALLEST_PAGE) : 0;
}

static bool
note_last(HmsPageEnd *end, const HmsJsonValue *key, const HmsJsonValue *value)
{
	if (!is_named(key, "last"))
		return note_limit(end, key, value);
	note_cursor(end, value);
	return true;
}

static bool
follows_last(const HmsPageEnd *end)
{
	return end->cursor != NULL && end->elements > 0 &&
		(end->limit <= 0 || end->elements >= end->limit);
}

static const HmsPagingKind by_last = {
	.note = note_last,
	.follows = follows_last,
	.smaller = half,
	.rows_decide = true,
};

static bool
note_next(HmsPageEnd *end, const HmsJsonValue *key, const HmsJsonValue *value)
{
	if (!is_named(key, "next"))
		return note_limit(end, key, value);
	note_cursor(end, value);
	return true;
}

static bool
follows_next(const HmsPageEnd *end)
{
	return end->cursor != NULL;
}

static const HmsPagingKind by_next = {
	.note = note_next,
	.follows = follows_next,
	.smaller = half,
	.cursor_is_sure = true,
};

/* --- by number ----------------------------------------------------------------- */

static bool
note_pagination(HmsPageEnd *end, const HmsJsonValue *key, const HmsJsonValue *value)
{
	HmsJsonReader reader;
	HmsJsonValue inner_key;
	HmsJsonValue inner;

	if (!is_named(key, "pagination"))
		return false;
	end->has_next = false;
	end->number = -1;
	if (value->type != HMS_JSON_OBJECT)
		return true;
	hms_json_open(&reader, value);
	while (hms_json_pair(&reader, &inner_key, &inner))
	{
		if (is_named(&inner_key, "has_next"))
			end->has_next = inner.type == HMS_JSON_TRUE;
		else if (is_named(&inner_key, "current_page"))
			end->number = number_of(&inner);
	}
	return true;
}

static bool
follows_number(const HmsPageEnd *end)
{
	return end->has_next && end->elements > 0;
}

/* A page's number says where it begins only if its parts fill it. */
static int
whole_part(int limit)
{
	for (int part = limit / 2; part >= SMALLEST_PAGE; part--)
	{
		if (limit % part == 0)
			return part;
	}
	return 0;
}

static const HmsPagingKind by_number = {
	.note = note_pagination,
	.follows = follows_number,
	.smaller = whole_part,
	.by_number = true,
};

/* --- as the answer shows -------------------------------------------------------- */

/* A page that has both cursors goes by "next"; "last" is told beside it. */
static bool
note_any(HmsPageEnd *end, const HmsJsonValue *key, const HmsJsonValue *value)
{
	const HmsPagingKind *kind = is_named(key, "next") ? &by_next :
		is_named(key, "last") ? &by_last :
		is_named(key, "pagination") ? &by_number : NULL;

	if (kind == NULL)
		return note_limit(end, key, value);
	if (kind != &by_last || end->kind != &by_next)
	{
		end->kind = kind;
		(void) kind->note(end, key, value);
	}
	return true;
}

static const HmsPagingKind as_answered = {
	.note = note_any,
	.follows = nothing_follows, /* until a page has shown how it is done */
	.smaller = half,
	.rows_decide = true,
};

const HmsPagingKind *
hms_paging_kind(HmsPaging paging)
{
	switch (paging)
	{
		case HMS_PAGE_BY_LAST:
			return &by_last;
		case HMS_PAGE_BY_NEXT:
			return &by_next;
		case HMS_PAGE_BY_NUMBER:
			return &by_number;
		case HMS_PAGE_AS_ANSWERED:
			return &as_answered;
		case HMS_ONE_PAGE:
			break;
	}
	return &one_page;
}
