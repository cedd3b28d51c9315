/*
 * apierror.h
 *		What an answer says in the API's error shape.
 */
#ifndef HMS_APIERROR_H
#define HMS_APIERROR_H

#include "postgres.h"

#include "redact.h"

/* Each text is NULL where the answer has none; all are short and clean. */
typedef struct HmsApiError
{
	bool		shaped;			/* it is in that shape: code and message */
	char	   *code;
	char	   *message;
	char	   *details;
} HmsApiError;

/*
 * Read an answer, in the current memory context.  That takes little time and
 * memory, whatever the answer holds.
 */
extern HmsApiError *hms_api_error_read(const char *data, size_t len,
									   const HmsSecrets *secrets);

#endif							/* HMS_APIERROR_H */
