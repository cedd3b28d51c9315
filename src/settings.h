/*
 * settings.h
 *		The settings of hms: "hms.*" in postgresql.conf, ALTER ROLE and SET.
 */
#ifndef HMS_SETTINGS_H
#define HMS_SETTINGS_H

#include "postgres.h"

#include "account.h"

extern char *hms_server;
extern int	hms_connect_timeout;	/* ms */
extern int	hms_timeout;		/* ms */
extern int	hms_retries;
extern int	hms_max_retry_wait; /* ms */
extern int	hms_page_size;
extern int	hms_max_connections;
extern int	hms_max_response_size;	/* kB */

/* Which requests are in the server's log. */
typedef enum HmsLogRequests
{
	HMS_LOG_OFF,
	HMS_LOG_FAILED,
	HMS_LOG_ALL
} HmsLogRequests;

extern int	hms_log_requests;	/* one of these */

/* Grows with each change of a setting that is part of the account. */
extern uint64 hms_settings_generation;

extern void hms_settings_init(void);

/* The settings that are the account, valid until one of them changes. */
extern void hms_settings_items(const char **items);

/* The URLs of who has set none. */
extern void hms_settings_default_urls(const char **items);

/*
 * The secret in a file, palloc'd; raises 55000 when it can't be had, with
 * "what" as the words for the setting that names the file.  The caller clears
 * it with hms_forget_text.
 */
extern char *hms_settings_read_secret(const char *file, const char *what);

/*
 * A copy of a key or secret without the blanks around it, which belong to no
 * key: they come with what was pasted.  Warns, once for each state of the
 * settings, that there were some; "what" are the words for where it is set.
 */
extern char *hms_settings_trimmed(const char *value, const char *what);
extern void hms_forget_text(char *text);

/* What is wrong with a base URL, a key or secret, a file name, or NULL. */
extern const char *hms_url_fault(const char *url);
extern const char *hms_key_fault(const char *value);
extern const char *hms_file_fault(const char *name);

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
