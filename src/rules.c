/*
 * rules.c
 *		What a body must hold before it is sent.
 *
 * A message names the place of a value, never the value: it may be a secret.
 */
#include "postgres.h"

#include "lib/stringinfo.h"
#include "mb/pg_wchar.h"
#include "utils/fmgrprotos.h"

#include "compat.h"
#include "errors.h"
#include "rules.h"

/* What the platform can make, in pixels. */
#define MIN_WIDTH 500
#define MIN_HEIGHT 480
#define MAX_LONG_SIDE 1920
#define MAX_SHORT_SIDE 1080

/* A place in a body, for messages. */
typedef struct Place
{
	const char *argument;
	JsonbContainer *root;
	StringInfoData path;
} Place;

/* --- messages ------------------------------------------------------------------ */

/* What a message calls the value at hand. */
static char *
subject(const Place *place)
{
	const char *path = place->path.data;
	const char *inner;

	if (place->argument == NULL)
	{
		inner = strchr(path, '.');
		return inner == NULL ? psprintf("argument \"%s\"", path) :
			psprintf("\"%s\" of argument \"%.*s\"", inner + 1,
					 (int) (inner - path), path);
	}
	if (path[0] == '\0')
		return psprintf("argument \"%s\"", place->argument);
	return psprintf("\"%s\" of argument \"%s\"", path, place->argument);
}

static void refuse(const Place *place, const char *why, const char *detail)
			__attribute__((noreturn));

static void
refuse(const Place *place, const char *why, const char *detail)
{
	ereport(ERROR,
			(errcode(HMS_ERRCODE_ARGUMENT),
			 errmsg("%s %s", subject(place), why),
			 detail ? errdetail("%s", detail) : 0));
}

/* Refuse a measure that is out of bounds. */
static void
refuse_range(const Place *place, const HmsRule *rule, const char *must,
			 const char *unit)
{
	if (isinf(rule->max))
		refuse(place, psprintf("must %s at least %g%s", must, rule->min, unit), NULL);
	if (rule->min == rule->max)
		refuse(place, psprintf("must %s exactly %g%.*s", must, rule->min,
							   (int) strlen(unit) - (rule->min == 1), unit), NULL);
	refuse(place, psprintf("must %s from %g to %g%s", must, rule->min, rule->max, unit), NULL);
}

/* --- values ---------------------------------------------------------------------- */

static bool
is_array(const JsonbValue *value)
{
	return value->type == jbvBinary && JsonContainerIsArray(value->val.binary.data);
}

static bool
is_object(const JsonbValue *value)
{
	return value->type == jbvBinary && JsonContainerIsObject(value->val.binary.data);
}

/* Is there something: neither missing nor null, false or empty? */
static bool
is_given(const JsonbValue *value)
{
	if (value == NULL || value->type == jbvNull)
		return false;
	if (value->type == jbvBool)
		return value->val.boolean;
	if (value->type == jbvString)
		return value->val.string.len > 0;
	if (value->type == jbvBinary)
		return JsonContainerSize(value->val.binary.data) > 0;
	return true;
}

static bool
number_of(const JsonbValue *value, double *number)
{
	if (value == NULL || value->type != jbvNumeric)
		return false;
	*number = strtod(DatumGetCString(DirectFunctionCall1(numeric_out,
														 NumericGetDatum(value->val.numeric))),
					 NULL);
	return true;
}

static JsonbValue *
member_of(const JsonbValue *object, const char *name, size_t len, JsonbValue *buffer)
{
	return getKeyJsonValueFromContainer(object->val.binary.data, name, len, buffer);
}

/* Does a string begin with this, in any case, and go on after it? */
static bool
begins_with(const JsonbValue *value, const char *prefix)
{
	int			len = strlen(prefix);

	return value->type == jbvString && value->val.string.len > len &&
		pg_strncasecmp(value->val.string.val, prefix, len) == 0;
}

/* Is this character one of those of a telephone? */
static bool
is_digit(const JsonbValue *value)
{
	return value->type == jbvString && value->val.string.len == 1 &&
		strchr("0123456789*#abcdABCD", value->val.string.val[0]) != NULL &&
		value->val.string.val[0] != '\0';
}

/* A token of RFC 3261, which the names of headers are. */
static bool
is_sip_token(const char *text, int len)
{
	for (int i = 0; i < len; i++)
	{
		char		c = text[i];

		if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
			  (c >= '0' && c <= '9') || (c != '\0' && strchr("-.!%*_+`'~", c))))
			return false;
	}
	return len > 0;
}

