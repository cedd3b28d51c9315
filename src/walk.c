/*
 * walk.c
 *		A walk over the rows of an endpoint, page after page.
 *
 * A lane walks one room (or the whole list) at a time.  A list over several
 * rooms has several lanes, each of which takes the next room when it is done
 * with one; a plain list has a single lane.  One page is in a lane's hands at
 * a time: it is checked and indexed as a whole when it arrives, then its rows
 * are made one by one as they are asked for.  The next page is asked for when a
 * row of it is wanted, so that LIMIT costs no page that nobody reads; the other
 * lanes' requests are under way meanwhile.
 */
#include "postgres.h"

#include "common/hashfn.h"
#include "utils/hsearch.h"
#include "utils/memutils.h"

#include "call.h"
#include "json.h"
#include "settings.h"
#include "stats.h"
#include "walk.h"

/* A page as it is indexed. */
typedef struct Page
{
	char	   *data;			/* the text that the values below point into */
	size_t		capacity;
	HmsJsonValue *rows;
	HmsJsonValue *keys;			/* of rows that stand in a map, else NULL */
	int			count;
	int			size;			/* of the two arrays */
	int			next;			/* row to make next */

	/* what the page says of paging */
	int64		limit;			/* echoed, or -1 */
	char	   *cursor;			/* NULL: none */
	bool		has_next;		/* pagination.has_next */
	HmsPaging	shown;			/* for HMS_PAGE_AS_ANSWERED */
} Page;

typedef struct Lane
{
	HmsCall    *call;
	int			room;			/* index into the request's rooms, or -1 */
	int			page_number;	/* pages of this room asked for so far */
	bool		asking;			/* the call is under way */
	bool		more;			/* another page follows the one at hand */
	char	   *cursor;			/* with this cursor */
	Page		page;

	/* rows within a row: the reader stands in the nested member */
	bool		inside;
	bool		inside_map;
	HmsJsonReader nested;

	MemoryContext room_context; /* what is forgotten with the room */
	HTAB	   *seen;			/* cursors that this room has had */
} Lane;

struct HmsWalk
{
	MemoryContext context;
	const HmsRequest *request;
	HmsRowMaker *maker;
	HmsAuth    *auth;			/* from the first page on */
	Lane	   *lanes;
	int			nlanes;
	Lane	   *current;		/* whose rows are being made */
	int			next_room;
	bool		ended;
};

HmsWalk *
hms_walk_open(const HmsRequest *request, HmsRowMaker *maker)
{
	HmsWalk    *walk = palloc0(sizeof(HmsWalk));

	walk->context = CurrentMemoryContext;
	walk->request = request;
	walk->maker = maker;
	walk->nlanes = Min(request->nrooms, hms_max_connections);
	walk->lanes = palloc0(sizeof(Lane) * Max(walk->nlanes, 1));
	for (int i = 0; i < walk->nlanes; i++)
	{
		walk->lanes[i].room = -1;
		walk->lanes[i].room_context =
			AllocSetContextCreate(CurrentMemoryContext, "hms walk room",
								  ALLOCSET_SMALL_SIZES);
	}
	return walk;
}

/* --- asking ---------------------------------------------------------------------- */

/* Ask for the lane's next page. */
static void
start_page(HmsWalk *walk, Lane *lane)
{
	const HmsEndpoint *endpoint = walk->request->endpoint;
	MemoryContext old = MemoryContextSwitchTo(walk->context);
	int			limit = endpoint->paging == HMS_ONE_PAGE ? 0 : hms_page_size;
	bool		by_number = endpoint->paging == HMS_PAGE_BY_NUMBER ||
		(lane->page_number > 0 && lane->page.shown == HMS_PAGE_BY_NUMBER);

	if (walk->auth == NULL)
		walk->auth = hms_auth_create();
	if (lane->call == NULL)
		lane->call = hms_call_create(walk->request, walk->auth);
	lane->page_number++;
	lane->asking = true;
	hms_call_start(lane->call,
				   hms_request_url(walk->request, lane->room, limit, lane->cursor,
								   by_number ? lane->page_number : 0));
	MemoryContextSwitchTo(old);
}

