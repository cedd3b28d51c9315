/*
 * oracle.c
 *		PostgreSQL's own JSON parser, for comparison; built as frontend code.
 */
#include "postgres_fe.h"

#include "common/jsonapi.h"
#include "mb/pg_wchar.h"

#include "oracle.h"

static bool
parses(const char *text, size_t len, bool unescape)
{
	JsonSemAction none = {0};
	JsonLexContext *lex;
	bool		accepted;

#if PG_VERSION_NUM >= 170000
	lex = makeJsonLexContextCstringLen(NULL, text, len, PG_UTF8, unescape);
	accepted = pg_parse_json(lex, &none) == JSON_SUCCESS;
	freeJsonLexContext(lex);
#else
	lex = makeJsonLexContextCstringLen((char *) text, len, PG_UTF8, unescape);
	accepted = pg_parse_json(lex, &none) == JSON_SUCCESS;
	if (lex->strval)
	{
		pfree(lex->strval->data);
		pfree(lex->strval);
	}
	pfree(lex);
#endif
	return accepted;
}

bool
oracle_accepts(const char *text, size_t len)
{
	return parses(text, len, false);
}

bool
oracle_accepts_for_jsonb(const char *text, size_t len)
{
	return parses(text, len, true);
}
