/*
 * errors.h
 *		SQLSTATEs of hms, and foreign text made fit for an error message.
 */
#ifndef HMS_ERRORS_H
#define HMS_ERRORS_H

#include "postgres.h"

#include "utils/errcodes.h"

/*
 * An answer with an HTTP status that is not 2xx: class MS, in the range that
 * the SQL standard leaves to implementations, and the status.
 */
#define HMS_ERRCODE_HTTP(status) \
	MAKE_SQLSTATE('M', 'S', '0' + (status) / 100 % 10, \
				  '0' + (status) / 10 % 10, '0' + (status) % 10)

/* No connection: name not resolved, refused, TLS not agreed. */
#define HMS_ERRCODE_NO_CONNECTION \
	ERRCODE_SQLCLIENT_UNABLE_TO_ESTABLISH_SQLCONNECTION /* 08001 */

/* The connection broke, an answer was cut short, or hms.timeout passed. */
#define HMS_ERRCODE_CONNECTION_LOST ERRCODE_CONNECTION_FAILURE	/* 08006 */

/* The answer is not what the API promises. */
#define HMS_ERRCODE_MALFORMED ERRCODE_PROTOCOL_VIOLATION	/* 08P01 */

/* A setting is missing or unusable. */
#define HMS_ERRCODE_SETTING ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE	/* 55000 */

/* An argument was refused before anything was sent. */
#define HMS_ERRCODE_ARGUMENT ERRCODE_INVALID_PARAMETER_VALUE	/* 22023 */
#define HMS_ERRCODE_NULL_ARGUMENT ERRCODE_NULL_VALUE_NOT_ALLOWED	/* 22004 */

/* A token that was not signed with our key, or not for now. */
#define HMS_ERRCODE_TOKEN ERRCODE_INVALID_AUTHORIZATION_SPECIFICATION	/* 28000 */

extern char *hms_clean_text(const char *text, size_t len);

/* What a hexadecimal digit stands for, or -1. */
extern int hms_hex_digit(char c);

#endif							/* HMS_ERRORS_H */
