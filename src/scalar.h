/*
 * scalar.h
 *		A value of JSON made into a Datum, without raising.
 */
#ifndef HMS_SCALAR_H
#define HMS_SCALAR_H

#include "postgres.h"

#include "datatype/timestamp.h"

#include "json.h"

/* The date that was read last, and its days: times of a page are near. */
typedef struct HmsScalars
{
	char		date[10];
	int64		days;
} HmsScalars;

/* Where the next text goes, in the current memory context; zero at first. */
typedef struct HmsTextRoom
{
	char	   *next;
	size_t		left;
	size_t		size;			/* of the piece at hand */
} HmsTextRoom;

/* Is this a type that JSON can be made into? */
extern bool hms_scalar_can_fill(Oid type);

/*
 * A value that is not JSON null as a datum of such a type.  False, and null,
 * when it is not of the type; true and null for a time that means that there is
 * none: the empty string and Go's zero time.
 */
extern bool hms_scalar_read(HmsScalars *scalars, HmsTextRoom *room, Oid type,
							const HmsJsonValue *value, Datum *datum, bool *isnull);

/* A time as the API writes it; false for anything else. */
extern bool hms_timestamp_of(const char *text, TimestampTz *result);

#endif							/* HMS_SCALAR_H */
