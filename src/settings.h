/*
 * settings.h
 *		The settings of hms: "hms.*" in postgresql.conf, ALTER ROLE and SET.
 */
#ifndef HMS_SETTINGS_H
#define HMS_SETTINGS_H

#include "postgres.h"

extern char *hms_access_key;
extern char *hms_secret_file;
extern char *hms_api_url;
extern char *hms_beam_url;
extern char *hms_policy_url;
extern char *hms_ca_file;
extern int	hms_connect_timeout;	/* ms */
extern int	hms_timeout;		/* ms */
extern int	hms_retries;
extern int	hms_max_retry_wait; /* ms */
extern int	hms_page_size;
extern int	hms_max_connections;
extern int	hms_max_response_size;	/* kB */

/*
 * Grows with each change of the credentials or of the base URL: what was
 * derived from them before is stale when the number differs.
 */
extern uint64 hms_credentials_generation;

extern void hms_settings_init(void);

/* The access key, palloc'd; raises 55000 unless there is one. */
extern char *hms_settings_access_key(void);

/*
 * The secret, palloc'd, from the file or the setting; raises 55000 when there
 * is none.  The caller clears it with hms_forget_text.
 */
extern char *hms_settings_secret(void);

/*
 * A copy of a key or secret without the blanks around it, which belong to no
 * key: they come with what was pasted.  Warns, once for each state of the
 * settings, that this one, whose name must stay where it is, had some.
 */
extern char *hms_settings_trimmed(const char *value, const char *setting);
extern void hms_forget_text(char *text);

/* Is a secret set, and how?  NULL when it is not set at all. */
extern const char *hms_settings_secret_source(void);

/*
 * How a webhook proves that it comes from 100ms: the value that a header of
 * this name must have, and the key of its signature.  Empty: not set.
 */
extern char *hms_webhook_header;
extern char *hms_webhook_secret;
extern char *hms_webhook_key;
extern bool hms_webhook_unproven;	/* take those that prove nothing */

/* Would a request to this URL leave the machine unencrypted? */
extern bool hms_url_is_plain_http(const char *url);

/* Is this host, an IPv6 address in brackets, the machine itself? */
extern bool hms_host_is_loopback(const char *host, size_t len);

#endif							/* HMS_SETTINGS_H */
