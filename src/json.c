/*
 * json.c
 *		JSON read in one pass, without a tree and without copies.
 *
 * Pages are megabytes and most of their members are never looked at, so the
 * reader hands out spans of the text; a string is copied and unescaped when it
 * becomes a column, not before.  It accepts RFC 8259 and nothing else.
 */
#include "postgres.h"

#ifdef __SSE2__
#include <emmintrin.h>
#endif

#include "mb/pg_wchar.h"
#include "port/pg_bitutils.h"
#include "utils/fmgrprotos.h"
#include "utils/json.h"

#include "encoding.h"
#include "json.h"

/* The API nests five deep; a page that nests deeper than this is an attack. */
#define MAX_DEPTH 64

/* numeric holds 131072 digits before the point; more than this is no number
 * that anybody meant. */
#define MAX_NUMBER_LEN 400
#define MAX_EXPONENT_DIGITS 3

#define REPLACEMENT_CHARACTER 0xFFFD

/* Begin to read a text, or the inside of a container. */
static void
start(HmsJsonReader *reader, const char *text, size_t len)
{
	reader->next = text;
	reader->end = text + len;
	reader->first = true;
	reader->closed = false;
	reader->fault = NULL;
}

bool
hms_json_fail(HmsJsonReader *reader, const char *fault)
{
	if (reader->fault == NULL)
		reader->fault = fault;
	return false;
}

static inline bool
is_space(char c)
{
	/* mostly it is none: one comparison instead of four */
	return (unsigned char) c <= ' ' &&
		(c == ' ' || c == '\n' || c == '\r' || c == '\t');
}

static inline const char *
skip_space(const char *p)
{
	while (is_space(*p))
		p++;
	return p;
}

static inline bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* Value of four hexadecimal digits, or -1. */
static int
hex4(const char *p)
{
	int			value = 0;

	for (int i = 0; i < 4; i++)
	{
		char		c = p[i];

		value <<= 4;
		if (is_digit(c))
			value |= c - '0';
		else if (c >= 'a' && c <= 'f')
			value |= c - 'a' + 10;
		else if (c >= 'A' && c <= 'F')
			value |= c - 'A' + 10;
		else
			return -1;
	}
	return value;
}

/*
 * The character that a \u escape stands for, p at its "u"; *used is how many
 * characters after the backslash it takes.  -1 for what is not hexadecimal,
 * U+FFFD for NUL and for half of a surrogate pair.
 */
static int
unicode_escape(const char *p, int *used)
{
	int			code = hex4(p + 1);

	*used = 5;
	if (code < 0)
		return -1;
	if (is_utf16_surrogate_first(code) && p[5] == '\\' && p[6] == 'u')
	{
		int			second = hex4(p + 7);

		if (second >= 0 && is_utf16_surrogate_second(second))
		{
			*used = 11;
			return surrogate_pair_to_codepoint(code, second);
		}
	}
	if (code == 0 || is_utf16_surrogate_first(code) ||
		is_utf16_surrogate_second(code))
		return REPLACEMENT_CHARACTER;
	return code;
}

/*
 * The first quote, backslash, control character or byte that is not ASCII at or
 * after p, looked for in as many bytes at a time as there are; the text's end
 * is a NUL.
 */
