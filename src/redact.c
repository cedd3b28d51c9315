/*
 * redact.c
 *		What a request has sent and nobody may read, blanked out wherever it
 *		comes back.
 *
 * A name says that its value is a secret when one of the words below is in it;
 * then everything under it is one.  A URL holds secrets under any name: a user,
 * parameters with such a name or a value that looks like a key, and where a
 * stream goes, its last part.  Each is looked for as it stands and as it is
 * percent-encoded, escaped as in JSON or as in HTML, or any mixture of these.
 */
#include "postgres.h"

#include "lib/stringinfo.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "nodes/pg_list.h"

#include "errors.h"
#include "json.h"
#include "redact.h"

/* A shorter text is no secret, and leaving it out would spoil any sentence. */
#define SECRET_MIN 4

/* A value of this length without a blank looks like a key. */
#define KEY_MIN 16

/* More than this of a text is not looked at, and not shown. */
#define TEXT_MAX 4096

/* Names are compared up to this length. */
#define NAME_MAX_LEN 64

/* Secrets looked for between two looks for interrupts. */
#define SECRETS_PER_LOOK 64

struct HmsSecrets
{
	List	   *texts;			/* of char * */
};

/* --- what is a secret ---------------------------------------------------------- */

HmsSecrets *
hms_secrets_create(void)
{
	return palloc0(sizeof(HmsSecrets));
}

/* So many bytes are a secret. */
static void
add_text(HmsSecrets *secrets, const char *text, size_t len)
{
	if (len >= SECRET_MIN)
		secrets->texts = lappend(secrets->texts, pnstrdup(text, len));
}

void
hms_secrets_add(HmsSecrets *secrets, const char *text)
{
	if (text)
		add_text(secrets, text, strlen(text));
}

void
hms_secrets_add_token(HmsSecrets *secrets, const char *token)
{
	const char *dot = token ? strrchr(token, '.') : NULL;

	hms_secrets_add(secrets, token);
	if (dot)
		hms_secrets_add(secrets, dot + 1);
}

/* Does a value of this name hold secrets? */
static bool
is_secret_name(const char *name, size_t len)
{
	static const char *const words[] = {
		"key", "secret", "token", "password", "passwd", "passphrase", "credential",
		"auth", "header", "cookie", "jwt", "signature", "private", "rtmpurl"
	};
	static const char *const whole[] = {"pwd", "pass", "pin", "sig"};
	char		plain[NAME_MAX_LEN + 1];
	int			n = 0;

	for (size_t i = 0; i < len && n < NAME_MAX_LEN; i++)
	{
		if (name[i] != '_' && name[i] != '-')
			plain[n++] = pg_tolower((unsigned char) name[i]);
	}
	plain[n] = '\0';
	for (int i = 0; i < (int) lengthof(words); i++)
	{
		if (strstr(plain, words[i]))
			return true;
	}
	for (int i = 0; i < (int) lengthof(whole); i++)
	{
		if (strcmp(plain, whole[i]) == 0)
			return true;
	}
	return false;
}

/* The byte that two hexadecimal digits stand for, or -1. */
static int
hex_byte(const char *text, const char *end)
{
	int			high;
	int			low;

	if (end - text < 2)
		return -1;
	high = hms_hex_digit(text[0]);
	low = hms_hex_digit(text[1]);
	return high < 0 || low < 0 ? -1 : high << 4 | low;
}

/* So many bytes, percent-decoded, are a secret; as they stand too. */
static void
add_encoded(HmsSecrets *secrets, const char *text, size_t len)
{
	const char *end = text + len;
	StringInfoData plain;

	if (len < SECRET_MIN)
		return;
	add_text(secrets, text, len);
	if (memchr(text, '%', len) == NULL && memchr(text, '+', len) == NULL)
		return;
	initStringInfo(&plain);
	while (text < end)
	{
		int			byte = *text == '%' ? hex_byte(text + 1, end) : -1;

		appendStringInfoChar(&plain, byte > 0 ? byte : *text == '+' ? ' ' : *text);
		text += byte > 0 ? 3 : 1;
	}
	add_text(secrets, plain.data, plain.len);
}

/* Parameters: name=value, between ampersands. */
static void
add_parameters(HmsSecrets *secrets, const char *text, const char *end)
{
	while (text < end)
	{
		const char *next = memchr(text, '&', end - text);
		const char *stop = next ? next : end;
		const char *value = memchr(text, '=', stop - text);

		if (value)
		{
			value++;
			if (is_secret_name(text, value - 1 - text) || stop - value >= KEY_MIN)
				add_encoded(secrets, value, stop - value);
		}
		text = stop + 1;
	}
}

/* The first of these characters, or the end. */
static const char *
find_any(const char *text, const char *end, const char *set)
{
	while (text < end && strchr(set, *text) == NULL)
		text++;
	return text;
}

void
hms_secrets_add_url(HmsSecrets *secrets, const char *url, size_t len)
{
	const char *end = url + len;
	const char *host = NULL;
	const char *path;
	const char *query;

	for (const char *p = url; host == NULL && end - p >= 3; p++)
	{
		if (memcmp(p, "://", 3) == 0)
			host = p + 3;
	}
	if (host == NULL)
		return;
	path = find_any(host, end, "/?#");
	for (const char *at = path; at > host; at--)
	{
		if (at[-1] == '@')
		{
			const char *colon = find_any(host, at - 1, ":");

			add_encoded(secrets, host, at - 1 - host);
			if (colon < at - 1)
				add_encoded(secrets, colon + 1, at - 1 - colon - 1);
			break;
		}
	}
	query = find_any(path, end, "?#");
	if (pg_strncasecmp(url, "rtmp", 4) == 0)
	{
		const char *part = query;

		while (part > path && part[-1] != '/')
			part--;
		add_encoded(secrets, part, query - part);
	}
	while (query < end)
	{
		const char *stop = find_any(query + 1, end, "#");

		add_parameters(secrets, query + 1, stop);
		query = stop;
	}
}

