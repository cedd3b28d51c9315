/*
 * cues.c
 *		Who said what, read from subtitles (SubRip) or from plain paragraphs.
 */
#include "postgres.h"

#include "cues.h"

/* Hours that a time may have at most, so that nothing overflows. */
#define MAX_HOURS 99999

/* A line without its end and without the blanks around it. */
typedef struct Line
{
	const char *start;
	const char *end;
} Line;

void
hms_cues_begin(HmsCues *cues, const char *bytes, size_t len, bool timed)
{
	cues->next = bytes;
	cues->end = bytes + len;
	cues->timed = timed;
	cues->fault = NULL;
}

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

/* The next line; false at the end. */
static bool
next_line(HmsCues *cues, Line *line)
{
	const char *end;

	if (cues->next == cues->end)
		return false;
	line->start = cues->next;
	end = memchr(cues->next, '\n', cues->end - cues->next);
	cues->next = end ? end + 1 : cues->end;
	line->end = end ? end : cues->end;
	while (line->start < line->end && is_blank(*line->start))
		line->start++;
	while (line->start < line->end && is_blank(line->end[-1]))
		line->end--;
	return true;
}

/* The digits at *p as a number up to max. */
static bool
read_number(const char **p, const char *end, int64 max, int64 *number)
{
	const char *start = *p;

	*number = 0;
	while (*p < end && **p >= '0' && **p <= '9')
	{
		*number = *number * 10 + (**p - '0');
		if (*number > max)
			return false;
		(*p)++;
	}
	return *p > start;
}

/* HH:MM:SS,mmm as milliseconds. */
static bool
read_time(const char **p, const char *end, int64 *ms)
{
	static const int64 most[] = {MAX_HOURS, 59, 59, 999};
	static const int64 each[] = {60 * 60 * 1000, 60 * 1000, 1000, 1};

	*ms = 0;
	for (int i = 0; i < (int) lengthof(most); i++)
	{
		int64		part;

		if (i > 0)
		{
			if (*p == end ||
				(i < 3 ? **p != ':' : **p != ',' && **p != '.'))
				return false;
			(*p)++;
		}
		if (!read_number(p, end, most[i], &part))
			return false;
		*ms += part * each[i];
	}
	return true;
}

/* The line "time --> time", with or without something behind it. */
static bool
read_times(const Line *line, int64 *starts, int64 *ends)
{
	static const char arrow[] = "-->";
	const char *p = line->start;

	if (!read_time(&p, line->end, starts))
		return false;
	while (p < line->end && is_blank(*p))
		p++;
	if ((size_t) (line->end - p) < strlen(arrow) ||
		strncmp(p, arrow, strlen(arrow)) != 0)
		return false;
	p += strlen(arrow);
	while (p < line->end && is_blank(*p))
		p++;
	return read_time(&p, line->end, ends) && (p == line->end || is_blank(*p));
}

/* Is it a number and nothing else? */
static bool
is_number(const Line *line)
{
	for (const char *p = line->start; p < line->end; p++)
	{
		if (*p < '0' || *p > '9')
			return false;
	}
	return line->start < line->end;
}

/* The number and the times above the text of a subtitle. */
static bool
read_head(HmsCues *cues, Line *line, HmsCue *cue)
{
	if (is_number(line) && !next_line(cues, line))
		return false;
	return read_times(line, &cue->starts, &cue->ends);
}

/* Where the name ends: at the first colon that a blank follows, or nothing. */
static void
split_name(StringInfo line, HmsCue *cue)
{
	const char *colon = line->data;

	cue->name_len = -1;
	cue->text_at = 0;
	while ((colon = strchr(colon, ':')) != NULL && colon[1] != ' ' && colon[1] != '\0')
		colon++;
	if (colon == NULL || colon == line->data)
		return;
	cue->name_len = (int) (colon - line->data);
	cue->text_at = cue->name_len + 1;
	while (line->data[cue->text_at] == ' ')
		cue->text_at++;
}

bool
hms_cues_next(HmsCues *cues, StringInfo line, HmsCue *cue)
{
	Line		part = {0};

	cue->starts = cue->ends = -1;
	resetStringInfo(line);
	do
	{
		if (cues->fault || !next_line(cues, &part))
			return false;
	} while (part.start == part.end);

	if (cues->timed)
	{
		if (!read_head(cues, &part, cue))
		{
			cues->fault = "a subtitle has no times";
			return false;
		}
		if (!next_line(cues, &part))
			part.start = part.end;
	}
	while (part.start < part.end)
	{
		if (line->len > 0)
			appendStringInfoChar(line, ' ');
		appendBinaryStringInfo(line, part.start, (int) (part.end - part.start));
		if (!next_line(cues, &part))
			break;
	}
	split_name(line, cue);
	return true;
}

bool
hms_cues_are_timed(const char *bytes, size_t len)
{
	HmsCues		cues;
	HmsCue		cue;
	Line		line = {0};

	hms_cues_begin(&cues, bytes, len, true);
	while (next_line(&cues, &line))
	{
		if (line.start < line.end)
			return read_head(&cues, &line, &cue);
	}
	return false;
}