/* Give the lane the next room, if there is one. */
static bool
start_room(HmsWalk *walk, Lane *lane)
{
	if (walk->next_room >= walk->request->nrooms)
	{
		lane->room = -1;
		return false;
	}
	lane->room = walk->next_room++;
	lane->page_number = 0;
	lane->cursor = NULL;
	lane->seen = NULL;
	lane->page.shown = HMS_ONE_PAGE;
	MemoryContextReset(lane->room_context);
	start_page(walk, lane);
	return true;
}

/* --- indexing a page --------------------------------------------------------------- */

/* Append a row to the page's index. */
static void
add_row(HmsWalk *walk, Page *page, const HmsJsonValue *key, const HmsJsonValue *row)
{
	if (page->count == page->size)
	{
		int			size = Max(page->size * 2, 128);

		if (page->rows == NULL)
		{
			page->rows = MemoryContextAlloc(walk->context, sizeof(HmsJsonValue) * size);
			page->keys = MemoryContextAlloc(walk->context, sizeof(HmsJsonValue) * size);
		}
		else
		{
			page->rows = repalloc_huge(page->rows, sizeof(HmsJsonValue) * size);
			page->keys = repalloc_huge(page->keys, sizeof(HmsJsonValue) * size);
		}
		page->size = size;
	}
	page->rows[page->count] = *row;
	if (key)
		page->keys[page->count] = *key;
	else
		page->keys[page->count].start = NULL;
	page->count++;
}

/* May the rows stand in a map by id? */
static bool
may_be_map(const HmsEndpoint *endpoint)
{
	return endpoint->rows_by_id || endpoint->paging == HMS_PAGE_AS_ANSWERED;
}

/* Index the rows in the array or map at which the reader stands. */
static void
index_rows(HmsWalk *walk, Lane *lane, HmsJsonReader *reader)
{
	HmsJsonReader rows;
	HmsJsonValue whole;
	HmsJsonValue key;
	HmsJsonValue row;
	const char *p = reader->next;
	bool		map;

	while (*p == ' ' || *p == '\n' || *p == '\r' || *p == '\t')
		p++;
	if (*p != '[' && !(*p == '{' && may_be_map(walk->request->endpoint)))
	{
		if (!hms_json_value(reader, &whole))
			return;
		if (whole.type != HMS_JSON_NULL)
			hms_call_raise_malformed(lane->call, "the member with the rows is not a list");
		return;
	}

	/* passes each row once: the container is not passed before it is opened */
	map = *p == '{';
	whole.type = map ? HMS_JSON_OBJECT : HMS_JSON_ARRAY;
	whole.start = p;
	whole.len = reader->end - p;
	hms_json_open(&rows, &whole);
	while (map ? hms_json_pair(&rows, &key, &row) : hms_json_element(&rows, &row))
	{
		if (row.type != HMS_JSON_OBJECT && hms_row_needs_object(walk->maker))
			hms_call_raise_malformed(lane->call, "a row is not an object");
		add_row(walk, &lane->page, map ? &key : NULL, &row);
	}
	reader->next = rows.next;
	reader->fault = rows.fault;
}

/* A string or number as a cursor; NULL when it is none. */
static char *
cursor_of(Lane *lane, const HmsJsonValue *value)
{
	MemoryContext old;
	char	   *text;
	size_t		len;

	if (value->type == HMS_JSON_NULL)
		return NULL;
	if (value->type != HMS_JSON_STRING && value->type != HMS_JSON_NUMBER)
		hms_call_raise_malformed(lane->call, "the cursor is not text");
	old = MemoryContextSwitchTo(lane->room_context);
	text = hms_json_text(value, &len);
	MemoryContextSwitchTo(old);
	return len == 0 ? NULL : text;
}

