/*
 * jwtlib.h
 *		Signing and verifying with libjwt; no type of it appears here.
 *
 * libjwt has had two interfaces: one up to 2, another from 3 on.  A file for
 * each stands behind this header, and the build takes the one that fits the
 * library that is there.
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
 * wrong with a token's signature, or NULL and its claims, whatever they say, as
 * palloc'd JSON text (NULL when out of memory).  All text is UTF-8.
 */
extern char *hms_jwt_sign(const HmsClaims *claims, const char *access_key,
						  const char *jti, const char *secret);
extern const char *hms_jwt_verify(const char *token, const char *secret,
								  char **claims);

/*
 * The rest is for the files behind this header.
 */

#define HMS_JWT_WRONG_SIGNATURE "Its signature does not match the secret."
#define HMS_JWT_WRONG_ALGORITHM "It is not signed with HS256."

/* A palloc'd copy of text from libjwt, which is cleared and freed. */
extern char *hms_jwt_take(char *text, void (*release) (void *));

#endif							/* HMS_JWTLIB_H */
