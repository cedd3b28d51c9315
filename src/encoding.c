/*
 * encoding.c
 *		Text between the API's UTF-8 and the database's encoding.
 */
#include "postgres.h"

#include "catalog/namespace.h"

#include "encoding.h"

#define BACKSLASH 0x5C
#define ESCAPE_LEN 5			/* behind the backslash */

/* The text of a conversion between the two encodings, or NULL. */
static char *
convert(const char *text, int len, int from, int to)
{
	Oid			conversion = FindDefaultConversionProc(from, to);
	char	   *converted;

	if (!OidIsValid(conversion))
		return NULL;
	converted = palloc(len * MAX_CONVERSION_GROWTH + 1);
	return pg_do_encoding_conversion_buf(conversion, from, to,
										 (unsigned char *) unconstify(char *, text), len,
										 (unsigned char *) converted,
										 len * MAX_CONVERSION_GROWTH + 1, true) == len ?
		converted : NULL;
}

/*
 * A character in the database's encoding; NULL when that lacks it, or has one
 * character for several.
 */
static char *
native_character(const char *utf8, int len)
{
	char	   *native = convert(utf8, len, PG_UTF8, GetDatabaseEncoding());
	char	   *back;

	if (native == NULL || native[0] == '\0')
		return NULL;
	back = convert(native, strlen(native), GetDatabaseEncoding(), PG_UTF8);
	return back && strlen(back) == (size_t) len && memcmp(back, utf8, len) == 0 ? native : NULL;
}

/* Value of four hexadecimal digits in capitals after "u", or -1. */
static int
unit_at(const char *p, const char *end)
{
	int			unit = 0;

	if (end - p < ESCAPE_LEN || *p++ != 'u')
		return -1;
	for (int i = 0; i < 4; i++, p++)
	{
		if (*p >= '0' && *p <= '9')
			unit = unit << 4 | (*p - '0');
		else if (*p >= 'A' && *p <= 'F')
			unit = unit << 4 | (*p - 'A' + 10);
		else
			return -1;
	}
	return unit;
}

/*
 * The code point that the escape at p, at a backslash, stands for, and how long
 * it is; -1 when there is none.  "width" is how many bytes a backslash has.
 */
static int
escape_at(const char *p, const char *end, int width, int *len)
{
	int			code = unit_at(p + width, end);
	char		utf8[MAX_MULTIBYTE_CHAR_LEN];

	*len = width + ESCAPE_LEN;
	if (code == BACKSLASH)
		return code;
	if (code < 0x80 || is_utf16_surrogate_second(code))
		return -1;
	if (is_utf16_surrogate_first(code))
	{
		const char *next = p + *len;
		int			second = end - next > width && next[0] == '\\' && next[width - 1] == '\\' ?
			unit_at(next + width, end) : -1;

		if (second < 0 || !is_utf16_surrogate_second(second))
			return -1;
		*len *= 2;
		return surrogate_pair_to_codepoint(code, second);
	}
	unicode_to_utf8(code, (unsigned char *) utf8);
	return native_character(utf8, pg_utf_mblen((unsigned char *) utf8)) ? -1 : code;
}

/* Append the escape of a character. */
static void
append_escape(StringInfo buf, int code)
{
	if (code > 0xFFFF)
		appendStringInfo(buf, "\\u%04X\\u%04X", 0xD800 + ((code - 0x10000) >> 10),
						 0xDC00 + ((code - 0x10000) & 0x3FF));
	else
		appendStringInfo(buf, "\\u%04X", code);
}

void
hms_append_from_utf8(StringInfo buf, const char *utf8, size_t len)
{
	const char *end = utf8 + len;
	int			char_len;
	int			escape_len;

	if (hms_takes_utf8())
	{
		appendBinaryStringInfo(buf, utf8, len);
		return;
	}
	for (const char *p = utf8; p < end; p += char_len)
	{
		char	   *native = NULL;

		char_len = pg_utf_mblen((const unsigned char *) p);
		if (*p == '\\' && escape_at(p, end, 1, &escape_len) >= 0)
			append_escape(buf, BACKSLASH);
		else if (!IS_HIGHBIT_SET(*p))
			appendStringInfoChar(buf, *p);
		else if ((native = native_character(p, char_len)) != NULL)
			appendStringInfoString(buf, native);
		else
			append_escape(buf, utf8_to_unicode((const unsigned char *) p));
	}
}

/* Text of the database as UTF-8, in which a backslash has this width. */
static const char *
decode(const char *text, int width)
{
	const char *end = text + strlen(text);
	const char *run = text;
	StringInfoData buf;
	int			len;
	int			code;

	if (hms_takes_utf8() || strchr(text, '\\') == NULL)
		return pg_server_to_any(text, strlen(text), PG_UTF8);
	initStringInfo(&buf);
	for (const char *p = text; p < end;)
	{
		unsigned char utf8[MAX_MULTIBYTE_CHAR_LEN + 1] = {0};
		char	   *before;

		if (*p != '\\')
		{
			p++;
			continue;
		}
		if ((width == 2 && p[1] != '\\') ||
			(code = escape_at(p, end, width, &len)) < 0)
		{
			p += width;			/* another escape of JSON, or just a backslash */
			continue;
		}
		before = pnstrdup(run, p - run);
		appendStringInfoString(&buf, pg_server_to_any(before, p - run, PG_UTF8));
		if (code == BACKSLASH)
			appendBinaryStringInfo(&buf, "\\\\", width);
		else
			appendStringInfoString(&buf, (char *) unicode_to_utf8(code, utf8));
		run = p += len;
	}
	appendStringInfoString(&buf, pg_server_to_any(run, end - run, PG_UTF8));
	return buf.data;
}

const char *
hms_to_utf8(const char *text)
{
	return decode(text, 1);
}

const char *
hms_json_to_utf8(const char *json)
{
	return decode(json, 2);
}
