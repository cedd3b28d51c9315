/*
 * cues.h
 *		Who said what, read from subtitles (SubRip) or from plain paragraphs.
 *
 * Both are blocks with empty lines between them, a block being "Name: text";
 * one of subtitles has its number and its times in two lines above.  Knows no
 * encoding and no HTTP.
 */
#ifndef HMS_CUES_H
#define HMS_CUES_H

#include "postgres.h"

#include "lib/stringinfo.h"

typedef struct HmsCues
{
	const char *next;
	const char *end;
	bool		timed;			/* subtitles */
	const char *fault;			/* what is wrong, or NULL */
} HmsCues;

typedef struct HmsCue
{
	int64		starts;			/* ms; -1: not known */
	int64		ends;
	int			name_len;		/* -1: no name */
	int			text_at;		/* where the text begins behind it */
} HmsCue;

/* Read these bytes, which have no byte-order mark. */
extern void hms_cues_begin(HmsCues *cues, const char *bytes, size_t len, bool timed);

/*
 * The next block: "line" becomes its name and text, its lines joined by
 * blanks, and the cue says where they are.  False at the end or with a fault.
 */
extern bool hms_cues_next(HmsCues *cues, StringInfo line, HmsCue *cue);

/* Does this look like subtitles? */
extern bool hms_cues_are_timed(const char *bytes, size_t len);

#endif							/* HMS_CUES_H */
