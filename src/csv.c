/*
 * csv.c
 *		CSV read field by field, as RFC 4180 has it.
 *
 * A line ends with LF or CR LF; within quotes line breaks and commas are text
 * and a doubled quote is one.  A quote in the middle of a field that did not
 * begin with one is text.
 */
#include "postgres.h"

#include "csv.h"

void
hms_csv_begin(HmsCsv *csv, const char *bytes, size_t len)
{
	csv->next = bytes;
	csv->end = bytes + len;
	csv->more = false;
	csv->fault = NULL;
}

/* Pass over the end of a line at which the reader stands, if it does. */
static bool
pass_line_end(HmsCsv *csv)
{
	const char *p = csv->next;

	if (p < csv->end && *p == '\r')
		p++;
	if (p == csv->end || *p != '\n')
		return false;
	csv->next = p + 1;
	return true;
}

bool
hms_csv_record(HmsCsv *csv)
{
	while (pass_line_end(csv))
		continue;
	csv->more = csv->fault == NULL && csv->next < csv->end;
	return csv->more;
}

/* A field between quotes; false with a fault. */
static bool
quoted_field(HmsCsv *csv, StringInfo field)
{
	const char *p = csv->next + 1;

	for (;;)
	{
		const char *quote = memchr(p, '"', csv->end - p);

		if (quote == NULL)
		{
			csv->fault = "a quoted field has no end";
			return false;
		}
		appendBinaryStringInfo(field, p, (int) (quote - p));
		p = quote + 1;
		if (p == csv->end || *p != '"')
			break;
		appendStringInfoChar(field, '"');
		p++;
	}
	csv->next = p;
	return true;
}

bool
hms_csv_field(HmsCsv *csv, StringInfo field)
{
	if (!csv->more || csv->fault)
		return false;
	resetStringInfo(field);
	if (csv->next < csv->end && *csv->next == '"')
	{
		if (!quoted_field(csv, field))
			return false;
	}
	else
	{
		const char *start = csv->next;
		const char *p = start;

		while (p < csv->end && *p != ',' && *p != '\n')
			p++;
		csv->next = p;
		if (p < csv->end && *p == '\n' && p > start && p[-1] == '\r')
			csv->next = p - 1;
		appendBinaryStringInfo(field, start, (int) (csv->next - start));
	}

	if (csv->next < csv->end && *csv->next == ',')
		csv->next++;
	else if (csv->next == csv->end || pass_line_end(csv))
		csv->more = false;
	else
	{
		csv->fault = "text follows a quoted field";
		return false;
	}
	return true;
}
