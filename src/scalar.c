/*
 * scalar.c
 *		A value of JSON made into a Datum, without raising.
 *
 * Each type takes what its input function would take of what JSON can hold, in
 * the forms that the API and its relatives write.  Input functions themselves
 * raise, and one odd field must not cost a page.
 */
#include "postgres.h"

#include <math.h>

#include "catalog/pg_type.h"
#include "common/int.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/datetime.h"
#include "utils/timestamp.h"

#include "compat.h"
#include "scalar.h"

/* Short texts are put into pieces of memory, each twice as large, up to here. */
#define FIRST_ROOM_SIZE 512
#define MAX_ROOM_SIZE 8192

bool
hms_scalar_can_fill(Oid type)
{
	switch (type)
	{
		case TEXTOID:
		case BOOLOID:
		case INT4OID:
		case INT8OID:
		case FLOAT8OID:
		case TIMESTAMPTZOID:
		case JSONBOID:
		case TEXTARRAYOID:
			return true;
		default:
			return false;
	}
}

static inline bool
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
 * The digits after a decimal point as microseconds, rounded as timestamptz's
 * input rounds them: through a double, whose ties are not those of the text.
 */
static bool
parse_fraction(const char **p, int *usec)
{
	const char *point = *p - 1;
	int			digits = 0;
	int			rest = 0;

	*usec = 0;
	for (; **p >= '0' && **p <= '9'; (*p)++, digits++)
	{
		if (digits < 6)
			*usec = *usec * 10 + (**p - '0');
		else if (digits < 9)
			rest = rest * 10 + (**p - '0');
	}
	if (digits == 0)
		return false;
	for (int i = digits; i < 6; i++)
		*usec *= 10;
	for (int i = Max(digits, 6); i < 9; i++)
		rest *= 10;
	if (digits > 9 || rest == 500)
		*usec = (int) rint(strtod(point, NULL) * USECS_PER_SEC);
	else if (rest > 500)
		(*usec)++;
	return true;
}

/* Days since 2000-01-01 of YYYY-MM-DD; remembers the last date. */
static bool
parse_date(HmsScalars *scalars, const char **p, int64 *days)
{
	const char *start = *p;
	int			year,
				month,
				day;

	if (scalars->date[0] != '\0' &&
		strncmp(start, scalars->date, sizeof(scalars->date)) == 0)
	{
		*p += sizeof(scalars->date);
		*days = scalars->days;
		return true;
	}
	if (!parse_digits(p, 4, &year) || *(*p)++ != '-' ||
		!parse_digits(p, 2, &month) || *(*p)++ != '-' ||
		!parse_digits(p, 2, &day) ||
		year < 1 || month < 1 || month > 12 || day < 1 ||
		day > day_tab[isleap(year)][month - 1])
		return false;
	*days = scalars->days = date2j(year, month, day) - POSTGRES_EPOCH_JDATE;
	memcpy(scalars->date, start, sizeof(scalars->date));
	return true;
}

/*
 * An ISO 8601 time as the API writes it, and its near relatives: a blank for
 * the T, no seconds, an offset for the Z or nothing (UTC).  Returns false for
 * anything else.
 */
static bool
parse_timestamp(HmsScalars *scalars, const char *p, TimestampTz *result)
{
	int64		days;
	int			hour = 0,
				minute = 0,
				second = 0,
				usec = 0,
				offset = 0;

	if (!parse_date(scalars, &p, &days))
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
				p++;
				if (!parse_fraction(&p, &usec))
					return false;
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
	if (*p != '\0' || hour > 24 || minute > 59 || second > 60 ||
		(hour == 24 && (minute > 0 || second > 0 || usec > 0)))
		return false;

	*result = ((days * HOURS_PER_DAY + hour) * MINS_PER_HOUR + minute) *
		SECS_PER_MINUTE * USECS_PER_SEC +
		((int64) second - offset) * USECS_PER_SEC + usec;
	return true;
}

bool
hms_timestamp_of(const char *text, TimestampTz *result)
{
	HmsScalars	scalars = {0};

	return parse_timestamp(&scalars, text, result);
}

