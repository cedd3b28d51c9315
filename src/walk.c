/*
 * walk.c
 *		A walk over the rows of an endpoint, page after page.
 *
 * A lane walks one room (or the whole list) at a time.  A list over several
 * rooms has several lanes, each of which takes the next room when it is done
 * with one; a plain list has a single lane.  One page is in a lane's hands at
 * a time: it is read as a whole when it arrives, then its rows are returned one
 * by one as they are asked for.  The next page is asked for when a row of it is
 * wanted, so that LIMIT costs no page that nobody reads; where the query will
 * read everything, it is asked for as soon as it is certain that there is one,
 * and comes while rows of this page are made and returned.
 */
#include "postgres.h"

#include "common/hashfn.h"
#include "utils/builtins.h"
#include "utils/hsearch.h"
#include "utils/memutils.h"

#include "call.h"
#include "errors.h"
#include "failure.h"
#include "json.h"
#include "paging.h"
#include "settings.h"
#include "stats.h"
#include "walk.h"

/*
 * The first block for what a page's rows point to, which is kept from page to
 * page: a usual page fits, and the operating system is not asked for it again.
 */
#define PAGE_BLOCK_SIZE (64 * 1024)

/*
 * A page whose answer is this part of the longest one at most lets the next
 * page be twice as large again.
 */
#define ROOM_TO_GROW 4

/* A page that was read. */
typedef struct Page
{
	MemoryContext context;		/* what the rows point to; reset with each page */
	HmsRows    *rows;
	int			next;			/* row to return next */
	HmsPageEnd	end;			/* what it says of the next one */
} Page;

typedef struct Lane
{
	HmsCall    *call;			/* of the page that is asked for or at hand */
	HmsCall    *other;			/* the two take turns: one page is still being
								 * read while the next one is asked for */
	int			room;			/* index into the request's rooms, or -1 */
	const HmsRequest *request;	/* the walk's, or what is asked for instead */
	int			refused;		/* requests for this room that the API refused */
	int			page_number;	/* of this room, from 1 on, in pages of ... */
	int			limit;			/* ... so many rows; 0: not for us to say */
	bool		asking;			/* the call is under way */
	bool		ready;			/* its page was read before it was wanted */
	bool		more;			/* another page is to be asked for */
	char	   *cursor;			/* with this cursor */
	Page		page;
	MemoryContext room_context; /* what is forgotten with the room */
	HTAB	   *seen;			/* cursors that this room has had */
} Lane;

struct HmsWalk
{
	MemoryContext context;
	const HmsRequest *request;
	HmsRequest *growing;		/* the same, while more of its rooms are found */
	HmsWalk    *rooms;			/* by this walk; NULL: all are known */
	const HmsPagingKind *paging;
	bool		ahead;			/* ask for pages before their rows are wanted */
	HmsAuth    *auth;			/* from the first page on */
	Lane	   *lanes;
	int			nlanes;
	Lane	   *current;		/* whose rows are being made */
	int			next_room;
	bool		ended;
	dlist_head *group;			/* of walks that go on together, or NULL */
	dlist_node	member;			/* of it */
	HmsStats	used;
};

/* A walk of so many lanes. */
static HmsWalk *
open_walk(const HmsRequest *request, int nlanes, HmsRowMaker *maker, bool ahead)
{
	HmsWalk    *walk = palloc0(sizeof(HmsWalk));

	walk->context = CurrentMemoryContext;
	walk->request = request;
	walk->paging = hms_paging_kind(request->endpoint->paging);
	walk->ahead = ahead;
	walk->nlanes = nlanes;
	walk->lanes = palloc0(sizeof(Lane) * Max(walk->nlanes, 1));
	for (int i = 0; i < walk->nlanes; i++)
	{
		Lane	   *lane = &walk->lanes[i];

		lane->room = -1;
		lane->limit = request->has_limit ? 0 : hms_request_limit(request);
		lane->room_context =
			AllocSetContextCreate(CurrentMemoryContext, "hms walk room",
								  ALLOCSET_SMALL_SIZES);
		lane->page.context =
			AllocSetContextCreate(CurrentMemoryContext, "hms walk page", 0,
								  request->endpoint->paging == HMS_ONE_PAGE ?
								  ALLOCSET_DEFAULT_INITSIZE : PAGE_BLOCK_SIZE,
								  ALLOCSET_DEFAULT_MAXSIZE);
		lane->page.rows = hms_rows_create(maker);
		lane->page.end.keep = lane->room_context;
	}
	return walk;
}

