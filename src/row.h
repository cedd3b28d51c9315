/*
 * row.h
 *		JSON objects made into rows of whatever type the caller declared.
 *
 * A column takes the member of its own name; what no column names goes to the
 * column "extra".  So the SQL type is the schema, and there is no other.
 */
#ifndef HMS_ROW_H
#define HMS_ROW_H

#include "postgres.h"

#include "access/tupdesc.h"
#include "fmgr.h"

#include "json.h"

/* Where a column finds its member when that is not "the same name, here". */
typedef struct HmsColumnSource
{
	const char *column;
	const char *member;
} HmsColumnSource;

#define HMS_MAX_SOURCES 6

/* How the members of an object find their columns, said by the endpoint. */
typedef struct HmsRowShape
{
	/*
	 * The object in this member is laid out beside the row's own members,
	 * which are those of "own"; where both have a name, the inner member's
	 * column has the noun before it (type -> track_type).
	 */
	const char *flatten;
	const char *own[5];
	const char *noun;

	/* a second name of a member, taken when the column's own is not there */
	HmsColumnSource alias;

	/*
	 * A row for each object in this member (an array, or a map by id), with
	 * these columns from the object around it.  "outer": an object with no
	 * such member or an empty one makes one row too.
	 */
	const char *nested;
	HmsColumnSource parent[HMS_MAX_SOURCES];
	bool		outer;
} HmsRowShape;

typedef struct HmsRowMaker HmsRowMaker;

/*
 * For the result type of this call: a composite type, jsonb (the value as it
 * is), text (its member "message") or void.  In the current memory context.
 */
extern HmsRowMaker *hms_row_maker(FunctionCallInfo fcinfo,
								  const HmsRowShape *shape);

/* Does every value have to be an object? */
extern bool hms_row_needs_object(const HmsRowMaker *maker);

/*
 * Take note of the object around the next rows; returns whether it has the
 * nested member, and which it is.
 */
extern bool hms_row_enter(HmsRowMaker *maker, const HmsJsonValue *object,
						  HmsJsonValue *nested);

/*
 * The row of a value, in the current memory context; *isnull for a message
 * that is not there.  "key" is its name in a map, or NULL; a NULL value makes
 * a row of the outer columns only.
 */
extern Datum hms_row_make(HmsRowMaker *maker, const HmsJsonValue *value,
						  const HmsJsonValue *key, bool *isnull);

#endif							/* HMS_ROW_H */
