/*
 * row.c
 *		JSON objects made into rows.
 *
 * The maker is built once per call from the result type.  A field is a member
 * name that fills a column; fields stand in up to three sets, by the object in
 * which the member is looked for.  The members of one page's objects nearly
 * always come in the same order, so each field remembers which one followed it:
 * mostly one comparison finds a column, and what no column wants is passed over.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/xact.h"
#include "catalog/pg_type.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/timestamp.h"
#include "utils/typcache.h"

#include "compat.h"
#include "errors.h"
#include "row.h"

typedef struct Field
{
	HmsJsonName name;			/* must be first */
	int			column;			/* index of the column it fills, or one of these: */
	HmsJsonValue *note;			/* where it is noted too, or NULL */
} Field;

#define OBJECTS (-1)			/* the object to flatten, or the nested objects */
#define ALIAS (-2)				/* the second name of the alias column */
#define UNKNOWN (-3)			/* it fills none */

/* Names that no column has are remembered too: so many, and no longer ones. */
#define MAX_UNKNOWN 16
#define MAX_UNKNOWN_LEN 64

typedef struct FieldSet
{
	Field	   *fields;
	int			count;
	int			unknown;		/* of them, UNKNOWN ones */
	HmsJsonName *first;			/* the one that came first last time, or NULL */
} FieldSet;

/* Rows to begin with; the arrays grow by doubling. */
#define FIRST_ROWS 4

/*
 * A page has a hundred rows, a list that comes as a whole some thousands; what
 * has more than this is no answer but an attack on memory.
 */
#define MAX_ROWS 1000000

typedef enum ResultKind
{
	RESULT_ROW,
	RESULT_JSONB,
	RESULT_MESSAGE,
	RESULT_VOID
} ResultKind;

struct HmsRowMaker
{
	ResultKind	kind;
	const HmsRowShape *shape;
	TupleDesc	desc;
	bool		ready;			/* the fields are known */
	FieldSet	own;			/* members of the object itself */
	FieldSet	inner;			/* of the object that is flattened */
	FieldSet	parent;			/* of the object around it */
	HmsJsonValue *parent_values;	/* by field of "parent" */
	bool	   *parent_present;
	int			id_column;		/* filled by a map's key, or -1 */
	int			alias_column;	/* or -1 */
	int			extra_column;	/* or -1 */
	Oid		   *types;			/* of the columns */
	bool	   *wanted;			/* of the columns: the others stay null */
	HmsRows    *rows;			/* that are being made */
	Datum	   *values;			/* of the row at hand */
	bool	   *nulls;
	HmsNote		note;			/* of the value at hand */
	HmsScalars	scalars;
	StringInfoData extra;		/* members of the row at hand that no column
								 * names; data is NULL when there are none */
};

/* --- building -------------------------------------------------------------- */

static Field *
add_field(FieldSet *set, const char *name, int column)
{
	Field	   *field = &set->fields[set->count++];
	size_t		len = strlen(name);
	char	   *quoted = palloc(len + 3);

	memset(field, 0, sizeof(Field));
	quoted[0] = quoted[len + 1] = '"';
	memcpy(quoted + 1, name, len);
	quoted[len + 2] = '\0';
	field->name.quoted = quoted;
	field->name.len = len + 2;
	field->column = column;
	return field;
}

/* How many fields there may be: each column under two names, and others. */
#define MAX_FIELDS(columns) ((columns) * 2 + 4 + MAX_UNKNOWN)

/* An empty set, or one of the member that holds objects. */
static void
init_fields(FieldSet *set, int columns, const char *objects)
{
	set->fields = palloc(sizeof(Field) * MAX_FIELDS(columns));
	if (objects)
		(void) add_field(set, objects, OBJECTS);
}

static bool
is_own_member(const HmsRowShape *shape, const char *name)
{
	for (int i = 0; i < (int) lengthof(shape->own) && shape->own[i]; i++)
	{
		if (strcmp(shape->own[i], name) == 0)
			return true;
	}
	return false;
}

