/*
 * row.c
 *		JSON objects made into rows.
 *
 * The maker is built once per call from the result type.  A field is a member
 * name that fills a column; fields stand in up to three sets, by the object in
 * which the member is looked for.  The members of one page's objects nearly
 * always come in the same order, so each set remembers which field followed
 * which: mostly one comparison finds a column.
 *
 * Only jsonb goes through an input function: the scalars are converted here
 * by code that cannot raise, because one odd field must not cost a page.
 */
#include "postgres.h"

#include <math.h>

#include "access/htup_details.h"
#include "access/xact.h"
#include "catalog/pg_type.h"
#include "funcapi.h"
#include "mb/pg_wchar.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/datetime.h"
#include "utils/lsyscache.h"
#include "utils/timestamp.h"
#include "utils/typcache.h"

#include "errors.h"
#include "row.h"

typedef struct Field
{
	const char *name;
	int			len;
	int			column;			/* index of the column it fills */
	int			next;			/* index of the field that followed last time */
} Field;

typedef struct FieldSet
{
	Field	   *fields;
	int			count;
	int			first;			/* index of the field that came first */
} FieldSet;

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
	FieldSet	own;			/* members of the object itself */
	FieldSet	inner;			/* of the object that is flattened */
	FieldSet	parent;			/* of the object around it */
	HmsJsonValue *parent_values;	/* by field of "parent" */
	bool	   *parent_present;
	int			id_column;		/* filled by a map's key, or -1 */
	int			alias_column;	/* or -1 */
	int			extra_column;	/* or -1 */
	Datum	   *values;
	bool	   *nulls;
	StringInfoData extra;		/* members of the row at hand that no column
								 * names; data is NULL when there are none */
};

/* --- building -------------------------------------------------------------- */

static void
add_field(FieldSet *set, const char *name, int column)
{
	Field	   *field = &set->fields[set->count];

	field->name = name;
	field->len = strlen(name);
	field->column = column;
	field->next = set->count + 1;
	set->count++;
}

