/*
 * jwtlib.h
 *		Signing and verifying with libjwt; no type of it appears here.
 */
#ifndef HMS_JWTLIB_H
#define HMS_JWTLIB_H

#include "postgres.h"

/* What a token says; times are seconds since 1970. */
typedef struct HmsClaims
{
	const char *room_id;		/* of an auth token; NULL: a management token */
	const char *role;
	const char *user_id;		/* NULL or empty: left out */
	int64		issued_at;
	int64		not_before;
	int64		expires_at;
} HmsClaims;

/* Load libjwt unless it is loaded; raises when that fails. */
extern void hms_jwt_load(void);

/*
 * Neither raises, so that the caller can clear the secret.  The first returns
 * a palloc'd token, or NULL when out of memory.  The second returns what is
 * wrong with a token, or NULL and its claims as palloc'd JSON text (NULL when
 * out of memory).  All text is UTF-8.
 */
extern char *hms_jwt_sign(const HmsClaims *claims, const char *access_key,
						  const char *jti, const char *secret);
extern const char *hms_jwt_verify(const char *token, const char *access_key,
								  const char *secret, int64 now, char **claims);

#endif							/* HMS_JWTLIB_H */