static pg_attribute_always_inline const char *
find_special(const char *p, const char *end)
{
#ifdef __SSE2__
	const __m128i quote = _mm_set1_epi8('"');
	const __m128i backslash = _mm_set1_epi8('\\');
	const __m128i blank = _mm_set1_epi8(' ');

	for (; end - p >= (ptrdiff_t) sizeof(__m128i); p += sizeof(__m128i))
	{
		__m128i		chunk = _mm_loadu_si128((const __m128i *) p);

		/* as signed numbers, what is not ASCII is less than a blank too */
		uint32		special = (uint32)
			_mm_movemask_epi8(_mm_or_si128(_mm_or_si128(_mm_cmpeq_epi8(chunk, quote),
														_mm_cmpeq_epi8(chunk, backslash)),
										   _mm_cmplt_epi8(chunk, blank)));

		if (special)
			return p + pg_rightmost_one_pos32(special);
	}
#else
	const uint64 ones = UINT64CONST(0x0101010101010101);
	const uint64 tops = UINT64CONST(0x8080808080808080);
	uint64		word;

	for (; end - p >= (ptrdiff_t) sizeof(word); p += sizeof(word))
	{
		uint64		quote;
		uint64		backslash;

		memcpy(&word, p, sizeof(word));
		quote = word ^ (ones * '"');
		backslash = word ^ (ones * '\\');
		if (((quote - ones) | (backslash - ones) | (word - ones * ' ') | word) & tops)
			break;
	}
#endif
	while (*p != '"' && *p != '\\' && *p >= ' ' && !IS_HIGHBIT_SET(*p))
		p++;
	return p;
}

/* Pass an escape, p at its backslash; returns what follows it. */
static const char *
pass_escape(HmsJsonReader *reader, const char *p, bool *odd)
{
	int			used;
	int			code;

	p++;
	switch (*p)
	{
		case '"':
		case '\\':
		case '/':
		case 'b':
		case 'f':
		case 'n':
		case 'r':
		case 't':
			return p + 1;
		case 'u':
			code = unicode_escape(p, &used);
			if (code < 0)
				break;
			/* what jsonb would refuse */
			if (code == REPLACEMENT_CHARACTER ||
				(code > 0x7f && GetDatabaseEncoding() != PG_UTF8))
				*odd = true;
			return p + used;
		default:
			break;
	}
	hms_json_fail(reader, "a string holds an invalid escape");
	return NULL;
}

/*
 * Pass what is left of a string that has something special in it, p at that;
 * returns what follows the string.
 */
static const char *
pass_special(HmsJsonReader *reader, const char *start, const char *p,
			 bool *escaped, bool *odd)
{
	bool		high = false;

	while (*p != '"')
	{
		if (IS_HIGHBIT_SET(*p))
		{
			high = true;
			p++;
		}
		else if (*p == '\\')
		{
			*escaped = true;
			p = pass_escape(reader, p, odd);
			if (p == NULL)
				return NULL;
		}
		else
		{
			hms_json_fail(reader, p >= reader->end ? "it ends inside a string" :
						  "a string holds a control character");
			return NULL;
		}
		if (!IS_HIGHBIT_SET(*p))
			p = find_special(p, reader->end);
	}
	p++;
	if (high && !pg_verify_mbstr(PG_UTF8, start, p - start, true))
	{
		hms_json_fail(reader, "it is not valid UTF-8");
		return NULL;
	}
	return p;
}

/* Pass a string, p at its opening quote; returns what follows it. */
static pg_attribute_always_inline const char *
pass_string(HmsJsonReader *reader, const char *p, bool *escaped, bool *odd)
{
	const char *start = p;

	p = find_special(p + 1, reader->end);
	if (likely(*p == '"'))
		return p + 1;
	return pass_special(reader, start, p, escaped, odd);
}

/* Pass a number; returns what follows it. */
static const char *
pass_number(HmsJsonReader *reader, const char *p, bool *odd)
{
	const char *start = p;

	if (*p == '-')
		p++;
	if (*p == '0')
		p++;
	else if (is_digit(*p))
	{
		while (is_digit(*p))
			p++;
	}
	else
	{
		hms_json_fail(reader, "there is something that is no JSON value");
		return NULL;
	}
	if (*p == '.')
	{
		if (!is_digit(*++p))
		{
			hms_json_fail(reader, "there is an invalid number");
			return NULL;
		}
		while (is_digit(*p))
			p++;
	}
	if (*p == 'e' || *p == 'E')
	{
		const char *exponent;

		p++;
		if (*p == '+' || *p == '-')
			p++;
		exponent = p;
		while (is_digit(*p))
			p++;
		if (p == exponent)
		{
			hms_json_fail(reader, "there is an invalid number");
			return NULL;
		}
		if (p - exponent > MAX_EXPONENT_DIGITS)
			*odd = true;
	}
	if (p - start > MAX_NUMBER_LEN)
		*odd = true;
	return p;
}

