/*
 * apierror.c
 *		What an answer says in the API's error shape:
 *		{"code": 400, "message": "...", "details": ["..."]}.
 *
 * Of a text only as much is decoded as may be shown, and of the details as many
 * as fit: an answer may be as long as any other.
 */
#include "postgres.h"

#include "lib/stringinfo.h"

#include "apierror.h"
#include "json.h"

/* Bytes of JSON of one text that are decoded: more than is shown of it. */
#define DECODED_MAX 8192

/* Bytes of all details together, and how many of them are looked at. */
#define DETAILS_MAX 2000
#define DETAILS_COUNT 50

/* The same string, ending early. */
static HmsJsonValue
shorten(const HmsJsonValue *string)
{
	HmsJsonValue result = *string;
	StringInfoData buf;
	const char *p = string->start + 1;
	const char *end = string->start + string->len - 1;

	if (string->type != HMS_JSON_STRING || string->len <= DECODED_MAX)
		return result;
	while (p < end && p - string->start < DECODED_MAX)
	{
		if (*p == '\\')
			p += p[1] == 'u' ? 6 : 2;
		else
			p++;
	}
	/* not within a character */
	while (p < end && ((unsigned char) *p & 0xC0) == 0x80)
		p++;
	initStringInfo(&buf);
	appendBinaryStringInfo(&buf, string->start, (int) (p - string->start));
	appendStringInfoChar(&buf, '"');
	result.start = buf.data;
	result.len = buf.len;
	return result;
}

/* A scalar as text that may be shown. */
static char *
clean_scalar(const HmsSecrets *secrets, const HmsJsonValue *value)
{
	HmsJsonValue start = shorten(value);
	size_t		len;
	char	   *text = hms_json_text(&start, &len);

	return hms_secrets_clean(secrets, text, len);
}

/* The texts of an array, one after the other, as many as fit. */
static char *
clean_array(const HmsSecrets *secrets, const HmsJsonValue *array)
{
	HmsJsonReader reader;
	HmsJsonValue element;
	StringInfoData buf;
	int			count = 0;

	initStringInfo(&buf);
	hms_json_open(&reader, array);
	while (hms_json_element(&reader, &element))
	{
		char	   *text;

		if (element.type != HMS_JSON_STRING)
			continue;
		text = clean_scalar(secrets, &element);
		if (++count > DETAILS_COUNT || buf.len + strlen(text) > DETAILS_MAX)
		{
			appendStringInfoString(&buf, "; ...");
			break;
		}
		appendStringInfo(&buf, "%s%s", buf.len > 0 ? "; " : "", text);
		pfree(text);
	}
	return buf.data;
}

/* Is it a text or a number? */
static bool
is_scalar(const HmsJsonValue *value)
{
	return value->type == HMS_JSON_STRING || value->type == HMS_JSON_NUMBER;
}

HmsApiError *
hms_api_error_read(const char *data, size_t len, const HmsSecrets *secrets)
{
	HmsApiError *error = palloc0(sizeof(HmsApiError));
	HmsJsonReader reader;
	HmsJsonValue top;
	HmsJsonValue key;
	HmsJsonValue value;
	HmsJsonValue code = {0};
	HmsJsonValue message = {0};
	HmsJsonValue details = {0};

	if (hms_json_check(data, len, &top) != NULL || top.type != HMS_JSON_OBJECT)
		return error;

	/* of members of one name the last counts, and only that is made a text */
	hms_json_open(&reader, &top);
	while (hms_json_pair(&reader, &key, &value))
	{
		if (is_scalar(&value) && hms_json_equals(&key, "code", strlen("code")))
			code = value;
		else if (value.type == HMS_JSON_STRING &&
				 hms_json_equals(&key, "message", strlen("message")))
			message = value;
		else if ((is_scalar(&value) || value.type == HMS_JSON_ARRAY) &&
				 hms_json_equals(&key, "details", strlen("details")))
			details = value;
	}
	if (is_scalar(&code))
		error->code = clean_scalar(secrets, &code);
	if (is_scalar(&message))
		error->message = clean_scalar(secrets, &message);
	if (details.type == HMS_JSON_ARRAY)
		error->details = clean_array(secrets, &details);
	else if (is_scalar(&details))
		error->details = clean_scalar(secrets, &details);
	error->shaped = error->code != NULL && error->message != NULL;
	return error;
}
