/*
 * token.h
 *		Tokens of 100ms: JSON web tokens signed with the app secret (HS256).
 */
#ifndef HMS_TOKEN_H
#define HMS_TOKEN_H

#include "postgres.h"

#include "account.h"
#include "jwtlib.h"

/*
 * A place for the secret while a statement signs many tokens: it is read again
 * when the second or the account has changed, and cleared with its memory
 * context.
 */
typedef struct HmsKeptSecret HmsKeptSecret;

extern HmsKeptSecret *hms_token_keep_secret(MemoryContext context);

/* A new token, palloc'd.  "kept" may be NULL. */
extern char *hms_token_sign(const HmsAccount *account, const HmsClaims *claims,
							HmsKeptSecret *kept);

/*
 * The account's management token, signed when there is none and when it is
 * about to expire.  Valid until the next call.
 */
extern const char *hms_token_management(HmsAccount *account);

/* Drop the account's management token if it is this one, which was refused. */
extern void hms_token_forget(HmsAccount *account, const char *refused);

/*
 * The claims of a token as jsonb; raises unless it is the account's and valid
 * now.
 */
extern Datum hms_token_verify(const HmsAccount *account, const char *token);

/* Seconds since 1970, now; and how far iat and nbf lie back against skew. */
extern int64 hms_epoch_now(void);

#define HMS_TOKEN_SKEW 10

#endif							/* HMS_TOKEN_H */
