/*
 * errors.c
 *		Foreign text made fit for an error message.
 */
#include "postgres.h"

#include "lib/stringinfo.h"
#include "mb/pg_wchar.h"

#include "errors.h"

/* An API's sentence is short; what is longer is a page of HTML or worse. */
#define CLEAN_TEXT_MAX 400

/* Is this a character of base64url, or the dot between a token's parts? */
static inline bool
is_token_char(unsigned char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
		(c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.';
}

/*
 * A palloc'd copy of foreign text in the server's encoding that is safe to
 * show: cut to length, white space and control characters folded to one
 * blank, and whatever looks like a JSON web token left out, because a server
 * may echo the header that it was sent.
 */
char *
hms_clean_text(const char *text, size_t len)
{
	StringInfoData buf;
	const char *end;

	len = pg_verify_mbstr_len(GetDatabaseEncoding(), text, len, true) < 0 ?
		0 : pg_mbcliplen(text, len, CLEAN_TEXT_MAX);
	end = text + len;

	initStringInfo(&buf);
	while (text < end)
	{
		unsigned char c = (unsigned char) *text;

		if (c == 'e' && end - text > 3 && memcmp(text, "eyJ", 3) == 0)
		{
			appendStringInfoString(&buf, "[token]");
			while (text < end && is_token_char((unsigned char) *text))
				text++;
			continue;
		}
		if (c <= ' ' || c == 0x7f)
		{
			if (buf.len > 0 && buf.data[buf.len - 1] != ' ')
				appendStringInfoChar(&buf, ' ');
		}
		else
			appendStringInfoChar(&buf, c);
		text++;
	}
	while (buf.len > 0 && buf.data[buf.len - 1] == ' ')
		buf.data[--buf.len] = '\0';
	return buf.data;
}

int
hms_hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}