/* some_name as someName; what begins with an underscore keeps that one. */
static char *
camel_case(const char *name)
{
	char	   *result = palloc(strlen(name) + 1);
	char	   *p = result;

	*p++ = *name;
	while (*name && *++name)
	{
		if (*name == '_' && name[1] >= 'a' && name[1] <= 'z')
			*p++ = pg_ascii_toupper(*++name);
		else
			*p++ = *name;
	}
	*p = '\0';
	return result;
}

/* Find the places from which a column is filled. */
static void
add_column(HmsRowMaker *maker, int column)
{
	const HmsRowShape *shape = maker->shape;
	const char *name = NameStr(TupleDescAttr(maker->desc, column)->attname);

	if (strcmp(name, "extra") == 0)
	{
		if (maker->wanted[column])
			maker->extra_column = column;
		return;
	}
	if (shape->camel_case)
		name = camel_case(name);
	if (strcmp(name, "id") == 0 && maker->wanted[column])
		maker->id_column = column;
	if (shape->alias.column && strcmp(name, shape->alias.column) == 0)
		maker->alias_column = column;

	for (int i = 0; i < HMS_MAX_SOURCES && shape->parent[i].column; i++)
	{
		if (strcmp(name, shape->parent[i].column) == 0)
			(void) add_field(&maker->parent, shape->parent[i].member, column);
	}
	if (shape->flatten == NULL || is_own_member(shape, name))
	{
		(void) add_field(&maker->own, name, column);
		return;
	}
	(void) add_field(&maker->inner, name, column);
	if (shape->noun)
	{
		size_t		len = strlen(shape->noun);

		if (strncmp(name, shape->noun, len) == 0 && name[len] == '_' &&
			is_own_member(shape, name + len + 1))
			(void) add_field(&maker->inner, name + len + 1, column);
	}
}

/* Does nobody look at what this field fills? */
static bool
is_unwanted(const HmsRowMaker *maker, const Field *field)
{
	switch (field->column)
	{
		case OBJECTS:
			return false;
		case ALIAS:
			return !maker->wanted[maker->alias_column];
		case UNKNOWN:
			return maker->extra_column < 0;
		default:
			return !maker->wanted[field->column];
	}
}

static void
skip_unwanted(const HmsRowMaker *maker, FieldSet *set)
{
	for (int i = 0; i < set->count; i++)
		set->fields[i].name.skip = is_unwanted(maker, &set->fields[i]) &&
			set->fields[i].note == NULL;
}

/* Until an object has shown their order, members come as the columns do. */
static void
chain_fields(FieldSet *set)
{
	HmsJsonName **place = &set->first;

	for (int i = 0; i < set->count; i++)
	{
		*place = &set->fields[i].name;
		place = &(*place)->next;
	}
}

/* Can a column of this type be filled? */
static void
check_column_type(Form_pg_attribute column)
{
	if (!hms_scalar_can_fill(column->atttypid))
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("column \"%s\" of type %s cannot be filled from JSON",
						NameStr(column->attname),
						format_type_be(column->atttypid))));
}

HmsRowMaker *
hms_row_maker(Oid type, TupleDesc desc, const HmsRowShape *shape,
			  const bool *wanted)
{
	static const HmsRowShape plain = {0};
	HmsRowMaker *maker = palloc0(sizeof(HmsRowMaker));

	maker->shape = shape ? shape : &plain;
	maker->id_column = maker->alias_column = maker->extra_column = -1;
	if (desc == NULL)
	{
		if (type == JSONBOID)
			maker->kind = RESULT_JSONB;
		else if (type == TEXTOID)
			maker->kind = RESULT_MESSAGE;
		else if (type == VOIDOID)
			maker->kind = RESULT_VOID;
		else
			ereport(ERROR,
					(errcode(ERRCODE_DATATYPE_MISMATCH),
					 errmsg("rows of type %s cannot be made from JSON",
							format_type_be(type))));
		return maker;
	}

	maker->kind = RESULT_ROW;
	maker->desc = BlessTupleDesc(desc);
	maker->types = palloc0(sizeof(Oid) * desc->natts);
	maker->wanted = palloc0(sizeof(bool) * desc->natts);
	for (int i = 0; i < desc->natts; i++)
	{
		Form_pg_attribute column = TupleDescAttr(desc, i);

		if (column->attisdropped)
			continue;
		check_column_type(column);
		maker->types[i] = column->atttypid;
		maker->wanted[i] = wanted == NULL || wanted[i];
	}
	return maker;
}