HmsWalk *
hms_walk_open(const HmsRequest *request, HmsRowMaker *maker, bool ahead)
{
	return open_walk(request, Min(request->nrooms, hms_max_connections), maker, ahead);
}

HmsWalk *
hms_walk_open_over(HmsRequest *request, HmsWalk *rooms, HmsRowMaker *maker, bool ahead)
{
	HmsWalk    *walk;

	if (rooms == NULL)
		return hms_walk_open(request, maker, ahead);
	walk = open_walk(request, hms_max_connections, maker, ahead);
	walk->growing = request;
	walk->rooms = rooms;
	return walk;
}

const char *
hms_walk_room(const HmsWalk *walk)
{
	const Lane *lane = walk->current;

	return lane && lane->room >= 0 ? walk->request->rooms[lane->room] : NULL;
}

const HmsStats *
hms_walk_stats(const HmsWalk *walk)
{
	return &walk->used;
}

/* --- asking ---------------------------------------------------------------------- */

/* Ask for the page at which the lane stands, by its call. */
static void
ask(HmsWalk *walk, Lane *lane)
{
	MemoryContext old = MemoryContextSwitchTo(walk->context);

	lane->asking = true;
	lane->call->rows = lane->limit;
	hms_call_start(lane->call,
				   hms_request_url(lane->request,
								   lane->request == walk->request->instead[1] ? 0 : lane->room,
								   lane->limit, lane->cursor,
								   lane->page.end.kind->by_number ? lane->page_number : 0));
	MemoryContextSwitchTo(old);
}

/* Ask for the lane's next page. */
static void
start_page(HmsWalk *walk, Lane *lane)
{
	MemoryContext old = MemoryContextSwitchTo(walk->context);
	HmsCall    *call = lane->other;

	if (walk->auth == NULL)
		walk->auth = hms_auth_create(walk->request);
	if (call == NULL)
		call = hms_call_create(walk->request, walk->auth);
	MemoryContextSwitchTo(old);
	lane->other = lane->call;
	lane->call = call;
	lane->page_number++;
	lane->more = false;
	ask(walk, lane);
}

/*
 * Ask again for the page whose answer was too large, with fewer rows; false
 * when there is no smaller page.
 */
static bool
start_smaller_page(HmsWalk *walk, Lane *lane)
{
	int			limit = lane->page.end.kind->smaller(lane->limit);

	if (limit == 0)
		return false;
	lane->page_number = (lane->page_number - 1) * (lane->limit / limit) + 1;
	lane->limit = limit;
	hms_stats_counters.retries++;
	ask(walk, lane);
	return true;
}

/* A page was so short that the next one may have more rows again. */
static void
grow_page(const HmsWalk *walk, Lane *lane, size_t len)
{
	int			most = hms_request_limit(walk->request);

	if (lane->limit == 0 || lane->limit >= most || lane->page.end.kind->by_number ||
		len > (size_t) hms_max_response_size * 1024 / ROOM_TO_GROW)
		return;
	lane->limit = Min(lane->limit * 2, most);
}

/* Find another room; false: there are no more. */
static bool
find_room(HmsWalk *walk)
{
	MemoryContext old;
	HmsRows    *rows = NULL;
	int			row;
	const char *room;

	if (walk->rooms)
		rows = hms_walk_next(walk->rooms, &row);
	if (rows == NULL)
	{
		walk->rooms = NULL;
		return false;
	}
	if (hms_rows_nulls(rows, row)[0])
		return find_room(walk);
	old = MemoryContextSwitchTo(walk->context);
	room = TextDatumGetCString(hms_rows_values(rows, row)[0]);
	hms_request_add_room(walk->growing, room);
	if (walk->growing->instead[0])
		hms_request_add_room(walk->growing->instead[0], room);
	MemoryContextSwitchTo(old);
	return true;
}

