/*
 * reader.h
 *		The scan of an endpoint, whatever stands in front of it: a function in
 *		FROM or a foreign table.
 */
#ifndef HMS_READER_H
#define HMS_READER_H

#include "postgres.h"

#include "lib/ilist.h"
#include "nodes/execnodes.h"
#include "nodes/pathnodes.h"

#include "account.h"
#include "compat.h"
#include "endpoints.h"

typedef struct HmsReader HmsReader;

/* Columns of the scan's tuple that are none of the row's. */
#define HMS_WHOLE_ROW 0			/* the row itself */
#define HMS_NO_COLUMN (-1)		/* nobody looks at it */
#define HMS_ROOM_COLUMN (-2)	/* the room that was asked for */

/* What is to be read; all of it lives as long as the plan's state. */
typedef struct HmsReading
{
	/* a call of an inner function (row, endpoint, arguments ...), or NULL and */
	FuncExpr   *call;
	const HmsEndpoint *endpoint;	/* that of a table, */
	Oid			server;			/* and whose account */
	Oid			user;

	List	   *filters;		/* List of HmsFilter */
	List	   *names;			/* of their values, where EXPLAIN can't find them:
								 * Strings, "" for one that it can; or NIL */

	Oid			row_type;
	bool		is_composite;
	TupleDesc	row_desc;		/* of the rows; one column if not composite */
	AttrNumber *columns;		/* of the row, by column of the scan's tuple */
	ExprState **casts;			/* by column of the scan's tuple: of the value in
								 * the context's caseValue; or NULL */

	/*
	 * For one of several readers of a join: what walks go on together; rows are
	 * then not kept for a second time.
	 */
	dlist_head *group;
} HmsReading;

/*
 * What stands in front of a reader, a function in FROM or a foreign table, when
 * its relation is the inner one of a join (join.c).
 */
typedef struct HmsFront
{
	/* does it own this path, and can a join read the relation for it? */
	bool		(*owns) (const Path *path);

	/*
	 * What a plan keeps to read the relation, whose filters come from these
	 * conditions: expressions for the planner to look into, and the rest.
	 */
	List	   *(*to_plan) (PlannerInfo *root, RelOptInfo *rel, List *conditions,
							List **exprs);

	/* and back, when the executor starts: raises for who may not read it */
	void		(*reading) (HmsReading *reading, List *kept, List *exprs);

	/*
	 * Which of the rows' columns those of the scan's tuple are, whose first ones
	 * are none.
	 */
	void		(*columns) (HmsReading *reading, List *kept, List *targets,
							int first, PlanState *parent);
} HmsFront;

/* Prepare to read, when the executor starts; only to explain: nothing is read. */
extern HmsReader *hms_reader_create(ScanState *node, EState *estate, int eflags,
									const HmsReading *reading);

/*
 * Fill the slot, which is of the scan's tuple, with the next row before any
 * condition of the query; it stays empty at the end.
 */
extern void hms_reader_next(HmsReader *reader, TupleTableSlot *slot);

/*
 * For a reader of a join: find out what is to be asked for, with the outer row
 * that is in the scan's tuple now, without asking.  "key" tells requests apart.
 */
extern void hms_reader_open(HmsReader *reader, uint64 *key);

/* Ask for it, without waiting. */
extern void hms_reader_ask(HmsReader *reader);

/* It is not wanted any longer: the reader may be opened again. */
extern void hms_reader_close(HmsReader *reader);

/* Fill the slot with this row, which is of the row's type. */
extern void hms_reader_put(HmsReader *reader, TupleTableSlot *slot, Datum *values,
						   bool *nulls);

/* Begin again: with the rows so far, or by asking, where a parameter has changed. */
extern void hms_reader_rescan(HmsReader *reader);

extern void hms_reader_end(HmsReader *reader);

/*
 * What EXPLAIN shows: what is asked for, and what it has cost, by all of these
 * readers of one reading.
 */
extern void hms_reader_explain(List *readers, List *ancestors, ExplainState *es);

/* --- for the planner ----------------------------------------------------------------- */

/*
 * The parameters that the arguments of a call give for good: conditions may
 * still narrow times and arrays of rooms.
 */
extern Bitmapset *hms_reader_given(const HmsEndpoint *endpoint, const FuncExpr *call);

/* How many rows an endpoint has for these filters' and arguments' selectivity. */
extern double hms_reader_rows(const HmsEndpoint *endpoint, FuncExpr *call);

/* What it costs to ask for so many rows: the first page, and all of them. */
extern void hms_reader_cost(const HmsEndpoint *endpoint, double rows, Cost *first,
							Cost *all);

#endif							/* HMS_READER_H */