/* Pass a word: true, false, null. */
static const char *
pass_word(HmsJsonReader *reader, const char *p, const char *word)
{
	size_t		len = strlen(word);

	if (strncmp(p, word, len) == 0)
		return p + len;
	hms_json_fail(reader, "there is something that is no JSON value");
	return NULL;
}

/* Pass a scalar; returns what follows it. */
static inline const char *
pass_scalar(HmsJsonReader *reader, const char *p, HmsJsonType *type,
			bool *escaped, bool *odd)
{
	switch (*p)
	{
		case '"':
			*type = HMS_JSON_STRING;
			return pass_string(reader, p, escaped, odd);
		case 't':
			*type = HMS_JSON_TRUE;
			return pass_word(reader, p, "true");
		case 'f':
			*type = HMS_JSON_FALSE;
			return pass_word(reader, p, "false");
		case 'n':
			*type = HMS_JSON_NULL;
			return pass_word(reader, p, "null");
		default:
			*type = HMS_JSON_NUMBER;
			return pass_number(reader, p, odd);
	}
}

/* Pass the colon after a member's name; returns what follows it. */
static pg_attribute_always_inline const char *
pass_colon(HmsJsonReader *reader, const char *p)
{
	if (*p != ':')
		p = skip_space(p);
	if (*p != ':')
	{
		hms_json_fail(reader, "a member has no value");
		return NULL;
	}
	return p + 1;
}

/*
 * Pass a member's name and colon, blanks before them too; returns what follows
 * them, and in *end where the name's closing quote was.
 */
static pg_attribute_always_inline const char *
pass_name(HmsJsonReader *reader, const char *p, bool *escaped, bool *odd,
		  const char **end)
{
	if (*p != '"')
		p = skip_space(p);
	if (*p != '"')
	{
		hms_json_fail(reader, "a member has no name");
		return NULL;
	}
	p = pass_string(reader, p, escaped, odd);
	if (p == NULL)
		return NULL;
	*end = p;
	return pass_colon(reader, p);
}

/*
 * Pass an array or object, p at its bracket; returns what follows it.  A loop
 * and one bit per level (is it an object?), not recursion: a hostile page
 * can't exhaust the stack.  Blanks are looked for where something else is
 * missing: mostly there are none.
 */
static const char *
pass_container(HmsJsonReader *reader, const char *p, bool *odd)
{
	uint64		objects = 0;
	int			depth = 0;
	bool		escaped = false;
	const char *name_end;
	HmsJsonType type;

	for (;;)
	{
		/* before a value: go into it, or pass it */
		if (*p == '"')
			p = pass_string(reader, p, &escaped, odd);
		else
		{
			p = skip_space(p);
			if (*p == '{' || *p == '[')
			{
				bool		object = *p == '{';

				if (depth++ == MAX_DEPTH)
				{
					hms_json_fail(reader, "it is nested too deep");
					return NULL;
				}
				objects = (objects << 1) | object;
				p = skip_space(p + 1);
				if (*p != (object ? '}' : ']'))
				{
					if (object && (p = pass_name(reader, p, &escaped, odd, &name_end)) == NULL)
						return NULL;
					continue;
				}
			}
			else
				p = pass_scalar(reader, p, &type, &escaped, odd);
		}
		if (p == NULL)
			return NULL;

		/* after a value: leave what ends here, then go on to the next one */
		while (*p != ',')
		{
			if (*p == ((objects & 1) ? '}' : ']'))
			{
				p++;
				objects >>= 1;
				if (--depth == 0)
					return p;
			}
			else if (is_space(*p))
				p = skip_space(p);
			else
			{
				hms_json_fail(reader, p >= reader->end ? "it ends too early" :
							  "there is no comma between two values");
				return NULL;
			}
		}
		p++;
		if ((objects & 1) &&
			(p = pass_name(reader, p, &escaped, odd, &name_end)) == NULL)
			return NULL;
	}
}

