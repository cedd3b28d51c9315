/*
 * csv.h
 *		CSV read field by field, as RFC 4180 has it.
 *
 * Knows no header, no encoding and no HTTP.
 */
#ifndef HMS_CSV_H
#define HMS_CSV_H

#include "postgres.h"

#include "lib/stringinfo.h"

typedef struct HmsCsv
{
	const char *next;
	const char *end;
	bool		more;			/* this record has another field */
	const char *fault;			/* what is wrong, or NULL */
} HmsCsv;

/* Read these bytes, which have no byte-order mark. */
extern void hms_csv_begin(HmsCsv *csv, const char *bytes, size_t len);

/* Go to the next record that is not an empty line; false at the end. */
extern bool hms_csv_record(HmsCsv *csv);

/* The record's next field, instead of what is in "field"; false at its end. */
extern bool hms_csv_field(HmsCsv *csv, StringInfo field);

#endif							/* HMS_CSV_H */