/* A scalar of a body. */
static void
add_scalar(HmsSecrets *secrets, const HmsJsonValue *value, bool secret)
{
	char	   *text;
	size_t		len;

	if (value->type != HMS_JSON_STRING && !(secret && value->type == HMS_JSON_NUMBER))
		return;
	text = hms_json_text(value, &len);
	if (secret)
		add_text(secrets, text, len);
	hms_secrets_add_url(secrets, text, len);
	pfree(text);
}

/* A value of a body; "secret": its name, or that of one around it, says so. */
static void
add_value(HmsSecrets *secrets, const HmsJsonValue *value, bool secret)
{
	HmsJsonReader reader;
	HmsJsonValue key;
	HmsJsonValue inner;

	CHECK_FOR_INTERRUPTS();
	if (value->type != HMS_JSON_ARRAY && value->type != HMS_JSON_OBJECT)
	{
		add_scalar(secrets, value, secret);
		return;
	}
	hms_json_open(&reader, value);
	if (value->type == HMS_JSON_ARRAY)
	{
		while (hms_json_element(&reader, &inner))
			add_value(secrets, &inner, secret);
		return;
	}
	while (hms_json_pair(&reader, &key, &inner))
	{
		char	   *name;
		size_t		len;

		name = hms_json_text(&key, &len);
		add_value(secrets, &inner, secret || is_secret_name(name, len));
		pfree(name);
	}
}

void
hms_secrets_add_body(HmsSecrets *secrets, const char *body)
{
	HmsJsonValue value;

	if (body && hms_json_check(body, strlen(body), &value) == NULL)
		add_value(secrets, &value, false);
}

/* --- where it comes back ---------------------------------------------------------- */

/* How many bytes here stand for that one, encoded somehow; 0: they don't. */
static size_t
encoded_at(const char *text, const char *end, unsigned char c)
{
	static const struct
	{
		unsigned char c;
		const char *entity;
	}			entities[] = {
		{'&', "&amp;"}, {'<', "&lt;"}, {'>', "&gt;"}, {'"', "&quot;"},
		{'"', "&#34;"}, {'\'', "&#39;"}, {'\'', "&#x27;"}, {'/', "&#x2F;"},
	};

	switch (*text)
	{
		case '+':
			return c == ' ' ? 1 : 0;
		case '%':
			/* encoded twice, or once */
			if (end - text >= 5 && text[1] == '2' && text[2] == '5' &&
				hex_byte(text + 3, end) == c)
				return 5;
			return hex_byte(text + 1, end) == c ? 3 : 0;
		case '\\':
			if (end - text >= 2 && (unsigned char) text[1] == c)
				return 2;
			return end - text >= 6 && text[1] == 'u' && text[2] == '0' &&
				text[3] == '0' && hex_byte(text + 4, end) == c ? 6 : 0;
		case '&':
			for (int i = 0; i < (int) lengthof(entities); i++)
			{
				size_t		len = strlen(entities[i].entity);

				if (entities[i].c == c && (size_t) (end - text) >= len &&
					memcmp(text, entities[i].entity, len) == 0)
					return len;
			}
	}
	return 0;
}

/*
 * How many bytes here stand for the secret; 0: it isn't here.  Of a text that
 * was cut, what is left of it counts.  "plain": a character that may begin an
 * encoded one is first of all itself.
 */
static size_t
match_at(const char *text, const char *end, const char *secret, bool plain, bool cut)
{
	const char *p = text;
	size_t		matched = 0;

	for (; secret[matched]; matched++)
	{
		unsigned char c = (unsigned char) secret[matched];
		size_t		unit = 0;

		if (p < end && (unsigned char) *p == c)
			unit = 1;
		if (p < end && (unit == 0 || !plain))
			unit = Max(unit, encoded_at(p, end, c));
		if (unit == 0)
			return cut && matched >= SECRET_MIN && end - p < 6 ? end - text : 0;
		p += unit;
	}
	return p - text;
}

/* Put stars over the secret. */
static void
blank(char *text, char *end, const char *secret, bool cut)
{
	for (; text < end; text++)
	{
		size_t		len;

		if (*text != *secret && strchr("%\\&+", *text) == NULL)
			continue;
		len = match_at(text, end, secret, false, cut);
		if (len == 0)
			len = match_at(text, end, secret, true, cut);
		if (len > 0)
		{
			memset(text, '*', len);
			text += len - 1;
		}
	}
}

char *
hms_secrets_clean(const HmsSecrets *secrets, const char *text, size_t len)
{
	bool		cut = len > TEXT_MAX;
	char	   *copy;
	char	   *clean;
	ListCell   *cell;
	int			looked = 0;

	if (cut)
		len = pg_mbcliplen(text, len, TEXT_MAX);
	copy = pnstrdup(text, len);
	foreach(cell, secrets->texts)
	{
		blank(copy, copy + len, lfirst(cell), cut);
		if (++looked % SECRETS_PER_LOOK == 0)
			CHECK_FOR_INTERRUPTS();
	}
	clean = hms_clean_text(copy, len);
	explicit_bzero(copy, len);
	pfree(copy);
	return clean;
}
