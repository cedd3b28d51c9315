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
#include "utils/timestamp.h"

#include "json.h"
#include "scalar.h"

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
 * For rows of this type: a composite type, whose descriptor this is, jsonb (the
 * value as it is), text (its member "message") or void.  "wanted" says of each
 * column whether it is looked at, the others stay null; NULL: all are.  In the
 * current memory context; the descriptor must last as long.
 */
extern HmsRowMaker *hms_row_maker(Oid type, TupleDesc desc,
								  const HmsRowShape *shape, const bool *wanted);

/* The same for the result type of this call, every column of it. */
extern HmsRowMaker *hms_row_maker_of_call(FunctionCallInfo fcinfo,
										  const HmsRowShape *shape);

/*
 * Find out which members fill which columns.  The first row does it, unless it
 * was done before, while there was nothing to do but wait.
 */
extern void hms_row_maker_get_ready(HmsRowMaker *maker);

/* What was noted of a value of a list. */
typedef struct HmsNote
{
	int			reached;		/* rows up to its end */
	HmsJsonValue id;			/* its members; start is NULL: it has none */
	HmsJsonValue time;
} HmsNote;

/* Rows in the order of the JSON: "width" values and null flags each. */
typedef struct HmsRows
{
	HmsRowMaker *maker;
	int			width;
	int			count;
	int			size;			/* rows that the arrays have room for */
	Datum	   *values;
	bool	   *nulls;
	HmsTextRoom room;

	/* of each value of a list; NULL: nothing is noted */
	HmsNote    *notes;
	int			max_notes;
	int			nnotes;
} HmsRows;

/* The values and null flags of one row. */
static inline Datum *
hms_rows_values(const HmsRows *rows, int row)
{
	return rows->values + (size_t) rows->width * row;
}

static inline bool *
hms_rows_nulls(const HmsRows *rows, int row)
{
	return rows->nulls + (size_t) rows->width * row;
}

/* An empty set for what this maker makes, in the current memory context. */
extern HmsRows *hms_rows_create(HmsRowMaker *maker);

/*
 * From now on note which rows are of which value of a list, its id, and its
 * member of this name.
 */
extern void hms_rows_note_values(HmsRows *rows, const char *time);

/* Forget the rows, but not the room for them. */
extern void hms_rows_clear(HmsRows *rows);

/* One row as a value of the maker's type, in the current memory context. */
extern Datum hms_rows_datum(const HmsRows *rows, int row);

/*
 * Append the rows of the value at which the reader stands, what they point to
 * in the current memory context: one, or as many as it has nested objects, or
 * none for a message that is not there.  "key" is the value's name in a map,
 * or NULL.  What is not shaped like a row is a fault of the reader.
 */
extern void hms_rows_read(HmsRows *rows, HmsJsonReader *reader,
						  const HmsJsonValue *key);

/*
 * The same for each value of the list, or where that may be of the map by id,
 * at which the reader stands; null is an empty one.  Returns how many values.
 */
extern int	hms_rows_read_each(HmsRows *rows, HmsJsonReader *reader,
							   bool may_be_map);

#endif							/* HMS_ROW_H */