/* pagination.has_next */
static bool
has_next_page(const HmsJsonValue *pagination)
{
	HmsJsonReader reader;
	HmsJsonValue key;
	HmsJsonValue value;
	bool		has_next = false;

	if (pagination->type != HMS_JSON_OBJECT)
		return false;
	hms_json_open(&reader, pagination);
	while (hms_json_pair(&reader, &key, &value))
	{
		if (hms_json_equals(&key, "has_next", strlen("has_next")))
			has_next = value.type == HMS_JSON_TRUE;
	}
	return has_next;
}

/* Does this member hold the rows? */
static bool
is_rows_member(const HmsEndpoint *endpoint, const HmsJsonValue *key)
{
	static const char *const known[] = {
		"data", "events", "responses", "results", "peers"
	};

	if (endpoint->rows[0] != '\0')
		return hms_json_equals(key, endpoint->rows, strlen(endpoint->rows));
	for (int i = 0; i < (int) lengthof(known); i++)
	{
		if (hms_json_equals(key, known[i], strlen(known[i])))
			return true;
	}
	return false;
}

/* Take note of a member of the page that is about paging. */
static bool
index_paging(Lane *lane, HmsPaging paging, const HmsJsonValue *key,
			 const HmsJsonValue *value)
{
	Page	   *page = &lane->page;
	char		text[24];

	if (hms_json_equals(key, "limit", strlen("limit")))
	{
		if (value->type == HMS_JSON_NUMBER && value->len < sizeof(text))
		{
			memcpy(text, value->start, value->len);
			text[value->len] = '\0';
			page->limit = strtoll(text, NULL, 10);
		}
	}
	else if (hms_json_equals(key, "last", strlen("last")))
	{
		if (paging == HMS_PAGE_BY_LAST ||
			(paging == HMS_PAGE_AS_ANSWERED && page->shown != HMS_PAGE_BY_NEXT))
		{
			page->shown = HMS_PAGE_BY_LAST;
			page->cursor = cursor_of(lane, value);
		}
	}
	else if (hms_json_equals(key, "next", strlen("next")))
	{
		if (paging == HMS_PAGE_BY_NEXT || paging == HMS_PAGE_AS_ANSWERED)
		{
			page->shown = HMS_PAGE_BY_NEXT;
			page->cursor = cursor_of(lane, value);
		}
	}
	else if (hms_json_equals(key, "pagination", strlen("pagination")))
	{
		page->shown = HMS_PAGE_BY_NUMBER;
		page->has_next = has_next_page(value);
	}
	else
		return false;
	return true;
}

/* Check the answer as a whole and find its rows and what follows it. */
static void
index_page(HmsWalk *walk, Lane *lane)
{
	const HmsEndpoint *endpoint = walk->request->endpoint;
	HmsExchange *exchange = lane->call->exchange;
	Page	   *page = &lane->page;
	HmsJsonReader reader;
	HmsJsonValue top;
	HmsJsonValue key;
	HmsJsonValue value;
	bool		is_page = false;

	if (hms_json_begin(&reader, exchange->data, exchange->len) != NULL)
		hms_call_raise_malformed(lane->call, reader.fault);

	if (endpoint->rows == NULL)
	{
		/* the whole answer is the row */
		if (hms_json_value(&reader, &top) && hms_json_at_end(&reader))
		{
			if (top.type != HMS_JSON_OBJECT && hms_row_needs_object(walk->maker))
				hms_call_raise_malformed(lane->call, "it is not an object");
			add_row(walk, page, NULL, &top);
		}
	}
	else
	{
		top.start = exchange->data + strspn(exchange->data, " \t\r\n");
		top.len = exchange->data + exchange->len - top.start;
		top.type = *top.start == '{' ? HMS_JSON_OBJECT : HMS_JSON_ARRAY;
		if (*top.start == '[' && endpoint->rows[0] == '\0')
		{
			index_rows(walk, lane, &reader);
			is_page = true;
		}
		else if (*top.start == '{')
		{
			hms_json_open(&reader, &top);
			while (hms_json_member(&reader, &key))
			{
				if (is_rows_member(endpoint, &key))
				{
					page->count = 0;
					index_rows(walk, lane, &reader);
					is_page = true;
				}
				else if (hms_json_value(&reader, &value) &&
						 index_paging(lane, endpoint->paging, &key, &value))
					is_page = true;
			}
		}
		else
			hms_json_value(&reader, &value);
		(void) hms_json_at_end(&reader);
		if (reader.fault == NULL && !is_page)
			hms_call_raise_malformed(lane->call, "it is not a page of rows");
	}
	if (reader.fault)
		hms_call_raise_malformed(lane->call, reader.fault);
}