/* Ask for the first page of the lane's room. */
static void
start_over(HmsWalk *walk, Lane *lane)
{
	lane->page_number = 0;
	lane->cursor = NULL;
	lane->seen = NULL;
	hms_paging_begin(&lane->page.end, walk->paging);
	MemoryContextReset(lane->room_context);
	start_page(walk, lane);
}

/* Give the lane the next room, if there is one. */
static bool
start_room(HmsWalk *walk, Lane *lane)
{
	if (walk->next_room >= walk->request->nrooms && !find_room(walk))
	{
		lane->room = -1;
		return false;
	}
	lane->room = walk->next_room++;
	lane->request = walk->request;
	lane->refused = 0;
	start_over(walk, lane);
	return true;
}

/* Does the API say that it cannot be asked so? */
static bool
is_refused(HmsCall *call)
{
	return call->exchange->outcome == HMS_ANSWERED &&
		(call->exchange->status == 400 || call->exchange->status == 404);
}

/*
 * The API refuses the first page.  Where that may be for what a condition of
 * the query gave, no error is due: true when something else is asked for
 * instead, or when it is known that the room has no rows.
 */
static bool
ask_instead(HmsWalk *walk, Lane *lane)
{
	if (lane->page_number != 1 || !is_refused(lane->call) ||
		lane->refused >= (int) lengthof(walk->request->instead))
		return false;
	for (; lane->refused < (int) lengthof(walk->request->instead); lane->refused++)
	{
		const HmsRequest *instead = walk->request->instead[lane->refused];

		if (instead)
		{
			lane->refused++;
			lane->request = instead;
			start_over(walk, lane);
			return true;
		}
	}
	return walk->request->room_is_condition;
}

/* --- reading a page ------------------------------------------------------------- */