/* Pass a value of any type; returns what follows it. */
static inline const char *
pass_value(HmsJsonReader *reader, const char *p, HmsJsonType *type,
		   bool *escaped, bool *odd)
{
	if (*p == '{' || *p == '[')
	{
		*type = *p == '{' ? HMS_JSON_OBJECT : HMS_JSON_ARRAY;
		return pass_container(reader, p, odd);
	}
	if (p >= reader->end)
	{
		hms_json_fail(reader, "it ends too early");
		return NULL;
	}
	return pass_scalar(reader, p, type, escaped, odd);
}

bool
hms_json_value(HmsJsonReader *reader, HmsJsonValue *value)
{
	const char *p;

	if (reader->fault)
		return false;
	value->start = skip_space(reader->next);
	value->escaped = false;
	value->odd = false;
	p = pass_value(reader, value->start, &value->type, &value->escaped, &value->odd);
	if (p == NULL)
		return false;
	value->len = p - value->start;
	reader->next = p;
	return true;
}

bool
hms_json_at_end(HmsJsonReader *reader)
{
	if (reader->fault)
		return false;
	if (skip_space(reader->next) < reader->end)
		return hms_json_fail(reader, "something follows its end");
	return true;
}

const char *
hms_json_begin(HmsJsonReader *reader, const char *bytes, size_t len)
{
	start(reader, bytes, len);
	if (len == 0)
		reader->fault = "it is empty";
	return reader->fault;
}

const char *
hms_json_check(const char *bytes, size_t len, HmsJsonValue *value)
{
	HmsJsonReader reader;

	if (hms_json_begin(&reader, bytes, len) == NULL &&
		hms_json_value(&reader, value))
		(void) hms_json_at_end(&reader);
	return reader.fault;
}

HmsJsonType
hms_json_peek(HmsJsonReader *reader)
{
	reader->next = skip_space(reader->next);
	switch (*reader->next)
	{
		case '{':
			return HMS_JSON_OBJECT;
		case '[':
			return HMS_JSON_ARRAY;
		case '"':
			return HMS_JSON_STRING;
		case 't':
			return HMS_JSON_TRUE;
		case 'f':
			return HMS_JSON_FALSE;
		case 'n':
			return HMS_JSON_NULL;
		default:
			return HMS_JSON_NUMBER;
	}
}

bool
hms_json_enter(HmsJsonReader *reader, HmsJsonType type, HmsJsonReader *inside)
{
	if (reader->fault)
		return false;
	if (hms_json_peek(reader) != type)
		return hms_json_fail(reader, type == HMS_JSON_OBJECT ?
							 "there is something else than an object" :
							 "there is something else than an array");
	start(inside, reader->next + 1, reader->end - reader->next - 1);
	return true;
}

void
hms_json_leave(HmsJsonReader *reader, const HmsJsonReader *inside)
{
	reader->next = inside->next;
	reader->fault = inside->fault;
}

void
hms_json_open(HmsJsonReader *reader, const HmsJsonValue *container)
{
	Assert(container->type == HMS_JSON_OBJECT ||
		   container->type == HMS_JSON_ARRAY);
	start(reader, container->start + 1, container->len - 1);
}

/* Go to the next member or element of the container that was opened. */
static inline bool
advance(HmsJsonReader *reader, char closing)
{
	const char *p;

	if (reader->fault)
		return false;
	p = skip_space(reader->next);
	if (reader->closed)
		return false;
	if (*p == closing)
	{
		reader->closed = true;
		reader->next = p + 1;
		return false;
	}
	if (!reader->first)
	{
		if (*p != ',')
			return hms_json_fail(reader, "there is no comma between two values");
		p = skip_space(p + 1);
	}
	reader->first = false;
	reader->next = p;
	return true;
}

