/*
 * json.h
 *		JSON read in one pass, without a tree and without copies.
 *
 * A reader stands in a text and is asked for one value, member or element at
 * a time.  Every byte that it passes is checked; the first fault is kept in
 * "fault", and from then on every call says that there is nothing more.
 * Knows no endpoint and no HTTP.
 */
#ifndef HMS_JSON_H
#define HMS_JSON_H

#include "postgres.h"

#include "lib/stringinfo.h"

typedef enum HmsJsonType
{
	HMS_JSON_NULL,
	HMS_JSON_FALSE,
	HMS_JSON_TRUE,
	HMS_JSON_NUMBER,
	HMS_JSON_STRING,
	HMS_JSON_ARRAY,
	HMS_JSON_OBJECT
} HmsJsonType;

/* A value: where it stands in the text.  A string's span has its quotes. */
typedef struct HmsJsonValue
{
	HmsJsonType type;
	bool		escaped;		/* a string that has a backslash */
	bool		odd;			/* holds, at any depth, something that jsonb
								 * refuses: see hms_json_append_clean */
	const char *start;
	size_t		len;
} HmsJsonValue;

typedef struct HmsJsonReader
{
	const char *next;
	const char *end;			/* *end is readable and is no JSON character */
	bool		first;			/* no member or element was read yet */
	bool		closed;			/* the container has ended */
	const char *fault;			/* what is wrong, or NULL */
} HmsJsonReader;

/*
 * Read bytes that should be JSON and are followed by a NUL.  Returns what is
 * wrong with them as a whole, or NULL.
 */
extern const char *hms_json_begin(HmsJsonReader *reader, const char *bytes,
								  size_t len);

/* Read bytes that should be one JSON value: what is wrong with it, or NULL. */
extern const char *hms_json_check(const char *bytes, size_t len,
								  HmsJsonValue *value);

/* Pass one whole value of any type. */
extern bool hms_json_value(HmsJsonReader *reader, HmsJsonValue *value);

/* After the last value there is nothing but white space. */
extern bool hms_json_at_end(HmsJsonReader *reader);

/* The type of the value at which the reader stands, by its first character. */
extern HmsJsonType hms_json_peek(HmsJsonReader *reader);

/* Does the reader, at a value of a container, stand at an object? */
static inline bool
hms_json_is_at_object(const HmsJsonReader *reader)
{
	return *reader->next == '{';
}

/*
 * Go into the array or object at which the reader stands: "inside" then reads
 * its members or elements.  False, with a fault, when there is none such.
 * When "inside" is at its end the reader can go on behind it.
 */
extern bool hms_json_enter(HmsJsonReader *reader, HmsJsonType type,
						   HmsJsonReader *inside);
extern void hms_json_leave(HmsJsonReader *reader, const HmsJsonReader *inside);

/*
 * Members of the object, or elements of the array, that this value is.  After
 * hms_json_member has returned true the member's value is read next.
 */
extern void hms_json_open(HmsJsonReader *reader, const HmsJsonValue *container);
extern bool hms_json_member(HmsJsonReader *reader, HmsJsonValue *key);
extern bool hms_json_next(HmsJsonReader *reader);
extern bool hms_json_element(HmsJsonReader *reader, HmsJsonValue *element);

/*
 * A name that a member may have, as it stands in JSON when nothing in it is
 * escaped.  Objects of a page are alike, so each name leads to the one that
 * followed it last time.
 */
typedef struct HmsJsonName
{
	const char *quoted;
	size_t		len;			/* with the quotes */
	bool		skip;			/* nobody wants such a member */
	struct HmsJsonName *next;	/* NULL: not known */
} HmsJsonName;

/*
 * As hms_json_member, faster where the members follow the names from **place
 * on, and passing over those that are to be skipped.  *name becomes that of the
 * member that is returned, or NULL where it is none that was expected, and
 * *place where the name that comes next is noted, or else is to be.
 */
extern bool hms_json_likely_member(HmsJsonReader *reader, HmsJsonName ***place,
								   HmsJsonName **name, HmsJsonValue *key);

/*
 * The containers in the container at which the reader stands, behind which it
 * then stands.  By the brackets alone, several times faster than reading it:
 * right for what is well-formed, and nothing is checked.  -1 where it has no
 * end, or where that is no faster on this machine.
 */
extern int	hms_json_count_inner(HmsJsonReader *reader);

/* Say what is wrong, unless something is already; returns false. */
extern bool hms_json_fail(HmsJsonReader *reader, const char *fault);

/* Both in one: the next member and its value. */
extern bool hms_json_pair(HmsJsonReader *reader, HmsJsonValue *key,
						  HmsJsonValue *value);

/* Is this string (a key), which holds an escape, equal to that ASCII name? */
extern bool hms_json_equals_escaped(const HmsJsonValue *string, const char *name,
									size_t len);

/* Is any string (a key) equal to that ASCII name? */
static inline bool
hms_json_equals(const HmsJsonValue *string, const char *name, size_t len)
{
	return string->escaped ? hms_json_equals_escaped(string, name, len) :
		string->len == len + 2 && memcmp(string->start + 1, name, len) == 0;
}

/* Is a string's text in the server's encoding just the bytes between its quotes? */
extern bool hms_json_is_verbatim(const HmsJsonValue *string);

/* A scalar as palloc'd text in the server's encoding. */
extern char *hms_json_text(const HmsJsonValue *scalar, size_t *len);

/* Valid UTF-8 that is no JSON as palloc'd text in the server's encoding. */
extern char *hms_json_text_of_utf8(const char *text, size_t len);

/*
 * Append a value's text so that jsonb takes it: in the server's encoding, what
 * no text can hold as U+FFFD, numbers beyond numeric's range as strings.
 */
extern void hms_json_append_clean(StringInfo buf, const HmsJsonValue *value);

/* A value as jsonb. */
extern Datum hms_json_to_jsonb(const HmsJsonValue *value);

#endif							/* HMS_JSON_H */