/* --- rules ------------------------------------------------------------------------ */

static void
check_number(const Place *place, const HmsRule *rule, const JsonbValue *value)
{
	double		number;

	if (!number_of(value, &number) || number < rule->min || number > rule->max)
		refuse_range(place, rule, "be a number", "");
}

static void
check_length(const Place *place, const HmsRule *rule, const JsonbValue *value)
{
	int			length;
	bool		text = value->type == jbvString;

	if (text)
		length = pg_mbstrlen_with_len(value->val.string.val, value->val.string.len);
	else if (is_array(value))
		length = JsonContainerSize(value->val.binary.data);
	else
		return;
	if (length < rule->min || length > rule->max)
		refuse_range(place, rule, "have", text ? " characters" : " elements");
}

static void
check_rtmp_urls(const Place *place, const HmsRule *rule, const JsonbValue *value)
{
	bool		good = is_array(value);
	int			count = good ? JsonContainerSize(value->val.binary.data) : 0;

	good = good && count >= rule->min && count <= rule->max;
	for (int i = 0; good && i < count; i++)
	{
		JsonbValue *url = getIthJsonbValueFromContainer(value->val.binary.data, i);

		good = begins_with(url, "rtmp://") || begins_with(url, "rtmps://");
	}
	if (!good)
		refuse(place, psprintf("must be an array of %g to %g URLs that begin with rtmp:// or rtmps://",
							   rule->min, rule->max), NULL);
}

/* A portrait is at least 500 high because it is at least that wide. */
static void
check_resolution(const Place *place, const JsonbValue *value)
{
	JsonbValue	width_buffer;
	JsonbValue	height_buffer;
	double		width = 0;
	double		height = 0;

	if (!is_object(value) ||
		!number_of(member_of(value, "width", 5, &width_buffer), &width) ||
		!number_of(member_of(value, "height", 6, &height_buffer), &height) ||
		width < MIN_WIDTH || width > MAX_LONG_SIDE ||
		height < MIN_HEIGHT || height > MAX_LONG_SIDE ||
		(width > MAX_SHORT_SIDE && height > MAX_SHORT_SIDE))
		refuse(place, "is not a resolution that 100ms can make",
			   "It has a width from 500 to 1920 and a height from 480 to 1920, of which only one may be over 1080; a portrait is at least 500 high.");
}

static void
check_digits(const Place *place, const JsonbValue *value)
{
	bool		good = is_array(value) && JsonContainerSize(value->val.binary.data) > 0;

	for (uint32 i = 0; good && i < JsonContainerSize(value->val.binary.data); i++)
		good = is_digit(getIthJsonbValueFromContainer(value->val.binary.data, i));
	if (!good)
		refuse(place, "must be an array of the digits 0 to 9, *, #, a, b, c and d", NULL);
}

static void
check_sip_headers(const Place *place, const JsonbValue *value)
{
	JsonbIterator *it;
	JsonbValue	part;
	bool		good = is_object(value);

	if (good)
	{
		it = JsonbIteratorInit(value->val.binary.data);
		(void) JsonbIteratorNext(&it, &part, false);	/* the object's beginning */
		while (good && JsonbIteratorNext(&it, &part, true) == WJB_KEY)
		{
			good = is_sip_token(part.val.string.val, part.val.string.len);
			(void) JsonbIteratorNext(&it, &part, true);
			good = good && part.type == jbvString &&
				memchr(part.val.string.val, '\r', part.val.string.len) == NULL &&
				memchr(part.val.string.val, '\n', part.val.string.len) == NULL;
		}
	}
	if (!good)
		refuse(place, "must be an object of SIP headers",
			   "A name is letters, digits and the characters -.!%*_+`'~ and a value is text without line breaks.");
}

static void check_path(Place *place, const HmsRule *rule, const char *path,
					   const JsonbValue *value);

