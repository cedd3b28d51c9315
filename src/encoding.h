/*
 * encoding.h
 *		Text between the API's UTF-8 and the database's encoding.
 *
 * A character that the database lacks is written as in JSON, \uXXXX with
 * capitals, two of them for what is beyond U+FFFF, and on the way out such an
 * escape is that character again: so keys stay apart, and what came from the
 * API is found there.  A backslash that only looks like the begin of one is
 * \u005C.  UTF-8 databases have every character and no escape.
 */
#ifndef HMS_ENCODING_H
#define HMS_ENCODING_H

#include "postgres.h"

#include "lib/stringinfo.h"
#include "mb/pg_wchar.h"

/* Does the database take UTF-8 as it is?  SQL_ASCII takes any bytes. */
static inline bool
hms_takes_utf8(void)
{
	return GetDatabaseEncoding() == PG_UTF8 || GetDatabaseEncoding() == PG_SQL_ASCII;
}

/* Append UTF-8 in the database's encoding. */
extern void hms_append_from_utf8(StringInfo buf, const char *utf8, size_t len);

/* Text of the database as UTF-8; raises 22021 for what is none. */
extern const char *hms_to_utf8(const char *text);

/* The same of the text of a JSON value, in whose strings the escapes stand. */
extern const char *hms_json_to_utf8(const char *json);

#endif							/* HMS_ENCODING_H */