HmsRowMaker *
hms_row_maker_of_call(FunctionCallInfo fcinfo, const HmsRowShape *shape)
{
	Oid			type;
	TupleDesc	desc;

	desc = get_call_result_type(fcinfo, &type, &desc) == TYPEFUNC_COMPOSITE ?
		CreateTupleDescCopy(desc) : NULL;
	return hms_row_maker(type, desc, shape, NULL);
}

void
hms_row_maker_get_ready(HmsRowMaker *maker)
{
	MemoryContext old;
	int			columns;

	if (maker->ready)
		return;
	maker->ready = true;
	if (maker->kind != RESULT_ROW)
		return;
	old = MemoryContextSwitchTo(GetMemoryChunkContext(maker));
	columns = maker->desc->natts;
	init_fields(&maker->own, columns, maker->shape->flatten);
	if (maker->shape->flatten)
		init_fields(&maker->inner, columns, NULL);
	if (maker->shape->nested)
	{
		init_fields(&maker->parent, columns, maker->shape->nested);
		maker->parent_values = palloc(sizeof(HmsJsonValue) * MAX_FIELDS(columns));
		maker->parent_present = palloc0(sizeof(bool) * MAX_FIELDS(columns));
	}
	for (int i = 0; i < columns; i++)
	{
		if (!TupleDescAttr(maker->desc, i)->attisdropped)
			add_column(maker, i);
	}

	/* what "extra" holds depends on whether the other columns could be filled */
	if (maker->extra_column >= 0)
		memset(maker->wanted, true, sizeof(bool) * columns);
	if (maker->alias_column >= 0)
		(void) add_field(&maker->own, maker->shape->alias.member, ALIAS);
	skip_unwanted(maker, &maker->own);
	skip_unwanted(maker, &maker->inner);
	skip_unwanted(maker, &maker->parent);
	chain_fields(&maker->own);
	chain_fields(&maker->inner);
	chain_fields(&maker->parent);
	MemoryContextSwitchTo(old);
}

/* --- sets of rows ------------------------------------------------------------ */

HmsRows *
hms_rows_create(HmsRowMaker *maker)
{
	HmsRows    *rows = palloc0(sizeof(HmsRows));

	rows->maker = maker;
	rows->width = maker->kind == RESULT_ROW ? maker->desc->natts : 1;
	rows->size = FIRST_ROWS;
	rows->values = palloc(sizeof(Datum) * rows->width * rows->size);
	rows->nulls = palloc(sizeof(bool) * rows->width * rows->size);
	return rows;
}

void
hms_rows_clear(HmsRows *rows)
{
	rows->count = 0;
	memset(&rows->room, 0, sizeof(rows->room));
}

/* The row after the last one becomes the one at hand, all null. */
static void
begin_row(HmsRowMaker *maker)
{
	HmsRows    *rows = maker->rows;

	if (rows->count == rows->size)
	{
		rows->size *= 2;
		rows->values = repalloc_huge(rows->values,
									 sizeof(Datum) * rows->width * rows->size);
		rows->nulls = repalloc_huge(rows->nulls,
									sizeof(bool) * rows->width * rows->size);
	}
	maker->values = hms_rows_values(rows, rows->count);
	maker->nulls = hms_rows_nulls(rows, rows->count);
	memset(maker->nulls, true, sizeof(bool) * rows->width);
}

Datum
hms_rows_datum(const HmsRows *rows, int row)
{
	if (rows->maker->kind != RESULT_ROW)
		return hms_rows_values(rows, row)[0];
	return HeapTupleGetDatum(heap_form_tuple(rows->maker->desc,
											 hms_rows_values(rows, row),
											 hms_rows_nulls(rows, row)));
}