/* The rule's own word on the value at its place; NULL when there is none. */
static void
check_value(Place *place, const HmsRule *rule, const JsonbValue *value)
{
	JsonbValue	buffer;

	if (rule->kind == HMS_RULE_NEEDED)
	{
		if (value != NULL && value->type != jbvNull &&
			!(value->type == jbvString && value->val.string.len == 0))
			return;
		if (place->argument == NULL)
			refuse(place, "must be given", NULL);
		ereport(ERROR,
					(errcode(HMS_ERRCODE_ARGUMENT),
					 errmsg("argument \"%s\" lacks \"%s\"", place->argument,
						place->path.data),
				 rule->unless_overwrite ?
				 errhint("What it lacks is removed; overwrite => true says that this is meant.") : 0));
	}
	if (rule->kind == HMS_RULE_EITHER)
	{
		if (!is_given(value) &&
			!is_given(getKeyJsonValueFromContainer(place->root, rule->other,
												   strlen(rule->other), &buffer)))
			ereport(ERROR,
					(errcode(HMS_ERRCODE_ARGUMENT),
					 errmsg("one of the arguments \"%s\" and \"%s\" must be given",
							rule->path, rule->other)));
		return;
	}
	if (value == NULL || value->type == jbvNull)
		return;

	switch (rule->kind)
	{
		case HMS_RULE_NUMBER:
			check_number(place, rule, value);
			break;
		case HMS_RULE_LENGTH:
			check_length(place, rule, value);
			break;
		case HMS_RULE_RTMP_URLS:
			check_rtmp_urls(place, rule, value);
			break;
		case HMS_RULE_WEB_URL:
			if (!begins_with(value, "http://") && !begins_with(value, "https://"))
				refuse(place, "must be a URL that begins with http:// or https://", NULL);
			break;
		case HMS_RULE_RESOLUTION:
			check_resolution(place, value);
			break;
		case HMS_RULE_DIGITS:
			check_digits(place, value);
			break;
		case HMS_RULE_SIP_HEADERS:
			check_sip_headers(place, value);
			break;
		case HMS_RULE_ALL:
			for (const HmsRule *inner = rule->rules; inner->path; inner++)
				check_path(place, inner, inner->path, value);
			break;
		case HMS_RULE_NEEDED:
		case HMS_RULE_EITHER:
			break;				/* seen to above */
	}
}

/* Go one name further, and come back. */
static void
check_below(Place *place, const char *name, int len, const HmsRule *rule,
			const char *rest, const JsonbValue *value)
{
	int			before = place->path.len;

	if (before > 0)
		appendStringInfoChar(&place->path, '.');
	appendBinaryStringInfo(&place->path, name, len);
	check_path(place, rule, rest, value);
	place->path.len = before;
	place->path.data[before] = '\0';
}

/* Check a rule at the places that the rest of its path leads to. */
static void
check_path(Place *place, const HmsRule *rule, const char *path,
		   const JsonbValue *value)
{
	size_t		len = strcspn(path, ".");
	const char *rest = path[len] == '.' ? path + len + 1 : path + len;

	if (*path == '\0')
	{
		check_value(place, rule, value);
		return;
	}
	if (value == NULL || value->type != jbvBinary)
		return;
	if (strncmp(path, "[]", len) == 0 && is_array(value))
	{
		for (uint32 i = 0; i < JsonContainerSize(value->val.binary.data); i++)
		{
			char		index[16];
			int			digits = snprintf(index, sizeof(index), "%u", i);

			check_below(place, index, digits, rule, rest,
						getIthJsonbValueFromContainer(value->val.binary.data, i));
		}
	}
	else if (strncmp(path, "*", len) == 0 && is_object(value))
	{
		JsonbIterator *it = JsonbIteratorInit(value->val.binary.data);
		JsonbValue	key;
		JsonbValue	member;

		(void) JsonbIteratorNext(&it, &key, false); /* the object's beginning */
		while (JsonbIteratorNext(&it, &key, true) == WJB_KEY)
		{
			(void) JsonbIteratorNext(&it, &member, true);
			check_below(place, key.val.string.val, key.val.string.len, rule, rest,
						&member);
		}
	}
	else if (is_object(value))
	{
		JsonbValue	buffer;

		check_below(place, path, len, rule, rest,
					member_of(value, path, len, &buffer));
	}
}

void
hms_rules_check(const HmsRule *rules, const char *argument, Jsonb *body,
				bool overwrite)
{
	Place		place;
	JsonbValue	whole;

	place.argument = argument;
	place.root = &body->root;
	initStringInfo(&place.path);
	whole.type = jbvBinary;
	whole.val.binary.data = &body->root;
	whole.val.binary.len = VARSIZE(body) - VARHDRSZ;
	for (; rules->path; rules++)
	{
		if (!(rules->unless_overwrite && overwrite))
			check_path(&place, rules, rules->path, &whole);
	}
}
