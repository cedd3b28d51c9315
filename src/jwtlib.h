/*
 * jwtlib.h
 *		Signing and verifying with libjwt; no type of it appears here.
 */
#ifndef HMS_JWTLIB_H
#define HMS_JWTLIB_H

#include "postgres.h"

#include "token.h"

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
