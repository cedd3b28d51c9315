/*
 * walk.h
 *		A walk over the rows of an endpoint, page after page, as they are asked
 *		for.
 */
#ifndef HMS_WALK_H
#define HMS_WALK_H

#include "postgres.h"

#include "lib/ilist.h"

#include "request.h"
#include "row.h"
#include "stats.h"

typedef struct HmsWalk HmsWalk;

/*
 * A walk in the current memory context, which releases it when it is reset or
 * deleted.  Nothing is sent yet.  "ahead": all rows will be read, so a page may
 * be asked for before a row of it is wanted.
 */
extern HmsWalk *hms_walk_open(const HmsRequest *request, HmsRowMaker *maker,
							  bool ahead);

/*
 * The same of a request for which another walk, or NULL, finds the rooms: each
 * of its rows is the id of one.
 */
extern HmsWalk *hms_walk_open_over(HmsRequest *request, HmsWalk *rooms,
								   HmsRowMaker *maker, bool ahead);

/* The room of the row that was returned last, or NULL. */
extern const char *hms_walk_room(const HmsWalk *walk);

/* From now on it is known that all rows will be read. */
extern void hms_walk_go_ahead(HmsWalk *walk);

/*
 * Ask for what the walk begins with, without waiting for it.
 */
extern void hms_walk_begin(HmsWalk *walk);

/*
 * This walk is one of several whose rows are wanted one walk after another:
 * while one of the group is waited for, the others go on.  It has to leave the
 * group before its memory is released, unless the group goes with it.
 */
extern void hms_walk_join(HmsWalk *walk, dlist_head *group);
extern void hms_walk_leave(HmsWalk *walk);

/*
 * The next row: its number in the set that is returned, and both are valid
 * until the one after it is asked for; NULL at the end.  Raises when a page
 * can't be had or is not a page.
 */
extern HmsRows *hms_walk_next(HmsWalk *walk, int *row);

/* Has no page had a row so far? */
extern bool hms_walk_is_empty(const HmsWalk *walk);

/* What the walk has cost so far. */
extern const HmsStats *hms_walk_stats(const HmsWalk *walk);

#endif							/* HMS_WALK_H */