/* --- rows -------------------------------------------------------------------- */

/*
 * Set a column from a value that is not JSON null.  False when the value is
 * not of the column's type.
 */
static bool
set_column(HmsRowMaker *maker, int column, const HmsJsonValue *value)
{
	return hms_scalar_read(&maker->scalars, &maker->rows->room, maker->types[column],
						   value, &maker->values[column], &maker->nulls[column]);
}

/* The field of this name; one that no column has becomes a field, or is NULL. */
static Field *
find_field(HmsRowMaker *maker, FieldSet *set, const HmsJsonValue *key)
{
	MemoryContext old;
	Field	   *field;

	for (int i = 0; i < set->count; i++)
	{
		field = &set->fields[i];
		if (hms_json_equals(key, field->name.quoted + 1, field->name.len - 2))
			return field;
	}
	if (set->unknown == MAX_UNKNOWN || key->escaped || key->len > MAX_UNKNOWN_LEN)
		return NULL;
	set->unknown++;
	old = MemoryContextSwitchTo(GetMemoryChunkContext(maker));
	field = add_field(set, pnstrdup(key->start + 1, key->len - 2), UNKNOWN);
	field->name.skip = is_unwanted(maker, field);
	MemoryContextSwitchTo(old);
	return field;
}

/*
 * The next member that somebody may want and the field of its name, or NULL;
 * false at the end.  *place is where it is noted which name comes next.
 */
static inline bool
next_member(HmsRowMaker *maker, FieldSet *set, HmsJsonReader *reader,
			HmsJsonValue *key, Field **field, HmsJsonName ***place)
{
	HmsJsonName *name;

	if (!hms_json_likely_member(reader, place, &name, key))
		return false;
	*field = (Field *) name;
	if (name == NULL)
	{
		*field = find_field(maker, set, key);
		if (*field)
		{
			**place = &(*field)->name;
			*place = &(*field)->name.next;
		}
	}
	return true;
}

/* Keep a member for the column "extra". */
static void
keep_extra(HmsRowMaker *maker, const HmsJsonValue *key, const HmsJsonValue *value)
{
	if (maker->extra_column < 0)
		return;
	if (maker->extra.data == NULL)
	{
		initStringInfo(&maker->extra);
		appendStringInfoChar(&maker->extra, '{');
	}
	else
		appendStringInfoChar(&maker->extra, ',');
	hms_json_append_clean(&maker->extra, key);
	appendStringInfoChar(&maker->extra, ':');
	hms_json_append_clean(&maker->extra, value);
}

/* Say once a statement that a value was not of its column's type. */
static void
warn_unconverted(HmsRowMaker *maker, int column)
{
	static TimestampTz warned_statement = 0;
	Form_pg_attribute attribute = TupleDescAttr(maker->desc, column);

	if (warned_statement == GetCurrentStatementStartTimestamp())
		return;
	warned_statement = GetCurrentStatementStartTimestamp();
	ereport(WARNING,
			(errcode(ERRCODE_INVALID_TEXT_REPRESENTATION),
			 errmsg("a value for column \"%s\" is not of type %s",
					NameStr(attribute->attname),
					format_type_be(attribute->atttypid)),
			 errdetail("The column is null in that row, and the value is in column \"extra\" under its own key. Further values like this are not reported in this statement.")));
}

/* Set a column from a member, or keep the member as it is. */
static void
fill(HmsRowMaker *maker, int column, const HmsJsonValue *key,
	 const HmsJsonValue *value)
{
	if (!maker->wanted[column])
		return;
	if (value->type == HMS_JSON_NULL)
		maker->nulls[column] = true;
	else if (!set_column(maker, column, value))
	{
		keep_extra(maker, key, value);
		warn_unconverted(maker, column);
	}
}