/* Is this name, with its quotes, what stands at p? */
static inline bool
stands_at(const char *p, const char *end, const HmsJsonName *name)
{
	const char *quoted = name->quoted;
	size_t		len = name->len;
	uint64		here;
	uint64		there;

	/* names are short: words that overlap are faster than memcmp */
	if (end - p < (ptrdiff_t) len || len < sizeof(uint64))
		return end - p >= (ptrdiff_t) len && memcmp(p, quoted, len) == 0;
	for (size_t i = 0; i < len - sizeof(uint64); i += sizeof(uint64))
	{
		memcpy(&here, p + i, sizeof(uint64));
		memcpy(&there, quoted + i, sizeof(uint64));
		if (here != there)
			return false;
	}
	memcpy(&here, p + len - sizeof(uint64), sizeof(uint64));
	memcpy(&there, quoted + len - sizeof(uint64), sizeof(uint64));
	return here == there;
}

bool
hms_json_likely_member(HmsJsonReader *reader, HmsJsonName ***place,
					   HmsJsonName **name, HmsJsonValue *key)
{
	const char *p;
	const char *end;
	HmsJsonType type;			/* of what is skipped */
	bool		escaped = false;
	bool		odd = false;

	key->type = HMS_JSON_STRING;
	key->escaped = false;
	key->odd = false;
	for (;;)
	{
		if (!advance(reader, '}'))
			return false;
		key->start = p = reader->next;
		*name = **place;
		if (*name == NULL || !stands_at(p, reader->end, *name))
			break;
		*place = &(*name)->next;
		p = pass_colon(reader, p + (*name)->len);
		if (p == NULL)
			return false;
		p = skip_space(p);
		if (!(*name)->skip)
		{
			key->len = (*name)->len;
			reader->next = p;
			return true;
		}
		p = pass_value(reader, p, &type, &escaped, &odd);
		if (p == NULL)
			return false;
		reader->next = p;
	}

	*name = NULL;
	p = pass_name(reader, p, &key->escaped, &key->odd, &end);
	if (p == NULL)
		return false;
	key->len = end - key->start;
	reader->next = skip_space(p);
	return true;
}

bool
hms_json_member(HmsJsonReader *reader, HmsJsonValue *key)
{
	HmsJsonName *none = NULL;
	HmsJsonName **place = &none;
	HmsJsonName *name;

	return hms_json_likely_member(reader, &place, &name, key);
}

bool
hms_json_next(HmsJsonReader *reader)
{
	return advance(reader, ']');
}

bool
hms_json_element(HmsJsonReader *reader, HmsJsonValue *element)
{
	return advance(reader, ']') && hms_json_value(reader, element);
}

bool
hms_json_pair(HmsJsonReader *reader, HmsJsonValue *key, HmsJsonValue *value)
{
	return hms_json_member(reader, key) && hms_json_value(reader, value);
}

/* --- brackets alone ---------------------------------------------------------- */

#ifdef __SSE2__

/* Bytes that are looked at together: a bit each in a uint64. */
#define BLOCK_SIZE 64

/* Which bytes of a block are this one, when the bits of "ignored" are set. */
static inline uint64
find_in_block(const char *block, char c, char ignored)
{
	const __m128i wanted = _mm_set1_epi8(c);
	const __m128i ignore = _mm_set1_epi8(ignored);

#define FIND(i) \
	((uint64) _mm_movemask_epi8(_mm_cmpeq_epi8(_mm_or_si128(_mm_loadu_si128((const __m128i *) block + (i)), \
															ignore), wanted)) << (16 * (i)))
	return FIND(0) | FIND(1) | FIND(2) | FIND(3);
#undef FIND
}

