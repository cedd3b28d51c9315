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
 *
 * Where all of one long list will be read that has a filter of time, several
 * lanes walk it, each a window of its time: see "windows" below.
 */
#include "postgres.h"

#include <math.h>

#include "common/hashfn.h"
#include "utils/builtins.h"
#include "utils/hsearch.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

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

/* A value of a list by which time may be split, which may be several rows. */
typedef struct Element
{
	TimestampTz at;				/* DT_NOEND: it has no time */
	uint64		id;				/* hash of its id */
	int			reached;		/* rows of the page up to its end */
} Element;

/* A page that was read. */
typedef struct Page
{
	MemoryContext context;		/* what the rows point to; reset with each page */
	HmsRows    *rows;
	int			next;			/* row to return next */

	int			stop;			/* behind its last row, or that of its window */

	/* of a list that may be split */
	Element    *elements;
	int			nelements;		/* 0 also where one of them is odd */
	size_t		bytes;			/* of its answer */
	struct Page *later;			/* the next one of its window, or of the spare */
} Page;

typedef struct Window Window;

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
	HmsPageEnd	end;			/* what the page says of the next one */
	Page	   *page;
	Window	   *window;			/* that it walks, or NULL */
	int			throttled;		/* repetitions of its call that 429s asked for */
	struct Lane *spare;			/* the next one of those that rest */
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
	Page	   *at_hand;		/* of which rows are returned, or NULL */
	int			next_room;
	bool		ended;
	bool		found;			/* a page had rows */
	HmsRowMaker *maker;
	bool		may_split;		/* into windows, as far as is known */
	struct Split *split;		/* it is split; NULL: not */
	dlist_head *group;			/* of walks that go on together, or NULL */
	dlist_node	member;			/* of it */
	HmsStats	used;
};

/* An empty page in the current memory context. */
static Page *
create_page(const HmsWalk *walk)
{
	Page	   *page = palloc0(sizeof(Page));

	page->context =
		AllocSetContextCreate(CurrentMemoryContext, "hms walk page", 0,
							  walk->request->endpoint->paging == HMS_ONE_PAGE ?
							  ALLOCSET_DEFAULT_INITSIZE : PAGE_BLOCK_SIZE,
							  ALLOCSET_DEFAULT_MAXSIZE);
	page->rows = hms_rows_create(walk->maker);
	if (walk->may_split)
		hms_rows_note_values(page->rows, walk->request->endpoint->time);
	return page;
}

/* Make a lane in the current memory context. */
static void
init_lane(const HmsWalk *walk, Lane *lane)
{
	lane->room = -1;
	lane->limit = walk->request->has_limit ? 0 : hms_request_limit(walk->request);
	lane->room_context =
		AllocSetContextCreate(CurrentMemoryContext, "hms walk room",
							  ALLOCSET_SMALL_SIZES);
	lane->page = create_page(walk);
	lane->end.keep = lane->room_context;
}

/* A walk of so many lanes. */
static HmsWalk *
open_walk(const HmsRequest *request, int nlanes, HmsRowMaker *maker, bool ahead)
{
	HmsWalk    *walk = palloc0(sizeof(HmsWalk));

	walk->context = CurrentMemoryContext;
	walk->request = request;
	walk->paging = hms_paging_kind(request->endpoint->paging);
	walk->maker = maker;
	walk->ahead = ahead;
	walk->nlanes = nlanes;
	walk->may_split = request->endpoint->time != NULL && nlanes == 1 &&
		hms_max_connections > 1;
	walk->lanes = palloc0(sizeof(Lane) * Max(walk->nlanes, 1));
	for (int i = 0; i < walk->nlanes; i++)
		init_lane(walk, &walk->lanes[i]);
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
	const Lane *lane = walk->split ? walk->lanes : walk->current;

	return lane && lane->room >= 0 ? walk->request->rooms[lane->room] : NULL;
}