/* Fill columns from the members of the object that is flattened. */
static void
fill_inner(HmsRowMaker *maker, HmsJsonReader *reader)
{
	HmsJsonReader inside;
	HmsJsonValue key;
	HmsJsonValue value;
	Field	   *field;
	HmsJsonName **place = &maker->inner.first;

	if (!hms_json_enter(reader, HMS_JSON_OBJECT, &inside))
		return;
	while (next_member(maker, &maker->inner, &inside, &key, &field, &place) &&
		   hms_json_value(&inside, &value))
	{
		if (field && field->column >= 0)
			fill(maker, field->column, &key, &value);
		else
			keep_extra(maker, &key, &value);
	}
	hms_json_leave(reader, &inside);
}

/* Fill columns from the members of the object at which the reader stands. */
static void
fill_own(HmsRowMaker *maker, HmsJsonReader *reader)
{
	HmsJsonReader inside;
	HmsJsonValue key;
	HmsJsonValue value;
	HmsJsonValue alias_key;
	HmsJsonValue alias_value;
	bool		has_alias = false;
	Field	   *field;
	HmsJsonName **place = &maker->own.first;

	if (!hms_json_enter(reader, HMS_JSON_OBJECT, &inside))
		return;
	while (next_member(maker, &maker->own, &inside, &key, &field, &place))
	{
		int			column = field ? field->column : UNKNOWN;

		if (column == OBJECTS && hms_json_is_at_object(&inside))
		{
			fill_inner(maker, &inside);
			continue;
		}
		if (!hms_json_value(&inside, &value))
			break;
		if (field && field->note)
			*field->note = value;
		if (column >= 0)
			fill(maker, column, &key, &value);
		else if (column == ALIAS)
		{
			alias_key = key;
			alias_value = value;
			has_alias = true;
		}
		else if (column != OBJECTS || value.type != HMS_JSON_NULL)
			keep_extra(maker, &key, &value);
	}
	hms_json_leave(reader, &inside);
	if (has_alias && maker->nulls[maker->alias_column])
		fill(maker, maker->alias_column, &alias_key, &alias_value);
	else if (has_alias && alias_value.type != HMS_JSON_NULL)
		keep_extra(maker, &alias_key, &alias_value);
}

/* Fill what is still null from the object around the row. */
static void
fill_from_parent(HmsRowMaker *maker)
{
	for (int i = 0; i < maker->parent.count; i++)
	{
		int			column = maker->parent.fields[i].column;

		if (column >= 0 && maker->wanted[column] && maker->nulls[column] &&
			maker->parent_present[i] &&
			maker->parent_values[i].type != HMS_JSON_NULL &&
			!set_column(maker, column, &maker->parent_values[i]))
			warn_unconverted(maker, column);
	}
}

/* Append a row of one value. */
static void
append_value(HmsRowMaker *maker, Datum value)
{
	begin_row(maker);
	maker->values[0] = value;
	maker->nulls[0] = false;
	maker->rows->count++;
}

/* Append the row of the object at which the reader stands, or of no object. */
static void
read_row(HmsRowMaker *maker, HmsJsonReader *reader, const HmsJsonValue *key)
{
	begin_row(maker);
	maker->extra.data = NULL;
	if (reader)
		fill_own(maker, reader);
	if (reader && reader->fault)
		return;
	if (key && maker->id_column >= 0 && maker->nulls[maker->id_column])
		(void) set_column(maker, maker->id_column, key);
	fill_from_parent(maker);
	if (maker->extra.data)
	{
		appendStringInfoChar(&maker->extra, '}');
		maker->values[maker->extra_column] =
			DirectFunctionCall1(jsonb_in, CStringGetDatum(maker->extra.data));
		maker->nulls[maker->extra_column] = false;
	}
	maker->rows->count++;
}

/* Say once a statement that what should be an object was none. */
static void
warn_no_object(const HmsRowMaker *maker)
{
	static TimestampTz warned_statement = 0;

	if (warned_statement == GetCurrentStatementStartTimestamp())
		return;
	warned_statement = GetCurrentStatementStartTimestamp();
	ereport(WARNING,
			(errcode(ERRCODE_INVALID_TEXT_REPRESENTATION),
			 errmsg("an element of \"%s\" is not an object and makes no row",
					maker->shape->nested ? maker->shape->nested : "the map"),
			 errdetail("Further ones like this are not reported in this statement.")));
}

