/*
 * texts.h
 *		What was said, written and summed up in a session: the recording assets
 *		whose content is text, fetched and read row by row.
 */
#ifndef HMS_TEXTS_H
#define HMS_TEXTS_H

#include "postgres.h"

#include "access/tupdesc.h"
#include "utils/tuplestore.h"

#include "request.h"

typedef struct HmsTexts HmsTexts;

/* The texts that the endpoint of this name asks for; NULL: it asks for none. */
extern const HmsTexts *hms_texts_of(const char *endpoint);

/* Is this the row type of theirs? */
extern bool hms_texts_match(const HmsTexts *texts, TupleDesc desc);

/*
 * Append their rows: of the asset or of the session with this id, which is what
 * the endpoint's request asks for.  Raises when a file can't be had or is not what it should be.
 */
extern void hms_texts_read(const HmsTexts *texts, const HmsRequest *request,
						   const char *id, TupleDesc desc, Tuplestorestate *rows);

#endif							/* HMS_TEXTS_H */