/* Read the rows of the list, or the map by id, at which the reader stands. */
static void
read_rows(HmsWalk *walk, Page *page, HmsJsonReader *reader)
{
	const HmsEndpoint *endpoint = walk->request->endpoint;

	page->end.elements =
		hms_rows_read_each(page->rows, reader,
						   endpoint->rows_by_id ||
						   endpoint->paging == HMS_PAGE_AS_ANSWERED);
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

/* Go on with this cursor; raises when this room has had it before. */
static void
take_cursor(Lane *lane, HmsCall *call, char *cursor)
{
	uint64		hash[2];
	bool		found;
	size_t		len = strlen(cursor);

	if (lane->seen == NULL)
	{
		HASHCTL		control = {0};

		control.keysize = sizeof(hash);
		control.entrysize = sizeof(hash);
		control.hcxt = lane->room_context;
		lane->seen = hash_create("hms cursors", 64, &control,
								 HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	}
	lane->cursor = cursor;
	hash[0] = hash_bytes_extended((unsigned char *) cursor, len, 0);
	hash[1] = hash_bytes_extended((unsigned char *) cursor, len, 1);
	hash_search(lane->seen, hash, HASH_ENTER, &found);
	if (found)
		hms_call_raise_malformed(call, "its cursor was there before, so the walk would not end");
}

/*
 * Once a page has told a "next" cursor it is certain that another one follows:
 * where all rows will be read, ask for it while the rows of this one are made.
 */
static void
ask_early(HmsWalk *walk, Lane *lane, HmsCall *call)
{
	const HmsPageEnd *end = &lane->page.end;

	if (!walk->ahead || lane->asking || end->cursor == NULL ||
		!walk->paging->cursor_is_sure)
		return;
	take_cursor(lane, call, end->cursor);
	start_page(walk, lane);
}

/* A write to several objects says what it could not do beside those it did. */
static void
warn_partial(HmsCall *call, const HmsJsonValue *key, const HmsJsonValue *value)
{
	const HmsEndpoint *endpoint = call->request->endpoint;
	char	   *text;
	size_t		len;

	if (endpoint->method != HMS_POST || value->type != HMS_JSON_STRING ||
		!hms_json_equals(key, "error", strlen("error")))
		return;
	text = hms_json_text(value, &len);
	if (len > 0)
		ereport(WARNING,
				(errmsg("could not %s completely: %s", endpoint->doing,
						hms_secrets_clean(hms_call_secrets(call), text, len))));
}

/* Read the members of a page. */
static void
read_members(HmsWalk *walk, Lane *lane, HmsCall *call, HmsJsonReader *reader)
{
	const HmsEndpoint *endpoint = walk->request->endpoint;
	HmsPageEnd *end = &lane->page.end;
	HmsJsonReader inside;
	HmsJsonValue key;
	HmsJsonValue value;
	bool		is_page = false;

	if (!hms_json_enter(reader, HMS_JSON_OBJECT, &inside))
		return;
	while (hms_json_member(&inside, &key))
	{
		if (is_rows_member(endpoint, &key))
		{
			lane->page.rows->count = 0;
			read_rows(walk, &lane->page, &inside);
			is_page = true;
		}
		else if (hms_json_value(&inside, &value))
		{
			if (walk->paging->note(end, &key, &value))
			{
				if (end->fault)
					(void) hms_json_fail(&inside, end->fault);
				ask_early(walk, lane, call);
			}
			else
				warn_partial(call, &key, &value);
		}
	}
	hms_json_leave(reader, &inside);
	if (!is_page)
		hms_json_fail(reader, "it is not a page of rows");
}

/*
 * Read the answer as a whole: its rows, and what follows it.  In one pass, so
 * a page that is not well-formed raises before any of its rows is returned.
 */
static void
read_page(HmsWalk *walk, Lane *lane, HmsCall *call)
{
	const HmsEndpoint *endpoint = walk->request->endpoint;
	const HmsExchange *exchange = call->exchange;
	MemoryContext old = MemoryContextSwitchTo(lane->page.context);
	HmsJsonReader reader;

	if (hms_json_begin(&reader, exchange->data, exchange->len) == NULL)
	{
		if (endpoint->rows == NULL)
			hms_rows_read(lane->page.rows, &reader, NULL);
		else if (endpoint->rows[0] == '\0' && hms_json_peek(&reader) == HMS_JSON_ARRAY)
			read_rows(walk, &lane->page, &reader);
		else
			read_members(walk, lane, call, &reader);
		(void) hms_json_at_end(&reader);
	}
	MemoryContextSwitchTo(old);
	if (reader.fault)
		hms_call_raise_malformed(call, reader.fault);
}

/*
 * The lane's answer has come: read it as its page.  False: it was too large, or
 * refused, and something else is asked for.
 */
static bool
finish_page(HmsWalk *walk, Lane *lane)
{
	Page	   *page = &lane->page;
	HmsCall    *call = lane->call;
	int			number = lane->page_number;

	lane->asking = false;
	lane->more = false;
	if (call->state == HMS_CALL_FAILED &&
		call->exchange->outcome == HMS_TOO_LARGE && start_smaller_page(walk, lane))
		return false;
	MemoryContextReset(page->context);
	hms_rows_clear(page->rows);
	page->next = 0;
	hms_paging_begin(&page->end, walk->paging);

	if (call->state == HMS_CALL_FAILED)
	{
		if (!(walk->request->endpoint->missing_ok && hms_call_is_missing(call)) &&
			!ask_instead(walk, lane))
			hms_call_raise(call);
		return !lane->asking;
	}
	if (lane->request == walk->request->instead[1])
		return true;			/* it was the room that the API refused */
	grow_page(walk, lane, call->exchange->len);
	read_page(walk, lane, call);
	hms_stats_counters.pages++;
	walk->used.bytes += call->exchange->len;

	/* of members of one name the last counts, also after it was asked early */
	if (lane->asking && page->end.cursor &&
		strcmp(page->end.cursor, lane->cursor) == 0)
		return true;
	lane->asking = false;
	if (!page->end.kind->follows(&page->end))
		return true;

	if (page->end.cursor)
		take_cursor(lane, call, page->end.cursor);
	else if (page->end.number >= 0 && page->end.number != number)
		hms_call_raise_malformed(call, "it is another page than the one that was asked for, so the walk would not end");
	if (walk->ahead)
		start_page(walk, lane);
	else
		lane->more = true;
	return true;
}

/* --- the walk --------------------------------------------------------------------------- */

/* Let the lane go on when it has no rows and asks for none; false: it rests. */
static bool
drive(HmsWalk *walk, Lane *lane)
{
	if (lane->room >= 0 && lane->more)
	{
		start_page(walk, lane);
		return true;
	}
	return start_room(walk, lane);
}

/* Count what was done for this walk since then. */
static void
add_used(HmsWalk *walk, const HmsStats *since)
{
	walk->used.requests += hms_stats_counters.requests - since->requests;
	walk->used.retries += hms_stats_counters.retries - since->retries;
	walk->used.pages += hms_stats_counters.pages - since->pages;
	walk->used.usec_waited += hms_stats_counters.usec_waited - since->usec_waited;
}

/*
 * Let a walk go on while another one is waited for, without handing out a row:
 * it asks for its first page, and where all of its rows will be read also for
 * the one that follows a page that has come.  A failure is left for the time
 * when the walk's rows are wanted.  Returns when to look again at the latest.
 */
static int64
go_on(HmsWalk *walk)
{
	int64		deadline = HMS_NO_DEADLINE;
	HmsStats	before = hms_stats_counters;

	for (int i = 0; i < walk->nlanes; i++)
	{
		Lane	   *lane = &walk->lanes[i];

		if (walk->ended || lane->ready || lane->page.next < lane->page.rows->count)
			continue;
		if (!lane->asking && ((lane->room >= 0 && !walk->ahead) || !drive(walk, lane)))
			continue;
		if (!hms_call_ended(lane->call))
			deadline = Min(deadline, hms_call_deadline(lane->call));
		else if (walk->ahead && lane->call->state == HMS_CALL_SUCCEEDED)
			lane->ready = finish_page(walk, lane);
	}
	add_used(walk, &before);
	return deadline;
}

/* The same for the other walks of the group. */
static int64
let_others_go_on(HmsWalk *walk)
{
	int64		deadline = HMS_NO_DEADLINE;
	dlist_iter	iter;

	if (walk->group == NULL)
		return deadline;
	dlist_foreach(iter, walk->group)
	{
		HmsWalk    *other = dlist_container(HmsWalk, member, iter.cur);

		if (other != walk)
			deadline = Min(deadline, go_on(other));
	}
	return deadline;
}

void
hms_walk_begin(HmsWalk *walk)
{
	(void) go_on(walk);
}

void
hms_walk_join(HmsWalk *walk, dlist_head *group)
{
	walk->group = group;
	dlist_push_tail(group, &walk->member);
}

void
hms_walk_leave(HmsWalk *walk)
{
	if (walk->group)
		dlist_delete(&walk->member);
	walk->group = NULL;
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

			if (lane->ready)
			{
				lane->ready = false;
				return lane;
			}
			if (!lane->asking && !drive(walk, lane))
				continue;
			if (hms_call_ended(lane->call) && finish_page(walk, lane))
				return lane;
			asking = true;
			deadline = Min(deadline, hms_call_deadline(lane->call));
		}
		if (!asking)
			return NULL;
		hms_transport_wait(Min(deadline, let_others_go_on(walk)));
	}
}

void
hms_walk_go_ahead(HmsWalk *walk)
{
	HmsStats	before;

	if (walk->ahead)
		return;
	before = hms_stats_counters;
	walk->ahead = true;
	for (int i = 0; i < walk->nlanes; i++)
	{
		if (walk->lanes[i].more)
			start_page(walk, &walk->lanes[i]);
	}
	add_used(walk, &before);
}

HmsRows *
hms_walk_next(HmsWalk *walk, int *row)
{
	while (!walk->ended)
	{
		Page	   *page = walk->current ? &walk->current->page : NULL;
		HmsStats	before;

		if (page && page->next < page->rows->count)
		{
			*row = page->next++;
			hms_stats_counters.rows++;
			return page->rows;
		}
		before = hms_stats_counters;
		walk->current = next_lane(walk);
		walk->ended = walk->current == NULL;
		add_used(walk, &before);
	}
	return NULL;
}