/*
 * The quotes that begin or end a string, of these; *escaped: is the first byte,
 * and then the first one of the next block, behind a backslash?
 */
static inline uint64
real_quotes(uint64 quotes, uint64 backslashes, bool *escaped)
{
	if (*escaped)
	{
		quotes &= ~UINT64CONST(1);
		backslashes &= ~UINT64CONST(1);
		*escaped = false;
	}
	while (backslashes)
	{
		uint64		bit = backslashes & -backslashes;

		quotes &= ~(bit << 1);
		backslashes &= ~(bit | bit << 1);
		*escaped = bit << 1 == 0;
	}
	return quotes;
}

/* All bits from an odd one on up to the next one. */
static inline uint64
between_bits(uint64 bits)
{
	bits ^= bits << 1;
	bits ^= bits << 2;
	bits ^= bits << 4;
	bits ^= bits << 8;
	bits ^= bits << 16;
	return bits ^ bits << 32;
}

/* The bits in which the four brackets differ, and the one that tells their sides. */
#define BRACKET_BITS ('[' ^ '}')
#define OPENING_BIT ('[' & ~']')

int
hms_json_count_inner(HmsJsonReader *reader)
{
	char		last[BLOCK_SIZE] = {0};
	uint64		in_string = 0;	/* all bits, or none */
	bool		escaped = false;
	int			depth = 0;
	int			count = 0;

	for (const char *p = reader->next; p < reader->end; p += BLOCK_SIZE)
	{
		const char *block = p;
		uint64		brackets;

		if (reader->end - p < BLOCK_SIZE)
			block = memcpy(last, p, reader->end - p);
		in_string ^= between_bits(real_quotes(find_in_block(block, '"', 0),
											  find_in_block(block, '\\', 0), &escaped));

		/* what else looks like one so stands in strings only */
		brackets = find_in_block(block, '[' | BRACKET_BITS, BRACKET_BITS) & ~in_string;
		for (; brackets; brackets &= brackets - 1)
		{
			int			at = pg_rightmost_one_pos64(brackets);

			if (block[at] & OPENING_BIT)
				depth++;
			else if (--depth == 1)
				count++;
			else if (depth <= 0)
			{
				reader->next = p + at + 1;
				return count;
			}
		}
		in_string = (uint64) ((int64) in_string >> (BLOCK_SIZE - 1));
	}
	return -1;
}

#else

int
hms_json_count_inner(HmsJsonReader *reader pg_attribute_unused())
{
	return -1;
}

#endif

/* --- text ------------------------------------------------------------------ */

/* Append a code point as UTF-8. */
static void
append_code_point(StringInfo buf, int code)
{
	unsigned char utf8[MAX_MULTIBYTE_CHAR_LEN + 1];

	unicode_to_utf8(code, utf8);
	appendBinaryStringInfo(buf, (char *) utf8, pg_utf_mblen(utf8));
}

/* Append the text of a string value as UTF-8, without quotes and escapes. */
static void
append_string(StringInfo buf, const HmsJsonValue *string)
{
	const char *p = string->start + 1;
	const char *end = string->start + string->len - 1;

	while (p < end)
	{
		const char *run = p;
		int			used;

		p = memchr(p, '\\', end - p);
		if (p == NULL)
			p = end;
		appendBinaryStringInfo(buf, run, p - run);
		if (p == end)
			break;
		p++;
		switch (*p)
		{
			case 'b':
				appendStringInfoChar(buf, '\b');
				break;
			case 'f':
				appendStringInfoChar(buf, '\f');
				break;
			case 'n':
				appendStringInfoChar(buf, '\n');
				break;
			case 'r':
				appendStringInfoChar(buf, '\r');
				break;
			case 't':
				appendStringInfoChar(buf, '\t');
				break;
			case 'u':
				append_code_point(buf, unicode_escape(p, &used));
				p += used - 1;
				break;
			default:			/* quote, slash, backslash */
				appendStringInfoChar(buf, *p);
		}
		p++;
	}
}