/* Go's zero time: a field that was never set. */
static TimestampTz
zero_time(void)
{
	return (int64) (date2j(1, 1, 1) - POSTGRES_EPOCH_JDATE) * USECS_PER_DAY;
}

/*
 * A whole number that is written with a point or an exponent, as 12.0 and 1.2e1
 * are.  Exact: never by way of a double.
 */
static bool
parse_decimal(const char *text, int64 *result)
{
	bool		negative = *text == '-';
	bool		point = false;
	int			digits = 0;
	int			zeros = 0;		/* at the end, not yet in the number */
	long		exponent = 0;
	int64		number = 0;
	char	   *end;

	for (text += negative; (*text >= '0' && *text <= '9') || (*text == '.' && !point); text++)
	{
		if (*text == '.')
		{
			point = true;
			continue;
		}
		digits++;
		exponent -= point;
		zeros++;
		if (*text == '0')
			continue;
		for (; zeros > 0; zeros--)
		{
			if (pg_mul_s64_overflow(number, 10, &number))
				return false;
		}
		if (pg_sub_s64_overflow(number, *text - '0', &number))
			return false;
	}
	if (digits == 0)
		return false;
	if (*text == 'e' || *text == 'E')
	{
		long		written = strtol(text + 1, &end, 10);

		/* what is further away than this is no number that is whole and fits */
		if (end == text + 1 || written < -1000 || written > 1000)
			return false;
		exponent += written;
		text = end;
	}
	if (*text != '\0')
		return false;
	exponent += zeros;
	if (number == 0)
		exponent = 0;
	for (; exponent > 0; exponent--)
	{
		if (pg_mul_s64_overflow(number, 10, &number))
			return false;
	}
	if (exponent < 0 || (!negative && number == PG_INT64_MIN))
		return false;
	*result = negative ? number : -number;
	return true;
}

static bool
parse_integer(const char *text, int64 min, int64 max, int64 *result)
{
	char	   *end;

	errno = 0;
	*result = strtoll(text, &end, 10);
	if ((*end == '.' || *end == 'e' || *end == 'E') && !parse_decimal(text, result))
		return false;
	if (*end != '.' && *end != 'e' && *end != 'E')
	{
		if (end == text || errno != 0)
			return false;
		while (*end == ' ')
			end++;
		if (*end != '\0')
			return false;
	}
	return *result >= min && *result <= max;
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

/* Text as a datum; short ones share pieces of memory. */
static Datum
text_datum(HmsTextRoom *room, const char *text, size_t len)
{
	size_t		size = len + VARHDRSZ_SHORT;
	char	   *datum;

	if (size > VARATT_SHORT_MAX)
		return PointerGetDatum(cstring_to_text_with_len(text, len));
	if (size > room->left)
	{
		room->size = room->size == 0 ? FIRST_ROOM_SIZE : Min(room->size * 2, MAX_ROOM_SIZE);
		room->next = palloc(room->size);
		room->left = room->size;
	}
	datum = room->next;
	room->next += size;
	room->left -= size;
	SET_VARSIZE_SHORT(datum, size);
	memcpy(VARDATA_SHORT(datum), text, len);
	return PointerGetDatum(datum);
}

bool
hms_scalar_read(HmsScalars *scalars, HmsTextRoom *room, Oid type,
				const HmsJsonValue *value, Datum *datum, bool *isnull)
{
	bool		scalar = value->type != HMS_JSON_ARRAY && value->type != HMS_JSON_OBJECT;
	bool		ok = true;
	char		buffer[64];
	char	   *text;
	int64		integer = 0;	/* what a parser leaves alone that fails */
	double		number = 0;
	bool		boolean = false;
	size_t		len;

	*isnull = true;
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
		if (value->type == HMS_JSON_STRING && hms_json_is_verbatim(value))
			*datum = text_datum(room, value->start + 1, value->len - 2);
		else
		{
			text = hms_json_text(value, &len);
			*datum = text_datum(room, text, len);
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
				ok = parse_timestamp(scalars, text, &integer);
				if (ok && integer == zero_time())
					return true;
				*datum = TimestampTzGetDatum(integer);
				break;
			default:
				ok = false;
		}
	}
	*isnull = !ok;
	return ok;
}
