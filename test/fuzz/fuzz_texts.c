/*
 * fuzz_texts.c
 *		A libFuzzer target: src/csv.c and src/cues.c, which read files that
 *		anybody may have written.
 *
 * Any bytes without NUL: what CSV was read from them and written out again is
 * read the same; a cue lies within its line.  script/fuzz builds and runs it.
 */
#include "../../src/csv.c"
#include "../../src/cues.c"

/* What StringInfo asks of the server. */
#include "oracle.h"

static void
require(bool condition, const char *what)
{
	if (!condition)
	{
		fprintf(stderr, "violated: %s\n", what);
		abort();
	}
}

/* Append a field so that any reader of RFC 4180 gets it back. */
static void
write_field(StringInfo out, StringInfo field, bool first)
{
	appendStringInfoString(out, first ? "\"" : ",\"");
	for (int i = 0; i < field->len; i++)
	{
		if (field->data[i] == '"')
			appendStringInfoChar(out, '"');
		appendStringInfoChar(out, field->data[i]);
	}
	appendStringInfoChar(out, '"');
}

/* Read all, and write what was read; false with a fault. */
static bool
rewrite(const char *bytes, size_t len, StringInfo out)
{
	StringInfoData field;
	HmsCsv		csv;

	initStringInfo(&field);
	hms_csv_begin(&csv, bytes, len);
	while (hms_csv_record(&csv))
	{
		bool		first = true;

		for (; hms_csv_field(&csv, &field); first = false)
			write_field(out, &field, first);
		if (csv.fault)
			break;
		require(!first, "a record has a field");
		appendStringInfoString(out, "\r\n");
	}
	pfree(field.data);
	require(csv.next <= csv.end, "the reader stays in the file");
	require(csv.fault || csv.next == csv.end, "all is read, or something is wrong");
	return csv.fault == NULL;
}

static void
read_cues(const char *bytes, size_t len, bool timed)
{
	StringInfoData line;
	HmsCues		cues;
	HmsCue		cue;

	initStringInfo(&line);
	hms_cues_begin(&cues, bytes, len, timed);
	while (hms_cues_next(&cues, &line, &cue))
	{
		require(cue.text_at >= 0 && cue.text_at <= line.len, "the text lies in the line");
		require(cue.name_len < cue.text_at || cue.text_at == 0, "the name before it");
		require(timed ? cue.starts >= 0 && cue.ends >= 0 : cue.starts == -1, "times where there are");
		require(memchr(line.data, '\n', line.len) == NULL, "a cue is one line");
	}
	require(cues.fault || cues.next == cues.end, "all is read, or something is wrong");
	require(timed || cues.fault == NULL, "paragraphs may be anything");
	pfree(line.data);
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	char	   *copy;
	StringInfoData once;
	StringInfoData twice;

	if (memchr(bytes, 0, len) != NULL)
		return 0;
	copy = palloc(len + 1);
	memcpy(copy, bytes, len);
	copy[len] = '\0';
	initStringInfo(&once);
	initStringInfo(&twice);
	if (rewrite(copy, len, &once))
	{
		require(rewrite(once.data, once.len, &twice), "what was written can be read");
		require(once.len == twice.len && memcmp(once.data, twice.data, once.len) == 0,
				"and is the same");
	}
	read_cues(copy, len, false);
	read_cues(copy, len, true);
	if (hms_cues_are_timed(copy, len))
		read_cues(copy, len, true);
	pfree(once.data);
	pfree(twice.data);
	pfree(copy);
	return 0;
}