/* Room for every column under its own name and under a second one. */
static void
init_fields(FieldSet *set, int columns)
{
	set->fields = palloc0(sizeof(Field) * columns * 2);
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

/* Find the places from which a column is filled. */
static void
add_column(HmsRowMaker *maker, int column)
{
	const HmsRowShape *shape = maker->shape;
	const char *name = NameStr(TupleDescAttr(maker->desc, column)->attname);

	if (strcmp(name, "extra") == 0)
	{
		maker->extra_column = column;
		return;
	}
	if (strcmp(name, "id") == 0)
		maker->id_column = column;
	if (shape->alias.column && strcmp(name, shape->alias.column) == 0)
		maker->alias_column = column;

	for (int i = 0; i < HMS_MAX_SOURCES && shape->parent[i].column; i++)
	{
		if (strcmp(name, shape->parent[i].column) == 0)
			add_field(&maker->parent, shape->parent[i].member, column);
	}
	if (shape->flatten == NULL || is_own_member(shape, name))
	{
		add_field(&maker->own, name, column);
		return;
	}
	add_field(&maker->inner, name, column);
	if (shape->noun)
	{
		size_t		len = strlen(shape->noun);

		if (strncmp(name, shape->noun, len) == 0 && name[len] == '_' &&
			is_own_member(shape, name + len + 1))
			add_field(&maker->inner, name + len + 1, column);
	}
}

/* Can a column of this type be filled? */
static void
check_column_type(Form_pg_attribute column)
{
	switch (column->atttypid)
	{
		case TEXTOID:
		case BOOLOID:
		case INT4OID:
		case INT8OID:
		case FLOAT8OID:
		case TIMESTAMPTZOID:
		case JSONBOID:
		case TEXTARRAYOID:
			return;
		default:
			ereport(ERROR,
					(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
					 errmsg("column \"%s\" of type %s cannot be filled from JSON",
							NameStr(column->attname),
							format_type_be(column->atttypid))));
	}
}

HmsRowMaker *
hms_row_maker(FunctionCallInfo fcinfo, const HmsRowShape *shape)
{
	static const HmsRowShape plain = {0};
	HmsRowMaker *maker = palloc0(sizeof(HmsRowMaker));
	Oid			type;
	TupleDesc	desc;
	int			columns;

	maker->shape = shape ? shape : &plain;
	maker->id_column = maker->alias_column = maker->extra_column = -1;
	if (get_call_result_type(fcinfo, &type, &desc) != TYPEFUNC_COMPOSITE)
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
	maker->desc = BlessTupleDesc(CreateTupleDescCopy(desc));
	columns = maker->desc->natts;
	maker->values = palloc0(sizeof(Datum) * columns);
	maker->nulls = palloc0(sizeof(bool) * columns);
	init_fields(&maker->own, columns);
	init_fields(&maker->inner, columns);
	init_fields(&maker->parent, columns);
	for (int i = 0; i < columns; i++)
	{
		Form_pg_attribute column = TupleDescAttr(maker->desc, i);

		if (column->attisdropped)
			continue;
		check_column_type(column);
		add_column(maker, i);
	}
	maker->parent_values = palloc0(sizeof(HmsJsonValue) * columns * 2);
	maker->parent_present = palloc0(sizeof(bool) * columns * 2);
	return maker;
}

bool
hms_row_needs_object(const HmsRowMaker *maker)
{
	return maker->kind == RESULT_ROW || maker->kind == RESULT_MESSAGE;
}

/* --- scalars, without raising ------------------------------------------------ */

static bool
parse_digits(const char **p, int count, int *value)
{
	*value = 0;
	for (int i = 0; i < count; i++, (*p)++)
	{
		if (**p < '0' || **p > '9')
			return false;
		*value = *value * 10 + (**p - '0');
	}
	return true;
}

/*
 * An ISO 8601 time as the API writes it, and its near relatives: a blank for
 * the T, no seconds, an offset for the Z or nothing (UTC).  Fractions of any
 * length round to microseconds as timestamptz's own input does.  Returns false
 * for anything else.
 */
static bool
parse_timestamp(const char *p, TimestampTz *result)
{
	int			year,
				month,
				day,
				hour = 0,
				minute = 0,
				second = 0,
				offset = 0;
	double		fraction = 0;
	int64		date;

	if (!parse_digits(&p, 4, &year) || *p++ != '-' ||
		!parse_digits(&p, 2, &month) || *p++ != '-' ||
		!parse_digits(&p, 2, &day))
		return false;
	if (*p == 'T' || *p == 't' || *p == ' ')
	{
		p++;
		if (!parse_digits(&p, 2, &hour) || *p++ != ':' ||
			!parse_digits(&p, 2, &minute))
			return false;
		if (*p == ':')
		{
			p++;
			if (!parse_digits(&p, 2, &second))
				return false;
			if (*p == '.')
			{
				int			digits = strspn(p + 1, "0123456789");

				if (digits == 0)
					return false;
				fraction = rint(strtod(p, NULL) * USECS_PER_SEC);
				p += 1 + digits;
			}
		}
		if (*p == 'Z' || *p == 'z')
			p++;
		else if (*p == '+' || *p == '-')
		{
			int			sign = *p++ == '-' ? -1 : 1;
			int			offset_hour,
						offset_minute = 0;

			if (!parse_digits(&p, 2, &offset_hour))
				return false;
			if (*p == ':')
				p++;
			if (*p != '\0' && !parse_digits(&p, 2, &offset_minute))
				return false;
			if (offset_hour > 15 || offset_minute > 59)
				return false;
			offset = sign * (offset_hour * 60 + offset_minute) * 60;
		}
	}
	if (*p != '\0')
		return false;
	if (year < 1 || month < 1 || month > 12 || day < 1 ||
		day > day_tab[isleap(year)][month - 1] ||
		hour > 24 || minute > 59 || second > 60 ||
		(hour == 24 && (minute > 0 || second > 0 || fraction > 0)))
		return false;

	date = date2j(year, month, day) - POSTGRES_EPOCH_JDATE;
	*result = ((date * HOURS_PER_DAY + hour) * MINS_PER_HOUR + minute) *
		SECS_PER_MINUTE * USECS_PER_SEC +
		((int64) second - offset) * USECS_PER_SEC + (int64) fraction;
	return true;
}

/* Go's zero time: a field that was never set. */
static TimestampTz
zero_time(void)
{
	return (int64) (date2j(1, 1, 1) - POSTGRES_EPOCH_JDATE) * USECS_PER_DAY;
}

static bool
parse_integer(const char *text, int64 min, int64 max, int64 *result)
{
	char	   *end;

	errno = 0;
	*result = strtoll(text, &end, 10);
	if (end == text || errno != 0)
		return false;
	while (*end == ' ')
		end++;
	return *end == '\0' && *result >= min && *result <= max;
}

static bool
parse_float(const char *text, double *result)
{
	char	   *end;

	errno = 0;
	*result = strtod(text, &end);
	return end != text && *end == '\0' && errno == 0 &&
		strpbrk(text, "xX") == NULL;
}

/* An array of scalars as text[]. */
static Datum
text_array(const HmsJsonValue *array, bool *ok)
{
	HmsJsonReader reader;
	HmsJsonValue element;
	ArrayBuildState *state = initArrayResult(TEXTOID, CurrentMemoryContext, false);

	hms_json_open(&reader, array);
	while (hms_json_element(&reader, &element))
	{
		char	   *text;
		size_t		len;

		if (element.type == HMS_JSON_ARRAY || element.type == HMS_JSON_OBJECT)
		{
			*ok = false;
			return (Datum) 0;
		}
		if (element.type == HMS_JSON_NULL)
		{
			accumArrayResult(state, (Datum) 0, true, TEXTOID, CurrentMemoryContext);
			continue;
		}
		text = hms_json_text(&element, &len);
		accumArrayResult(state, PointerGetDatum(cstring_to_text_with_len(text, len)),
						 false, TEXTOID, CurrentMemoryContext);
	}
	return makeArrayResult(state, CurrentMemoryContext);
}

/* Text of a scalar for a column that is not text. */
static char *
scalar_text(const HmsJsonValue *value, char *buffer, size_t size)
{
	size_t		len;

	/* nearly all are short and plain: no need to allocate */
	if (!value->escaped && value->len < size)
	{
		bool		quoted = value->type == HMS_JSON_STRING;

		len = value->len - (quoted ? 2 : 0);
		memcpy(buffer, value->start + (quoted ? 1 : 0), len);
		buffer[len] = '\0';
		return buffer;
	}
	return hms_json_text(value, &len);
}

/*
 * Set a column from a value that is not JSON null.  False when the value is
 * not of the column's type.
 */
static bool
set_column(HmsRowMaker *maker, int column, const HmsJsonValue *value)
{
	Oid			type = TupleDescAttr(maker->desc, column)->atttypid;
	Datum	   *datum = &maker->values[column];
	bool		scalar = value->type != HMS_JSON_ARRAY && value->type != HMS_JSON_OBJECT;
	bool		ok = true;
	char		buffer[64];
	char	   *text;
	int64		integer;
	double		number;
	bool		boolean;
	size_t		len;

	maker->nulls[column] = true;
	if (type == JSONBOID)
		*datum = hms_json_to_jsonb(value);
	else if (type == TEXTARRAYOID)
	{
		if (value->type != HMS_JSON_ARRAY)
			return false;
		*datum = text_array(value, &ok);
	}
	else if (!scalar)
		return false;
	else if (type == TEXTOID)
	{
		if (value->type == HMS_JSON_STRING && !value->escaped &&
			GetDatabaseEncoding() == PG_UTF8)
			*datum = PointerGetDatum(cstring_to_text_with_len(value->start + 1,
															  value->len - 2));
		else
		{
			text = hms_json_text(value, &len);
			*datum = PointerGetDatum(cstring_to_text_with_len(text, len));
		}
	}
	else
	{
		text = scalar_text(value, buffer, sizeof(buffer));
		switch (type)
		{
			case BOOLOID:
				ok = parse_bool(text, &boolean);
				*datum = BoolGetDatum(boolean);
				break;
			case INT4OID:
				ok = parse_integer(text, PG_INT32_MIN, PG_INT32_MAX, &integer);
				*datum = Int32GetDatum((int32) integer);
				break;
			case INT8OID:
				ok = parse_integer(text, PG_INT64_MIN, PG_INT64_MAX, &integer);
				*datum = Int64GetDatum(integer);
				break;
			case FLOAT8OID:
				ok = parse_float(text, &number);
				*datum = Float8GetDatum(number);
				break;
			case TIMESTAMPTZOID:
				/* no value and the zero time mean that there is none */
				if (text[0] == '\0')
					return true;
				ok = parse_timestamp(text, &integer);
				if (ok && integer == zero_time())
					return true;
				*datum = TimestampTzGetDatum(integer);
				break;
			default:
				ok = false;
		}
	}
	maker->nulls[column] = !ok;
	return ok;
}

/* --- rows -------------------------------------------------------------------- */

/* The field with this member's name, or NULL; *guess is where to look first. */
static Field *
find_field(FieldSet *set, const HmsJsonValue *key, int **guess)
{
	int			likely = **guess;

	if (likely < set->count &&
		hms_json_equals(key, set->fields[likely].name, set->fields[likely].len))
	{
		*guess = &set->fields[likely].next;
		return &set->fields[likely];
	}
	for (int i = 0; i < set->count; i++)
	{
		if (hms_json_equals(key, set->fields[i].name, set->fields[i].len))
		{
			**guess = i;
			*guess = &set->fields[i].next;
			return &set->fields[i];
		}
	}
	return NULL;
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
fill_inner(HmsRowMaker *maker, const HmsJsonValue *object)
{
	HmsJsonReader reader;
	HmsJsonValue key;
	HmsJsonValue value;
	int		   *guess = &maker->inner.first;

	hms_json_open(&reader, object);
	while (hms_json_pair(&reader, &key, &value))
	{
		Field	   *field = find_field(&maker->inner, &key, &guess);

		if (field)
			fill(maker, field->column, &key, &value);
		else
			keep_extra(maker, &key, &value);
	}
}

/* Fill columns from the object's own members. */
static void
fill_own(HmsRowMaker *maker, const HmsJsonValue *object)
{
	const HmsRowShape *shape = maker->shape;
	HmsJsonReader reader;
	HmsJsonValue key;
	HmsJsonValue value;
	HmsJsonValue alias_key;
	HmsJsonValue alias_value;
	bool		has_alias = false;
	int		   *guess = &maker->own.first;

	hms_json_open(&reader, object);
	while (hms_json_pair(&reader, &key, &value))
	{
		Field	   *field = find_field(&maker->own, &key, &guess);

		if (field)
			fill(maker, field->column, &key, &value);
		else if (shape->flatten &&
				 (value.type == HMS_JSON_OBJECT || value.type == HMS_JSON_NULL) &&
				 hms_json_equals(&key, shape->flatten, strlen(shape->flatten)))
		{
			if (value.type == HMS_JSON_OBJECT)
				fill_inner(maker, &value);
		}
		else if (maker->alias_column >= 0 &&
				 hms_json_equals(&key, shape->alias.member,
								 strlen(shape->alias.member)))
		{
			alias_key = key;
			alias_value = value;
			has_alias = true;
		}
		else
			keep_extra(maker, &key, &value);
	}
	if (has_alias && maker->nulls[maker->alias_column])
		fill(maker, maker->alias_column, &alias_key, &alias_value);
	else if (has_alias && alias_value.type != HMS_JSON_NULL)
		keep_extra(maker, &alias_key, &alias_value);
}

bool
hms_row_enter(HmsRowMaker *maker, const HmsJsonValue *object,
			  HmsJsonValue *nested)
{
	const char *nested_name = maker->shape->nested;
	HmsJsonReader reader;
	HmsJsonValue key;
	HmsJsonValue value;
	int		   *guess = &maker->parent.first;
	bool		found = false;

	memset(maker->parent_present, 0, sizeof(bool) * maker->parent.count);
	hms_json_open(&reader, object);
	while (hms_json_pair(&reader, &key, &value))
	{
		Field	   *field;

		if (hms_json_equals(&key, nested_name, strlen(nested_name)))
		{
			*nested = value;
			found = value.type != HMS_JSON_NULL;
			continue;
		}
		field = find_field(&maker->parent, &key, &guess);
		if (field)
		{
			maker->parent_values[field - maker->parent.fields] = value;
			maker->parent_present[field - maker->parent.fields] = true;
		}
	}
	return found;
}

/* The member "message" of an answer. */
static Datum
message_of(const HmsJsonValue *object, bool *isnull)
{
	HmsJsonReader reader;
	HmsJsonValue key;
	HmsJsonValue value;

	hms_json_open(&reader, object);
	while (hms_json_pair(&reader, &key, &value))
	{
		if (value.type == HMS_JSON_STRING &&
			hms_json_equals(&key, "message", strlen("message")))
		{
			size_t		len;
			char	   *text = hms_json_text(&value, &len);

			*isnull = false;
			return PointerGetDatum(cstring_to_text_with_len(text, len));
		}
	}
	*isnull = true;
	return (Datum) 0;
}

Datum
hms_row_make(HmsRowMaker *maker, const HmsJsonValue *value,
			 const HmsJsonValue *key, bool *isnull)
{
	*isnull = false;
	switch (maker->kind)
	{
		case RESULT_JSONB:
			return hms_json_to_jsonb(value);
		case RESULT_MESSAGE:
			return message_of(value, isnull);
		case RESULT_VOID:
			return (Datum) 0;
		case RESULT_ROW:
			break;
	}

	memset(maker->nulls, true, sizeof(bool) * maker->desc->natts);
	maker->extra.data = NULL;
	if (value)
		fill_own(maker, value);
	if (key && maker->id_column >= 0 && maker->nulls[maker->id_column])
		(void) set_column(maker, maker->id_column, key);
	for (int i = 0; i < maker->parent.count; i++)
	{
		int			column = maker->parent.fields[i].column;

		if (maker->nulls[column] && maker->parent_present[i] &&
			maker->parent_values[i].type != HMS_JSON_NULL &&
			!set_column(maker, column, &maker->parent_values[i]))
			warn_unconverted(maker, column);
	}
	if (maker->extra.data)
	{
		appendStringInfoChar(&maker->extra, '}');
		maker->values[maker->extra_column] =
			DirectFunctionCall1(jsonb_in, CStringGetDatum(maker->extra.data));
		maker->nulls[maker->extra_column] = false;
	}
	return HeapTupleGetDatum(heap_form_tuple(maker->desc, maker->values,
											 maker->nulls));
}
