/*
 * redact.h
 *		What a request has sent and nobody may read, blanked out wherever it
 *		comes back.
 *
 * By value: an API, a proxy or libcurl may repeat it under any name and in any
 * of the usual encodings.
 */
#ifndef HMS_REDACT_H
#define HMS_REDACT_H

#include "postgres.h"

typedef struct HmsSecrets HmsSecrets;

/* No secrets yet, in the current memory context. */
extern HmsSecrets *hms_secrets_create(void);

/* This text is one; NULL and short ones are not. */
extern void hms_secrets_add(HmsSecrets *secrets, const char *text);

/* The same of a token, whose signature may come alone. */
extern void hms_secrets_add_token(HmsSecrets *secrets, const char *token);

/* What a JSON body holds under names that say so, and in URLs. */
extern void hms_secrets_add_body(HmsSecrets *secrets, const char *body);

/* What a URL holds in its query and before its host. */
extern void hms_secrets_add_url(HmsSecrets *secrets, const char *url, size_t len);

/*
 * Foreign text in the server's encoding that is safe to show: blanked out, on
 * one line and cut; palloc'd.
 */
extern char *hms_secrets_clean(const HmsSecrets *secrets, const char *text, size_t len);

#endif							/* HMS_REDACT_H */