char *
hms_json_text_of_utf8(const char *text, size_t len)
{
	StringInfoData buf;

	initStringInfo(&buf);
	hms_append_from_utf8(&buf, text, len);
	return buf.data;
}

char *
hms_json_text(const HmsJsonValue *scalar, size_t *len)
{
	StringInfoData buf;

	if (scalar->type != HMS_JSON_STRING)
	{
		*len = scalar->len;
		return pnstrdup(scalar->start, scalar->len);
	}
	if (hms_json_is_verbatim(scalar))
	{
		*len = scalar->len - 2;
		return pnstrdup(scalar->start + 1, *len);
	}
	initStringInfo(&buf);
	append_string(&buf, scalar);
	if (!hms_takes_utf8())
	{
		char	   *utf8 = pnstrdup(buf.data, buf.len);

		resetStringInfo(&buf);
		hms_append_from_utf8(&buf, utf8, strlen(utf8));
		pfree(utf8);
	}
	*len = buf.len;
	return buf.data;
}

bool
hms_json_equals_escaped(const HmsJsonValue *string, const char *name, size_t len)
{
	size_t		text_len;
	char	   *text = hms_json_text(string, &text_len);
	bool		equal = text_len == len && memcmp(text, name, len) == 0;

	pfree(text);
	return equal;
}

/* Append a string as JSON in the server's encoding. */
static void
append_clean_string(StringInfo buf, const HmsJsonValue *string)
{
	char	   *text;
	size_t		len;

	text = hms_json_text(string, &len);
	escape_json(buf, text);
	pfree(text);
}

/* Is the text of an unescaped string just its bytes? */
bool
hms_json_is_verbatim(const HmsJsonValue *string)
{
	if (string->escaped)
		return false;
	if (hms_takes_utf8())
		return true;
	for (size_t i = 0; i < string->len; i++)
	{
		if (IS_HIGHBIT_SET(string->start[i]))
			return false;
	}
	return true;
}

void
hms_json_append_clean(StringInfo buf, const HmsJsonValue *value)
{
	HmsJsonReader reader;
	HmsJsonValue key;
	HmsJsonValue member;
	bool		first = true;
	bool		object = value->type == HMS_JSON_OBJECT;

	if (!value->odd && hms_takes_utf8())
	{
		appendBinaryStringInfo(buf, value->start, value->len);
		return;
	}
	switch (value->type)
	{
		case HMS_JSON_STRING:
			append_clean_string(buf, value);
			break;
		case HMS_JSON_NUMBER:
			if (value->odd)
				appendStringInfo(buf, "\"%.*s\"", (int) value->len, value->start);
			else
				appendBinaryStringInfo(buf, value->start, value->len);
			break;
		case HMS_JSON_ARRAY:
		case HMS_JSON_OBJECT:
			/* recursion no deeper than MAX_DEPTH */
			appendStringInfoChar(buf, object ? '{' : '[');
			hms_json_open(&reader, value);
			while (object ? hms_json_pair(&reader, &key, &member) :
				   hms_json_element(&reader, &member))
			{
				if (!first)
					appendStringInfoChar(buf, ',');
				first = false;
				if (object)
				{
					append_clean_string(buf, &key);
					appendStringInfoChar(buf, ':');
				}
				hms_json_append_clean(buf, &member);
			}
			appendStringInfoChar(buf, object ? '}' : ']');
			break;
		default:
			appendBinaryStringInfo(buf, value->start, value->len);
	}
}

Datum
hms_json_to_jsonb(const HmsJsonValue *value)
{
	StringInfoData buf;
	Datum		result;

	initStringInfo(&buf);
	hms_json_append_clean(&buf, value);
	result = DirectFunctionCall1(jsonb_in, CStringGetDatum(buf.data));
	pfree(buf.data);
	return result;
}
