/*
 * fuzz_json.c
 *		A libFuzzer target: src/json.c against PostgreSQL's own JSON parser.
 *
 * Any bytes: both accept them or both refuse them; every way to walk the
 * reader sees the same values; what hms_json_append_clean writes is JSON that
 * holds nothing that jsonb refuses.  script/fuzz builds and runs it.
 */
#include "../../src/json.c"

#include "oracle.h"

/* What json.c asks of the server, as a UTF-8 database would answer. */

int
GetDatabaseEncoding(void)
{
	return PG_UTF8;
}

bool
pg_verify_mbstr(int encoding, const char *mbstr, int len, bool noError)
{
	return memchr(mbstr, 0, len) == NULL &&
		pg_encoding_verifymbstr(encoding, mbstr, len) == len;
}

void
hms_append_from_utf8(StringInfo buf, const char *utf8, size_t len)
{
	appendBinaryStringInfo(buf, utf8, (int) len);
}

Datum
jsonb_in(PG_FUNCTION_ARGS)
{
	abort();
}

Datum
DirectFunctionCall1Coll(PGFunction func, Oid collation, Datum arg1)
{
	abort();
}

/* The server's escape_json, which libpgcommon does not have. */
void
escape_json(StringInfo buf, const char *str)
{
	appendStringInfoCharMacro(buf, '"');
	for (; *str; str++)
	{
		if (*str == '"' || *str == '\\')
			appendStringInfo(buf, "\\%c", *str);
		else if ((unsigned char) *str < ' ')
			appendStringInfo(buf, "\\u%04x", (int) *str);
		else
			appendStringInfoCharMacro(buf, *str);
	}
	appendStringInfoCharMacro(buf, '"');
}

static void
require(bool condition, const char *what)
{
	if (!condition)
	{
		fprintf(stderr, "violated: %s\n", what);
		abort();
	}
}

#define NAMES 16

/*
 * Walk the object at which the reader stands by the names of its own members,
 * every second one skipped: what is not skipped comes in order, by its name.
 */
static void
walk_by_names(HmsJsonReader reader)
{
	HmsJsonReader inside;
	HmsJsonName names[NAMES];
	HmsJsonName *first = names;
	HmsJsonName **place = &first;
	HmsJsonName *name;
	HmsJsonValue key;
	HmsJsonValue value;
	int			count = 0;
	int			seen = 0;

	require(hms_json_enter(&reader, HMS_JSON_OBJECT, &inside), "an object can be entered");
	for (; hms_json_pair(&inside, &key, &value); count++)
	{
		if (count < NAMES)
			names[count] = (HmsJsonName) {key.start, key.len, count % 2 == 1, NULL};
		if (count > 0 && count < NAMES)
			names[count - 1].next = &names[count];
	}
	if (count == 0)
		first = NULL;
	require(hms_json_enter(&reader, HMS_JSON_OBJECT, &inside), "an object can be entered again");
	while (hms_json_likely_member(&inside, &place, &name, &key))
	{
		seen += seen < NAMES && seen % 2 == 1;	/* what was skipped */
		require(name == (seen < NAMES ? &names[seen] : NULL), "a member comes by its name");
		require(name == NULL || key.start == name->quoted, "and from its place");
		require(hms_json_value(&inside, &value), "and has a value");
		seen++;
	}
	seen += seen < NAMES && seen % 2 == 1 && seen < count;
	require(inside.fault == NULL && seen == count, "every member was seen or skipped");
}

/* What the brackets alone say of the container at which the reader stands. */
static void
compare_brackets(HmsJsonReader reader, int inner, const char *behind)
{
	int			count = hms_json_count_inner(&reader);

#ifdef __SSE2__
	require(count == inner, "the brackets tell how many containers are in one");
	require(reader.next == behind, "and where the container ends");
#else
	require(count == -1, "where it is not faster, it is not done");
#endif
}

/* Walk a value by every call; count what is in it. */
static int
walk(HmsJsonReader *reader, int depth)
{
	HmsJsonReader inside;
	HmsJsonValue value;
	int			count = 1;
	int			objects = 0;
	HmsJsonType type = hms_json_peek(reader);
	HmsJsonReader before = *reader;

	if (type == HMS_JSON_OBJECT)
	{
		walk_by_names(*reader);
		require(hms_json_enter(reader, type, &inside), "an object can be entered");
		while (hms_json_member(&inside, &value))
		{
			size_t		len;
			char	   *text = hms_json_text(&value, &len);

			require(hms_json_equals(&value, text, len), "a name equals its text");
			pfree(text);
			objects += hms_json_peek(&inside) == HMS_JSON_OBJECT || hms_json_peek(&inside) == HMS_JSON_ARRAY;
			count += walk(&inside, depth + 1);
		}
		require(inside.fault == NULL, "an accepted object has no fault");
		hms_json_leave(reader, &inside);
		compare_brackets(before, objects, reader->next);
	}
	else if (type == HMS_JSON_ARRAY)
	{
		require(hms_json_enter(reader, type, &inside), "an array can be entered");
		while (hms_json_next(&inside))
		{
			objects += hms_json_peek(&inside) == HMS_JSON_OBJECT || hms_json_peek(&inside) == HMS_JSON_ARRAY;
			count += walk(&inside, depth + 1);
		}
		require(inside.fault == NULL, "an accepted array has no fault");
		hms_json_leave(reader, &inside);
		compare_brackets(before, objects, reader->next);
	}
	else
	{
		size_t		len;
		char	   *text;

		require(hms_json_value(reader, &value), "a scalar can be passed");
		require(value.type == type, "a scalar is of the type it looks like");
		text = hms_json_text(&value, &len);
		require(strlen(text) == len, "text has no NUL");
		require(pg_verify_mbstr(PG_UTF8, text, len, true), "text is valid");
		pfree(text);
	}
	return count;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char	   *bytes = malloc(size + 1);
	HmsJsonReader reader;
	HmsJsonValue value;
	const char *fault;
	bool		too_deep;

	memcpy(bytes, data, size);
	bytes[size] = '\0';
	if (hms_json_begin(&reader, bytes, size) == NULL)
		(void) hms_json_count_inner(&reader); /* whatever they are */
	fault = hms_json_check(bytes, size, &value);
	too_deep = fault && strcmp(fault, "it is nested too deep") == 0;
	if (size < 4096 && !too_deep)
	{
		bool		expected = size > 0 && pg_verify_mbstr(PG_UTF8, bytes, size, true) &&
			oracle_accepts(bytes, size);

		require((fault == NULL) == expected, "accepted as PostgreSQL does");
	}
	if (fault == NULL)
	{
		StringInfoData clean;

		require(hms_json_begin(&reader, bytes, size) == NULL, "can be read again");
		(void) walk(&reader, 0);
		require(hms_json_at_end(&reader), "ends where it should");

		initStringInfo(&clean);
		hms_json_append_clean(&clean, &value);
		require(oracle_accepts_for_jsonb(clean.data, clean.len), "clean text is for jsonb");
		pfree(clean.data);
	}
	free(bytes);
	return 0;
}