bool
hms_walk_is_empty(const HmsWalk *walk)
{
	return !walk->found;
}

const HmsStats *
hms_walk_stats(const HmsWalk *walk)
{
	return &walk->used;
}

/* --- asking ---------------------------------------------------------------------- */

static TimestampTz window_end(const Lane *lane);
static bool may_run_ahead(const HmsWalk *walk, const Lane *lane);

/* Ask for the page at which the lane stands, by its call. */
static void
ask(HmsWalk *walk, Lane *lane)
{
	MemoryContext old = MemoryContextSwitchTo(walk->context);

	lane->asking = true;
	lane->call->rows = lane->limit;
	hms_call_start(lane->call,
				   hms_request_window_url(lane->request,
										  lane->request == walk->request->instead[1] ?
										  0 : lane->room,
										  lane->limit, lane->cursor,
										  lane->end.kind->by_number ?
										  lane->page_number : 0,
										  window_end(lane)));
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
	int			limit = lane->end.kind->smaller(lane->limit);

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

	if (lane->limit == 0 || lane->limit >= most || lane->end.kind->by_number ||
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
	hms_paging_begin(&lane->end, walk->paging);
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

/* What is noted of a value, as an element; false: it has no id. */
static bool
note_element(Element *element, const HmsNote *note)
{
	size_t		len;

	if (note->id.start == NULL)
		return false;
	element->id = hash_bytes_extended((const unsigned char *) note->id.start,
									  (int) note->id.len, 0);
	element->reached = note->reached;
	if (note->time.start == NULL || note->time.type != HMS_JSON_STRING ||
		!hms_timestamp_of(hms_json_text(&note->time, &len), &element->at) ||
		!IS_VALID_TIMESTAMP(element->at))
		element->at = DT_NOEND;
	return true;
}

/* Note the elements of the list that the page's rows were made from. */
static void
note_elements(Page *page)
{
	const HmsRows *rows = page->rows;

	page->nelements = 0;
	page->elements = palloc(sizeof(Element) * rows->nnotes);
	for (int i = 0; i < rows->nnotes; i++)
	{
		if (!note_element(&page->elements[i], &rows->notes[i]))
			return;
	}
	page->nelements = rows->nnotes;
}

/* Read the rows of the list, or the map by id, at which the reader stands. */
static void
read_rows(HmsWalk *walk, Lane *lane, HmsJsonReader *reader)
{
	const HmsEndpoint *endpoint = walk->request->endpoint;

	lane->end.elements =
		hms_rows_read_each(lane->page->rows, reader,
						   endpoint->rows_by_id ||
						   endpoint->paging == HMS_PAGE_AS_ANSWERED);
	if (walk->may_split && walk->ahead && reader->fault == NULL)
		note_elements(lane->page);
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
	const HmsPageEnd *end = &lane->end;

	if (!walk->ahead || lane->asking || end->cursor == NULL ||
		!walk->paging->cursor_is_sure)
		return;
	take_cursor(lane, call, end->cursor);
	start_page(walk, lane);
}

/*
 * The same where the rows, at which the reader stands, decide too: they are
 * counted, and what follows them is looked at first.  It is read again in its turn.
 */
static void
ask_by_end(HmsWalk *walk, Lane *lane, HmsCall *call, const HmsJsonReader *reader)
{
	HmsJsonReader ahead = *reader;
	HmsPageEnd	end = lane->end;
	HmsJsonValue key;
	HmsJsonValue value;

	if (!walk->ahead || lane->asking || !walk->paging->rows_decide ||
		!may_run_ahead(walk, lane))
		return;
	end.elements = hms_json_count_inner(&ahead);
	while (hms_json_pair(&ahead, &key, &value))
	{
		if (is_rows_member(walk->request->endpoint, &key))
			return;
		(void) walk->paging->note(&end, &key, &value);
	}
	if (ahead.fault || end.fault || end.cursor == NULL || !end.kind->follows(&end))
		return;
	take_cursor(lane, call, end.cursor);
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
	HmsPageEnd *end = &lane->end;
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
			lane->page->rows->count = 0;
			ask_by_end(walk, lane, call, &inside);
			read_rows(walk, lane, &inside);
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
	MemoryContext old = MemoryContextSwitchTo(lane->page->context);
	HmsJsonReader reader;

	if (hms_json_begin(&reader, exchange->data, exchange->len) == NULL)
	{
		if (endpoint->rows == NULL)
			hms_rows_read(lane->page->rows, &reader, NULL);
		else if (endpoint->rows[0] == '\0' && hms_json_peek(&reader) == HMS_JSON_ARRAY)
			read_rows(walk, lane, &reader);
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
	Page	   *page = lane->page;
	HmsCall    *call = lane->call;
	int			number = lane->page_number;

	lane->asking = false;
	lane->more = false;
	if (call->state == HMS_CALL_FAILED &&
		call->exchange->outcome == HMS_TOO_LARGE && start_smaller_page(walk, lane))
		return false;
	MemoryContextReset(page->context);
	hms_rows_clear(page->rows);
	page->next = page->stop = 0;
	page->nelements = 0;
	hms_paging_begin(&lane->end, walk->paging);

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
	page->stop = page->rows->count;
	walk->found = walk->found || page->stop > 0;
	hms_stats_counters.pages++;
	walk->used.bytes += call->exchange->len;

	/* of members of one name the last counts, also after it was asked early */
	if (lane->asking && lane->end.cursor &&
		strcmp(lane->end.cursor, lane->cursor) == 0)
		return true;
	lane->asking = false;
	if (!lane->end.kind->follows(&lane->end))
		return true;

	if (lane->end.cursor)
		take_cursor(lane, call, lane->end.cursor);
	else if (lane->end.number >= 0 && lane->end.number != number)
		hms_call_raise_malformed(call, "it is another page than the one that was asked for, so the walk would not end");
	if (walk->ahead && lane->window == NULL)
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

		if (walk->ended || lane->ready || lane->page->next < lane->page->stop)
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
	walk->may_split = false;
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
		hms_row_maker_get_ready(walk->maker);
		hms_transport_wait(Min(deadline, let_others_go_on(walk)));
	}
}

/* --- windows ------------------------------------------------------------------------ */

/*
 * A list that comes newest first, has a filter of time and will be read to its
 * end is split into windows of time, which several lanes walk side by side and
 * whose rows are returned newest window first: in the order of the list.
 *
 * A window asks for what is not newer than its upper border, and goes on past
 * its lower border until it sees a row that is older: the first row of the next
 * window.  So each border is checked without a request of its own: where the
 * next window has not begun with that very row, or rows come in another order,
 * the filter is not what it is taken for; the other windows are then forgotten
 * before a row of them was returned, and the list is read on one by one.  The
 * first border is right behind the second page, and no more windows are made
 * before it has been checked.
 *
 * The filter is inclusive and to the millisecond, so borders are whole
 * milliseconds, and a row belongs to the window that its own time lies in.  A
 * row without a time belongs to where it stands in the list; where the first
 * window, which asks without the filter, has one, the list is read on one by
 * one, for what the filter does to such rows nobody knows.
 *
 * The end of the list is found by the last window, which has no lower border.
 * New windows are cut off it, as far apart as that many pages seem to be, and
 * when there is nothing left to cut off the longest of the others is halved: so
 * a history of any shape keeps all connections busy.
 */
#define WINDOW_PAGES 14
#define SPLIT_FROM 3			/* the page that is under way when it begins */
#define HALVED_PAGES 2			/* a shorter window is not halved */

/*
 * Pages for each connection that may wait for the rows before them; all of them
 * are not larger than one answer may be, or little more.
 */
#define WAITING_PAGES 14

struct Window
{
	dlist_node	node;			/* newest first */
	Lane	   *lane;
	TimestampTz before;			/* upper border: rows are older; DT_NOEND: none */
	TimestampTz from;			/* lower border; DT_NOBEGIN: none */
	TimestampTz position;		/* of the last row that has come */
	double		pace;			/* microseconds that a page takes */
	Page	   *first;			/* pages that have come and are not returned */
	Page	   *last;
	bool		begun;			/* it is known which row is its first, or that
								 * there is none */
	bool		walked;			/* all of it has come */
	bool		failed;			/* its call has, and is left for when its rows
								 * are wanted */
	bool		has_first;
	uint64		first_id;		/* of its first row */
	bool		has_next;
	uint64		next_id;		/* of the first row behind its lower border */
};

typedef struct Split
{
	dlist_head	windows;		/* those that are not returned */
	int			pages;			/* that have come */
	int			wasted;			/* of them, those without a row of their window */
	int			waiting;		/* of them, those that are not of the first window */
	size_t		waiting_bytes;	/* of their answers */
	bool		checked;		/* a border was, and it holds */
	bool		given_up;		/* a border did not hold */
	TimestampTz after;			/* there is nothing older */
	const HmsRequest *request;	/* what is asked for, as of a lane */
	Page	   *spare_pages;
	Lane	   *spare_lanes;

	/* what 429s have left of the connections */
	int			allowed;
	int			since_throttled;	/* pages that have come since */
	int64		not_before;		/* on hms_clock_ms, for new requests */
} Split;

/* Until when the lane's rows are asked for; DT_NOEND where that is not split. */
static TimestampTz
window_end(const Lane *lane)
{
	return lane->window ? lane->window->before : DT_NOEND;
}

static Window *
first_window(Split *split)
{
	return dlist_is_empty(&split->windows) ? NULL :
		dlist_container(Window, node, split->windows.head.next);
}

/* The window behind this one, or NULL. */
static Window *
next_window(Split *split, Window *window)
{
	return dlist_has_next(&split->windows, &window->node) ?
		dlist_container(Window, node, dlist_next_node(&split->windows, &window->node)) :
		NULL;
}

/* A whole millisecond, not later. */
static TimestampTz
whole_ms(double time)
{
	return (TimestampTz) (floor(time / 1000) * 1000);
}

/* Is this a border that can be asked for? */
static bool
is_border(const Split *split, double time)
{
	/* the years 1 to 9999, roughly */
	return time > -63.0e15 && time < 252.0e15 &&
		(TIMESTAMP_NOT_FINITE(split->after) || time > split->after);
}

/* A page and a lane that nobody uses. */
static Page *
take_page(HmsWalk *walk)
{
	Page	   *page = walk->split->spare_pages;
	MemoryContext old;

	if (page)
		walk->split->spare_pages = page->later;
	else
	{
		old = MemoryContextSwitchTo(walk->context);
		page = create_page(walk);
		MemoryContextSwitchTo(old);
	}
	page->later = NULL;
	return page;
}

static void
give_page(Split *split, Page *page)
{
	MemoryContextReset(page->context);
	hms_rows_clear(page->rows);
	page->later = split->spare_pages;
	split->spare_pages = page;
}

/* Is something still under way that this spare lane has asked for? */
static bool
is_busy(const Lane *lane)
{
	return lane->asking && !lane->call->exchange->done;
}

static Lane *
take_lane(HmsWalk *walk)
{
	Lane	  **place = &walk->split->spare_lanes;
	Lane	   *lane;
	MemoryContext old;

	/* to take one that is busy would cost its connection */
	while (*place && is_busy(*place))
		place = &(*place)->spare;
	lane = *place;
	if (lane)
		*place = lane->spare;
	else
	{
		old = MemoryContextSwitchTo(walk->context);
		lane = palloc0(sizeof(Lane));
		init_lane(walk, lane);
		MemoryContextSwitchTo(old);
	}
	lane->room = 0;
	lane->request = walk->split->request;
	lane->refused = 0;
	lane->page_number = 0;
	lane->asking = false;
	lane->more = false;
	lane->throttled = 0;
	lane->cursor = NULL;
	lane->seen = NULL;
	hms_paging_begin(&lane->end, walk->paging);
	MemoryContextReset(lane->room_context);
	return lane;
}

/* Put a window behind another one, or at the beginning. */
static Window *
add_window(HmsWalk *walk, Window *newer, Lane *lane, TimestampTz before,
		   TimestampTz from)
{
	Split	   *split = walk->split;
	Window	   *window = MemoryContextAllocZero(walk->context, sizeof(Window));

	window->lane = lane;
	window->before = before;
	window->from = from;
	/* a filter that goes by milliseconds also takes what is later within one */
	window->position = TIMESTAMP_IS_NOEND(before) ? before : before + 999;
	lane->window = window;
	if (newer)
		dlist_insert_after(&newer->node, &window->node);
	else
		dlist_push_head(&split->windows, &window->node);
	return window;
}

/* Cut a new window off this one's older end. */
static Window *
cut_window(HmsWalk *walk, Window *window, TimestampTz border)
{
	Window	   *older = add_window(walk, window, take_lane(walk), border, window->from);

	window->from = border;
	return older;
}

/* Forget a window; what its lane has asked for is not waited for. */
static void
remove_window(Split *split, Window *window)
{
	dlist_delete(&window->node);
	while (window->first)
	{
		Page	   *page = window->first;

		window->first = page->later;
		give_page(split, page);
	}
	window->lane->window = NULL;
	window->lane->spare = split->spare_lanes;
	split->spare_lanes = window->lane;
	pfree(window);
}

/* A border does not hold: the first window is all that remains, to the end. */
static void
give_up(Split *split)
{
	Window	   *window = first_window(split);
	Window	   *older;

	split->given_up = true;
	while ((older = next_window(split, window)) != NULL)
		remove_window(split, older);
	split->waiting = 0;
	split->waiting_bytes = 0;
	window->from = DT_NOBEGIN;
	window->walked = !window->lane->more && !window->lane->asking;
	if (window->last)
		window->last->stop = window->last->rows->count;
}

/* Which rows of a page are the window's; false: they are in no such order. */
static bool
place_page(Window *window, Page *page)
{
	TimestampTz newest = window->position;
	TimestampTz reached = window->position;
	bool		is_first = !window->has_first;
	int			rows = 0;
	int			ntimes = 0;

	if (page->nelements == 0 && page->rows->count > 0)
		return false;
	for (int i = 0; i < page->nelements; i++)
	{
		const Element *element = &page->elements[i];
		TimestampTz at = TIMESTAMP_IS_NOEND(element->at) ? window->position : element->at;

		if (at > window->position ||
			(TIMESTAMP_IS_NOEND(element->at) && TIMESTAMP_IS_NOEND(window->before)))
			return false;
		if (!TIMESTAMP_IS_NOEND(element->at) && ntimes++ == 0)
			newest = at;
		if (!window->has_first && at >= window->before && !TIMESTAMP_IS_NOEND(window->before))
			page->next = element->reached;	/* it is of the window before */
		else if (at < window->from)
		{
			if (!window->has_first)
			{
				window->has_first = true;
				window->first_id = element->id;
			}
			window->has_next = true;
			window->next_id = element->id;
			window->walked = true;
			page->stop = rows;
			window->position = at;
			break;
		}
		else if (!window->has_first)
		{
			window->has_first = true;
			window->first_id = element->id;
		}
		window->position = at;
		rows = element->reached;
	}
	/* a page of one instant is as long as it is after the one before it */
	if (ntimes > 1 && newest > window->position)
		window->pace = (double) (newest - window->position) / (ntimes - 1) *
			page->nelements;
	else if (ntimes > 0 && !is_first)
		window->pace = reached - window->position;
	return true;
}

/* The pages of this window wait for no others any more. */
static void
stop_waiting(Split *split, const Window *window)
{
	for (const Page *page = window->first; page; page = page->later)
	{
		split->waiting--;
		split->waiting_bytes -= page->bytes;
	}
}

/* The list has ended in this window: there is nothing to ask of the older ones. */
static void
end_list(Split *split, Window *window, Page *page)
{
	Window	   *older;

	while ((older = next_window(split, window)) != NULL)
	{
		stop_waiting(split, older);
		remove_window(split, older);
	}
	window->from = DT_NOBEGIN;
	window->has_next = false;
	window->next_id = 0;
	page->stop = page->rows->count;
}

/* A page of the window has come. */
static void
add_page(Split *split, Window *window, Page *page)
{
	bool		is_first = window == first_window(split);

	page->stop = page->rows->count;
	if (!split->given_up && !place_page(window, page))
	{
		give_up(split);
		if (!is_first)
		{
			give_page(split, page);
			return;
		}
		page->stop = page->rows->count;
	}
	if (!window->lane->more && !window->lane->asking)
	{
		window->walked = true;
		if (!split->given_up)
			end_list(split, window, page);
	}
	window->begun = window->has_first || window->walked;
	if (window->last)
		window->last->later = page;
	else
		window->first = page;
	window->last = page;
	split->pages++;
	split->wasted += page->next >= page->stop;
	if (!is_first)
	{
		split->waiting++;
		split->waiting_bytes += page->bytes;
	}
}

/* The call of a window's lane has ended. */
static void
finish_window_call(HmsWalk *walk, Window *window)
{
	Split	   *split = walk->split;
	Lane	   *lane = window->lane;
	Page	   *page;

	lane->throttled = 0;
	if (lane->call->state == HMS_CALL_FAILED &&
		lane->call->exchange->outcome == HMS_ANSWERED)
	{
		if (lane->call->exchange->status == 429 && split->allowed > 1)
		{
			split->allowed = 1; /* one by one it may be more patient */
			ask(walk, lane);
			return;
		}
		if (window != first_window(split))
		{
			window->failed = true;
			window->walked = true;
			lane->asking = false;
			return;
		}
	}
	if (!finish_page(walk, lane))
		return;
	page = lane->page;
	page->bytes = lane->call->exchange->len;
	lane->page = take_page(walk);
	add_page(split, window, page);
	if (split->allowed < hms_max_connections &&
		++split->since_throttled > 2 * hms_max_connections)
	{
		split->allowed++;
		split->since_throttled = 0;
	}
}

/* A 429 makes all windows wait, and halves what is asked for at a time. */
static void
note_throttling(Split *split, Lane *lane)
{
	if (lane->call->state != HMS_CALL_BACKING_OFF ||
		lane->call->exchange->status != 429 || lane->call->attempts <= lane->throttled)
		return;
	lane->throttled = lane->call->attempts;
	split->allowed = Max(split->allowed / 2, 1);
	split->since_throttled = 0;
	split->not_before = Max(split->not_before, hms_call_deadline(lane->call));
}

/* Has the list such gaps that most of what is guessed of it is wrong? */
static bool
is_misjudged(const Split *split)
{
	/* one page is what the check of the first border costs */
	return split->wasted > 1 + split->pages / 8;
}

/* Cut windows off the last one; returns how many. */
static int
cut_off_windows(HmsWalk *walk, int count)
{
	Split	   *split = walk->split;
	Window	   *last = dlist_tail_element(Window, node, &split->windows);
	double		length = last->pace * WINDOW_PAGES;
	double		border = last->position - last->pace * (WINDOW_PAGES - 1);
	int			made = 0;

	if (!last->has_first || last->walked || !TIMESTAMP_IS_NOBEGIN(last->from) ||
		length < 2000)
		return 0;

	/* the first one, the third window, says whether the list is as long as that */
	if (walk->used.windows < 3 || is_misjudged(split))
		count = Min(count, 1);
	while (made < count && is_border(split, border))
	{
		last = cut_window(walk, last, whole_ms(border));
		border -= length;
		made++;
	}
	return made;
}

/* Halve the window that has most before it; false: none is worth it. */
static bool
halve_window(HmsWalk *walk)
{
	Split	   *split = walk->split;
	Window	   *longest = NULL;
	double		most = HALVED_PAGES;
	TimestampTz border;
	dlist_iter	iter;

	if (split->pages < WINDOW_PAGES || is_misjudged(split))
		return false;
	dlist_foreach(iter, &split->windows)
	{
		Window	   *window = dlist_container(Window, node, iter.cur);
		double		left;

		if (!window->has_first || window->walked || window->pace <= 0 ||
			TIMESTAMP_IS_NOBEGIN(window->from))
			continue;
		left = (double) (window->position - window->from) / window->pace;
		if (left >= most)
		{
			most = left;
			longest = window;
		}
	}
	if (longest == NULL)
		return false;
	border = whole_ms(((double) longest->position + (double) longest->from) / 2);
	if (border <= longest->from || border >= longest->position)
		return false;
	(void) cut_window(walk, longest, border);
	return true;
}

/* Are there two pages of rows that are next to be returned? */
static bool
is_ahead(const Window *window)
{
	return window->begun && window->first && window->first->later;
}

/*
 * May the lane's next page be asked for before this one is read?  Of a window
 * only the rows tell whether it goes on.
 */
static bool
may_run_ahead(const HmsWalk *walk, const Lane *lane)
{
	return lane->window == NULL || (walk->split->given_up && !is_ahead(lane->window));
}

/* Let the windows go on; returns when to look again, or -1: a page has come. */
static int64
drive_windows(HmsWalk *walk)
{
	Split	   *split = walk->split;
	bool		crowded = split->waiting >= WAITING_PAGES * hms_max_connections ||
		split->waiting_bytes >= (size_t) hms_max_response_size * 1024;
	int64		now = hms_clock_ms();
	int64		deadline = HMS_NO_DEADLINE;
	int			free = split->allowed;
	bool		is_first = true;
	dlist_iter	iter;

	for (const Lane *lane = split->spare_lanes; lane && free > 1; lane = lane->spare)
		free -= is_busy(lane);
	dlist_foreach(iter, &split->windows)
	{
		Window	   *window = dlist_container(Window, node, iter.cur);
		Lane	   *lane = window->lane;

		if (window->walked)
			continue;
		if (lane->asking && !(lane->throttled > 0 && free <= 0))
		{
			if (hms_call_ended(lane->call))
			{
				finish_window_call(walk, window);
				return -1;
			}
			note_throttling(split, lane);
			deadline = Min(deadline, hms_call_deadline(lane->call));
			free--;
		}
		else if (!lane->asking && now < split->not_before)
			deadline = Min(deadline, split->not_before);
		else if (!lane->asking && free > 0 && (is_first ? !is_ahead(window) : !crowded))
		{
			walk->used.windows += lane->page_number == 0;
			start_page(walk, lane);
			free--;
			deadline = 0;		/* it may have ended at once */
		}
		is_first = false;
	}
	if (free > 0 && split->checked && !split->given_up && !crowded &&
		now >= split->not_before &&
		(cut_off_windows(walk, free) > 0 || halve_window(walk)))
		deadline = 0;			/* they are asked for next time */
	return deadline;
}

/*
 * The rows of the first window are all returned: go on with the next one, if
 * that begins where this one ends.  False: the walk has ended.
 */
static bool
leave_window(HmsWalk *walk)
{
	Split	   *split = walk->split;
	Window	   *window = first_window(split);
	Window	   *next = next_window(split, window);

	if (next == NULL)
		return false;
	if (next->failed && (next->begun || next->lane->call->exchange->status != 400))
		hms_call_raise(next->lane->call);
	if (next->failed || next->has_first != window->has_next ||
		next->first_id != window->next_id)
	{
		give_up(split);
		return true;
	}
	split->checked = true;
	remove_window(split, window);
	stop_waiting(split, next);
	return true;
}

/*
 * Split the list at the end of the page at hand, whose next one is under way,
 * if it has times and comes newest first.
 */
static void
begin_windows(HmsWalk *walk)
{
	Lane	   *lane = walk->current;
	Page	   *page = lane->page;
	int			returned = page->next;
	Window	   *window;

	/* short lists are many, and a list of two pages costs no more than those */
	if (!lane->asking || lane->ready || lane->page_number < SPLIT_FROM ||
		page->nelements == 0 ||
		page->elements[0].at == page->elements[page->nelements - 1].at)
		return;
	walk->at_hand = NULL;
	walk->split = MemoryContextAllocZero(walk->context, sizeof(Split));
	dlist_init(&walk->split->windows);
	walk->split->request = lane->request;
	walk->split->after = walk->request->after;
	walk->split->allowed = hms_max_connections;
	window = add_window(walk, NULL, lane, DT_NOEND, DT_NOBEGIN);
	lane->page = take_page(walk);
	lane->more = true;
	add_page(walk->split, window, page);
	page->next = returned;
	walk->used.windows = 1;
	if (!walk->split->given_up && window->pace > 0 &&
		is_border(walk->split, window->position))
		(void) cut_window(walk, window, whole_ms(window->position));
	else
		walk->split->given_up = true;
}

/* The same as hms_walk_next, of windows. */
static HmsRows *
next_of_windows(HmsWalk *walk, int *row)
{
	Split	   *split = walk->split;

	for (;;)
	{
		Window	   *window = first_window(split);
		Window	   *next = next_window(split, window);
		Page	   *page = window->first;
		int64		deadline;

		if (split->given_up)
			walk->may_split = false;

		if (page && page->next < page->stop)
		{
			walk->at_hand = page;
			*row = page->next++;
			return page->rows;
		}

		/* the last page is kept until the border has been checked */
		if (page && (page->later || !window->walked))
		{
			window->first = page->later;
			if (window->first == NULL)
				window->last = NULL;
			give_page(split, page);
		}
		else if (window->walked && (next == NULL || next->begun || next->failed))
		{
			if (!leave_window(walk))
				return NULL;
		}
		else
		{
			bool		came = false;

			/* what follows a page comes while its rows are made and returned */
			while ((deadline = drive_windows(walk)) < 0)
				came = true;
			if (!came)
				hms_transport_wait(deadline);
		}
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
	if (walk->may_split && walk->current)
		begin_windows(walk);
	add_used(walk, &before);
}

/* The row that is next, of a list that is not split. */
static HmsRows *
next_of_lanes(HmsWalk *walk, int *row)
{
	for (;;)
	{
		Page	   *page = walk->current ? walk->current->page : NULL;

		if (page && page->next < page->stop)
		{
			walk->at_hand = page;
			*row = page->next++;
			return page->rows;
		}
		walk->current = next_lane(walk);
		if (walk->current == NULL)
			return NULL;
		if (walk->may_split && walk->ahead)
		{
			begin_windows(walk);
			if (walk->split)
				return next_of_windows(walk, row);
		}
	}
}

HmsRows *
hms_walk_next(HmsWalk *walk, int *row)
{
	Page	   *page = walk->at_hand;
	HmsStats	before;
	HmsRows    *rows;

	/* the usual case */
	if (page && page->next < page->stop)
	{
		*row = page->next++;
		hms_stats_counters.rows++;
		return page->rows;
	}
	if (walk->ended)
		return NULL;
	walk->at_hand = NULL;
	before = hms_stats_counters;
	rows = walk->split ? next_of_windows(walk, row) : next_of_lanes(walk, row);
	add_used(walk, &before);
	walk->ended = rows == NULL;
	if (rows)
		hms_stats_counters.rows++;
	return rows;
}