/*
 * Append the row of an object that is nested in another or stands in a map: one
 * that is none is passed over, for the others are well.
 */
static void
read_inner_row(HmsRowMaker *maker, HmsJsonReader *reader, const HmsJsonValue *key)
{
	HmsJsonValue value;

	if (hms_json_is_at_object(reader))
		read_row(maker, reader, key);
	else if (hms_json_value(reader, &value))
		warn_no_object(maker);
}

/* Appends the rows of the value at which the reader stands. */
typedef void (*RowsReader) (HmsRowMaker *maker, HmsJsonReader *reader,
							const HmsJsonValue *key);

/*
 * Append the rows of each value in the list, or where that may be in the map,
 * at which the reader stands; null is an empty one.  Returns how many values.
 */
static int
read_each(HmsRowMaker *maker, HmsJsonReader *reader, bool may_be_map,
		  RowsReader read)
{
	HmsJsonReader inside;
	HmsJsonValue key;
	HmsJsonType type = hms_json_peek(reader);
	bool		map = type == HMS_JSON_OBJECT && may_be_map;
	int			count = 0;

	if (type == HMS_JSON_NULL)
	{
		(void) hms_json_value(reader, &key);
		return 0;
	}
	if (!hms_json_enter(reader, map ? HMS_JSON_OBJECT : HMS_JSON_ARRAY, &inside))
		return 0;
	while (map ? hms_json_member(&inside, &key) : hms_json_next(&inside))
	{
		CHECK_FOR_INTERRUPTS();
		count++;
		if (maker->rows->count == MAX_ROWS)
		{
			hms_json_fail(&inside, "it has too many rows");
			break;
		}
		read(maker, &inside, map ? &key : NULL);
	}
	hms_json_leave(reader, &inside);
	return count;
}

/* Has everything been noted that the rows want of the object around them? */
static bool
parent_is_complete(const HmsRowMaker *maker)
{
	for (int i = 0; i < maker->parent.count; i++)
	{
		const Field *field = &maker->parent.fields[i];

		if (field->column >= 0 && !maker->parent_present[i] &&
			!is_unwanted(maker, field))
			return false;
	}
	return true;
}

/*
 * Append a row for each object that is nested in the one at which the reader
 * stands.  They are read in passing when all that they want of the object
 * around them stands before them, and else when that object is at its end.
 */
static void
read_nested(HmsRowMaker *maker, HmsJsonReader *reader)
{
	int			before = maker->rows->count;
	HmsJsonReader inside;
	HmsJsonReader later;
	HmsJsonValue key;
	HmsJsonValue value;
	bool		put_off = false;
	Field	   *field;
	HmsJsonName **place = &maker->parent.first;

	memset(maker->parent_present, 0, sizeof(bool) * maker->parent.count);
	if (!hms_json_enter(reader, HMS_JSON_OBJECT, &inside))
		return;
	while (next_member(maker, &maker->parent, &inside, &key, &field, &place))
	{
		if (field && field->column == OBJECTS)
		{
			maker->rows->count = before;	/* as everywhere, the last of its name counts */
			put_off = false;
			if (parent_is_complete(maker))
			{
				read_each(maker, &inside, true, read_inner_row);
				continue;
			}
			later = inside;
			put_off = true;
		}
		if (!hms_json_value(&inside, &value))
			break;
		if (field && field->note)
			*field->note = value;
		if (field && field->column >= 0)
		{
			maker->parent_values[field - maker->parent.fields] = value;
			maker->parent_present[field - maker->parent.fields] = true;
		}
	}
	if (put_off && inside.fault == NULL)
	{
		read_each(maker, &later, true, read_inner_row);
		inside.fault = later.fault;
	}
	hms_json_leave(reader, &inside);
	if (maker->shape->outer && maker->rows->count == before)
		read_row(maker, NULL, NULL);
}