/* Note a cursor; raises when this room has had it before. */
static void
check_cursor(Lane *lane)
{
	uint64		hash[2];
	bool		found;
	size_t		len = strlen(lane->cursor);

	if (lane->seen == NULL)
	{
		HASHCTL		control = {0};

		control.keysize = sizeof(hash);
		control.entrysize = sizeof(hash);
		control.hcxt = lane->room_context;
		lane->seen = hash_create("hms cursors", 64, &control,
								 HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	}
	hash[0] = hash_bytes_extended((unsigned char *) lane->cursor, len, 0);
	hash[1] = hash_bytes_extended((unsigned char *) lane->cursor, len, 1);
	hash_search(lane->seen, hash, HASH_ENTER, &found);
	if (found)
		hms_call_raise_malformed(lane->call, "its cursor was there before, so the walk would not end");
}

/* Does another page follow this one? */
static bool
page_follows(HmsWalk *walk, Lane *lane)
{
	HmsPaging	paging = walk->request->endpoint->paging;
	const Page *page = &lane->page;

	if (paging == HMS_PAGE_AS_ANSWERED)
		paging = page->shown;
	switch (paging)
	{
		case HMS_PAGE_BY_LAST:
			return page->cursor != NULL && page->count > 0 &&
				page->count >= (page->limit > 0 ? page->limit : hms_page_size);
		case HMS_PAGE_BY_NEXT:
			return page->cursor != NULL;
		case HMS_PAGE_BY_NUMBER:
			return page->has_next && page->count > 0;
		default:
			return false;
	}
}

/* The lane's answer has come: take it as its page. */
static void
finish_page(HmsWalk *walk, Lane *lane)
{
	HmsExchange *exchange = lane->call->exchange;
	Page	   *page = &lane->page;
	char	   *data = page->data;
	size_t		capacity = page->capacity;

	lane->asking = false;
	page->count = 0;
	page->next = 0;
	page->limit = -1;
	page->has_next = false;
	page->cursor = NULL;
	lane->inside = false;

	if (lane->call->state == HMS_CALL_FAILED)
	{
		if (!(walk->request->endpoint->missing_ok && hms_call_is_missing(lane->call)))
			hms_call_raise(lane->call);
		lane->more = false;
		return;
	}
	index_page(walk, lane);

	/* the page keeps the text; the exchange goes on with the former buffer */
	page->data = exchange->data;
	page->capacity = exchange->capacity;
	exchange->data = data;
	exchange->capacity = capacity;
	hms_stats_counters.pages++;

	lane->more = page_follows(walk, lane);
	if (lane->more && page->cursor)
	{
		lane->cursor = page->cursor;
		check_cursor(lane);
	}
}

/* --- making rows ---------------------------------------------------------------------- */

/* The next row of the nested objects; false when they are all made. */
static bool
next_nested(HmsWalk *walk, Lane *lane, Datum *row, bool *isnull)
{
	HmsJsonValue key;
	HmsJsonValue value;

	if (!(lane->inside_map ? hms_json_pair(&lane->nested, &key, &value) :
		  hms_json_element(&lane->nested, &value)))
	{
		lane->inside = false;
		return false;
	}
	if (value.type != HMS_JSON_OBJECT)
		hms_call_raise_malformed(lane->call, "a nested row is not an object");
	*row = hms_row_make(walk->maker, &value, lane->inside_map ? &key : NULL, isnull);
	return true;
}

/*
 * Go into an object that holds rows.  True when it has none and is itself a
 * row, which is then made.
 */
static bool
enter_object(HmsWalk *walk, Lane *lane, const HmsJsonValue *object, Datum *row,
			 bool *isnull)
{
	HmsJsonValue nested;
	HmsJsonReader probe;
	HmsJsonValue ignored;
	bool		found = hms_row_enter(walk->maker, object, &nested);

	if (found)
	{
		if (nested.type != HMS_JSON_OBJECT && nested.type != HMS_JSON_ARRAY)
			hms_call_raise_malformed(lane->call, "the member with the nested rows is not a list");
		lane->inside_map = nested.type == HMS_JSON_OBJECT;
		hms_json_open(&lane->nested, &nested);
		probe = lane->nested;
		lane->inside = lane->inside_map ? hms_json_member(&probe, &ignored) :
			hms_json_element(&probe, &ignored);
	}
	if (lane->inside || !walk->request->endpoint->shape->outer)
		return false;
	*row = hms_row_make(walk->maker, NULL, NULL, isnull);
	return true;
}

/* The next row of the page at hand; false when they are all made. */
static bool
next_of_page(HmsWalk *walk, Lane *lane, Datum *row, bool *isnull)
{
	const HmsRowShape *shape = walk->request->endpoint->shape;
	Page	   *page = &lane->page;

	for (;;)
	{
		const HmsJsonValue *value;
		const HmsJsonValue *key;

		if (lane->inside && next_nested(walk, lane, row, isnull))
			return true;
		if (page->next >= page->count)
			return false;
		value = &page->rows[page->next];
		key = page->keys[page->next].start ? &page->keys[page->next] : NULL;
		page->next++;
		if (shape == NULL || shape->nested == NULL)
		{
			*row = hms_row_make(walk->maker, value, key, isnull);
			return true;
		}
		if (enter_object(walk, lane, value, row, isnull))
			return true;
	}
}

/* --- the walk --------------------------------------------------------------------------- */

/* Let the lane go on when it has no rows and asks for none; false: it rests. */
static bool
drive(HmsWalk *walk, Lane *lane)
{
	if (lane->room >= 0 && lane->more)
	{
		lane->more = false;
		start_page(walk, lane);
		return true;
	}
	return start_room(walk, lane);
}

/*
 * Find a lane with a page at hand, waiting for one if need be; NULL when the
 * walk has ended.
 */
static Lane *
next_lane(HmsWalk *walk)
{
	for (;;)
	{
		int64		deadline = HMS_NO_DEADLINE;
		bool		asking = false;

		for (int i = 0; i < walk->nlanes; i++)
		{
			Lane	   *lane = &walk->lanes[i];

			if (!lane->asking && !drive(walk, lane))
				continue;
			if (hms_call_ended(lane->call))
			{
				finish_page(walk, lane);
				return lane;
			}
			asking = true;
			deadline = Min(deadline, hms_call_deadline(lane->call));
		}
		if (!asking)
			return NULL;
		hms_transport_wait(deadline);
	}
}

bool
hms_walk_next(HmsWalk *walk, Datum *row, bool *isnull)
{
	while (!walk->ended)
	{
		if (walk->current &&
			next_of_page(walk, walk->current, row, isnull))
		{
			hms_stats_counters.rows++;
			return true;
		}
		walk->current = next_lane(walk);
		walk->ended = walk->current == NULL;
	}
	return false;
}
