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
#include "query.h"

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

	/* the column some_name is filled by the member someName */
	bool		camel_case;

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
 * is), text (its member "message") or void.  Columns that the query does not
 * look at stay null, as far as "use", which may be NULL, says.  In the current
 * memory context.
 */
extern HmsRowMaker *hms_row_maker(FunctionCallInfo fcinfo,
								  const HmsRowShape *shape,
								  const HmsQueryUse *use);

/* For every value as it is, as jsonb. */
extern HmsRowMaker *hms_row_maker_jsonb(void);

/* Rows in the order of the JSON, in the memory context that made them. */
typedef struct HmsRows
{
	Datum	   *rows;
	int			count;
	int			size;			/* of the array */
} HmsRows;

/*
 * Append the rows of the value at which the reader stands, in the current
 * memory context: one, or as many as it has nested objects, or none for a
 * message that is not there.  "key" is the value's name in a map, or NULL.
 * What is not shaped like a row is a fault of the reader.
 */
extern void hms_rows_read(HmsRowMaker *maker, HmsJsonReader *reader,
						  const HmsJsonValue *key, HmsRows *rows);

/*
 * The same for each value of the list, or where that may be of the map by id,
 * at which the reader stands; null is an empty one.  Returns how many values.
 */
extern int	hms_rows_read_each(HmsRowMaker *maker, HmsJsonReader *reader,
							   bool may_be_map, HmsRows *rows);

#endif							/* HMS_ROW_H */