/* Append the member "message" of an answer. */
static void
read_message(HmsRowMaker *maker, HmsJsonReader *reader)
{
	HmsJsonReader inside;
	HmsJsonValue key;
	HmsJsonValue value;
	size_t		len;

	if (!hms_json_enter(reader, HMS_JSON_OBJECT, &inside))
		return;
	while (hms_json_pair(&inside, &key, &value))
	{
		if (value.type == HMS_JSON_STRING &&
			hms_json_equals(&key, "message", strlen("message")))
			append_value(maker, CStringGetTextDatum(hms_json_text(&value, &len)));
	}
	hms_json_leave(reader, &inside);
}

/* Append the rows of the value at which the reader stands. */
static void
read_value(HmsRowMaker *maker, HmsJsonReader *reader, const HmsJsonValue *key)
{
	HmsJsonValue value;

	switch (maker->kind)
	{
		case RESULT_ROW:
			if (maker->shape->nested)
				read_nested(maker, reader);
			else if (key)
				read_inner_row(maker, reader, key);
			else
				read_row(maker, reader, key);
			break;
		case RESULT_JSONB:
			if (hms_json_value(reader, &value))
				append_value(maker, hms_json_to_jsonb(&value));
			break;
		case RESULT_MESSAGE:
			read_message(maker, reader);
			break;
		case RESULT_VOID:
			(void) hms_json_value(reader, &value);
			append_value(maker, (Datum) 0);
			break;
	}
}

/* The same, with a note. */
static void
read_noted(HmsRowMaker *maker, HmsJsonReader *reader, const HmsJsonValue *key)
{
	HmsRows    *rows = maker->rows;

	maker->note.id.start = maker->note.time.start = NULL;
	read_value(maker, reader, key);
	maker->note.reached = rows->count;
	if (rows->nnotes == rows->max_notes)
	{
		rows->max_notes *= 2;
		rows->notes = repalloc_huge(rows->notes, sizeof(HmsNote) * rows->max_notes);
	}
	rows->notes[rows->nnotes++] = maker->note;
}

/* A member of the values of a list is to be noted. */
static void
note_field(FieldSet *set, const char *name, HmsJsonValue *note)
{
	Field	   *field = NULL;

	for (int i = 0; i < set->count && field == NULL; i++)
	{
		if (strlen(name) == set->fields[i].name.len - 2 &&
			strncmp(name, set->fields[i].name.quoted + 1, strlen(name)) == 0)
			field = &set->fields[i];
	}
	if (field == NULL)
		field = add_field(set, name, UNKNOWN);
	field->note = note;
	field->name.skip = false;
}

void
hms_rows_note_values(HmsRows *rows, const char *time)
{
	HmsRowMaker *maker = rows->maker;
	FieldSet   *set = maker->shape->nested ? &maker->parent : &maker->own;
	MemoryContext old = MemoryContextSwitchTo(GetMemoryChunkContext(maker));

	hms_row_maker_get_ready(maker);
	if (maker->kind == RESULT_ROW)
	{
		note_field(set, "id", &maker->note.id);
		note_field(set, time, &maker->note.time);
	}
	MemoryContextSwitchTo(old);
	rows->max_notes = 128;
	rows->notes = MemoryContextAlloc(GetMemoryChunkContext(rows),
									 sizeof(HmsNote) * rows->max_notes);
}

void
hms_rows_read(HmsRows *rows, HmsJsonReader *reader, const HmsJsonValue *key)
{
	hms_row_maker_get_ready(rows->maker);
	rows->maker->rows = rows;
	read_value(rows->maker, reader, key);
}

int
hms_rows_read_each(HmsRows *rows, HmsJsonReader *reader, bool may_be_map)
{
	hms_row_maker_get_ready(rows->maker);
	rows->maker->rows = rows;
	rows->nnotes = 0;
	return read_each(rows->maker, reader, may_be_map,
					 rows->notes ? read_noted : read_value);
}
